"""Event ids: made from the record, so that a replay gives the same ones."""

import hashlib
import uuid

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.event import ordered_uuid, stable_uuid


def test_the_id_has_the_version_and_variant_of_a_name_based_uuid():
    made = uuid.UUID(stable_uuid("main", "a6fde19c-794a-4ddc-bf11-8eaa1bbb90c8", "artifact.pushed", ""))
    assert made.version == 5
    assert made.variant == uuid.RFC_4122


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_any_parts_give_what_the_uuid_module_makes_of_their_hash(parts):
    digest = hashlib.sha1("\n".join(parts).encode()).digest()
    assert stable_uuid(*parts) == str(uuid.UUID(bytes=digest[:16], version=5))


def test_other_parts_give_another_id():
    assert len({stable_uuid("a", "b"), stable_uuid("b", "a"), stable_uuid("a", "b", ""), stable_uuid("ab")}) == 4


def test_an_ordered_id_is_version_8_begins_with_its_milliseconds_and_grows_with_time():
    made = uuid.UUID(ordered_uuid(1_795_219_200_123_456_789, "main", "record"))
    assert (made.version, made.variant) == (8, uuid.RFC_4122)
    assert made.int >> 80 == 1_795_219_200_123
    later = uuid.UUID(ordered_uuid(1_795_219_200_124_000_000, "a", "b"))
    assert made < later
    assert ordered_uuid(5, "a") == ordered_uuid(5, "a") != ordered_uuid(5, "b")
