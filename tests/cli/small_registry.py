"""A registry over HTTP that holds what a test puts into it: lists, HEAD and GET of manifests, and nothing else."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from running_sidecar import free_port

from notifications import MANIFEST, digest


class SmallRegistry:
    """`tags` by repository, each with what it points to."""

    def __init__(self) -> None:
        self.tags: dict[str, dict[str, str]] = {}
        self.bodies: dict[str, bytes] = {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def push(self, repository: str, tag: str, of: object) -> None:
        body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "of": of}).encode()
        given = digest(body.decode())
        self.bodies[given] = body
        self.tags.setdefault(repository, {})[tag] = given

    def __enter__(self) -> Self:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0].removeprefix("/v2/")
                if path == "":
                    self._answer(200, b"{}")
                elif path == "_catalog":
                    self._answer(200, json.dumps({"repositories": sorted(registry.tags)}).encode())
                elif path.endswith("/tags/list"):
                    found = registry.tags.get(path.removesuffix("/tags/list"))
                    self._answer(404 if found is None else 200, json.dumps({"tags": sorted(found or ())}).encode())
                else:
                    repository, _, reference = path.partition("/manifests/")
                    there = registry.tags.get(repository, {})
                    given = there.get(reference, reference if reference in there.values() else "")
                    if not given:
                        self._answer(404, b"{}")
                    elif self.headers.get("If-None-Match", "").strip('"') == given:
                        self._answer(304, b"", given)
                    else:
                        self._answer(200, registry.bodies[given], given)

            do_HEAD = do_GET  # noqa: N815 - the name that the server looks for

            def _answer(self, status: int, body: bytes, given: str = "") -> None:
                self.send_response(status)
                if given:
                    self.send_header("Docker-Content-Digest", given)
                    self.send_header("Content-Type", MANIFEST)
                    self.send_header("ETag", f'"{given}"')
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD" and status != 304:
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
