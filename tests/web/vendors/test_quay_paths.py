"""Quay's addresses: names with slashes are read from the end, and a slash at the end is part of the address."""

import pytest

from sidecar.web.vendors.quay_paths import Named, Thing, named

UUID = "240662ea-597b-499d-98bb-2b57e73408d6"


def of(thing, repository, name=""):
    return Named(thing=thing, repository=repository, namespace=repository.partition("/")[0], name=name)


@pytest.mark.parametrize("repository", ["prj/app", "prj/web/app", "library/solo", "a.b/c__d/e-f--g", "x/notification"])
def test_a_repository_and_its_notifications_are_told_apart_from_the_end(repository):
    assert named(f"repository/{repository}") == of(Thing.REPOSITORY, repository)
    assert named(f"repository/{repository}/notification/") == of(Thing.NOTIFICATIONS, repository)
    assert named(f"repository/{repository}/notification") == of(Thing.ELSEWHERE, repository)
    assert named(f"repository/{repository}/notification/{UUID}") == of(Thing.NOTIFICATION, repository, UUID)
    assert named(f"repository/{repository}/notification/{UUID}/test") == of(Thing.TEST, repository, UUID)


@pytest.mark.parametrize("repository", ["prj/app", "prj/web/app", "prj/authorizedemail"])
def test_an_address_of_mail_is_one_of_a_repository(repository):
    assert named(f"repository/{repository}/authorizedemail/a+b@example.com") == of(
        Thing.EMAIL, repository, "a+b@example.com"
    )


def test_a_repository_may_be_called_notification():
    assert named("repository/prj/notification") == of(Thing.REPOSITORY, "prj/notification")
    assert named("repository/prj/notification/notification/") == of(Thing.NOTIFICATIONS, "prj/notification")
    deep = "repository/prj/notification/more/notification/x"
    assert named(deep) == of(Thing.NOTIFICATION, "prj/notification/more", "x")


@pytest.mark.parametrize(
    "path",
    [
        f"repository/prj/app/notification/{UUID}/",  # a single one never ends with a slash
        f"repository/prj/app/notification/{UUID}/test/",
        "user/notifications/",
        f"user/notifications/{UUID}/test",
        "repository/solo/notification/",  # no namespace
        "repository/solo",
        "repository/prj/app/",
        "repository//app",
        "repository/prj//app",
        "repository/PRJ/app",
        "repository/prj/*",  # no name may be a pattern
        "repository/prj/a..b",
        "repository/" + "a" * 200 + "/" + "b" * 200,
        "repository",
        "repository/",
        "repository/prj/app/authorizedemail/",
        "repository/prj/app/authorizedemail/a@example.com/",
        "repository/solo/authorizedemail/a@example.com",
        "organization",
        "organization/",
        "organization/prj/",
        "organization/prj/notifications/",
        f"organization/prj/notifications/{UUID}/",
        f"organization/prj/notifications/{UUID}/else",
        "organization//notifications",
        "user/namespacenotifications/",
        "user/robots/",
        "user/robots",
        "user/else",
        "entities/",
        "entities/a/b",
        "error/",
        "error",
        "",
        "discovery",
    ],
)
def test_nothing_answers_anywhere_else(path):
    assert named(path) is None


def test_the_other_addresses():
    assert named("user/") == Named(thing=Thing.USER)
    assert named("user") == Named(thing=Thing.ELSEWHERE)
    assert named("user/robots/prj") == Named(thing=Thing.ROBOT, name="prj")
    assert named("user/notifications") == Named(thing=Thing.INBOX)
    assert named(f"user/notifications/{UUID}") == Named(thing=Thing.ITEM, name=UUID)
    assert named("entities/ma") == Named(thing=Thing.ENTITIES, name="ma")
    assert named("error/not_found") == Named(thing=Thing.ERROR, name="not_found")
    assert named("organization/prj") == Named(thing=Thing.ORGANIZATION, namespace="prj")
    for head, whose in (
        ("organization/prj/notifications", {"namespace": "prj"}),
        ("user/namespacenotifications", {"own": True}),
    ):
        assert named(head) == Named(thing=Thing.NOTIFICATIONS, **whose)
        assert named(f"{head}/{UUID}") == Named(thing=Thing.NOTIFICATION, name=UUID, **whose)
        assert named(f"{head}/{UUID}/test") == Named(thing=Thing.TEST, name=UUID, **whose)


def test_what_each_takes():
    assert Thing.NOTIFICATIONS.allowed == ["GET", "HEAD", "OPTIONS", "POST"]
    assert Thing.NOTIFICATION.allowed == ["DELETE", "GET", "HEAD", "OPTIONS", "POST"]
    assert Thing.INBOX.allowed == ["GET", "HEAD", "OPTIONS"]
    assert Thing.ITEM.allowed == ["GET", "HEAD", "OPTIONS", "PUT"]
    assert Thing.TEST.allowed == ["OPTIONS", "POST"]
