"""exchange.agency.rekey: an agency's keys over time, on a simulated calendar."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exchange.agency.keyfiles import KeyFiles
from exchange.agency.rekey import Ring
from exchange.errors import Conflict, Malformed, Misconfigured
from exchange.keyring import ceremony
from exchange.keyring.directory import Seen, accept, read_pin
from exchange.keyring.recipient import DocumentRecipient
from exchange.statement import Kind, verify

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    """Return a new agency's ring, before anything is announced."""
    files = KeyFiles(tmp_path / "keys")
    files.create()
    files.write_identity(ceremony.new_identity("agency-a"))
    return Ring(files, tmp_path / "statements")


def test_nothing_is_announced_at_first(ring: Ring) -> None:
    assert ring.newest() is None
    assert ring.due(now=START)
    with pytest.raises(Misconfigured):
        ring.current()
    with pytest.raises(Misconfigured):
        ring.revoke("x" * 43, now=START)


def test_the_first_announcement_makes_the_first_document_key(ring: Ring) -> None:
    stated = ring.announce(now=START)
    assert (stated.seq, stated.previous) == (1, None)
    assert ring.current().key.recipient.text == stated.document
    assert [held.seq for held in ring.files.documents()] == [1]
    assert ring.newest() == stated


def test_a_statement_is_kept_in_the_bytes_that_were_signed(ring: Ring) -> None:
    stated = ring.announce(now=START)
    path = ring.statements / "key-statement-1.jws"
    assert path.read_bytes() == stated.statement
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_statement_is_issued_again_after_a_week_with_the_same_key(ring: Ring) -> None:
    first = ring.announce(now=START)
    assert not ring.due(now=START + 7 * DAY - timedelta(seconds=1))
    assert ring.due(now=START + 7 * DAY)
    second = ring.announce(now=START + 7 * DAY)
    assert (second.seq, second.previous, second.document) == (2, first.digest, first.document)
    assert not ring.due(now=START + 7 * DAY)


def test_other_files_beside_the_statements_do_not_matter(ring: Ring) -> None:
    first = ring.announce(now=START)
    for name in ("key-statement-x.jws", ".key-statement-9.jws.partial", "notes.txt"):
        (ring.statements / name).write_text("x")
    assert ring.newest() == first


def test_a_damaged_statement_stops_everything(ring: Ring) -> None:
    ring.announce(now=START)
    path = ring.statements / "key-statement-1.jws"
    path.write_bytes(path.read_bytes().replace(b"A", b"B", 1))
    with pytest.raises(Misconfigured, match=r"key-statement-1\.jws is damaged"):
        ring.newest()


def test_a_rotation_on_the_calendar(ring: Ring) -> None:
    first = ring.announce(now=START)
    assert not ring.rotation_due(now=START + 30 * DAY - timedelta(seconds=1))
    assert ring.rotation_due(now=START + 30 * DAY)
    before = ring.current()
    enc, body = before.key.recipient.encapsulate(bytes(16))  # one second before the change
    changed = START + 30 * DAY
    second = ring.rotate(now=changed)
    assert (second.seq, second.previous) == (2, first.digest)
    assert second.document != first.document
    assert not ring.rotation_due(now=changed)

    # Day 14: the old key still opens what was under way.
    assert ring.retirable(now=changed + 14 * DAY) == ()
    kept = {held.key.fingerprint: held.key for held in ring.files.documents()}
    assert kept[before.key.fingerprint].open(enc, body) == bytes(16)
    with pytest.raises(Conflict):
        ring.retire(before, now=changed + 14 * DAY)

    # Day 15: its time is over, and on day 16 nobody can open anything any more.
    (due,) = ring.retirable(now=changed + 15 * DAY)
    assert due.key.fingerprint == before.key.fingerprint
    ring.retire(due, now=changed + 15 * DAY)
    left = [held.key.fingerprint for held in ring.files.documents()]
    assert left == [ring.current().key.fingerprint]


def test_each_replaced_key_is_retired_after_its_own_successor(ring: Ring) -> None:
    ring.announce(now=START)
    ring.rotate(now=START + 30 * DAY)
    ring.rotate(now=START + 40 * DAY)
    due = ring.retirable(now=START + 46 * DAY)
    assert [held.seq for held in due] == [1]
    due = ring.retirable(now=START + 55 * DAY)
    assert [held.seq for held in due] == [1, 2]


def test_a_key_that_a_crash_left_unannounced_is_announced_by_the_next_rotation(ring: Ring) -> None:
    ring.announce(now=START)
    orphan = ceremony.new_document_key()
    ring.files.write_document(2, orphan, now=START)
    assert ring.rotate(now=START + DAY).document == orphan.recipient.text


def test_the_key_in_use_is_revoked_and_replaced_in_one_statement(ring: Ring) -> None:
    first = ring.announce(now=START)
    stolen = ring.current().key.fingerprint
    second = ring.revoke(stolen, now=START + DAY)
    assert second.revoked == {stolen}
    assert second.document != first.document
    assert ring.current().key.fingerprint != stolen
    # A thief has it; nothing is gained by keeping it.
    (due,) = ring.retirable(now=START + DAY)
    assert due.key.fingerprint == stolen


def test_an_older_key_is_revoked_and_the_present_one_stays(ring: Ring) -> None:
    ring.announce(now=START)
    older = ring.current().key.fingerprint
    second = ring.rotate(now=START + DAY)
    third = ring.revoke(older, now=START + 2 * DAY)
    assert third.revoked == {older}
    assert third.document == second.document


def test_a_lost_key_is_revoked_without_its_file(ring: Ring) -> None:
    first = ring.announce(now=START)
    ring.files.documents()[0].path.unlink()
    with pytest.raises(Misconfigured, match="exchange keys rotate"):
        ring.current()
    lost = DocumentRecipient.parse(first.document).fingerprint
    second = ring.revoke(lost, now=START + DAY)
    assert second.seq == 2
    assert second.revoked == {lost}
    assert ring.current().seq == 2


def test_what_partners_would_refuse_is_not_kept(ring: Ring) -> None:
    first = ring.announce(now=START)
    with pytest.raises(Malformed):
        ring.revoke("not a fingerprint", now=START)
    assert ring.newest() == first


def test_partners_accept_the_whole_life_of_an_agency(ring: Ring) -> None:
    card = ring.files.card()
    pin = read_pin(
        {
            "agency": "agency-a",
            "kid": card.kid,
            "since": "2026-11-22T09:00:00Z",
            "method": "annex",
            "confirmed_by": ["head of office", "privacy officer"],
        }
    )
    seen: Seen | None = None
    for week in range(12):
        now = START + week * 7 * DAY
        if week and ring.rotation_due(now=now):
            stated = ring.rotate(now=now)
        else:
            stated = ring.announce(now=now)
        seen = accept(
            pin, card, stated.statement, seen=seen, now=now, verify_receipt=lambda _: "entry 3"
        ).seen
        for held in ring.retirable(now=now):
            ring.retire(held, now=now)
        assert 1 <= len(ring.files.documents()) <= 2


# Successions


def test_a_succession_is_signed_once_and_resumed(ring: Ring) -> None:
    ring.announce(now=START)
    old = ring.files.card()
    signed = ring.succeed(now=START + DAY)
    assert ring.succeed(now=START + 2 * DAY) == signed
    assert verify(signed, {Kind.KEY_SUCCESSION}, {old.kid: old}, now=START + DAY).kid == old.kid
    assert ring.files.card() == old


def test_the_new_identity_goes_on_with_the_chain_of_statements(ring: Ring) -> None:
    first = ring.announce(now=START)
    ring.succeed(now=START + DAY)
    second = ring.install(now=START + DAY)
    assert (second.seq, second.previous, second.document) == (2, first.digest, first.document)
    assert second.kid == ring.files.card().kid != first.kid
    assert ring.install(now=START + 2 * DAY) == second
    ring.conclude()
    assert not ring.files.is_succeeding()
    assert ring.newest() == second


def test_after_an_interrupted_succession_a_statement_by_the_new_pair_is_due(ring: Ring) -> None:
    ring.announce(now=START)
    ring.succeed(now=START)
    ring.files.install_next()
    assert ring.due(now=START)
    assert ring.announce(now=START).kid == ring.files.card().kid
    assert not ring.due(now=START)


def test_a_statement_that_never_arrived_gives_its_number_back(ring: Ring) -> None:
    first = ring.announce(now=START)
    second = ring.announce(now=START + 7 * DAY)
    ring.forget(second)
    again = ring.announce(now=START + 60 * DAY)
    assert (again.seq, again.previous) == (2, first.digest)
