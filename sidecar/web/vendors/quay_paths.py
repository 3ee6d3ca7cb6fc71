"""Quay's addresses under /api/v1: which thing a path names, and which methods it takes. Pure.

Names of repositories have slashes in them, unescaped, so a path is read from its end. Slashes at the end matter, as to
Quay 3: a repository's list of notifications has one, a single notification has none.
"""

import enum
import re
from typing import Final

import msgspec

_SEGMENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"  # of a repository's name, as registries demand it
_REPOSITORY: Final = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})+", re.ASCII)  # with its namespace, so at least two
_LONGEST: Final = 255
_ONE: Final = re.compile(r"(?P<repository>.+)/notification/(?P<uuid>[^/]+)(?P<test>/test)?")


class Thing(enum.Enum):
    """What can be asked about, with the methods that Quay has for it."""

    ERROR = frozenset({"GET"}), "error"
    USER = frozenset({"GET"}), "user"
    ROBOT = frozenset({"GET"}), "robot"
    ENTITIES = frozenset({"GET"}), "entities"
    ORGANIZATION = frozenset({"GET"}), "organization"
    REPOSITORY = frozenset({"GET"}), "repository"
    NOTIFICATIONS = frozenset({"GET", "POST"}), "notifications"
    NOTIFICATION = frozenset({"GET", "POST", "DELETE"}), "notification"
    TEST = frozenset({"POST"}), "test"
    EMAIL = frozenset({"GET", "POST"}), "email"  # an address that a repository's notifications may go to
    INBOX = frozenset({"GET"}), "inbox"  # what a person was notified of
    ITEM = frozenset({"GET", "PUT"}), "item"
    ELSEWHERE = frozenset({"GET", "POST"}), "elsewhere"  # the same path with a slash at its end

    @property
    def methods(self) -> frozenset[str]:
        return self.value[0]

    @property
    def allowed(self) -> list[str]:
        """The methods, with those that need no route of their own, as the header Allow lists them."""
        return sorted(self.methods | {"OPTIONS"} | ({"HEAD"} if "GET" in self.methods else frozenset()))


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What a path names.

    Notifications are a repository's ("ns/name", the namespace included) or, without one, a namespace's; with `own` the
    caller's own namespace. `name` is whatever else is named: a kind of error, a robot, a prefix, a notification's uuid.
    """

    thing: Thing
    repository: str = ""
    namespace: str = ""
    own: bool = False
    name: str = ""


def named(path: str) -> Named | None:
    """What a path below /api/v1/ names, None when nothing answers there. The path is without its percent-escapes."""
    head, _, rest = path.partition("/")
    match head:
        case "repository":
            return _repository(rest)
        case "organization":
            return _organization(rest)
        case "user":
            return _user(path, rest)
        case "error" if _one(rest):
            return Named(thing=Thing.ERROR, name=rest)
        case "entities" if _one(rest):
            return Named(thing=Thing.ENTITIES, name=rest)
    return None


def _one(text: str) -> bool:
    return bool(text) and "/" not in text


def _repository(rest: str) -> Named | None:
    if rest.endswith("/notification/"):
        return _of(rest.removesuffix("/notification/"), Thing.NOTIFICATIONS)
    if rest.endswith("/notification"):
        found = _of(rest.removesuffix("/notification"), Thing.ELSEWHERE)
        if found is not None:
            return found
    head, word, email = rest.rpartition("/authorizedemail/")
    if word and _one(email):
        found = _of(head, Thing.EMAIL, email)
        if found is not None:
            return found
    one = _ONE.fullmatch(rest)
    if one is not None:
        found = _of(one["repository"], Thing.TEST if one["test"] else Thing.NOTIFICATION, one["uuid"])
        if found is not None:
            return found
    return _of(rest, Thing.REPOSITORY)


def _of(repository: str, thing: Thing, name: str = "") -> Named | None:
    if len(repository) > _LONGEST or not _REPOSITORY.fullmatch(repository):
        return None
    namespace = repository.partition("/")[0]
    return Named(thing=thing, repository=repository, namespace=namespace, name=name)


def _organization(rest: str) -> Named | None:
    match rest.split("/"):
        case [namespace] if namespace:
            return Named(thing=Thing.ORGANIZATION, namespace=namespace)
        case [namespace, "notifications", *more] if namespace:
            return _notifications(more, namespace=namespace)
    return None


def _user(path: str, rest: str) -> Named | None:
    match rest.split("/"):
        case [""]:
            return Named(thing=Thing.USER if path.endswith("/") else Thing.ELSEWHERE)
        case ["robots", robot] if robot:
            return Named(thing=Thing.ROBOT, name=robot)
        case ["notifications"]:
            return Named(thing=Thing.INBOX)
        case ["notifications", uuid] if uuid:
            return Named(thing=Thing.ITEM, name=uuid)
        case ["namespacenotifications", *more]:
            return _notifications(more, own=True)
    return None


def _notifications(more: list[str], *, namespace: str = "", own: bool = False) -> Named | None:
    """A namespace's notifications; nothing here ends with a slash."""
    match more:
        case []:
            return Named(thing=Thing.NOTIFICATIONS, namespace=namespace, own=own)
        case [uuid] if uuid:
            return Named(thing=Thing.NOTIFICATION, namespace=namespace, own=own, name=uuid)
        case [uuid, "test"] if uuid:
            return Named(thing=Thing.TEST, namespace=namespace, own=own, name=uuid)
    return None
