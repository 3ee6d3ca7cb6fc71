"""What was posted to the intake, and how the place of a mistake in it is named."""

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from sidecar.domain.details import Direction, Report, ScanStatus, Severity, Visibility
from sidecar.domain.errors import Misstated
from sidecar.domain.statement import Told

T = TypeVar("T")

# JSON whose media type does not end as JSON's do: Harbor's reports, by the pluggable scanner API 1.1 and before it.
REPORTS = (
    "application/vnd.security.vulnerability.report",
    "application/vnd.scanner.adapter.vuln.report.harbor+json",
)

_PLACE = re.compile(r"(?P<said>.*?)(?: - at (?:`key` in )?`\$?(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_FIELD = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>[^`]*)`")
_GRAMMARS = {
    "repository": "a repository's name has no host and no capitals, as prj/app",
    "namespace": "a namespace is one segment of a name without capitals, as prj",
    "tag": "a tag is up to 128 letters, digits, dots, dashes and underscores, as v1.4.2",
    "tags": "a tag is up to 128 letters, digits, dots, dashes and underscores, as v1.4.2",
    "docker_tags": "a tag is up to 128 letters, digits, dots, dashes and underscores, as v1.4.2",
    "homepage": "a page's address begins with http:// or https:// and has no spaces",
}
_CHOICES: dict[str, type[enum.StrEnum]] = {
    "severity": Severity,
    "severities": Severity,
    "report": Report,
    "direction": Direction,
    "visibility": Visibility,
    "status": ScanStatus,
}
_DIGEST = "a digest is an algorithm, a colon and the encoded hash, as sha256:9f2c...1706"


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as far as readers look at it. Names of headers are in lower case; `media_type` has no parameters."""

    media_type: str
    body: bytes
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    registries: Mapping[str, str] = {}  # hostnames by name


Reader = Callable[[Posted], Sequence[Told]]


def decoded(decoder: "msgspec.json.Decoder[T]", body: bytes | msgspec.Raw, at: str = "") -> T:
    """A JSON value of this shape. Raises Misstated with the place; `at` is the pointer to where `body` stands."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise misfit(str(error), at) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Misstated(f"The body is not JSON: {error}.", at) from None
    except RecursionError:
        raise Misstated("The body is nested too deeply.", at) from None


def misfit(text: str, at: str = "") -> Misstated:
    """A value that does not fit, from msgspec's sentence about it."""
    found = _PLACE.fullmatch(text)
    assert found is not None  # every text matches
    steps = [name or index for name, index in _STEP.findall(found["path"] or "")]
    if "..." in steps:  # some key of a mapping: the mapping is as near as we know
        steps = steps[: steps.index("...")]
    said = found["said"].strip().rstrip(".")
    field = _FIELD.fullmatch(said)
    if field is not None:
        steps.append(field["name"])
        said = "this is needed" if field["what"] == "missing required" else "nothing of this name is known here"
    elif "matching regex" in said:
        said = _GRAMMARS.get(next((one for one in reversed(steps) if not one.isdigit()), ""), _DIGEST)
    elif said.startswith("Invalid enum value") and (choice := _CHOICES.get(steps[-1] if steps else "")) is not None:
        said = f"{said.removeprefix('Invalid enum value ')} is not one of {', '.join(choice)}"
    pointer = at + "".join(f"/{one.replace('~', '~0').replace('/', '~1')}" for one in steps)
    return Misstated(f"At {pointer}: {said}." if pointer else f"{said}.", pointer)
