"""A leaf without its key tells nothing: not to statistics, not to who knows the very event."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from exchange.audit import event, leaf
from exchange.canonical import b64u

CHAINS = 60
EVENTS = 40
"""Of each chain: as many leaves as make deviations of chance small."""
AT = datetime(2026, 3, 3, 10, tzinfo=UTC)


def key(*seed: object) -> bytes:
    """Return a key made from `seed`, the same in every run: chance must not fail a test."""
    return hashlib.sha256(repr(seed).encode()).digest()


def bodies(chain: int) -> list[bytes]:
    """Return the events of one consent, as guessable as can be: one agency, one kind, in order."""
    return [
        event.encode_event(
            event.disclosure_collected(
                at=AT + timedelta(seconds=number), by="jobcentre-a", manifest=b64u(bytes(32))
            ),
            rid=str(UUID(bytes=key("rid", chain, number)[:16], version=4)),
            detail=None,
        )
        for number in range(EVENTS)
    ]


def leaves(chain: int) -> list[bytes]:
    made = enumerate(bodies(chain))
    return [leaf.event_leaf(key("chain", chain), n, body) for n, body in made]


def distance(one: bytes, other: bytes) -> int:
    """Return in how many bits the secret parts of two leaves differ."""
    return (int.from_bytes(one[1:], "big") ^ int.from_bytes(other[1:], "big")).bit_count()


def test_every_bit_is_as_often_set_as_not_and_no_label_comes_twice() -> None:
    every = [one for chain in range(CHAINS) for one in leaves(chain)]
    assert {(len(one), one[0]) for one in every} == {(leaf.LEAF_SIZE, 1)}
    assert len({one[1:17] for one in every}) == len(every)
    bits = [
        sum(one[1 + at // 8] >> at % 8 & 1 for one in every)
        for at in range(8 * (leaf.LEAF_SIZE - 1))
    ]
    # 2,400 throws: the deviation is 24.5; five of them is less than one in a million per bit.
    assert all(abs(count - len(every) / 2) < 5 * (len(every) / 4) ** 0.5 for count in bits)


def test_leaves_of_one_consent_are_no_nearer_to_each_other_than_to_anothers() -> None:
    mine, others = leaves(0), leaves(1)
    within = [distance(one, other) for one, other in pairwise(mine)]
    across = [distance(one, other) for one, other in zip(mine, others, strict=True)]
    expected = 8 * (leaf.LEAF_SIZE - 1) / 2
    for found in (within, across):
        # 384 bits: the deviation is 9.8, of the mean of forty 1.6.
        assert abs(sum(found) / len(found) - expected) < 8
        assert all(abs(one - expected) < 60 for one in found)


def test_who_knows_the_very_event_and_not_the_key_cannot_confirm_it() -> None:
    known = bodies(0)[7]
    target = leaves(0)[7]
    label, committed = target[1:17], target[17:]
    # What else somebody could try who holds the public log and the event, byte for byte.
    unkeyed = [hashlib.sha256(known).digest(), hashlib.sha256(b"\x00" + known).digest()]
    for guessed in (b"", bytes(32), label, committed, *(key("wrong", one) for one in range(3000))):
        unkeyed.append(leaf.commitment(guessed, known))
        unkeyed.append(hmac.digest(guessed, known, "sha256"))
    for one in range(300):
        for n in range(EVENTS):
            guessed = key("wrong", one)
            assert leaf.label(guessed, n) != label
            assert leaf.event_leaf(guessed, n, known) != target
    assert committed not in unkeyed
    assert leaf.event_leaf(key("chain", 0), 7, known) == target  # with the key it is certain


def test_an_opening_of_one_entry_opens_no_other() -> None:
    salt, known = leaf.salt(key("chain", 0), 7), bodies(0)
    own = leaves(0)
    for n, (body, one) in enumerate(zip(known, own, strict=True)):
        assert (leaf.commitment(salt, body) == one[17:]) is (n == 7)
    assert salt not in b"".join(own)
