"""Addresses and pages of a registry's API. Pure: names to paths, `Link` headers to where the next page begins.

`Link` is that of RFC 8288 as the distribution specification uses it: `</v2/_catalog?last=b&n=2>; rel="next"`, relative
or absolute. A page is named by the last name before it; a link that says it otherwise is kept whole, as a path, which
no name can be taken for: names do not begin with a slash.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from yarl import URL

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^;,"]+(?:"[^"]*")?)*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"[^"]*\bnext\b[^"]*"|next\b)', re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*)(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|[a-z0-9+._-]+:[A-Za-z0-9=_-]{1,200}", re.ASCII)


def resource(repository: str, what: str, reference: str = "") -> str:
    """The path of something in a repository after `/v2/`, "" when no registry can have something of that name."""
    if len(repository) > 500 or _NAME.fullmatch(repository) is None:
        return ""
    if not reference:
        return f"{repository}/{what}"
    return f"{repository}/{what}/{quote(reference, safe=':')}" if _REFERENCE.fullmatch(reference) else ""


def page(base: URL, path: str, after: str, limit: int) -> URL:
    """The URL of a page of names that begins after `after`."""
    if after.startswith("/"):
        return base.origin().join(URL(after, encoded=True))
    query = f"?n={limit}" + (f"&last={quote(after, safe='')}" if after else "")
    return URL(f"{base}/v2/{path}{query}", encoded=True)


def following(links: Iterable[str], base: URL, current: URL) -> str:
    """What the page after `current` is named by, "" when it is the last.

    Raises ValueError with the rest of a sentence when the link leads elsewhere or nowhere on.
    """
    for line in links:
        for target, attributes in _LINK.findall(line):
            if _NEXT.search(attributes):
                return _named(target, base, current)
    return ""


def _named(target: str, base: URL, current: URL) -> str:
    try:
        url = current.join(URL(target, encoded=True))
    except ValueError:
        raise ValueError("links to a next page that is no URL") from None
    if url.host != base.host or not url.path.startswith(f"{base.path.rstrip('/')}/v2/"):
        raise ValueError("links to a next page that lies elsewhere")
    if url.raw_path_qs == current.raw_path_qs:
        raise ValueError("links from a page to itself")
    last = [unquote(part[5:].replace("+", " ")) for part in url.raw_query_string.split("&") if part.startswith("last=")]
    if last and last[0] and not last[0].startswith("/"):
        return last[0]
    return url.raw_path_qs
