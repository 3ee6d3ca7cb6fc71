"""The registries, and who may speak for them."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from sidecar.config.problems import Problems
from sidecar.config.settings import Address
from sidecar.config.tables import Section
from sidecar.config.transports import Transports
from sidecar.domain.event import RegistryRef
from sidecar.domain.glob import ANYTHING, Globs
from sidecar.domain.registry import ApiAccess, Reconcile, Registry
from sidecar.domain.secret import Secret


def registries(sections: Sequence[Section], transports: Transports, problems: Problems) -> tuple[Registry, ...]:
    """The registries that could be read whole; two of one name are reported."""
    found: dict[str, Registry] = {}
    asked: dict[str, str] = {}
    for section in sections:
        name = section.get("name")
        if name in found:
            problems.add(
                section.line("name"),
                f"{section.path}.name {section.shown('name')} is already taken: name each registry once",
            )
        elif name is not None:
            found[name] = one = _registry(name, section, transports, problems)
            if one.api is not None and (other := asked.setdefault(one.api.url, name)) != name:
                problems.warn(
                    section.line("api"),
                    f"{section.path}.api is also that of registry {other}: a walk would announce under each name what "
                    "was told under the other, so name a registry once and let all its processes post to that name",
                )
    return tuple(found.values())


def _registry(name: str, section: Section, transports: Transports, problems: Problems) -> Registry:
    ignore: Section | None = section.get("ignore")
    spoken = {key: section.values[key] for key in ("scheme", "homepage") if key in section.values}
    given = {key: section.values[key] for key in ("default_namespace", "pull_window") if key in section.values}
    return Registry(
        ref=RegistryRef(name=name, hostname=section.get("hostname", ""), **spoken),
        public=globs(section, "public", segments=True),
        ignored_actors=globs(ignore, "actors"),
        ignored_agents=globs(ignore, "user_agents"),
        api=_api(section.get("api"), transports, problems),
        reconcile=_reconcile(section, problems),
        **given,
    )


def _api(section: Section | None, transports: Transports, problems: Problems) -> ApiAccess | None:
    if section is None:
        return None
    for one, other in (("username", "password"), ("password", "username")):
        if section.has(one) and not section.has(other):
            problems.add(section.line(one), f"{section.path} has `{one}` without `{other}`: give both, or neither")
    transport = transports.of(section)
    url: str | None = section.get("url")
    if url is None:
        return None
    if "@" in urlsplit(url).netloc:  # told here, where what was written is not repeated
        sentence = f"{section.path}.url must not carry credentials: give `username` and `password`"
        problems.add(section.line("url"), sentence)
    if section.has("password") and url.startswith("http://") and not Address(urlsplit(url).hostname or "", 0).loopback:
        sentence = f"{section.path}.url is http, so the password travels unencrypted: use https"
        problems.warn(section.line("url"), sentence)
    return ApiAccess(
        url=url,
        username=section.get("username", ""),
        password=section.get("password", Secret("")),
        tls=transport.tls if transport is not None else None,
    )


def _reconcile(section: Section, problems: Problems) -> Reconcile | None:
    given: Section | None = section.get("reconcile")
    if given is None:
        return None
    if not section.has("api"):
        problems.add(
            section.line("reconcile"), f"{section.path}.reconcile needs `api`: say where the registry is asked"
        )
    return Reconcile(**{key: given.values[key] for key in ("every", "rate") if key in given.values})


def globs(section: Section | None, key: str, *, segments: bool = False) -> Globs:
    """The compiled patterns of a key, or what admits everything."""
    patterns = section.get(key) if section is not None else None
    return Globs.of(patterns, segments=segments) if patterns else ANYTHING


def tokens(
    sections: Sequence[Section], ingest: Section, listen: Sequence[Address], problems: Problems
) -> dict[str, tuple[Secret, ...]]:
    """The tokens of each registry; one that is missing here may post without.

    Without tokens a registry is taken at its word only where nobody else can reach the listener, or where the file
    says `anonymous: true`.
    """
    private = all(one.loopback for one in listen)
    owners: dict[Secret, str] = {}
    found: dict[str, tuple[Secret, ...]] = {}
    for section in sections:
        name = section.get("name", section.path)
        anonymous = section.get("anonymous")
        if section.has("tokens"):
            given: list[Secret] = section.get("tokens", [])
            for index, token in enumerate(given):
                if owners.setdefault(token, name) != name:
                    problems.add(
                        section.item_line("tokens", index),
                        f"{section.path}.tokens[{index}] is also a token of registry {owners[token]}: "
                        "give each registry its own",
                    )
            if anonymous:
                problems.add(
                    section.line("anonymous"),
                    f"{section.path} has tokens and `anonymous: true`: remove one of the two",
                )
            found[name] = tuple(dict.fromkeys(given))
            continue
        if anonymous is None:
            anonymous = ingest.get("anonymous")
        if anonymous is None and not private:
            problems.add(
                section.line(),
                f"{section.path} has no `tokens`, and ingest.listen can be reached from other machines: "
                "add tokens, or write `anonymous: true`",
            )
        elif anonymous is False:
            problems.add(section.line(), f"{section.path} has no `tokens` and must not be anonymous: add tokens")
    return found
