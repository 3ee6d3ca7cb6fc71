"""Subscriptions that APIs make, read by the tables of the file: what they may say, what not, and how it is told."""

import json

import pytest

from certificates import Authority
from sidecar.config.binding import SPARE, ConfigBinder, table
from sidecar.config.keys import subscription as file_table
from sidecar.config.loading import load
from sidecar.domain.errors import Unusable
from sidecar.domain.instant import SECOND
from sidecar.domain.subscription import SignScheme
from sidecar.domain.transport import ClientTls, Transport

URL = "https://hooks.example/ci"
HARBOR = {"format": "harbor", "url": URL}


@pytest.fixture
def settings(tmp_path):
    def made(**sections):
        path = tmp_path / "config.yml"
        given = {"registries": [{"name": "main", "hostname": "registry.example.com"}], **sections}
        path.write_text(json.dumps(given))
        return load(path, {"TOKEN": "expanded"})

    return made


@pytest.fixture
def binder(settings):
    return ConfigBinder.of(settings())


def bind(binder, tree, **more):
    (one,) = binder.bind([("api:native/1", tree)], **more)
    return one.subscription


def problems(binder, *trees, **more):
    with pytest.raises(Unusable) as told:
        binder.bind([(f"api:native/{at}", tree) for at, tree in enumerate(trees)], **more)
    return told.value.problems


WHOLE = {
    "format": "harbor",
    "options": {"flavour": "cloudevents"},
    "events": ["PUSH_ARTIFACT", "DELETE_ARTIFACT"],
    "match": {"repositories": ["prj/**"], "tags": ["v*"], "actors": ["!robot"], "kinds": ["image"], "untagged": True},
    "url": URL,
    "headers": {"Authorization": "Bearer x"},
    "sign": {"scheme": "github", "secrets": ["a secret that is long enough"]},
    "delivery": {"timeout": "3s", "concurrency": 2, "order": "repository", "retry": {"horizon": "1h", "factor": 2}},
    "enabled": False,
}


def test_every_key_means_what_it_means_in_the_file(settings):
    """The same words, read in both ways, are the same subscription but for what an API may not choose."""
    loaded = settings(subscriptions=[{"name": "one", **WHOLE}])
    (expected,) = loaded.subscriptions
    (one,) = ConfigBinder.of(loaded).bind([("one", WHOLE)])
    assert one.subscription.transport == Transport(strict=True)
    names = set(one.subscription.__struct_fields__) - {"transport"}
    given = {name: getattr(one.subscription, name) for name in names}
    assert given == {name: getattr(expected.subscription, name) for name in names}
    assert one.voice.types == expected.voice.types


def test_apis_know_every_key_of_the_file_but_those_that_are_the_operators():
    assert set(file_table().fields) - set(table().fields) == {"name", "formerly", "proxy"}
    assert set(table().fields) <= set(file_table().fields)


@pytest.mark.parametrize(
    ("tree", "path", "sentence"),
    [
        ({**HARBOR, "url": "ftp://x"}, "url", "url must start with http:// or https://, not 'ftp://x'"),
        ({"format": "harbor"}, "", "the subscription needs `url`: where to send, exactly as written"),
        (
            {**HARBOR, "match": {"tags": [7]}},
            "match.tags[0]",
            'match.tags[0] must be text, not a number: quote it as "7"',
        ),
        ({**HARBOR, "match": {"tag": []}}, "match.tag", "match.tag is unknown: did you mean `tags`?"),
        ({**HARBOR, "options": {"flavour": "x"}}, "options.flavour", "must be default, cloudevents, slack or legacy"),
        ({**HARBOR, "events": []}, "events", "events must name at least one event"),
        ({**HARBOR, "events": ["PULL", 1]}, "events[1]", "events[1] must be text"),
        ({**HARBOR, "events": ["nonsense"]}, "events[0]", "events[0]: "),
        ({**HARBOR, "headers": {"Host": "x"}}, "headers.Host", "headers.Host cannot be set"),
        ({**HARBOR, "headers": ["a"]}, "headers", "headers must be a mapping, not a list"),
        ({**HARBOR, "sign": {}}, "sign", "sign needs `secrets`"),
        ({**HARBOR, "delivery": {"timeout": 3}}, "delivery.timeout", "delivery.timeout"),
        ({**HARBOR, "enabled": "yes"}, "enabled", "enabled must be true or false without quotes, not 'yes'"),
        ({**HARBOR, "enabled": None}, "enabled", "enabled has no value"),
        ({**HARBOR, "match": {"registries": ["other"]}}, "match.registries[0]", "is not a registry of this file"),
        ({**HARBOR, "name": "mine"}, "name", "name is chosen by the API: remove it"),
        ({**HARBOR, "proxy": "env"}, "proxy", "proxy can be written in the configuration file only: remove it"),
        ({**HARBOR, "formerly": "x"}, "formerly", "formerly can be written in the configuration file only"),
        ({**HARBOR, "tls": {"ca_file": "/etc/passwd"}}, "tls.ca_file", "give the certificates themselves in `ca`"),
        ({**HARBOR, "tls": {"cert_file": "/x"}}, "tls.cert_file", "can be written in the configuration file only"),
        ({**HARBOR, "tls": {"key_file": "/x"}}, "tls.key_file", "can be written in the configuration file only"),
        ({**HARBOR, "tls": {"ca": "no certificate"}}, "tls.ca", "tls.ca must be certificates in PEM form"),
        ({**HARBOR, "url": "http://x.example", "tls": {"verify": False}}, "tls", "tls needs an https url"),
        ({"format": "harbor", "url": {}}, "url", "url must be text, not a mapping"),
    ],
)
def test_each_mistake_is_told_with_its_field(binder, tree, path, sentence):
    (found,) = problems(binder, tree)
    assert (found.path, found.target) == (path, 0)
    assert sentence in found.sentence
    assert "\0" not in found.sentence


def test_all_mistakes_of_all_targets_are_told_at_once(binder):
    found = problems(binder, {"format": "x", "colour": 1}, HARBOR, {"format": "dtr", "url": 5})
    assert [(one.target, one.path) for one in found] == [(0, "format"), (0, "colour"), (0, ""), (2, "url")]


def test_nothing_is_expanded(binder):
    """The environment and the files are the operator's: what looks like a reference is sent as it was written."""
    text = "${env:TOKEN} ${file:/etc/passwd}"
    one = bind(binder, {**HARBOR, "headers": {"X-Note": text}})
    assert [(name, value.reveal()) for name, value in one.headers] == [("X-Note", text)]


def test_values_are_not_shown_where_others_read_the_sentence(binder):
    tree = {**HARBOR, "url": "nowhere/hunter2", "options": {"flavour": "hunter2"}, "events": ["hunter2"]}
    assert "hunter2" in str(problems(binder, tree))
    assert "hunter2" not in str(problems(binder, tree, hidden=True))


def test_a_nest_without_end_is_refused(binder):
    deep = []
    for _ in range(40):
        deep = [deep]
    (found,) = problems(binder, {**HARBOR, "match": {"tags": deep}})
    assert "nested more than 32 deep" in found.sentence


def test_whoever_made_it_bounds_what_it_hears_of(binder):
    one = bind(binder, HARBOR, namespace="prj", repository="prj/app")
    assert (one.match.namespace, one.match.repository) == ("prj", "prj/app")


# --- defaults --------------------------------------------------------------------------------------------------------


def test_the_files_defaults_of_deliveries_and_formats_lie_under_it_and_those_of_matching_do_not(settings):
    """Who asks an API for everything gets everything."""
    defaults = {
        "delivery": {"timeout": "7s", "concurrency": 9},
        "match": {"tags": ["v*"]},
        "formats": {"harbor": {"options": {"flavour": "cloudevents"}}, "dtr": {"tls": {"verify": False}}},
    }
    loaded = settings(defaults=defaults, subscriptions=[{"name": "file", **HARBOR}])
    binder = ConfigBinder.of(loaded)
    one = bind(binder, {**HARBOR, "delivery": {"concurrency": 3}})
    assert (one.policy.timeout, one.policy.concurrency) == (7 * SECOND, 3)
    assert one.match.tags.patterns == ()
    assert loaded.subscriptions[0].subscription.match.tags.patterns == ("v*",)
    (bound,) = binder.bind([("api:native/1", HARBOR)])
    assert bound.voice.key == loaded.subscriptions[0].voice.key
    assert bind(binder, {"format": "dtr", "url": URL}).transport == Transport(tls=ClientTls(verify=False), strict=True)
    assert bind(binder, {"format": "dtr", "url": "http://plain.example"}).transport == Transport(strict=True)


def test_a_ca_of_its_own_stands_in_for_that_of_the_defaults(settings, tmp_path):
    authority = Authority(tmp_path)
    pem = authority.path.read_text()
    defaults = {"formats": {"dtr": {"tls": {"ca_file": str(authority.path)}}}}
    binder = ConfigBinder.of(settings(defaults=defaults))
    dtr = {"format": "dtr", "url": URL}
    assert bind(binder, dtr).transport.tls.ca_file == str(authority.path)
    own = bind(binder, {**dtr, "tls": {"ca": pem}}).transport.tls
    assert (own.ca_file, own.ca) == ("", pem)
    assert bind(binder, {**dtr, "tls": {"verify": False}}).transport.tls == ClientTls(verify=False)
    assert set(binder.contexts) == {
        bind(binder, dtr).transport.tls,
        own,
        ClientTls(verify=False),
    }, "each setting has its context, made once"


def named(number):
    return {**HARBOR, "tls": {"server_name": f"n{number}.example"}}


def test_names_to_ask_for_share_what_is_believed(binder):
    """With the system's CAs a context takes most of a megabyte and tens of milliseconds."""
    settings = [bind(binder, named(number)).transport.tls for number in range(3)]
    assert len(set(settings)) == 3
    assert len({binder.contexts[one] for one in settings}) == 1


def test_of_what_is_tried_and_refused_little_is_remembered(binder):
    """Whoever may try an endpoint may do so for ever, each time in another way."""
    used = bind(binder, named("used")).transport.tls
    binder.use = frozenset([used])
    for number in range(3 * SPARE):
        problems(binder, named(number), {"format": "none"})
    assert used in binder.contexts
    assert len(binder.contexts) <= SPARE + 3
    last = bind(binder, named("last")).transport.tls
    assert last in binder.contexts, "what was bound just now can be used at once"


def test_certificates_that_cannot_be_used_are_told(binder):
    broken = "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n"
    (found,) = problems(binder, {**HARBOR, "tls": {"ca": broken}})
    assert (found.path, "tls.ca cannot be used" in found.sentence) == ("tls.ca", True)
    (both,) = problems(binder, {**HARBOR, "tls": {"ca": broken, "verify": False}})
    assert "has no meaning while verify is false" in both.sentence


def test_the_file_knows_no_certificates_in_its_own_text(settings):
    with pytest.raises(Exception, match=r"tls\.ca is unknown"):
        settings(subscriptions=[{"name": "one", **HARBOR, "tls": {"ca": "x"}}])


def test_signing_secrets_are_judged_as_in_the_file(binder):
    one = bind(binder, {**HARBOR, "sign": {"scheme": "github", "secrets": ["a secret that is long enough"]}})
    assert one.signing.scheme is SignScheme.GITHUB
    (found,) = problems(binder, {**HARBOR, "sign": {"secrets": ["whsec_short"]}})
    assert found.path == "sign.secrets[0]"
