"""exchange.audit.submission: every row of the protocol's table, and no spelling but one."""

from collections.abc import Callable

import pytest

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.merkle import EMPTY_ROOT, LONGEST_PATH, consistency_path
from exchange.audit.note import (
    ED25519,
    Note,
    SigningKey,
    read_note,
    sign,
    verifying,
    write_note,
)
from exchange.audit.submission import (
    MOST_BYTES,
    Acceptable,
    Reason,
    Refusal,
    Submission,
    assess,
    read_submission,
    write_submission,
)
from exchange.errors import Malformed, TooLarge
from tests.logs import LOG_KEY, ORIGIN, OTHER_WITNESS_KEY, WITNESS_KEY, Log, random_leaves

LOGS = {ORIGIN: (verifying(LOG_KEY),)}
LOG = Log(random_leaves(300))
FORK = Log(random_leaves(300, "fork"))
FOREIGN = SigningKey(ORIGIN, ED25519, b"\x09" * 32)
VECTOR = (
    "old 2\n"
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
    "\n"
    "hub.example/log\n3\nntDvnYlPbOU/FQBtrOry7B1Y+lvzVtGBvq5hfe3HFxA=\n\n"
    "— hub.example/log vRK/F4y6mf/0RJfhyVwWmLzj06VxdMZd2suXzOPb+9TJYTS27QqF9VsfVxfeWl9Y"
    "iW5PbzA9uPjMckccMDGIe2X1qgc=\n"
).encode()


def nothing(_origin: str) -> Checkpoint | None:
    return None


def holding(size: int, log: Log = LOG) -> Callable[[str], Checkpoint | None]:
    return lambda origin: Checkpoint(origin, size, log.root(size))


def offered(old: int, size: int, log: Log = LOG, proof: Log = LOG) -> Submission:
    path = consistency_path(proof.row, old, size) if 0 < old <= size else ()
    return Submission(old, path, log.note(size))


def test_a_request_is_written_and_read_as_the_protocol_has_it() -> None:
    read = read_submission(VECTOR)

    assert read == Submission(2, (b"\x01" * 32,), VECTOR.partition(b"\n\n")[2])
    assert write_submission(read) == VECTOR
    assert read_submission(b"old 0\n\nnote") == Submission(0, (), b"note")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"old 2\n",
        b"old\n\nnote",
        b"OLD 2\n\nnote",
        b"old 02\n\nnote",
        b"old +2\n\nnote",
        b"old -1\n\nnote",
        b"old 2 \n\nnote",
        b"old 9223372036854775808\n\nnote",
        "old ٢\n\nnote".encode(),
        b"old 2\nAQEB\n\nnote",
        b"old 2\n" + b"A" * 42 + b"F=\n\nnote",
        b"old 2\n" + b"A" * 43 + "\N{FULLWIDTH EQUALS SIGN}\n\nnote".encode(),
        b"old 2\n" + (b"A" * 43 + b"=\n") * (LONGEST_PATH + 1) + b"\nnote",
    ],
)
def test_another_form_of_a_request_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_submission(raw)


def test_a_request_has_a_largest_size() -> None:
    assert read_submission(b"old 0\n\n" + b"x" * (MOST_BYTES - 7)).old == 0
    with pytest.raises(TooLarge):
        read_submission(b"old 0\n\n" + b"x" * (MOST_BYTES - 6))


@pytest.mark.parametrize(("old", "size"), [(0, 0), (0, 1), (0, 300), (1, 1), (1, 2), (255, 300)])
def test_what_continues_is_acceptable(old: int, size: int) -> None:
    held = holding(old) if old else nothing

    judged = assess(offered(old, size), LOGS, held)

    assert isinstance(judged, Acceptable)
    assert judged.checkpoint == Checkpoint(ORIGIN, size, LOG.root(size))


def test_the_same_size_again_is_acceptable_with_an_empty_proof() -> None:
    assert isinstance(assess(Submission(7, (), LOG.note(7)), LOGS, holding(7)), Acceptable)


def test_only_lines_of_the_log_are_kept_of_a_note_with_sixteen() -> None:
    note = read_note(LOG.note(5))
    strangers = [
        SigningKey(f"witness.example/{number}", WITNESS_KEY.type, bytes([number + 10]) * 32)
        for number in range(15)
    ]
    crowded = Log(LOG.leaves, witnesses=strangers).note(5)
    assert len(read_note(crowded).lines) == 16

    judged = assess(Submission(0, (), crowded), LOGS, nothing)

    assert isinstance(judged, Acceptable)
    assert judged.note == note


@pytest.mark.parametrize("raw", [b"", b"no note", b"hub.example/log\n3\n\n\xe2\x80\x94 x AAAA\n"])
def test_what_is_no_checkpoint_is_malformed(raw: bytes) -> None:
    assert assess(Submission(0, (), raw), LOGS, nothing) == Refusal(Reason.MALFORMED)


def test_a_checkpoint_with_an_extension_line_is_malformed() -> None:
    text = read_note(LOG.note(3)).text + b"extension\n"
    extended = write_note(Note(text, (sign(text, LOG_KEY),)))

    assert assess(Submission(0, (), extended), LOGS, nothing) == Refusal(Reason.MALFORMED)


def test_a_log_that_is_not_watched_is_unknown_also_with_its_own_signature() -> None:
    other = Log(LOG.leaves, key=SigningKey("other.example/log", ED25519, b"\x08" * 32))
    note = Log(LOG.leaves, key=other.key, origin="other.example/log").note(3)

    assert assess(Submission(0, (), note), LOGS, nothing) == Refusal(Reason.UNKNOWN_LOG)


@pytest.mark.parametrize("key", [FOREIGN, SigningKey("other.example/log", ED25519, b"\x08" * 32)])
def test_a_head_without_a_signature_of_its_log_is_unsigned(key: SigningKey) -> None:
    note = Log(LOG.leaves, key=key).note(3)

    assert assess(Submission(0, (), note), LOGS, nothing) == Refusal(Reason.UNSIGNED)


def test_a_false_signature_beside_a_true_one_is_unsigned() -> None:
    note = read_note(LOG.note(3))
    false = sign(b"something else\n", LOG_KEY)
    both = write_note(Note(note.text, (*note.lines, false)))

    assert assess(Submission(0, (), both), LOGS, nothing) == Refusal(Reason.UNSIGNED)


def test_a_log_may_change_its_key_and_sign_with_either() -> None:
    both = {ORIGIN: (verifying(LOG_KEY), verifying(FOREIGN))}
    note = Log(LOG.leaves, key=FOREIGN).note(3)

    assert isinstance(assess(Submission(0, (), note), both, nothing), Acceptable)


def test_an_old_size_above_the_offered_one_is_malformed_whatever_is_held() -> None:
    submission = Submission(9, (), LOG.note(3))

    for held in (nothing, holding(9), holding(3)):
        judged = assess(submission, LOGS, held)
        assert isinstance(judged, Refusal)
        assert judged.reason is Reason.MALFORMED


@pytest.mark.parametrize(("old", "held"), [(0, 2), (1, 2), (3, 2), (1, 0)])
def test_another_size_than_is_held_is_stale_and_says_which(old: int, held: int) -> None:
    judged = assess(offered(old, 3), LOGS, holding(held) if held else nothing)

    assert judged == Refusal(Reason.STALE, ORIGIN, held)


def test_stale_is_answered_before_a_proof_is_looked_at() -> None:
    wrong = Submission(1, (b"\x00" * 32,), LOG.note(3))

    assert assess(wrong, LOGS, holding(2)) == Refusal(Reason.STALE, ORIGIN, 2)


@pytest.mark.parametrize(
    ("submission", "held"),
    [
        (Submission(0, (b"\x00" * 32,), LOG.note(3)), 0),
        (Submission(3, (), FORK.note(3)), 3),
        (Submission(3, (b"\x00" * 32,), LOG.note(3)), 3),
        (Submission(3, (), LOG.note(7)), 3),
        (offered(3, 7, log=FORK, proof=FORK), 3),
        (offered(3, 7, log=FORK), 3),
        (offered(255, 300, proof=FORK), 255),
    ],
)
def test_what_does_not_continue_is_inconsistent(submission: Submission, held: int) -> None:
    judged = assess(submission, LOGS, holding(held) if held else nothing)

    assert judged == Refusal(Reason.INCONSISTENT, ORIGIN, held)


def empty_log(root: str, key: SigningKey = LOG_KEY) -> bytes:
    text = f"{ORIGIN}\n0\n{root}\n".encode()
    return write_note(Note(text, (sign(text, key),)))


WRONG_ROOT = "ntDvnYlPbOU/FQBtrOry7B1Y+lvzVtGBvq5hfe3HFxA="


def test_an_empty_log_with_the_root_of_some_entries_is_evidence() -> None:
    submission = Submission(0, (), empty_log(WRONG_ROOT))

    assert assess(submission, LOGS, nothing) == Refusal(Reason.INCONSISTENT, ORIGIN, 0)
    unsigned = Submission(0, (), empty_log(WRONG_ROOT, FOREIGN))
    assert assess(unsigned, LOGS, nothing) == Refusal(Reason.UNSIGNED)
    assert assess(submission, LOGS, holding(2)) == Refusal(Reason.STALE, ORIGIN, 2)


@pytest.mark.parametrize("root", ["", "AAAA", WRONG_ROOT + "\n", WRONG_ROOT + "\nextension"])
def test_an_empty_log_with_what_is_no_root_is_malformed(root: str) -> None:
    judged = assess(Submission(0, (), empty_log(root)), LOGS, nothing)

    assert judged == Refusal(Reason.MALFORMED)


def test_an_empty_log_is_acceptable() -> None:
    judged = assess(Submission(0, (), Log([]).note(0)), LOGS, nothing)

    assert isinstance(judged, Acceptable)
    assert judged.checkpoint.root == EMPTY_ROOT


def test_a_cosignature_does_not_stand_for_the_log() -> None:
    text = read_note(LOG.note(3)).text
    cosigned = Log(LOG.leaves, witnesses=(WITNESS_KEY, OTHER_WITNESS_KEY)).note(3)
    lines = read_note(cosigned).lines[1:]

    judged = assess(Submission(0, (), write_note(Note(text, lines))), LOGS, nothing)

    assert judged == Refusal(Reason.UNSIGNED)
