"""What a mail server's replies and silences come to: an Outcome with one sentence.

what happens                                                      reason            retryable
--------------------------------------------------------------    ---------------   ---------
no such name, refused, no route                                   unreachable       yes
the time is over, wherever the exchange stands                    timed_out         yes
certificate or handshake; STARTTLS not offered though required    tls_failed        yes
the connection breaks, also when all of the mail was sent         disconnected      yes
a reply that is none                                              protocol_error    yes
421, or any 4yz that tells of a rate or of too many               throttled         yes
any other 4yz                                                     server_error      yes
AUTH refused or not offered; 530, 534, 535, 538 to anything       unauthorized      yes
5yz to the greeting or to EHLO: it talks to nobody                server_error      yes
5yz to MAIL, to every RCPT, or to DATA                            client_error      no

Sentences get into logs and traces, so they name no person: an address is shown by its first letter, its domain and its
place among those of the URL, also where the server repeats it.
"""

import re
import ssl
from collections.abc import Sequence
from typing import Final

from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.mailbox import Mailbox
from sidecar.domain.mime import one_line
from sidecar.outbound.failures import tls_words

LOGIN: Final = frozenset({530, 534, 535, 538})  # RFC 4954 6

_THROTTLED: Final = re.compile(
    r"\b(?:rate|too (?:many|much|fast)|throttl\w*|slow down|limit exceeded)\b", re.IGNORECASE
)
_READ: Final = 2000  # letters of a reply that are looked at
_SAID: Final = 300  # of those that are kept
_NAMED: Final = 10  # addresses whose refusal is told, of all that are counted


class Replies:
    """One server, by its host and port, and the persons that are written to."""

    def __init__(self, shown: str, recipients: Sequence[Mailbox]) -> None:
        self._shown = shown
        self._recipients = list(recipients)

    def unreachable(self, sentence: str) -> Outcome:
        """There is no connection; a whole sentence says why."""
        return Outcome(reason=Reason.UNREACHABLE, retryable=True, detail=sentence)

    def failed(self, reason: Reason, sentence: str, status: int = 0) -> Outcome:
        """A failure that a later attempt may not meet."""
        return Outcome(reason=reason, retryable=True, status=status, detail=f"{self._shown} {sentence}.")

    def taken(self, code: int, text: str, accepted: int, refused: Sequence[str]) -> Outcome:
        """The mail is the server's own now."""
        count = f"{accepted} of {len(self._recipients)} addresses"
        detail = f"{self._shown} took the mail for {count}; {_listed(refused)}." if refused else ""
        return Outcome(reason=Reason.OK, status=code, detail=detail, answer=self.said(code, text).encode())

    def nobody(self, code: int, refused: Sequence[str]) -> Outcome:
        """All recipients are refused for good."""
        detail = f"{self._shown} takes the mail for nobody; {_listed(refused)}."
        return Outcome(reason=Reason.CLIENT_ERROR, status=code, detail=detail)

    def judged(self, code: int, text: str, what: str, *, final: bool = True) -> Outcome:
        """What a reply comes to that is not the wanted one; `final` = a 5yz is about this mail."""
        reason, retryable = Reason.PROTOCOL_ERROR, True
        if code in LOGIN:
            reason = Reason.UNAUTHORIZED
        elif code // 100 == 4:
            reason = Reason.THROTTLED if code == 421 or _THROTTLED.search(text) else Reason.SERVER_ERROR
        elif code // 100 == 5:
            reason, retryable = (Reason.CLIENT_ERROR, False) if final else (Reason.SERVER_ERROR, True)
        said = self.said(code, text)
        sentence = f"{self._shown} {what}: {said}"
        return Outcome(
            reason=reason,
            retryable=retryable,
            status=code,
            detail=sentence if sentence.endswith(".") else f"{sentence}.",
            answer=said.encode(),
        )

    def broken(self, error: Exception, awaited: str, *, shaking: bool) -> Outcome:
        """The connection's end, or what is no reply; `shaking` = hands, for TLS."""
        tls = _tls(error)
        if tls is not None or (shaking and isinstance(error, OSError)):
            return self.failed(Reason.TLS_FAILED, f"cannot be talked to over TLS: {tls_words(tls or error)}")
        if isinstance(error, OSError):
            return self.failed(Reason.DISCONNECTED, f"broke the connection and did not {awaited}")
        return self.nonsense()

    def nonsense(self) -> Outcome:
        """Not the words of a mail server."""
        return self.failed(Reason.PROTOCOL_ERROR, "answers what is no reply of a mail server")

    def said(self, code: int, text: str) -> str:
        """A reply as it may be shown: one line, not long, no person."""
        text = one_line(text[:_READ])
        for one in self._recipients:
            text = re.sub(rf"(?<![\w.+-]){re.escape(one.address)}", _short(one), text, flags=re.IGNORECASE)
        return f"{code} {text if len(text) <= _SAID else f'{text[:_SAID]}...'}".strip()

    def whose(self, one: Mailbox) -> str:
        """An address as a sentence names it: who knows the URL knows which it is."""
        if len(self._recipients) == 1:
            return _short(one)
        return f"{_short(one)} (address {self._recipients.index(one) + 1} of {len(self._recipients)})"


def _listed(refused: Sequence[str]) -> str:
    hidden = len(refused) - _NAMED
    return "; ".join([*refused[:_NAMED], f"and {hidden} more"] if hidden > 0 else refused)


def _short(one: Mailbox) -> str:
    return f"{one.local[0]}***@{one.domain}"


def _tls(error: BaseException) -> ssl.SSLError | None:
    """The TLS failure behind an error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return seen
        seen = seen.__cause__
    return None
