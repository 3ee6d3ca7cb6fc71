"""A registry and its token service on real sockets, as strict as the specification and distribution's own code.

Read in distribution v2.8 and v3.1: manifests are 404 to who does not accept their media type; `ETag` and
`If-None-Match` hold the digest; pages end with a relative `Link`; more than 1000 names at once are a 400; without
rights a 401 names realm, service and scope. A token is good for the one scope that it was asked for.
"""

import asyncio
import base64
import hashlib
import json
from collections import deque

from aiohttp import web

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"


def sha256(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()


def manifest(config, *layers, **more):
    """The bytes of an OCI manifest; `config` is (media type, bytes)."""
    media_type, body = config
    described = {"mediaType": media_type, "digest": sha256(body), "size": len(body)}
    listed = [
        {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha256(one), "size": len(one)}
        for one in layers
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": listed, **more}
    return json.dumps(document).encode()


class Server:
    """Listens on a loopback port while it is entered; `requests` are (method, path with query, headers)."""

    def __init__(self):
        self.requests = []
        self.replies = deque()  # answered before anything else: web.Response, or seconds to hang
        self.delay = 0.0

    async def __aenter__(self):
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _serve(self, request):
        self.requests.append((request.method, request.path_qs, dict(request.headers)))
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.replies:
            reply = self.replies.popleft()
            if isinstance(reply, web.Response):
                return reply
            await asyncio.sleep(reply)
        return await self.answer(request)

    def asked(self, method=None):
        """The paths that were asked for, in order."""
        return [path for one, path, _ in self.requests if method in {None, one}]

    def shown(self):
        """The Authorization of each request, "" for none."""
        return [headers.get("Authorization", "") for _, _, headers in self.requests]


class TokenService(Server):
    """Gives a token for each scope; with `users` only to who shows one of them by Basic."""

    def __init__(self, *, users=(), lifetime=300, key="token"):
        super().__init__()
        self.users = [base64.b64encode(f"{name}:{word}".encode()).decode() for name, word in users]
        self.lifetime = lifetime
        self.key = key
        self.good = {}  # token -> scope

    async def answer(self, request):
        if self.users and request.headers.get("Authorization", "").removeprefix("Basic ") not in self.users:
            return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
        if request.query.get("service") != "the-registry":
            return web.Response(status=400)
        token = f"t{len(self.good) + 1}"
        self.good[token] = request.query["scope"]
        answer = {self.key: token}
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        return web.json_response(answer)


class RegistryServer(Server):
    """`auth` is None, "basic" (user maria, password secret) or a TokenService."""

    def __init__(self, auth=None):
        super().__init__()
        self.auth = auth
        self.manifests = {}  # (repository, digest) -> (media type, bytes)
        self.tags = {}  # repository -> {tag: digest}
        self.blobs = {}  # digest -> bytes
        self.lies = {}  # digest -> bytes sent instead
        self.claims = {}  # digest -> Docker-Content-Digest sent instead, "" = none
        self.moved = {}  # digest -> URL that a blob is redirected to
        self.absolute_links = ""  # scheme://host before the path of a Link

    def push(self, repository, tag, body, *, media_type=OCI_MANIFEST, blobs=()):
        """Store a manifest with its blobs; returns its digest."""
        digest = sha256(body)
        self.manifests[repository, digest] = (media_type, body)
        self.tags.setdefault(repository, {})
        if tag:
            self.tags[repository][tag] = digest
        self.blobs.update({sha256(one): one for one in blobs})
        return digest

    async def answer(self, request):
        path = request.path.removeprefix("/v2/")
        refusal = self._refusal(request, path)
        if refusal is not None:
            return refusal
        if path in {"", "/v2"}:
            return web.json_response({})
        if path == "_catalog":
            return self._page(request, "repositories", sorted(self.tags))
        repository, _, rest = path.rpartition("/tags/")
        if rest == "list":
            return self._page(request, "tags", sorted(self.tags[repository])) if repository in self.tags else _missing()
        repository, kind, reference = path.rsplit("/", 2)
        if kind == "blobs":
            return self._blob(reference)
        return self._manifest(request, repository, reference)

    def _refusal(self, request, path):
        if self.auth is None:
            return None
        shown = request.headers.get("Authorization", "")
        if self.auth == "basic":
            if shown == "Basic " + base64.b64encode(b"maria:secret").decode():
                return None
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="registry, of ours"'})
        if path == "_catalog":
            scope = "registry:catalog:*"
        elif path:
            name = path.rpartition("/tags/")[0] or path.rsplit("/", 2)[0]
            scope = f"repository:{name}:pull"
        else:
            scope = ""
        token = shown.removeprefix("Bearer ")
        if shown and token in self.auth.good and scope in {"", self.auth.good[token]}:
            return None
        challenge = f'Bearer realm="{self.auth.url}/token",service="the-registry",scope="{scope}"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    def _manifest(self, request, repository, reference):
        digest = self.tags.get(repository, {}).get(reference, reference)
        found = self.manifests.get((repository, digest))
        if found is None:
            return _missing()
        media_type, body = found
        if request.headers.get("If-None-Match") in {digest, f'"{digest}"'}:
            return web.Response(status=304)
        accepted = {one.strip() for one in ",".join(request.headers.getall("Accept", [])).split(",")}
        if media_type not in accepted:
            return _missing()
        headers = {"Docker-Content-Digest": self.claims.get(digest, digest), "ETag": f'"{digest}"'}
        if not headers["Docker-Content-Digest"]:
            del headers["Docker-Content-Digest"]
        return web.Response(body=self.lies.get(digest, body), content_type=media_type, headers=headers)

    def _blob(self, digest):
        if digest in self.moved:
            return web.Response(status=307, headers={"Location": self.moved[digest]})
        if digest not in self.blobs:
            return _missing()
        return web.Response(body=self.lies.get(digest, self.blobs[digest]), content_type="application/octet-stream")

    def _page(self, request, key, names):
        limit = int(request.query.get("n", "100"))
        if not 0 < limit <= 1000:
            return web.json_response({"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]}, status=400)
        rest = [name for name in names if name > request.query.get("last", "")]
        headers = {}
        if len(rest) > limit:
            link = f"{self.absolute_links}{request.path}?last={rest[limit - 1].replace('/', '%2F')}&n={limit}"
            headers["Link"] = f'<{link}>; rel="next"'
        return web.json_response({key: rest[:limit] or None}, headers=headers)


def _missing():
    return web.json_response({"errors": [{"code": "NAME_UNKNOWN"}]}, status=404)
