"""Match: one filter at a time, and the events that a filter does not apply to."""

import msgspec
import pytest

from sidecar.domain.event import Artifact, Event, EventType, Kind, RegistryRef, Repository
from sidecar.domain.glob import Globs
from sidecar.domain.subscription import DEFAULT_GIVE_UP_ON, DEFAULT_KINDS, DEFAULT_SUCCESS, Match, Subscription


def event(
    what: EventType = EventType.PUSHED,
    *,
    registry: str = "main",
    path: str = "prj/app",
    tags: tuple[str, ...] = ("v1",),
    kind: Kind = Kind.IMAGE,
    actor: str = "ci-1",
    ever_tagged: bool = True,
) -> Event:
    return Event(
        id="e",
        type=what,
        time=1,
        accepted=2,
        registry=RegistryRef(name=registry, hostname="h"),
        repository=Repository(path=path, namespace="prj", name="app"),
        artifact=Artifact(kind=kind),
        tags=tags,
        ever_tagged=ever_tagged,
        actor=actor,
    )


@pytest.mark.parametrize(
    ("match", "filter_name"),
    [
        (Match(), ""),
        (Match(registries=frozenset({"main"})), ""),
        (Match(registries=frozenset({"other"})), "registries"),
        (Match(repositories=Globs.of(["prj/**"], segments=True)), ""),
        (Match(repositories=Globs.of(["team/**"], segments=True)), "repositories"),
        (Match(repositories=Globs.of(["!prj/**"], segments=True)), "repositories"),
        (Match(actors=Globs.of(["ci-*"])), ""),
        (Match(actors=Globs.of(["maria"])), "actors"),
        (Match(kinds=frozenset({Kind.IMAGE})), ""),
        (Match(kinds=frozenset({Kind.CHART})), "kinds"),
        (Match(tags=Globs.of(["v*"])), ""),
        (Match(tags=Globs.of(["latest"])), "tags"),
        (Match(tags=Globs.of(["!v*"])), "tags"),
    ],
)
def test_each_filter_names_itself_when_it_refuses(match, filter_name):
    assert match.refusal(event()) == filter_name


def test_anonymous_is_matched_by_the_empty_name():
    assert Match(actors=Globs.of([""])).refusal(event(actor="")) == ""
    assert Match(actors=Globs.of([""])).refusal(event(actor="maria")) == "actors"


def test_a_single_segment_is_matched_as_it_is_written():
    """The default namespace is no part of what `repositories` sees."""
    solo = event(path="solo")
    assert Match(repositories=Globs.of(["solo"], segments=True)).refusal(solo) == ""
    assert Match(repositories=Globs.of(["library/**"], segments=True)).refusal(solo) == "repositories"


def placed(path: str, namespace: str, name: str) -> Event:
    return msgspec.structs.replace(event(), repository=Repository(path=path, namespace=namespace, name=name))


APP, DEEP, SOLO = (
    placed("prj/app", "prj", "app"),
    placed("prj/web/app", "prj", "web/app"),
    placed("solo", "library", "solo"),
)
WRITTEN_OUT = placed("library/solo", "library", "solo")


@pytest.mark.parametrize(
    ("namespace", "repository", "admitted"),
    [
        ("", "", [APP, DEEP, SOLO, WRITTEN_OUT]),
        ("prj", "", [APP, DEEP]),
        ("pr", "", []),
        ("prj", "prj/app", [APP]),
        ("prj", "prj/web/app", [DEEP]),
        ("prj", "prj/web", []),
        ("other", "prj/app", []),
        ("library", "", [SOLO, WRITTEN_OUT]),
        ("library", "library/solo", [SOLO, WRITTEN_OUT]),  # as management keys name it
        ("library", "solo", [SOLO]),
    ],
)
def test_bounds_admit_what_lies_within_them(namespace, repository, admitted):
    """A repository of a single segment lies in the default namespace, and is known by both of its names."""
    match = Match(namespace=namespace, repository=repository)
    assert [one for one in (APP, DEEP, SOLO, WRITTEN_OUT) if not match.refusal(one)] == admitted


def test_no_filter_widens_the_bounds():
    """Whoever manages `prj` cannot hear of another namespace by asking for it."""
    wide = Match(namespace="other", repositories=Globs.of(["**"], segments=True))
    assert wide.refusal(APP) == "repositories"


@pytest.mark.parametrize("kind", list(Kind))
def test_accessories_are_asked_for_by_name(kind):
    accessory = kind in {Kind.SIGNATURE, Kind.ATTESTATION, Kind.SBOM}
    assert Match().refusal(event(kind=kind)) == ("kinds" if accessory else "")
    assert Match(kinds=frozenset({kind})).refusal(event(kind=kind)) == ""
    assert (kind in DEFAULT_KINDS) is not accessory


def test_image_admits_what_may_be_an_image():
    unknown = event(kind=Kind.UNKNOWN)
    assert Match(kinds=frozenset({Kind.IMAGE})).refusal(unknown) == ""
    assert Match(kinds=frozenset({Kind.CHART})).refusal(unknown) == "kinds"


def test_tags_never_match_an_untagged_event():
    untagged = event(tags=())
    assert Match(tags=Globs.of(["*"])).refusal(untagged) == "tags"
    assert Match(tags=Globs.of(["!v*"])).refusal(untagged) == "tags"
    assert Match().refusal(untagged) == ""


def test_a_deletion_of_many_tags_matches_if_any_does():
    deletion = event(EventType.DELETED, tags=("latest", "v1"))
    assert Match(tags=Globs.of(["v*"])).refusal(deletion) == ""
    assert Match(tags=Globs.of(["!v*"])).refusal(deletion) == ""  # `latest` passes
    assert Match(tags=Globs.of(["x"])).refusal(deletion) == "tags"


@pytest.mark.parametrize("what", [EventType.REPOSITORY_CREATED, EventType.REPOSITORY_DELETED])
def test_a_repository_has_neither_tags_nor_a_kind(what):
    about = event(what, tags=(), kind=Kind.UNKNOWN)
    assert Match(tags=Globs.of(["v*"]), kinds=frozenset({Kind.CHART})).refusal(about) == ""
    assert Match(actors=Globs.of(["maria"])).refusal(about) == "actors"


@pytest.mark.parametrize(
    ("what", "tags", "ever_tagged", "untagged"),
    [
        (EventType.PUSHED, (), False, True),
        (EventType.PUSHED, ("v1",), True, False),
        (EventType.PULLED, (), False, False),  # a pull by digest is never held back
        (EventType.DELETED, (), False, True),
        (EventType.DELETED, (), True, False),  # its tags went before it
        (EventType.DELETED, ("v1",), True, False),
        (EventType.TAG_DELETED, ("v1",), True, False),
        (EventType.REPOSITORY_CREATED, (), False, False),
    ],
)
def test_what_the_untagged_gate_holds_back(what, tags, ever_tagged, untagged):
    assert event(what, tags=tags, ever_tagged=ever_tagged).untagged is untagged


def test_what_is_retried_and_what_is_given_up_at_once():
    """Connection trouble apart: these 4xx and every 5xx but 501 are tried again, every other 4xx and 501 are not."""
    retried = {401, 403, 404, 408, 409, 423, 425, 429}
    assert {status for status in range(400, 600) if status not in DEFAULT_GIVE_UP_ON} == retried | (
        set(range(500, 600)) - {501}
    )
    assert set(range(200, 300)) == DEFAULT_SUCCESS


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("https://example.com/webhook?type=harbor", "https://example.com"),
        ("https://user:secret@example.com:8443/x", "https://example.com:8443"),
        ("http://example.com?token=secret", "http://example.com"),
    ],
)
def test_a_destination_shows_no_secret(url, destination):
    assert Subscription(name="s", format="harbor", url=url).destination == destination


NAMESPACE = Repository(path="", namespace="prj", name="")
REGISTRY = Repository(path="", namespace="", name="")


@pytest.mark.parametrize("what", [EventType.BUILD_FAILED, EventType.MIRROR_STARTED, EventType.REPOSITORY_UPDATED])
def test_what_did_not_happen_to_an_artifact_has_neither_kind_nor_tags(what):
    strict = Match(kinds=frozenset({Kind.CHART}), tags=Globs.of(["v2"]))
    assert strict.refusal(event(what, tags=(), kind=Kind.UNKNOWN)) == ""
    assert Match(repositories=Globs.of(["team/**"], segments=True)).refusal(event(what)) == "repositories"


@pytest.mark.parametrize("what", [EventType.SCAN_COMPLETED, EventType.EXPIRING, EventType.PROMOTED])
def test_what_others_tell_of_an_artifact_is_judged_like_a_push(what):
    assert Match(kinds=frozenset({Kind.CHART})).refusal(event(what)) == "kinds"
    assert Match(tags=Globs.of(["v2"])).refusal(event(what)) == "tags"
    assert not event(what, tags=(), ever_tagged=False).untagged  # nothing gates a scan of what has no tag


@pytest.mark.parametrize(
    ("patterns", "of_namespace", "of_registry"),
    [
        ([], "", ""),
        (["prj/**"], "", "repositories"),
        (["team/**"], "repositories", "repositories"),
        (["**"], "", "repositories"),
    ],
)
def test_a_filter_of_repositories_admits_what_happened_to_more_than_one(patterns, of_namespace, of_registry):
    """To a namespace where it names a repository of it, to the registry only where it names none."""
    match = Match(repositories=Globs.of(patterns, segments=True))
    finished = msgspec.structs.replace(event(EventType.RETENTION_FINISHED), repository=NAMESPACE)
    updated = msgspec.structs.replace(event(EventType.SCANNER_UPDATED), repository=REGISTRY)
    assert (match.refusal(finished), match.refusal(updated)) == (of_namespace, of_registry)


@pytest.mark.parametrize("what", [EventType.QUOTA_WARNING, EventType.QUOTA_EXCEEDED])
def test_a_quota_is_the_namespaces_whichever_repository_passed_it(what):
    """It is heard where some repository of the namespace is, and by nobody who may hear of one repository alone."""
    passed = event(what, path="prj/app")
    for patterns, refusal in (
        (["prj/app"], ""),
        (["prj/other"], ""),
        (["**/deep/**"], ""),
        (["team/**"], "repositories"),
    ):
        assert Match(repositories=Globs.of(patterns, segments=True)).refusal(passed) == refusal
    assert Match(repositories=Globs.of(["!prj/**"], segments=True)).refusal(passed) == "repositories"
    assert Match(repositories=Globs.of(["!prj/app"], segments=True)).refusal(passed) == ""
    assert Match(namespace="prj").refusal(passed) == ""
    assert Match(namespace="team").refusal(passed) == "repositories"
    assert Match(namespace="prj", repository="prj/app").refusal(passed) == "repositories"
    strict = Match(kinds=frozenset({Kind.CHART}), tags=Globs.of(["v2"]), actors=Globs.of(["nobody"]))
    assert strict.refusal(passed) == "actors"
