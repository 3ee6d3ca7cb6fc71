"""What templates may cost, and how it is counted.

A step is about what one node of a template costs when it is evaluated: a name, an attribute, a filter, a piece of text.
Loops are charged for all their rounds before the first, and what handles a long text or list is charged by its length.
So whatever a template says, its rendering ends after a known amount of work.
"""

from typing import Final

TEXT: Final = 64 * 1024  # characters of all templates of a subscription together
TOKENS: Final = 2_000  # words and signs of the code of all of them
STEPS: Final = 100_000  # of everything that one event is said in
LARGEST: Final = 256 * 1024  # characters of any text on the way, and bytes of a body
HEADERS: Final = 8 * 1024  # bytes of all headers that are rendered, names included
MOST_HEADERS: Final = 32
URL: Final = 8 * 1024  # characters
DEPTH: Final = 32  # of templates' code, and of the values they make
BRACKETS: Final = 12  # one within another
NAMES: Final = 64  # that a template sets
NUMBER: Final = 2**63  # no number reaches it
TRIAL: Final = 4 * STEPS  # of all samples together, when a subscription is read
PER_STEP: Final = 64  # characters that are copied or compared in one step
PER_TOKEN: Final = 100  # steps that it takes to read and compile one word or sign
PER_MESSAGE: Final = 30  # steps, apart from its templates


class TemplateTrouble(ValueError):
    """A template that cannot be used, or not for this event. Text: one sentence, `line` counts from 1 (0 = unknown)."""

    def __init__(self, sentence: str, line: int = 0) -> None:
        super().__init__(sentence)
        self.line = line


class Meter:
    """Counts the steps of one event's messages."""

    __slots__ = ("left",)

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Raises TemplateTrouble when there are not so many left."""
        self.left -= steps
        if self.left < 0:
            raise TemplateTrouble(f"takes too much work for one event: loop over less (at most {STEPS} steps)")

    def copy(self, text: str) -> str:
        """The text, paid for as one that was copied. Raises TemplateTrouble when it is too long."""
        size = len(text)
        if size > LARGEST:
            raise TemplateTrouble(f"makes a text of more than {LARGEST // 1024} KiB")
        self.spend(size // PER_STEP)
        return text

    def measure(self, value: object, depth: int = 0, spaces: int = 0) -> int:
        """Pay for going through a value once. Raises TemplateTrouble for what is too large, too deep, no plain data.

        Returns how many characters its texts have at the least, with so many spaces before each thing for every level.
        """
        if isinstance(value, str):
            self.spend(1 + len(value) // PER_STEP)
            return len(value)
        self.spend(1)
        if depth > DEPTH:
            raise TemplateTrouble(f"makes a value that is nested more than {DEPTH} deep")
        size, indent = 0, (depth + 1) * spaces
        if isinstance(value, dict):
            for key, one in value.items():
                size += indent + self.measure(key, depth + 1, spaces) + self.measure(one, depth + 1, spaces)
        elif isinstance(value, list | tuple):
            for one in value:
                size += indent + self.measure(one, depth + 1, spaces)
        elif value is not None and not isinstance(value, bool | int | float):
            sentence = (
                getattr(value, "sentence", "") or "uses `loop` as a value: use `loop.index`, `loop.first` or such"
            )
            raise TemplateTrouble(sentence)
        return size
