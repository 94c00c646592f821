"""exchange.agreement.force and .signing: what parties add, and when an agreement holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.agreement.force import check_notice, check_signature, in_force
from exchange.agreement.signing import (
    AgreementNotice,
    AgreementSignature,
    notice_payload,
    read_notice,
    read_signature,
    signature_payload,
)
from exchange.agreement.term import Fixed, year_end
from exchange.errors import Malformed
from exchange.statement import Kind
from tests import samples
from tests.samples import ABSENT, changed, verified

SIGNATURE: dict[str, Any] = {
    "id": "0f4f9a56-2b5f-4b0e-b9f8-1f1f6f0c7a01",
    "iat": 1767348000,
    "agency": "women-b",
    "agreement": samples.AGREEMENT_DIGEST,
}
NOTICE: dict[str, Any] = {**SIGNATURE, "iat": 1777586400, "ends": "2026-12-31T23:00:00Z"}
DIGEST = "S" * 42 + "A"
AGREEMENT = samples.agreement()
SIGNED = {
    "jobcentre-a": datetime(2026, 1, 2, tzinfo=UTC),
    "women-b": datetime(2026, 1, 5, tzinfo=UTC),
}
SECOND = timedelta(seconds=1)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def signature(**members: Any) -> AgreementSignature:
    return read_signature(
        verified(
            Kind.AGREEMENT_SIGNATURE,
            changed(SIGNATURE, **members),
            signer="women-b",
            kid=samples.KID_B,
            digest_=DIGEST,
        )
    )


def notice(**members: Any) -> AgreementNotice:
    return read_notice(verified(Kind.AGREEMENT_NOTICE, changed(NOTICE, **members), digest_=DIGEST))


def test_a_signature_is_read_and_written() -> None:
    assert signature() == AgreementSignature(
        digest=DIGEST,
        kid=samples.KID_B,
        id="0f4f9a56-2b5f-4b0e-b9f8-1f1f6f0c7a01",
        iat=1767348000,
        agency="women-b",
        agreement=samples.AGREEMENT_DIGEST,
    )
    assert signature_payload(**SIGNATURE) == SIGNATURE


def test_a_notice_is_read_and_written() -> None:
    found = notice()
    assert found == AgreementNotice(
        digest=DIGEST,
        id="0f4f9a56-2b5f-4b0e-b9f8-1f1f6f0c7a01",
        iat=1777586400,
        agency="women-b",
        agreement=samples.AGREEMENT_DIGEST,
        ends=year_end(2026),
    )
    assert found.given_at == datetime(2026, 4, 30, 22, tzinfo=UTC)
    assert notice_payload(**{**NOTICE, "ends": year_end(2026)}) == NOTICE


@pytest.mark.parametrize("member", SIGNATURE)
def test_every_member_is_needed(member: str) -> None:
    with pytest.raises(Malformed):
        signature(**{member: ABSENT})
    with pytest.raises(Malformed):
        notice(**{member: ABSENT})


def test_a_notice_says_when_it_ends() -> None:
    with pytest.raises(Malformed, match="ends"):
        notice(ends=ABSENT)


def test_unknown_members_and_other_kinds_are_refused() -> None:
    with pytest.raises(Malformed, match="unknown"):
        signature(remark="x")
    with pytest.raises(Malformed, match="unknown"):
        notice(remark="x")
    with pytest.raises(Malformed, match="not the signature"):
        read_signature(verified(Kind.AGREEMENT_NOTICE, SIGNATURE))
    with pytest.raises(Malformed, match="not the signature"):
        read_signature(verified(Kind.AGREEMENT_SIGNATURE, SIGNATURE, kid=None))
    with pytest.raises(Malformed, match="not the notice"):
        read_notice(verified(Kind.AGREEMENT_SIGNATURE, NOTICE))


def test_a_partys_signature_with_its_key_is_accepted() -> None:
    check_signature(AGREEMENT, signature())


def test_signatures_of_others_are_refused() -> None:
    with pytest.raises(Malformed, match=r"^the signature is not one of a party of this agreement$"):
        check_signature(AGREEMENT, signature(agency="youth-d"))
    with pytest.raises(Malformed, match=r"^the signature is not one of a party of this agreement$"):
        check_signature(AGREEMENT, signature(agreement="H" * 42 + "A"))
    with pytest.raises(Malformed, match=r"^the agreement names another key of this party$"):
        check_signature(AGREEMENT, replace(signature(), kid=samples.KID_A))


def test_a_notice_in_time_is_accepted() -> None:
    check_notice(AGREEMENT, notice(), now=MAY)
    check_notice(AGREEMENT, notice(ends="2027-12-31T23:00:00Z"), now=MAY)


@pytest.mark.parametrize("members", [{"agency": "youth-d"}, {"agreement": "H" * 42 + "A"}])
def test_notices_of_others_are_refused(members: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match=r"^the notice is not one of a party of this agreement$"):
        check_notice(AGREEMENT, notice(**members), now=MAY)


@pytest.mark.parametrize(
    ("members", "now"),
    [
        ({"ends": "2026-12-31T22:59:59Z"}, MAY),
        ({"ends": "2026-12-31T23:00:01Z"}, MAY),
        ({"ends": "2025-12-31T23:00:00Z"}, MAY),
        ({}, datetime(2026, 9, 30, 22, tzinfo=UTC)),  # signed in time, arrived too late
        ({"iat": 1790805600}, MAY),  # dated too late, whatever the clock says
    ],
)
def test_a_notice_to_another_day_is_refused(members: dict[str, Any], now: datetime) -> None:
    with pytest.raises(Malformed, match=r"^ends: not the end of a year for which notice can"):
        check_notice(AGREEMENT, notice(**members), now=now)


def test_a_fixed_term_knows_no_notice() -> None:
    fixed = replace(AGREEMENT, term=Fixed(begins=AGREEMENT.term.begins, until=year_end(2027)))
    with pytest.raises(Malformed, match=r"^an agreement with a fixed term knows no notice$"):
        check_notice(fixed, notice(), now=MAY)


def held(**facts: Any) -> bool:
    known: dict[str, Any] = {
        "agreement": AGREEMENT,
        "signed": SIGNED,
        "notices": (),
        "ended_at": None,
        "now": MAY,
        **facts,
    }
    return in_force(
        known["agreement"],
        known["signed"],
        known["notices"],
        known["ended_at"],
        now=known["now"],
    )


def test_an_agreement_that_all_signed_is_in_force() -> None:
    assert held()


@pytest.mark.parametrize("missing", SIGNED)
def test_one_missing_signature_keeps_it_from_being_in_force(missing: str) -> None:
    assert not held(signed={name: at for name, at in SIGNED.items() if name != missing})


def test_the_last_signature_begins_it() -> None:
    assert held(now=SIGNED["women-b"])
    assert not held(now=SIGNED["women-b"] - SECOND)


def test_a_consent_of_the_second_of_the_last_signature_is_in_time() -> None:
    recorded = {**SIGNED, "women-b": SIGNED["women-b"] + timedelta(milliseconds=700)}
    assert held(signed=recorded, now=SIGNED["women-b"])
    assert not held(signed=recorded, now=SIGNED["women-b"] - SECOND)


def test_it_does_not_hold_before_its_term() -> None:
    begins = datetime(2026, 3, 1, tzinfo=UTC)
    later = replace(AGREEMENT, term=replace(AGREEMENT.term, begins=begins))
    assert held(agreement=later, now=begins)
    assert not held(agreement=later, now=begins - SECOND)


def test_its_end_is_half_open() -> None:
    assert held(notices=[notice()], now=year_end(2026) - SECOND)
    assert not held(notices=[notice()], now=year_end(2026))
    assert held(now=year_end(2030))


def test_what_was_ended_is_over_from_that_moment() -> None:
    assert held(ended_at=MAY + SECOND)
    assert not held(ended_at=MAY)
