"""What the console makes of single values, and whether its colours can be told apart from what is behind them."""

import re

import pytest

from sidecar.domain import instant
from sidecar.web.console.rendering import LONGEST, age, moment, part, pretty, safe, short, size, style, when
from sidecar.web.console.standing import Notice, Standing, notices, standing

NOON = instant.parse_rfc3339("2026-11-22T12:00:00Z")
LANE = {
    "name": "one",
    "trouble": "",
    "orphaned": False,
    "hold": "",
    "enabled": True,
    "breaker": "closed",
    "nextProbe": None,
    "pausedUntil": None,
    "pending": 0,
    "dead": 0,
    "failures": 0,
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-22T12:00:00.999Z", "now"),
        ("2026-11-22T11:59:59Z", "1 s ago"),
        ("2026-11-22T11:58:57.5Z", "1 min 2 s ago"),
        ("2026-11-22T11:00:00Z", "1 h ago"),
        ("2026-11-22T10:59:30Z", "1 h ago"),
        ("2026-11-20T11:00:00Z", "2 d 1 h ago"),
        ("2026-11-22T12:01:30Z", "in 1 min 30 s"),
        ("2026-11-22T13:00:00+01:00", "now"),
    ],
)
def test_ages(text, said):
    assert age(text, NOON) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 * 2**10, "1.5 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (2**41, "2.0 TiB"),
    ],
)
def test_sizes(count, said):
    assert size(count) == said


def test_times_and_digests_are_shortened():
    assert when("2026-11-22T12:00:00.212777163Z") == "2026-11-22 12:00:00Z"
    assert short("sha256:" + "0123456789abcdef" * 4) == "sha256:0123456789ab"
    assert short("") == ""


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-11-22T08:00", "2026-11-22T08:00:00Z"),
        ("2026-11-22T08:00:01", "2026-11-22T08:00:01Z"),
        ("2026-11-22T08:00:01.5", "2026-11-22T08:00:01.5Z"),
        ("2026-11-22T08:00:00+01:00", "2026-11-22T08:00:00+01:00"),
        ("", ""),
        ("noon", "noon"),
    ],
)
def test_a_field_for_a_time_means_utc(given, meant):
    assert moment(given) == meant


def test_json_is_laid_out_and_its_values_stay_as_they_were_written():
    """A parser would have made 1e3 and 1.10 into other texts, and kept one of two equal names."""
    assert pretty('{"b":1e3,"a":1.10,"big":12345678901234567890,"a":"\\u00e9"}') == (
        '{\n  "b": 1e3,\n  "a": 1.10,\n  "big": 12345678901234567890,\n  "a": "\\u00e9"\n}'
    )


@pytest.mark.parametrize("body", ["", "no json", '{"a":', "<b>", "[" * 5000, '{"a":1} trailing'])
def test_what_is_no_json_stays_as_it_is(body):
    assert pretty(body) == body


def test_what_is_too_long_is_cut():
    assert len(pretty('"' + "x" * LONGEST + '"')) == LONGEST


def test_characters_that_steer_a_line_are_replaced():
    """Controls, zero widths, and those that turn the direction of what follows; letters of all scripts stay."""
    for one in "\x00\x07\x1b\x7f\u200b\u200e\u202a\u202e\u2066\ufeff\ue000":
        assert safe(f"a{one}b") == "a\N{REPLACEMENT CHARACTER}b"
    assert safe("größe 尺寸 גודל\n\t") == "größe 尺寸 גודל\n\t"


def test_a_part_of_a_path_is_one_part():
    assert part("api:harbor/3?x=#y&z %") == "api%3Aharbor%2F3%3Fx%3D%23y%26z%20%25"
    assert part("\udcff") == "%3F"


# --- how things stand ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lane", "stands"),
    [
        ({}, Standing("good", "active")),
        ({"failures": 3}, Standing("good", "active")),
        ({"enabled": False}, Standing("off", "disabled")),
        ({"hold": "operator"}, Standing("warn", "paused")),
        ({"hold": "gone"}, Standing("bad", "held after a 410")),
        ({"hold": "moon"}, Standing("warn", "held: moon")),
        ({"orphaned": True}, Standing("off", "orphaned")),
        ({"orphaned": True, "trouble": "its format is gone"}, Standing("bad", "cannot be used as it was made")),
        ({"orphaned": True, "pending": 1, "hold": "operator"}, Standing("bad", "orphaned")),
        ({"breaker": "open", "nextProbe": "T"}, Standing("bad", "breaker open, next probe", "T")),
        ({"pausedUntil": "T"}, Standing("warn", "told to wait, until", "T")),
        ({"pausedUntil": "T", "breaker": "open", "nextProbe": "P"}, Standing("bad", "breaker open, next probe", "P")),
    ],
)
def test_a_subscription_in_a_few_words(lane, stands):
    assert standing({**LANE, **lane}) == stands


@pytest.mark.parametrize(
    ("lane", "said"),
    [
        ({}, []),
        ({"pending": 5}, []),
        ({"enabled": False}, []),
        ({"orphaned": True}, []),
        ({"failures": 1}, [Notice("warn", "one: the last attempt failed", "/console/subscriptions/one")]),
        (
            {"breaker": "open", "nextProbe": "T", "failures": 1200, "pending": 1, "dead": 1},
            [
                Notice(
                    "bad",
                    "one: breaker open, 1,200 failures in a row, 1 delivery waits, 1 delivery is dead",
                    "/console/subscriptions/one",
                )
            ],
        ),
        ({"dead": 2}, [Notice("warn", "one: 2 deliveries are dead", "/console/subscriptions/one")]),
        (
            {"hold": "operator", "pending": 2},
            [Notice("warn", "one: paused, 2 deliveries wait", "/console/subscriptions/one")],
        ),
    ],
)
def test_what_wants_a_person(lane, said):
    status = {"unready": [], "config": {"error": ""}, "translator": {"lagSeconds": 59.0}}
    assert notices(status, [{**LANE, **lane}], [], quarantined=False) == said


# --- colours ---------------------------------------------------------------------------------------------------------


def luminance(colour):
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_that_wcag_asks_for(scheme):
    """4.5 : 1, level AA for text of any size."""
    sheet = style()[1].decode()
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))
    if scheme == "dark":
        other = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", dark))
        assert other.keys() == colours.keys()
        colours = other
    pairs = [(ink, behind) for ink in ("ink", "soft", "link", "bad") for behind in ("paper", "raised")]
    pairs += [(tone, f"{tone}-back") for tone in ("good", "warn", "bad", "off")]
    pairs += [("ink", "off-back"), ("paper", "ink")]
    poor = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < 4.5} == {}
    assert set(re.findall(r"var\(--([a-z-]+)\)", sheet)) == colours.keys()
