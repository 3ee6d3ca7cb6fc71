"""Mail that belongs to no subscription: what somebody is asked to confirm, and the like."""

from typing import Protocol

from sidecar.domain.delivery import Outcome


class Mail(Protocol):
    """Hands one mail to the operator's mail server: tries once, never raises for what server or network do."""

    @property
    def ready(self) -> bool:
        """Whether a mail server is configured. Without one every mail ends as `bad_destination`."""

    async def send(self, to: str, subject: str, text: str, html: str = "") -> Outcome:
        """Send to one bare address such as `maria@example.com`.

        `text` and `html` are two forms of the same; without `html` the mail is plain text. An address that is none ends
        as `bad_destination`. `retryable` of the Outcome says whether the same mail may be taken later.
        """
