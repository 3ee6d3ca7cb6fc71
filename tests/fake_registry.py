"""A registry in memory behind the port RegistryApi, as CNCF Distribution keeps and serves things.

Deleting a manifest takes its tags along; a repository stays in the list when its last tag is gone, until it is removed.
"""

import asyncio
import json
from bisect import bisect_right

from notifications import MANIFEST, digest
from sidecar.domain.errors import RegistryUnavailable
from sidecar.domain.registry_answers import ManifestDocument, ManifestHead, NamePage

CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class FakeRegistry:
    """What it holds, and every question it was asked: (seconds of the loop, verb, repository, reference, answer)."""

    def __init__(self, *, latency: float = 0.002, page: int = 1000) -> None:
        self.repositories: dict[str, dict[str, str]] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.asked: list[tuple[float, str, str, str, str]] = []
        self.latency = latency
        self.page = page  # names that it gives at most, whatever it is asked for
        self.down = False
        self.answers = 0  # after so many it is down; 0 = never

    # --- what clients do --------------------------------------------------------------------------------------------

    def push(self, repository: str, tag: str, of: object) -> str:
        """Store an image and point a tag to it; returns its digest."""
        body = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": digest(f"config {of}"), "size": 7},
                "layers": [{"mediaType": LAYER, "digest": digest(f"layer {of}"), "size": 9}],
            }
        ).encode()
        given = digest(of)
        self.manifests[repository, given] = body
        self.repositories.setdefault(repository, {})
        if tag:
            self.repositories[repository][tag] = given
        return given

    def delete(self, repository: str, of: object) -> list[str]:
        """Delete a manifest by digest; returns the tags that went with it."""
        given = digest(of)
        del self.manifests[repository, given]
        tags = self.repositories[repository]
        gone = sorted(tag for tag, there in tags.items() if there == given)
        for tag in gone:
            del tags[tag]
        return gone

    def untag(self, repository: str, tag: str) -> None:
        del self.repositories[repository][tag]

    def remove(self, repository: str) -> None:
        """Take the whole repository away, as removing its directory does."""
        del self.repositories[repository]
        for key in [key for key in self.manifests if key[0] == repository]:
            del self.manifests[key]

    def holds(self) -> dict[tuple[str, str], str]:
        """Every tag there is, with its digest."""
        return {(name, tag): given for name, tags in self.repositories.items() for tag, given in tags.items()}

    # --- RegistryApi ------------------------------------------------------------------------------------------------

    async def head(self, repository: str, reference: str, *, unless: str = "") -> ManifestHead | None:
        await self._wait()
        given = self._find(repository, reference)
        if given is None and reference == unless:
            given = unless  # the digest that is asked for is compared before anything is looked up
        self._note("HEAD", repository, reference, "404" if given is None else "304" if given == unless else "200")
        if given is None:
            return None
        if given == unless:
            return ManifestHead(digest=given, unchanged=True)
        return ManifestHead(digest=given, media_type=MANIFEST, size=len(self.manifests[repository, given]))

    async def manifest(self, repository: str, reference: str) -> ManifestDocument | None:
        await self._wait()
        given = self._find(repository, reference)
        self._note("GET", repository, reference, "404" if given is None else "200")
        if given is None:
            return None
        return ManifestDocument(digest=given, media_type=MANIFEST, body=self.manifests[repository, given])

    async def blob(self, repository: str, digest: str, *, limit: int) -> bytes | None:
        raise AssertionError("walks look at no blobs")

    async def repositories_page(self, after: str, limit: int) -> NamePage:
        await self._wait()
        self._note("LIST", "", after, "200")
        return self._page(sorted(self.repositories), after, limit)

    async def tags(self, repository: str, after: str, limit: int) -> NamePage | None:
        await self._wait()
        found = self.repositories.get(repository)
        self._note("TAGS", repository, after, "404" if found is None else "200")
        return None if found is None else self._page(sorted(found), after, limit)

    # --- parts ------------------------------------------------------------------------------------------------------

    def asked_of(self, *verbs: str) -> list[str]:
        """The references that were asked for with these verbs."""
        return [reference for _, verb, _, reference, _ in self.asked if verb in verbs]

    async def _wait(self) -> None:
        if self.answers and len(self.asked) >= self.answers:
            self.down = True
        if self.down:
            raise RegistryUnavailable("registry main does not answer")
        await asyncio.sleep(self.latency)

    def _note(self, verb: str, repository: str, reference: str, answer: str) -> None:
        self.asked.append((asyncio.get_running_loop().time(), verb, repository, reference, answer))

    def _find(self, repository: str, reference: str) -> str | None:
        given = reference if ":" in reference else self.repositories.get(repository, {}).get(reference)
        return given if given is not None and (repository, given) in self.manifests else None

    def _page(self, names: list[str], after: str, limit: int) -> NamePage:
        begin = bisect_right(names, after) if after else 0
        page = names[begin : begin + min(limit, self.page)]
        more = begin + len(page) < len(names)
        return NamePage(names=tuple(page), next=page[-1] if more and page else "")


class FakeApi:
    """The port over a FakeRegistry, whose own `repositories` are what it holds."""

    def __init__(self, registry: FakeRegistry) -> None:
        self.head = registry.head
        self.manifest = registry.manifest
        self.blob = registry.blob
        self.tags = registry.tags
        self.repositories = registry.repositories_page
