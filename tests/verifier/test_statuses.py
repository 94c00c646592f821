"""A status note against the receipt of a withdrawal: the hub's own words convict it, offline."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange.audit import event
from exchange.audit.event import Event, encode_event
from exchange.audit.note import ED25519, SigningKey
from exchange.audit.opening import event_opening, leaf_of, write_opening
from exchange.audit.proof import Receipt, write_receipt
from exchange.audit.status import Status, sign_status
from exchange.canonical import digest
from exchange.cli.main import main
from tests.logs import LOG_KEY, ORIGIN, WITNESS_KEY, Log, put, random_leaves, vkey

STATUS_KEY = SigningKey(f"{ORIGIN}/status", ED25519, b"\x05" * 32)
CONSENT = digest(b"a consent")
AT = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
INDEX = 3


@pytest.fixture
def believed(tmp_path: Path) -> Path:
    keys = "".join(f"log {vkey(key)}\n" for key in (LOG_KEY, STATUS_KEY))
    return kept(tmp_path, "log-policy", f"{keys}quorum none\n".encode())


def kept(folder: Path, name: str, content: bytes) -> Path:
    put(folder, name, content)
    return folder / name


def receipt(folder: Path, one: Event) -> Path:
    """Write the receipt of an event that is entry `INDEX`."""
    rid = "00000000-0000-4000-8000-000000000001"
    opening = event_opening(b"k" * 32, 0, encode_event(one, rid=rid, detail=None))
    leaves = [*random_leaves(INDEX), leaf_of(opening), *random_leaves(2)]
    log = Log(leaves, witnesses=(WITNESS_KEY,))
    raw = write_receipt(Receipt(write_opening(opening), INDEX, log.path(INDEX), log.note()))
    return kept(folder, "withdrawal.tlog-proof", raw)


def withdrawal(folder: Path, consent: str = CONSENT) -> Path:
    withdrawn = event.consent_withdrawn(
        at=AT, by="women-b", consent=consent, statement=digest(b"a withdrawal"), via="office"
    )
    return receipt(folder, withdrawn)


def note(folder: Path, *, size: int = INDEX, later: int = 0, key: SigningKey = STATUS_KEY) -> Path:
    at = int((AT + timedelta(seconds=later)).timestamp())
    return kept(folder, "said.note", sign_status(Status(ORIGIN, CONSENT, size, b"r" * 32, at), key))


@pytest.mark.parametrize(
    ("shown", "ended", "said"),
    [
        ({"size": INDEX + 1}, 1, "the hub has lied: said.note calls the consent active"),
        (
            {"later": 2},
            1,
            "in a log of 3 entries; its withdrawal is entry 3, of 2026-03-03T10:00:00Z",
        ),
        ({"later": 1}, 0, "active at 2026-03-03 10:00:01 UTC"),
    ],
)
def test_a_lie_is_named_and_ends_with_1(
    shown: dict[str, Any],
    ended: int,
    said: str,
    tmp_path: Path,
    believed: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["log", "verify", "--policy", believed, "--receipt", withdrawal(tmp_path)]

    assert main([*map(str, words), "--status", str(note(tmp_path, **shown))]) == ended

    told = capsys.readouterr().out
    assert said in told
    assert ("NOT GOOD: status" in told) is (ended == 1)


@pytest.mark.parametrize(
    ("wrong", "ended", "said"),
    [
        ("consent", 2, "no receipt here is of its consent's withdrawal"),
        ("kind", 2, "no receipt here is of its consent's withdrawal"),
        ("key", 1, "said.note proves nothing"),
        ("policy", 2, "no key of status notes is known"),
    ],
)
def test_what_cannot_be_held_together_convicts_nobody(
    wrong: str,
    ended: int,
    said: str,
    tmp_path: Path,
    believed: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    held = withdrawal(tmp_path, digest(b"another") if wrong == "consent" else CONSENT)
    if wrong == "kind":
        agreement = digest(b"an agreement")
        recorded = event.consent_recorded(at=AT, by="women-b", agreement=agreement, consent=CONSENT)
        held = receipt(tmp_path, recorded)
    foreign = SigningKey(STATUS_KEY.name, ED25519, b"\x66" * 32)
    shown = note(tmp_path, size=INDEX + 1, key=foreign if wrong == "key" else STATUS_KEY)
    trust = ["--log", vkey(LOG_KEY)] if wrong == "policy" else ["--policy", str(believed)]

    words = ["log", "verify", *trust, "--receipt", str(held), "--status", str(shown)]
    assert main(words) == ended

    told = capsys.readouterr().out
    assert said in told
    assert "the hub has lied" not in told
