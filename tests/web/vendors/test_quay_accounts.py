"""What Quay's clients are shown of people, organizations and repositories."""

import pytest

from sidecar.domain.account import Account, Accounts
from sidecar.domain.catalogue import NamespaceRow, RepositoryRow
from sidecar.domain.glob import Globs
from sidecar.domain.person import Person
from sidecar.web.vendors import quay_accounts

MARIA = Person(name="maria", namespaces=Globs.of(["prj"]))
MAX = Person(name="max")
ROOT = Person(name="root", admin=True)
ACCOUNTS = Accounts(
    needed=True,
    accounts=tuple(Account(person=one) for one in (ROOT, MAX, MARIA, Person(name="Marco"))),
    teams={"prj": {"release": ("maria", "max"), "readers": ("Marco",)}},
)


def test_a_user_has_a_name():
    assert quay_accounts.user(MARIA)["username"] == "maria"


@pytest.mark.parametrize(
    ("person", "admin", "member"),
    [(MARIA, True, True), (ROOT, True, True), (MAX, False, True), (Person(name="eve"), False, False)],
)
def test_an_organization_shows_its_teams_to_those_who_belong_to_it(person, admin, member):
    view = quay_accounts.organization("prj", person, ACCOUNTS)
    assert (view["name"], view["is_admin"], view["is_member"]) == ("prj", admin, member)
    assert ("teams" in view, "ordered_teams" in view) == (member, member)
    if member:
        assert list(view["teams"]) == view["ordered_teams"] == ["release", "readers"]
        assert (view["teams"]["release"]["name"], view["teams"]["release"]["member_count"]) == ("release", 2)
        assert view["teams"]["readers"]["can_view"] is admin


@pytest.mark.parametrize(("prefix", "names"), [("ma", ["Marco", "maria", "max"]), ("MARI", ["maria"]), ("x", [])])
def test_people_are_found_by_how_their_names_begin(prefix, names):
    found = quay_accounts.entities(prefix, ACCOUNTS)["results"]
    assert [one["name"] for one in found] == names
    assert all(one["kind"] == "user" and one["is_robot"] is False for one in found)


def test_a_search_shows_ten():
    many = Accounts(accounts=tuple(Account(person=Person(name=f"u{at}")) for at in range(30)))
    assert len(quay_accounts.entities("u", many)["results"]) == 10


def test_a_repository_is_there_once_something_was_heard_of_it():
    row = RepositoryRow(registry="main", name="prj/web/app", first_push=1, live=True, time=1, number=1)
    public = NamespaceRow(id=2, name="prj", public=True, created=0)
    view = quay_accounts.repository("prj", "web/app", [row], public)
    assert (view["namespace"], view["name"], view["kind"]) == ("prj", "web/app", "image")
    assert (view["is_public"], view["can_admin"], view["can_write"]) == (True, True, False)
    assert quay_accounts.repository("prj", "web/app", [row], None)["is_public"] is False
    assert quay_accounts.repository("prj", "web/app", [], public) is None
