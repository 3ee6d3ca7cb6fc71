"""A house whose registry holds labelled images, and the words for a story of days."""

import asyncio
import json

from doubles import House, RecordingSender, match, registry, subscription
from notifications import MANIFEST, digest, envelope, push, untag
from sidecar.domain import instant
from sidecar.domain.expiry import Setting
from sidecar.domain.record import Entry, RecordKind
from sidecar.domain.registry_answers import ManifestDocument

INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
HOUR, DAY = 3600.0, 86400.0  # virtual seconds


class Labelled:
    """ports.RegistryApi of a registry in which an image's label is the first word of its content's name."""

    def __init__(self):
        self.labels = {}
        self.indexes = {}
        self.down = False
        self.asked = []

    def image(self, content, label):
        """The name of a content with this label, "" for none."""
        of = f"{label or '-'} {content}"
        self.labels[digest(f"config of {of}")] = label
        self.indexes[digest(of)] = digest(f"config of {of}")
        return of

    async def manifest(self, _repository, reference):
        self.asked.append(reference)
        if self.down:
            await asyncio.sleep(60)
        body = self.indexes.get(reference)
        if not isinstance(body, dict):
            body = {"config": {"mediaType": CONFIG, "digest": body or "", "size": 7}, "layers": []}
        media_type = body.get("mediaType", MANIFEST)
        return ManifestDocument(digest=reference, media_type=media_type, body=json.dumps(body).encode())

    async def blob(self, _repository, reference, *, limit):
        label = self.labels.get(reference)
        return json.dumps({"config": {"Labels": {"quay.expires-after": label} if label else None}}).encode()

    async def head(self, *_given, **_named):
        return None


class Days:
    """What happens in a registry over days, and what was heard of it."""

    def __init__(self, path, clock, *subscriptions, plan=None, registries=None):
        self.path, self.clock, self.plan = path, clock, plan
        self.subscriptions = [one for one, _ in subscriptions]
        self.days = {one.name: days for one, days in subscriptions}
        self.registries = registries or [registry()]
        self.api = Labelled()
        self.sender = RecordingSender()
        self.house = None
        self._count = 0

    async def begin(self):
        self.house = House(
            self.path,
            self.clock,
            self.sender,
            self.subscriptions,
            expiry=self.plan,
            days=self.days,
            registries=self.registries,
            apis={one.name: self.api for one in self.registries},
        )
        await self.house.start()
        return self

    async def restart(self):
        await self.house.stop()
        await self.begin()

    async def kill(self):
        await self.house.kill()
        await self.begin()

    async def push(self, tag="v1", label="", *, repository="prj/app", content=None, at=None, references=()):
        """Push an image with a label; returns when, nanoseconds."""
        self._count += 1
        of = self.api.image(self._count if content is None else content, label)
        now = self.clock.now() if at is None else at
        await self._tell(push(str(self._count), tag, repository=repository, of=of, time=instant.rfc3339(now)))
        return now

    async def index(self, tag, *labels, annotation=""):
        """Push an index of images with these labels; returns when."""
        children = [self.api.image(f"child {at}", label) for at, label in enumerate(labels)]
        for at, of in enumerate(children):
            await self._tell(push(f"child {at} of {tag}", "", of=of, time=instant.rfc3339(self.clock.now())))
        of = f"index {tag}"
        document = {
            "mediaType": INDEX,
            "manifests": [{"mediaType": MANIFEST, "digest": digest(one), "size": 3} for one in children],
            "annotations": {"quay.expires-after": annotation} if annotation else {},
        }
        self.api.indexes[digest(of)] = document
        now = self.clock.now()
        record = push(f"index {tag}", tag, of=of, time=instant.rfc3339(now))
        record["target"]["mediaType"] = INDEX
        await self._tell(record)
        return now

    async def untag(self, tag="v1", *, repository="prj/app"):
        self._count += 1
        now = instant.rfc3339(self.clock.now())
        await self._tell(untag(str(self._count), tag, repository=repository, time=now))

    async def set(self, expires, tag="v1", *, repository="prj/app"):
        """Set a tag's end, as the API does."""
        self._count += 1
        body = json.dumps({"repository": repository, "tag": tag, "expires": expires}).encode()
        assert Setting(repository=repository, tag=tag, expires=expires).tag == tag
        await self.house.store.append(
            [Entry(RecordKind.EXPIRY, "main", f"expiry:{self._count}", self.clock.now(), body)]
        )
        await self._settled()

    async def _tell(self, record):
        assert await self.house.intake.accept("main", envelope(record)) == "accepted"
        await self._settled()

    async def _settled(self):
        for _ in range(2000):
            await asyncio.sleep(0.001)
            if self.house.translator.lag == 0:
                return
        raise AssertionError("it does not come to rest")

    async def wait(self, seconds):
        """Let so much virtual time pass, and everything happen in it."""
        await asyncio.sleep(seconds)
        await self.house.quiet()

    def heard(self, name):
        """The bodies that a subscription was sent, in order."""
        return [json.loads(one.body) for one in self.sender.requests if one.url.endswith(f"/{name}")]


def quay(name="quay", days=7, **more):
    return hears(name, "quay", days, **more)


def hears(name, form="cloudevents", days=7, **more):
    """A subscription to ends of tags alone."""
    one = subscription(name, format=form, events=("artifact.expiring",), match=match(**more))
    return (one, days)
