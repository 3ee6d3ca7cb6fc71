"""The command line against a sidecar with users: over TLS with a token, and what is said without."""

import json
import os
import subprocess
import sys

import pytest
from running_sidecar import ENVIRON, end, free_port, start, until

from certificates import Authority

TOKEN, STRANGER = "t" * 32, "s" * 32


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Serves with one administrator on TLS; gives the URL, the CA and the token's file."""
    folder = tmp_path_factory.mktemp("guarded")
    authority = Authority(folder)
    certificate, key = authority.issue("server", "localhost", "127.0.0.1")
    port = free_port()
    config = folder / "config.yml"
    whole = {
        "ingest": {"listen": f"127.0.0.1:{free_port()}"},
        "management": {
            "listen": f"127.0.0.1:{port}",
            "tls": {"cert_file": str(certificate), "key_file": str(key)},
            "users": [
                {"name": "ada", "tokens": [TOKEN], "admin": True},
                {"name": "sam", "tokens": [STRANGER]},
            ],
        },
        "store": f"sqlite:///{folder}/sidecar.db",
        "registries": [{"name": "main", "hostname": "registry.example.com"}],
    }
    config.write_text(json.dumps(whole))
    for name, text in (("token", TOKEN), ("stranger", STRANGER), ("wrong", "x" * 32)):
        (folder / name).write_text(f"{text}\n")
    with (folder / "log").open("w") as log:
        process = start("serve", "--config", str(config), stdout=log, stderr=log)
        try:
            until((folder / "control.sock").exists, "it does not serve")
            until(lambda: status(folder, f"https://localhost:{port}", "token").returncode == 0, "it is not ready")
            yield folder, f"https://localhost:{port}"
        finally:
            end(process)


def status(folder, url, token="", *, trusting=True):
    environ = {**ENVIRON, "REGISTRY_SIDECAR_URL": url}
    environ.pop("SSL_CERT_FILE", None)
    if token:
        environ["REGISTRY_SIDECAR_TOKEN_FILE"] = str(folder / token)
    if trusting:
        environ["SSL_CERT_FILE"] = str(folder / "ca.crt")
    return subprocess.run(
        [sys.executable, "-m", "sidecar", "status", "--json"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environ,
    )


def test_a_token_opens_it_and_the_environment_says_where_it_is(guarded):
    said = status(*guarded, "token")
    assert (said.returncode, said.stderr) == (0, "")
    assert json.loads(said.stdout)["ready"] is True


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        ("", "Say who you are: name and password, or a token."),
        ("wrong", "The credentials are wrong."),
        ("stranger", "sam is not an administrator."),
    ],
)
def test_without_the_right_one_it_says_what_is_lacking(guarded, token, sentence):
    said = status(*guarded, token)
    assert (said.returncode, said.stdout, said.stderr) == (1, "", f"registry-sidecar: {sentence}\n")


def test_a_certificate_that_nobody_here_knows_is_not_trusted_and_the_remedy_is_told(guarded):
    said = status(*guarded, "token", trusting=False)
    assert (said.returncode, said.stdout) == (69, "")
    assert said.stderr.startswith(f"registry-sidecar: the certificate of {guarded[1]} is not trusted (")
    assert "SSL_CERT_FILE" in said.stderr


def test_the_socket_needs_no_token(guarded):
    folder, _ = guarded
    environ = {key: value for key, value in os.environ.items() if not key.startswith("REGISTRY_SIDECAR_")}
    said = subprocess.run(
        [sys.executable, "-m", "sidecar", "status", "--json", "--config", str(folder / "config.yml")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environ,
    )
    assert said.returncode == 0, said.stderr
