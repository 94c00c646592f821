"""exchange.audit.opening: what opens one leaf and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit import leaf
from exchange.audit.opening import (
    LARGEST_OPENING,
    Opening,
    document_opening,
    event_of,
    event_opening,
    leaf_of,
    read_opening,
    write_opening,
)
from exchange.errors import Malformed
from tests.unit.audit.test_leaf import EVENT_A, EVENT_B, KEY

OPENED = event_opening(KEY, 0, EVENT_A)
RAW = write_opening(OPENED)
PUBLIC = document_opening("key-statement/jobcentre-a", b'{"kind":"key statement"}')


def test_an_opening_of_an_event_there_and_back() -> None:
    assert b"\x01" + leaf.label(KEY, 0) + leaf.salt(KEY, 0) + EVENT_A == RAW
    assert read_opening(RAW) == OPENED
    assert leaf_of(OPENED) == leaf.event_leaf(KEY, 0, EVENT_A)
    assert event_of(OPENED)["kind"] == "consent-recorded"


def test_an_opening_of_a_document_there_and_back() -> None:
    raw = write_opening(PUBLIC)
    assert raw == b"\x02" + leaf.document_label("key-statement/jobcentre-a") + PUBLIC.body
    assert read_opening(raw) == PUBLIC
    assert leaf_of(PUBLIC) == leaf.document_leaf("key-statement/jobcentre-a", PUBLIC.body)
    with pytest.raises(Malformed, match="no event"):
        event_of(PUBLIC)


@given(st.integers(0, 2**64 - 1))
def test_an_opening_holds_neither_the_key_nor_a_siblings_salt(n: int) -> None:
    raw = write_opening(event_opening(KEY, n, EVENT_B))
    assert KEY not in raw
    assert leaf.salt(KEY, n ^ 1) not in raw
    assert leaf.label(KEY, n ^ 1) not in raw
    assert leaf_of(read_opening(raw)) == leaf.event_leaf(KEY, n, EVENT_B)


@pytest.mark.parametrize("at", range(1, 49))
def test_one_bit_changed_opens_another_leaf(at: int) -> None:
    changed = bytearray(RAW)
    changed[at] ^= 1
    assert leaf_of(read_opening(bytes(changed))) != leaf_of(OPENED)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        RAW[:17],
        RAW[:48],
        RAW[:49],  # no event
        b"\x00" + RAW[1:],
        b"\x03" + RAW[1:],
        b"\x02" + bytes(15),
        RAW[:-1],
        RAW + b" ",
        RAW.replace(b'"v":1', b'"v":2'),
        b"\x02" + bytes(LARGEST_OPENING),
    ],
)
def test_no_other_bytes_are_an_opening(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_opening(raw)


def test_salts_and_labels_have_their_exact_size() -> None:
    for version, label, salt in ((1, 16, 31), (1, 16, 33), (1, 15, 32), (2, 16, 32), (2, 17, 0)):
        with pytest.raises(Malformed):
            Opening(version, bytes(label), bytes(salt), EVENT_A)
