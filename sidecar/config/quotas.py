"""The quotas, and whether it can be known what their namespaces hold."""

from collections.abc import Sequence

from sidecar.config.problems import Problems
from sidecar.config.tables import Section
from sidecar.domain.glob import Globs
from sidecar.domain.quota import DEFAULT_WARN_AT, Quota
from sidecar.domain.registry import Registry


def quotas(
    sections: Sequence[Section], listed: Sequence[Section], found: Sequence[Registry], problems: Problems
) -> tuple[Quota, ...]:
    """The quotas that could be read whole. `listed` are the sections of the registries, `found` what they came to."""
    telling = {section.get("name") for section in listed if section.get("references")}
    telling |= {one.name for one in found if one.api is not None}
    known = [one.name for one in found]
    given = []
    for section in sections:
        names: list[str] = section.get("registries", [])
        for index, name in enumerate(names):
            if name not in known:
                problems.add(
                    section.item_line("registries", index),
                    f"{section.path}.registries[{index}] {section.shown('registries', index)} is not a registry of "
                    f"this file: there is {', '.join(known)}",
                )
        for name in names or known:
            if name in known and name not in telling:
                problems.add(
                    section.line(),
                    f"{section.path} needs to know what the manifests of registry {name} hold: give that registry "
                    "`api`, or set `notifications.events.includereferences: true` in its own configuration and "
                    "`references: true` here",
                )
        namespace, limit = section.get("namespace"), section.get("limit")
        if namespace is not None and limit is not None:
            given.append(
                Quota(
                    namespaces=Globs.of((namespace,)),
                    limit=limit,
                    registries=frozenset(names),
                    warn_at=tuple(sorted(set(section.get("warn_at", DEFAULT_WARN_AT)))),
                )
            )
    return tuple(given)
