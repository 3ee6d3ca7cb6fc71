"""Whoever writes a template cannot make it costly: each ends within 100 ms of processor time, or is refused so soon.

They are rendered for an event that is as large as others can make one: a thousand tags, long texts, many findings.
"""

import inspect
import time
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import examples
from sidecar.dialects.allowance import SHARED
from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.plausible import DETAILS
from sidecar.dialects.template import DIALECT, Options
from sidecar.dialects.templating import messages, variables
from sidecar.dialects.templating.engine import Environment, Library, compiled
from sidecar.dialects.templating.filters import FILTERS
from sidecar.dialects.templating.limits import LARGEST, PER_TOKEN, STEPS, TEXT, Meter, TemplateTrouble
from sidecar.dialects.templating.predicates import TESTS
from sidecar.domain.event import Descriptor, EventType
from sidecar.domain.subscription import Match, Subscription
from sidecar.pipeline.routing import Route, Router

LONGEST = 0.1  # seconds of the processor
AT_REST = 0.005  # seconds that `cost` gives its loop
_SCAN = DETAILS[EventType.SCAN_COMPLETED]
LARGE = msgspec.structs.replace(
    sample(EventType.SCAN_COMPLETED),
    tags=tuple(f"v{at}" for at in range(1000)),
    actor="x" * 500,
    details=msgspec.structs.replace(_SCAN, vulnerabilities=_SCAN.vulnerabilities * 333),
)
VALUES = variables.values(LARGE, variables.SHAPES)
environment = Environment()


def cost(text):
    """What became of a template, and the seconds that reading and rendering it took, on a machine at rest.

    A busy machine gives each of its processor's seconds less: so a loop that is known is run beside what takes long,
    and the best of some goes counts. What a template costs, it costs each time.
    """
    took = []
    for _ in range(5):
        begun = time.process_time()
        try:
            said = compiled(environment, text).render(VALUES, Meter())
        except TemplateTrouble as error:
            said = error
        took.append(time.process_time() - begun)
        if took[-1] < LONGEST:
            break
        begun = time.process_time()
        sum(at * at for at in range(100_000))
        took[-1] /= max(1.0, (time.process_time() - begun) / AT_REST)
    return said, min(took)


def grown(name, doublings, seed="actor"):
    """Template code that makes a text of 500 characters, doubled so often."""
    steps = "".join(f"{{% set {name}{at + 1} = {name}{at} ~ {name}{at} %}}" for at in range(doublings))
    return f"{{% set {name}0 = {seed} %}}" + steps


def tangled(name, depth):
    """Template code that makes a list of lists of ... which is small, and endless for whoever goes through it."""
    steps = "".join(
        f"{{% set {name}{at + 1} = [{name}{at}, {name}{at}, {name}{at}, {name}{at}] %}}" for at in range(depth)
    )
    return f'{{% set {name}0 = ["x"] %}}' + steps


EACH = "{% for t in tags %}"
END = "{% endfor %}"
REFUSED = {
    "loops in loops": EACH + EACH.replace("t in", "u in") + EACH.replace("t in", "w in") + "x" + END * 3,
    "nineteen loops": "".join(f"{{% for a{at} in tags[:2] %}}" for at in range(19)) + "x" + END * 19,
    "too many loops for Python": "".join(f"{{% for a{at} in tags %}}" for at in range(25)) + END * 25,
    "text in a loop": EACH + "y" * 5000 + END,
    "doubling": grown("a", 20),
    "doubling by filter": grown("a", 9) + EACH + "{% set q = a9 | upper | lower | urlencode %}" + END,
    "joining in a loop": grown("a", 9) + EACH + "{{ (a9 ~ t) | length }}" + END,
    "replacing by itself": grown("a", 9) + '{{ a9 | replace("x", a9) }}',
    "replacing nothing": grown("a", 9) + '{{ a9 | replace("", a9) }}',
    "replacing in a loop": grown("a", 8) + EACH + '{{ a8 | replace("xx", "xxx") | length }}' + END,
    "searching in a loop": grown("a", 8) + grown("b", 7) + '{% set c = b7 ~ "y" %}' + EACH + "{{ c in a8 }}" + END,
    "parts of a text": grown("a", 8) + '{{ a8 | split("x") | join(a0) }}',
    "sorting long texts": grown("a", 8) + EACH + "{{ [a8, a7] | sort | length }}" + END,
    "joining by what was joined": '{{ tags | join(tags | join(",")) }}',
    "a tangle as JSON": tangled("a", 20) + "{{ a20 | tojson }}",
    "tangles compared": tangled("a", 20) + tangled("b", 20) + "{{ a20 == b20 }}",
    "a tangle looked for": tangled("a", 20) + tangled("b", 20) + "{{ a20 in [b20] }}",
    "a tangle as a key": tangled("a", 20) + '{{ {"x": 1}[a20] }}',
    "a tangle made unique": tangled("a", 20) + "{{ [a20, a20] | unique | length }}",
    "a tangle sorted": tangled("a", 20) + "{{ [a20, a20] | sort | length }}",
    "lists in lists": '{% set a0 = ["x"] %}'
    + "".join(f"{{% set a{(at + 1) % 60} = [a{at % 60}] %}}" for at in range(400))
    + "{{ a40 | tojson }}",
    "JSON of much": EACH + "{{ tags | tojson | length }}" + END,
    "JSON of everything": EACH + "{{ data | tojson | length }}" + END,
    "all pairs": EACH + "{% for u in tags if u == t %}{{ u }}" + END * 2,
    "looking through all": EACH + "{{ 'none' in tags }}" + END,
    "powers": "{{ 9 ** 9 ** 9 }}",
    "products": "{{ " + " * ".join(["9999999999"] * 25) + " }}",
    "a text many times": '{{ "x" * 1000000000 }}',
    "padding": '{{ "%1000000000d" % 1 }}',
    "trimming by many": f"{{% set a0 = '{'Ā' * 1000}' %}}"
    + "".join(f"{{% set a{at + 1} = a{at} ~ a{at} %}}" for at in range(8))
    + f"{{% set c = '{''.join(chr(257 + at) for at in range(99))}Ā' %}}"
    + "{% set k = a8 | trim(c) %}" * 24,
    "a long text many times": grown("a", 8) + "{{ [" + "a8, " * 24 + "0] | tojson }}",
    "a long text as many keys": grown("a", 9) + '{% set b = {"k": a9} %}{{ [' + "b, " * 20 + "0] | tojson | length }}",
    "deep lines": f"{{% set a0 = [{'1, ' * 40}] %}}{{% set a1 = [{'a0, ' * 40}] %}}{{% set b0 = [{'a1, ' * 40}] %}}"
    + "".join(f"{{% set b{at + 1} = [b{at}] %}}" for at in range(25))
    + "{{ b25 | tojson(8) }}",
    "centred": '{{ "x" | center(1000000000) }}',
    "indented": '{{ "x" | indent(1000000000) }}',
    "formatted": '{{ "{:1000000000}".format(1) }}',
    "a range": "{% for a in range(1000000000) %}{% endfor %}",
    "nonsense": "{{ lipsum(1000) }}",
    "digits": "{{ " + "9" * 60_000 + " }}",
    "hexadecimal digits": "{{ 0x" + "f" * 60_000 + " }}",
    "brackets": "{{ " + "(" * 30_000 + "1" + ")" * 30_000 + " }}",
    "lists": "{{ " + "[" * 30_000,
    "nots": "{{ " + "not " * 1_900 + "1 }}",
    "signs": "{{ " + "-" * 1_900 + "1 }}",
    "conditions": "{{ " + "1 if tag else " * 400 + "1 }}",
    "ifs": "{% if tag %}" * 250 + "{% endif %}" * 250,
    "filters": "{{ tag" + " | lower" * 900 + " }}",
    "sums": "{{ " + " + ".join(["1"] * 900) + " }}",
    "texts": "{{ " + " ~ ".join(["actor"] * 900) + " }}",
    "attributes": "{{ data" + ".a" * 900 + " }}",
    "prints": "{{tag}}" * 9_000,
    "names": "".join(f"{{% if tag %}}{{% set n{at} = 1 %}}{{% endif %}}" for at in range(120)),
    "remarks without end": "{#" * 30_000,
    "prints without end": "{{" * 30_000,
    "statements without end": "{%" * 30_000,
    "raw without end": "{% raw %}" * 7_000,
    "quotes without end": "{{ '" * 10_000,
    "nothing": "{{" + " " * 60_000 + "}}",
}
FINDINGS = """{% for one in scan.vulnerabilities -%}
{{ one.id | tojson }},{{ one.severity | tojson }},{{ one.package | tojson }},{{ one.cvss }},{{ one.links | tojson }},
{{ one.fixed_version or "-" }}{{ "" if loop.last else ";" }}
{% endfor %}"""


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_cost_much_is_refused_soon(name):
    said, took = cost(REFUSED[name])
    assert isinstance(said, TemplateTrouble)
    assert took < LONGEST


@pytest.mark.parametrize(
    "text",
    [
        "{{tag}}" * 660,
        '{% if tag == "a" %}' + '{% elif tag == "b" %}' * 300 + "{% endif %}",
        "{{ {" + ",".join(f'"k{at}": 1' for at in range(480)) + "} | tojson }}",
        "{%- if tag -%}" + " \n" * 30_000 + "{%- endif -%}",
        '{{ "' + '\\"' * 30_000 + '" }}',
        "x" * TEXT,
        "".join(f"{{% for a{at} in tags[:1] %}}" for at in range(19)) + "x" + END * 19,
        FINDINGS,
        "{{ data | tojson }}",
    ],
    ids=["prints", "elifs", "keys", "blanks", "escapes", "text", "nineteen loops", "a thousand findings", "everything"],
)  # fmt: skip
def test_what_is_within_the_limits_is_quick(text):
    said, took = cost(text)
    assert isinstance(said, str)
    assert took < LONGEST


@pytest.mark.parametrize("name", ["a long text many times", "a long text as many keys", "deep lines"])
def test_what_is_too_long_is_refused_before_it_takes_memory(name):
    """Megabytes, of which nothing could be sent."""
    made = compiled(environment, REFUSED[name])
    tracemalloc.start()
    try:
        with pytest.raises(TemplateTrouble, match="makes a text of more than 256 KiB"):
            made.render(VALUES, Meter())
        assert tracemalloc.get_traced_memory()[1] < 4 * LARGEST
    finally:
        tracemalloc.stop()


def test_a_template_cannot_spend_more_than_it_has():
    """Each step is counted before it is made: what is left is never far below nothing."""
    meter = Meter()
    with pytest.raises(TemplateTrouble, match=rf"at most {STEPS} steps"):
        compiled(environment, EACH + EACH.replace("t in", "u in") + "x" + END * 2).render(VALUES, meter)
    meter = Meter(10)
    assert compiled(environment, "{{ tag }}").render(VALUES, meter) == "v0"
    assert meter.left == 8  # a step for printing, and one for the name


# --- many of them -----------------------------------------------------------------------------------------------------

HEAVY = "{% for t in tags %}" + "{{ t | upper }}" * 30 + "{% endfor %}"


def told(bodies, namespace="prj", event=LARGE):
    """What a router makes of an event for so many subscriptions, bounded to a namespace as those of APIs are."""
    routes = []
    for at, body in enumerate(bodies):
        voice = DIALECT.bind(Options(body=body, json=False), [event.type])
        match = Match(namespace=namespace, untagged=True)
        made = Subscription(
            name=f"s{at}", format="template", url="https://a.example/", events=(event.type,), match=match
        )
        routes.append(Route(made, voice, at, Audience(made.name, url=made.url)))
    router = Router(routes)
    return router, router.plan(event)


def test_subscriptions_of_a_namespace_share_what_an_event_may_cost():
    """Thousands can be made by whoever manages one namespace; the loop is everybody's."""
    small = "{{ event.type }}"
    _, alone = told([HEAVY])
    assert len(alone.messages) == 1
    router, plan = told([small, *(HEAVY + f"{{# {at} #}}" for at in range(60)), small + "!"])
    dead = [one for one in plan.deliveries if one.message is None]
    assert 0 < len(plan.messages) <= 1 + SHARED // 30_000  # each pays for a thousand rounds of thirty filters
    assert plan.messages[0].body == LARGE.type.encode()
    assert len(dead) == 62 - len(plan.messages)
    assert all("take too much work together for one event: have fewer of them" in one.detail for one in dead)
    assert router.strained, "the loop has its turn before the next event"
    _, next_one = told([small])
    assert next_one.messages, "the next event has an allowance of its own"


def test_what_the_operator_wrote_is_bounded_each_by_itself():
    router, plan = told([HEAVY + f"{{# {at} #}}" for at in range(20)], namespace="")
    assert len(plan.messages) == 20
    assert not router.strained


def test_compiling_again_is_paid_for(monkeypatch):
    """More templates than are kept compiled: otherwise every event would compile them all."""
    kept = Library(most=1)
    monkeypatch.setattr(messages, "library", lambda: kept)
    router, plan = told(["{{tag}}" * 600 + str(at) for at in range(20)])
    assert 1 <= len(plan.messages) <= SHARED // (1_800 * PER_TOKEN) + 1
    assert router.strained


def test_reading_the_json_that_came_out_is_paid_for():
    """Each of these is of twenty thousand lists, and there is one for each tag."""
    event = msgspec.structs.replace(LARGE, tags=LARGE.tags[:90])
    dense = Options(body=f"[{'[],' * 21_000}0]", per_tag=True)
    began = time.process_time()
    with pytest.raises(TemplateTrouble, match="takes too much work for one event"):
        DIALECT.render(event, event.type, dense, Audience())
    assert time.process_time() - began < LONGEST
    (message,) = DIALECT.render(msgspec.structs.replace(event, tags=("v1",)), event.type, dense, Audience())
    assert len(message.body) > 60_000


def test_json_may_be_as_deep_as_it_likes():
    deep = Options(body="[" * 30_000 + "]" * 30_000)
    with pytest.raises(TemplateTrouble, match="body: what comes out is no JSON to its end"):
        DIALECT.render(LARGE, LARGE.type, deep, Audience())


def test_large_events_are_paid_for_before_they_are_put_into_words():
    references = tuple(Descriptor(media_type="m", digest=f"sha256:{at:064}", size=1) for at in range(30_000))
    event = msgspec.structs.replace(LARGE, artifact=msgspec.structs.replace(LARGE.artifact, references=references))
    _, plan = told([f"{{{{ artifact.digest }}}} {at}" for at in range(50)], event=event)
    assert 1 <= len(plan.messages) <= SHARED // 180_000 + 1


# --- made at random ---------------------------------------------------------------------------------------------------

_NAMES = (
    "tag",
    "tags",
    "actor",
    "scan",
    "scan.vulnerabilities",
    "data",
    "artifact.labels",
    "event.epoch",
    "a",
    "b",
    "loop",
)
_ATOMS = st.sampled_from((*_NAMES, "0", "9", "'xy'", "''", "none", "true", "[]", "{}", "[tags, tags]", "{'a': actor}"))


def _used(inner, sign, name, function):
    """A filter or test with as many arguments as it takes."""
    taken = list(inspect.signature(function).parameters.values())[2:]
    least = sum(one.default is inspect.Parameter.empty for one in taken)
    given = st.lists(inner, min_size=least, max_size=len(taken))
    return st.tuples(inner, given).map(
        lambda one: f"({one[0]} {sign} {name}{'(' + ', '.join(one[1]) + ')' if one[1] else ''})"
    )


def _joined(inner):
    both = st.tuples(inner, st.sampled_from((*"~+-*/%<", "//", "==", "in", "and", "or", "[")), inner)
    used = st.sampled_from(tuple(FILTERS.items())).flatmap(lambda one: _used(inner, "|", *one))
    tested = st.sampled_from(tuple(TESTS.items())).flatmap(lambda one: _used(inner, "is", *one))
    parts = st.tuples(inner, inner, inner)
    return st.one_of(
        both.map(lambda one: f"({one[0]} {one[1]} {one[2]}{']' if one[1] == '[' else ''})"),
        used,
        tested,
        parts.map(lambda one: f"({one[0]} if {one[1]} else {one[2]})"),
        parts.map(lambda one: f"[{one[0]}, {one[1]}][{one[2]}:]"),
    )


_EXPRESSIONS = st.recursive(_ATOMS, _joined, max_leaves=6)


def _nested(inner):
    body = st.lists(inner, max_size=3).map("".join)
    return st.one_of(
        st.tuples(_EXPRESSIONS, body).map(lambda one: f"{{% for a in {one[0]} %}}{one[1]}{{% endfor %}}"),
        st.tuples(_EXPRESSIONS, body).map(lambda one: f"{{% for a in tags if {one[0]} %}}{one[1]}{{% endfor %}}"),
        st.tuples(_EXPRESSIONS, body, body).map(
            lambda one: f"{{% if {one[0]} %}}{one[1]}{{% else %}}{one[2]}{{% endif %}}"
        ),
        st.tuples(_EXPRESSIONS, body).map(lambda one: f"{{% set b = {one[0]} %}}{one[1]}"),
    )


_TEMPLATES = st.recursive(
    st.one_of(_EXPRESSIONS.map(lambda one: f"{{{{ {one} }}}}"), st.sampled_from(("text ", "\n", "{# x #}"))),
    _nested,
    max_leaves=8,
)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(_TEMPLATES, min_size=1, max_size=4).map("".join), st.integers(1, 15))
def test_whatever_is_written_ends_soon(text, times):
    """Most of these are nonsense; what is not may go through a thousand tags, and all of it many times over."""
    said, took = cost(f"{{% set b = 1 %}}{{% for a in tags[:2] %}}{text * times}{{% endfor %}}")
    assert isinstance(said, str | TemplateTrouble)
    assert took < LONGEST
    if isinstance(said, str):
        assert len(said) <= LARGEST
