"""SARIF 2.1.0: what any analysis found, in the terms of OASIS' standard. Pure.

A result is a finding, unless it says that it is none (`kind`), was suppressed, or is gone since a baseline. How bad it
is stands in a word among the tags, in the rule's `security-severity` (a CVSS score, as code hosts read it), or in the
`level`. SARIF does not know packages: some scanners write them into the message, else the place stands for one.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.domain.details import ScanStatus, Severity, Tool, Vulnerability
from sidecar.intake import images
from sidecar.intake.findings import (
    Reported,
    by_score,
    cut,
    gathered,
    moment,
    scored,
    severity,
    tool,
    vulnerability,
)
from sidecar.intake.posted import decoded


class _Message(msgspec.Struct, frozen=True):
    text: str | None = None


class _Configuration(msgspec.Struct, frozen=True):
    level: str | None = None


class _Rule(msgspec.Struct, frozen=True, rename="camel"):
    id: str | None = None
    full_description: _Message | None = None
    short_description: _Message | None = None
    help_uri: str | None = None
    default_configuration: _Configuration | None = None
    properties: dict[str, Any] | None = None


class _Component(msgspec.Struct, frozen=True, rename="camel"):
    name: str | None = None
    organization: str | None = None
    version: str | None = None
    semantic_version: str | None = None
    rules: list[_Rule] | None = None


class _Tool(msgspec.Struct, frozen=True):
    driver: _Component | None = None
    extensions: list[_Component] | None = None


class _RuleReference(msgspec.Struct, frozen=True):
    id: str | None = None
    index: int | None = None


class _ArtifactLocation(msgspec.Struct, frozen=True):
    uri: str | None = None


class _Region(msgspec.Struct, frozen=True, rename="camel"):
    start_line: int | None = None


class _PhysicalLocation(msgspec.Struct, frozen=True, rename="camel"):
    artifact_location: _ArtifactLocation | None = None
    region: _Region | None = None


class _Location(msgspec.Struct, frozen=True, rename="camel"):
    physical_location: _PhysicalLocation | None = None


class _Result(msgspec.Struct, frozen=True, rename="camel"):
    rule_id: str | None = None
    rule_index: int | None = None
    rule: _RuleReference | None = None
    kind: str | None = None
    level: str | None = None
    message: _Message | None = None
    locations: list[_Location] | None = None
    suppressions: list[Any] | None = None
    baseline_state: str | None = None
    properties: dict[str, Any] | None = None


class _Notification(msgspec.Struct, frozen=True):
    message: _Message | None = None


class _Invocation(msgspec.Struct, frozen=True, rename="camel"):
    execution_successful: bool | None = None
    start_time_utc: str | None = None
    end_time_utc: str | None = None
    exit_code_description: str | None = None
    tool_execution_notifications: list[_Notification] | None = None


class _Run(msgspec.Struct, frozen=True):
    tool: _Tool | None = None
    results: list[_Result] | None = None
    invocations: list[_Invocation] | None = None
    properties: dict[str, Any] | None = None


class _Log(msgspec.Struct, frozen=True):
    runs: list[_Run] | None = None


_decoder = msgspec.json.Decoder(_Log)
_LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}
_NO_FINDING = frozenset({"pass", "open", "informational", "notApplicable"})
_SAID = re.compile(r"^(Package|Installed Version|Fixed Version): (.*)$", re.MULTILINE)  # as Trivy writes messages


def read(body: bytes) -> Reported:
    """Raises Misstated with the place of what does not fit."""
    runs = decoded(_decoder, body).runs or []
    invocations = [one for run in runs for one in run.invocations or ()]
    failed = [one for one in invocations if one.execution_successful is False]
    times = {
        "started": next((moment(one.start_time_utc) for one in invocations), ""),
        "ended": next((moment(one.end_time_utc) for one in invocations), ""),
    }
    scan = gathered(
        [one for run in runs for one in _findings(run)],
        status=ScanStatus.ERROR if failed else ScanStatus.SUCCESS,
        error=_trouble(failed[0]) if failed else "",
        scanner=_scanner(runs),
        **times,
    )
    return _about(scan, runs)


def _about(scan: Any, runs: Sequence[_Run]) -> Reported:
    """With the image that a run's properties name, as those of Trivy do."""
    for run in runs:
        given = run.properties or {}
        named = [*_texts(given.get("repoDigests")), *_texts(given.get("repoTags"))]
        asked = given.get("imageName")
        if isinstance(asked, str) or named:
            found = [images.parse(one) for one in named]
            return Reported(
                scan=scan,
                asked=images.asked(asked) if isinstance(asked, str) else None,
                images=tuple(one for one in found if one is not None),
            )
    return Reported(scan=scan)


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _scanner(runs: Sequence[_Run]) -> Tool:
    driver = next((run.tool.driver for run in runs if run.tool is not None and run.tool.driver is not None), None)
    if driver is None:
        return Tool()
    return tool(driver.name, driver.organization, driver.semantic_version or driver.version)


def _trouble(one: _Invocation) -> str:
    """Why a run failed, as it says itself."""
    said = [note.message.text for note in one.tool_execution_notifications or () if note.message is not None]
    return cut("; ".join(text for text in said if text) or one.exit_code_description or "the analysis failed", 4_000)


def _findings(run: _Run) -> list[Vulnerability]:
    parts = run.tool or _Tool()
    rules = (parts.driver.rules if parts.driver is not None else None) or []
    more = [one for part in parts.extensions or () for one in part.rules or ()]
    by_id = {one.id: one for one in (*more, *rules) if one.id}
    return [_finding(one, _rule(one, rules, by_id)) for one in run.results or () if _counts(one)]


def _counts(result: _Result) -> bool:
    return result.kind not in _NO_FINDING and not result.suppressions and result.baseline_state != "absent"


def _rule(result: _Result, rules: Sequence[_Rule], by_id: dict[str, _Rule]) -> _Rule:
    """The rule of a result: by name, else by its place among the driver's rules."""
    reference = result.rule or _RuleReference()
    name = result.rule_id or reference.id
    if name is not None:
        # A name may go on behind the rule's own with a slash: a finer kind of the same.
        return by_id.get(name) or by_id.get(name.rpartition("/")[0]) or _Rule(id=name)
    index = result.rule_index if result.rule_index is not None else reference.index
    return rules[index] if index is not None and 0 <= index < len(rules) else _Rule()


def _finding(result: _Result, rule: _Rule) -> Vulnerability:
    text = (result.message.text if result.message is not None else "") or ""
    said = {name: value.strip() for name, value in _SAID.findall(text)}
    about = rule.full_description or rule.short_description or _Message()
    cvss = _score(rule.properties) or _score(result.properties)
    return vulnerability(
        result.rule_id or rule.id,
        _severity(result, rule, cvss),
        cvss=cvss,
        package=said.get("Package") or _place(result),
        version=said.get("Installed Version"),
        fixed_version=said.get("Fixed Version"),
        links=(rule.help_uri,),
        description=about.text or text,
    )


def _severity(result: _Result, rule: _Rule, cvss: float | None) -> Severity:
    """By a word for it among the tags or properties, else by score, else by level."""
    given = {**(rule.properties or {}), **(result.properties or {})}
    words = [*_texts(given.get("tags")), *(given[key] for key in ("severity", "issue_severity") if key in given)]
    for word in words:
        found = severity(word) if isinstance(word, str) else Severity.UNKNOWN
        if found is not Severity.UNKNOWN:
            return found
    if cvss is not None:
        return by_score(cvss)
    configured = rule.default_configuration.level if rule.default_configuration is not None else None
    return _LEVELS.get(result.level or configured or "warning", Severity.UNKNOWN)  # 3.27.10: a warning unless told


def _score(properties: dict[str, Any] | None) -> float | None:
    given = (properties or {}).get("security-severity")
    try:
        return scored(float(given)) if isinstance(given, str | float | int) else None
    except (ValueError, OverflowError):
        return None


def _place(result: _Result) -> str:
    """Where it was found, as `app/main.py:12`."""
    for one in result.locations or ():
        physical = one.physical_location or _PhysicalLocation()
        uri = physical.artifact_location.uri if physical.artifact_location is not None else None
        if uri:
            line = physical.region.start_line if physical.region is not None else None
            return f"{uri}:{line}" if line is not None else uri
    return ""
