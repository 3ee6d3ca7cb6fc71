"""Addresses of mail, confirmed by whoever reads what is sent there before anything of a repository is.

Whoever may make subscriptions could else have the operator's mail server write to anybody, or fill others' inboxes. The
operator, who writes the configuration, is believed.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Final

from sidecar.domain.authorized import Asking, Authorized
from sidecar.domain.delivery import Reason
from sidecar.domain.errors import Conflict, Forbidden, Problem, Unauthenticated, Unusable
from sidecar.domain.inbox import SCHEME as INBOX
from sidecar.domain.inbox import Owner
from sidecar.domain.made import Draft, Tree
from sidecar.domain.mailbox import SCHEME, mailbox, recipients
from sidecar.domain.person import Person
from sidecar.ports import Clock, Mail, Observer
from sidecar.ports.authorized import AuthorizedEmails

PATH: Final = "/authrepoemail"  # where the link of a mail leads
_LONGEST: Final = 128  # characters of a code; ours have 43
# Headers of a mail that mean something to its reader alone. Mail services take others for orders, to blind copies too
# (X-SMTPAPI, X-MSYS-API, X-MC-BccAddress, X-SES-...), and nobody knows them all.
_HARMLESS: Final = frozenset(
    {"importance", "in-reply-to", "keywords", "list-id", "organization", "priority", "references", "reply-to"}
    | {"user-agent", "x-priority"}
)


class Authorizing:
    """The verbs. `public_url` is where browsers reach the management listeners, "" = nobody said."""

    def __init__(
        self,
        store: AuthorizedEmails,
        mail: Mail,
        clock: Clock,
        observer: Observer,
        *,
        new_code: Callable[[], str],
        public_url: Callable[[], str],
    ) -> None:
        self._store = store
        self._mail = mail
        self._clock = clock
        self._observer = observer
        self._new_code = new_code
        self._public_url = public_url

    async def ask(self, person: Person, namespace: str, repository: str, email: str) -> Authorized:
        """Have an address confirmed for a repository: mail it a link. Nothing is mailed to one that is.

        Raises Unauthenticated, Forbidden; Unusable when it is no address; Conflict when mail cannot be sent, TooSoon
        (which is one) when not yet; StoreUnavailable.
        """
        _may(person, namespace)
        address = _address(email)
        public_url = self._public_url()
        if not public_url:
            raise Conflict("set management.public_url in the configuration: the mail has to lead somewhere")
        if not self._mail.ready:
            raise Conflict("add `mail` to the configuration: there is no mail server to send the confirmation through")
        code = self._new_code()
        asking = Asking(
            email=address,
            namespace=namespace,
            repository=repository,
            person=person.name,
            code=_hashed(code),
            at=self._clock.now(),
        )
        noted = await self._store.ask_email(asking)
        if noted.confirmed:
            return noted
        subject = f"Please verify your e-mail address for repository {repository}"
        outcome = await self._mail.send(
            address, subject, *_said(repository, person.name, f"{public_url}{PATH}?code={code}")
        )
        self._observer.operated(
            person.name, "email authorize", 1, f"repository={repository} reason={outcome.reason.value}"
        )
        if outcome.reason is not Reason.OK:
            raise Conflict(f"the mail to {address} could not be sent: {outcome.detail or outcome.reason.value}")
        return noted

    async def look(self, person: Person, namespace: str, repository: str, email: str) -> Authorized | None:
        """What is known of an address for a repository. Raises Unauthenticated, Forbidden, StoreUnavailable."""
        _may(person, namespace)
        try:
            address = mailbox(email).address
        except ValueError:
            return None
        return await self._store.email(address, repository, self._clock.now())

    async def confirm(self, code: str) -> Authorized | None:
        """Whoever has the code reads what is sent to its address; None for a code that is none, or not any more."""
        if not 0 < len(code) <= _LONGEST:
            return None
        confirmed = await self._store.confirm_email(_hashed(code), self._clock.now())
        if confirmed is not None:
            self._observer.operated("link", "email confirm", 1, f"repository={confirmed.repository}")
        return confirmed

    async def confirmed(self, namespace: str, repository: str, email: str) -> bool:
        """Whether an address is confirmed for a repository, "" = for any of the namespace's."""
        try:
            address = mailbox(email).address
        except ValueError:
            return False
        return bool(await self._store.confirmed_emails([address], namespace, repository))


async def demand_allowed(person: Person, draft: Draft, store: AuthorizedEmails) -> None:
    """Raises Unusable when somebody who is no administrator asks for more than they may.

    That is mail to addresses that are not confirmed, or with headers that could send it elsewhere, and the inboxes of
    teams and of all who manage a namespace that the person does not.
    """
    if person.admin:
        return
    problems: list[Problem] = []
    for target, tree in enumerate(draft.targets):
        owner = _owner(tree.get("url"))
        if owner is not None and owner.namespace and not person.manages(owner.namespace):
            sentence = f"url names an inbox of {owner.namespace}, which you do not manage: name one that is yours"
            problems.append(Problem("url", sentence, target))
        addresses = _addresses(tree.get("url"))
        if not addresses:
            continue
        problems += _orders(tree, target)
        left = set(addresses) - set(await store.confirmed_emails(addresses, draft.namespace, draft.repository))
        if left:
            where = draft.repository or f"any repository of {draft.namespace}"
            named = ", ".join(sorted(left))
            sentence = (
                f"url names {named}, not confirmed for {where}: have it confirmed by POST "
                "/api/v1/repository/<repository>/authorizedemail/<email>, or ask an administrator"
            )
            problems.append(Problem("url", sentence, target))
    if problems:
        raise Unusable(problems)


def _orders(tree: Tree, target: int) -> Iterable[Problem]:
    """What is wrong with the headers of a mail."""
    headers = tree.get("headers")
    for name in headers if isinstance(headers, dict) else ():
        if name.lower() not in _HARMLESS:
            path = f"headers.{name}"
            sentence = (
                "is an administrator's to set in a mail, for it could mean something to a mail service: remove it"
            )
            yield Problem(path, f"{path} {sentence}", target)


def _owner(url: object) -> Owner | None:
    """Whose inbox a URL names; None for another, and what is wrong with it is told where it is read."""
    if not isinstance(url, str) or not url.startswith(f"{INBOX}:"):
        return None
    try:
        return Owner.parse(url)
    except ValueError:
        return None


def _addresses(url: object) -> Sequence[str]:
    """Those of a `mailto:` URL, none for another; what is wrong with it is told where it is read."""
    if not isinstance(url, str) or not url.lower().startswith(SCHEME):
        return ()
    try:
        return [one.address for one in recipients(url)]
    except ValueError:
        return ()


def _address(email: str) -> str:
    """Raises Unusable."""
    try:
        return mailbox(email).address
    except ValueError as error:
        raise Unusable([Problem("email", f"the e-mail address {error}")]) from None


def _hashed(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def _may(person: Person, namespace: str) -> None:
    if not person.known:
        raise Unauthenticated("say who you are: name and password, or a token")
    if not person.manages(namespace):
        raise Forbidden(f"{person.name} does not manage the namespace {namespace}")


def _said(repository: str, person: str, link: str) -> Iterable[str]:
    """The mail as plain text and as HTML."""
    lead = f"{person} asks that notifications of the repository {repository} be sent to this address."
    ask = "If you want them, follow this link within 7 days:"
    rest = "If not, do nothing: nothing more will be sent."
    yield f"{lead}\n\n{ask}\n\n{link}\n\n{rest}\n"
    shown = escape(link)
    yield f'<p>{escape(lead)}</p><p>{ask}</p><p><a href="{shown}">{shown}</a></p><p>{rest}</p>'
