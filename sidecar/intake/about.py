"""Which image of which registry a report is about: what the query says, else what the report says. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from sidecar.domain.details import Digest, Text
from sidecar.domain.errors import Misstated
from sidecar.intake.findings import Reported
from sidecar.intake.images import Image
from sidecar.intake.posted import Posted, misfit
from sidecar.intake.shapes import Name, Tag


class Query(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What the query of a request may say. "" and None = nothing."""

    format: Text = ""
    registry: Text = ""
    repository: Name | None = None
    tag: Tag | None = None
    digest: Digest = ""
    actor: Text = ""
    sbom_digest: Digest = ""


_KNOWN = ", ".join(field.encode_name for field in msgspec.structs.fields(Query))


def query(posted: Posted) -> Query:
    """The query's parameters; one that is there and empty, as of a variable that is not set, says nothing."""
    given = {name: value for name, value in posted.query.items() if value}
    unknown = sorted(given.keys() - set(_KNOWN.split(", ")))
    if unknown:
        raise Misstated(f"Unknown query parameter {unknown[0][:50]!r}; known: {_KNOWN}.", None)
    try:
        return msgspec.convert(given, Query)
    except msgspec.ValidationError as error:
        trouble = misfit(str(error))
        place = (trouble.pointer or "").removeprefix("/")
        said = str(trouble).partition(": ")[2]
        raise Misstated(f"In the query's `{place}`: {said}", None) from None


def chosen(query: Query, reported: Reported, registries: Mapping[str, str]) -> tuple[str, Image]:
    """The registry's name and the image; `registries` are hostnames by name. Raises Misstated where nobody told.

    A name without a host is taken for one of the registry that was posted to. One with the host of nobody is only taken
    where the query says which registry is meant, for an image may be reached by other addresses than its users'.
    """
    named = [one for one in (reported.asked, *reported.images) if one is not None]
    registry = query.registry or reported.registry
    if registry and registry not in registries:
        raise Misstated(f"No registry is named {registry[:100]!r}; known: {', '.join(registries)}.", None)
    names = {hostname: name for name, hostname in registries.items() if hostname}
    image = _place(query, named, registries, registry)
    if not registry:
        registry = names.get(image.host, "")
    if not registry:
        if len(registries) > 1:
            raise Misstated(f"Say in the query's `registry` which one is meant: {', '.join(registries)}.", None)
        registry = next(iter(registries), "")
    repository = query.repository or image.repository
    digest = query.digest or _digest(repository, named)
    tag = query.tag or _tag(repository, reported.asked)
    if not tag and not digest:
        raise Misstated(f"The report does not say which image of {repository} it is about: give `tag` or `digest`.")
    return registry, Image(repository=repository, host=image.host, tag=tag, digest=digest)


def _place(query: Query, named: Sequence[Image], registries: Mapping[str, str], registry: str) -> Image:
    """The name by which registry and repository are known."""
    hosts = {registries[registry]} if registry else {hostname for hostname in registries.values() if hostname}
    whole = [one for one in named if one.repository]
    ours = [one for one in whole if one.host in hosts]
    plain = [one for one in whole if not one.host]
    if query.repository:
        same = [one for one in ours if one.repository == query.repository]
        return Image(repository=query.repository, host=same[0].host if same else "")
    found = ours or plain or (whole if registry else [])
    if found:
        return found[0]
    if whole:
        raise Misstated(
            f"The report is about an image of {whole[0].host[:100]}, which is the hostname of no registry here: "
            "say in the query's `registry` which one is meant."
        )
    raise Misstated("The report does not say which image it is about: give `repository`, and `tag` or `digest`.")


def _digest(repository: str, named: Sequence[Image]) -> str:
    """The digest of the image by this repository's name, else the one by which all others know it."""
    own = [one.digest for one in named if one.repository in {repository, ""} and one.digest]
    return own[0] if own else _only({one.digest for one in named if one.digest})


def _only(digests: set[str]) -> str:
    return digests.pop() if len(digests) == 1 else ""


def _tag(repository: str, asked: Image | None) -> str:
    """The tag that was scanned, where it is one of this repository."""
    return asked.tag if asked is not None and asked.repository in {repository, ""} else ""
