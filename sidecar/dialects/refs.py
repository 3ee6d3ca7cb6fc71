"""Patterns of git references, as Quay reads them: Python's `re.match`, by an engine that no pattern can hold up.

RE2 works in time that grows with the reference alone, in memory that is bounded here. It has neither look-around nor
back-references, so a pattern that means anything else to it than to Python is refused where the configuration is read.
Its classes (`\\d`, `\\w`, `\\s`, `\\b`) are those of ASCII.
"""

import functools
import re
import warnings
from typing import Any, Final

LONGEST: Final = 500  # characters of a pattern
MEMORY: Final = 64 * 1024  # bytes of a compiled pattern and of its states; the largest then takes a few milliseconds

_COUNT_TO = re.compile(r"\{,\d*\}")  # from none to some: RE2 takes it for itself
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def refusal(pattern: str) -> str:
    """A sentence about a pattern that cannot be used, "" for one that can. The first loads RE2 (3 MB)."""
    if not pattern:
        return ""
    if len(pattern) > LONGEST:
        return f"ref_regex has at most {LONGEST} characters, not {len(pattern)}"
    if _COUNT_TO.search(pattern):
        return "ref_regex cannot be used: write {0,3} instead of {,3}"
    try:
        _compiled(pattern)
    except ValueError as error:
        return f"ref_regex cannot be used: {error}; it is a regular expression without look-around and back-references"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python warns of what it may read otherwise some day, as RE2 does today
            # Ranges of letters beyond ASCII can take Python seconds to compile.
            re.compile(_BEYOND_ASCII.sub("\x7f", pattern))
    except (re.error, Warning, OverflowError, RecursionError) as error:
        return f"ref_regex cannot be used: {error}"
    return ""


def matches(pattern: str, ref: str) -> bool:
    """Whether a reference begins with what the pattern says. The pattern is one that `refusal` has nothing against."""
    return _compiled(pattern).match(ref) is not None


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    """Raises ValueError with RE2's sentence."""
    import re2  # type: ignore[import-untyped]  # it ships no types

    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None
