"""Where it is kept which addresses of mail may be told of which repository."""

from collections.abc import Collection
from typing import Protocol

from sidecar.domain.authorized import Asking, Authorized


class AuthorizedEmails(Protocol):
    """Addresses are as `domain.mailbox` writes them, repositories full paths. A code outlived is as good as none."""

    async def ask_email(self, asking: Asking) -> Authorized:
        """Note that a code was asked for, in place of any before it; one that is confirmed stays as it is.

        Raises TooSoon, and notes nothing, when another mail may not be sent yet.
        """

    async def email(self, email: str, repository: str, now: int) -> Authorized | None:
        """What is known of an address for a repository."""

    async def confirm_email(self, code: str, now: int) -> Authorized | None:
        """Confirm the address that this code (its SHA-256, in hex) was sent to; None when there is none.

        The same code twice is no mistake: mail programs and their guards follow links as well.
        """

    async def confirmed_emails(self, emails: Collection[str], namespace: str, repository: str) -> Collection[str]:
        """Those of them that are confirmed for a repository, "" = for any of the namespace's."""
