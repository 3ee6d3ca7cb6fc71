"""Whose inbox an address names, who may have one, and whose it is."""

import pytest

from sidecar.domain.account import Account, Accounts
from sidecar.domain.glob import Globs
from sidecar.domain.inbox import Owner, OwnerKind, teams_of
from sidecar.domain.person import Person

MARIA = Person(name="maria", namespaces=Globs.of(["prj"]))
SAM = Person(name="sam")
ADA = Person(name="ada", admin=True)
ACCOUNTS = Accounts(
    needed=True,
    accounts=tuple(Account(person=one) for one in (MARIA, SAM, ADA)),
    teams={"prj": {"dev": ("maria", "sam"), "ops": ("sam",)}, "other": {"dev": ("ada",)}},
)


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("inbox:user/maria", Owner(kind=OwnerKind.USER, name="maria")),
        ("user/maria", Owner(kind=OwnerKind.USER, name="maria")),
        ("inbox:team/prj/dev", Owner(kind=OwnerKind.TEAM, namespace="prj", name="dev")),
        ("inbox:org/prj", Owner(kind=OwnerKind.ORG, namespace="prj")),
        ("inbox:user/m%C3%A4x%20a%2Fb", Owner(kind=OwnerKind.USER, name="mäx a/b")),
    ],
)
def test_an_address_names_an_owner_and_an_owner_has_one_address(text, owner):
    assert Owner.parse(text) == owner
    assert Owner.parse(owner.url) == owner
    assert owner.url == f"inbox:{text.removeprefix('inbox:')}"


def test_two_ways_to_write_an_address_are_one_inbox():
    assert Owner.parse("inbox:user/m%61ria").address == "user/maria"


@pytest.mark.parametrize(
    "text",
    ["", "user", "user/", "inbox:user/a/b", "team/prj", "team//dev", "org/a/b", "mailto:a@b", "user/a b", "robot/x"],
)
def test_what_names_nobody_is_refused(text):
    with pytest.raises(ValueError, match=r"^must be user/NAME, team/NAMESPACE/TEAM or org/NAMESPACE$"):
        Owner.parse(text)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("user/maria", ""),
        ("user/bob", "names 'bob', who is no user: add them to management.users, or correct the name"),
        ("team/prj/dev", ""),
        (
            "team/prj/none",
            "names 'none', which is no team of namespace prj: add it to management.teams, or correct the name",
        ),
        (
            "team/none/dev",
            "names 'dev', which is no team of namespace none: add it to management.teams, or correct the name",
        ),
        ("org/anything", ""),
    ],
)
def test_an_inbox_that_nobody_has_is_told_in_a_sentence(address, sentence):
    assert Owner.parse(address).refusal(ACCOUNTS) == sentence


@pytest.mark.parametrize(
    ("address", "people"),
    [
        ("user/maria", {"maria"}),
        ("team/prj/dev", {"maria", "sam"}),
        ("team/prj/ops", {"sam"}),
        ("org/prj", {"maria", "ada"}),  # an administrator manages every namespace
        ("org/other", {"ada"}),
    ],
)
def test_an_inbox_is_its_users_its_teams_members_or_its_namespaces_managers(address, people):
    owner = Owner.parse(address)
    assert {one.name for one in (MARIA, SAM, ADA) if owner.belongs_to(one, ACCOUNTS)} == people


def test_somebody_s_teams_are_those_that_they_are_in_now():
    assert [one.address for one in teams_of(SAM, ACCOUNTS)] == ["team/prj/dev", "team/prj/ops"]
    assert [one.address for one in teams_of(MARIA, ACCOUNTS)] == ["team/prj/dev"]
    assert list(teams_of(MARIA, Accounts())) == []
