"""exchange.audit.tombstone: which entries were erased, in one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit.tombstone import Tombstone, read_tombstone, write_tombstone
from exchange.canonical import encode, loads
from exchange.errors import Malformed

SALT = bytes(range(32))
RAW = write_tombstone(SALT, [9, 4, 5, 6, 2**40])


def test_a_tombstone_there_and_back() -> None:
    assert RAW == (
        b'{"indexes":[[4,6],[9,9],[1099511627776,1099511627776]],'
        b'"salt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","v":1}'
    )
    tombstone = read_tombstone(RAW)
    assert tombstone == Tombstone(SALT, ((4, 6), (9, 9), (2**40, 2**40)))
    assert tombstone.count == 5


@given(st.sets(st.integers(0, 10**6), min_size=1), st.binary(min_size=32, max_size=32))
def test_every_set_there_and_back(indexes: set[int], salt: bytes) -> None:
    raw = write_tombstone(salt, indexes)
    tombstone = read_tombstone(raw)
    assert {one for first, last in tombstone.spans for one in range(first, last + 1)} == indexes
    assert tombstone.count == len(indexes)
    assert encode(loads(raw, limit=len(raw))) == raw


@pytest.mark.parametrize(
    ("salt", "indexes"), [(bytes(31), [1]), (bytes(33), [1]), (SALT, []), (SALT, [-1])]
)
def test_a_tombstone_has_a_salt_and_an_entry(salt: bytes, indexes: list[int]) -> None:
    with pytest.raises(Malformed):
        write_tombstone(salt, indexes)


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (b"[4,6]", b"[6,4]"),
        (b"[4,6]", b"[4,8]"),  # touches the next
        (b"[4,6]", b"[9,9]"),
        (b"[4,6]", b"[4]"),
        (b"[4,6]", b"[4,6,6]"),
        (b"[4,6]", b"[4,true]"),
        (b"[4,6]", b'["4",6]'),
        (b"[4,6]", b"[-1,6]"),
        (b"[4,6]", b"4"),
        (b"[[4,6],[9,9],[1099511627776,1099511627776]]", b"[]"),
        (b"[[4,6],[9,9],[1099511627776,1099511627776]]", b"7"),
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":1,"w":1'),
        (b"AAEC", b"AAE"),
    ],
)
def test_no_other_document_is_a_tombstone(found: bytes, instead: bytes) -> None:
    assert found in RAW
    with pytest.raises(Malformed):
        read_tombstone(RAW.replace(found, instead))
