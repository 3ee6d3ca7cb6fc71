"""Globs over repositories, tags, persons and user agents.

In repositories `*` stays within a path segment and `**` crosses segments; elsewhere `*` takes anything. `?` is one
character. `!pattern` excludes. Order does not matter: a value is admitted if some positive pattern takes it (or there
is none) and no excluding pattern does.
"""

import re
from collections.abc import Iterable

import msgspec


def _translate(pattern: str, *, segments: bool) -> str:
    """The regular expression for one glob, to be matched against the whole value."""
    if not segments:
        return "".join(".*" if part == "*" else "." if part == "?" else re.escape(part) for part in pattern)
    out: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            out.append("(?:.*/)?")  # `a/**/b` takes `a/b`, and `**/b` takes `b`
            at += 3
        elif pattern.startswith("**", at):
            out.append(".+" if at > 0 and pattern[at - 1] == "/" else ".*")
            at += 2
        elif pattern[at] == "*":
            out.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            out.append("[^/]")
            at += 1
        else:
            out.append(re.escape(pattern[at]))
            at += 1
    return "".join(out)


def _compile(patterns: list[str], *, segments: bool) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{_translate(one, segments=segments)})" for one in patterns), re.DOTALL)


class Globs(msgspec.Struct, frozen=True):
    """A compiled list of patterns. An empty list admits everything."""

    patterns: tuple[str, ...]
    wanted: re.Pattern[str] | None
    unwanted: re.Pattern[str] | None

    @classmethod
    def of(cls, patterns: Iterable[str], *, segments: bool = False) -> "Globs":
        """Compile patterns; `segments=True` for repository names. Raises ValueError for an empty exclusion."""
        given = tuple(patterns)
        if "!" in given:
            raise ValueError("'!' excludes nothing: write the pattern after it")
        return cls(
            patterns=given,
            wanted=_compile([one for one in given if not one.startswith("!")], segments=segments),
            unwanted=_compile([one[1:] for one in given if one.startswith("!")], segments=segments),
        )

    def admits(self, value: str) -> bool:
        """Whether the value passes."""
        if self.wanted is not None and self.wanted.fullmatch(value) is None:
            return False
        return self.unwanted is None or self.unwanted.fullmatch(value) is None

    def heads(self) -> frozenset[str] | None:
        """The first segments of all that can be admitted, None where any may be."""
        positive = [one for one in self.patterns if not one.startswith("!")]
        heads = {one.partition("/")[0] for one in positive}
        if not positive or any(set(head) & {"*", "?"} for head in heads):
            return None
        return frozenset(heads)

    def names(self, value: str) -> bool:
        """Whether some positive pattern names the value: unlike `admits`, an empty list names nothing."""
        return self.wanted is not None and self.admits(value)

    def reaches(self, namespace: str, *, holds_single: bool) -> bool:
        """Whether a repository of this namespace may be admitted, of patterns for repositories.

        `holds_single` says that repositories named by one segment belong to it.
        """
        positive = [one for one in self.patterns if not one.startswith("!")]
        if positive and not any(_touches(one, namespace, holds_single=holds_single) for one in positive):
            return False
        return not any(_covers(one[1:], namespace, holds_single=holds_single) for one in self.patterns if one[0] == "!")


def _touches(pattern: str, namespace: str, *, holds_single: bool) -> bool:
    """Whether the pattern takes some repository of the namespace."""
    head, slash, _ = pattern.partition("/")
    if "**" in head:
        before = head.partition("**")[0]
        return (holds_single and not slash) or _takes(f"{before}*", namespace)
    return _takes(head, namespace) if slash else holds_single


def _covers(pattern: str, namespace: str, *, holds_single: bool) -> bool:
    """Whether the pattern takes every repository of the namespace, as far as its form tells."""
    head, _, rest = pattern.partition("/")
    return pattern == "**" or (rest == "**" and not holds_single and _takes(head, namespace))


def _takes(pattern: str, segment: str) -> bool:
    return re.fullmatch(_translate(pattern, segments=True), segment, re.DOTALL) is not None


ANYTHING = Globs.of(())
