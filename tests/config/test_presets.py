"""Presets: what lies over what, what a URL must look like, what must be given, and what each of them comes to."""

import json
import re
import tomllib

import jsonschema
import pytest
import yaml

from sidecar.config import presets
from sidecar.config.binding import ConfigBinder
from sidecar.config.loading import load
from sidecar.config.schema import of_made, schema
from sidecar.domain.errors import ConfigError, Unusable
from sidecar.domain.instant import SECOND
from sidecar.domain.subscription import SignScheme

HEX = "0123456789abcdef" * 4
KARGO = {"preset": "kargo", "url": f"https://kargo.example.com/harbor/{HEX}", "headers": {"Authorization": "s"}}
FLUX = {"preset": "flux", "url": f"https://flux.example.com/hook/{HEX}", "sign": {"secrets": ["s" * 24]}}


@pytest.fixture
def settings(tmp_path):
    def made(*subscriptions, **sections):
        path = tmp_path / "config.yml"
        listed = [{"name": f"n{at}", **one} for at, one in enumerate(subscriptions)]
        given = {"registries": [{"name": "main", "hostname": "registry.example.com"}], "subscriptions": listed}
        path.write_text(json.dumps({**given, **sections}))
        text = path.read_text()
        return load(path, dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", text), "s" * 24))

    return made


def refusals(settings, *subscriptions, **sections):
    """What is wrong, without file and line."""
    with pytest.raises(ConfigError) as told:
        settings(*subscriptions, **sections)
    return [re.sub(r"^\S+:\d+: ", "", one) for one in told.value.sentences]


# --- what lies over what ----------------------------------------------------------------------------------------------


def test_a_preset_brings_what_its_subscription_does_not_say(settings):
    (one,) = settings(FLUX).subscriptions
    assert (one.preset, one.voice.format, [*one.subscription.events]) == ("flux", "harbor", ["artifact.pushed"])
    assert one.subscription.signing.scheme is SignScheme.X_SIGNATURE


def test_a_subscriptions_own_keys_lie_over_its_preset_and_the_preset_over_the_defaults(settings):
    """Mappings are merged, lists are replaced."""
    defaults = {
        "match": {"untagged": True, "tags": ["v*"]},
        "delivery": {"success": [200], "timeout": "7s"},
        "formats": {"dockerhub": {"options": {"host": False, "callback_url": "https://ci.example.com/"}}},
    }
    url = "https://jenkins.example.com/dockerhub-webhook/t/notify"
    jenkins = {"preset": "jenkins-dockerhub", "url": url}
    plain, kargo, own = settings(
        jenkins,
        KARGO,
        {**jenkins, "events": ["push"], "delivery": {"success": ["2xx"]}, "options": {"host": False}},
        defaults=defaults,
    ).subscriptions
    assert 302 in plain.subscription.policy.success, "the preset lies over the defaults"
    assert plain.subscription.policy.timeout == 7 * SECOND, "what the preset leaves open is theirs"
    assert '"host":true,"callback_url":"https://ci.example.com/"' in plain.voice.key
    assert not kargo.subscription.match.untagged
    assert kargo.subscription.match.tags.patterns == ("v*",)
    assert 302 not in own.subscription.policy.success, "lists are replaced"
    assert own.subscription.events == ("push",)
    assert '"host":false' in own.voice.key


def test_a_header_that_is_given_replaces_the_presets_however_it_is_written(settings, monkeypatch):
    kargo = presets.known()["kargo"]
    tree = {**kargo.subscription, "headers": {"User-Agent": "Preset/1.0", "X-Source": "preset"}}
    changed = presets.msgspec.structs.replace(kargo, subscription=tree)
    monkeypatch.setattr(presets, "known", lambda: {"kargo": changed})
    (one,) = settings({**KARGO, "headers": {"user-agent": "mine", "Authorization": "s"}}).subscriptions
    found = {name: value.reveal() for name, value in one.subscription.headers}
    assert found == {"X-Source": "preset", "user-agent": "mine", "Authorization": "s"}


def test_a_scheme_alone_signs_nothing(settings):
    """Tekton may be signed to; without secrets of the subscription nothing is."""
    url = "http://el-registry.ci.svc.example.com:8080/"
    bare, signed = settings(
        {"preset": "tekton", "url": url}, {"preset": "tekton", "url": url, "sign": {"secrets": ["s" * 24]}}
    ).subscriptions
    assert bare.subscription.signing is None
    assert signed.subscription.signing.scheme is SignScheme.GITHUB


def test_without_a_preset_the_file_of_presets_is_not_read(settings):
    """An idle process has no memory to give for what nobody asked for."""
    presets.known.cache_clear()
    plain = settings({"format": "harbor", "url": "https://x.example.com/"})
    ConfigBinder.of(plain).bind([("api:native/1", {"format": "quay", "url": "https://x.example.com/"})])
    assert presets.known.cache_info().currsize == 0
    settings(FLUX)
    assert presets.known.cache_info().currsize == 1


def test_the_file_of_presets_goes_with_the_package():
    """As pyproject.toml says; otherwise an installed sidecar knows no preset."""
    listed = tomllib.loads((presets.FILE.parents[2] / "pyproject.toml").read_text())
    assert "config/presets.yml" in listed["tool"]["setuptools"]["package-data"]["sidecar"]


# --- what is refused --------------------------------------------------------------------------------------------------


def test_another_format_makes_a_preset_meaningless(settings):
    assert refusals(settings, {**KARGO, "format": "quay"}) == [
        "subscriptions[0].format is chosen by preset kargo, which is harbor: remove one of the two"
    ]
    assert settings({**KARGO, "format": "harbor"}).subscriptions[0].voice.format == "harbor"


def test_another_format_is_one_mistake_whatever_options_the_preset_has(settings):
    url = "http://keel.example.com:9300/v1/webhooks/native"
    assert refusals(settings, {"preset": "keel", "url": url, "format": "harbor"}) == [
        "subscriptions[0].format is chosen by preset keel, which is template: remove one of the two"
    ]


@pytest.mark.parametrize(
    ("name", "near"),
    [("cargo", "kargo"), ("Flux", "flux"), ("image-updater", "argocd-image-updater")],
)
def test_an_unknown_preset_is_told_with_those_of_like_names(settings, name, near):
    (sentence,) = refusals(settings, {"preset": name, "url": "https://x.example.com/"})
    begun = "subscriptions[0].preset must be one that `registry-sidecar presets` lists, such as "
    assert sentence.startswith(begun)
    assert near in re.split(r", | or ", sentence.removeprefix(begun).partition(", not ")[0])
    assert sentence.endswith(f", not '{name}'")


def test_a_preset_like_no_other_is_told_without_names(settings):
    assert refusals(settings, {"preset": "zzzz", "url": "https://x.example.com/"}) == [
        "subscriptions[0].preset must be one that `registry-sidecar presets` lists, not 'zzzz'"
    ]


def test_a_format_that_is_taken_for_a_preset_is_told_as_one(settings):
    (sentence,) = refusals(settings, {"preset": "email", "url": "mailto:ops@example.com"})
    assert sentence.endswith(" `registry-sidecar presets` lists, or `format: email` in its place, not 'email'")


def test_an_unknown_preset_says_nothing_of_its_secrets(settings):
    """By which scheme they sign is not known: another scheme's complaint would lead astray."""
    (sentence,) = refusals(settings, {**FLUX, "preset": "fluxcd", "sign": {"secrets": ["not base64!"]}})
    assert "preset" in sentence


def test_another_scheme_than_the_receivers_is_warned_of(settings):
    found = settings({**FLUX, "sign": {"scheme": "github", "secrets": ["s" * 24]}})
    (warning,) = found.warnings
    assert warning.endswith(
        "subscriptions[0].sign.scheme is not that of preset flux, which is x-signature: "
        "remove it unless the receiver was told so"
    )
    assert settings({**FLUX, "sign": {"scheme": "x-signature", "secrets": ["s" * 24]}}).warnings == ()


def test_a_header_that_the_receiver_knows_its_sender_by_stays_the_presets(settings):
    """Dokploy compares image and tag only for the User-Agent of Docker Hub, and deploys at every push for others."""
    one = {"preset": "dokploy", "url": "https://dokploy.example.com/api/deploy/t", "headers": {"user-agent": "curl"}}
    assert refusals(settings, one) == [
        "subscriptions[0].headers.user-agent is what the receiver of preset dokploy goes by: remove it"
    ]


def test_a_preset_is_a_name(settings):
    assert refusals(settings, {"preset": ["flux"], "url": "https://x.example.com/"}) == [
        "subscriptions[0].preset must be the name of a preset, not a list"
    ]


def test_a_subscription_needs_a_format_or_a_preset(settings):
    (sentence,) = refusals(settings, {"url": "https://x.example.com/"})
    assert sentence == "subscriptions[0] needs `format`: in whose words, unless a `preset` knows"


WRONG = [
    ("flux", "https://x.example.com/hook/abc"),
    ("flux", f"https://x.example.com/hook/{HEX.upper()}"),
    ("flux", f"https://x.example.com/hook/{HEX}/"),
    ("flux", f"https://x.example.com/hook/{HEX}?type=harbor"),
    ("flux", f"https://x.example.com/hook/{HEX}?"),
    ("kargo", f"https://x.example.com/quay/{HEX}"),
    ("kargo", f"https://x.example.com/{HEX}"),
    ("argocd-image-updater", "https://x.example.com/webhook"),
    ("argocd-image-updater", "https://x.example.com/webhook?type=quay.io"),
    ("argocd-image-updater", "https://x.example.com/webhook?type=harbor&type=quay.io"),
    ("argocd-image-updater-quay", "https://x.example.com/webhook?type=quay&secret=x"),
    ("argocd-image-updater-quay", "https://x.example.com/webhook?type=quayXio&secret=x"),
    ("argocd-image-updater-quay", "https://x.example.com/webhook?type=quay.io"),
    ("argocd-image-updater-quay", "https://x.example.com/webhook?type=quay.io&secret="),
    ("knative", "http://x.example.com/ns"),
    ("knative", "http://x.example.com/ns/broker/more"),
    ("knative", "http://x.example.com/ns/broker?x=1"),
    ("jenkins", "https://x.example.com/dockerregistry-webhook/notify"),
    ("jenkins", "https://x.example.com/dockerhub-webhook/t/notify"),
    ("spinnaker", "https://x.example.com/webhooks/webhook/dockerregistry"),
    ("zulip", "https://x.example.com/api/v1/external/harbor"),
    ("dokploy", "https://x.example.com/api/deploy"),
]


@pytest.mark.parametrize(("name", "url"), WRONG)
def test_a_url_of_another_shape_is_refused_with_the_right_one(settings, name, url):
    (sentence,) = refusals(settings, {**presets.example(name), "url": url})
    assert sentence == f"subscriptions[0].url does not fit preset {name}: it must be {presets.known()[name].url.like}"
    assert url not in sentence


RIGHT = [
    ("flux", f"https://proxy.example.com/flux/hook/{HEX}"),
    ("kargo", f"https://x.example.com/harbor/{HEX}?from=registry"),
    ("argocd-image-updater", "https://x.example.com/webhook?from=registry&type=harbor"),
    ("dokploy", "https://x.example.com/api/deploy/compose/t"),
    ("argo-events", "http://x.example.com:12000/"),
    ("jenkins", "https://x.example.com/jenkins/dockerregistry-webhook/t/notify"),
    ("keel-harbor", "https://admin:pw@keel.example.com/v1/webhooks/harbor"),
]


@pytest.mark.parametrize(("name", "url"), RIGHT)
def test_a_path_before_it_and_a_harmless_query_are_taken(settings, name, url):
    (one,) = settings({**presets.example(name), "url": url}).subscriptions
    assert one.subscription.url == url


def test_what_a_receiver_asks_for_is_missed(settings):
    (missed,) = refusals(settings, {"preset": "kargo", "url": KARGO["url"]})
    assert missed.startswith("subscriptions[0] needs `headers.Authorization` for preset kargo: the `auth-header` of")
    assert refusals(settings, {"preset": "flux", "url": FLUX["url"]}) == [
        "subscriptions[0] needs `sign.secrets` for preset flux: the `token` of the Receiver's secret"
    ]
    assert settings({**KARGO, "headers": {"authorization": "s"}}).subscriptions


def test_a_header_begins_as_the_receiver_wants_it(settings):
    url = "https://coolify.example.com/api/v1/deploy?uuid=u"
    (refused,) = refusals(settings, {"preset": "coolify", "url": url, "headers": {"Authorization": "hunter2"}})
    sentence = "does not fit preset coolify: it must be Bearer and a token with the ability deploy"
    assert refused == f"subscriptions[0].headers.Authorization {sentence}"


@pytest.mark.parametrize("url", [None, "", "nonsense", 5, "https://portainer.example.com/api/webhooks/x?tag=1"])
def test_behind_a_url_that_is_wrong_nothing_else_is(settings, url):
    """The template that would go there is ours: who wrote the URL has made no mistake in it."""
    mistakes = refusals(settings, {"preset": "portainer", "url": url})
    assert [one for one in mistakes if not one.startswith("subscriptions[0].url ")] == []
    assert mistakes


def test_what_goes_behind_a_url_is_as_secret_as_the_url(settings, tmp_path):
    """Portainer's token is in the path. A mistake about the made option must not show it."""
    path = tmp_path / "config.yml"
    path.write_text(
        "registries: [{name: main, hostname: registry.example.com}]\n"
        "subscriptions:\n"
        '  - {name: one, preset: portainer, url: "${env:URL}", options: {per_tag: 7}}\n'
    )
    with pytest.raises(ConfigError) as told:
        load(path, {"URL": "https://portainer.example.com/api/webhooks/hunter2"})
    assert "per_tag" in str(told.value)
    assert "hunter2" not in str(told.value)


def test_a_mistake_that_comes_of_a_preset_is_told_where_the_preset_is_named(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(
        "registries: [{name: main, hostname: registry.example.com}]\n"
        "subscriptions:\n"
        "  - name: one\n"
        f"    url: https://flux.example.com/hook/{HEX}\n"
        "    preset: flux-quay\n"
        "    events: [artifact.deleted]\n"
        "    options: {method: pigeon}\n"
    )
    with pytest.raises(ConfigError) as told:
        load(path, {})
    assert [one.partition(":")[2].partition(":")[0] for one in told.value.sentences] == ["7"]
    path.write_text(path.read_text().replace("    options: {method: pigeon}\n", ""))
    with pytest.raises(ConfigError, match=r":6: subscriptions\[0\]\.events\[0\]: format quay has no word for"):
        load(path, {})


# --- through an API ---------------------------------------------------------------------------------------------------


def test_apis_know_presets_too(settings):
    binder = ConfigBinder.of(settings(defaults={"delivery": {"timeout": "7s"}}))
    (one,) = binder.bind([("api:native/1", KARGO)])
    assert (one.voice.format, one.subscription.policy.timeout, one.preset) == ("harbor", 7 * SECOND, "kargo")
    with pytest.raises(Unusable) as told:
        binder.bind([("api:native/1", {"preset": "kargo", "url": "https://x.example.com/"})])
    assert {(one.path, one.sentence.partition(" ")[0]) for one in told.value.problems} == {
        ("url", "url"),
        ("preset", "the"),
    }
    with pytest.raises(Unusable) as told:
        binder.bind([("api:native/1", {"preset": "kargoo", "url": "https://x.example.com/"})])
    assert [one.path for one in told.value.problems] == ["preset"]


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", presets.known())
def test_each_example_loads_without_a_warning_but_for_plain_http(tmp_path, name):
    entry = presets.example(name)
    document = {"registries": [{"name": "main", "hostname": "registry.example.com"}], "subscriptions": [entry]}
    text = yaml.safe_dump(document)
    path = tmp_path / "config.yml"
    path.write_text(text)
    found = load(path, dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", text), "s" * 24))
    assert [one for one in found.warnings if "travels unencrypted" not in one] == []
    jsonschema.Draft202012Validator(schema()).validate(document)


@pytest.mark.parametrize("name", presets.known())
def test_what_each_comes_to_can_be_written_instead(tmp_path, name):
    """A preset is nothing but keys of a subscription: with them written out, it is the same one."""
    entry = presets.example(name)
    preset = presets.known()[name]
    written = {key: value for key, value in entry.items() if key != "preset"}
    for key, value in yaml.safe_load(f"{{{presets.comes_to(name)}}}").items():
        if key == "sign" and "sign" not in entry:
            continue
        written[key] = {**value, **written.get(key, {})} if isinstance(value, dict) else value
    if preset.url.added:
        written["options"]["url"] = preset.url.example + preset.url.added
    found = []
    for one in (entry, written):
        text = yaml.safe_dump(
            {"registries": [{"name": "main", "hostname": "registry.example.com"}], "subscriptions": [one]}
        )
        path = tmp_path / "config.yml"
        path.write_text(text)
        (bound,) = load(path, dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", text), "s" * 24)).subscriptions
        found.append((bound.subscription, bound.voice.key, bound.voice.types))
    assert found[0] == found[1]
    assert preset.format == written["format"]


def test_the_schema_wants_a_format_or_a_preset_and_knows_the_presets_options():
    validator = jsonschema.Draft202012Validator(schema())

    def valid(**entry):
        one = {"name": "one", "url": f"https://x.example.com/hook/{HEX}", **entry}
        return validator.is_valid({"registries": [{"name": "m", "hostname": "r.example.com"}], "subscriptions": [one]})

    assert valid(preset="flux")
    assert valid(format="harbor")
    assert valid(preset="${env:PRESET}")
    assert not valid()
    assert not valid(preset="fluxx")
    assert valid(preset="flux", options={"flavour": "default"})
    assert not valid(preset="flux", options={"level": 3})


def test_the_schema_of_the_api_knows_presets():
    described, _ = of_made("#/components/schemas/")
    assert described["properties"]["preset"]["enum"] == list(presets.known())
    assert {"required": ["preset"]} in described["anyOf"]
    assert "format" not in described["required"]
