"""`listen`: a real receiver in a process of its own."""

import json
import time
import urllib.error
import urllib.request

import pytest
from running_sidecar import Listening, free_port, run

from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Signing, SignScheme
from sidecar.outbound.signing import Signer

BODY = json.dumps(
    {
        "type": "TAG_PUSH",
        "createdAt": "2026-11-22T00:00:00Z",
        "contents": {"namespace": "prj", "repository": "app", "tag": "v1", "digest": "sha256:" + "ab" * 32},
        "location": "/repositories/prj/app/tags/v1",
    }
).encode()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def post(url, body=BODY, headers=None):
    """The status of a POST."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_delivery_is_one_line_for_people():
    with Listening() as listening:
        assert post(f"{listening.url}/hook?x=1", headers={"webhook-id": "msg_1"}) == 200
        parts = listening.line().split("  ")
        code, rest = listening.end()
    clock, *told = [part.strip() for part in parts]
    assert time.strptime(clock, "%H:%M:%S")
    assert told == [
        "/hook?x=1",
        "dtr",
        "TAG_PUSH",
        "prj/app:v1",
        "abababababab",
        "msg_1",
        "signature absent",
        "answered 200",
    ]
    assert (code, rest) == (0, "")


@pytest.mark.parametrize(
    ("option", "secret", "scheme"),
    [
        ("--secret", SECRET, SignScheme.STANDARD),
        ("--github-secret", "hush", SignScheme.GITHUB),
        ("--x-signature-secret", "hush", SignScheme.X_SIGNATURE),
        ("--jfrog-secret", "hush", SignScheme.JFROG),
        ("--nexus-secret", "hush", SignScheme.NEXUS),
    ],
)
def test_what_a_sidecar_signs_is_verified_and_what_is_changed_fails(option, secret, scheme):
    signer = Signer.of(Signing(scheme=scheme, secrets=(Secret(secret),)))
    headers = dict(signer.headers("msg_1", int(time.time()), BODY))
    with Listening(option, secret, "--json") as listening:
        post(listening.url, headers=headers)
        assert json.loads(listening.line())["signature"] == "verified"
        post(listening.url, body=BODY + b" ", headers=headers)
        assert json.loads(listening.line())["signature"] == "failed"


def test_a_private_key_signs_and_its_public_half_is_all_that_a_receiver_needs():
    """The pair is the one published with the server that the authors of Standard Webhooks run."""
    private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    signer = Signer.of(Signing(scheme=SignScheme.STANDARD, secrets=(Secret(SECRET), Secret(private))))
    headers = dict(signer.headers("msg_1", int(time.time()), BODY))
    with Listening("--public-key", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "--json") as listening:
        post(listening.url, headers=headers)
        assert json.loads(listening.line())["signature"] == "verified"
        post(listening.url, body=BODY + b" ", headers=headers)
        assert json.loads(listening.line())["signature"] == "failed"


def test_json_has_the_whole_request():
    with Listening("--json", "--status", "418") as listening:
        assert post(f"{listening.url}/a%20b", headers={"X-One": "1", "Content-Type": "text/x"}) == 418
        told = json.loads(listening.line())
    assert told["body"].encode() == BODY
    assert ["x-one", "1"] in told["headers"]
    assert ["content-type", "text/x"] in told["headers"]
    assert (told["format"], told["word"], told["repository"], told["tags"]) == ("dtr", "TAG_PUSH", "prj/app", ["v1"])
    assert (told["status"], told["path"]) == (418, "/a%20b")


def test_the_first_are_refused_and_after_so_many_it_ends():
    with Listening("--fail-first", "2", "--count", "3", "--status", "204") as listening:
        assert [post(listening.url) for _ in range(3)] == [500, 500, 204]
        assert listening.finished() == 0


def test_a_delayed_answer_comes_late():
    with Listening("--delay", "300ms", "--count", "1") as listening:
        begun = time.monotonic()
        assert post(listening.url) == 200
        assert time.monotonic() - begun >= 0.3
        assert listening.finished() == 0


def test_an_unknown_body_is_told_and_taken():
    with Listening() as listening:
        assert post(f"{listening.url}/x", body=b"\x1b[2J nothing known") == 200
        assert "  /x  unknown  signature absent  answered 200" in listening.line()


def test_only_posts_are_deliveries():
    with Listening("--count", "1") as listening:
        with pytest.raises(urllib.error.HTTPError, match="405") as refused:
            urllib.request.urlopen(listening.url)
        refused.value.close()
        post(listening.url)
        assert listening.finished() == 0


def test_a_taken_address_is_said_in_a_sentence():
    with Listening() as listening:
        place = listening.url.removeprefix("http://")
        done = run("listen", "--listen", place)
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr.startswith(f"registry-sidecar: cannot listen on {place}: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--listen", "9000"], "--listen '9000' must be host:port"),
        (["--delay", "soon"], "--delay 'soon' must be a whole number with its unit"),
        (["--secret", "hush!"], "--secret cannot be a Standard Webhooks secret"),
        (["--public-key", "hush!"], "--public-key cannot be used (it does not begin with whpk_)"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(cli, arguments, sentence):
    said = cli("listen", "--listen", f"127.0.0.1:{free_port()}", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"registry-sidecar: {sentence}")
    assert "hush!" not in said.err
