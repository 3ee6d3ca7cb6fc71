"""Templates and the style sheet. Jinja2 is loaded with the first page: where nobody looks, it takes no memory.

Nearly all that is shown came from outside: from registries, their users, and receivers. It is escaped by the templates'
environment, never by hand, and what could steer how a line is read (control and direction characters) is replaced.
"""

import functools
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from sidecar.domain import instant

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).parent
LONGEST = 64 * 1024  # characters of a body that are shown; the whole is there to be downloaded

_UNITS = ((instant.DAY, "d"), (instant.HOUR, "h"), (instant.MINUTE, "min"), (instant.SECOND, "s"))
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d+)?)?")


def render(template: str, context: dict[str, Any]) -> bytes:
    """A page as bytes. May take long (the first one loads Jinja2), so it is called beside the loop."""
    return _environment().get_template(template).render(context).encode("utf-8", "replace")


@functools.cache
def style() -> tuple[str, bytes]:
    """The style sheet, and a name that changes with it."""
    sheet = (FOLDER / "console.css").read_bytes()
    return hashlib.sha256(sheet).hexdigest()[:12], sheet


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=shown,
    )
    environment.filters |= {
        "age": jinja2.pass_context(lambda context, text: age(text, context["now"])),
        "when": when,
        "size": size,
        "short": short,
        "part": part,
        "pretty": pretty,
        "thousands": "{:,}".format,
    }
    return environment


def safe(text: str) -> str:
    """The text without characters that are not seen but change what is: only line ends and tabs stay."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text)


def when(text: str) -> str:
    """An RFC 3339 time in UTC for reading: to the second."""
    return f"{text[:10]} {text[11:19]}Z"


def age(text: str, now: int) -> str:
    """How long ago an RFC 3339 time was, or in how long it will be: its largest unit and the next."""
    span = now - instant.parse_rfc3339(text)
    parts: list[str] = []
    left = abs(span)
    for unit, name in _UNITS:
        many, left = divmod(left, unit)
        if many or parts:
            parts.append(f"{many} {name}" if many else "")
        if len(parts) == 2:
            break
    said = " ".join(one for one in parts if one)
    if not said:
        return "now"
    return f"{said} ago" if span > 0 else f"in {said}"


def size(count: int) -> str:
    """Bytes as people read them."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def short(digest: str) -> str:
    """A digest's algorithm and its first twelve digits."""
    algorithm, colon, digits = digest.partition(":")
    return f"{algorithm}{colon}{digits[:12]}"


def part(text: str) -> str:
    """Text as one part of a path, or as a value in a query."""
    return quote(text.encode("utf-8", "replace"), safe="")


def pretty(body: str) -> str:
    """JSON laid out, each number and text as it was written; what is no JSON as it is; of what is long the head."""
    if len(body) > LONGEST:
        return body[:LONGEST]
    try:
        laid = msgspec.json.format(body, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return body
    return laid if len(laid) <= LONGEST * 4 else body  # deep nesting is nearly all indentation


def moment(text: str) -> str:
    """What a form's field for a time sends (without a zone: it is asked for in UTC) as RFC 3339."""
    found = _LOCAL.fullmatch(text)
    return f"{found[1]}{found[2] or ':00'}Z" if found is not None else text
