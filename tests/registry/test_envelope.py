"""The envelope: what is taken apart, what is set aside, and that one bad event never costs the others."""

import hashlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.errors import Unreadable
from sidecar.domain.record import QuarantineReason
from sidecar.registry.envelope import MAX_ID, decode, split


def named_by_hash(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def reason_of(body: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        split(body)
    return caught.value.reason


def trouble_with(read: Callable[[bytes], object], body: bytes) -> Unreadable | None:
    """What made the body unreadable; any other error fails the test."""
    try:
        read(body)
    except Unreadable as trouble:
        return trouble
    return None


class TestSplit:
    def test_every_event_comes_out_with_its_id_and_its_untouched_bytes(self):
        first = b'{"id": "a",   "action":"push", "\\u0041":[1, 2 ,3]}'
        second = '{"id":"b","who":"Zoë"}'.encode()
        body = b'\n{ "events": [\n  ' + first + b" ,\n" + second + b'\n ], "more": {} }\n'
        assert split(body) == (("a", first), ("b", second))

    def test_the_bytes_do_not_keep_the_body_alive(self):
        """A record must be its own copy, not a window into a body of megabytes."""
        ((_, raw),) = split(b'{"events":[{"id":"a"}]}')
        assert type(raw) is bytes

    @pytest.mark.parametrize("body", [b'{"events": []}', b'{"events": null}', b'\xef\xbb\xbf{"events":[]}'])
    def test_an_empty_envelope_is_nothing(self, body):
        assert split(body) == ()

    def test_a_byte_order_mark_is_no_part_of_the_event(self):
        raw = b'{"id":"a"}'
        assert split(b'\xef\xbb\xbf{"events":[' + raw + b"]}") == (("a", raw),)

    def test_a_bare_event_is_one_record(self):
        """Azure's registry posts the event without an envelope."""
        raw = b'{"id":"cb8c3971","timestamp":"2026-11-22T00:00:00Z","action":"push","target":{"repository":"a/b"}}'
        assert split(b" " + raw + b"\r\n") == (("cb8c3971", raw),)

    def test_an_envelope_wins_over_what_stands_beside_it(self):
        assert split(b'{"action":"push","target":{},"events":[{"id":"a"}]}') == (("a", b'{"id":"a"}'),)

    @pytest.mark.parametrize(
        "raw",
        [
            b"{}",
            b'{"id":""}',
            b'{"id":null}',
            b'{"id":7}',
            b'{"id":["a"]}',
            b'{"id":"' + b"x" * (MAX_ID + 1) + b'"}',
            b"5",
            b"null",
            b'"text"',
            b'[{"id":"a"}]',
        ],
    )
    def test_an_element_without_a_usable_id_is_named_by_the_hash_of_its_bytes(self, raw):
        good = b'{"id":"good"}'
        assert split(b'{"events":[' + raw + b"," + good + b"]}") == ((named_by_hash(raw), raw), ("good", good))

    def test_the_longest_id_is_counted_in_characters(self):
        longest = "ü" * 200
        ((given_id, _),) = split(json.dumps({"events": [{"id": longest}]}, ensure_ascii=False).encode())
        assert given_id == longest

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"   ",
            b"hello",
            b'{"events":[{"id":"a"}',
            b'{"events":[{"id":"a"}]} {"events":[]}',
            b'{"events":5,]',
            b"[1, 2",
            b'{"events":[{"id":"\xff"}]}',
            b'{"events":[{"who":"\xed\xa0\x80"}]}',
            '{"events":[]}'.encode("utf-16"),
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"events":[' + b"[" * 100_000,
        ],
    )
    def test_what_is_no_json_in_utf8_is_unreadable(self, body):
        assert reason_of(body) == QuarantineReason.UNREADABLE

    @pytest.mark.parametrize(
        "body",
        [
            b"{}",
            b"[]",
            b"5",
            b"null",
            b'"events"',
            b'{"events":5}',
            b'{"events":{"id":"a"}}',
            b'{"action":"published","package":{}}',
            b'{"target":{}}',
            b'[{"id":"a","eventType":"Microsoft.ContainerRegistry.ImagePushed","data":{"action":"push","target":{}}}]',
        ],
    )
    def test_other_json_is_no_envelope(self, body):
        assert reason_of(body) == QuarantineReason.NOT_AN_ENVELOPE

    def test_what_is_wrong_is_said_in_one_sentence_with_the_remedy(self):
        with pytest.raises(Unreadable, match=r"point only a registry's notifications at this address\.$"):
            split(b"[]")

    @given(st.binary(max_size=200))
    def test_any_bytes_are_taken_apart_or_set_aside(self, body):
        trouble = trouble_with(split, body)
        assert trouble is None or trouble.reason in {QuarantineReason.UNREADABLE, QuarantineReason.NOT_AN_ENVELOPE}

    @given(
        st.lists(
            st.recursive(
                st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["id", "target", "x", "ü"]), inner, max_size=3)
                ),
                max_leaves=8,
            ),
            max_size=5,
        ),
        st.sampled_from([None, 1, 3]),
        st.booleans(),
    )
    def test_no_element_is_lost_or_altered(self, elements, indent, ascii_only):
        body = json.dumps({"events": elements}, indent=indent, ensure_ascii=ascii_only).encode()
        parts = split(body)
        assert [json.loads(raw) for _, raw in parts] == elements
        assert all(raw in body for _, raw in parts)
        assert all(name for name, _ in parts)


class TestDecode:
    def test_absent_empty_and_null_are_the_same_to_a_reader(self):
        """v2 leaves keys out, v3 sends empties, other senders write null: none of them is refused."""
        absent = decode(b'{"action":"delete","target":{"repository":"a"}}')
        null = decode(
            b'{"id":null,"timestamp":null,"action":"delete","target":{"mediaType":null,"digest":null,"size":null,'
            b'"length":null,"repository":"a","fromRepository":null,"url":null,"tag":null,"references":null},'
            b'"request":null,"actor":null,"source":null}'
        )
        assert absent == null
        empty = decode(
            b'{"action":"delete","target":{"mediaType":"","digest":"","size":0,"repository":"a"},"actor":{}}'
        )
        assert empty.target is not None
        assert (empty.target.media_type, empty.target.digest, empty.target.size) == ("", "", 0)

    def test_null_inside_what_is_inlined_is_not_refused(self):
        wire = decode(
            b'{"request":{"id":null,"addr":null,"host":null,"method":null,"useragent":null},"actor":{"name":null},'
            b'"source":{"addr":null,"instanceID":null},"target":{"references":[null,{"mediaType":null,"digest":null,'
            b'"size":null,"annotations":null,"platform":null,"artifactType":null,"data":null,"urls":null}]}}'
        )
        assert wire.target is not None
        assert wire.target.references is not None
        assert len(wire.target.references) == 2

    def test_unknown_keys_are_ignored(self):
        wire = decode(
            b'{"action":"push","actor":{"name":"x","user_type":"build"},"target":{"name":5,"version":[]},"n":1}'
        )
        assert wire.actor is not None
        assert wire.actor.name == "x"

    def test_size_beyond_32_bits_is_taken(self):
        wire = decode(b'{"target":{"size":5368709120}}')
        assert wire.target is not None
        assert wire.target.size == 5 * 1024**3

    @pytest.mark.parametrize(
        ("raw", "path"),
        [
            (b'{"target":{"tag":5}}', r"\$\.target\.tag"),
            (b'{"target":{"references":[{},{"digest":5}]}}', r"\$\.target\.references\[1\]\.digest"),
            (b'{"target":{"size":-1}}', r"\$\.target\.size"),
            (b'{"target":{"size":99999999999999999999}}', r"\$\.target\.size"),
            (b'{"actor":"maria"}', r"\$\.actor"),
            (b"5", r"at `\$`"),
            (b"null", r"at `\$`"),
            (b"", r"at `\$`"),
            (b'{"x":' * 100_000, r"at `\$`"),
        ],
    )
    def test_a_bad_record_is_told_with_its_place(self, raw, path):
        with pytest.raises(Unreadable, match=path) as caught:
            decode(raw)
        assert caught.value.reason == QuarantineReason.BAD_RECORD

    @given(
        st.binary(max_size=100)
        | st.builds(
            lambda key, value: json.dumps({key: value, "target": {key: value}}).encode(),
            st.sampled_from(["id", "timestamp", "action", "target", "request", "actor", "source", "tag", "size"]),
            st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
        )
    )
    def test_any_bytes_decode_or_are_unreadable(self, raw):
        trouble = trouble_with(decode, raw)
        if trouble is not None:
            assert trouble.reason == QuarantineReason.BAD_RECORD
            assert trouble.detail.endswith("check what sends to this address.")
