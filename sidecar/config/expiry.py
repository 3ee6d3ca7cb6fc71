"""When tags end: how often that is looked for, and the rules that announce."""

from typing import Final

from sidecar.config import amounts
from sidecar.config.problems import Problems
from sidecar.config.registries import globs
from sidecar.config.shapes import Number
from sidecar.config.tables import Field, ListOf, Section, Table
from sidecar.config.texts import PLAIN_GLOBS, REPOSITORIES, duration
from sidecar.domain import instant
from sidecar.domain.expiry import INTERVAL, Plan, Rule

EXPIRY_RULE: Final = Table(
    {
        "repositories": Field(REPOSITORIES, "globs of repositories; * within a segment, ** across, ! excludes", []),
        "tags": Field(PLAIN_GLOBS, "globs of tags; ! excludes", []),
        "older_than": Field(duration(instant.MINUTE), "tags end at this age, counted from their push"),
        "keep": Field(Number(low=1, high=1_000_000), "all but the newest so many of each repository end now"),
    }
)

EXPIRY: Final = Table(
    {
        "interval": Field(
            duration(instant.MINUTE, 30 * instant.DAY),
            "how often each subscription's tags are looked through",
            amounts.show_duration(INTERVAL),
        ),
        "rules": Field(
            ListOf(item=EXPIRY_RULE, optional=True),
            "tags that something else removes, by age or number, and that are announced; an addition to Quay's",
        ),
    }
)


def plan(section: Section | None, problems: Problems) -> Plan:
    """The plan of a file; what cannot be used is reported."""
    if section is None:
        return Plan()
    listed: list[Section] = section.get("rules", [])
    return Plan(interval=section.get("interval", INTERVAL), rules=tuple(_rule(one, problems) for one in listed))


def _rule(section: Section, problems: Problems) -> Rule:
    if section.has("older_than") == section.has("keep"):
        both = section.has("keep")
        sentence = "has `older_than` and `keep`: make it two rules" if both else "needs `older_than` or `keep`"
        problems.add(section.line("keep") if both else section.line(), f"{section.path} {sentence}")
    return Rule(
        repositories=globs(section, "repositories", segments=True),
        tags=globs(section, "tags"),
        older_than=section.get("older_than", 0),
        keep=section.get("keep", 0),
    )
