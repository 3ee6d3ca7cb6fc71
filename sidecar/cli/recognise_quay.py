"""What Quay's methods other than a webhook send, told by the shape of the body and by its summary. Pure.

what it holds                                             format            word
------------------------------------------------------    --------------    ---------------------------
`username` that is `quayiobot`, `attachments`             quay slack        from `text`
`message_format`, `color` and `notify`                    quay hipchat      none: the message alone tells
`source` that is `Quay`, `tags`                           quay flowdock     the first tag
"""

import re
from collections.abc import Mapping
from typing import Any, Final

Found = tuple[str, str, str]  # format, word, repository

_BUILDS: Final = {
    "queued": "build_queued",
    "started": "build_start",
    "succeeded": "build_success",
    "failure": "build_failure",
    "cancelled": "build_cancelled",
}
# A summary, and the word that it is of, "" = the groups tell.
_SUMMARIES: Final = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"Repository (?P<repository>\S+) updated", "repo_push"),
        (r"Repository (?P<repository>\S+) image\(s\) expiring", "repo_image_expiry"),
        (r"\w+ vulnerability detected in repository (?P<repository>\S+) in \d+ tags", "vulnerability_found"),
        (r"Build (?P<build>\w+) for repository (?P<repository>\S+) \[.*\]", ""),
        (r"Repository Mirror (?P<mirror>started|success|failed) for .*", ""),
        (r"Namespace \S+ storage usage has reached .*", "quota_warning"),
        (r"Namespace \S+ storage usage has exceeded .*", "quota_error"),
    )
)


def recognise_quay(value: Mapping[str, Any]) -> Found | None:
    """Format, word and repository, "" for what is not there; None where it is nothing of Quay's."""
    if value.get("username") == "quayiobot" and "attachments" in value:
        return "quay slack", *_said(value.get("text"))
    if value.get("source") == "Quay" and "from_address" in value:
        tags = value.get("tags")
        word = tags[0].removeprefix("#") if isinstance(tags, list) and tags and isinstance(tags[0], str) else ""
        return "quay flowdock", word, _said(value.get("subject"))[1]
    if {"message_format", "color", "notify"} <= value.keys():
        return "quay hipchat", "", ""
    return None


def _said(summary: object) -> tuple[str, str]:
    for pattern, word in _SUMMARIES if isinstance(summary, str) else ():
        found = pattern.fullmatch(str(summary))
        if found is not None:
            named = found.groupdict()
            mirror = f"repo_mirror_sync_{named['mirror']}" if named.get("mirror") else ""
            return word or mirror or _BUILDS.get(named.get("build") or "", ""), named.get("repository") or ""
    return "", ""
