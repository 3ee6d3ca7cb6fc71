"""Who asks: a person with a name, the namespaces whose subscriptions are theirs to manage, and what they asked."""

import msgspec

from sidecar.domain.glob import ANYTHING, Globs


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever made a request. `namespaces` are globs of what is managed without being an administrator, none = nothing.

    The namespace of repositories whose name has a single segment is their registry's default one, usually `library`.
    `refused` says that credentials were shown which are not valid: nobody, but not for want of trying.
    """

    name: str
    admin: bool = False
    namespaces: Globs = ANYTHING
    refused: bool = False

    @property
    def known(self) -> bool:
        """Whether somebody was recognised at all."""
        return bool(self.name)

    def manages(self, namespace: str) -> bool:
        """Whether the subscriptions of a namespace are theirs to make and to change; "" is every namespace at once."""
        return self.admin or (bool(self.name and namespace) and self.namespaces.names(namespace))


ANONYMOUS = Person(name="")
INVALID = Person(name="", refused=True)
OPERATOR = Person(name="operator", admin=True)  # whoever reaches the socket, or a loopback listener without users


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A request to an API that changed something, or was refused.

    `who` is the person's name, "" when nobody was recognised; `remote` the address, "" on the socket. `untold` counts
    the refusals since the last one told.
    """

    who: str
    door: str
    remote: str
    method: str
    path: str
    status: int
    refused: bool = False
    untold: int = 0
