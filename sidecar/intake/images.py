"""Images as people and scanners name them: `host/repository:tag@digest`, every part but the repository optional."""

import re

import msgspec

# Grammars of the OCI distribution specification 1.1, as far as they tell the parts of a name from each other.
_SEGMENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(
    rf"(?:(?P<host>(?:[A-Za-z0-9_-]+\.[A-Za-z0-9._-]+|localhost|[A-Za-z0-9_-]+(?=:)|\[[0-9A-Fa-f:.]+\])(?::\d{{1,5}})?)/)?"
    rf"(?P<repository>{_SEGMENT}(?:/{_SEGMENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9A-Za-z=_-]{1,150}))?"
)
_LONGEST = 1_000
# Where scanners are told to look for an image; `registry:5000/app` is on a host of that name.
_DOOR = re.compile(r"^(?:registry|docker|podman|containerd|remote):(?!\d+(?:/|$))")


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A named image. "" = nobody told."""

    repository: str
    host: str = ""
    tag: str = ""
    digest: str = ""


def asked(name: str) -> Image | None:
    """The image that a client finds by a name: `latest`, where it has neither tag nor digest."""
    found = parse(name)
    if found is None or found.tag or found.digest:
        return found
    return msgspec.structs.replace(found, tag="latest")


def versioned(name: str, version: str) -> Image | None:
    """The image that a list of packages names; its version there is a digest or a tag, if the name has neither."""
    named = parse(name)
    if named is None or named.tag or named.digest or not version:
        return asked(name)
    return parse(f"{name}@{version}" if ":" in version else f"{name}:{version}") or asked(name)


def parse(name: str) -> Image | None:
    """The image of a name; None for what names none, as a path or a file."""
    name = _DOOR.sub("", name)
    found = _NAME.fullmatch(name) if len(name) <= _LONGEST else None
    if found is None or len(found["repository"]) > 255:
        return None
    return Image(
        host=found["host"] or "",
        repository=found["repository"],
        tag=found["tag"] or "",
        digest=found["digest"] or "",
    )
