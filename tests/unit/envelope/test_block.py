"""exchange.envelope.block"""

import pytest

from exchange.canonical import Json
from exchange.envelope.block import open_block, seal_block
from exchange.errors import Malformed, NoMatch, TooLarge, Unreadable
from exchange.keyring.decryption import DocumentKey
from tests.envelopes import KEY, OTHER_KEY, pushed

FACTS: dict[str, Json] = {"consent": "x", "ref": "y", "subject": {"name": "N. Ä."}}


def test_every_party_opens_the_same_block() -> None:
    sealed = seal_block(FACTS, [KEY.recipient, OTHER_KEY.recipient])
    assert open_block(sealed, KEY) == FACTS
    assert open_block(sealed, OTHER_KEY) == FACTS
    with pytest.raises(NoMatch):
        open_block(sealed, DocumentKey.generate())


@pytest.mark.parametrize(("size", "step"), [(0, 1), (1000, 1), (1016, 1), (1017, 2)])
def test_its_length_tells_a_multiple_of_1024_only(size: int, step: int) -> None:
    sealed = seal_block({"a": "x" * size}, [KEY.recipient])
    assert len(sealed) == 1627 + 16 + step * 1024 + 16


def test_a_key_named_twice_is_sealed_to_once() -> None:
    assert len(seal_block(FACTS, [KEY.recipient] * 40)) == len(seal_block(FACTS, [KEY.recipient]))


def test_nobody_or_too_many_are_refused() -> None:
    with pytest.raises(Malformed):
        seal_block(FACTS, [])
    many = [DocumentKey(bytes([number]) * 32).recipient for number in range(33)]
    with pytest.raises(Malformed):
        seal_block(FACTS, many)
    assert open_block(seal_block(FACTS, many[:32]), DocumentKey(bytes(32))) == FACTS


def test_a_block_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooLarge):
        seal_block({"a": "x" * 32_768}, [KEY.recipient])
    with pytest.raises(Unreadable):
        open_block(pushed(b'{"a":1}'.ljust(33 * 1024)), KEY)


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]".ljust(1024), b"{".ljust(1024), b'{"a":1,"a":2}'.ljust(1024), bytes(1024)],
)
def test_something_else_in_a_block_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        open_block(pushed(text), KEY)


def test_a_damaged_or_cut_block_is_refused() -> None:
    sealed = seal_block(FACTS, [KEY.recipient])
    for damaged in (sealed[:-1], sealed[:-1] + b"\0", sealed + b"\0", b""):
        with pytest.raises(Unreadable):
            open_block(damaged, KEY)
