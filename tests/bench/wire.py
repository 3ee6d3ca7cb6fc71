"""What the bench sends: envelopes as a registry posts them, and raw HTTP/1.1 around them."""

import json
import uuid

DIGEST = "sha256:49effced52bedada16c2f0dc05435554851c8c929c4322e0a7f9b968da7b360a"
TOKEN = "bench-token"


def envelope(number: int, *, tag: str = "") -> bytes:
    """A tagged push with references, about 1.6 KiB, indented by three spaces as the registry does it."""
    event = {
        "id": str(uuid.uuid4()),
        "timestamp": "2026-11-22T00:01:14.212777163Z",
        "action": "push",
        "target": {
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "size": 517,
            "digest": f"sha256:{number:064x}",
            "length": 517,
            "repository": f"prj/app-{number % 20}",
            "url": f"http://registry.example.com/v2/prj/app/manifests/{DIGEST}",
            "tag": tag or f"v{number % 50}",
            "references": [
                {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1469, "digest": DIGEST},
                {
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "size": 2802957,
                    "digest": DIGEST,
                },
            ],
        },
        "request": {
            "id": str(uuid.uuid4()),
            "addr": "192.0.2.10:41234",
            "host": "registry.example.com",
            "method": "PUT",
            "useragent": "docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64",
        },
        "actor": {"name": "maria"},
        "source": {"addr": "registry-0:5000", "instanceID": "0f8fad5b-d9cb-469f-a165-70867728950e"},
    }
    return json.dumps({"events": [event]}, indent=3).encode()


def post(body: bytes, *, port: int, close: bool) -> bytes:
    """One POST /events with the headers that the registry sends."""
    head = (
        f"POST /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: Go-http-client/1.1\r\n"
        f"Content-Length: {len(body)}\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Type: application/vnd.docker.distribution.events.v1+json\r\nAccept-Encoding: gzip\r\n"
        f"{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n"
    )
    return head.encode() + body
