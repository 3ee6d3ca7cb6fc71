"""`check` and `schema`."""

import http.server
import json
import socket
import threading
from typing import ClassVar

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from sidecar import __version__

GOOD = {
    "registries": [{"name": "main", "hostname": "registry.example.com"}],
    "subscriptions": [{"name": "one", "format": "harbor", "url": "https://hooks.example.com/secret-path?key=1"}],
}


@pytest.fixture
def config(tmp_path):
    def write(whole):
        path = tmp_path / "config.yml"
        path.write_text(whole if isinstance(whole, str) else json.dumps(whole))
        return str(path)

    return write


def test_a_good_configuration_is_counted(cli, config):
    said = cli("check", "--config", config(GOOD))
    assert (said.code, said.out, said.err) == (0, "ok: 1 registry, 1 subscription\n", "")


def test_warnings_go_to_standard_error_and_the_exit_code_stays_0(cli, config):
    said = cli("check", "-c", config({**GOOD, "subscriptions": []}))
    assert (said.code, said.out) == (0, "ok: 1 registry, 0 subscriptions\n")
    assert said.err.startswith("warning: ")
    assert "no subscriptions" in said.err


def test_json_names_everything_but_paths_of_urls(cli, config):
    said = cli("check", "--json", "-c", config(GOOD))
    assert said.json == {
        "registries": ["main"],
        "subscriptions": [
            {
                "name": "one",
                "preset": "",
                "format": "harbor",
                "events": ["artifact.pushed", "artifact.deleted"],
                "destination": "https://hooks.example.com",
                "publicKeys": [],
                "proxy": "",
                "tlsVerified": True,
            }
        ],
        "warnings": [],
    }


@pytest.mark.parametrize("command", ["check", "serve"])
def test_every_mistake_is_a_line_with_its_place_and_the_exit_code_is_78(cli, config, command):
    path = config("registries: [{name: main}]\nsubscriptions:\n- {name: one, format: nope, url: 'https://x.example'}\n")
    said = cli(command, "--config", path)
    assert (said.code, said.out) == (78, "")
    lines = said.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{path}:1: ")
    assert lines[1].startswith(f"{path}:3: ")


def test_a_file_that_is_not_there_is_said(cli):
    said = cli("check", "-c", "/nowhere/config.yml")
    assert said.code == 78
    assert said.err.startswith("/nowhere/config.yml: cannot be read (No such file or directory)")


def test_the_schema_is_json_schema_2020_12(cli):
    said = cli("schema")
    assert said.code == 0
    assert said.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "registries" in said.json["properties"]


def test_what_a_receiver_has_to_know_is_told_and_what_nobody_may_know_is_not(cli, config):
    """The key pair is the one published with the server that the authors of Standard Webhooks run."""
    private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    (one,) = GOOD["subscriptions"]
    more = {
        "sign": {"secrets": [private]},
        "tls": {"verify": False},
        "proxy": "http://user:hunter2@proxy.example.com:3128",
    }
    path = config({**GOOD, "subscriptions": [one | more]})
    said = cli("check", "--config", path)
    assert said.code == 0
    assert said.out == f"one: receivers verify with {public}\nok: 1 registry, 1 subscription\n"
    assert "verify is false" in said.err
    told = cli("check", "--json", "--config", path)
    (listed,) = told.json["subscriptions"]
    assert listed["publicKeys"] == [public]
    assert listed["proxy"] == "http://proxy.example.com:3128"
    assert listed["tlsVerified"] is False
    for text in (said.out, said.err, told.out):
        assert "hunter2" not in text
        assert private not in text


@pytest.fixture
def registry():
    """A registry's `/v2/` in a thread: the command has a loop of its own. Answers with `status`, notes user agents."""

    class Handler(http.server.BaseHTTPRequestHandler):
        status = 200
        agents: ClassVar = []

        def do_GET(self):
            self.agents.append((self.path, self.headers["User-Agent"]))
            self.send_response(Handler.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Handler
        server.shutdown()
        thread.join()


def asking(registry):
    return {**GOOD, "registries": [{**GOOD["registries"][0], "api": {"url": registry.url}}]}


def test_nothing_is_asked_of_a_registry_unless_one_says_so(cli, config, registry):
    path = config(asking(registry))
    assert cli("check", "--config", path).code == 0
    assert registry.agents == []
    said = cli("check", "--ask", "--config", path)
    assert (said.code, said.out, said.err) == (0, "ok: 1 registry, 1 subscription; answered: registry main\n", "")
    assert registry.agents == [("/v2/", f"registry-sidecar/{__version__}")]
    assert cli("check", "--ask", "--json", "--config", path).json["unreachable"] == {}


def test_a_registry_that_cannot_be_asked_is_told_with_exit_code_69(cli, config, registry):
    registry.status = 401
    path = config(asking(registry))
    said = cli("check", "--ask", "--config", path)
    assert (said.code, said.out) == (69, "")
    sentence = f"{registry.url} answered 401: give `api.username` and `api.password` the right to read."
    assert said.err == f"registry main cannot be asked: {sentence}\n"
    said = cli("check", "--ask", "--json", "--config", path)
    assert (said.code, said.json["unreachable"]) == (69, {"main": sentence})


def test_it_is_said_where_there_is_nobody_to_ask(cli, config):
    """Else whoever forgot `mail` would take the silence for an answer."""
    said = cli("check", "--ask", "--config", config(GOOD))
    assert said.out == "ok: 1 registry, 1 subscription; there is no `api` of a registry and no `mail` to ask\n"


@pytest.fixture
def post():
    """A mail server, and a configuration that names it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    server = Controller(Sink(), hostname="127.0.0.1", port=port)
    server.start()
    yield server, {**GOOD, "mail": {"server": f"smtp://127.0.0.1:{port}", "from": "registry@example.com"}}
    if not server.loop.is_closed():
        server.stop()


def test_the_mail_server_is_asked_as_well(cli, config, post):
    """Up to where a mail would begin: whoever waits for one at night has seen it work by day."""
    server, settings = post
    path = config(settings)
    said = cli("check", "--ask", "--config", path)
    assert (said.code, said.out, said.err) == (0, "ok: 1 registry, 1 subscription; answered: the mail server\n", "")
    assert cli("check", "--ask", "--json", "--config", path).json["mail"] == ""
    server.stop()
    said = cli("check", "--ask", "--config", path)
    sentence = f"No connection to 127.0.0.1:{server.port}: connection refused."
    assert (said.code, said.out, said.err) == (69, "", f"no mail can be sent: {sentence}\n")
    said = cli("check", "--ask", "--json", "--config", path)
    assert (said.code, said.json["mail"]) == (69, sentence)
