"""exchange.consent.withdrawal: literal withdrawals, what is refused, and who may end a consent."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from exchange.consent.withdrawal import (
    By,
    Channel,
    EndReason,
    Withdrawal,
    by_code,
    is_by_code,
    may_end,
    payload,
    read_withdrawal,
)
from exchange.consent.words import Role
from exchange.errors import Malformed
from exchange.statement import Kind
from exchange.vocabulary import Secrecy
from tests import samples
from tests.samples import ABSENT, changed, verified

NOTED: dict[str, Any] = {
    "id": "0f4f9a56-2b5f-4b0e-b9f8-1f1f6f0c7a01",
    "iat": 1775035200,
    "consent": samples.CONSENT_DIGEST,
    "agency": "jobcentre-a",
    "by": "subject",
    "channel": "phone",
    "received_at": "2026-04-01T09:15:00Z",
}
SIGNED = {name: NOTED[name] for name in ("id", "iat", "consent")}
DIGEST = "W" * 42 + "A"


def withdrawal(kind: Kind = Kind.WITHDRAWAL, **members: Any) -> Withdrawal:
    written = NOTED if kind is Kind.WITHDRAWAL else SIGNED
    return read_withdrawal(verified(kind, changed(written, **members), digest_=DIGEST))


def test_a_withdrawal_noted_by_an_agency_is_read_and_written() -> None:
    found = withdrawal()
    assert found == Withdrawal(
        digest=DIGEST,
        kind=Kind.WITHDRAWAL,
        id="0f4f9a56-2b5f-4b0e-b9f8-1f1f6f0c7a01",
        iat=1775035200,
        consent=samples.CONSENT_DIGEST,
        agency="jobcentre-a",
        by=By.SUBJECT,
        reason=None,
        channel=Channel.PHONE,
        received_at=datetime(2026, 4, 1, 9, 15, tzinfo=UTC),
    )
    assert payload(found) == NOTED


def test_a_withdrawal_signed_by_the_person_holds_nothing_more() -> None:
    found = withdrawal(Kind.WITHDRAWAL_ELECTRONIC)
    assert (found.agency, found.by, found.channel) == (None, None, None)
    assert found.received_at == datetime(2026, 4, 1, 9, 20, tzinfo=UTC)
    assert payload(found) == SIGNED


def test_a_collector_states_a_reason() -> None:
    members: dict[str, Any] = {"agency": "women-b", "by": "agency", "reason": "unlawful"}
    found = withdrawal(**members)
    assert found.reason is EndReason.UNLAWFUL
    assert payload(found) == {**NOTED, **members}


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (Kind.WITHDRAWAL, {"remark": "x"}),
        (Kind.WITHDRAWAL, {"reason": "unlawful"}),
        (Kind.WITHDRAWAL, {"by": "agency"}),
        (Kind.WITHDRAWAL, {"by": "agency", "reason": "no-longer-needed"}),
        (Kind.WITHDRAWAL, {"by": "neighbour"}),
        (Kind.WITHDRAWAL, {"by": ABSENT}),
        (Kind.WITHDRAWAL, {"channel": "fax"}),
        (Kind.WITHDRAWAL, {"agency": ABSENT}),
        (Kind.WITHDRAWAL, {"received_at": "yesterday"}),
        (Kind.WITHDRAWAL, {"consent": "short"}),
        (Kind.WITHDRAWAL, {"id": "1"}),
        (Kind.WITHDRAWAL, {"iat": -1}),
        (Kind.WITHDRAWAL_ELECTRONIC, {"by": "subject"}),
        (Kind.WITHDRAWAL_ELECTRONIC, {"channel": "phone"}),
        (Kind.CONSENT, {}),
    ],
)
def test_a_withdrawal_with_other_members_is_refused(kind: Kind, members: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        withdrawal(kind, **members)


@pytest.mark.parametrize(
    ("reason", "asks"),
    [
        (None, True),
        ("purpose-reached", False),
        ("subject-deceased", False),
        ("capacity-changed", False),
        ("recorded-in-error", True),
        ("unlawful", True),
    ],
)
def test_recipients_are_asked_to_erase_unless_the_help_simply_came_to_its_end(
    reason: str | None, asks: bool
) -> None:
    members: dict[str, Any] = {"by": "agency", "reason": reason} if reason else {}
    assert withdrawal(**members).asks_erasure is asks


SCOPE = samples.agreement().scope()
CONSENT = samples.consent()


@pytest.mark.parametrize("agency", ["jobcentre-a", "women-b"])
@pytest.mark.parametrize("by", ["subject", "guardian"])
def test_any_party_takes_down_what_it_was_told(agency: str, by: str) -> None:
    assert may_end(withdrawal(agency=agency, by=by), CONSENT, SCOPE)


def test_the_person_ends_it_with_her_own_key() -> None:
    assert may_end(withdrawal(Kind.WITHDRAWAL_ELECTRONIC), CONSENT, SCOPE)


def test_an_agency_in_its_own_name_must_be_the_collector() -> None:
    own: dict[str, Any] = {"by": "agency", "reason": "purpose-reached"}
    assert may_end(withdrawal(agency="women-b", **own), CONSENT, SCOPE)
    assert not may_end(withdrawal(agency="jobcentre-a", **own), CONSENT, SCOPE)


def test_who_is_no_party_takes_down_nothing() -> None:
    assert not may_end(withdrawal(agency="youth-d"), CONSENT, SCOPE)


@pytest.mark.parametrize("kind", [Kind.WITHDRAWAL, Kind.WITHDRAWAL_ELECTRONIC])
def test_a_withdrawal_of_another_consent_ends_nothing(kind: Kind) -> None:
    assert not may_end(withdrawal(kind, consent="D" * 42 + "A"), CONSENT, SCOPE)


def test_the_one_who_entrusted_ends_what_was_entrusted() -> None:
    entrusting = withdrawal(by="entrusting")
    at = CONSENT.signers[0]
    also_signed = replace(CONSENT, signers=(at, replace(at, role=Role.ENTRUSTING)))
    assert not may_end(entrusting, CONSENT, SCOPE)
    assert may_end(entrusting, also_signed, SCOPE)
    assert may_end(entrusting, replace(CONSENT, secrecy=Secrecy.ENTRUSTED), SCOPE)


def test_the_hubs_record_of_a_withdrawal_by_code_is_known_for_its_consent() -> None:
    at = datetime(2026, 4, 1, 9, 15, tzinfo=UTC)
    recorded = by_code(samples.CONSENT_DIGEST, at=at)

    assert recorded == (
        b'{"by":"code","consent":"' + samples.CONSENT_DIGEST.encode() + b'",'
        b'"received_at":"2026-04-01T09:15:00Z"}'
    )
    assert is_by_code(recorded, samples.CONSENT_DIGEST)
    assert not is_by_code(recorded, DIGEST)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"by":"code"}',
        b'{"payload":"e30","signatures":[]}',
        by_code(DIGEST, at=datetime(2026, 4, 1, tzinfo=UTC)).replace(b"code", b"agency"),
        by_code(DIGEST, at=datetime(2026, 4, 1, tzinfo=UTC)).replace(b":", b": "),
        by_code(DIGEST, at=datetime(2026, 4, 1, tzinfo=UTC))[:-1] + b',"reason":"unlawful"}',
        b" " * 40_000,
    ],
)
def test_anything_else_is_no_record_of_a_code(data: bytes) -> None:
    assert not is_by_code(data, DIGEST)
