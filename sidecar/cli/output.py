"""What commands print: tables for people, JSON for machines.

A terminal gets a table that fits it; a pipe gets plain columns that are never cut. Much of what is shown came from
outside, so nothing that could steer a terminal is let through.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


def show_json(value: Any) -> None:
    """One JSON document, indented."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, nothing: str) -> None:
    """A table on standard output; without rows the sentence `nothing` on standard error."""
    cells = [[printable(one) for one in row] for row in rows]
    if not cells:
        print(nothing, file=sys.stderr)
    elif sys.stdout.isatty():
        _rich_table(headers, cells)
    else:
        _columns(headers, cells)


def show_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one pair a line."""
    listed = [(name, printable(value)) for name, value in pairs]
    width = max(len(name) for name, _ in listed)
    for name, value in listed:
        print(f"{name:<{width}}  {value}".rstrip())


def printable(value: object) -> str:
    """A value as one line of text that no terminal takes for a command; None, "" and [] are `-`."""
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(printable(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return safe(str(value), keep="")


def safe(text: str, *, keep: str = "\n\t") -> str:
    """The text without control characters, but for those to keep; lines may end as those of mails do."""
    if text.isprintable():
        return text
    if "\n" in keep:
        text = text.replace("\r\n", "\n")
    return "".join(one if one.isprintable() or one in keep else "\N{REPLACEMENT CHARACTER}" for one in text)


def when(text: str | None) -> str:
    """An RFC 3339 time of the API, without its fraction."""
    if not text:
        return "-"
    whole, dot, _ = text.partition(".")
    return f"{whole}Z" if dot else whole


def short_digest(digest: str) -> str:
    """The algorithm and the first twelve digits."""
    algorithm, colon, digits = digest.partition(":")
    return f"{algorithm}{colon}{digits[:12]}"


def place(repository: str, tags: Sequence[str], digest: str) -> str:
    """`repository:tag`, `repository:tag (+2)`, `repository@digest` or the repository alone."""
    if tags:
        more = f" (+{len(tags) - 1})" if len(tags) > 1 else ""
        return f"{repository}:{tags[0]}{more}"
    return f"{repository}@{short_digest(digest)}" if digest else repository


def size(count: int) -> str:
    """Bytes as people read them."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def _columns(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    widths = [max(len(one) for one in column) for column in zip(headers, *cells, strict=True)]
    for row in (headers, *cells):
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in headers:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)
