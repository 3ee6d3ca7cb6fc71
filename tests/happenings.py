"""What happens at a registry, and who must hear what of it: worked out from the happening alone, by no code of ours.

The words are the vendors'; what is told to whom follows from the subscriptions that a test or a campaign has made.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from notifications import blob, delete, envelope, pull, push, untag
from sidecar.domain import instant

REPOSITORIES = ("prj/app", "prj/web", "team/x", "solo")
TAGS = ("v1", "v2", "latest")
START = 1_795_219_200 * instant.SECOND  # when the registries' clocks begin

# What subscribers of a format are told, by what happened.
HARBOR = {"push": "PUSH_ARTIFACT", "delete": "DELETE_ARTIFACT"}
DTR = {"push": "TAG_PUSH", "delete": "MANIFEST_DELETE", "untag": "TAG_DELETE"}
QUAY = {"push": "repo_push"}
CHATTY = {"push": "artifact.pushed", "delete": "artifact.deleted", "untag": "tag.deleted"}
CLOUDEVENTS = {
    "push": "io.registry-sidecar.artifact.pushed",
    "untagged": "io.registry-sidecar.artifact.pushed",
    "pull": "io.registry-sidecar.artifact.pulled",
    "delete": "io.registry-sidecar.artifact.deleted",
    "untag": "io.registry-sidecar.tag.deleted",
}
CLOUDEVENTS_ASKED_FOR = ("artifact.pushed", "artifact.pulled", "artifact.deleted", "tag.deleted")

Told = tuple[str, str, str]  # subscription, word, actor; each record has an actor of its own


class Listener(msgspec.Struct, frozen=True):
    """A subscription as seen from outside: which words it is told, and of which repositories (a prefix)."""

    words: Mapping[str, str]
    within: str = ""


class Envelope(msgspec.Struct):
    """What a registry has to tell, and what everybody must hear of it."""

    body: bytes
    records: tuple[str, ...]
    owed: frozenset[Told]
    pushes: list[tuple[str, str]]  # (content, repository) of its tagged pushes, until they are acknowledged
    acknowledged: bool = False


class Happenings:
    """Makes envelopes. `elapsed` gives seconds since START; `own_tags` gives every push a tag of its own."""

    def __init__(
        self, chance: random.Random, elapsed: Callable[[], float], *, prefix: str = "r", own_tags: bool = False
    ) -> None:
        self._chance = chance
        self._elapsed = elapsed
        self._prefix = prefix
        self._own_tags = own_tags
        self._records = 0
        self._pushed: list[tuple[str, str]] = []  # (content, repository) of tagged pushes that were acknowledged

    def envelope(self, listeners: Mapping[str, Listener]) -> Envelope:
        """Something happens at the registry while these listen."""
        records: list[dict[str, Any]] = []
        owed: set[Told] = set()
        pushes: list[tuple[str, str]] = []
        for _ in range(self._chance.choice([1, 1, 1, 2, 3])):
            made, told = self._one(pushes, listeners)
            records += made
            owed |= told
        return Envelope(envelope(*records), tuple(one["id"] for one in records), frozenset(owed), pushes)

    def acknowledged(self, told: Envelope) -> None:
        """Note that the sidecar has it: only what it knows of can be deleted in a way that it understands."""
        told.acknowledged = True
        self._pushed += told.pushes
        told.pushes = []

    def _one(
        self, pushes: list[tuple[str, str]], listeners: Mapping[str, Listener]
    ) -> tuple[Sequence[dict[str, Any]], set[Told]]:
        """Records of one thing that happened, and who must hear what of it."""
        self._records += 1
        identity, repository = f"{self._prefix}{self._records}", self._chance.choice(REPOSITORIES)
        about: dict[str, Any] = {
            "repository": repository,
            "actor": f"user-{identity}",
            "time": instant.rfc3339(START + int(self._elapsed() * 1e9)),
        }

        def owed(what: str, identity: str = identity) -> set[Told]:
            return {
                (name, one.words[what], f"user-{identity}")
                for name, one in listeners.items()
                if what in one.words and about["repository"].startswith(one.within)
            }

        dice = self._chance.random()
        if dice < 0.50:
            pushes.append((identity, repository))
            tag = f"tag-{identity}" if self._own_tags else self._chance.choice(TAGS)
            return [push(identity, tag, **about)], owed("push")
        if dice < 0.58:
            return [push(identity, "", **about)], owed("untagged")
        if dice < 0.70:
            return [blob(identity, **about)], set()
        if dice < 0.80:
            return [pull(identity, self._chance.choice((*TAGS, "")), **about)], owed("pull")
        if dice < 0.84:
            return [untag(identity, "gone", **about)], owed("untag")
        if dice < 0.88:
            return [delete(identity, f"nothing-{identity}", **about)], set()  # a blob, as far as anybody can tell
        if dice < 0.92 or not self._pushed:
            # What we never saw pushed, shown to be a manifest by the record of its tag in the same envelope.
            other = f"{identity}-tag"
            records = [
                delete(identity, f"unseen-{identity}", request=f"both-{identity}", **about),
                untag(other, "v0", request=f"both-{identity}", **{**about, "actor": f"user-{other}"}),
            ]
            return records, owed("delete") | owed("untag", other)
        content, about["repository"] = self._pushed.pop(self._chance.randrange(len(self._pushed)))
        return [delete(identity, content, **about)], owed("delete")
