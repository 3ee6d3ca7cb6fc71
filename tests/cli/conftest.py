"""The command line in this process, and one running sidecar for everything that asks one."""

from collections.abc import Iterator

import msgspec
import pytest
from running_sidecar import Listening, Sidecar, captured

from sidecar.cli import main


class Said(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return msgspec.json.decode(self.out)


@pytest.fixture
def cli(capsys, monkeypatch):
    """Runs one command in this process."""
    monkeypatch.delenv("REGISTRY_SIDECAR_URL", raising=False)
    monkeypatch.delenv("REGISTRY_SIDECAR_TOKEN_FILE", raising=False)

    def run(*arguments: str) -> Said:
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return Said(int(code), out, err)

    return run


@pytest.fixture(scope="session")
def told(tmp_path_factory) -> Iterator[Sidecar]:
    """A sidecar that was told of one push, a deletion of both its tags and some nonsense, and has delivered.

    `hears` gets everything and refuses its first request, `elsewhere` only what is below x/, and nobody listens for
    `nobody`.
    """
    folder = tmp_path_factory.mktemp("told")
    with Listening("--json", "--secret", SECRET, "--fail-first", "1") as receiver:
        subscriptions = [
            {
                "name": "hears",
                "format": "harbor",
                "url": f"{receiver.url}/harbor?token=hidden",
                "headers": {"Authorization": "never-shown"},
                "sign": {"scheme": "standard", "secrets": [SECRET]},
                "delivery": {"retry": {"initial": "10ms"}},
            },
            {"name": "elsewhere", "format": "quay", "url": receiver.url, "match": {"repositories": ["x/**"]}},
            {"name": "nobody", "format": "dtr", "url": "http://127.0.0.1:1/", "delivery": {"retry": {"initial": "1h"}}},
        ]
        with Sidecar(folder, subscriptions) as sidecar:
            sidecar.receiver = receiver
            for step in ("docker-like push 2 layers, tag v1", "same push again, tag v2 (all blobs exist)"):
                sidecar.post(*captured(step))
            sidecar.post(*captured("DELETE by digest w/ tags v1,v2"))
            sidecar.post(b"this is no envelope", b"\xff\xfe")
            # Three words of Harbor's; of DTR's two pushes, one manifest and two tags.
            sidecar.wait(lambda owed: owed["nobody"] == 5 and sidecar.delivered() == 3 and sidecar.untried() == 0)
            yield sidecar


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
