"""Subscriptions written as YAML: the same ones once the variables are set, and nothing secret in clear."""

import json
import re

import pytest

from sidecar.config.export import Export, within
from sidecar.config.loading import load
from sidecar.domain.glob import Globs
from sidecar.domain.masking import masked

SECRET = "hunter2-hunter2-hunter2"
BASE = {"registries": [{"name": "main", "hostname": "registry.example.com"}]}


def made(key="ci", *targets, source="native", number=7, namespace="", repository="", enabled=True):
    """One as the native API shows it."""
    given = [
        {"name": key, "namespace": namespace, "repository": repository, "enabled": enabled, **masked(one)}
        for one in targets
    ]
    return {"name": key, "source": source, "id": number, "targets": given}


def written(*made_ones, raw=b"", urls=True, defaults=("library",)):
    export = Export(urls=urls, defaults=defaults)
    if raw:
        export.file(raw)
    for one in made_ones:
        export.made(one)
    return export.text()


def read(tmp_path, text, environ):
    """The subscriptions of a file with this section."""
    path = tmp_path / "exported.yml"
    path.write_text(f"registries: {json.dumps(BASE['registries'])}\n{text}")
    return {one.subscription.name: one.subscription for one in load(path, environ).subscriptions}


FILE = """
registries: [{name: main, hostname: registry.example.com}]
subscriptions:
  - name: file
    format: harbor
    options: {flavour: cloudevents}
    events: [PUSH_ARTIFACT]
    url: https://file.example
    headers: {Authorization: "Bearer ${env:HERE}", X-Key: hunter2-hunter2-hunter2, X-Half: "a-${env:HERE}"}
    sign: {secrets: ["whsec_aHVudGVyMi1odW50ZXIyLWh1bnRlcjI="]}
    delivery: {timeout: 3s}
  - {name: plain, format: dtr, url: "https://plain.example"}
"""


def test_what_is_exported_can_be_loaded_and_is_the_same(tmp_path):
    target = {
        "format": "dtr",
        "events": ["TAG_PUSH"],
        "match": {"tags": ["v*", "no", "1.0"], "untagged": True},
        "url": "https://hooks.example/a?b=c",
        "headers": {"X-Key": SECRET},
        "sign": {"scheme": "github", "secrets": [SECRET]},
        "delivery": {"timeout": "7s", "retry": {"factor": 2.5}, "success": ["2xx", 304]},
    }
    text = written(made("ci", target), raw=FILE.encode(), urls=False)
    assert SECRET not in text
    assert "hunter2" not in text
    assert "aHVudGVy" not in text
    assert "b=c" not in text
    (path := tmp_path / "before.yml").write_text(FILE)
    given = {"HERE": "x"}
    before = {one.subscription.name: one.subscription for one in load(path, given).subscriptions}
    variables = {
        **given,
        "CI_URL": "https://hooks.example/a?b=c",
        "CI_HEADER_X_KEY": SECRET,
        "CI_SIGN_SECRET_1": SECRET,
        "FILE_HEADER_X_KEY": SECRET,
        "FILE_HEADER_X_HALF": "a-x",
        "FILE_SIGN_SECRET_1": "whsec_aHVudGVyMi1odW50ZXIyLWh1bnRlcjI=",
    }
    assert set(re.findall(r"# \$\{env:(\w+)\} is ", text)) == variables.keys() - {"HERE"}, "each has its comment"
    after = read(tmp_path, text, variables)
    assert after["file"] == before["file"]
    assert after["plain"] == before["plain"]
    (path := tmp_path / "direct.yml").write_text(
        json.dumps({**BASE, "subscriptions": [{"name": "ci", **target}]}),
    )
    assert after["ci"] == load(path, {}).subscriptions[0].subscription


def test_urls_are_written_where_they_are_asked_for_but_never_their_credentials():
    one = {"format": "dtr", "url": "https://hooks.example/path?x=1"}
    user = {"format": "dtr", "url": "https://user:hunter2@hooks.example/path"}
    assert "https://hooks.example/path?x=1" in written(made("a", one))
    assert "hunter2" not in written(made("a", user))
    assert "is the whole URL: https://hooks.example/..." in written(made("a", user))
    assert "path" not in written(made("a", one), urls=False)
    assert "url: https://bare.example/" in written(
        made("a", {"format": "dtr", "url": "https://bare.example/"}), urls=False
    )


def test_what_looks_like_a_reference_is_not_followed_when_it_is_loaded(tmp_path):
    """An API sent it as it was written; the file would have read the operator's environment."""
    one = {"format": "dtr", "url": "https://h.example/${env:HOME}", "match": {"tags": ["a"]}}
    text = written(made("ci", one))
    assert "${env:HOME}" not in text
    assert read(tmp_path, text, {"CI_URL": "https://h.example/x"})["ci"].url == "https://h.example/x"


def test_no_text_of_whoever_made_it_reads_the_operators_environment(tmp_path):
    """Whoever may make a subscription would have its secrets sent to themselves, once the operator moves it."""
    body = '{"stolen": "${env:HOME}",\n "by": "${file:/etc/hostname}"}\n'
    one = {
        "format": "template",
        "url": "https://h.example/",
        "options": {"body": body, "content_type": "text/plain"},
        "match": {"tags": ["a", "${env:HOME}"]},
    }
    text = written(made("ci", one))
    stays = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert set(re.findall(r"\$\{\w+:([^}]*)\}", stays)) == {"CI_OPTIONS_BODY", "CI_MATCH_TAGS_2"}
    after = read(tmp_path, text, {"CI_OPTIONS_BODY": body, "CI_MATCH_TAGS_2": "${env:HOME}", "HOME": "hunter2"})
    assert after["ci"].match.tags.admits("${env:HOME}")
    assert not after["ci"].match.tags.admits("hunter2")


def test_headers_and_url_that_a_template_makes_are_as_secret_as_the_subscriptions_own(tmp_path):
    body = '{\n  "tag": {{ tag | tojson }}\n}\n'
    options = {"body": body, "headers": {"X-Key": SECRET}, "url": f"https://h.example/{SECRET}?tag={{{{ tag }}}}"}
    one = {"format": "template", "url": f"https://h.example/{SECRET}", "options": options}
    raw = json.dumps({**BASE, "subscriptions": [{"name": "file", **one}]}).encode()
    text = written(made("ci", one), raw=raw, urls=False)
    assert SECRET not in text
    assert '      body: |\n        {\n          "tag": {{ tag | tojson }}\n        }\n' in text, "as people write it"
    variables = {
        f"{name}_{what}": value
        for name in ("FILE", "CI")
        for what, value in {
            "TEMPLATE_X_KEY": SECRET,
            "TEMPLATE_URL": options["url"],
            "URL": one["url"],
        }.items()
    }
    assert set(re.findall(r"# \$\{env:(\w+)\} is ", text)) == variables.keys()
    (path := tmp_path / "direct.yml").write_text(json.dumps({**BASE, "subscriptions": [{"name": "ci", **one}]}))
    assert read(tmp_path, text, variables)["ci"] == load(path, {}).subscriptions[0].subscription


@pytest.mark.parametrize("namespace", ["", "prj"])
def test_filters_made_through_an_api_are_not_followed_either(tmp_path, namespace):
    match = {"tags": ["${env:SECRET}"], "repositories": ["prj/${env:SECRET}", "prj/b"]}
    text = written(made("ci", {"format": "dtr", "url": "https://a.example", "match": match}, namespace=namespace))
    environ = {"SECRET": "hunter2", "CI_MATCH_TAGS_1": "as-it-was", "CI_MATCH_REPOSITORIES_1": "prj/as-it-was"}
    found = read(tmp_path, text, environ)["ci"].match
    assert found.tags.admits("as-it-was")
    assert not found.tags.admits("hunter2")
    assert found.repositories.admits("prj/as-it-was")
    assert found.repositories.admits("prj/b")
    assert not found.repositories.admits("prj/hunter2")


@pytest.mark.parametrize(
    "character", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "\U0001f600"]
)
def test_no_character_that_an_api_was_given_keeps_the_file_from_being_read(tmp_path, character):
    """Text of theirs stands in comments, too."""
    body = f"${{env:SECRET}}{character}x: [\n  - name: other"
    target = {"format": "template", "url": "https://a.example", "options": {"body": body, "json": False}}
    text = written({**made("ci", target, source="harbor"), "name": f"a{character}b"}, made("other", target))
    environ = dict.fromkeys(re.findall(r"\$\{env:([A-Z]\w+)\}", text), "text")
    assert set(read(tmp_path, text, environ)) == {"harbor-7", "other"}


def test_names_are_those_of_a_file_and_each_is_used_once(tmp_path):
    target = {"format": "dtr", "url": "https://a.example"}
    text = written(
        made("plain", target),
        made("1/ci", target, target, source="harbor", number=3),
        made("0123abcd", target, source="dtr", number=4),
        raw=FILE.encode(),
    )
    after = read(
        tmp_path, text, dict.fromkeys(re.findall(r"env:(\w+)", text), "whsec_aHVudGVyMi1odW50ZXIyLWh1bnRlcjI=")
    )
    assert list(after) == ["file", "plain", "plain-2", "harbor-3", "harbor-3-2", "dtr-4"]


def test_certificates_are_put_into_a_comment_and_named_as_a_file(tmp_path):
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    text = written(made("ci", {"format": "dtr", "url": "https://a.example", "tls": {"ca": pem}}))
    assert "  # MIIB\n" in text
    assert "ca_file: ${env:CI_CA_FILE}" in text


def test_what_is_disabled_stays_so_and_none_at_all_is_an_empty_list(tmp_path):
    text = written(made("ci", {"format": "dtr", "url": "https://a.example"}, enabled=False))
    assert read(tmp_path, text, {})["ci"].enabled is False
    assert read(tmp_path, written(), {}) == {}


# --- bounds ----------------------------------------------------------------------------------------------------------

PATHS = ["prj/app", "prj/web/app", "prj/deep/web/app", "prj/x", "other/app", "app", "prj", "web/app"]


@pytest.mark.parametrize("single", [False, True], ids=["another", "default"])
@pytest.mark.parametrize(
    "patterns",
    [
        (), ("**",), ("**/app",), ("*/app",), ("prj/**",), ("other/**",), ("pr?/x",), ("app",), ("prj/web/*", "**/x"),
        ("**", "!prj/web/**"), ("!**/x",), ("**/web/app",), ("*",), ("*/*/app", "other/app"),
    ],
)  # fmt: skip
def test_globs_within_a_namespace_admit_what_both_do(patterns, single):
    namespace = "library" if single else "prj"
    asked = Globs.of(patterns, segments=True)
    bounded = Globs.of(within(patterns, namespace, single=single) or ["nothing/at/all"], segments=True)
    for path in [*PATHS, *(one.replace("prj/", "library/") for one in PATHS)]:
        inside = path.startswith(f"{namespace}/") or (single and "/" not in path)
        assert bounded.admits(path) == (inside and asked.admits(path)), path


def test_a_bound_is_said_in_match_and_what_lies_outside_of_it_is_disabled(tmp_path):
    target = {"format": "dtr", "url": "https://a.example"}
    out = {**target, "match": {"repositories": ["other/**"]}}
    text = written(
        made("a", target, namespace="prj"),
        made("b", target, namespace="prj", repository="prj/app"),
        made("c", out, namespace="prj"),
        made("d", out, namespace="prj", repository="prj/app"),
    )
    after = read(tmp_path, text, {})
    assert {name: (one.match.repositories.patterns, one.enabled) for name, one in after.items()} == {
        "a": (("prj/**",), True),
        "b": (("prj/app",), True),
        "c": (("prj/**",), False),
        "d": (("prj/app",), False),
    }
    assert text.count("nothing that it asks for lies within") == 2


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({"method": "email", "template": ""}, "mailto:ops@example.com"),
        ({"method": "quay_notification", "template": ""}, "inbox:org/prj"),
        ({"method": "slack", "template": ""}, "https://hooks.example.com/services/T/B/x"),
        ({"method": "hipchat", "template": ""}, "https://chat.example.com/v2/room/4/notification?auth_token=x"),
        ({"method": "webhook", "template": '{"a": "${repository}"}'}, "https://ci.example.com/"),
    ],
)
def test_each_of_quay_s_methods_is_read_again_as_it_was_made(tmp_path, options, url):
    target = {"format": "quay", "options": options, "events": ["repo_push"], "delivery": {"give_up_on": []}, "url": url}
    one = {"source": "quay", "id": 1, "name": "t", "targets": [{**target, "namespace": "prj", "repository": "prj/app"}]}
    export = Export(urls=True)
    export.made(one)
    path = tmp_path / "config.yml"
    mail = "mail: {server: 'smtp://127.0.0.1:25', from: registry@example.com}\n"
    path.write_text(f"registries: [{{name: main, hostname: r.example.com}}]\n{mail}{export.text()}")
    (bound,) = load(path, {}).subscriptions
    assert bound.subscription.url == url
    assert bound.voice.options.method == options["method"]
    assert bound.voice.options.template == options["template"]
