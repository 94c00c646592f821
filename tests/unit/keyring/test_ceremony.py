"""exchange.keyring.ceremony and .demo: making, announcing, replacing and revoking keys."""

import hashlib
from pathlib import Path

import pytest

from exchange import canonical
from exchange.errors import Held, Malformed
from exchange.keyid import identity_card
from exchange.keyring import ceremony, demo
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.directory import (
    KeyStatement,
    Method,
    Pin,
    Seen,
    accept,
    read_key_statement,
    read_pin,
    read_succession,
)
from exchange.keyring.signing import IdentityKey
from exchange.members import read_time
from exchange.statement import Kind, verify

NOW = 1_790_000_000
DAY = 86_400
OURS = IdentityKey("agency-a", b"\x01" * 32, b"\x02" * 32)
NEXT = IdentityKey("agency-a", b"\x21" * 32, b"\x22" * 32)
KEY = DocumentKey(b"\x03" * 32).recipient
OTHER = DocumentKey(b"\x13" * 32).recipient
PIN = Pin("agency-a", OURS.kid, read_time("2026-11-22T09:00:00Z"), Method.MEETING, ("a", "b"))
DIRECTORY = Path(__file__).parents[3] / "keys" / "demo" / "directory.json"


def read(data: bytes, *keys: IdentityKey, now: int = NOW) -> KeyStatement:
    """Verify and read a key statement."""
    known = {key.kid: key.card for key in keys or (OURS,)}
    return read_key_statement(verify(data, {Kind.KEY_STATEMENT}, known, now=now))


def test_two_new_keys_are_never_the_same() -> None:
    assert ceremony.new_identity("agency-a").kid != ceremony.new_identity("agency-a").kid
    first, second = ceremony.new_document_key(), ceremony.new_document_key()
    assert first.fingerprint != second.fingerprint


def test_the_first_statement_begins_the_chain() -> None:
    found = read(ceremony.announce(OURS, KEY, previous=None, now=NOW))
    assert (found.agency, found.kid, found.seq, found.previous) == ("agency-a", OURS.kid, 1, None)
    assert (found.nbf, found.exp) == (NOW, NOW + 35 * DAY)
    assert (found.document, found.revoked) == (KEY.text, frozenset())


def test_a_revocation_is_repeated_in_every_later_statement() -> None:
    first = read(ceremony.announce(OURS, KEY, previous=None, now=NOW))
    lost = frozenset({KEY.fingerprint})
    second = read(ceremony.announce(OURS, OTHER, previous=first, now=NOW, revoked=lost))
    third = read(ceremony.announce(OURS, OTHER, previous=second, now=NOW))
    assert (second.seq, second.previous, second.revoked) == (2, first.digest, lost)
    assert (third.seq, third.previous, third.revoked) == (3, second.digest, lost)


def test_a_revoked_key_is_never_announced_again() -> None:
    first = read(ceremony.announce(OURS, KEY, previous=None, now=NOW))
    with pytest.raises(Malformed):
        ceremony.announce(OURS, KEY, previous=first, now=NOW, revoked=frozenset({KEY.fingerprint}))


def test_the_chain_of_another_agency_is_not_continued() -> None:
    other = IdentityKey("agency-b", b"\x01" * 32, b"\x02" * 32)
    first = read(ceremony.announce(OURS, KEY, previous=None, now=NOW))
    with pytest.raises(Malformed):
        ceremony.announce(other, KEY, previous=first, now=NOW)


def test_a_succession_is_signed_by_both_pairs_and_lasts_90_days() -> None:
    data = ceremony.succeed(OURS, NEXT, now=NOW)
    verified = verify(data, {Kind.KEY_SUCCESSION}, {OURS.kid: OURS.card}, now=NOW)
    found = read_succession(verified)
    assert (found.old, found.new, found.until) == (OURS.kid, NEXT.card, NOW + 90 * DAY)


def test_a_succession_leads_to_another_key_of_the_same_agency() -> None:
    other = IdentityKey("agency-b", b"\x21" * 32, b"\x22" * 32)
    for new in (OURS, other):
        with pytest.raises(Malformed):
            ceremony.succeed(OURS, new, now=NOW)


def test_the_chain_goes_on_under_the_new_identity() -> None:
    first = read(ceremony.announce(OURS, KEY, previous=None, now=NOW))
    second = read(ceremony.announce(NEXT, KEY, previous=first, now=NOW), NEXT)
    assert (second.seq, second.previous, second.kid) == (2, first.digest, NEXT.kid)


def test_forty_weeks_of_re_issue_and_rotation_are_accepted_one_after_the_other() -> None:
    newest: KeyStatement | None = None
    seen: Seen | None = None
    for week in range(40):
        now = NOW + week * 7 * DAY
        document = DocumentKey(bytes([week // 4]) * 32).recipient
        data = ceremony.announce(OURS, document, previous=newest, now=now)
        found = accept(PIN, OURS.card, data, seen=seen, now=now, verify_receipt=lambda _: "entry 3")
        assert found.recipient == document
        if newest is not None:
            with pytest.raises(Held, match="key-rollback"):
                accept(
                    PIN,
                    OURS.card,
                    newest.statement,
                    seen=found.seen,
                    now=now,
                    verify_receipt=lambda _: "entry 3",
                )
        newest, seen = found.statement, found.seen
    assert seen is not None
    assert seen.seq == 40


# The demo network


def test_demo_seeds_are_shake256_of_label_agency_and_kind() -> None:
    expected = hashlib.shake_256(b"xch-demo-only-v1\njobcentre-a\ned25519").digest(32)
    assert demo.demo_seed("jobcentre-a", "ed25519") == expected
    seeds = {demo.demo_seed("jobcentre-a", kind) for kind in ("ed25519", "ml-dsa-65", "document")}
    assert len(seeds) == 3


def test_demo_identities_are_told_from_real_ones() -> None:
    assert demo.is_demo(demo.demo_identity("jobcentre-a").card)
    assert not demo.is_demo(ceremony.new_identity("jobcentre-a").card)


def test_the_published_demo_directory_is_true() -> None:
    published = canonical.loads(DIRECTORY.read_bytes(), limit=100_000)
    assert list(published) == ["agencies"]
    assert published["agencies"]
    for entry in published["agencies"]:
        card, pin = identity_card(entry["card"]), read_pin(entry["pin"])
        assert demo.is_demo(card)
        assert (pin.agency, pin.kid) == (card.agency, card.kid)


def test_demo_document_keys_differ_by_agency() -> None:
    first, second = (ceremony.demo_document_key(agency) for agency in ("agency-a", "agency-b"))
    assert first.fingerprint != second.fingerprint
    assert first.fingerprint == ceremony.demo_document_key("agency-a").fingerprint
