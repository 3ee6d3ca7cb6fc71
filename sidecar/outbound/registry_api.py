"""A registry's own HTTP API (OCI distribution specification 1.1): manifests, blobs, and lists of names.

Every question comes to a value, None ("no such thing") or RegistryUnavailable with one sentence. Bytes are believed
only when their digest is right.
"""

import hashlib
import hmac
import ssl
from collections.abc import Callable
from typing import Final

import msgspec

from sidecar.domain.errors import RegistryUnavailable
from sidecar.domain.registry import ApiAccess, Asked
from sidecar.domain.registry_answers import ManifestDocument, ManifestHead, NamePage
from sidecar.outbound.registry_exchange import Answer, Exchange
from sidecar.outbound.registry_pages import following, page, resource

ACCEPT: Final = (
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v1+prettyjws"
)
_DIGEST = "Docker-Content-Digest"
_UNVERIFIABLE = "application/vnd.docker.distribution.manifest.v1+"  # its digest is not that of its bytes
MAX_MANIFEST: Final = 4 * 1024**2  # bytes, what every registry must take
MAX_PAGE: Final = 1024**2
MAX_NAMES: Final = 1000  # on a page: distribution's own limit, beyond which it answers 400


class _Catalogue(msgspec.Struct, frozen=True):
    repositories: list[str] | None = None


class _Tags(msgspec.Struct, frozen=True):
    tags: list[str] | None = None


class RegistryClient:
    """Implements `ports.RegistryApi` for one registry. Made and closed inside a running loop.

    `told` and `changed` hear what they hear of an Exchange.
    """

    def __init__(
        self,
        access: ApiAccess,
        *,
        agent: str,
        tls: ssl.SSLContext | None = None,
        told: Callable[[Asked, float], None] = lambda _outcome, _seconds: None,
        changed: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._exchange = Exchange(access, agent=agent, tls=tls, told=told, changed=changed)
        self._shown = self._exchange.shown

    async def close(self) -> None:
        """Close every connection; what is under way ends as unavailable."""
        await self._exchange.close()

    async def ping(self) -> None:
        """Ask whether it is there and lets us in. Raises RegistryUnavailable."""
        if await self._exchange.ask("GET", "", "", limit=MAX_PAGE) is None:
            raise RegistryUnavailable(f"{self._shown} has no /v2/: it is no registry; correct `api.url`.")

    async def head(self, repository: str, reference: str, *, unless: str = "") -> ManifestHead | None:
        def check(answer: Answer) -> str:
            claimed = answer.headers.get(_DIGEST, reference)
            return "answered for another manifest than it was asked for" if claimed != reference else ""

        path = resource(repository, "manifests", reference)
        if not path:
            return None
        by_digest = ":" in reference
        headers = [("Accept", ACCEPT), *([("If-None-Match", f'"{unless}"')] if unless else [])]
        answer = await self._exchange.ask(
            "HEAD", path, _pull(repository), headers=headers, check=check if by_digest else _believed
        )
        if answer is None:
            return None
        if answer.status == 304:
            return ManifestHead(digest=unless, unchanged=True)
        digest = reference if by_digest else answer.headers.get(_DIGEST, "")
        if not digest:  # it need not say: then only the manifest itself tells
            document = await self.manifest(repository, reference)
            if document is None:
                return None
            return ManifestHead(digest=document.digest, media_type=document.media_type, size=len(document.body))
        size = answer.headers.get("Content-Length", "")
        return ManifestHead(
            digest=digest, media_type=_media_type(answer), size=int(size) if size.isascii() and size.isdigit() else 0
        )

    async def manifest(self, repository: str, reference: str) -> ManifestDocument | None:
        """None also for one over 4 MiB, and for Docker's schema 1, whose digest is not that of its bytes."""
        by_digest = reference if ":" in reference else ""

        def check(answer: Answer) -> str:
            if answer.body is None or _media_type(answer).startswith(_UNVERIFIABLE):
                return ""
            digests = {by_digest, answer.headers.get(_DIGEST, "")} - {""}
            right = all(_matches(one, answer.body) for one in digests)
            return "" if right else "sent a manifest that is not what its digest says"

        path = resource(repository, "manifests", reference)
        answer = path and await self._exchange.ask(
            "GET", path, _pull(repository), headers=[("Accept", ACCEPT)], limit=MAX_MANIFEST, check=check
        )
        if not answer or answer.body is None or _media_type(answer).startswith(_UNVERIFIABLE):
            return None
        digest = by_digest or answer.headers.get(_DIGEST, "")
        digest = digest or "sha256:" + hashlib.sha256(answer.body).hexdigest()
        return ManifestDocument(digest=digest, media_type=_media_type(answer), body=answer.body)

    async def blob(self, repository: str, digest: str, *, limit: int) -> bytes | None:
        def check(answer: Answer) -> str:
            wrong = answer.body is not None and not _matches(digest, answer.body)
            return "sent a blob that is not what its digest says" if wrong else ""

        path = resource(repository, "blobs", digest)
        answer = path and await self._exchange.ask("GET", path, _pull(repository), limit=limit, check=check)
        return answer.body if answer else None

    async def repositories(self, after: str, limit: int) -> NamePage:
        found = await self._page("_catalog", "registry:catalog:*", after, limit, _Catalogue)
        if found is None:
            raise RegistryUnavailable(f"{self._shown} does not list its repositories (404).")
        return found

    async def tags(self, repository: str, after: str, limit: int) -> NamePage | None:
        path = resource(repository, "tags/list")
        return await self._page(path, _pull(repository), after, limit, _Tags) if path else None

    async def _page(
        self, path: str, scope: str, after: str, limit: int, shape: type[_Catalogue] | type[_Tags]
    ) -> NamePage | None:
        found = NamePage(names=())

        def check(answer: Answer) -> str:
            nonlocal found
            if answer.body is None:
                return "answered with a page over 1 MiB"
            try:
                names = msgspec.json.decode(answer.body, type=shape)
                more = following(answer.headers.getall("Link", ()), self._exchange.base, answer.url)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return "answered with something that is no list of names"
            except ValueError as error:
                return str(error)
            listed = names.repositories if isinstance(names, _Catalogue) else names.tags
            found = NamePage(names=tuple(listed or ()), next=more)
            return ""

        url = page(self._exchange.base, path, after, max(1, min(limit, MAX_NAMES)))
        answer = await self._exchange.ask("GET", path, scope, url=url, limit=MAX_PAGE, check=check)
        return None if answer is None else found


def _believed(_answer: Answer) -> str:
    return ""


def _pull(repository: str) -> str:
    return f"repository:{repository}:pull"


def _media_type(answer: Answer) -> str:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip()


def _matches(digest: str, body: bytes) -> bool:
    """Whether the digest is that of the bytes; one of another algorithm than the specification's two never is."""
    algorithm, _, value = digest.partition(":")
    if algorithm not in {"sha256", "sha512"}:
        return False
    return hmac.compare_digest(hashlib.new(algorithm, body).hexdigest().encode(), value.encode())
