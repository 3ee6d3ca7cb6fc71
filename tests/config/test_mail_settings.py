"""The mail server of a file: what is usual, what is written, and what it says to the subscriptions that use it."""

import pytest

from certificates import Authority
from sidecar.config.binding import ConfigBinder
from sidecar.config.loading import load
from sidecar.domain.errors import Unusable
from sidecar.domain.mail import MailServer, StartTls
from sidecar.domain.mailbox import Mailbox
from sidecar.domain.secret import Secret

SECOND = 1_000_000_000
REGISTRY = "registries: [{name: main, hostname: registry.example.com}]\n"
FROM = "from: Registry <registry@example.com>"


@pytest.fixture
def settings(tmp_path):
    def read(mail, more="", **environ):
        path = tmp_path / "config.yml"
        path.write_text(f"{REGISTRY}mail: {{{mail}}}\n{more}")
        return load(path, environ)

    return read


def one(*more, url="mailto:ops@example.com"):
    lines = "".join(f"    {line}\n" for line in more)
    return f"subscriptions:\n  - name: one\n    format: email\n    url: '{url}'\n{lines}"


def test_without_the_key_there_is_no_mail_server(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(REGISTRY)
    assert load(path, {}).mail is None


def test_what_is_not_written_is_safe(settings):
    """Submission's port (RFC 6409), and nothing is sent before it is encrypted."""
    assert settings(f"server: 'smtp://mail.example.com', {FROM}").mail == MailServer(
        host="mail.example.com",
        port=587,
        sender=Mailbox("registry", "example.com", "Registry"),
        starttls=StartTls.REQUIRED,
        timeout=60 * SECOND,
    )


def test_tls_from_the_start_has_its_own_port(settings):
    """RFC 8314."""
    found = settings(f"server: 'smtps://mail.example.com', {FROM}").mail
    assert (found.port, found.implicit) == (465, True)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_within_this_machine_nothing_needs_to_be_encrypted(settings, host):
    found = settings(f"server: 'smtp://{host}:25', {FROM}, username: registry, password: 'p:w'")
    assert (found.mail.loopback, found.mail.starttls, found.mail.port) == (True, StartTls.NONE, 25)
    assert found.warnings[1:] == ()  # the first says that there are no subscriptions
    assert settings(f"server: 'smtp://{host}', {FROM}, starttls: required").mail.starttls is StartTls.REQUIRED


def test_everything_can_be_written(settings):
    found = settings(
        "server: 'smtp://mail.example.com:2525', from: '\"Registry, night\" <registry@bücher.example>', "
        "username: registry, password: '${env:PASSWORD}', starttls: required, timeout: 2m, helo: sidecar.example.com",
        PASSWORD="s3cret",
    ).mail
    assert found == MailServer(
        host="mail.example.com",
        port=2525,
        sender=Mailbox("registry", "xn--bcher-kva.example", "Registry, night"),
        username="registry",
        password=Secret("s3cret"),
        timeout=120 * SECOND,
        helo="sidecar.example.com",
    )
    assert "s3cret" not in repr(found)


def test_a_ca_of_ones_own_offers_no_other_protocol(settings, tmp_path):
    """Servers that look at ALPN (RFC 7301) would refuse who offers HTTP."""
    authority = Authority(tmp_path)
    found = settings(f"server: 'smtp://mail.example.com', {FROM}, tls: {{ca_file: '{authority.path}'}}")
    assert found.mail.tls.ca_file == str(authority.path)
    assert [one["subject"] for one in found.mail_tls.get_ca_certs()]
    assert found.files == (tmp_path / "config.yml", authority.path)  # looked at again when they change
    assert settings(f"server: 'smtp://mail.example.com', {FROM}").mail_tls is None


def test_a_password_file_is_looked_at_again(settings, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("first\n")
    mail = f"server: 'smtp://mail.example.com', {FROM}, username: registry, password: '${{file:{secret}}}'"
    first = settings(mail)
    assert first.mail.password == Secret("first")
    assert secret in first.files
    secret.write_text("second\n")
    assert settings(mail).mail.password == Secret("second")


@pytest.mark.parametrize("starttls", ["none", "opportunistic"])
def test_mails_that_others_could_read_are_warned_of(settings, starttls):
    warnings = settings(f"server: 'smtp://mail.example.com', {FROM}, starttls: {starttls}").warnings
    assert any(
        one.endswith(f"mail.starttls is {starttls}, so mails may travel unencrypted: write required")
        for one in warnings
    )


# --- subscriptions ----------------------------------------------------------------------------------------------------


def test_a_mail_has_the_servers_time_unless_its_subscription_says_another(settings):
    """Ten seconds are enough for a webhook; a server that looks into a mail before it takes it needs more."""
    mail = f"server: 'smtp://mail.example.com', {FROM}, timeout: 90s"
    (bound,) = settings(mail, one()).subscriptions
    assert bound.subscription.policy.timeout == 90 * SECOND
    (bound,) = settings(mail, one("delivery: {timeout: 5s}")).subscriptions
    assert bound.subscription.policy.timeout == 5 * SECOND
    (bound,) = settings(mail, f"{one()}defaults: {{delivery: {{timeout: 7s}}}}\n").subscriptions
    assert bound.subscription.policy.timeout == 7 * SECOND


def test_of_addresses_only_domains_are_shown(settings):
    url = "mailto:maria@example.com,ops@example.org"
    (bound,) = settings(f"server: 'smtp://mail.example.com', {FROM}", one(url=url)).subscriptions
    assert bound.subscription.url == url
    assert bound.subscription.destination == "mailto:example.com,example.org"


def test_a_subscription_made_by_an_api_needs_the_server_too(settings):
    """It is told where it is made, and works once the operator has added one."""
    target = {"format": "email", "url": "mailto:maria@example.com"}
    there = settings(f"server: 'smtp://mail.example.com', {FROM}, timeout: 90s")
    (bound,) = ConfigBinder.of(there).bind([("one", target)])
    assert bound.subscription.policy.timeout == 90 * SECOND
    with pytest.raises(Unusable) as told:
        ConfigBinder(there.registries).bind([("one", target)])
    assert [(one.path, one.sentence) for one in told.value.problems] == [
        ("url", "url is a mail address, and there is no mail server: add `mail` to the configuration")
    ]


def test_what_an_api_made_while_there_was_a_server_goes_on_without_one(settings):
    """It hears of events, and its mails wait for the server's return."""
    target = {"format": "email", "url": "mailto:maria@example.com"}
    without = ConfigBinder(settings(f"server: 'smtp://mail.example.com', {FROM}").registries)
    (bound,) = without.bind([("one", target)], hidden=True)
    assert bound.subscription.url == "mailto:maria@example.com"
