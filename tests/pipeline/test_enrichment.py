"""Asking registries between reading and folding: what is asked, how often, and that nobody waits for it."""

import asyncio
import json

import pytest

from doubles import House, RecordingSender, match, registry, subscription
from notifications import delete, digest, envelope, pull, push, untag
from sidecar.dialects import load
from sidecar.dialects.contract import Audience
from sidecar.dialects.harbor import Options
from sidecar.domain.errors import RegistryUnavailable
from sidecar.domain.event import Kind
from sidecar.domain.instant import SECOND
from sidecar.domain.record import Entry, RecordKind
from sidecar.domain.registry_answers import ManifestDocument, ManifestHead
from sidecar.pipeline import enrichment
from sidecar.pipeline.enrichment import BOUND, REST, STRIKES
from sidecar.pipeline.routing import Route, Router
from sidecar.pipeline.translator import Words
from virtual_time import VirtualClock, simulated

OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
LABELS = {"org.opencontainers.image.source": "https://git.example/app"}


class Api:
    """ports.RegistryApi that holds one image under every digest, and notes what it is asked.

    `answer` may raise, or be awaited for as long as it likes.
    """

    def __init__(self, *, manifests=None):
        self.asked = []
        self.manifests = manifests
        self.delays = {}
        self.error = None

    async def _come(self, verb, repository, reference):
        self.asked.append((verb, repository, reference))
        if verb in self.delays:
            await asyncio.sleep(self.delays[verb])
        if self.error is not None:
            raise self.error

    async def head(self, repository, reference, *, unless=""):
        await self._come("head", repository, reference)
        there = self.manifests is None or reference in self.manifests
        return ManifestHead(digest=reference) if there else None

    async def manifest(self, repository, reference):
        await self._come("manifest", repository, reference)
        if self.manifests is None:
            return document(reference, image())
        found = self.manifests.get(reference)
        return document(reference, found) if found is not None else None

    async def blob(self, repository, reference, *, limit):
        await self._come("blob", repository, reference)
        return json.dumps({"os": "linux", "architecture": "arm64", "config": {"Labels": LABELS}}).encode()

    @property
    def verbs(self):
        return [verb for verb, _, _ in self.asked]


def document(reference, content):
    media_type = content.get("mediaType", OCI)
    return ManifestDocument(digest=reference, media_type=media_type, body=json.dumps(content).encode())


def image(config=OCI_CONFIG, **more):
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest("layer"), "size": 100}]
    return {"config": {"mediaType": config, "digest": digest("config"), "size": 7}, "layers": layers, **more}


def oci(record, media_type=OCI, references=()):
    """The same record as a registry tells it of an OCI manifest, with or without references."""
    record["target"]["mediaType"] = media_type
    if references:
        record["target"]["references"] = list(references)
    return record


REFERENCES = ({"mediaType": OCI_CONFIG, "digest": digest("config"), "size": 7},)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sidecar.db"


def house(path, api, *subscriptions):
    given = subscriptions or [subscription("dtr", format="dtr")]
    return House(path, VirtualClock(), RecordingSender(), given, apis={"main": api})


async def told(one, *records, name="dtr"):
    """The bodies that a subscription receives because of these records."""
    before = len(one.sender.requests)
    await one.intake.accept("main", envelope(*records))
    await one.quiet()
    return [json.loads(request.body) for request in one.sender.requests[before:] if request.url.endswith(name)]


def platforms(bodies):
    return [(body["type"], body["contents"]["os"], body["contents"]["architecture"]) for body in bodies]


# --- what is asked ----------------------------------------------------------------------------------------------------


@simulated
async def test_a_subscriber_that_reads_the_platform_is_told_it_and_it_is_asked_for_once(path):
    """At the push; tags, pulls and deletions of the same digest know it then."""
    api = Api()
    one = house(
        path, api, subscription("dtr", format="dtr", events=("artifact.pushed", "artifact.pulled", "tag.deleted"))
    )
    await one.start()
    assert platforms(await told(one, oci(push("1", "v1", of="a")))) == [("TAG_PUSH", "linux", "arm64")]
    assert api.asked == [("manifest", "prj/app", digest("a")), ("blob", "prj/app", digest("config"))]
    assert platforms(await told(one, oci(push("2", "v2", of="a")))) == [("TAG_PUSH", "linux", "arm64")]
    assert platforms(await told(one, oci(pull("3", "v2", of="a")))) == [("TAG_PULL", "linux", "arm64")]
    assert platforms(await told(one, untag("4", "v2"))) == [("TAG_DELETE", "linux", "arm64")]
    assert len(api.asked) == 2
    await one.stop()


@simulated
async def test_with_references_one_question_is_enough(path):
    api = Api()
    one = house(path, api)
    await one.start()
    assert platforms(await told(one, oci(push("1"), references=REFERENCES))) == [("TAG_PUSH", "linux", "arm64")]
    assert api.verbs == ["blob"]
    await one.stop()


@simulated
async def test_what_nobody_reads_is_not_asked_for(path):
    """Not for words that read nothing, nor for events that no filter admits, nor of what was our own doing."""
    api = Api()
    one = house(
        path,
        api,
        subscription("harbor"),
        subscription("dtr", format="dtr", match=match(["other/**"])),
        subscription("quay", format="quay"),
    )
    await one.start()
    await told(one, push("1"))
    await told(one, oci(push("2"), references=REFERENCES))
    await told(one, push("3", repository="other/app", agent="registry-sidecar/1.0"))
    await told(one, pull("4", repository="other/app"))
    assert api.asked == []
    await told(one, push("5", repository="other/app"))
    assert api.verbs == ["manifest", "blob"]
    await one.stop()


@simulated
async def test_an_untagged_push_is_asked_about_only_by_who_hears_of_it(path):
    api = Api()
    one = house(path, api, subscription("dtr", format="dtr"))
    await one.start()
    await told(one, oci(push("1", "")))
    assert api.asked == []
    await one.configure([subscription("dtr", format="dtr", match=match(untagged=True))])
    assert platforms(await told(one, oci(push("2", "")))) == [("MANIFEST_PUSH", "linux", "arm64")]
    await one.stop()


@simulated
async def test_a_kind_is_asked_for_where_a_filter_depends_on_it(path):
    """A signature without references looks like anything: its manifest shows that nobody wants to hear of it."""
    signature = image("application/vnd.oci.empty.v1+json", artifactType="application/vnd.cncf.notary.signature")
    api = Api(manifests={digest("signature"): signature, digest("image"): image()})
    one = house(
        path,
        api,
        subscription("usual"),
        subscription("signatures", match=match(kinds=frozenset({Kind.SIGNATURE}))),
        subscription("all", match=match(kinds=frozenset(Kind))),
    )
    await one.start()
    signed = oci(push("1", "s", of="signature"))
    assert await told(one, signed, name="usual") == []
    assert [request.url.rpartition("/")[2] for request in one.sender.requests] == ["signatures", "all"]
    assert len(await told(one, oci(push("2", "v1", of="image")), name="usual")) == 1
    assert api.verbs == ["manifest", "manifest"]
    assert [event.artifact.kind for event in one.observer.events if event.tags] == [Kind.SIGNATURE, Kind.IMAGE]
    await one.configure([subscription("all", match=match(kinds=frozenset(Kind)))])
    await told(one, oci(push("3", "v1", of="other")))
    assert len(api.asked) == 2
    await one.stop()


@simulated
async def test_a_filter_that_refuses_what_is_unknown_asks_what_it_is(path):
    signature = image("application/vnd.oci.empty.v1+json", artifactType="application/vnd.cncf.notary.signature")
    api = Api(manifests={digest("signature"): signature})
    one = house(path, api, subscription("signatures", match=match(kinds=frozenset({Kind.SIGNATURE}))))
    await one.start()
    assert len(await told(one, oci(push("1", "s", of="signature")), name="signatures")) == 1
    await one.stop()


@simulated
async def test_chart_words_ask_what_is_a_chart(path):
    api = Api(manifests={digest("chart"): image("application/vnd.cncf.helm.config.v1+json")})
    one = House(path, VirtualClock(), RecordingSender(), [], apis={"main": api})
    await one.start()
    wanted = subscription("charts", match=match(kinds=frozenset(Kind)))
    voice = load()["harbor"].bind(Options(chart_events=True), ["UPLOAD_CHART"])
    router = Router([Route(wanted, voice, 1, Audience("charts", 1))])
    one.translator.configure(Words(one.registries, router, {1: "charts"}, one.enricher))
    await one.intake.accept("main", envelope(oci(push("1", "1.0.0", of="chart"))))
    await asyncio.sleep(1)
    assert one.observer.plans == [("charts", 1)]
    await one.stop()


@simulated
async def test_our_own_format_is_told_everything(path):
    content = image(annotations={"a": "b"}, artifactType="application/x", subject={"digest": digest("subject")})
    api = Api(manifests={digest("a"): content})
    one = house(path, api, subscription("dtr", format="cloudevents", events=("artifact.pushed",)))
    await one.start()
    [body] = await told(one, oci(push("1", "v1", of="a")))
    data = body["data"]
    assert {key: data[key] for key in ("os", "architecture", "labels", "annotations", "artifactType", "kind")} == {
        "os": "linux",
        "architecture": "arm64",
        "labels": LABELS,
        "annotations": {"a": "b"},
        "artifactType": "application/x",
        "kind": "image",
    }
    assert (data["subjectDigest"], data["imageSize"]) == (digest("subject"), 107)
    assert (data["configDigest"], data["configMediaType"]) == (digest("config"), OCI_CONFIG)
    await one.stop()


@simulated
async def test_an_index_is_asked_for_its_children_where_pulls_are_heard(path):
    """So that its pull and that of its platform can be told apart from two."""
    child = {"mediaType": OCI, "digest": digest("child"), "size": 5}
    api = Api(manifests={digest("index"): {"mediaType": OCI_INDEX, "manifests": [child]}})
    heard = subscription("one", events=("artifact.pushed", "artifact.pulled"))
    one = house(path, api, subscription("one", events=("artifact.pushed",)))
    await one.start()
    await told(one, oci(push("1", "v1", of="index"), OCI_INDEX))
    assert api.asked == []
    await one.configure([heard])
    await told(one, oci(push("2", "v1", of="index"), OCI_INDEX))
    assert api.verbs == ["manifest"]
    event = one.observer.events[-1]
    assert [reference.digest for reference in event.artifact.references] == [digest("child")]
    await one.stop()


@simulated
async def test_one_digest_in_a_batch_is_one_question_and_other_repositories_ask_nothing(path):
    api = Api()
    one = house(path, api)
    await one.start()
    bodies = await told(one, *(oci(push(str(at), f"v{at}", of="a", repository=f"prj/r{at % 3}")) for at in range(9)))
    assert platforms(bodies) == [("TAG_PUSH", "linux", "arm64")] * 9
    assert len(api.asked) == 2
    await told(one, oci(push("later", of="a", repository="elsewhere/app")))
    assert len(api.asked) == 2
    await one.stop()


@simulated
async def test_what_is_not_there_is_not_asked_for_again_at_once(path):
    """A cache that has not fetched it yet may have it a minute later."""
    api = Api(manifests={})
    one = house(path, api)
    await one.start()
    for at in range(3):
        assert platforms(await told(one, oci(push(str(at), of="a")))) == [("TAG_PUSH", "", "")]
    assert api.verbs == ["manifest"]
    await asyncio.sleep(61)
    await told(one, oci(push("later", of="a")))
    assert api.verbs == ["manifest"] * 2
    await one.stop()


@simulated
async def test_what_is_not_there_in_one_repository_may_be_in_another(path):
    """A registry finds manifests by repository: pushed and gone in one says nothing of a copy elsewhere."""
    api = Api(manifests={})
    one = house(path, api)
    await one.start()
    await told(one, oci(push("1", of="a", repository="prj/gone")))
    api.manifests = None
    bodies = await told(one, oci(push("2", of="a", repository="prj/copy")))
    assert platforms(bodies) == [("TAG_PUSH", "linux", "arm64")]
    await one.stop()


@simulated
async def test_a_head_of_which_nothing_is_ever_told_is_not_asked_about(path):
    """Without a window no HEAD lends its tag and none is a check."""
    api = Api()
    pulls = subscription("dtr", format="dtr", events=("artifact.pulled",))
    checks = subscription("ours", format="cloudevents", events=("artifact.checked",))
    registries = [registry(pull_window=0)]
    one = House(path, VirtualClock(), RecordingSender(), [pulls, checks], registries=registries, apis={"main": api})
    await one.start()
    head = oci(pull("1", of="a"))
    head["request"]["method"] = "HEAD"
    assert await told(one, head) == []
    assert api.asked == []
    await one.stop()


# --- answers stay -----------------------------------------------------------------------------------------------------


@simulated
async def test_after_a_restart_nothing_is_asked_again(path):
    """Neither of what was pushed, nor of what was only pulled: answers are in the catalogue, by digest."""
    events = ("artifact.pushed", "artifact.pulled")
    for number in range(2):
        api = Api()
        one = house(path, api, subscription("dtr", format="dtr", events=events))
        await one.start()
        bodies = await told(one, oci(push(f"{number}a", of="a")), oci(pull(f"{number}b", of="b")))
        assert platforms(bodies) == [("TAG_PUSH", "linux", "arm64"), ("TAG_PULL", "linux", "arm64")]
        assert len(api.asked) == (0 if number else 4)
        await one.stop()


@simulated
async def test_knowing_what_was_pulled_does_not_change_what_its_deletion_is(path):
    """Its tags are not known: they come with the tag records of the same request, as for a digest never seen."""
    api = Api()
    events = ("artifact.pulled", "artifact.deleted", "tag.deleted")
    one = house(path, api, subscription("dtr", format="dtr", events=events))
    await one.start()
    await told(one, oci(pull("1", of="a")))
    bodies = await told(one, delete("2", "a", request="r"), untag("3", "v1", request="r"))
    assert platforms(bodies) == [("MANIFEST_DELETE", "linux", "arm64"), ("TAG_DELETE", "linux", "arm64")]
    deleted = [event for event in one.observer.events if event.type == "artifact.deleted"]
    assert [event.tags for event in deleted] == [("v1",)]
    await one.stop()


@simulated
async def test_memory_holds_the_answers_that_were_used_last(path, monkeypatch):
    """And no long ones. What it has let go is still in the catalogue, for its own repository."""
    monkeypatch.setattr(enrichment, "KEPT", 2)
    layers = [{"mediaType": "x/y", "digest": digest(at), "size": 1} for at in range(enrichment.LONG)]
    api = Api(manifests={digest(name): image() for name in "abc"} | {digest("long"): image() | {"layers": layers}})
    one = house(path, api)
    await one.start()
    for name in ("a", "b", "long", "a", "c"):
        await told(one, oci(push(f"first-{name}-{len(api.asked)}", of=name, repository=f"prj/{len(api.asked)}")))
    assert api.verbs.count("manifest") == 4
    for name, questions in (("a", 4), ("long", 5), ("b", 6)):
        await told(one, oci(push(f"second-{name}", of=name, repository="prj/other")))
        assert api.verbs.count("manifest") == questions
    assert len(one.enricher._kept) == 2
    await one.stop()


@simulated
async def test_memory_of_what_is_not_there_is_bounded_too(path, monkeypatch):
    monkeypatch.setattr(enrichment, "KEPT", 2)
    api = Api(manifests={})
    one = house(path, api)
    await one.start()
    for name in ("a", "b", "c", "c", "a"):
        await told(one, oci(push(f"{name}-{len(api.asked)}-{len(one.observer.events)}", of=name)))
    assert [reference for _, _, reference in api.asked] == [digest(name) for name in "abca"]
    await one.stop()


# --- nobody waits -----------------------------------------------------------------------------------------------------


async def took(one, *records):
    """Virtual seconds from acceptance to the end of all sending."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    bodies = await told(one, *records)
    return loop.time() - begun, bodies


@simulated
async def test_a_registry_that_does_not_answer_holds_a_batch_half_a_second_and_spoils_nothing(path):
    api = Api()
    api.delays["manifest"] = 3600.0
    one = house(path, api, subscription("dtr", format="dtr"), subscription("harbor"))
    await one.start()
    seconds, bodies = await took(one, *(oci(push(str(at), of=at)) for at in range(20)))
    assert platforms(bodies) == [("TAG_PUSH", "", "")] * 20
    assert len(one.sender.requests) == 40
    assert BOUND <= seconds < BOUND + 0.2
    assert one.observer.troubles == []
    await one.stop()


@simulated
async def test_a_registry_that_lets_batches_wait_in_vain_is_left_alone_for_a_while(path):
    api = Api()
    api.delays["manifest"] = 3600.0
    one = house(path, api)
    await one.start()
    for at in range(STRIKES):
        seconds, _ = await took(one, oci(push(f"slow-{at}")))
        assert seconds >= BOUND
    [(where, error)] = one.observer.troubles
    assert where == "enrichment"
    assert "registry main takes more than 0.5 s to answer" in str(error)
    asked = len(api.asked)
    seconds, _ = await took(one, oci(push("quick")))
    assert seconds < 0.1
    assert len(api.asked) == asked
    await asyncio.sleep(REST)
    await took(one, oci(push("probe")))
    assert len(api.asked) == asked + 1
    await took(one, oci(push("again")))
    assert len(api.asked) == asked + 1
    await asyncio.sleep(REST)
    api.delays.clear()
    assert platforms((await took(one, oci(push("well"))))[1]) == [("TAG_PUSH", "linux", "arm64")]
    assert platforms((await took(one, oci(push("still"))))[1]) == [("TAG_PUSH", "linux", "arm64")]
    await one.stop()


@simulated
async def test_only_waits_in_a_row_count_against_a_registry(path):
    api = Api()
    one = house(path, api)
    await one.start()
    for at in range(2 * STRIKES - 1):
        api.delays["manifest"] = 0.0 if at == STRIKES - 1 else 3600.0  # the middle one is answered
        await told(one, oci(push(str(at))))
    assert one.observer.troubles == []
    assert api.verbs.count("manifest") == 2 * STRIKES - 1
    await one.stop()


@simulated
async def test_a_registry_that_cannot_be_asked_costs_nothing(path):
    """Down, or its breaker open: the client says so at once."""
    api = Api()
    api.error = RegistryUnavailable("left alone")
    one = house(path, api)
    await one.start()
    seconds, bodies = await took(one, oci(push("1")))
    assert platforms(bodies) == [("TAG_PUSH", "", "")]
    assert seconds < 0.1
    assert one.observer.troubles == []
    api.error = None
    assert platforms(await told(one, oci(push("1b", of="1")))) == [("TAG_PUSH", "linux", "arm64")]
    await one.stop()


@simulated
async def test_what_came_in_time_is_kept_when_the_rest_did_not(path):
    api = Api()
    api.delays["blob"] = 3600.0
    one = house(path, api, subscription("dtr", format="cloudevents", events=("artifact.pushed",)))
    await one.start()
    [body] = await told(one, oci(push("1", of="a")))
    assert (body["data"]["kind"], body["data"]["configDigest"]) == ("image", digest("config"))
    assert "os" not in body["data"]
    api.delays.clear()
    [body] = await told(one, oci(push("2", of="a")))
    assert body["data"]["os"] == "linux"
    assert api.verbs == ["manifest", "blob", "blob"]
    await one.stop()


@simulated
async def test_a_fault_in_asking_is_told_and_the_event_as_well(path):
    api = Api()
    api.error = ZeroDivisionError("rigged")
    one = house(path, api)
    await one.start()
    assert platforms(await told(one, oci(push("1")))) == [("TAG_PUSH", "", "")]
    assert [(where, str(error)) for where, error in one.observer.troubles] == [("enrichment", "rigged")]
    one.enricher._kept = None
    assert platforms(await told(one, oci(push("2")))) == [("TAG_PUSH", "", "")]
    assert one.observer.troubles[-1][0] == "enrichment"
    assert one.observer.outcomes == ["announced"] * 2
    await one.stop()


@simulated
async def test_a_registry_that_left_the_configuration_is_not_asked(path):
    api = Api()
    one = house(path, api)
    await one.start()
    one.enricher.configure({})
    assert platforms(await told(one, oci(push("1")))) == [("TAG_PUSH", "", "")]
    assert api.asked == []
    await one.stop()


# --- deletions of what nobody knows -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifests", "error", "outcome"),
    [
        ({digest("x"): image()}, None, "overtaken"),
        ({}, None, "unclassified"),
        ({digest("x"): image()}, RegistryUnavailable("down"), "unclassified"),
    ],
    ids=["it is there all the same", "it is not there", "nobody can say"],
)
@simulated
async def test_a_deletion_of_an_unknown_digest_has_one_look_before_it_is_given_up(path, manifests, error, outcome):
    """A manifest that is there was pushed again since, so its deletion is no news; what is not there stays a riddle."""
    api = Api(manifests=manifests)
    api.error = error
    one = house(path, api, subscription("dtr", format="dtr", events=("artifact.deleted",)))
    await one.start()
    assert await told(one, delete("1", "x")) == []
    assert api.asked == []
    await asyncio.sleep(11)
    await one.quiet()
    assert api.asked == [("head", "prj/app", digest("x"))]
    assert one.observer.outcomes == ["parked", outcome]
    assert one.sender.requests == []
    await one.stop()


@simulated
async def test_a_deletion_and_its_end_in_one_batch_have_their_look_too(path):
    """As after a pause, when records have gathered."""
    api = Api()
    one = house(path, api, subscription("dtr", format="dtr", events=("artifact.deleted",)))
    await one.start()
    now = one.clock.now()
    body = json.dumps(delete("1", "x")).encode()
    await one.store.append(
        [
            Entry(RecordKind.REGISTRY, "main", "1", now - 11 * SECOND, body),
            Entry(RecordKind.TICK, "", "tick:1", now, b""),
        ]
    )
    await one.quiet()
    assert api.verbs == ["head"]
    assert one.observer.outcomes == ["parked", "overtaken"]
    await one.stop()


@simulated
async def test_a_tick_before_the_time_of_a_deletion_leaves_it_to_its_tag_whatever_a_later_one_finds(path):
    """In one batch as in several: a tick for others comes between the deletion and the tag record of its request."""
    one = house(path, Api(), subscription("dtr", format="dtr", events=("artifact.deleted", "tag.deleted")))
    await one.start()
    now = one.clock.now()
    records = [delete("1", "x", request="r"), untag("2", "v1", request="r")]
    (gone, tag) = (json.dumps(record).encode() for record in records)
    await one.store.append(
        [
            Entry(RecordKind.REGISTRY, "main", "1", now - 20 * SECOND, gone),
            Entry(RecordKind.TICK, "", "tick:1", now - 19 * SECOND, b""),
            Entry(RecordKind.REGISTRY, "main", "2", now - 18 * SECOND, tag),
            Entry(RecordKind.TICK, "", "tick:2", now, b""),
        ]
    )
    await one.quiet()
    assert [(event.type, event.tags) for event in one.observer.events] == [
        ("artifact.deleted", ("v1",)),
        ("tag.deleted", ("v1",)),
    ]
    await one.stop()


@simulated
async def test_a_deletion_that_a_tag_explains_is_not_looked_at(path):
    api = Api()
    one = house(path, api, subscription("dtr", format="dtr", events=("artifact.deleted",)))
    await one.start()
    assert len(await told(one, delete("1", "x", request="r"), untag("2", "v1", request="r"))) == 1
    await asyncio.sleep(11)
    assert api.asked == []
    await one.stop()
