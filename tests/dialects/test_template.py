"""Messages of an operator's own making: what comes of body, headers and URL, and what is refused when they are read."""

import json
import re
import subprocess
import sys

import msgspec
import pytest

from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.template import DIALECT, Options, check, check_events, render, vocabulary
from sidecar.dialects.templating.limits import HEADERS, LARGEST, MOST_HEADERS, TEXT, TRIAL, URL, TemplateTrouble
from sidecar.dialects.templating.messages import library
from sidecar.domain.enrichment import Fact
from sidecar.domain.event import HAPPENINGS, EventType
from sidecar.domain.header_names import FRAMING, OWN, SIGNED_BY
from sidecar.domain.subscription import SignScheme

HERE = Audience("deploy", url="https://maria:S3cret@deploy.example.com/hook")
PUSHED = sample()
EVERYTHING = frozenset(HAPPENINGS)


def say(event=PUSHED, audience=HERE, **options):
    given = Options(**{"body": "{}", **options})
    assert check(given) == ""
    return render(event, event.type, given, audience)


def failure(event=PUSHED, audience=HERE, **options):
    given = Options(**{"body": "{}", **options})
    assert check(given) == ""
    with pytest.raises(TemplateTrouble) as caught:
        render(event, event.type, given, audience)
    return str(caught.value)


def problem(types=frozenset({EventType.PUSHED}), audience=HERE, **options):
    given = Options(**{"body": "{}", **options})
    return check(given) or check_events(given, types, audience)


def by(name):
    return msgspec.structs.replace(PUSHED, actor=name)


# --- the body ---------------------------------------------------------------------------------------------------------


def test_a_body_is_what_its_template_says():
    (message,) = say(body='{"image": {{ reference | tojson }}}\n')
    assert message.body == b'{"image": "registry.example.com/prj/web/app:1.4.2"}'
    assert (message.word, message.content_type, message.headers, message.url) == (
        "artifact.pushed", "application/json", (), "",
    )  # fmt: skip


def test_a_body_need_not_be_json():
    (message,) = say(body="pushed: {{ tag }}", content_type="text/plain; charset=utf-8")
    assert (message.body, message.content_type) == (b"pushed: 1.4.2", "text/plain; charset=utf-8")
    (message,) = say(body="", json=False)
    assert message.body == b""


def test_where_it_must_be_json_another_is_refused_with_the_place():
    place = (
        r"body: what comes out is no JSON at line 2, column \d+ of it \(.*\): write values as `\{\{ ... \| tojson \}\}`"
    )
    for options in (
        {},
        {"content_type": "application/vnd.example+json; v=1"},
        {"content_type": "text/plain", "json": True},
    ):
        assert re.match(place, failure(body='{"a": 1,\n "b": {{ tag }}}', **options))
    assert failure(body='{"a": ').startswith("body: what comes out is no JSON to its end (")
    assert "no JSON" in failure(body="")
    assert "no JSON" in failure(body="[" * 60_000)
    assert say(body="{{ tag }}", json=False)
    assert say(body="{{ tag }}", content_type="application/jsonish")


def test_a_text_with_a_quote_in_it_must_be_written_as_json():
    """No sample of an event has such a name, so that it is tried apart: some actor will be called so."""
    said = "body: what comes out is no JSON where a text of `{}` has a quote in it (of {}): write such texts as"
    assert problem(body='{"by": "{{ actor }}"}').startswith(said.format("actor", "artifact.pushed"))
    scans = frozenset({EventType.SCAN_FAILED})
    assert problem(scans, body='{"why": "{{ scan.error }}"}').startswith(said.format("scan", "scan.failed"))
    assert problem(body='{"by": {{ actor | tojson }}, "tag": "{{ tag }}"}') == ""
    assert json.loads(say(by('a"b\\c\n'), body='{"by": {{ actor | tojson }}}')[0].body) == {"by": 'a"b\\c\n'}


def test_a_body_has_its_bound():
    (message,) = say(body="{{ actor }}", json=False, event=by("x" * LARGEST))
    assert len(message.body) == LARGEST
    assert failure(by("x" * LARGEST), body="{{ actor }}!", json=False) == "body: makes a text of more than 256 KiB"
    wide = failure(by("\N{SNOWMAN}" * (LARGEST // 2)), body="{{ actor }}", json=False)
    assert wide == "body: what comes out has more than 256 KiB"
    assert failure(body="{{ '\\ud800' }}", json=False) == "body: what comes out is no Unicode text"


# --- headers ----------------------------------------------------------------------------------------------------------


def test_headers_are_lines_and_empty_ones_are_left_out():
    (message,) = say(
        headers={"X-Tag": " {{ tag }}\n", "X-Empty": "{{ actor }}", "X-Kind": "{{ 'image' }}"}, event=by("")
    )
    assert message.headers == (("X-Tag", "1.4.2"), ("X-Kind", "image"))


def test_headers_that_are_always_the_same_are_not_in_the_message_which_is_stored():
    """They may be credentials. Each request carries them, as it carries what a format always sends."""
    given = {
        "X-Key": " s3cret\n",
        "X-Tag": "{{ tag }}",
        "X-None": " ",
        "X-If": "{% if tag %}a{% endif %}",
        "X-No": "b{# c #}",
    }
    (message,) = say(headers=given)
    assert message.headers == (("X-Tag", "1.4.2"), ("X-If", "a"), ("X-No", "b"))
    options = Options(body="{}", headers=given)
    voice = DIALECT.bind(options, ["artifact.pushed"])
    assert voice.headers == (("X-Key", "s3cret"),)
    assert problem(headers={"X-Key": "a\nb"}).startswith("headers.X-Key: what comes out is not one line")


@pytest.mark.parametrize("character", ["\r\n", "\n", "\r", "\0", "\x7f", "\x1b"])
def test_no_header_can_end_its_line(character):
    said = failure(by(f"a{character}X-Injected: b"), headers={"X-By": "{{ actor }}"})
    assert said == "headers.X-By: what comes out is not one line without control characters"


def test_headers_have_a_bound_together():
    room = HEADERS - len("X-A") - len("X-B") - 1
    assert say(by("x" * room), headers={"X-A": "{{ actor }}", "X-B": "y"})
    said = failure(by("x" * (room + 1)), headers={"X-A": "{{ actor }}", "X-B": "y"})
    assert said == "headers.X-B: the headers come to more than 8 KiB"
    assert problem(headers={f"X-{at}": "1" for at in range(MOST_HEADERS)}) == ""
    assert problem(headers={f"X-{at}": "1" for at in range(MOST_HEADERS + 1)}) == "`headers` has more than 32 headers"


@pytest.mark.parametrize(
    "name", sorted({*FRAMING, *OWN, *SIGNED_BY.values(), "x-hub-signature", "traceparent", "content-type"})
)
@pytest.mark.parametrize("spelled", [str.title, str.upper, str.lower])
def test_some_headers_cannot_be_set(name, spelled):
    assert problem(headers={spelled(name): "x"}).startswith(f"headers.{spelled(name)} cannot be set")


def test_header_names_are_names_and_each_stands_once():
    for name in ("", "a b", "a:b", "a\n", "\N{SNOWMAN}"):
        assert "is not a header name" in problem(headers={name: "x"})
    assert problem(headers={"X-A": "1", "x-a": "2"}) == "headers.x-a is the same header as X-A: keep one"


def test_every_scheme_that_signs_in_a_header_of_its_own_is_known():
    assert set(SIGNED_BY) == set(SignScheme) - {SignScheme.STANDARD}


# --- the URL ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("https://deploy.example.com/run?tag={{ tag | urlencode }}", "https://deploy.example.com/run?tag=1.4.2"),
        ("https://deploy.example.com:443/{{ repository.path }}\n", "https://deploy.example.com/prj/web/app"),
        ("https://DEPLOY.example.com", "https://deploy.example.com/"),
        ("https://maria:S3cret@deploy.example.com/x", "https://deploy.example.com/x"),  # nothing secret is stored
        ("https://deploy.example.com/?a={{ 'x y/&' | urlencode }}", "https://deploy.example.com/?a=x%20y%2F%26"),
    ],
)
def test_a_url_has_the_origin_of_the_subscription_s(template, url):
    (message,) = say(url=template)
    assert message.url == url


@pytest.mark.parametrize(
    "template",
    [
        "https://other.example.com/", "http://deploy.example.com/", "https://deploy.example.com:8443/",
        "https://deploy.example.com.other.example.com/", "https://deploy.example.com@other.example.com/",
        "https://eve:x@deploy.example.com/", "https://maria@deploy.example.com/", "//deploy.example.com/", "/run",
        "ftp://deploy.example.com/", "https://[deploy.example.com/", "https://deploy.example.com:x/", "{{ tag }}",
        "https://deploy.example.com:99999/", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_another_origin_is_refused(template):
    """Headers, credentials and certificates are the subscription's host's: nobody else may be sent them."""
    said = "url: what comes out leads to another scheme or host than the subscription's `url`"
    assert failure(url=template).startswith(said)
    assert problem(url=template).startswith(said), "samples tell it at load"


@pytest.mark.parametrize("text", ["a b", "a\r\nb", "a#b", "a\\b", "\N{SNOWMAN}", "x" * URL, "a\tb"])
def test_what_no_url_can_hold_is_refused(text):
    said = failure(by(text), url="https://deploy.example.com/{{ actor }}")
    assert said.startswith("url: what comes out is no URL of at most 8 KiB without spaces")
    assert said.endswith("write values as `{{ ... | urlencode }}`")


def test_a_url_makes_the_messages_each_subscription_s_own():
    assert DIALECT.scoped(Options(body="{}", url="https://deploy.example.com/"), "artifact.pushed")
    assert not DIALECT.scoped(Options(body="{}"), "artifact.pushed")


# --- one for each tag -------------------------------------------------------------------------------------------------


def test_each_tag_has_its_message():
    event = msgspec.structs.replace(sample(EventType.DELETED), tags=("1.4.2", "latest"))
    body = '{"tag": "{{ tag }}", "image": {{ reference | tojson }}, "of": {{ tags | length }}}'
    one, other = say(event, body=body, per_tag=True, headers={"X-Tag": "{{ tag }}"})
    assert json.loads(one.body) == {"tag": "1.4.2", "image": "registry.example.com/prj/web/app:1.4.2", "of": 2}
    assert json.loads(other.body) == {"tag": "latest", "image": "registry.example.com/prj/web/app:latest", "of": 2}
    assert other.headers == (("X-Tag", "latest"),)
    (only,) = say(event, body=body)
    assert only.body == one.body
    (untagged,) = say(msgspec.structs.replace(event, tags=()), body=body, per_tag=True)
    assert json.loads(untagged.body)["tag"] == ""


def test_all_messages_of_an_event_have_one_bound():
    event = msgspec.structs.replace(sample(EventType.DELETED), tags=tuple(f"v{at}" for at in range(2_000)))
    assert len(say(event, body='{"image": {{ reference | tojson }}}', per_tag=True)) == 2_000
    said = failure(event, body="[{% for one in tags %}{{ one | tojson }},{% endfor %}0]", per_tag=True)
    assert said.startswith("body, line 1: takes too much work for one event")


# --- read -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"body": "{\n{{ artifact.digset }}}"},
         "body, line 2: `artifact.digset` is unknown: did you mean `artifact.digest`?"),
        ({"headers": {"X-A": "{{ tga }}"}}, "headers.X-A, line 1: `tga` is unknown: did you mean `tag`?"),
        ({"url": "{{ tag | uper }}"}, "url, line 1: there is no filter `uper`: did you mean `upper`?"),
        ({"body": "{{"}, "body, line 1: unexpected 'end of template'"),
        ({"content_type": "json"}, "`content_type` must be a media type such as `application/json`"),
        ({"content_type": "text/plain\n"}, "`content_type` must be a media type such as `application/json`"),
        ({"content_type": "text/plain;\r\nX-Admin: yes"}, "`content_type` must be a media type"),
        ({"content_type": "text/plain\n; charset=utf-8"}, "`content_type` must be a media type"),
        ({"content_type": "text/plain; a\x7f"}, "`content_type` must be a media type"),
        ({"content_type": "text/" + "x" * 200}, "`content_type` must be a media type such as `application/json`"),
        ({"body": "x" * TEXT + "y"}, "the templates have more than 64 KiB together: make them shorter"),
        ({"body": "{{1}}" * 600, "headers": {"X-A": "{{1}}" * 100}},
         "headers.X-A: the templates have more than 2000 words and signs: make them shorter"),
    ],
)  # fmt: skip
def test_mistakes_are_told_when_the_options_are_read(options, said):
    assert check(Options(**{"body": "{}", **options})).startswith(said)


@pytest.mark.parametrize(
    ("types", "body", "said"),
    [
        ({EventType.PUSHED}, "{{ scan.total }}", "body, line 1: asks null for 'total'"),
        ({EventType.SCAN_COMPLETED, EventType.PUSHED}, "{{ scan.total }}", "body, line 1: asks null for 'total'"),
        ({EventType.PUSHED}, '{"t": "{{ tags[0] }}"}', "body, line 1: asks a list of 0 for 0: use `| first`"),
        ({EventType.PUSHED}, "{{ artifact.size / 2 }}", "body, line 1: calculates with null: that takes numbers"),
        ({EventType.BUILD_FAILED}, '{"n": {{ build.name }}}', "body: what comes out is no JSON"),
        ({EventType.PUSHED}, "{{ tags if artifact.kind == 'chart' else 1 }}", "body, line 1: shows a list as text"),
    ],
)  # fmt: skip
def test_every_subscribed_event_is_tried(types, body, said):
    found = problem(frozenset(types), body=body)
    assert found.startswith(said)
    assert re.search(r" \(of [a-z]+\.[a-z]+.*\)", found), "it says of which event"


@pytest.mark.parametrize(
    ("types", "body"),
    [
        ({EventType.SCAN_COMPLETED}, "{{ scan.total | tojson }}"),
        (EVERYTHING, "{{ scan.severities.High if scan else build.source.author.username | tojson if build else 0 }}"),
        (EVERYTHING, "{% if quota %}{{ quota.used * 2 }}{% else %}[]{% endif %}"),
        ({EventType.QUOTA_WARNING}, "{{ (quota.used / quota.limit * 100) | round }}"),
        ({EventType.PROMOTED}, "{{ promotion.target_tag | tojson }}"),
        (EVERYTHING, "{{ data | tojson }}"),
        (EVERYTHING, '["{{ tags | first }}", {{ mirror | tojson }}]'),
    ],
)  # fmt: skip
def test_what_all_samples_can_say_is_taken(types, body):
    assert problem(frozenset(types), body=body) == ""


def test_the_trial_itself_has_a_bound():
    """Whoever makes a subscription may have every event tried: not at the price of every event."""
    body = "{% for a in [1,2,3,4,5,6,7,8,9,0] %}" * 3 + "{{ reference | upper | lower | length }}" + "{% endfor %}" * 3
    assert problem(json=False, body=body) == ""
    assert "takes too much work" in problem(EVERYTHING, json=False, body=body)
    assert TRIAL < 1_000_000


def test_registries_are_asked_only_for_what_a_template_names():
    def reads(body):
        return {word.name: word.reads for word in vocabulary(Options(body=body))}["artifact.pushed"]

    assert reads("{{ reference }}") == frozenset()
    assert reads("{{ artifact.labels.team }}") == reads("{{ data | tojson }}") == frozenset(Fact)


def test_an_unreadable_template_is_never_kept():
    before = library().tokens
    assert check(Options(body="{{ nothing }}"))
    assert library().tokens == before


def test_jinja_is_loaded_with_the_first_template():
    """Where nobody has one it takes no memory: the console loads it too, with the first page."""
    program = (
        "import sys, sidecar.app\n"
        "from sidecar import dialects\n"
        "from sidecar.domain.event import HAPPENINGS\n"
        "known = dialects.load()\n"
        "for one in known.values():\n"
        "    if one.name != 'template':\n"
        "        one.bind(one.example, [word.name for word in one.vocabulary(one.example)][:1])\n"
        "print('jinja2' in sys.modules, 'sidecar.dialects.templating.engine' in sys.modules)\n"
        "known['template'].bind(known['template'].example, HAPPENINGS)\n"
        "print('jinja2' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]
