"""What a good file comes to."""

import ipaddress
from pathlib import Path

import jsonschema
import pytest
import yaml

from sidecar import dialects
from sidecar.config.loading import load
from sidecar.config.schema import schema
from sidecar.config.settings import Address, ServerTls
from sidecar.domain.errors import ConfigError
from sidecar.domain.event import EventType, Kind, RegistryRef
from sidecar.domain.expiry import Plan
from sidecar.domain.registry import ApiAccess
from sidecar.domain.retention import Retention
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import (
    DEFAULT_GIVE_UP_ON,
    DEFAULT_KINDS,
    Match,
    Order,
    Policy,
    Rate,
    Retry,
    Signing,
    SignScheme,
)
from sidecar.domain.trace import Tracing

SECOND = 10**9
REGISTRY = "registries: [{name: main, hostname: registry.example.com}]\n"


@pytest.fixture
def file(tmp_path):
    """Loads a text as a configuration file; what loads also fits the schema."""
    validator = jsonschema.Draft202012Validator(schema())

    def write(text, environ=None):
        path = tmp_path / "config.yml"
        path.write_text(text)
        settings = load(path, environ or {})
        validator.validate(yaml.safe_load(text))
        return settings

    return write


def one(text):
    """A file with one harbor subscription that has these further lines."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    return f"{REGISTRY}subscriptions:\n  - name: one\n    format: harbor\n    url: https://hooks.example.com/x\n{lines}"


@pytest.mark.parametrize(
    ("written", "legacy"), [("", False), ("dtr_status: modern", False), ("dtr_status: legacy", True)]
)
def test_the_statuses_of_dtrs_api_are_those_of_2_7_unless_older_ones_are_asked_for(file, written, legacy):
    assert file(f"{REGISTRY}management: {{{written}}}").management.dtr_legacy is legacy


def test_a_registry_alone_gets_the_documented_defaults(file, tmp_path):
    settings = file(REGISTRY)
    assert settings.source == tmp_path / "config.yml"
    assert settings.ingest.listen == (Address("127.0.0.1", 8080),)
    assert settings.ingest.max_body == 8 * 1024 * 1024
    assert settings.ingest.tokens == {}
    assert settings.ingest.tls is None
    assert settings.management.listen == (Address("", 8081),)
    assert settings.management.socket == Path("/var/lib/registry-sidecar/control.sock")
    assert settings.store == Path("/var/lib/registry-sidecar/sidecar.db")
    assert settings.retention == Retention()
    assert settings.guard_allow == settings.guard_deny == ()
    assert settings.files == (tmp_path / "config.yml",)
    (registry,) = settings.registries
    assert registry.ref == RegistryRef(name="main", hostname="registry.example.com", scheme="https", homepage="")
    assert registry.default_namespace == "library"
    assert registry.pull_window == 30 * SECOND
    assert not registry.is_public("library/alpine")
    assert not registry.ignores("", "docker/27")


def test_a_subscription_alone_gets_the_documented_defaults(file):
    (bound,) = file(one("")).subscriptions
    subscription = bound.subscription
    assert (subscription.name, subscription.format, subscription.url) == (
        "one",
        "harbor",
        "https://hooks.example.com/x",
    )
    assert subscription.match == Match()
    assert subscription.policy == Policy()
    assert subscription.headers == ()
    assert subscription.signing is None
    assert subscription.enabled is True
    assert subscription.formerly == ""
    assert bound.voice.format == "harbor"


def test_every_registry_key(file):
    settings = file(
        """
ingest: {listen: ":8080"}
registries:
  - name: main
    hostname: "[::1]:5000"
    scheme: http
    homepage: "https://ui.example.com/{repository}"
    tokens: ["${env:NEW}", old]
    default_namespace: official
    public: ["library/**", "!library/secret"]
    ignore: {actors: [scanner, ""], user_agents: ["trivy/*"]}
    pull_window: 90s
  - {name: open, hostname: open.example.com, anonymous: true, pull_window: 0s}
""",
        {"NEW": "new"},
    )
    main, public = settings.registries
    assert main.ref == RegistryRef(
        name="main", hostname="[::1]:5000", scheme="http", homepage="https://ui.example.com/{repository}"
    )
    assert main.default_namespace == "official"
    assert main.is_public("library/a/b")
    assert not main.is_public("library/secret")
    assert main.pull_window == 90 * SECOND
    assert main.ignores("scanner", "docker")
    assert main.ignores("", "docker")
    assert main.ignores("ci", "trivy/0.50")
    assert not main.ignores("ci", "docker")
    assert settings.ingest.tokens == {"main": (Secret("new"), Secret("old"))}
    assert (public.name, public.pull_window) == ("open", 0)


def test_the_same_token_twice_in_one_registry_is_one(file):
    """While a token is being rotated its two variables may still hold the same value."""
    text = "registries: [{name: main, hostname: r.example.com, tokens: ['${env:A}', '${env:B}']}]"
    assert file(text, {"A": "t", "B": "t"}).ingest.tokens == {"main": (Secret("t"),)}


def test_anonymous_on_the_listener_opens_registries_without_tokens(file):
    text = (
        "ingest: {listen: ':8080', anonymous: true}\n"
        "registries: [{name: a, hostname: a.example.com, tokens: [t]}, {name: b, hostname: b.example.com}]"
    )
    assert file(text).ingest.tokens == {"a": (Secret("t"),)}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("127.0.0.1:8080", [Address("127.0.0.1", 8080)]),
        ("':8081'", [Address("", 8081)]),
        ("'[::1]:8080'", [Address("::1", 8080)]),
        ("localhost:0", [Address("localhost", 0)]),
        ("['127.0.0.1:1', '[::1]:1']", [Address("127.0.0.1", 1), Address("::1", 1)]),
        ("[127.0.0.1:0, 127.0.0.1:0]", [Address("127.0.0.1", 0), Address("127.0.0.1", 0)]),
    ],
)
def test_every_form_of_listen(file, written, expected):
    settings = file(f"{REGISTRY}ingest: {{listen: 127.0.0.2:7}}\nmanagement: {{listen: {written}}}")
    assert settings.management.listen == tuple(expected)


@pytest.mark.parametrize(
    ("ingest", "tokens", "opened"),
    [
        ("{}", (), True),  # loopback
        ("{intake: {}}", (), True),
        ("{intake: {tokens: ['${env:NEW}', old, old]}}", ("new", "old"), True),  # `open` is for those without tokens
        ("{listen: ':8080', anonymous: true}", (), False),  # of registries: it opens nothing else
        ("{listen: ':8080', anonymous: true, intake: {tokens: [t]}}", ("t",), False),
        ("{listen: ':8080', anonymous: true, intake: {anonymous: true}}", (), True),
    ],
)
def test_who_may_tell_what_registries_do_not(file, ingest, tokens, opened):
    settings = file(f"{REGISTRY}ingest: {ingest}", {"NEW": "new"})
    assert settings.ingest.intake.tokens == tuple(map(Secret, tokens))
    assert settings.ingest.intake.open is opened


@pytest.mark.parametrize("written", ["'[::1]:8080'", "127.0.0.9:8080", "localhost:8080"])
def test_loopback_needs_no_token(file, written):
    assert file(f"{REGISTRY}ingest: {{listen: {written}}}").ingest.tokens == {}


@pytest.mark.parametrize(
    ("store", "socket", "expected"),
    [
        ("sqlite:///var/sidecar.db", "", (Path("var/sidecar.db"), Path("var/control.sock"))),
        ("sqlite:////srv/s.db", "management: {socket: my.sock}", (Path("/srv/s.db"), Path("/srv/my.sock"))),
        ("sqlite:////srv/s.db", "management: {socket: /run/my.sock}", (Path("/srv/s.db"), Path("/run/my.sock"))),
        ("sqlite:////srv/s.db", "management: {socket: false}", (Path("/srv/s.db"), None)),
    ],
)
def test_the_socket_stands_beside_the_store(file, store, socket, expected):
    settings = file(f"{REGISTRY}store: {store}\n{socket}")
    assert (settings.store, settings.management.socket) == expected


def test_tls_files_are_watched(file, tmp_path):
    for name in ("cert", "key", "ca"):
        tmp_path.joinpath(name).write_text("x")
    tls = f"{{cert_file: {tmp_path}/cert, key_file: {tmp_path}/key, client_ca_file: {tmp_path}/ca}}"
    settings = file(f"{REGISTRY}ingest: {{tls: {tls}}}")
    assert settings.ingest.tls == ServerTls(
        cert_file=f"{tmp_path}/cert", key_file=f"{tmp_path}/key", client_ca_file=f"{tmp_path}/ca"
    )
    assert set(settings.files) == {tmp_path / "config.yml", tmp_path / "cert", tmp_path / "key", tmp_path / "ca"}


def test_every_subscription_key(file):
    (bound,) = file(
        one(
            """\
options: {flavour: legacy, chart_events: true}
events: [pushImage, artifact.deleted]
match:
  registries: [main]
  repositories: ["prj/**", "!prj/sandbox/**"]
  tags: ["v*"]
  actors: ["ci-*", ""]
  kinds: [image, signature]
  untagged: true
headers: {Authorization: "Bearer ${env:T}", X-GitHub-Event: push}
sign: {scheme: github, secrets: [abc]}
delivery:
  timeout: 500ms
  concurrency: 7
  rate: 600/m
  order: repository
  backlog: 5000
  success: [2xx, 304]
  give_up_on: [400, 500-502]
  retry: {initial: 2s, factor: 1.5, max_delay: 5m, horizon: 7d}
enabled: no
formerly: older"""
        ),
        {"T": "t"},
    ).subscriptions
    subscription = bound.subscription
    assert subscription.events == ("pushImage", "artifact.deleted")
    match = subscription.match
    assert match.registries == {"main"}
    assert match.repositories.patterns == ("prj/**", "!prj/sandbox/**")
    assert match.repositories.admits("prj/a/b")
    assert not match.repositories.admits("prj")
    assert match.tags.patterns == ("v*",)
    assert match.actors.admits("")
    assert match.kinds == {Kind.IMAGE, Kind.SIGNATURE}
    assert match.untagged is True
    assert subscription.headers == (("Authorization", Secret("Bearer t")), ("X-GitHub-Event", Secret("push")))
    assert subscription.signing == Signing(scheme=SignScheme.GITHUB, secrets=(Secret("abc"),))
    assert subscription.policy == Policy(
        timeout=SECOND // 2,
        concurrency=7,
        rate=Rate(600, 60 * SECOND),
        order=Order.REPOSITORY,
        backlog=5000,
        success=frozenset({*range(200, 300), 304}),
        give_up_on=frozenset({400, 500, 501, 502}),
        retry=Retry(initial=2 * SECOND, factor=1.5, max_delay=300 * SECOND, horizon=7 * 86400 * SECOND),
    )
    assert subscription.enabled is False
    assert subscription.formerly == "older"


def test_without_keys_there_is_no_rate_and_no_order_and_a_backlog_of_200000(file):
    (bound,) = file(one("delivery: {}")).subscriptions
    policy = bound.subscription.policy
    assert (policy.rate, policy.order, policy.backlog) == (None, Order.NONE, 200_000)


def test_a_rate_of_the_defaults_is_lifted_by_none(file):
    text = one("delivery: {rate: none}") + "\ndefaults: {delivery: {rate: 5/s, order: subscription}}\n"
    (bound,) = file(text).subscriptions
    assert (bound.subscription.policy.rate, bound.subscription.policy.order) == (None, Order.SUBSCRIPTION)


def test_no_status_gives_up_when_the_list_is_empty(file):
    (bound,) = file(one("delivery: {give_up_on: []}")).subscriptions
    assert bound.subscription.policy.give_up_on == frozenset()
    assert 501 in DEFAULT_GIVE_UP_ON


def test_several_standard_secrets_rotate(file):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the example of the Standard Webhooks specification
    (bound,) = file(one(f"sign: {{secrets: [{secret}, {secret[6:]}]}}")).subscriptions
    assert bound.subscription.signing == Signing(
        scheme=SignScheme.STANDARD, secrets=(Secret(secret), Secret(secret[6:]))
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", None),
        ("tracing:\n", Tracing(propagate=True, endpoint="", sample=1.0)),
        ("tracing: {}\n", Tracing()),
        (
            'tracing: {propagate: false, endpoint: "http://127.0.0.1:4318", sample: 0.25}\n',
            Tracing(propagate=False, endpoint="http://127.0.0.1:4318", sample=0.25),
        ),
        ("tracing: {sample: 0}\n", Tracing(sample=0.0)),
    ],
)
def test_tracing_is_off_without_its_key_and_says_its_trace_with_it(file, written, expected):
    assert file(f"{REGISTRY}{written}").tracing == expected


def test_retention_and_guard(file):
    settings = file(
        f"{REGISTRY}retention: {{delivered: 24h, dead: 300m, journal: 1d, quarantine: 0s, max_size: 1048576}}\n"
        "guard: {allow: [10.1.0.0/16, '::1'], deny: [10.0.0.0/8]}"
    )
    day = 86400 * SECOND
    assert settings.retention == Retention(
        delivered=day, dead=300 * 60 * SECOND, journal=day, quarantine=0, max_size=2**20
    )
    assert settings.guard_allow == (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("::1/128"))
    assert settings.guard_deny == (ipaddress.ip_network("10.0.0.0/8"),)


# --- events -----------------------------------------------------------------------------------------------------------


MAIL = "mail: {server: 'smtp://mail.example.com', from: registry@example.com}\n"
WHERE = {"http": "https://hooks.example.com/", "mailto": "mailto:ops@example.com"}


@pytest.mark.parametrize("name", list(dialects.load()))
def test_unwritten_events_are_those_of_the_usual_that_the_format_can_say(file, name):
    dialect = dialects.load()[name]
    url = WHERE[dialect.schemes(dialect.options())[0]]
    text = f"{REGISTRY}subscriptions: [{{name: one, format: {name}, url: '{url}'}}]\n{MAIL}"
    (bound,) = file(text).subscriptions
    usual = (EventType.PUSHED, EventType.DELETED, EventType.TAG_DELETED)
    expected = tuple(one.value for one in usual if dialect.says(one, dialect.options()))
    assert bound.subscription.events == expected
    assert bound.voice.types >= set(expected)


def test_quay_has_no_word_for_a_deletion_so_the_usual_events_are_pushes(file):
    (bound,) = file(one("").replace("harbor", "quay")).subscriptions
    assert bound.voice.types == {EventType.PUSHED}


def test_an_event_written_out_that_the_format_cannot_say_is_refused_in_the_formats_words(file, tmp_path):
    dialect = dialects.load()["quay"]
    with pytest.raises(ConfigError) as caught:
        file(one("events: [artifact.pushed,\n  artifact.deleted,\n  push]").replace("harbor", "quay"))
    place = f"{tmp_path}/config.yml"
    options = dialect.options()
    assert str(caught.value).splitlines() == [
        f"{place}:7: subscriptions[0].events[1]: {dialect.refusal('artifact.deleted', options)}",
        f"{place}:8: subscriptions[0].events[2]: {dialect.refusal('push', options)}",
    ]


def test_options_decide_what_can_be_said(file):
    (bound,) = file(one("options: {tag_deleted: true}\nevents: [tag.deleted]")).subscriptions
    assert bound.voice.types == {EventType.TAG_DELETED}
    with pytest.raises(ConfigError, match=r"has no word for tag\.deleted"):
        file(one("events: [tag.deleted]"))


# --- defaults ---------------------------------------------------------------------------------------------------------


def test_defaults_lie_under_each_subscription_and_lists_are_replaced(file):
    settings = file(
        f"""{REGISTRY}
defaults:
  delivery: {{timeout: 5s, success: [200, 202], retry: {{initial: 9s, factor: 2}}}}
  match: {{tags: ["v*", "w*"], untagged: true, kinds: [image]}}
  formats: {{harbor: {{options: {{flavour: legacy, chart_events: true}}}}}}
subscriptions:
  - {{name: a, format: harbor, url: "https://hooks.example.com/a"}}
  - name: b
    format: harbor
    url: https://hooks.example.com/b
    options: {{flavour: default}}
    delivery: {{success: [201], retry: {{factor: 4}}}}
    match: {{tags: []}}
  - {{name: c, format: quay, url: "https://hooks.example.com/c", delivery: , match: , options: }}
"""
    )
    a, b, c = (bound.subscription for bound in settings.subscriptions)
    assert a.policy.timeout == b.policy.timeout == c.policy.timeout == 5 * SECOND
    assert a.policy.success == {200, 202}
    assert b.policy.success == {201}
    assert a.policy.retry == Retry(initial=9 * SECOND, factor=2.0)
    assert b.policy.retry == Retry(initial=9 * SECOND, factor=4.0)
    assert a.match.tags.patterns == ("v*", "w*")
    assert b.match.tags.patterns == ()
    assert a.match.untagged
    assert b.match.untagged
    assert c.match.kinds == {Kind.IMAGE} != DEFAULT_KINDS
    assert '"flavour":"legacy"' in settings.subscriptions[0].voice.key
    assert '"flavour":"default","chart_events":true' in settings.subscriptions[1].voice.key


# --- quotas -----------------------------------------------------------------------------------------------------------


def test_quotas_where_references_or_an_api_tell_what_manifests_hold(file):
    settings = file("""
registries:
  - {name: main, hostname: a.example.com, references: true}
  - {name: asked, hostname: b.example.com, api: {url: "http://127.0.0.1:5000"}}
  - {name: quiet, hostname: c.example.com}
quotas:
  - {namespace: prj, registries: [main], limit: 10GiB, warn_at: [90%, 50%]}
  - {namespace: "team-*", registries: [main, asked], limit: 1048576, warn_at: []}
  - {namespace: "*", registries: [asked], limit: 1TiB}
""")
    first, second, third = settings.quotas
    assert (first.namespaces.patterns, first.registries) == (("prj",), {"main"})
    assert (first.limit, first.warn_at) == (10 * 1024**3, (50, 90))
    assert (second.limit, second.warn_at) == (1024**2, ())
    assert (third.limit, third.warn_at) == (1024**4, (85,))


def test_without_quotas_nobody_need_tell_what_manifests_hold(file):
    assert file(REGISTRY).quotas == ()
    assert file(REGISTRY + "quotas:\n").quotas == ()


# --- mistakes together ------------------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(
        "guard: {xyz: 1}\n"
        "retention: {dead: 3}\n"
        "registries:\n"
        "  - {name: main, hostname: 'https://x'}\n"
        "subscriptions:\n"
        "  - {name: one, format: harbor, url: '${env:NONE}', events: [nonsense]}\n"
        "ingest: {listen: ':80'}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    lines = str(caught.value).splitlines()
    assert [int(line.removeprefix(f"{path}:").split(":")[0]) for line in lines] == [1, 2, 4, 4, 6, 6]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.yml", {})
    assert str(caught.value) == (
        f"{tmp_path}/none.yml: cannot be read (No such file or directory): "
        "name the configuration file that is to be used"
    )


def test_aliases_spare_repetition(file):
    settings = file(
        one("match: {tags: &tags [v1]}\ndelivery: &d {timeout: 1s}")
        + "  - {name: two, format: quay, url: 'https://h.example.com', match: {tags: *tags}, delivery: *d}"
    )
    first, second = (bound.subscription for bound in settings.subscriptions)
    assert first.match == second.match
    assert first.policy == second.policy


# --- warnings ---------------------------------------------------------------------------------------------------------


def test_no_subscriptions_is_a_warning(file, tmp_path):
    assert file(REGISTRY + "subscriptions:\n").warnings == (
        f"{tmp_path}/config.yml:2: there are no subscriptions: events are recorded and told to nobody",
    )


def test_credentials_over_http_are_a_warning_unless_they_stay_on_the_machine(file, tmp_path):
    text = one("headers: {authorization: secret}")
    assert file(text).warnings == ()
    assert file(text.replace("https://hooks.example.com", "http://127.0.0.1:1")).warnings == ()
    (warning,) = file(text.replace("https://hooks", "http://hooks")).warnings
    assert warning == (
        f"{tmp_path}/config.yml:5: subscriptions[0].url is http, "
        "so headers.authorization travels unencrypted: use https"
    )


API = """
registries:
  - name: main
    hostname: registry.example.com
    api:
      url: {url}
      username: sidecar
      password: "${{env:WORD}}"
subscriptions: [{{name: one, format: quay, url: "https://hooks.example.com/"}}]
"""


def test_a_registrys_api_has_an_address_and_may_have_a_user(file):
    (main,) = file(API.format(url="https://registry.example.com/sub/"), {"WORD": "secret"}).registries
    assert main.api == ApiAccess(url="https://registry.example.com/sub", username="sidecar", password=Secret("secret"))
    assert file(REGISTRY).registries[0].api is None


def test_the_password_of_an_api_over_http_is_a_warning_unless_it_stays_on_the_machine(file, tmp_path):
    for url in ("http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000", "https://registry:5000"):
        assert file(API.format(url=url), {"WORD": "secret"}).warnings == ()
    (warning,) = file(API.format(url="http://registry:5000"), {"WORD": "secret"}).warnings
    sentence = "registries[0].api.url is http, so the password travels unencrypted: use https"
    assert warning == f"{tmp_path}/config.yml:6: {sentence}"


def test_one_registry_under_two_names_is_a_warning(file, tmp_path):
    """Its walks would find missing under one name what it told under the other."""
    text = """
registries:
  - {name: main, hostname: a.example.com, api: {url: "http://127.0.0.1:5000"}}
  - {name: other, hostname: b.example.com, api: {url: "http://127.0.0.1:5000/"}}
  - {name: third, hostname: c.example.com, api: {url: "http://127.0.0.1:5001"}}
subscriptions: [{name: one, format: quay, url: "https://hooks.example.com/"}]
"""
    (warning,) = file(text).warnings
    assert warning.startswith(f"{tmp_path}/config.yml:4: registries[1].api is also that of registry main: ")


def test_the_tls_of_an_api_is_the_one_that_is_used(file):
    ca = Path(__file__).parents[1] / "outbound" / "certificates" / "localhost.crt"
    settings = file(
        f"registries: [{{name: main, hostname: r.example.com, api: {{url: 'https://r', tls: {{ca_file: '{ca}'}}}}}}]"
    )
    tls = settings.registries[0].api.tls
    assert tls.ca_file == str(ca)
    assert tls in settings.contexts
    assert ca in settings.files


@pytest.mark.parametrize(
    ("host", "warned"), [("registry", 1), ("registry:5000", 0), ("localhost", 0), ("r.example", 0)]
)
def test_a_host_that_looks_like_docker_hub_is_a_warning_for_harbor_and_quay(file, host, warned):
    text = one("").replace("registry.example.com", f'"{host}"')
    assert len(file(text).warnings) == warned
    assert len(file(text.replace("harbor", "quay")).warnings) == warned
    assert file(text.replace("harbor", "dtr")).warnings == ()


def test_ends_of_tags_are_looked_for_every_five_hours_and_by_the_rules_of_the_file(file):
    assert file(REGISTRY).expiry == Plan(interval=300 * 60 * SECOND, rules=())
    settings = file(
        f"{REGISTRY}expiry:\n"
        "  interval: 1h\n"
        "  rules:\n"
        '    - {repositories: ["prj/**"], tags: ["pr-*"], older_than: 90d}\n'
        "    - {keep: 10}\n"
    )
    aged, counted = settings.expiry.rules
    assert settings.expiry.interval == 3600 * SECOND
    assert (aged.older_than, aged.keep) == (90 * 86400 * SECOND, 0)
    assert aged.repositories.admits("prj/a/b")
    assert not aged.repositories.admits("other/a")
    assert aged.tags.admits("pr-1")
    assert not aged.tags.admits("v1")
    assert (counted.older_than, counted.keep) == (0, 10)
    assert counted.repositories.admits("any/thing")


def test_days_are_an_option_of_the_formats_that_tell_of_ends(file):
    text = f"{REGISTRY}subscriptions:\n  - name: one\n    format: FORMAT\n    url: https://h.example.com/x\n"
    text += "    events: [artifact.expiring]\n    options: {days: 30}\n"
    for form in ("quay", "cloudevents"):
        (bound,) = file(text.replace("FORMAT", form)).subscriptions
        assert bound.voice.days == 30
        assert (
            file(text.replace("FORMAT", form).replace("    options: {days: 30}\n", "")).subscriptions[0].voice.days == 7
        )
