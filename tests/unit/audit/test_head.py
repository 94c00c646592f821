"""exchange.audit.head: heads that their log signed, and no others."""

import pytest

from exchange.audit.head import read_signed
from exchange.audit.note import (
    ED25519,
    Note,
    SigningKey,
    read_note,
    sign,
    verifying,
    write_note,
)
from exchange.errors import LogInvalid, Malformed
from tests.logs import LOG_KEY, WITNESS_KEY, Log, random_leaves

LOG = Log(random_leaves(5), witnesses=(WITNESS_KEY,))
KEYS = [verifying(LOG_KEY)]


def test_a_head_its_log_has_signed() -> None:
    head = read_signed(LOG.note(), KEYS)
    assert (head.checkpoint.size, head.checkpoint.root) == (5, LOG.root())
    assert head.raw == LOG.note()
    assert len(head.note.lines) == 2


def test_a_head_that_nobody_known_has_signed_is_refused() -> None:
    with pytest.raises(LogInvalid) as refused:
        read_signed(LOG.note(), [verifying(SigningKey(LOG_KEY.name, ED25519, b"\x09" * 32))])
    assert refused.value.what == "note-unsigned"


def test_a_head_of_another_log_than_its_key_is_refused() -> None:
    other = Log(LOG.leaves, origin="other.example/log")
    with pytest.raises(LogInvalid) as refused:
        read_signed(other.note(), KEYS)
    assert refused.value.what == "checkpoint-origin"


def test_a_note_that_is_no_checkpoint_is_refused() -> None:
    text = read_note(LOG.note()).text.replace(b"\n5\n", b"\n05\n")
    with pytest.raises(Malformed):
        read_signed(write_note(Note(text, (sign(text, LOG_KEY),))), KEYS)
