"""What subscriptions that people made through APIs may cost together for one event, where a format lets them say how.

One of them is bounded by its format. There may be thousands of a namespace, made by somebody who manages that alone:
what they hear of is translated for everybody, on the loop.
"""

from typing import Final

SHARED: Final = 500_000  # steps, as `templating.limits` counts them: some tenths of a second at the most


class Allowance:
    """What is left for the event that is being said."""

    __slots__ = ("left",)

    def __init__(self, steps: int = SHARED) -> None:
        self.left = steps

    @property
    def strained(self) -> bool:
        """Whether so much is gone that the loop should have its turn."""
        return self.left < SHARED // 2
