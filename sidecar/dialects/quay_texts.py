"""What Quay says of its events to people: a level, one line, and a message, as HTML or in Slack's marks.

The sentences, and every space of them in Slack, are those of Quay 3's own templates (events/*.html). Names and free
texts are escaped for where they go, which Quay does not do: a name that a registry admits looks the same either way.
Pictures are left out, but for the letter that stands for somebody's.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec

_MOST_TAGS: Final = 3  # that a message on vulnerabilities names
_SHORT: Final = 7  # of a commit and of a build's id
_URL: Final = re.compile(r"https?://[^\s<>\"|\\^`{}\x00-\x1f\x7f]+", re.IGNORECASE)
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BOX: Final = (
    "display: inline-block; width: {0}px; line-height: {0}px; text-align: center; color: white; background: #666"
)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An event in Quay's words, for people.

    `data` is the event's data, `page` the address of the repository's page, `tagged` whether that has a page for each
    tag, as Quay's own pages do. `performer` is whoever did it, "" = nobody is known.
    """

    word: str
    data: Mapping[str, Any]
    page: str = ""
    tagged: bool = True
    performer: str = ""


class Marks(Protocol):
    """A way of writing messages."""

    def text(self, text: str) -> str:
        """A text that means nothing but itself."""

    def link(self, url: str, text: str) -> str:
        """Marked text that leads somewhere; `url` is an address as `address` gives them."""

    def bold(self, text: str) -> str:
        """Marked text."""

    def letter(self, name: str, size: int) -> str:
        """What stands for a picture."""

    @property
    def line(self) -> str:
        """The end of a line."""


class Html:
    """As e-mail, HipChat and Flowdock take it."""

    line = "<br>"

    def text(self, text: str) -> str:
        return html.escape(_FORBIDDEN.sub("", text), quote=False)

    def link(self, url: str, text: str) -> str:
        return f'<a href="{url}">{text}</a>'

    def bold(self, text: str) -> str:
        return f"<b>{text}</b>"

    def letter(self, name: str, size: int) -> str:
        return f'<span style="{_BOX.format(size)}">{self.text(name[:1].upper())}</span>'


class Slack:
    """As Slack takes it: `&`, `<` and `>` are all that it has escaped (and all by which a text could do something)."""

    line = "\n"

    def text(self, text: str) -> str:
        return slack_text(" ".join(text.split()))

    def link(self, url: str, text: str) -> str:
        return f"<{html.unescape(url)}|{text}>"

    def bold(self, text: str) -> str:
        return f"*{text}*"

    def letter(self, name: str, size: int) -> str:  # noqa: ARG002 - as Marks has it
        return self.text(name[:1].upper())


def slack_text(text: str) -> str:
    """A text in which Slack finds no marks that do anything but look."""
    return _FORBIDDEN.sub("", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def level(said: Said) -> str:
    """`info`, `warning`, `error`, `success` or `primary`."""
    if said.word == "vulnerability_found":
        priority = said.data["vulnerability"]["priority"]
        return {"Critical": "error", "High": "warning", "Medium": "warning"}.get(priority, "info")
    return _LEVELS[said.word]


def summary(said: Said) -> str:
    """One line, plain: the subject of a mail."""
    data = said.data
    match said.word:
        case "repo_push":
            text = f"Repository {data['repository']} updated"
        case "vulnerability_found":
            priority, count = data["vulnerability"]["priority"], len(data["tags"])
            text = f"{priority} vulnerability detected in repository {data['repository']} in {count} tags"
        case "repo_image_expiry":
            text = f"Repository {data['repository']} image(s) expiring"
        case "quota_warning":
            percent = data["threshold_percent"]
            text = f"Namespace {data['namespace']} storage usage has reached {percent}% of its quota limit"
        case "quota_error":
            percent = data["usage_percent"]
            text = f"Namespace {data['namespace']} storage usage has exceeded its quota limit ({percent}%)"
        case word if word in _MIRRORED:
            text = f"Repository Mirror {_MIRRORED[word]} for {data['message']}"
        case word:
            text = f"Build {_BUILT[word][0]} for repository {data['repository']} [{data['build_id'][:_SHORT]}]"
    return " ".join(_FORBIDDEN.sub("", text).split())


def message(said: Said, marks: Marks) -> str:
    """The whole of it. The spaces are Quay's: where it has marks that leave none, they stand side by side."""
    return _MESSAGES[said.word](said, marks)


_LEVELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "repo_push": "primary",
        "repo_mirror_sync_started": "info",
        "repo_mirror_sync_success": "success",
        "repo_mirror_sync_failed": "error",
        "build_queued": "info",
        "build_start": "info",
        "build_success": "success",
        "build_failure": "error",
        "build_cancelled": "info",
        "repo_image_expiry": "info",
        "quota_warning": "warning",
        "quota_error": "error",
    }
)
_MIRRORED: Final = {
    "repo_mirror_sync_started": "started",
    "repo_mirror_sync_success": "success",
    "repo_mirror_sync_failed": "failed",
}
_BUILT: Final = {  # in the one line, and in the message
    "build_queued": ("queued", "queued"),
    "build_start": ("started", "started"),
    "build_success": ("succeeded", "completed"),
    "build_failure": ("failure", "failure"),
    "build_cancelled": ("cancelled", "canceled"),
}


def _pushed(said: Said, marks: Marks) -> str:
    who = f" {_performer(said.performer, marks)} pushed" if said.performer else " Push of"
    tags = said.data.get("updated_tags") or ()
    named = f"  {_tags(said, tags, marks)} in" if tags else ""
    return f"{who}{named} repository{_repository(said, marks)}"


def _mirrored(said: Said, marks: Marks) -> str:
    who = f" {_performer(said.performer, marks)}" if said.performer else ""
    return f"{who} {marks.text(said.data['message'])} "


def _vulnerable(said: Said, marks: Marks) -> str:
    found, tags = said.data["vulnerability"], said.data["tags"]
    what = _linked(found["link"], marks.text(f"{found['priority']} vulnerability"), marks)
    more = f" (and {len(tags) - _MOST_TAGS} more)" if len(tags) > _MOST_TAGS else ""
    named = _tags(said, tags[:_MOST_TAGS], marks)
    where = f"{named}{more} in repository{_repository(said, marks)}"
    return f" A {what} ({marks.text(found['id'])}) was detected in tags/manifests  {where}"


def _built(said: Said, marks: Marks) -> str:
    data = said.data
    head = _linked(data["homepage"], f"Build {marks.text(data['build_id'][:_SHORT])}", marks)
    error = f"{marks.line}{marks.text(data['error_message'])} " if data.get("error_message") else ""
    verb = _BUILT[said.word][1]
    return f"{head} {verb} for {_source(data, marks)} for repository{_repository(said, marks)}{error}"


def _source(data: Mapping[str, Any], marks: Marks) -> str:
    """What a build is of."""
    if not data.get("trigger_id"):
        return "uploaded Dockerfile"
    metadata = data.get("trigger_metadata") or {}
    if not metadata:
        return f"change to {marks.text(data.get('trigger_kind') or '')} repository"
    info = metadata.get("commit_info")
    commit = marks.text(metadata.get("commit", "")[:_SHORT])
    if not info:
        return f"change {commit}"
    text = f"change {_linked(info.get('url', ''), f' {commit} ', marks, bare=commit)}"
    _, kind, name = (*metadata.get("ref", "").split("/"), "", "", "")[:3]
    if name:
        text += f" to {'tag' if kind == 'tags' else 'branch'} {marks.text(name)}"
    author = info.get("author")
    if author:
        who = marks.text(author.get("username", ""))
        text += f" by {_linked(author.get('url', ''), f' {who} ', marks, bare=who)}"
    return text


def _expiring(said: Said, marks: Marks) -> str:
    when = f"are due to expire in {marks.text(said.data['expiring_in'])} :"
    tags = _tags(said, said.data["tags"], marks)
    return f"The following tags of repository{_repository(said, marks)}{when} {marks.line} {tags} "


def _warned(said: Said, marks: Marks) -> str:
    data = said.data
    reached = marks.bold(f"{data['threshold_percent']}%")
    share = f"{data['usage_bytes_formatted']} of {data['limit_bytes_formatted']}"
    return (
        f"Namespace {marks.bold(marks.text(data['namespace']))} storage usage has reached "
        f"{reached} of its quota limit. {marks.line}{marks.line} "
        f"Current usage: {data['usage_percent']}% ({share})"
    )


def _exceeded(said: Said, marks: Marks) -> str:
    data = said.data
    return (
        f"Namespace {marks.bold(marks.text(data['namespace']))} storage usage has {marks.bold('exceeded')} its quota "
        f"limit ({data['usage_percent']}%). {marks.line}{marks.line} "
        f"Current usage: {data['usage_bytes_formatted']} of {data['limit_bytes_formatted']}. "
        "Image pushes may be rejected until storage usage is reduced."
    )


_MESSAGES: Final[Mapping[str, Callable[[Said, Marks], str]]] = MappingProxyType(
    {
        "repo_push": _pushed,
        "vulnerability_found": _vulnerable,
        "repo_image_expiry": _expiring,
        "quota_warning": _warned,
        "quota_error": _exceeded,
        **dict.fromkeys(_MIRRORED, _mirrored),
        **dict.fromkeys(_BUILT, _built),
    }
)


def _performer(name: str, marks: Marks) -> str:
    """Whoever did it; robots, whose names have a plus sign, have a wrench in place of a letter."""
    if "+" in name:
        return f" {marks.bold(marks.text(name))}"
    return f"  {marks.letter(name, 24)}  {marks.bold(marks.text(name))} "


def _repository(said: Said, marks: Marks) -> str:
    """The repository, with its namespace's letter before it and the spaces around."""
    named = _linked(said.page, marks.text(said.data["repository"]), marks)
    return f"   {marks.letter(said.data['namespace'], 16)}  {named}  "


def _tags(said: Said, tags: Sequence[str], marks: Marks) -> str:
    def page(tag: str) -> str:
        return f"{said.page}?tag={quote(tag, safe=':')}&tab=tags" if said.tagged else said.page

    return ", ".join(_linked(page(one), marks.text(one), marks) for one in tags)


def _linked(urls: str, text: str, marks: Marks, *, bare: str | None = None) -> str:
    """Text that leads to the first of these addresses; the text alone where none is one for browsers."""
    found = _URL.search(urls)
    if found is None:
        return text if bare is None else bare
    return marks.link(html.escape(found[0], quote=True).replace("&amp;tab=", "&tab="), text)
