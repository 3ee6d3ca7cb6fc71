"""What DTR's webhooks are bound to: their types, their keys, and the id that follows from type, key and endpoint."""

import hashlib
import re
from typing import Final

import msgspec

from sidecar.domain.event import stable_uuid
from sidecar.web.vendors.dtr_errors import Code, Refusal

# In the order of the API reference of DTR 2.6 and 2.7; the last three are in the prose of 2.6 and later only.
TYPES: Final = (
    "TAG_PUSH",
    "TAG_PULL",
    "TAG_DELETE",
    "PROMOTION",
    "PUSH_MIRRORING",
    "POLL_MIRRORING",
    "MANIFEST_PUSH",
    "MANIFEST_PULL",
    "MANIFEST_DELETE",
    "REPO_EVENT",
    "SCAN_COMPLETED",
    "SCAN_FAILED",
    "SCANNER_UPDATE_COMPLETED",
    "REPO_CREATED",
    "REPO_UPDATED",
    "REPO_DELETED",
)
GLOBAL: Final = "SCANNER_UPDATE_COMPLETED"  # concerns no repository

_LONGEST: Final = 255  # of a whole repository name, as in the OCI distribution specification's advice to clients
_SEGMENT: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)


class Key(msgspec.Struct, frozen=True):
    """A webhook's scope: a repository, a whole namespace where `repository` is "", everything where both are.

    `repository` is the name within the namespace, and may have slashes in it.
    """

    namespace: str = ""
    repository: str = ""

    @property
    def everything(self) -> bool:
        return not self.namespace

    def __str__(self) -> str:
        return f"{self.namespace}/{self.repository}" if self.repository else self.namespace


def key_of(text: str) -> Key:
    """The key that a request names. Raises Refusal for what can be no account's and no repository's name."""
    if not text:
        return Key()
    namespace, slash, repository = text.partition("/")
    if not _SEGMENT.fullmatch(namespace) or len(text) > _LONGEST:
        raise Refusal(
            Code.NO_SUCH_ACCOUNT, f"{_shown(namespace)} can be no namespace: these have small letters, digits and .-_"
        )
    if slash and not all(_SEGMENT.fullmatch(one) for one in repository.split("/")):
        raise Refusal(
            Code.NO_SUCH_REPOSITORY, f"{_shown(text)} can be no repository: write namespace/name in small letters"
        )
    return Key(namespace, repository)


def type_of(text: str) -> str:
    """A type that is in the list. Raises Refusal."""
    if text not in TYPES:
        raise Refusal(
            Code.INVALID_JSON,
            f"type {_shown(text)} is none of {', '.join(TYPES)}" if text else f"type is missing: {', '.join(TYPES)}",
        )
    return text


def identity(kind: str, key: str, endpoint: str) -> str:
    """A webhook's id: 64 hexadecimal digits. DTR's manual calls it a UUID, its only published one is this digest."""
    return hashlib.sha256(f"{kind}:{key}:{endpoint}".encode()).hexdigest()


def author_id(name: str) -> str:
    """The id of an account: a UUID that always is the same for a user name, since names are all that there is here."""
    return stable_uuid("dtr account", name)


def _shown(text: str) -> str:
    return repr(text[:80])
