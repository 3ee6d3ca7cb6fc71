"""How things stand, for eyes: a tone, a few words, and what to do about it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sidecar.web.console.rendering import part

LAG = 60.0  # seconds of waiting records that are worth a word

_HOLDS = {"operator": "paused", "gone": "held after a 410"}


class Standing(msgspec.Struct, frozen=True):
    """`tone` is good, warn, bad or off; `at` an RFC 3339 time that the words refer to, or None."""

    tone: str
    text: str
    at: str | None = None


class Notice(msgspec.Struct, frozen=True):
    """Something that wants a person: a sentence, and the path of the page to look at ("" = it is all said)."""

    tone: str
    text: str
    link: str = ""


def standing(lane: Mapping[str, Any]) -> Standing:
    """Whether a subscription (as the API shows it) is sent anything, and if not why."""
    if lane["trouble"]:
        return Standing("bad", "cannot be used as it was made")
    if lane["orphaned"]:
        return Standing("bad" if lane["pending"] else "off", "orphaned")
    if lane["hold"]:
        return Standing("bad" if lane["hold"] == "gone" else "warn", _HOLDS.get(lane["hold"], f"held: {lane['hold']}"))
    if not lane["enabled"]:
        return Standing("off", "disabled")
    if lane["breaker"] == "open":
        return Standing("bad", "breaker open, next probe", lane["nextProbe"])
    if lane["pausedUntil"]:
        return Standing("warn", "told to wait, until", lane["pausedUntil"])
    return Standing("good", "active")


def notices(
    status: Mapping[str, Any],
    lanes: Sequence[Mapping[str, Any]],
    walks: Sequence[Mapping[str, Any]],
    *,
    quarantined: bool,
) -> list[Notice]:
    """All that wants a person, the worst first; none on a quiet night."""
    found = [Notice("bad", f"not ready: {one}") for one in status["unready"]]
    if status["config"]["error"]:
        found.append(Notice("bad", f"the newest configuration is refused: {status['config']['error']}"))
    if status["translator"]["lagSeconds"] > LAG:
        found.append(
            Notice("bad", f"the oldest untranslated record waits for {status['translator']['lagSeconds']:.0f} s")
        )
    found += [one for one in map(_of_lane, lanes) if one is not None]
    found += [
        Notice("bad", f"the walk of registry {one['registry']} is held: {one['held']['why']}", "/console/walks")
        for one in walks
        if one["held"]
    ]
    if quarantined:
        found.append(
            Notice("warn", "something is in quarantine: it could not be read or translated", "/console/quarantine")
        )
    return sorted(found, key=lambda one: one.tone != "bad")


def _of_lane(lane: Mapping[str, Any]) -> Notice | None:
    """What is the matter with one subscription, in one line; None when nothing is, or when it was meant so."""
    stands = standing(lane)
    said = [stands.text.partition(",")[0]] if stands.tone in {"bad", "warn"} else []
    if lane["failures"]:
        said.append("the last attempt failed" if lane["failures"] == 1 else f"{lane['failures']:,} failures in a row")
    if said and lane["pending"]:
        said.append("1 delivery waits" if lane["pending"] == 1 else f"{lane['pending']:,} deliveries wait")
    if lane["dead"]:
        said.append("1 delivery is dead" if lane["dead"] == 1 else f"{lane['dead']:,} deliveries are dead")
    if not said:
        return None
    tone = "bad" if stands.tone == "bad" else "warn"
    return Notice(tone, f"{lane['name']}: {', '.join(said)}", f"/console/subscriptions/{part(lane['name'])}")
