"""The sidecar as a process of its own, with a configuration file that tests write and write anew."""

import json
import signal
import subprocess
import sys

import yaml
from peers import Process, eventually, free_port, write
from prometheus_client.parser import text_string_to_metric_families
from real_receiver import SECRET
from real_registry import ask

HOSTNAME = "registry.example.test:8443"  # as users pull; nothing listens there
TOKEN = "e2e-token-of-the-registry"
QUICK = {"timeout": "5s", "retry": {"initial": "100ms", "factor": 2, "max_delay": "500ms"}}


def subscription(name, dialect, url, **more):
    """A signed subscription with quick retries."""
    signed = {"scheme": "standard", "secrets": [SECRET]}
    return {"name": name, "format": dialect, "url": url, "sign": signed, "delivery": QUICK, **more}


class Sidecar:
    """Not started by itself. `configure` may be called at any time; a running one takes it up with `hang_up`."""

    def __init__(self, folder):
        folder.mkdir()
        self.ingest_port = free_port()
        self.notify = f"http://127.0.0.1:{self.ingest_port}/events"
        self.management = f"http://127.0.0.1:{free_port()}"
        self.config = folder / "config.yml"
        self.store = folder / "sidecar.db"
        self.process = Process([sys.executable, "-m", "sidecar", "serve", "--config", self.config], folder / "log")

    def configure(self, *subscriptions, token=TOKEN, guard=None, mail=None, **registry):
        """`registry` is what the registry's section says besides."""
        main = {"name": "main", "hostname": HOSTNAME, "scheme": "https", "tokens": [token], **registry}
        settings = {
            "ingest": {"listen": f"127.0.0.1:{self.ingest_port}"},
            "management": {"listen": self.management.removeprefix("http://")},
            "store": f"sqlite:///{self.store}",
            "registries": [main],
            "subscriptions": list(subscriptions),
            "guard": guard or {},
            **({"mail": mail} if mail else {}),
        }
        write(self.config, yaml.safe_dump(settings, sort_keys=False))

    def start(self, *, wait=True):
        self.process.start()
        if wait:
            self.wait_ready()

    def wait_ready(self):
        def ready():
            self.process.check_running()
            return self.readyz().status == 200

        eventually(ready, "the sidecar is ready")

    def kill(self):
        self.process.kill()

    def terminate(self):
        self.process.signal(signal.SIGTERM)

    def hang_up(self):
        self.process.signal(signal.SIGHUP)

    def readyz(self):
        return ask(f"{self.management}/readyz", timeout=2)

    def cli(self, *arguments):
        """One command against this sidecar; returns its exit code and what it printed as JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "sidecar", *arguments, "--json", "--url", self.management],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def api(self, path):
        answer = ask(f"{self.management}/v1/{path}")
        assert answer.status == 200, answer
        return json.loads(answer.text)

    def metric(self, name, **labels):
        """The sum of a metric's samples that bear these labels; 0.0 when there is none."""
        families = text_string_to_metric_families(ask(f"{self.management}/metrics").text)
        samples = [one for family in families for one in family.samples if one.name == f"registry_sidecar_{name}"]
        return sum(one.value for one in samples if labels.items() <= one.labels.items())

    def wait_delivered(self):
        """Until nothing is owed to anybody."""
        eventually(lambda: not self.api("undelivered")["deliveries"], "everything is delivered")
