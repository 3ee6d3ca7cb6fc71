"""Lanes at work, said briefly: a house with a receiver that notes when each request came."""

import asyncio
import json

from doubles import House, RecordingSender, subscription
from notifications import envelope, push
from sidecar.domain.message import Response
from virtual_time import VirtualClock

WELL = Response(status=200)


class Receiver(RecordingSender):
    """Notes when each request came, and how many are open at once."""

    def __init__(self, answer=None):
        super().__init__(answer)
        self.times, self.open, self.most = [], 0, 0

    async def send(self, request):
        self.times.append(now())
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            return await super().send(request)
        finally:
            self.open -= 1


def now():
    return round(asyncio.get_running_loop().time(), 3)


def after(seconds, answer=WELL):
    """An answer that takes its time."""

    async def answering():
        await asyncio.sleep(seconds)
        return answer

    return lambda _request: answering()


def house(path, *subscriptions, answer=None, **given):
    clock = given.pop("clock", None) or VirtualClock()
    return House(path, clock, Receiver(answer), subscriptions or [subscription("one")], **given)


async def pushes(one, count, first=0):
    """Many pushes in one envelope."""
    await one.intake.accept("main", envelope(*(push(f"{first + at}") for at in range(count))))


def view(one, name="one"):
    return next(each for each in one.dispatcher.views() if each.name == name)


def track(one, name="one"):
    return next(each for each in one.dispatcher._tracks.values() if each.name == name)


def said(request):
    """The repository and the tag that a Harbor message tells of."""
    data = json.loads(request.body)["event_data"]
    return data["repository"]["repo_full_name"], data["resources"][0]["tag"]
