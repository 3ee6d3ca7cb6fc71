"""The place of a mistake, as a JSON pointer, and a sentence for it."""

import msgspec
import pytest

from sidecar.domain.errors import Misstated
from sidecar.intake.posted import decoded, misfit


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    number: int
    inner: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = {}


@pytest.mark.parametrize(
    ("body", "pointer", "sentence"),
    [
        (b'{"number": "1"}', "/number", "At /number: Expected `int`, got `str`."),
        (b"{}", "/number", "At /number: this is needed."),
        (b'{"number": 1, "x/y~z": 2}', "/x~1y~0z", "At /x~1y~0z: nothing of this name is known here."),
        (b'{"number": 1, "inner": [{}, {"name": 3}]}', "/inner/1/name", "At /inner/1/name: Expected `str`, got `int`."),
        (b'{"number": 1, "by_name": {"a": {"name": 3}}}', "/by_name", "At /by_name: Expected `str`, got `int`."),
        (b"[]", "", "Expected `object`, got `array`."),
        (b"{", "", "The body is not JSON: Input data was truncated."),
        (b'"\xff"', "", None),
    ],
)
def test_a_mistake_has_its_place(body, pointer, sentence):
    with pytest.raises(Misstated) as caught:
        decoded(msgspec.json.Decoder(Outer), body)
    assert caught.value.pointer == pointer
    assert sentence is None or str(caught.value) == sentence


def test_a_place_may_lie_deeper_in_what_was_posted():
    with pytest.raises(Misstated) as caught:
        decoded(msgspec.json.Decoder(Outer), b'{"number": "1"}', "/3/data")
    assert caught.value.pointer == "/3/data/number"


def test_a_text_of_any_other_form_is_told_as_it_is():
    assert str(misfit("Something else")) == "Something else."
