"""The scans that operators list: the last of each artifact, with what points to it now."""

from typing import Any

import msgspec

from sidecar.domain.listing import ScanFilter, ScannedRow
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.reading import Reader

# A manifest knows every tag that was ever pushed onto it; those that still point to it are looked up by key.
SCANS = """
SELECT s.*, m.live, (
  SELECT json_group_array(t.tag) FROM json_each(m.tags) v CROSS JOIN tag t
  ON t.registry = s.registry AND t.repository = s.repository AND t.tag = v.value
  WHERE t.digest = s.digest AND t.live = 1
) FROM scan s LEFT JOIN manifest m
ON m.registry = s.registry AND m.repository = s.repository AND m.digest = s.digest
"""
POINTED_TO = """
EXISTS (
  SELECT 1 FROM tag t WHERE t.registry = s.registry AND t.repository = s.repository AND t.tag = ?
  AND t.digest = s.digest AND t.live = 1
)
"""


async def listed(reader: Reader, given: ScanFilter) -> list[ScannedRow]:
    conditions: list[str] = []
    values: list[Any] = []
    for condition, value in (
        ("s.registry = ?", given.registry),
        ("s.repository = ?", given.repository),
        ("s.digest = ?", given.digest),
        (POINTED_TO, given.tag),
        ("s.report = ?", given.report),
        ("s.type = ?", given.type),
        ("s.time >= ?", given.since),
        ("s.id < ?", given.before),
    ):
        if value:
            conditions.append(condition)
            values.append(value)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    found = await reader.rows(f"{SCANS} {where} ORDER BY s.id DESC LIMIT ?", (*values, given.limit))
    return [
        ScannedRow(
            id=row[0],
            row=rows.scan(row),
            tags=tuple(sorted(msgspec.json.decode(row[11], type=list[str]))),
            live=row[10] != 0,
        )
        for row in found
    ]
