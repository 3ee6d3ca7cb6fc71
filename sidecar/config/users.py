"""Who may use the API: the keys of users and teams, the registry's htpasswd file, and the accounts they come to."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sidecar.config.problems import Problems
from sidecar.config.shapes import Flag, Shape, Text
from sidecar.config.tables import Field, ListOf, MapOf, Section, Table
from sidecar.config.texts import glob, matching
from sidecar.config.watch import Sources
from sidecar.domain.account import Account, Accounts
from sidecar.domain.glob import ANYTHING, Globs
from sidecar.domain.person import Person
from sidecar.domain.secret import Secret

MOST_COST: Final = 15  # of a bcrypt hash: each step doubles the time that one sign-in takes
LEAST_TOKEN: Final = (
    16  # characters: guesses at tokens are not held back, for whoever has one is never to be locked out
)

# The last character of the salt has only two bits to say.
_BCRYPT: Final = re.compile(
    r"\$2[aby]\$(?P<cost>0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII
)
_USER: Final = r"[^:\x00-\x1f\x7f]{1,255}"
_SEGMENT: Final = r"[^/\s]+"


_name: Final = matching(_USER, "must be at most 255 characters without colons and control characters")


def _hash(text: str) -> str:
    found = _BCRYPT.fullmatch(text)
    if found is None:
        raise ValueError("must be a bcrypt hash, which `registry-sidecar hash-password` makes: $2b$12$...")
    if int(found["cost"]) > MOST_COST:
        raise ValueError(f"must have a cost of at most {MOST_COST}: each sign-in would take seconds")
    return text


def _token(text: str) -> str:
    matching(r"[\x21-\x7e]+", "must be a token of visible ASCII without spaces")(text)
    if len(text) < LEAST_TOKEN:
        raise ValueError(f"must have at least {LEAST_TOKEN} characters: make one with `openssl rand -hex 32`")
    return text


def _namespace(text: str) -> str:
    if "/" in text:
        raise ValueError("must be a pattern for namespaces, which are one path segment, such as prj or team-*")
    value: str = glob(segments=False).parse(text)
    return value


USER: Final = Table(
    {
        "name": Field(Text(parse=_name, pattern=_USER), "who signs in, and whom log lines name", needed=True),
        "password_hash": Field(
            Text(parse=_hash, secret=True), "bcrypt, as hash-password prints it; without it htpasswd_file has it"
        ),
        "tokens": Field(
            ListOf(
                item=Text(parse=_token, least=LEAST_TOKEN, secret=True),
                empty="must list at least one token: remove the key if there are none",
            ),
            "shown as Bearer token or in place of the password; several for rotation",
        ),
        "namespaces": Field(
            ListOf(
                item=Text(parse=_namespace), empty="must name at least one namespace: remove the key if there is none"
            ),
            "globs of the namespaces whose subscriptions are theirs to manage; ! excludes",
            [],
        ),
        "admin": Field(Flag(), "whether everything is", default=False),
    }
)


def _segment(what: str) -> Any:
    return matching(_SEGMENT, f"must be the name of a {what}, without slashes and spaces")


def _teams_of(namespace: str) -> Shape:
    _segment("namespace")(namespace)
    return _TEAMS_OF


def _members_of(team: str) -> Shape:
    _segment("team")(team)
    return _MEMBERS


_MEMBERS: Final = ListOf(item=Text())
_TEAMS_OF: Final = MapOf(
    known=_members_of,
    describe=lambda: {
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{_SEGMENT}$"},
        "additionalProperties": _MEMBERS.schema(),
    },
)
TEAMS: Final = MapOf(
    known=_teams_of,
    describe=lambda: {
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{_SEGMENT}$"},
        "additionalProperties": _TEAMS_OF.schema(),
    },
)


def accounts(management: Section, sources: Sources, problems: Problems) -> Accounts:
    """Everybody who may sign in. A user's own hash goes before what the htpasswd file has under that name."""
    listed: list[Section] = management.get("users", [])
    named: str | None = management.get("htpasswd_file")
    kept = _htpasswd(Path(named), management, sources, problems) if named is not None else {}
    found: dict[str, Account] = {}
    owners: dict[Secret, str] = {}
    for section in listed:
        name: str | None = section.get("name")
        if name is None:
            continue
        if name in found:
            sentence = f"{section.path}.name {section.shown('name')} is already taken: name each user once"
            problems.add(section.line("name"), sentence)
            continue
        tokens: Sequence[Secret] = section.get("tokens", [])
        for index, token in enumerate(tokens):
            if owners.setdefault(token, name) != name:
                problems.add(
                    section.item_line("tokens", index),
                    f"{section.path}.tokens[{index}] is also a token of user {owners[token]}: give each user their own",
                )
        if not (section.has("password_hash") or section.has("tokens") or management.has("htpasswd_file")):
            problems.add(
                section.line(),
                f"{section.path} can never sign in: give it a `password_hash` or `tokens`, or name the registry's "
                "management.htpasswd_file",
            )
        own: Secret | None = section.get("password_hash")
        given = own or (Secret(kept[name]) if name in kept and not section.has("password_hash") else None)
        if given is None and not tokens and named is not None:
            problems.warn(section.line(), f"{section.path} cannot sign in: {named} has no such user")
        globs = section.get("namespaces")
        person = Person(name=name, admin=section.get("admin", False), namespaces=Globs.of(globs) if globs else ANYTHING)
        found[name] = Account(person=person, password_hash=given, tokens=tuple(dict.fromkeys(tokens)))
    for name, text in kept.items():
        found.setdefault(name, Account(person=Person(name=name), password_hash=Secret(text)))
    needed = bool(listed) or management.has("htpasswd_file")
    if needed and not any(one.person.admin or one.person.namespaces.patterns for one in found.values()):
        problems.warn(
            management.line("users" if listed else "htpasswd_file"),
            "nobody who signs in may do anything: give a user under management.users `admin: true` or `namespaces`",
        )
    return Accounts(
        needed=needed,
        accounts=tuple(found.values()),
        teams=_teams(management, found.keys() | {one.get("name") for one in listed}, problems),
    )


def _teams(management: Section, known: set[Any], problems: Problems) -> dict[str, dict[str, tuple[str, ...]]]:
    given: dict[str, dict[str, list[str]]] = management.get("teams", {})
    for namespace, teams in given.items():
        for team, members in teams.items():
            for member in members:
                if member not in known:
                    problems.add(
                        management.line("teams"),
                        f"{management.path}.teams.{namespace}.{team} names {member!r}, who is no user: "
                        "add them to management.users, or correct the name",
                    )
    return {
        namespace: {team: tuple(dict.fromkeys(members)) for team, members in teams.items()}
        for namespace, teams in given.items()
    }


def _htpasswd(path: Path, management: Section, sources: Sources, problems: Problems) -> dict[str, str]:
    """Hashes by name. As the registry does it: blank lines and comments are passed over, only bcrypt signs in."""
    line = management.line("htpasswd_file")
    try:
        raw = sources.read(path)
        text = raw.decode()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a text file"
        sentence = f"management.htpasswd_file cannot be read ({why}): create it, or correct the path"
        problems.add(line, sentence)
        return {}
    found: dict[str, str] = {}
    left: list[str] = []
    for number, entry in enumerate(text.splitlines(), 1):
        name, colon, said = entry.strip().partition(":")
        if not (name or colon) or name.startswith("#"):
            continue
        try:
            found[_name(name)] = _hash(said)
        except ValueError:
            found.pop(name, None)  # the last line of a name is the one that counts, for the registry too
            left.append(f"{number} ({name[:50]})" if colon else str(number))
    if left:
        problems.warn(
            line,
            f"nobody signs in by line {', '.join(left[:5])}{' and others' if len(left) > 5 else ''} of {path}: as for "
            f"the registry only bcrypt counts (htpasswd -B), here with a cost of at most {MOST_COST}",
        )
    return found
