"""How long the tests search: quickly, or with THOROUGH=1 as long as every change is worth once."""

import os

THOROUGH = os.environ.get("THOROUGH") == "1"


def examples(number: int) -> int:
    """How many examples a property is tried with that deserves so many: a quarter of them in a hurry."""
    return number if THOROUGH else max(10, number // 4)
