"""Who asks: a person with a name, and the namespaces whose subscriptions are theirs to manage."""

import msgspec

from sidecar.domain.glob import ANYTHING, Globs


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever made a request. `namespaces` are globs of what is managed without being an administrator, none = nothing.

    The namespace of repositories whose name has a single segment is their registry's default one, usually `library`.
    """

    name: str
    admin: bool = False
    namespaces: Globs = ANYTHING

    @property
    def known(self) -> bool:
        """Whether somebody was recognised at all."""
        return bool(self.name)

    def manages(self, namespace: str) -> bool:
        """Whether the subscriptions of a namespace are theirs to make and to change; "" is every namespace at once."""
        return self.admin or (bool(self.name and namespace) and self.namespaces.names(namespace))


ANONYMOUS = Person(name="")
OPERATOR = Person(name="operator", admin=True)  # whoever reaches the socket, or a loopback listener without users
