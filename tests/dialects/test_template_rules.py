"""What a template may say: known names, listed functions, nothing that Jinja would do by itself."""

import random
import sys
import threading

import jinja2
import pytest

from sidecar.dialects.contract import sample
from sidecar.dialects.templating import variables
from sidecar.dialects.templating.engine import Environment, Library, compiled
from sidecar.dialects.templating.limits import BRACKETS, DEPTH, NAMES, NUMBER, TOKENS, Meter, TemplateTrouble
from sidecar.domain.event import EventType

SCANNED = variables.values(sample(EventType.SCAN_COMPLETED), variables.SHAPES)
environment = Environment()


def rendered(text, values=SCANNED):
    return compiled(environment, text).render(values, Meter())


def refusal(text):
    """What is said of a template that is refused as it is read."""
    with pytest.raises(TemplateTrouble) as caught:
        compiled(environment, text)
    return caught.value


def failure(text):
    """What is said of a template that can be read and cannot be rendered."""
    template = compiled(environment, text)
    with pytest.raises(TemplateTrouble) as caught:
        template.render(SCANNED, Meter())
    return caught.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ tag }}", "1.4.2"),
        ("{{ tag }}\n", "1.4.2"),  # the line end of a YAML block is not part of the message
        ("{{ artifact['digest'] | short }}", "9f2c41d07b6e"),
        ("{{ event.changed }}|{{ repository.public }}|{{ event.epoch }}", "|false|1795219200"),
        ("{% for one in scan.vulnerabilities if one.cvss %}{{ loop.index }}{{ one.id }};{% endfor %}",
         "1CVE-2026-11111;2CVE-2026-22222;"),
        ("{% for one in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% for a, b in {'a': 1, 'b': 2} | items %}{{ a }}={{ b }}{{ '' if loop.last else ',' }}{% endfor %}",
         "a=1,b=2"),
        ("{% set a = 2 %}{% if tag == '' %}{% set a = 3 %}{% endif %}{{ a * 3 - 1 }}", "5"),
        ("{% if tag is startingwith 'v' %}v{% elif tag in tags %}in{% else %}else{% endif %}", "in"),
        ("{{ 'a' if scan.total > 2 and not scan.error else 'b' }}", "a"),
        ("{{ tags[0] ~ '@' ~ tags[-1] ~ tag[:1] ~ tag[-1] if tag else '' }}", None),
        ("{{ artifact.labels.nothing }}|{{ artifact.annotations['org.example.no'] }}|{{ data.nothing }}", "||"),
        ("{{ (1, 2, 3)[1:] | join('-') }}", "2-3"),
        ("{{ 7 // 2 }} {{ 7 / 2 }} {{ 7 % 4 }} {{ -7 + 2 }} {{ +3 }}", "3 3.5 3 -5 3"),
        ("{{ 1 < 2 }} {{ 2 <= 1 }} {{ 'a' != 'b' }} {{ 3 not in [1] }} {{ 'x' >= 'y' }}", "true false true true false"),
        ("{% raw %}{{ not }}{% endraw %}{# nor this #}", "{{ not }}"),
        ("{%- if tag %}\n  {% set x = 1 %}\n  {{ x }}\n{% endif -%}", "  1\n"),
        ("{{ none }}{{ true }}", "true"),
    ],
)  # fmt: skip
def test_what_can_be_said(text, said):
    """Expected by Jinja's own rules, with null as nothing and flags as in JSON."""
    if said is None:
        assert failure(text)
    else:
        assert rendered(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "{{ tags[0] }}{{ tag ~ reference }}",
        "{% for a in tags %}{% for b in [1, 2] %}{{ loop.index }}{{ a ~ b }}{% endfor %}{{ loop.first }}{% endfor %}",
        "{% set x = 1 %}{% for a in tags %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}",
        "{% if tag %}{% set y = 'a' %}{% else %}{% set y = 'b' %}{% endif %}{{ y }}",
        "{% set a, b = [1, 2] %}{{ a + b }}",
        "{{ {'a': tag}['a'] }} {{ ['x', 'y'] | join }} {{ actor | upper }}",
        "{% for k, v in {'b': 1, 'a': 2} | items %}{{ k }}{{ v }}{% endfor %}",
    ],
)
def test_jinja_itself_says_the_same(text):
    """Loops, scopes and operators are Jinja's: only what they cost is ours."""
    own = jinja2.Environment(
        undefined=jinja2.StrictUndefined, finalize=lambda one: str(one).lower() if isinstance(one, bool) else one
    )
    assert rendered(text) == own.from_string(text).render(SCANNED)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ artifact.digset }}", "`artifact.digset` is unknown: did you mean `artifact.digest`?"),
        ("{{ artifact['digset'] }}", "`artifact.digset` is unknown: did you mean `artifact.digest`?"),
        ("{{ digest }}", "`digest` is unknown: did you mean `artifact.digest`?"),
        ("{{ tgas }}", "`tgas` is unknown: did you mean `tags`?"),
        ("{{ tgas is defined }}", "`tgas` is unknown: did you mean `tags`?"),
        ("{{ tgas | default('') }}", "`tgas` is unknown: did you mean `tags`?"),
        ("{{ scan.scanner.vesion }}", "`scan.scanner.vesion` is unknown: did you mean `scan.scanner.version`?"),
        ("{% for one in scan.vulnerabilities %}{{ one.serverity }}{% endfor %}",
         "`one.serverity` is unknown: did you mean `one.severity`?"),
        ("{{ scan.vulnerabilities | map(attribute='nam_') }}", "`scan.vulnerabilities.nam_` is unknown; it has"),
        ("{{ tags.first }}", "`tags` is a list and has no `first`: loop over it, or write `tags | first`"),
        ("{{ actor.name }}", "`actor` is a text and has no `name`"),
        ("{{ event.epoch.x }}", "`event.epoch` is a number and has no `x`"),
        ("{{ tag | uper }}", "there is no filter `uper`: did you mean `upper`?"),
        ("{{ tag is strng }}", "there is no test `strng`: did you mean `string`?"),
        ("{{ tag | lipsum }}", "there is no filter `lipsum`"),
        ("{{ tag | replace('a') }}", "cannot use `replace` so: missing a required argument: 'new'"),
        ("{{ tag | upper(1) }}", "cannot use `upper` so: too many positional arguments"),
        ("{{ tag | truncate(*tags) }}", "gives `truncate` its arguments by `*`: write them out"),
        ("{{ tag.upper() }}", "calls `.upper()`: write `| upper` instead"),
        ("{{ tag.startswith('v') }}", "calls `.startswith()`: write `is startingwith` instead"),
        ("{{ range(10) }}", "calls something: there are filters and tests, and no calls"),
        ("{{ loop.index }}", "`loop` is unknown"),
        ("{% for a in tags %}{{ loop.cycle('a') }}{% endfor %}", "calls something"),
        ("{% for a in tags %}{{ loop.previtem }}{% endfor %}", "`loop.previtem` is unknown"),
        ("{% for a in tags recursive %}{% endfor %}", "cannot use `recursive` loops"),
        ("{% autoescape true %}{{ tag }}{% endautoescape %}", "cannot use `autoescape`"),
        ("{% macro a() %}{% endmacro %}", "cannot use macros"),
        ("{% call a() %}{% endcall %}", "cannot use macros"),
        ("{% block a %}{% endblock %}", "cannot use blocks"),
        ("{% extends 'a' %}", "cannot use other templates"),
        ("{% include 'a' %}", "cannot use other templates"),
        ("{% import 'a' as b %}", "cannot use other templates"),
        ("{% from 'a' import b %}", "cannot use other templates"),
        ("{% filter upper %}{% endfilter %}", "cannot use blocks of filters"),
        ("{% set a %}{% endset %}", "cannot use blocks of `set`"),
        ("{% with a = 1 %}{% endwith %}", "cannot use `with`"),
        ("{% set a.b = 1 %}", "cannot use namespaces"),
        ("{{ 2 ** 3 }}", "cannot use powers"),
        ("{% set tag = 1 %}", "sets `tag`, which is a variable of its own: take another name"),
        ("{% for tags in [1] %}{% endfor %}", "sets `tags`, which is a variable of its own"),
        ("{% set _a = 1 %}", "sets `_a`: names are ASCII and begin with a letter"),
        ("{% set \N{LATIN SMALL LIGATURE FI} = 1 %}", "sets `\N{LATIN SMALL LIGATURE FI}`: names are ASCII"),
        ("{% if tag %}{% set a = 1 %}{% endif %}{{ a }}", "uses `a` where it is not set on every way"),
        ("{% for a in tags %}{% endfor %}{{ a }}", "uses `a` where it is not set on every way"),
        ("{{ a }}{% set a = 1 %}", "`a` is unknown"),
        ("{{ 1 < 2 < 3 }}", "compares several at once: write `a < b and b < c`"),
        ("{{ tag if actor }}", "has an `if` in an expression without `else`: add `else ''`"),
        ("{{ 99999999999999999999 }}", "has a number that is too large"),
        ("{{ 1e400 }}", "has a number that is too large"),
        ("{{ tag }", "unexpected '}'"),
        ("{{ tag | }}", "expected token 'name', got 'end of print statement'"),
        ("{% if tag %}", "unexpected end of template"),
        ("{% foo %}", "encountered unknown tag 'foo'"),
        ("{{ self }}", "`self` is unknown"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_in_a_sentence(text, said):
    trouble = refusal(text)
    assert str(trouble).startswith(said)
    assert trouble.line == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ tags }}", "shows a list as text: add `| tojson` or `| join`"),
        ("{{ artifact }}", "shows a mapping as text: add `| tojson`"),
        ("{% for a in tags %}{{ loop }}{% endfor %}", "uses `loop` as a value"),
        ("{% for a in tags %}{{ [loop] | tojson }}{% endfor %}", "uses `loop` as a value"),
        ("{{ quota.used }}", "asks null for 'used': put it between `{% if ... %}` and `{% endif %}`"),
        ("{{ tags[3] }}", "asks a list of 1 for 3: use `| first`, or `| last`"),
        ("{{ ''.__class__ }}", "asks for '__class__', which is not there"),
        ("{{ 'a'['__class__']['__mro__'] }}", "asks for '__class__', which is not there"),
        ("{{ tag[0] }}", "asks for 0, which is not there"),
        ("{{ tag + 1 }}", "adds a text and a number: join texts with `~`"),
        ("{{ tag * 3 }}", "calculates with a text: that takes numbers"),
        ("{{ '%s' % 3 }}", "calculates with a text: that takes numbers"),
        ("{{ [1] + [2] }}", "calculates with a list: that takes numbers"),
        ("{{ true + 1 }}", "calculates with true or false: that takes numbers"),
        ("{{ -tag }}", "calculates with a text: that takes numbers"),
        ("{{ 1 / 0 }}", "divides by zero"),
        ("{{ 9000000000000000000 * 2 }}", "calculates a number that is too large"),
        ("{{ tag < 1 }}", "calculates with a text: that takes numbers"),
        ("{{ 1 in 2 }}", "looks for something in a number"),
        ("{{ 1 in tag }}", "looks for a number in a text: that takes a text"),
        ("{% for a in tag %}{% endfor %}", "goes through a text: that takes a list or a mapping"),
        ("{% for a in quota %}{% endfor %}", "goes through null: that takes a list or a mapping"),
        ("{{ {tags: 1} }}", "makes a mapping with a list as a key: that takes a text"),
        ("{{ tags[:tag] | join }}", "takes a part of something: that needs whole numbers"),
        ("{{ artifact[:1] }}", "takes a part of a mapping: that takes a text or a list"),
        ("{% set a, b = tags %}", "cannot be rendered: not enough values to unpack"),
    ],
)  # fmt: skip
def test_what_only_a_value_can_make_wrong_is_told_when_it_is_rendered(text, said):
    assert str(failure(text)).startswith(said)


def test_errors_have_the_line_of_the_template():
    assert refusal("{{ tag }}\n{{ tag }}\n{{ nothing }}").line == 3
    assert refusal("{{ tag }}\n{{ tag }}\n{{ }}").line == 3
    assert failure("{{ tag }}\n{% if tag %}\n{{ tag }}\n{{ tags }}\n{% endif %}").line == 4


def test_bounds_of_size_are_exact():
    assert compiled(environment, "{{" + "(" * BRACKETS + "1" + ")" * BRACKETS + "}}")
    assert "brackets" in str(refusal("{{" + "(" * (BRACKETS + 1) + "1" + ")" * (BRACKETS + 1) + "}}"))
    names = "".join(f"{{% set n{at} = 1 %}}" for at in range(NAMES))
    assert compiled(environment, names)
    assert str(refusal(names + "{% set more = 1 %}")) == f"sets more than {NAMES} names"
    assert compiled(environment, "{{1}}" * (TOKENS // 3))  # begin, number, end
    assert "words and signs" in str(refusal("{{1}}" * (TOKENS // 3 + 1)))
    assert compiled(environment, f"{{{{ {NUMBER - 1} }}}}")
    assert str(refusal(f"{{{{ {NUMBER} }}}}")) == "has a number that is too large"
    assert compiled(environment, "{{ 1" + "+1" * (DEPTH - 2) + " }}")
    assert "nested" in str(refusal("{{ 1" + "+1" * DEPTH + " }}"))


def test_compiled_templates_are_kept_and_the_oldest_go():
    library = Library(most=20)
    first = library.get("{{ tag }}")  # begin, name, end: three tokens
    for at in range(5):
        library.get(f"{{{{ {at} }}}}")
    assert library.get("{{ tag }}") is first
    assert library.tokens == 18
    library.get("{{ 5 }}")
    assert library.tokens == 18
    assert library.get("{{ tag }}") is first
    assert library.get("{{ 0 }}") is not None
    assert library.tokens == 18
    with pytest.raises(TemplateTrouble):
        library.get("{{ nothing }}")
    assert library.tokens == 18


def test_the_library_serves_the_loop_and_a_thread_at_once():
    """A configuration is read on a thread, and turns out of the library what the loop is about to use."""
    library, texts = Library(most=9), [f"{{{{ {at} }}}}" for at in range(12)]
    troubles = []

    def use(order):
        for text in order:
            try:
                library.get(text)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
                troubles.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=use, args=(random.Random(at).choices(texts, k=150),)) for at in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    finally:
        sys.setswitchinterval(before)
    assert troubles == []
    assert library.tokens <= 9
