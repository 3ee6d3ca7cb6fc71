"""A bucket of tries for each of many keys, within bounded memory. Times in nanoseconds, given by the caller."""

from collections import OrderedDict


class Throttle:
    """Each key has `burst` tries; one comes back every `every` nanoseconds. At most `most` keys are remembered.

    Of a key only one instant is kept: when its bucket will be full again. Those that are full are forgotten first, then
    those that were used longest ago: many keys can make it forget, never grow.
    """

    def __init__(self, burst: int, every: int, most: int) -> None:
        self._every = every
        self._span = burst * every
        self._most = most
        self._full: OrderedDict[str, int] = OrderedDict()  # least recently used first

    def __len__(self) -> int:
        return len(self._full)

    def wait(self, key: str, now: int) -> int:
        """For how long there is no try left, 0 when there is one."""
        return max(0, self._full.get(key, now) - now + self._every - self._span)

    def take(self, key: str, now: int) -> None:
        """Use one try up, be there one or not; what is owed never exceeds the whole bucket."""
        full = max(self._full.pop(key, now), now) + self._every
        self._full[key] = min(full, now + self._span)
        while len(self._full) > self._most:
            self._full.popitem(last=False)
        oldest = next(iter(self._full))
        if self._full[oldest] <= now:
            del self._full[oldest]

    def give_back(self, key: str, now: int) -> None:
        """A try that was taken counts for nothing."""
        full = self._full.get(key)
        if full is None:
            return
        if full - self._every <= now:
            del self._full[key]
        else:
            self._full[key] = full - self._every
