"""What Quay shows of people, organizations, and repositories: as much as its clients look at. Pure.

Namespaces are organizations here, and teams are those of the configuration. There are no robots.
"""

from collections.abc import Sequence
from typing import Any, Final

from sidecar.domain.account import Accounts
from sidecar.domain.catalogue import NamespaceRow, RepositoryRow
from sidecar.domain.person import Person

NO_ROBOT: Final = "Could not find robot with specified username"
MOST_FOUND: Final = 10  # entities that one search shows


def user(person: Person) -> dict[str, Any]:
    """GET /user/: whoever asks."""
    return {"anonymous": False, "username": person.name, "is_me": True, "verified": True}


def organization(name: str, person: Person, accounts: Accounts) -> dict[str, Any]:
    """GET /organization/{name}: its teams only to those who manage it or are in one of them."""
    teams = accounts.teams.get(name, {})
    manages = person.manages(name)
    member = manages or any(person.name in members for members in teams.values())
    view: dict[str, Any] = {"name": name, "email": "", "is_admin": manages, "is_member": member}
    if member:
        view["teams"] = {team: _team(team, members, person, manages) for team, members in teams.items()}
        view["ordered_teams"] = list(teams)
    return view


def _team(name: str, members: Sequence[str], person: Person, manages: bool) -> dict[str, Any]:
    return {
        "name": name,
        "description": "",
        "role": "member",
        "can_view": manages or person.name in members,
        "repo_count": 0,
        "member_count": len(members),
        "is_synced": False,
    }


def entities(prefix: str, accounts: Accounts) -> dict[str, Any]:
    """GET /entities/{prefix}: people whose names begin so, in the order of the alphabet."""
    sought = prefix.replace(" ", "").lower()
    names = sorted(one.person.name for one in accounts.accounts if one.person.name.lower().startswith(sought))
    return {"results": [{"name": one, "kind": "user", "is_robot": False} for one in names[:MOST_FOUND]]}


def repository(
    namespace: str, name: str, rows: Sequence[RepositoryRow], known: NamespaceRow | None
) -> dict[str, Any] | None:
    """GET /repository/{namespace}/{name} for those who manage it, None when there is no such repository."""
    if not rows:
        return None
    return {
        "namespace": namespace,
        "name": name,
        "kind": "image",
        "description": "",
        "is_public": known is not None and known.public,
        "is_organization": True,
        "is_starred": False,
        "state": "NORMAL",
        "can_write": False,
        "can_admin": True,
    }
