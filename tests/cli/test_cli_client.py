"""Which sidecar is asked, and what is said when it cannot be."""

import asyncio
import contextlib
import http.server
import json
import os
import socket
import threading

import pytest
from running_sidecar import Sidecar

from sidecar.cli.client import ask
from sidecar.cli.exits import Failure
from sidecar.cli.parameters import Where


@pytest.fixture
def answering():
    """Serves fixed answers, one after the other, and notes the requests."""

    @contextlib.contextmanager
    def serve(*answers):
        asked = []
        waiting = list(answers)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, dict(self.headers)))
                status, kind, body = waiting.pop(0)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}", asked
            finally:
                server.shutdown()
                thread.join()

    return serve


def page(*numbers, following=None):
    return (
        200,
        "application/json",
        json.dumps({"events": [{"n": one} for one in numbers], "next": following}).encode(),
    )


def where(url):
    return Where(url, "", None, False)


def test_pages_are_followed_up_to_the_limit(answering):
    with answering(page(5, 4, following="4"), page(3, 2, following="2")) as (url, asked):
        found = ask(where(url), lambda client: client.pages("/v1/events", "events", 4, type="x", registry=""))
    assert found == {"events": [{"n": 5}, {"n": 4}, {"n": 3}, {"n": 2}], "next": "2"}
    assert [path for path, _ in asked] == ["/v1/events?limit=4&type=x", "/v1/events?limit=2&before=4&type=x"]


def test_pages_end_where_there_is_nothing_more(answering):
    with answering(page(5, following="5"), page()) as (url, _):
        found = ask(where(url), lambda client: client.pages("/v1/events", "events", 600))
    assert found == {"events": [{"n": 5}], "next": None}


def test_a_token_file_is_shown_as_bearer(cli, answering, tmp_path, monkeypatch):
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    with answering(page(), page()) as (url, asked):
        assert cli("events", "--url", url, "--token-file", str(path)).code == 0
        monkeypatch.setenv("REGISTRY_SIDECAR_URL", url)
        monkeypatch.setenv("REGISTRY_SIDECAR_TOKEN_FILE", str(path))
        assert cli_with_environment("events") == 0
    assert [headers["Authorization"] for _, headers in asked] == ["Bearer s3cret", "Bearer s3cret"]


def cli_with_environment(*arguments):
    from sidecar.cli import main

    return main(list(arguments))


@pytest.mark.parametrize(
    ("answer", "code", "sentence"),
    [
        ((400, "application/problem+json", b'{"title": "x", "detail": "Mend it."}'), 2, "Mend it."),
        ((403, "application/problem+json", b'{"title": "x", "detail": "Not here."}'), 1, "Not here."),
        ((404, "application/problem+json", b'{"title": "x", "detail": "It is gone."}'), 3, "It is gone."),
        ((500, "application/problem+json", b'{"title": "Internal Server Error"}'), 1, "Internal Server Error"),
        ((503, "application/problem+json", b'{"title": "x", "detail": "Later."}'), 69, "Later."),
        ((404, "text/html", b"<h1>nginx</h1>"), 1, "{url} answered 404, and not as a sidecar does"),
        ((200, "text/html", b"<h1>nginx</h1>"), 1, "{url} answered 200, and not as a sidecar does"),
        ((302, "text/html", b""), 1, "{url} answered 302, and not as a sidecar does"),
    ],
)
def test_an_answer_that_is_no_success_is_one_sentence(cli, answering, answer, code, sentence):
    with answering(answer) as (url, _):
        said = cli("events", "--url", url)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("registry-sidecar: " + sentence.format(url=url))
    assert said.err.count("\n") == 1


def test_nobody_at_the_url(cli):
    said = cli("status", "--url", "http://127.0.0.1:1")
    assert said.code == 69
    assert said.err.startswith("registry-sidecar: cannot reach http://127.0.0.1:1 (Connection refused): is the sidecar")


def test_no_socket_and_a_socket_that_nobody_serves(cli, tmp_path):
    config = Sidecar(tmp_path, []).config
    said = cli("events", "-c", str(config))
    assert said.code == 69
    assert f"cannot reach {tmp_path}/control.sock (No such file or directory)" in said.err
    assert "--offline" in said.err
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(os.fspath(tmp_path / "control.sock"))
    said = cli("events", "-c", str(config))
    assert said.code == 69
    assert "(Connection refused): is the sidecar running?" in said.err


def test_a_connection_that_breaks_off_is_said():
    async def break_off(_reader, writer):
        writer.close()
        await writer.wait_closed()

    async def talk():
        server = await asyncio.start_server(break_off, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            with pytest.raises(Failure, match="broke off") as failed:
                await asyncio.to_thread(ask, where(url), lambda client: client.get("/v1/status"))
            return failed.value.code

    assert asyncio.run(talk()) == 69


def test_a_configuration_without_a_socket_names_the_other_ways(cli, tmp_path):
    config = Sidecar(tmp_path, []).config
    whole = json.loads(config.read_text())
    whole["management"]["socket"] = False
    config.write_text(json.dumps(whole))
    said = cli("events", "-c", str(config))
    assert said.code == 2
    assert "management.socket: false" in said.err
    assert "--url" in said.err


def test_without_a_configuration_the_url_is_offered(cli):
    said = cli("events", "-c", "/nowhere.yml")
    assert (said.code, said.out) == (78, "")
    first, second = said.err.splitlines()
    assert first.startswith("/nowhere.yml: cannot be read")
    assert second.endswith("or use --url")


@pytest.mark.parametrize("url", ["sidecar:8081", "ftp://sidecar", "http://"])
def test_a_url_that_is_none_is_refused(cli, url):
    said = cli("events", "--url", url)
    assert said.code == 2
    assert f"--url {url!r} must be http://host:port" in said.err


@pytest.mark.parametrize("content", [None, "", "two\nlines", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_a_token_file_that_cannot_be_used_is_refused(cli, tmp_path, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    said = cli("events", "--url", "http://127.0.0.1:1", "--token-file", str(path))
    assert said.code == 2
    assert said.err.startswith(f"registry-sidecar: the token file {path} ")


def test_the_socket_and_the_loopback_listener_say_the_same(cli, told):
    ways = (
        ["--config", str(told.config)],
        ["--url", told.management],
        ["--url", f"unix:{told.folder}/control.sock"],
        ["--url", f"unix://{told.folder}/control.sock"],
    )
    answers = [cli("events", "--json", *way) for way in ways]
    assert all(one == answers[0] for one in answers)
    assert len(answers[0].json["events"]) == 6
