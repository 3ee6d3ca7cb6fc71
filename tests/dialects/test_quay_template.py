"""Templates of Quay's webhooks: what it makes of them, what it refuses, and what it would only have failed at later.

The tables are those of Quay's behaviour: its own published cases, in our words, and what its code does with the others.
"""

import json
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from sidecar.dialects import quay, quay_template
from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.quay import DIALECT, Options
from sidecar.domain.event import EventType, RegistryRef, Repository

DATA = {
    "repository": "ns/r",
    "updated_tags": ["a", "b"],
    "one": ["x"],
    "n": 3,
    "b": True,
    "nul": None,
    "numbers": [1, 2],
    "vulnerability": {"id": "CVE-1"},
    "ref-regex": "main",
    "first": {"second": {"third": 42}},
}

# What Quay's own tests have.
PUBLISHED: list[tuple[str, dict[str, Any], Any]] = [
    ("{}", {}, {}),
    ('{"greets": "everybody"}', {}, {"greets": "everybody"}),
    ('{"greets": "${whom}"}', {"whom": 7}, {"greets": 7}),
    ('{"greets": "dear ${whom}"}', {"whom": "reader"}, {"greets": "dear reader"}),
    ('{"is": "${a.b.c}"}', {"a": {"b": {"c": 9}}}, {"is": 9}),
    ('{"is": "${a.b.c}, exactly"}', {"a": {"b": {"c": 9}}}, {"is": "9, exactly"}),
    ('{"is": "${a.none.c}"}', {"a": {"b": {"c": 9}}}, {"is": None}),
    ('{"is": "${a[2]}"}', {"a": [7, 8, 9]}, {"is": 9}),
    ('{"is": "${a[2]}"}', {"a": [7, 8]}, {"is": None}),
    ('{"is": ["${a[1]}", "${a[0]}"]}', {"a": [7, 8]}, {"is": [8, 7]}),
    ('{"is": "no ${a[2]}"}', {"a": [7, 8]}, {"is": "no (none)"}),
    ('{"is": "all: ${a[*]}"}', {"a": ["x", "y", "z"]}, {"is": "all: x,y,z"}),
    ('{"is": "${a[*]}"}', {"a": ["x", "y", "z"]}, {"is": ["x", "y", "z"]}),
]
UNPARSABLE = [
    ('{"is": "}', "Could not parse template: Unterminated string starting at: line 1 column 8 (char 7)"),
    ('{"is": "${}"}', "Empty expression found"),
    ('{"is": "${;;}"}', "For expression `;;`: Error on line 1, col 0: Unexpected character: ;"),
    ('{"is": "${first[}"}', "For expression `first[`: Parse error near the end of string!"),
    # A line end behind an expression: Quay takes it for the whole text, and cuts it in the wrong place.
    ('"${repository}\\n"', "For expression `repository}`: Error on line 1, col 10: Unexpected character: }"),
]
BEHAVIOUR = [
    ("${repository}", "ns/r"),
    ("${n}", 3),
    ("${updated_tags}", ["a", "b"]),
    ("${vulnerability}", {"id": "CVE-1"}),
    ("${missing}", None),
    ("x ${n}", "x 3"),
    ("x${b}", "xTrue"),
    ("t: ${updated_tags}", "t: a,b"),
    ("t: ${updated_tags[*]}", "t: a,b"),
    ("x ${one}", "x ['x']"),
    ("x ${one[*]}", "x x"),
    ("${one[*]}", "x"),
    ("${updated_tags[*]}", ["a", "b"]),
    ("x ${missing}", "x (none)"),
    ("x ${nul}", "x (none)"),
    ("x ${vulnerability}", "x {'id': 'CVE-1'}"),
    ("${repository}${n}", "ns/r3"),
    ("${", "${"),
    ("${ repository }", "ns/r"),
    ("${$.repository}", "ns/r"),
    ("${ref-regex}", "main"),
    ("${updated_tags[-1]}", "b"),
    ("${updated_tags[0]}", "a"),
    ("${event_data.repository}", None),
    ("${vulnerability.id}", "CVE-1"),
    ("${n|b}", [3, True]),
    ("${$..third}", 42),
    (3, 3),
    ([1, "${n}", None, True], [1, 3, None, True]),
    ({"${repository}": 1}, {"ns/r": 1}),
    ({"${missing}": 1}, {"null": 1}),
    ({"is ${n}": 1}, {"is 3": 1}),
]
# Where Quay would only fail once the event is there.
SANE = [
    ("x ${numbers}", "x 1,2"),
    ({"${updated_tags}": 1}, {"a,b": 1}),
    ({"${vulnerability}": 1}, {"{'id': 'CVE-1'}": 1}),
]


def made(template: Any, data: dict[str, Any] = DATA) -> Any:
    text = template if isinstance(template, str) else json.dumps(template)
    assert quay_template.refusal(text) == ""
    return json.loads(quay_template.apply(text, data))


@pytest.mark.parametrize(("template", "data", "expected"), PUBLISHED)
def test_quays_published_cases(template: str, data: dict[str, Any], expected: Any) -> None:
    assert made(template, data) == expected


@pytest.mark.parametrize(("template", "sentence"), UNPARSABLE)
def test_what_quay_refuses_is_refused_in_its_words(template: str, sentence: str) -> None:
    assert quay_template.refusal(template).strip() == sentence
    assert DIALECT.check(Options(template=template)).strip() == f"`template`: {sentence}"
    with pytest.raises(ValueError, match="template"):
        DIALECT.bind(Options(template=template), ["repo_push"])


@pytest.mark.parametrize(("template", "expected"), BEHAVIOUR)
def test_each_way_of_filling_in(template: Any, expected: Any) -> None:
    assert made(json.dumps(template)) == expected


@pytest.mark.parametrize(("template", "expected"), SANE)
def test_where_quay_would_fail_a_text_is_made_of_it(template: Any, expected: Any) -> None:
    assert made(json.dumps(template)) == expected


def test_the_output_is_written_as_pythons_json_module_does() -> None:
    assert quay_template.apply('{"a":"${u}","b":[1,2]}', {"u": "ü"}) == '{"a": "\\u00fc", "b": [1, 2]}'


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ('"' + "x" * 70_000 + '"', "it may have 64 KiB"),
        (json.dumps(["${a}"] * 65), "it may have 64 expressions"),
        (json.dumps("${" + "a." * 200 + "a}"), "it may have 256 characters"),
        (json.dumps("${$..a..b}"), "`..`, `|`, `,` and `where` may be used once"),
        (json.dumps("${$..a|b}"), "may be used once"),
        (json.dumps("${a,a,a[*]}"), "may be used once"),
        (json.dumps(["${a,b}"] * 5), "4 times in all of a template"),
        # Each of these steps back, and down again to every item: some hundred letters would take for ever.
        (json.dumps("${a[*]" + ".`parent`[*]" * 20 + "}"), "backticks nowhere"),
        (json.dumps("${a[*].`\\parent`[*]}"), "backticks nowhere"),
        (json.dumps("${a[*]" + ".$.a[*]" * 20 + "}"), "`$` may stand at its beginning alone"),
        (json.dumps("${a[*].($).a[*]}"), "`$` may stand at its beginning alone"),
        (json.dumps("${(a[*]).( ($.a))}"), "`$` may stand at its beginning alone"),
        (json.dumps(["${$..a}"] * 5), "4 times in all of a template"),
        ("[" * 60 + "]" * 60, "nested more than 50 deep"),
        (
            "[" + "1," * 1000 + "1]",
            "it may have 1,000 values",
        ),  # within 64 KiB, and 8 MB of memory when there are 32,000
        ("[" * 60_000, "Could not parse template"),
        ("NaN", "NaN is no JSON"),
        ('"${updated_tags[?(@.x>1)]}"', "For expression"),  # filters are an extension that is not loaded
        ('"${n + 1}"', "For expression"),
        ('"${`parent`}"', "For expression ``parent``"),
    ],
)
def test_what_would_cost_too_much_is_refused(template: str, part: str) -> None:
    assert part in quay_template.refusal(template)


def test_a_template_finds_ten_thousand_values_at_most() -> None:
    """Each of them takes time of everything else: sixty times five thousand tags would take a second."""
    event = {"tags": ["v1"] * 1000}
    quay_template.apply(json.dumps(["${tags[*]}"] * 10), event)
    with pytest.raises(ValueError, match="the template finds more than 10,000 values in the event"):
        quay_template.apply(json.dumps(["${tags[*]}"] * 11), event)


def test_what_grows_beyond_all_bounds_is_an_error_and_no_message() -> None:
    """The delivery is kept as dead, with the sentence."""
    with pytest.raises(ValueError, match="the template made more than 1024 KiB of the event"):
        quay_template.apply(json.dumps(["${a}"] * 20), {"a": "x" * 60_000})


def test_a_webhook_is_sent_what_its_template_makes_of_the_event() -> None:
    template = '{"text": "${repository} has ${updated_tags}", "tags": "${updated_tags}"}'
    event = msgspec.structs.replace(sample(EventType.PUSHED), tags=("a", "b"))
    voice = DIALECT.bind(Options(template=template), ["repo_push"])
    bodies = [json.loads(one.body) for one in voice.render(event, "repo_push", Audience("one"))]
    assert bodies == [{"text": f"prj/web/app has ['{tag}']", "tags": [tag]} for tag in ("a", "b")]


def test_a_sample_is_put_into_the_template_as_well() -> None:
    registry = RegistryRef(name="main", hostname="quay.example.com", scheme="https")
    place = Repository(path="devtable/simple", namespace="devtable", name="simple")
    options = Options(template='"${vulnerability.id} in ${tags}"')
    message = quay.sample("vulnerability_found", registry, place, settings={"level": 1}, now=0, options=options)
    assert json.loads(message.body) == "CVE-FAKE-CVE in latest,prod,foo,bar,baz"


def test_nothing_is_loaded_until_there_is_a_template() -> None:
    """The library takes memory that most sidecars have no use for, and its extensions none has."""
    program = (
        "import sys; from sidecar.dialects import load; quay = load()['quay'];"
        "bind = lambda **given: quay.bind(quay.options(**given), ['repo_push']);"
        "bind(); bind(method='slack'); assert not any(one.startswith('jsonpath_ng') for one in sys.modules);"
        "bind(template='{\"a\": 1}'); assert 'jsonpath_ng' not in sys.modules;"
        "bind(template='\"${repository}\"'); assert 'jsonpath_ng' in sys.modules;"
        "assert not any(one.startswith('jsonpath_ng.ext') for one in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
