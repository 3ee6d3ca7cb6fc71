"""A whole sidecar while its secrets, certificates and guard are changed under it: no restart, and nothing lost."""

import asyncio
import base64
import hashlib
import hmac
import json

import aiohttp
import pytest
import structlog
from http_peer import OK, Peer, always

import notifications
from certificates import Authority
from sidecar import app as root
from sidecar.config.loading import load

REFUSAL = b"HTTP/1.1 500 Not now\r\nContent-Length: 0\r\n\r\n"


def secret(letter):
    return "whsec_" + base64.b64encode(letter.encode() * 32).decode()


def signed_by(letter, request):
    """Whether a request as bytes is signed with that secret alone, computed as Standard Webhooks says."""
    head, _, body = request.partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    content = b".".join((fields[b"webhook-id"], fields[b"webhook-timestamp"], body))
    expected = base64.b64encode(hmac.new(letter.encode() * 32, content, hashlib.sha256).digest())
    return fields[b"webhook-signature"] == b"v1," + expected


def webhook_id(request):
    return [line for line in request.split(b"\r\n") if line.startswith(b"webhook-id")]


class Mount:
    """A folder that Kubernetes mounts: names that lead to `..data`, which leads to a folder that is swapped whole."""

    def __init__(self, folder):
        self.folder = folder
        self._turn = 0
        folder.mkdir()

    def hold(self, **files):
        self._turn += 1
        there = self.folder / f"..{self._turn}"
        there.mkdir()
        for name, content in files.items():
            there.joinpath(name).write_bytes(content)
            if self._turn == 1:
                self.folder.joinpath(name).symlink_to(f"..data/{name}")
        next_one = self.folder / "..data_tmp"
        next_one.symlink_to(there.name)
        next_one.rename(self.folder / "..data")


@pytest.fixture
def write(tmp_path):
    """Writes the configuration file with one subscription that has these further keys; returns its path."""
    (tmp_path / "data").mkdir()

    def write(url, *, guard=None, **more):
        path = tmp_path / "config.yml"
        retry = {"initial": "20ms", "factor": 1, "max_delay": "20ms"}
        whole = {
            "ingest": {"listen": "127.0.0.1:0"},
            "management": {"listen": "127.0.0.1:0"},
            "store": f"sqlite:///{tmp_path}/data/sidecar.db",
            "registries": [{"name": "main", "hostname": "registry.example.com"}],
            "subscriptions": [
                {"name": "one", "format": "cloudevents", "url": url, "delivery": {"retry": retry}, **more}
            ],
            "guard": guard or {},
        }
        path.write_text(json.dumps(whole))
        return path

    return write


@pytest.fixture
async def start(monkeypatch):
    monkeypatch.setattr(root, "WATCH_EVERY", 0.02)
    running = []

    async def start(path):
        one = root.App(load(path, {}))
        running.append(one)
        await one.start()
        await until(lambda: not one.unready())
        return one

    yield start
    for one in running:
        await one.stop(drain=1)


async def until(condition, *, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it waits for what others do, and they set no event
            await asyncio.sleep(0.01)


async def push(one, identity):
    url = f"http://127.0.0.1:{one.ingest_ports[0]}/events"
    body = notifications.envelope(notifications.push(identity))
    async with aiohttp.ClientSession() as http, http.post(url, data=body) as answer:
        assert answer.status == 202


def refusing_until(accept):
    """A handler that answers 500 until the event is set, then 200."""

    async def serve(peer, reader, writer):
        while await peer.read(reader):
            writer.write(OK if accept.is_set() else REFUSAL)

    return serve


async def test_a_swapped_secret_signs_the_next_attempt_of_what_waits_already(tmp_path, write, start):
    accept = asyncio.Event()
    mount = Mount(tmp_path / "secrets")
    mount.hold(signing=secret("o").encode() + b"\n")
    serve = refusing_until(accept)
    async with Peer(lambda _number, reader, writer: serve(peer, reader, writer)) as peer:
        one = await start(write(peer.url, sign={"secrets": [f"${{file:{tmp_path}/secrets/signing}}"]}))
        await push(one, "first")
        await until(lambda: peer.requests)
        assert signed_by("o", peer.requests[0])
        mount.hold(signing=secret("n").encode() + b"\n")
        await until(lambda: signed_by("n", peer.requests[-1]))
        accept.set()
        await until(lambda: one._dispatcher.views()[0].pending == 0)
    assert {tuple(webhook_id(request)) for request in peer.requests} == {tuple(webhook_id(peer.requests[0]))}
    turned = [signed_by("n", request) for request in peer.requests]
    assert turned == sorted(turned), "once changed, the old secret signs nothing more"


async def test_swapped_certificates_keys_and_cas_count_for_the_next_attempt(tmp_path, write, start):
    """The receiver moves to another CA while a delivery waits, and asks for clients of the new one alone."""
    accept = asyncio.Event()
    folders = [tmp_path / name for name in ("ca1", "ca2")]
    for folder in folders:
        folder.mkdir()
    old, new = (Authority(folder, folder.name) for folder in folders)
    mount = Mount(tmp_path / "tls")

    def hold(authority, name):
        certificate, key = authority.issue(name)
        mount.hold(ca=authority.path.read_bytes(), cert=certificate.read_bytes(), key=key.read_bytes())

    hold(old, "client-1")
    tls = {f"{name}_file": f"{tmp_path}/tls/{name}" for name in ("ca", "cert", "key")}
    serve = refusing_until(accept)
    context = old.server("127.0.0.1", client_ca=old.path)
    async with Peer(lambda _number, reader, writer: serve(peer, reader, writer), tls=context) as peer:
        one = await start(write(peer.url, tls=tls))
        await push(one, "first")
        await until(lambda: peer.requests)
        assert set(peer.subjects) == {"client-1"}
        context.load_verify_locations(new.path)
        context.load_cert_chain(*new.issue("server", "127.0.0.1"))
        hold(new, "client-2")
        await until(lambda: peer.subjects[-1] == "client-2")
        accept.set()
        await until(lambda: one._dispatcher.views()[0].pending == 0)
    assert len(one._sender._others) == 1
    assert peer.connections == 2, "one connection under each setting"


async def test_a_certificate_that_does_not_fit_its_key_leaves_the_old_pair_in_use(tmp_path, write, start):
    """As when the two files of a pair are written one after the other."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("client")
    tls = {"ca_file": str(authority.path), "cert_file": str(certificate), "key_file": str(key)}
    async with always(OK, tls=authority.server("127.0.0.1", client_ca=authority.path)) as peer:
        one = await start(write(peer.url, tls=tls))
        other, its_key = authority.issue("other")
        certificate.write_bytes(other.read_bytes())
        await until(lambda: "the certificate's" in one.status()["config"]["error"])
        await push(one, "first")
        await until(lambda: peer.requests)
        key.write_bytes(its_key.read_bytes())
        await until(lambda: not one.status()["config"]["error"])
        await push(one, "second")
        await until(lambda: len(peer.requests) == 2)
    assert peer.subjects == ["client", "other"]


async def test_a_guard_that_is_reloaded_counts_for_kept_connections_too(write, start):
    async with always(OK) as peer:
        one = await start(write(peer.url))
        await push(one, "first")
        await until(lambda: peer.requests)
        write(peer.url, guard={"deny": ["127.0.0.0/8"]})
        assert await one.reload() == ""
        await push(one, "second")
        await until(lambda: one._dispatcher.views()[0].pending == 0)
        assert len(peer.requests) == 1
        write(peer.url)
        assert await one.reload() == ""
        await push(one, "third")
        await until(lambda: len(peer.requests) == 2)


async def test_unverified_tls_is_told_at_the_start_and_at_every_reload_and_is_a_metric(write, start):
    def gauge(one):
        text = one._metrics.render()[0].decode()
        return [line for line in text.splitlines() if line.startswith("registry_sidecar_tls_unverified{")]

    with structlog.testing.capture_logs() as lines:
        one = await start(write("https://hooks.example.com/", tls={"verify": False}))
        for number in (1, 2):
            told = [line for line in lines if "verify is false" in str(line.get("detail"))]
            assert len(told) == number
            assert {line["log_level"] for line in told} == {"warning"}
            assert await one.reload() == ""
        assert gauge(one) == ['registry_sidecar_tls_unverified{subscription="one"} 1.0']
        write("https://hooks.example.com/")
        assert await one.reload() == ""
    assert gauge(one) == ['registry_sidecar_tls_unverified{subscription="one"} 0.0']
