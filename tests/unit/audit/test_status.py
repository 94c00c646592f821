"""exchange.audit.status: the note that a consent had not ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exchange.audit import event
from exchange.audit.event import Event, encode_event
from exchange.audit.note import ED25519, Note, SigningKey, sign, verifying, write_note
from exchange.audit.opening import Opening, document_opening, event_opening
from exchange.audit.status import (
    Lie,
    Status,
    Withdrawal,
    lie_in,
    read_status,
    sign_status,
    withdrawal_of,
    write_status,
)
from exchange.errors import LogInvalid, Malformed

ORIGIN = "hub.example/log"
KEY = SigningKey(f"{ORIGIN}/status", ED25519, b"\x05" * 32)
CONSENT = "EkI-BILz6Byx0jIwZk6Vuz0RufNPBvwZnliNTNq25NQ"
ROOT = bytes.fromhex("9ed0ef9d894f6ce53f15006daceaf2ec1d58fa5bf356d181beae617dedc71710")
STATUS = Status(ORIGIN, CONSENT, 3, ROOT, 1795338007)
PUBLISHED = (
    b"hub.example/log/status\nactive\nEkI-BILz6Byx0jIwZk6Vuz0RufNPBvwZnliNTNq25NQ\n3\n"
    b"ntDvnYlPbOU/FQBtrOry7B1Y+lvzVtGBvq5hfe3HFxA=\n1795338007\n\n"
    b"\xe2\x80\x94 hub.example/log/status HTCKGVQ6on8ebnGCGtl3p9iCmVQXKHvsZK1ufQknHEjcrJonRlPqJP5z"
    b"Edsm4TBbi8+0E0n87ZdA3BlHYo2QlgRvgQY=\n"
)


def signed(text: bytes, key: SigningKey = KEY) -> bytes:
    return write_note(Note(text, (sign(text, key),)))


def test_the_published_vector_byte_for_byte() -> None:
    assert sign_status(STATUS, KEY) == PUBLISHED
    assert read_status(PUBLISHED, verifying(KEY)) == STATUS


def test_a_note_by_another_key_is_refused() -> None:
    other = SigningKey(KEY.name, ED25519, b"\x06" * 32)
    with pytest.raises(LogInvalid) as refused:
        read_status(sign_status(STATUS, other), verifying(KEY))
    assert refused.value.what == "note-unsigned"


def test_a_changed_note_is_refused() -> None:
    with pytest.raises(LogInvalid) as refused:
        read_status(PUBLISHED.replace(b"\n3\n", b"\n4\n"), verifying(KEY))
    assert refused.value.what == "note-signature"


def test_status_notes_have_a_key_of_their_own() -> None:
    with pytest.raises(Malformed, match="key of their own"):
        sign_status(STATUS, SigningKey(ORIGIN, ED25519, b"\x05" * 32))


@pytest.mark.parametrize("name", [ORIGIN, "other.example/log/status"])
def test_a_note_about_another_log_than_its_key_is_refused(name: str) -> None:
    key = SigningKey(name, ED25519, b"\x05" * 32)
    with pytest.raises(LogInvalid) as refused:
        read_status(signed(write_status(STATUS), key), verifying(key))
    assert refused.value.what == "status-origin"
    if name == ORIGIN:  # a text that agrees with its key, which is none for status notes
        text = write_status(STATUS).replace(b"/status", b"")
        with pytest.raises(LogInvalid) as refused:
            read_status(signed(text, key), verifying(key))
        assert refused.value.what == "status-origin"


TEXT = write_status(STATUS)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace(b"active", b"withdrawn"),
        TEXT.replace(b"active", b"Active"),
        TEXT + b"more\n",
        TEXT.replace(b"active\n", b""),
        TEXT.replace(b"\n3\n", b"\n03\n"),
        TEXT.replace(b"5NQ\n", b"5NR\n"),
        TEXT.replace(b"5NQ\n", b"5N\n"),
        TEXT.replace(b"1795338007", b"+1795338007"),
        TEXT.replace(b"1795338007", b"0"),
        TEXT.replace(b"xA=\n", b"xB=\n"),
    ],
)
def test_no_other_text_is_a_status(text: bytes) -> None:
    with pytest.raises(Malformed):
        read_status(signed(text), verifying(KEY))


def test_a_status_holds_what_can_be() -> None:
    for wrong in ({"size": -1}, {"size": 2**63}, {"root": bytes(31)}, {"at": 0}, {"at": 2**38}):
        with pytest.raises(Malformed):
            replace(STATUS, **wrong)


AT = datetime.fromtimestamp(STATUS.at, UTC)


def withdrawn(consent: str = CONSENT, at: datetime = AT) -> Opening:
    return opened(
        event.consent_withdrawn(
            at=at, by="women-b", consent=consent, statement=CONSENT, via="office"
        )
    )


def opened(one: Event) -> Opening:
    assert one.detail is None
    rid = "00000000-0000-4000-8000-000000000001"
    return event_opening(b"k" * 32, 0, encode_event(one, rid=rid, detail=None))


@pytest.mark.parametrize(
    ("index", "later", "lie"),
    [
        (2, 0, Lie.SIZE),
        (0, -3600, Lie.SIZE),
        (2, 3600, Lie.SIZE),
        (3, 2, Lie.TIME),
        (9, 3600, Lie.TIME),
        (3, 1, None),  # clocks of two machines of one hub
        (3, 0, None),
        (9, -3600, None),
    ],
)
def test_a_note_that_has_seen_the_withdrawal_is_a_lie(
    index: int, later: int, lie: Lie | None
) -> None:
    opening = withdrawn(at=AT - timedelta(seconds=later))
    assert lie_in(STATUS, withdrawal_of(ORIGIN, index, opening)) is lie


@pytest.mark.parametrize(
    "other",
    [
        withdrawal_of(ORIGIN, 0, withdrawn(consent="A" * 43)),
        withdrawal_of("other.example/log", 0, withdrawn()),
    ],
)
def test_the_withdrawal_of_something_else_convicts_nobody(other: Withdrawal) -> None:
    with pytest.raises(LogInvalid) as refused:
        lie_in(STATUS, other)
    assert refused.value.what == "status-other"


@pytest.mark.parametrize(
    "opening",
    [
        document_opening("policy", b"a policy"),
        opened(event.consent_recorded(at=AT, by="women-b", agreement=CONSENT, consent=CONSENT)),
    ],
)
def test_what_is_no_withdrawal_is_none(opening: Opening) -> None:
    with pytest.raises(LogInvalid) as refused:
        withdrawal_of(ORIGIN, 0, opening)
    assert refused.value.what == "status-other"
