"""Globs over repositories, tags, persons and user agents.

In repositories `*` stays within a path segment and `**` crosses segments; elsewhere `*` takes anything. `?` is one
character. `!pattern` excludes. Order does not matter: a value is admitted if some positive pattern takes it (or there
is none) and no excluding pattern does.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

_ANY, _WITHIN, _SOME, _FOLDERS = "**", "*", "/**", "**/"  # wildcards by what they take; outside repositories all _ANY
_GREEDY: Final = {_ANY: ".*", _WITHIN: "[^/]*", _SOME: ".+", _FOLDERS: "(?:.*/)?"}
_LAZY: Final = {_ANY: ".*?", _WITHIN: "[^/]*?", _SOME: ".+?", _FOLDERS: "(?:.*?/)??"}


def _translate(pattern: str, *, segments: bool) -> str:
    """The regular expression for one glob, to be matched against the whole value.

    It must not go back and forth: patterns and values may both come from people who mean harm, and nothing else runs
    meanwhile. Where another wildcard follows, the first place that fits is as good as any, since what follows takes up
    what lies between: so that place is never given up again. `*` is that way inside what stands between two `**`, and
    that whole part is between them.
    """
    beginning, parts = _split(pattern, segments=segments)
    crossing = [at for at, (wildcard, _) in enumerate(parts) if wildcard != _WITHIN]
    out, end = [beginning], ""
    for at, (wildcard, text) in enumerate(parts):
        if wildcard == _WITHIN:
            last = at == len(parts) - 1
            out.append(f"{_GREEDY[wildcard]}{text}" if last else f"(?>{_LAZY[wildcard]}{text})")
            continue
        out.append(end)
        last = at == crossing[-1]
        out.append(f"{_GREEDY[wildcard]}{text}" if last else f"(?>{_LAZY[wildcard]}{text}")
        end = "" if last else ")"
    return "".join(out)


def _split(pattern: str, *, segments: bool) -> tuple[str, list[tuple[str, str]]]:
    """What stands before the first wildcard, and each wildcard with what follows it; texts as regular expressions."""
    texts, wildcards = [""], []
    at = 0
    while at < len(pattern):
        wildcard, size = "", 1
        if not segments:
            wildcard = _ANY if pattern[at] == "*" else ""
        elif pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            wildcard, size = _FOLDERS, 3  # `a/**/b` takes `a/b`, and `**/b` takes `b`
        elif pattern.startswith("**", at):
            wildcard, size = _SOME if at > 0 and pattern[at - 1] == "/" else _ANY, 2
        elif pattern[at] == "*":
            wildcard = _WITHIN
        if wildcard:
            wildcards.append(wildcard)
            texts.append("")
        else:
            one = pattern[at]
            texts[-1] += ("[^/]" if segments else ".") if one == "?" else re.escape(one)
        at += size
    return texts[0], list(zip(wildcards, texts[1:], strict=True))


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
