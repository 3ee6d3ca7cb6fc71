"""A push to a real registry arrives as a mail, at a server that wants encryption and a login."""

import email
import email.policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from peers import eventually, free_port
from real_registry import USER

from certificates import Authority

pytestmark = pytest.mark.e2e

PASSWORD = "correct-horse-battery"


class Post:
    """Keeps what it takes, and who was logged in; refuses the first mail for now, as greylisting does."""

    def __init__(self):
        self.taken = []
        self.refused = []

    def login(self, _server, _session, _envelope, _mechanism, data):
        right = (data.login, data.password) == (b"registry", PASSWORD.encode())
        return AuthResult(success=right, handled=False, auth_data="registry")

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if not self.refused:
            self.refused.append(address)
            return "450 4.2.0 greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - aiosmtpd's name
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.taken.append((session.ssl is not None, session.auth_data, envelope.rcpt_tos, message))
        return "250 OK"


@pytest.fixture
def post(tmp_path):
    (folder := tmp_path / "certificates").mkdir()
    authority = Authority(folder)
    one = Post()
    one.ca = str(authority.path)
    server = Controller(
        one,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=authority.server("localhost", "127.0.0.1"),
        require_starttls=True,
        auth_required=True,
        authenticator=one.login,
    )
    server.start()
    one.port = server.port
    yield one
    server.stop()


def test_a_push_arrives_as_a_mail(registry, sidecar, skopeo, image, post):
    """Refused for now at first; then it is there once, encrypted, for both addresses, and says what happened."""
    sidecar.configure(
        {
            "name": "people",
            "format": "email",
            "url": "mailto:ops@example.com,maria@example.org",
            "options": {"subject": "[registry]"},
            "delivery": {"retry": {"initial": "100ms", "factor": 2, "max_delay": "500ms"}},
        },
        mail={
            "server": f"smtp://127.0.0.1:{post.port}",
            "from": "Registry <registry@example.com>",
            "username": "registry",
            "password": PASSWORD,
            "starttls": "required",
            "tls": {"ca_file": post.ca},
        },
    )
    sidecar.start()
    skopeo.push(image, "prj/app:1.0")
    eventually(lambda: post.taken, "the mail is there")
    sidecar.wait_delivered()
    [(encrypted, user, recipients, message)] = post.taken
    assert post.refused == ["ops@example.com"]
    assert (encrypted, user) == (True, "registry")
    assert recipients == ["ops@example.com", "maria@example.org"]
    assert message["Subject"] == f"[registry] prj/app:1.0 was pushed by {USER}"
    text = message.get_body(("plain",)).get_content()
    assert image.digest[:19] in text
    assert "registry.example.test:8443/prj/app:1.0" in text
    assert image.digest[:19] in message.get_body(("html",)).get_content()
    code, shown = sidecar.cli("deliveries", "list")
    assert code == 0
    assert [(one["state"], one["attempts"], one["status"]) for one in shown["deliveries"]] == [("delivered", 2, 250)]
