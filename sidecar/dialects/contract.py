"""What a dialect is: a pure way of saying an Event in one vendor's words.

A dialect is ONE file in this package that ends with `DIALECT = Dialect(...)`; it is found by its name. It has no clock
and no secrets: the same event, options, word and audience always give the same bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

import msgspec

from sidecar.dialects import plausible
from sidecar.dialects.allowance import Allowance
from sidecar.domain import instant, statuses
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.enrichment import NOTHING, Fact
from sidecar.domain.event import (
    OF_ARTIFACTS,
    Artifact,
    Event,
    EventType,
    Kind,
    Origin,
    RegistryRef,
    Repository,
    Request,
    stable_uuid,
)
from sidecar.domain.expiry import DAYS
from sidecar.domain.message import Headers, Message, Response
from sidecar.domain.subscription import Policy


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's name for some events.

    A subscription gets a word in two ways: by a canonical event type in its `events` (then the word applies where
    `fits` says so, provided `by_type`), or by the word's own name (then where `fits_named`, which defaults to `fits`).
    With `waives_untagged`, naming the word also brings it for untagged artifacts whatever `match.untagged` says.
    `reads` are the facts of an artifact that the registry is asked for when it did not tell them, if it can be asked.
    """

    name: str
    types: frozenset[EventType]
    fits: Callable[[Event], bool] = lambda _event: True
    fits_named: Callable[[Event], bool] | None = None
    by_type: bool = True
    waives_untagged: bool = False
    reads: frozenset[Fact] = NOTHING


class Audience(msgspec.Struct, frozen=True):
    """To whom a message is said, for the few bodies that name their subscription."""

    subscription: str = ""
    policy: int = 0  # Harbor's integer policy id
    uuid: str = ""  # Quay's notification id; "" = it follows from the name
    url: str = ""  # where the subscription's messages go; "" = to be shown only
    allowance: Allowance | None = None  # of the event, None = what the format itself allows; only where `metered`


Said = tuple[Event, str]  # an event and the word that is said of it

O = TypeVar("O", bound=msgspec.Struct)  # noqa: E741 - O for options, as the classes below use it


class Dialect(msgspec.Struct, Generic[O], frozen=True, kw_only=True):
    """One vendor's words.

    `vocabulary(options)` lists the words that these options can say; `aliases(options)` maps other spellings of a word
    to its name; `check(options)` returns a sentence when the options cannot be used together, else "", and
    `check_words(names)` one when the vendor words that a subscription wrote out cannot, else "". `check_events(options,
    types, audience)` gives one when the events of some of these types could not be said so, for formats where that
    depends on what the operator wrote.
    `render(event, word, options, audience)` gives 0..n messages; `scoped(options, word)` says that the body names its
    audience and so cannot be shared between subscriptions. `join(said, options, audience)` says several events in one
    message, each given with its word, oldest first; None = the format cannot. `digest` is for how many nanoseconds all
    that a subscription hears is gathered into one, 0 = not at all. `schemes(options)` are those of the URLs that such
    messages are sent to, `headers(options)` what every request carries unless the subscription says otherwise, and
    `discreet` that headers of messages may hold secrets. `metered` says that it takes long to check the options, and
    that `render` spends the audience's allowance. `certified(options)` says that the `tls` which is set for the format
    lies under such a subscription's. `days` is how long before its end a tag is told of. `judge` turns an answer into
    an Outcome.
    """

    name: str
    title: str
    options: type[O]
    example: O
    vocabulary: Callable[[O], Sequence[Word]]
    render: Callable[[Event, str, O, Audience], Sequence[Message]]
    aliases: Callable[[O], Mapping[str, str]] = lambda _options: {}
    check: Callable[[O], str] = lambda _options: ""
    check_words: Callable[[frozenset[str]], str] = lambda _names: ""
    check_events: Callable[[O, frozenset[EventType], Audience], str] = lambda _options, _types, _audience: ""
    scoped: Callable[[O, str], bool] = lambda _options, _word: False
    join: Callable[[Sequence[Said], O, Audience], Sequence[Message]] | None = None
    digest: Callable[[O], int] = lambda _options: 0
    schemes: Callable[[O], Sequence[str]] = lambda _options: ("http", "https")
    headers: Callable[[O], Headers] = lambda _options: ()
    discreet: bool = False
    metered: bool = False
    certified: Callable[[O], bool] = lambda _options: True
    days: Callable[[O], int] = lambda _options: DAYS
    judge: Callable[[Response, Policy], Outcome] | None = None

    def bind(self, options: O, events: Iterable[str]) -> "Voice":
        """A voice for one subscription. Raises ValueError with a sentence for a name that cannot be said.

        `events` are canonical types or vendor words; names nobody wrote out (the defaults) must be left out by the
        caller where `says` is false.
        """
        problem = self.check(options)
        if problem:
            raise ValueError(problem)
        words = {word.name: word for word in self.vocabulary(options)}
        aliases = self.aliases(options)
        choices: dict[EventType, list[Choice]] = {}
        written: set[str] = set()
        for name in dict.fromkeys(events):
            word = words.get(aliases.get(name, name))
            if word is not None:
                written.add(word.name)
                for kind in word.types:
                    choices.setdefault(kind, []).append(Choice(word, named=True))
                continue
            spoken = [one for one in words.values() if one.by_type and name in one.types]
            if not spoken:
                raise ValueError(self.refusal(name, options))
            choices.setdefault(EventType(name), []).extend(Choice(one, named=False) for one in spoken)
        problem = self.check_words(frozenset(written))
        if problem:
            raise ValueError(problem)
        key = f"{self.name}:{msgspec.json.encode(options).decode()}"
        return Voice(self, options, {kind: tuple(row) for kind, row in choices.items()}, key)

    def says(self, name: str, options: O) -> bool:
        """Whether a canonical type or vendor word can be said with these options."""
        words = self.vocabulary(options)
        known = self.aliases(options).get(name, name)
        return any(one.name == known or (one.by_type and name in one.types) for one in words)

    def refusal(self, name: str, options: O) -> str:
        """The sentence for an event name that cannot be said."""
        words = self.vocabulary(options)
        known = sorted({kind.value for word in words if word.by_type for kind in word.types})
        sayable = list(dict.fromkeys([*known, *(word.name for word in words)]))  # many formats have our names as words
        names = ", ".join(sayable)
        if name in {kind.value for kind in EventType}:
            return f"format {self.name} has no word for {name}; it can say: {names}"
        near = get_close_matches(name[:100], sayable, n=1, cutoff=0.85)
        meant = f": did you mean `{near[0]}`?" if near else f"; it can say: {names}"
        return f"unknown event {name!r} for format {self.name}{meant}"


class Choice(msgspec.Struct, frozen=True):
    """A word as one subscription chose it: through a canonical type, or by its own name."""

    word: Word
    named: bool

    def takes(self, event: Event, *, untagged: bool) -> bool:
        """Whether the word is to be said of the event; `untagged` is the subscription's `match.untagged`."""
        if event.untagged and not untagged and not (self.named and self.word.waives_untagged):
            return False
        fits = self.word.fits_named if self.named and self.word.fits_named is not None else self.word.fits
        return fits(event)


class Voice:
    """A dialect with its options and chosen words: what one subscription hears."""

    __slots__ = ("_choices", "_dialect", "_options", "key")

    def __init__(
        self, dialect: Dialect[Any], options: Any, choices: Mapping[EventType, tuple[Choice, ...]], key: str
    ) -> None:
        self._dialect = dialect
        self._options = options
        self._choices = choices
        self.key = key  # equal keys render equal bytes (but for scoped words)

    @property
    def format(self) -> str:
        return self._dialect.name

    @property
    def options(self) -> Any:
        """The dialect's, of its own type."""
        return self._options

    def only(self, name: str) -> "Voice":
        """The same dialect and options with one event or word alone. Raises ValueError with a sentence."""
        return self._dialect.bind(self._options, [name])

    @property
    def types(self) -> frozenset[EventType]:
        """The canonical types that this voice listens to."""
        return frozenset(self._choices)

    def rehearse(self, audience: Audience) -> str:
        """A sentence when some of the events that this voice listens to could not be said, else ""."""
        return self._dialect.check_events(self._options, self.types, audience)

    def knows(self, word: str) -> bool:
        """Whether the dialect has a word of this name, chosen or not."""
        return any(one.name == word for one in self._dialect.vocabulary(self._options))

    def words(self, event: Event, *, untagged: bool) -> list[str]:
        """The words to be said of an event that the filters have admitted, each once."""
        said: list[str] = []
        for choice in self._choices.get(event.type, ()):
            if choice.word.name not in said and choice.takes(event, untagged=untagged):
                said.append(choice.word.name)
        return said

    def reads(self, event: Event, *, untagged: bool) -> frozenset[Fact]:
        """The facts that the words to be said of an event read.

        A word that depends on the kind counts even where it would not be said: once the kind is known, it may be.
        """
        facts: frozenset[Fact] = NOTHING
        for choice in self._choices.get(event.type, ()):
            reads = choice.word.reads
            if reads and (Fact.KIND in reads or choice.takes(event, untagged=untagged)):
                facts |= reads
        return facts

    @property
    def days(self) -> int:
        """How long before its end a tag is told of."""
        return self._dialect.days(self._options)

    @property
    def joins(self) -> bool:
        """Whether several events can be said in one message."""
        return self._dialect.join is not None

    @property
    def digest(self) -> int:
        """For how many nanoseconds everything is gathered into one message, 0 = not at all."""
        return self._dialect.digest(self._options)

    @property
    def schemes(self) -> Sequence[str]:
        """Those of the URLs that messages are sent to."""
        return self._dialect.schemes(self._options)

    @property
    def headers(self) -> Headers:
        """What every request carries unless the subscription says otherwise."""
        return self._dialect.headers(self._options)

    @property
    def discreet(self) -> bool:
        """Whether headers of messages may hold secrets."""
        return self._dialect.discreet

    @property
    def metered(self) -> bool:
        """Whether rendering spends the audience's allowance."""
        return self._dialect.metered

    def join(self, said: Sequence[Said], audience: Audience) -> Sequence[Message]:
        """One message of several events. Only where `joins`."""
        assert self._dialect.join is not None
        return self._dialect.join(said, self._options, audience)

    def scoped(self, word: str) -> bool:
        return self._dialect.scoped(self._options, word)

    def render(self, event: Event, word: str, audience: Audience) -> Sequence[Message]:
        return self._dialect.render(event, word, self._options, audience)

    def judge(self, response: Response, policy: Policy) -> Outcome:
        """What to conclude from an answer, by the dialect's own rule or by its status."""
        judge = self._dialect.judge or by_status
        return judge(response, policy)


def by_status(response: Response, policy: Policy) -> Outcome:
    """The default judgement: the status decides."""
    status = response.status
    answer = response.body[:1024]
    if status in policy.success:
        return Outcome(reason=Reason.OK, status=status, answer=answer)
    reason = statuses.reason_of(status)
    detail = f"answered {status}"
    if reason is Reason.REDIRECTED:
        detail += f" with Location {_shown(response.location)}; redirects are not followed"
    retryable = statuses.is_retried(status, policy.give_up_on)
    return Outcome(reason=reason, retryable=retryable, status=status, detail=detail, answer=answer)


def _shown(location: str) -> str:
    """A Location without what may be secret in it: credentials and query."""
    if not location:
        return "missing"
    head, _, rest = location.partition("://")
    return f"{head}://{rest.rpartition('@')[2]}".partition("?")[0] if rest else location.partition("?")[0]


def compact(value: Any) -> bytes:
    """JSON without spaces, keys in the order given: what Go's encoder and ours agree on."""
    return msgspec.json.encode(value)


_REPOSITORY = Repository(
    path="prj/web/app",
    namespace="prj",
    name="web/app",
    namespace_id=2,
    public=False,
    created=instant.parse_rfc3339("2026-09-22T00:00:00Z"),
)
_PLACES = {
    EventType.SCANNER_UPDATED: Repository(path="", namespace="", name=""),
    EventType.RETENTION_FINISHED: Repository(path="", namespace="prj", name="", namespace_id=2),
}


def sample(what: EventType = EventType.PUSHED) -> Event:
    """A plausible event of the given type, for previews, contract tests and configuration checks. Always the same."""
    digest = plausible.DIGEST
    bare = what not in OF_ARTIFACTS
    time = instant.parse_rfc3339("2026-11-21T00:00:00.123456789Z")
    pulling = {EventType.PULLED, EventType.CHECKED}
    pushing = {EventType.PUSHED, EventType.REPOSITORY_CREATED}
    action = "pull" if what in pulling else "push" if what in pushing else "delete"
    told = plausible.DETAILS.get(what)
    record = "7d1a1d9e-0d1f-4d53-9a53-2f6d0a3b7c11"
    return Event(
        id=stable_uuid("main", record, what),
        type=what,
        time=time,
        accepted=time + 2_000_000,
        registry=RegistryRef(name="main", hostname="registry.example.com", scheme="https"),
        repository=_PLACES.get(what, _REPOSITORY),
        artifact=Artifact()
        if bare
        else Artifact(
            digest=digest,
            media_type="application/vnd.oci.image.manifest.v1+json",
            size=1_024,
            kind=Kind.IMAGE,
        ),
        tags=() if bare else ("1.4.2",),
        ever_tagged=not bare,
        previous_digest="" if what is EventType.PUSHED else None,
        changed=True if what is EventType.PUSHED else None,
        actor="maria",
        request=Request()
        if told is not None
        else Request(
            id="5b0f0d51-9d7c-4f39-9a59-6b1f6f5f1a10",
            client="192.0.2.10",
            addr="192.0.2.10:41234",
            host="registry.example.com",
            method="HEAD" if what is EventType.CHECKED else {"push": "PUT", "pull": "GET"}.get(action, "DELETE"),
            user_agent="docker/27.3.1",
        ),
        details=told,
        origin=Origin(record=record, number=1, action=what, addr="https://ci.example.com")
        if told is not None
        else Origin(
            record=record,
            number=1,
            action=action,
            url=f"https://registry.example.com/v2/prj/web/app/manifests/{digest}" if action != "delete" else "",
            addr="registry-0:5000",
            instance="0f8fad5b-d9cb-469f-a165-70867728950e",
        ),
    )


def samples(types: Iterable[EventType]) -> Iterator[Event]:
    """Samples of these types: as they are, of every kind, untagged, of a tag that moves, with other details.

    Some words fit only those.
    """
    for what in types:
        plain = sample(what)
        yield plain
        for kind in Kind:
            yield msgspec.structs.replace(plain, artifact=msgspec.structs.replace(plain.artifact, kind=kind))
        yield msgspec.structs.replace(plain, tags=())
        if what is EventType.PUSHED:
            yield msgspec.structs.replace(plain, previous_digest=plausible.FORMER)
        if what in plausible.OTHERS:
            yield msgspec.structs.replace(plain, details=plausible.OTHERS[what])
