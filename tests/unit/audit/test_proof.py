"""exchange.audit.proof: the published receipt, and every byte of it that matters."""

from dataclasses import replace

import pytest

from exchange.audit import merkle
from exchange.audit.note import MOST_LINES, Line, Note, read_note, verifying, write_note
from exchange.audit.opening import (
    document_opening,
    event_opening,
    leaf_of,
    write_opening,
    write_unopened,
)
from exchange.audit.policy import Log, Policy, Witness
from exchange.audit.proof import (
    LARGEST_RECEIPT,
    Proven,
    Receipt,
    place,
    prove,
    read_receipt,
    write_receipt,
)
from exchange.audit.spelling import write_base64
from exchange.errors import LogInvalid, Malformed
from tests import logs
from tests.unit.audit.test_leaf import EVENT_A, EVENT_B, KEY

DOCUMENT = document_opening("key-statement/jobcentre-a", b'{"kind":"key statement"}')
OPENED = [DOCUMENT, event_opening(KEY, 0, EVENT_A), event_opening(KEY, 1, EVENT_B)]
LOG = logs.Log([leaf_of(one) for one in OPENED], witnesses=(logs.WITNESS_KEY,))
POLICY = Policy(
    (Log(verifying(logs.LOG_KEY)),), (Witness("a", verifying(logs.WITNESS_KEY)),), quorum="a"
)
SIBLINGS = (
    "79fc0e3b1237cf5a22c9c4ff0e944b4aaefb3e79387abb9d16b6b85d955242d8",
    "8346146a06c62aef16ef7c922ffa730c9eaaeb790a21eceaea4dccc88c8d47d7",
)
"""Published hashes of entries 0 and 2."""
RECEIPT = Receipt(write_opening(OPENED[1]), 1, LOG.path(1), LOG.note())
RAW = write_receipt(RECEIPT)


def test_the_published_receipt() -> None:
    assert (len(RAW.decode()), len(RAW)) == (809, 813)  # characters and bytes
    lines = RAW.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[2:6] == ["index 1", *(write_base64(bytes.fromhex(one)) for one in SIBLINGS), ""]
    assert read_receipt(RAW) == RECEIPT


def test_what_a_receipt_proves() -> None:
    proven = prove(read_receipt(RAW), POLICY)
    assert (proven.index, proven.leaf, proven.opening) == (1, LOG.leaves[1], OPENED[1])
    assert proven.head.checkpoint.size == 3
    assert proven.head.quorum
    assert proven.head.cosigned == {"a": logs.AT}


def test_every_entry_of_a_log_has_a_receipt_at_every_size() -> None:
    opened = [event_opening(KEY, n, EVENT_A) for n in range(20)]
    log = logs.Log([leaf_of(one) for one in opened])
    policy = Policy((Log(verifying(logs.LOG_KEY)),))
    for size in range(1, 21):
        for index in range(size):
            raw = write_receipt(
                Receipt(write_opening(opened[index]), index, log.path(index, size), log.note(size))
            )
            assert prove(read_receipt(raw), policy).leaf == log.leaves[index]


def test_a_receipt_of_the_only_entry_has_no_hashes() -> None:
    log = logs.Log(LOG.leaves[:1], witnesses=(logs.WITNESS_KEY,))
    raw = write_receipt(Receipt(write_opening(DOCUMENT), 0, (), log.note()))
    assert raw.startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    assert prove(read_receipt(raw), POLICY).opening == DOCUMENT


def refusal(receipt: Receipt) -> str:
    with pytest.raises(LogInvalid) as refused:
        prove(receipt, POLICY)
    return refused.value.what


def test_a_receipt_of_another_leaf_is_refused() -> None:
    other = write_opening(event_opening(KEY, 1, EVENT_A))
    assert refusal(replace(RECEIPT, opening=other)) == "inclusion"
    assert refusal(replace(RECEIPT, opening=write_opening(OPENED[2]))) == "inclusion"


def test_a_receipt_at_another_index_or_path_is_refused() -> None:
    for index in (0, 2, 3, 2**63 - 1):
        assert refusal(replace(RECEIPT, index=index)) == "inclusion"
    assert refusal(replace(RECEIPT, path=RECEIPT.path[::-1])) == "inclusion"
    assert refusal(replace(RECEIPT, path=RECEIPT.path[:1])) == "inclusion"


def test_a_receipt_under_another_head_is_refused() -> None:
    other = logs.Log([*LOG.leaves[:2], LOG.leaves[0]], witnesses=(logs.WITNESS_KEY,))
    assert refusal(replace(RECEIPT, note=other.note())) == "inclusion"
    assert refusal(replace(RECEIPT, note=LOG.note(2))) == "inclusion"
    text = read_note(LOG.note()).text
    stranger = Line(logs.ORIGIN, bytes(4), b"signature")
    assert refusal(replace(RECEIPT, note=write_note(Note(text, (stranger,))))) == "note-unsigned"


@pytest.mark.parametrize("at", range(0, len(RAW), 3))
def test_one_bit_changed_anywhere_is_refused_or_costs_the_quorum(at: int) -> None:
    changed = bytearray(RAW)
    changed[at] ^= 1
    try:
        proven = prove(read_receipt(bytes(changed)), POLICY)
    except (Malformed, LogInvalid):
        return
    assert RAW.index(b"witness.example") <= at < RAW.rindex(b" ") + 8  # whose line it is
    assert not proven.head.quorum


HASH = write_base64(RECEIPT.path[0]).encode() + b"\n"
OTHER_HASH = write_base64(RECEIPT.path[1]).encode() + b"\n"
HEAD, NOTE = RAW.split(b"\n\n", 1)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        HEAD,
        HEAD + b"\n",
        RAW.replace(b"@v1", b"@v2"),
        b"\n" + RAW,
        RAW.replace(b"extra ", b"more "),
        RAW.replace(b"extra ", b"extra"),
        RAW.replace(b"extra ", b""),
        RAW.replace(b"index ", b""),
        RAW.replace(b"index 1", b"index 01"),
        RAW.replace(b"index 1", b"index  1"),
        RAW.replace(b"index 1", b"Index 1"),
        RAW.replace(b"index 1\n", b""),
        RAW.replace(b"index 1\n", b"index 1\nunknown line\n"),
        RAW.replace(HASH, HASH[:-3] + bytes([HASH[-3] + 1]) + b"=\n"),
        RAW.replace(HASH, HASH + b" \n"),
        RAW.replace(HASH, b"efwO\n" + HASH),
        RAW.replace(HASH, HASH * 62 + HASH),  # 63 and one more
        RAW.replace(b"index", b"ind\xc3\xa9x"),
        b"c2sp.org/tlog-proof@v1\n\n" + NOTE,
        HEAD.split(b"\nindex")[0] + b"\n\n" + NOTE,
        RAW + b" " * LARGEST_RECEIPT,
    ],
)
def test_no_other_bytes_are_a_receipt(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_receipt(raw)


def test_a_path_has_at_most_63_hashes_of_32_bytes() -> None:
    hashes = (bytes(32),) * merkle.LONGEST_PATH
    assert read_receipt(write_receipt(replace(RECEIPT, path=hashes))).path == hashes
    with pytest.raises(Malformed):
        replace(RECEIPT, path=(*hashes, bytes(32)))
    with pytest.raises(Malformed):
        replace(RECEIPT, path=(bytes(31),))
    for index in (-1, 2**63):
        with pytest.raises(Malformed):
            replace(RECEIPT, index=index)


def test_a_receipt_that_nobody_would_accept_is_not_written() -> None:
    with pytest.raises(Malformed, match="too large"):
        write_receipt(replace(RECEIPT, note=bytes(LARGEST_RECEIPT)))


def test_a_receipt_whose_opening_is_none_is_refused() -> None:
    with pytest.raises(Malformed):
        prove(replace(RECEIPT, opening=b"\x07"), POLICY)


def test_sixteen_more_lines_disturb_no_receipt() -> None:
    note = read_note(RECEIPT.note)
    more = tuple(Line(f"w{n}", bytes(4), b"x") for n in range(MOST_LINES - 2))
    receipt = replace(RECEIPT, note=write_note(Note(note.text, (*more, *note.lines))))
    assert prove(read_receipt(write_receipt(receipt)), POLICY).head.quorum


def unopened(entry: bytes) -> Receipt:
    """Return the receipt with something else in the place of its opening."""
    return read_receipt(write_receipt(replace(RECEIPT, opening=write_unopened(entry))))


def test_a_proof_without_opening_proves_the_place_and_nothing_of_what_is_said() -> None:
    proven = prove(RECEIPT, POLICY)
    found = place(unopened(proven.leaf), POLICY)

    assert (found.index, found.leaf, found.head) == (proven.index, proven.leaf, proven.head)
    assert not isinstance(found, Proven)
    assert place(RECEIPT, POLICY) == proven
    with pytest.raises(Malformed):  # whoever asks what an entry says has no receipt
        prove(unopened(proven.leaf), POLICY)


def test_a_proof_without_opening_is_of_its_own_entry_alone() -> None:
    entry = prove(RECEIPT, POLICY).leaf
    for other in (entry[:-1] + bytes([entry[-1] ^ 1]), bytes([3 - entry[0]]) + entry[1:]):
        with pytest.raises(LogInvalid):
            place(unopened(other), POLICY)
    for none in (b"", entry[:-1], entry + b"\0", b"\7" + entry[1:]):
        with pytest.raises(Malformed):
            place(unopened(none), POLICY)
