"""Real registries, as Debian and upstream ship them, and clients that speak to them as users do."""

import base64
import json
import shutil
import urllib.error
import urllib.request
from typing import NamedTuple

import yaml
from peers import OWN_PEERS, Process, eventually, find, free_port, run

USER, PASSWORD = "maria", "correct-horse"
HTPASSWD = "maria:$2b$04$x6GPZWmGMW3bgjREZnhvu.lEk16XsvbG/.wIlXpEOLKoNDAnGyhzy\n"  # of PASSWORD, at bcrypt's least cost
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: dict[str, str]
    text: str


def ask(url, *, method="GET", body=None, headers=None, timeout=10):
    """One HTTP request; an error status is an answer too. Raises OSError when nobody answers."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with DIRECT.open(request, timeout=timeout) as response:
            return Answer(response.status, dict(response.headers), response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read().decode())


class Registry:
    """One registry process with users, deletion enabled, and notifications to one sidecar."""

    def __init__(self, version, folder, *, notify, token):
        folder.mkdir()
        self.version = version
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.debug = f"http://127.0.0.1:{free_port()}"
        (folder / "users").write_text(HTPASSWD)
        config = folder / "config.yml"
        config.write_text(yaml.safe_dump(self._config(folder, notify, token)))
        self.process = Process([_binary(version), "serve", config], folder / "log", {"OTEL_TRACES_EXPORTER": "none"})

    def start(self):
        self.process.start()
        eventually(lambda: ask(f"http://{self.address}/v2/").status == 401, f"registry {self.version} answers")
        self.process.check_running()

    def put_manifest(self, repository, tag, image):
        """Push one tag of an image whose blobs are there already."""
        answer = self._speak("PUT", f"{repository}/manifests/{tag}", image.manifest, {"Content-Type": image.media_type})
        assert answer.status == 201, answer

    def ask_manifest(self, method, repository, reference):
        """HEAD or GET of a manifest, as one client that is always the same."""
        accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
        return self._speak(method, f"{repository}/manifests/{reference}", headers={"Accept": accept})

    def delete(self, repository, reference):
        """The status of DELETE by tag or digest."""
        return self._speak("DELETE", f"{repository}/manifests/{reference}").status

    def notifications(self):
        """The registry's own figures: Pending, Events, Successes, Failures, Errors, Statuses."""
        figures = json.loads(ask(f"{self.debug}/debug/vars").text)
        return figures["registry"]["notifications"]["endpoints"][0]["Metrics"]

    def _speak(self, method, path, body=None, headers=None):
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", **(headers or {})}
        return ask(f"http://{self.address}/v2/{path}", method=method, body=body, headers=headers)

    def _config(self, folder, notify, token):
        endpoint = {
            "name": "sidecar",
            "url": notify,
            "headers": {"Authorization": [f"Bearer {token}"]},
            "timeout": "5s",
            "threshold": 3,
            "backoff": "1s",
        }
        return {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": self.address, "debug": {"addr": self.debug.removeprefix("http://")}},
            "auth": {"htpasswd": {"realm": "e2e", "path": str(folder / "users")}},
            "notifications": {"events": {"includereferences": True}, "endpoints": [endpoint]},
        }


class Skopeo:
    """skopeo, logged in to a registry."""

    def __init__(self, registry, folder):
        self._registry = registry
        self._folder = folder

    def push(self, image, reference):
        """Copy a layout into the registry; an index with all its images."""
        with_all = ("--all",) if image.children else ()
        flags = ("--dest-tls-verify=false", "--dest-creds", f"{USER}:{PASSWORD}")
        self._run("copy", "--preserve-digests", *with_all, *flags, image.layout, self._name(reference))

    def pull(self, reference, *more):
        flags = ("--src-tls-verify=false", "--src-creds", f"{USER}:{PASSWORD}")
        self._run("copy", *flags, *more, self._name(reference), f"oci:{self._folder}")

    def copy(self, reference, to, *more):
        """Copy within the registry."""
        ends = [(f"--{end}-tls-verify=false", f"--{end}-creds", f"{USER}:{PASSWORD}") for end in ("src", "dest")]
        self._run("copy", "--preserve-digests", *ends[0], *ends[1], *more, self._name(reference), self._name(to))

    def digest(self, reference):
        """The digest as `skopeo inspect` tells it: a pull, for the registry."""
        flags = ("--tls-verify=false", "--creds", f"{USER}:{PASSWORD}", "--no-tags", "--format", "{{.Digest}}")
        return self._run("inspect", *flags, self._name(reference)).strip()

    def delete(self, reference):
        self._run("delete", "--tls-verify=false", "--creds", f"{USER}:{PASSWORD}", self._name(reference))

    def _name(self, reference):
        return f"docker://{self._registry.address}/{reference}"

    def _run(self, *arguments):
        return run("skopeo", "--insecure-policy", *arguments)


class Containerd:
    """A containerd of its own, for the content that `ctr` fetches; it never runs a container."""

    def __init__(self, registry, folder):
        folder.mkdir()
        self._registry = registry
        self._socket = folder / "sock"
        config = folder / "config.toml"
        config.write_text(
            f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\naddress = "{self._socket}"\n[ttrpc]\naddress = "{folder}/ttrpc"\n'
        )
        self.process = Process(["containerd", "--config", config], folder / "log")

    def start(self):
        self.process.start()
        eventually(self._socket.exists, "containerd listens")
        eventually(lambda: self.process.check_running() or self._ctr("version"), "containerd answers")

    def fetch(self, reference, *flags):
        """Pull as Kubernetes' nodes do: HEAD by tag, then GET by digest."""
        access = ("--plain-http", "--user", f"{USER}:{PASSWORD}")
        self._ctr("content", "fetch", *access, *flags, f"{self._registry.address}/{reference}")

    def _ctr(self, *arguments):
        return run("ctr", "--address", self._socket, *arguments)


def _binary(version):
    if version == "2.8":
        return find([shutil.which("docker-registry") or "docker-registry"], " 2.8.")
    return find([OWN_PEERS / "registry", shutil.which("registry") or "registry"], f" v{version}.")
