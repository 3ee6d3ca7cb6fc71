"""Package URLs of images: `pkg:oci/app@sha256%3A9f2c?repository_url=registry.example.com/prj/app&tag=1.4.2`. Pure."""

from urllib.parse import parse_qs, unquote

from sidecar.intake.images import Image, parse

_LONGEST = 2_000


def image(text: str) -> Image | None:
    """The image of a package URL of type `oci` or `docker` with a `repository_url`; None for any other."""
    if not text.startswith(("pkg:oci/", "pkg:docker/")) or len(text) > _LONGEST:
        return None
    head, _, query = text.partition("?")
    path, _, version = head.partition("@")
    try:
        given = parse_qs(query.partition("#")[0], max_num_fields=50)
    except ValueError:
        return None
    where = given.get("repository_url", [""])[0].removeprefix("https://").removeprefix("http://").rstrip("/")
    if not where:
        return None
    name = unquote(path.rpartition("/")[2])
    if where.rpartition("/")[2] != name:  # of type docker it is the registry's address alone
        where += "/" + unquote(path.removeprefix("pkg:docker/").removeprefix("pkg:oci/"))
    tag = given.get("tag", [""])[0]
    digest = unquote(version)
    return parse(where + (f":{tag}" if tag else "") + (f"@{digest}" if ":" in digest else ""))
