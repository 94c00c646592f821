"""exchange.keyring.directory: when a key statement counts, check by check."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exchange.canonical import b64u, encode
from exchange.errors import Held, Malformed
from exchange.keyring import ceremony
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.directory import (
    Accepted,
    KeyStatement,
    Method,
    Pin,
    Seen,
    accept,
    read_key_statement,
    read_pin,
    read_succession,
)
from exchange.keyring.recipient import DocumentRecipient
from exchange.keyring.signing import IdentityKey
from exchange.statement import Kind, Verified, sign, verify

NOW = 1_790_000_000
DAY = 86_400
OURS = IdentityKey("agency-a", b"\x01" * 32, b"\x02" * 32)
EVIL = IdentityKey("agency-a", b"\x11" * 32, b"\x12" * 32)
NEXT = IdentityKey("agency-a", b"\x21" * 32, b"\x22" * 32)
KEY = DocumentKey(b"\x03" * 32).recipient
OTHER = DocumentKey(b"\x13" * 32).recipient
PIN = Pin(
    "agency-a",
    OURS.kid,
    datetime(2026, 11, 22, 9, tzinfo=UTC),
    Method.ANNEX,
    ("head of office", "privacy officer"),
)
DIGEST = b64u(b"\x05" * 32)


def payload(**changed: Any) -> dict[str, Any]:
    """Return the payload of a good first statement, with members changed."""
    return {
        "agency": "agency-a",
        "kid": OURS.kid,
        "seq": 1,
        "nbf": NOW,
        "exp": NOW + 35 * DAY,
        "document": KEY.text,
        "previous": None,
        "revoked": [],
    } | changed


def signed(by: IdentityKey = OURS, **changed: Any) -> bytes:
    """Return a signed key statement."""
    return sign(Kind.KEY_STATEMENT, payload(**changed), by)


def read(data: bytes, by: IdentityKey = OURS) -> KeyStatement:
    """Verify and read a key statement."""
    verified = verify(data, {Kind.KEY_STATEMENT}, {by.kid: by.card}, now=NOW)
    return read_key_statement(verified)


def take(
    data: bytes, *, seen: Seen | None = None, now: int = NOW, by: IdentityKey = OURS
) -> Accepted:
    """Accept a statement as the directory delivers it with the card of `by`."""
    return accept(PIN, by.card, data, seen=seen, now=now, verify_receipt=lambda _: "entry 3")


def reason(data: bytes, **how: Any) -> str:
    """Return why a statement is not accepted."""
    with pytest.raises(Held) as refused:
        take(data, **how)
    return refused.value.reason


# Accepting, check by check


def test_a_good_statement_is_accepted_with_all_that_must_be_stored() -> None:
    data = signed(revoked=[OTHER.fingerprint])
    found = take(data)
    assert found.statement == read(data)
    assert found.recipient == KEY
    assert found.seen == Seen(1, found.statement.digest, frozenset({OTHER.fingerprint}))
    assert found.log == "entry 3"


def test_check_1_a_card_that_does_not_hash_to_the_pin_is_refused() -> None:
    assert reason(signed(by=EVIL, kid=EVIL.kid), by=EVIL) == "key-not-pinned"
    assert reason(b"not even read", by=EVIL) == "key-not-pinned"


def test_check_2_a_claimed_kid_is_refused() -> None:
    assert reason(signed(by=EVIL)) == "statement-not-acceptable"
    assert reason(signed(by=EVIL, kid=EVIL.kid)) == "statement-not-acceptable"


def test_check_2_another_kind_of_statement_is_refused() -> None:
    withdrawal: dict[str, Any] = {
        "id": "06060606-0606-4606-8606-060606060606",
        "iat": NOW,
        "agency": "agency-a",
    }
    assert reason(sign(Kind.WITHDRAWAL, withdrawal, OURS)) == "statement-not-acceptable"


def test_check_2_another_shape_is_refused() -> None:
    assert reason(signed(more=1)) == "statement-not-acceptable"


def test_check_3_a_foreign_statement_is_refused() -> None:
    other = IdentityKey("agency-b", b"\x01" * 32, b"\x02" * 32)  # the same keys, another name
    data = sign(Kind.KEY_STATEMENT, payload(agency="agency-b"), other)
    assert reason(data, by=other) == "key-not-pinned"


def test_check_4_a_statement_counts_half_open_from_nbf_to_exp() -> None:
    data = signed(exp=NOW + DAY)
    take(data, now=NOW - 300)
    assert reason(data, now=NOW - 301) == "statement-not-acceptable"
    take(data, now=NOW + DAY - 1)
    assert reason(data, now=NOW + DAY) == "key-stale"


def test_check_4_a_statement_valid_for_more_than_35_days_is_refused() -> None:
    assert take(signed(exp=NOW + 35 * DAY)).statement.exp == NOW + 35 * DAY
    assert reason(signed(exp=NOW + 35 * DAY + 1)) == "key-stale"


def test_check_5_an_older_statement_is_a_rollback() -> None:
    data = signed(seq=6, previous=DIGEST)
    assert reason(data, seen=Seen(7, DIGEST, frozenset())) == "key-rollback"


def test_check_5_two_statements_with_one_number_are_equivocation() -> None:
    data = signed(seq=7, previous=DIGEST)
    assert reason(data, seen=Seen(7, DIGEST, frozenset())) == "key-equivocation"
    take(data, seen=Seen(7, read(data).digest, frozenset()))


def test_check_5_the_next_statement_names_the_one_before() -> None:
    seen = Seen(6, DIGEST, frozenset())
    take(signed(seq=7, previous=DIGEST), seen=seen)
    assert reason(signed(seq=7, previous=b64u(b"\x06" * 32)), seen=seen) == "key-equivocation"


def test_check_5_a_gap_is_no_harm() -> None:
    assert take(signed(seq=9, previous=DIGEST), seen=Seen(6, DIGEST, frozenset())).seen.seq == 9


def test_check_6_a_revoked_key_is_refused_whenever_it_was_revoked() -> None:
    assert reason(signed(revoked=[KEY.fingerprint])) == "key-revoked"
    seen = Seen(6, DIGEST, frozenset({KEY.fingerprint}))
    assert reason(signed(seq=8, previous=DIGEST), seen=seen) == "key-revoked"


def test_check_6_what_was_revoked_before_stays_known() -> None:
    seen = Seen(6, DIGEST, frozenset({DIGEST}))
    found = take(signed(seq=8, previous=DIGEST, revoked=[OTHER.fingerprint]), seen=seen)
    assert found.seen.revoked == {DIGEST, OTHER.fingerprint}


def test_check_7_a_key_that_cannot_be_used_is_refused() -> None:
    bad = [
        "",
        "age1pq1",
        KEY.text.upper(),
        KEY.text[:-1] + ("q" if KEY.text[-1] != "q" else "p"),
    ]
    for document in bad:
        assert reason(signed(document=document)) == "key-unusable"


def test_check_8_the_log_has_the_last_word() -> None:
    asked = []

    def missing(data: bytes) -> str:
        asked.append(data)
        raise Held("log-receipt-missing")

    data = signed()
    with pytest.raises(Held, match="log-receipt-missing"):
        accept(PIN, OURS.card, data, seen=None, now=NOW, verify_receipt=missing)
    assert asked == [data]


def test_a_rollback_is_refused_with_what_was_stored_before_a_restart() -> None:
    old, new = signed(seq=6, previous=DIGEST), signed(seq=7, previous=DIGEST)
    stored = take(new).seen
    assert reason(old, seen=Seen(stored.seq, stored.digest, stored.revoked)) == "key-rollback"


# Shapes


@pytest.mark.parametrize(
    "changed",
    [
        {"seq": 0},
        {"seq": 2**31},
        {"seq": "1"},
        {"seq": True},
        {"seq": 2},
        {"previous": DIGEST},
        {"seq": 2, "previous": "x"},
        {"exp": NOW},
        {"exp": None},
        {"document": 1},
        {"revoked": None},
        {"revoked": [1]},
        {"revoked": ["x"]},
        {"revoked": [DIGEST, DIGEST]},
        {"revoked": [b64u(bytes([n // 256, n % 256]) * 16) for n in range(301)]},
    ],
)
def test_a_key_statement_of_another_shape_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read(signed(**changed))


def test_another_kind_is_no_key_statement_and_no_succession() -> None:
    other = Verified(Kind.WITHDRAWAL, {}, "agency-a", OURS.kid, DIGEST, b"")
    with pytest.raises(Malformed):
        read_key_statement(other)
    with pytest.raises(Malformed):
        read_succession(other)


def test_as_many_keys_may_be_revoked_as_fit_a_statement() -> None:
    names = sorted(b64u(bytes([n // 256, n % 256]) * 16) for n in range(300))
    assert read(signed(revoked=names)).revoked == frozenset(names)


# Successions


def succession(**changed: Any) -> Verified:
    """Return a verified succession from the old pair to the new one."""
    members = {
        "agency": "agency-a",
        "old": OURS.kid,
        "new": NEXT.card.payload(),
        "iat": NOW,
        "until": NOW + 90 * DAY,
    }
    return Verified(Kind.KEY_SUCCESSION, members | changed, "agency-a", OURS.kid, DIGEST, b"x")


def test_a_succession_is_read_member_by_member() -> None:
    found = read_succession(succession())
    assert (found.agency, found.old, found.new) == ("agency-a", OURS.kid, NEXT.card)
    assert (found.iat, found.until) == (NOW, NOW + 90 * DAY)
    assert (found.digest, found.statement) == (DIGEST, b"x")


@pytest.mark.parametrize(
    "changed",
    [
        {"until": NOW + 90 * DAY + 1},
        {"until": NOW},
        {"new": None},
        {"new": OURS.card.payload()},
        {"old": "x"},
        {"old": None},
        {"more": 1},
    ],
)
def test_a_succession_of_another_shape_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_succession(succession(**changed))


def test_a_succession_alone_switches_no_pin() -> None:
    data = ceremony.succeed(OURS, NEXT, now=NOW)
    assert verify(data, {Kind.KEY_SUCCESSION}, {OURS.kid: OURS.card}, now=NOW).kid == OURS.kid
    statement = signed(by=NEXT, kid=NEXT.kid)
    assert reason(statement, by=NEXT) == "key-not-pinned"
    confirmed = Pin(PIN.agency, NEXT.kid, PIN.since, PIN.method, PIN.confirmed_by)
    found = accept(
        confirmed, NEXT.card, statement, seen=None, now=NOW, verify_receipt=lambda _: "entry 3"
    )
    assert found.statement.kid == NEXT.kid


# Pins


PIN_PAYLOAD = {
    "agency": "agency-a",
    "kid": OURS.kid,
    "since": "2026-11-22T09:00:00Z",
    "method": "annex",
    "confirmed_by": ["head of office", "privacy officer"],
}


def test_a_pin_is_written_and_read_member_by_member() -> None:
    assert PIN.payload() == PIN_PAYLOAD
    assert encode(PIN.payload()) == encode(PIN_PAYLOAD)
    assert read_pin(PIN_PAYLOAD) == PIN


@pytest.mark.parametrize(
    "changed",
    [
        {"agency": "A"},
        {"kid": "x"},
        {"kid": None},
        {"since": "2026-11-22"},
        {"method": "e-mail"},
        {"confirmed_by": ["one role"]},
        {"confirmed_by": "head of office"},
        {"confirmed_by": ["", "x"]},
        {"more": 1},
    ],
)
def test_a_pin_of_another_shape_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_pin(PIN_PAYLOAD | changed)


def test_what_is_no_object_is_no_pin() -> None:
    with pytest.raises(Malformed):
        read_pin([])


def test_an_accepted_recipient_can_be_sealed_to() -> None:
    enc, body = take(signed()).recipient.encapsulate(bytes(range(16)))
    assert DocumentKey(b"\x03" * 32).open(enc, body) == bytes(range(16))
    assert isinstance(take(signed()).recipient, DocumentRecipient)
