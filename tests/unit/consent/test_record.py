"""exchange.consent.record: one literal record, and everything its reader refuses."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import canonical
from exchange.consent.record import (
    ConsentRecord,
    Evidence,
    ShownNotice,
    Signer,
    StatedPurpose,
    Subject,
    payload,
    read_consent,
)
from exchange.consent.words import (
    Capacity,
    CapacityBasis,
    Custody,
    EvidenceKind,
    Form,
    FormReason,
    Identified,
    Interpreter,
    Power,
    Role,
)
from exchange.errors import ExchangeError, Finding, LintRefused, Malformed
from exchange.statement import Kind
from exchange.vocabulary import Secrecy
from tests import samples
from tests.samples import ABSENT, CONSENT, changed, consent, verified

GIVEN = datetime(2026, 3, 2, 9, 40, tzinfo=UTC)
PERSON_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""Public key of RFC 8032, test 1."""


def electronic(**members: Any) -> ConsentRecord:
    return consent(
        Kind.CONSENT_ELECTRONIC,
        **{
            "form": "electronic",
            "evidence": ABSENT,
            "person_key": canonical.b64u(PERSON_KEY),
            **members,
        },
    )


def signer(**members: Any) -> dict[str, Any]:
    return {"role": "guardian", "at": "2026-03-02T09:40:00Z", "identified": "known", **members}


def test_the_record_is_read_member_by_member() -> None:
    assert consent() == ConsentRecord(
        digest=samples.CONSENT_DIGEST,
        kind=Kind.CONSENT,
        id="5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a01",
        iat=1772444520,
        agreement=samples.AGREEMENT_DIGEST,
        subject=Subject(ref="7c2a4f10-2f0b-4b64-a3de-5a3f1c9be901", sealed=b"age-encryption"),
        releasers=frozenset({"women-b"}),
        recipients=frozenset({"jobcentre-a"}),
        onward_from=frozenset(),
        categories=frozenset({"rent-arrears-letter", "tenancy-termination"}),
        secrecy=Secrecy.PROFESSIONAL,
        purpose=StatedPurpose(
            code="housing-loss",
            words="den Verlust der Wohnung abwenden (Mietschulden, Kündigung, Räumung)",
        ),
        uses="recurring",
        valid_from=GIVEN,
        valid_until=datetime(2026, 8, 31, 22, tzinfo=UTC),
        form=Form.WRITTEN,
        form_reason=None,
        capacity=Capacity.SELF,
        capacity_basis=CapacityBasis.RULE,
        signers=(Signer(role=Role.SUBJECT, at=GIVEN, identified=Identified.IN_PERSON),),
        notice=ShownNotice(
            id="consent-form",
            version="1.0",
            lang="de",
            sha256=samples.NOTICE,
            interpreter=Interpreter.NONE,
        ),
        evidence=Evidence(sha256="ef" * 32, kind=EvidenceKind.SCAN, pages=2),
        person_key=None,
        collected_by="women-b",
        collected_at=GIVEN,
    )


def test_the_record_is_written_as_it_was_read() -> None:
    assert payload(consent()) == CONSENT


def test_an_electronic_record_holds_the_persons_key_and_no_evidence() -> None:
    found = electronic()
    assert (found.form, found.person_key, found.evidence) == (Form.ELECTRONIC, PERSON_KEY, None)
    assert payload(found) == changed(
        CONSENT, form="electronic", evidence=ABSENT, person_key=canonical.b64u(PERSON_KEY)
    )


def test_an_oral_record_holds_its_reason_and_witness() -> None:
    members: dict[str, Any] = {
        "form": "oral-minuted",
        "form_reason": "by-phone",
        "signers": [
            {"role": "subject", "at": "2026-03-02T09:40:00Z", "identified": "known"},
            {"role": "witness", "at": "2026-03-02T09:40:00Z", "identified": "known"},
        ],
        "evidence": {"sha256": "ef" * 32, "kind": "minutes", "pages": 1},
    }
    found = consent(**members)
    assert found.form_reason is FormReason.BY_PHONE
    assert [entry.role for entry in found.signers] == [Role.SUBJECT, Role.WITNESS]
    assert payload(found) == changed(CONSENT, **members)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {"power": "parent", "custody": "court"},
            {"power": Power.PARENT, "custody": Custody.COURT},
        ),
        (
            {"power": "carer", "areas_checked": True, "power_until": "2027-01-01T00:00:00Z"},
            {
                "power": Power.CARER,
                "areas_checked": True,
                "power_until": datetime(2027, 1, 1, tzinfo=UTC),
            },
        ),
        (
            {"power": "official", "office": "youth-d"},
            {"power": Power.OFFICIAL, "office": "youth-d"},
        ),
        ({"power": "appointed"}, {"power": Power.APPOINTED}),
        ({"role": "entrusting"}, {"role": Role.ENTRUSTING}),
        ({"role": "subject", "entrusting": True}, {"role": Role.SUBJECT, "entrusting": True}),
    ],
)
def test_signers_carry_what_belongs_to_their_role(
    members: dict[str, Any], expected: dict[str, Any]
) -> None:
    written = [signer(**members)]
    found = consent(signers=written)
    assert found.signers == (
        Signer(**{"role": Role.GUARDIAN, "at": GIVEN, "identified": Identified.KNOWN, **expected}),
    )
    assert payload(found)["signers"] == written


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"power": "attorney"}, "signers[].power"),
        ({"power": 7}, "signers[].power"),
        ({"role": "spouse"}, "signers[].role"),
    ],
)
def test_a_proxy_is_refused_by_a_rule_of_its_own(members: dict[str, Any], field: str) -> None:
    with pytest.raises(LintRefused) as refused:
        consent(signers=[signer(**members)])
    assert refused.value.findings == (Finding("L37", "refuse", field),)


def test_two_parents_may_sign_in_the_same_minute() -> None:
    assert len(consent(signers=[signer(power="parent"), signer(power="parent")]).signers) == 2


@pytest.mark.parametrize(
    "members",
    [
        {"power": "parent", "power_until": "2027-01-01T00:00:00Z"},
        {"power": "parent", "areas_checked": True},
        {"power": "parent", "office": "youth-d"},
        {"power": "carer", "custody": "sole"},
        {"power": "carer", "areas_checked": False},
        {"power": "carer", "office": "youth-d"},
        {"power": "appointed", "entrusting": True},
        {},
        {"role": "subject", "power": "parent"},
        {"role": "subject", "entrusting": False},
        {"role": "witness", "entrusting": True},
        {"role": "subject", "identified": "believed"},
        {"role": "subject", "name": "somebody"},
    ],
)
def test_signers_with_members_of_another_role_are_refused(members: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        consent(signers=[signer(**members)])


@pytest.mark.parametrize(
    ("written", "uses"), [("once", 1), (2, 2), (999, 999), ("recurring", "recurring")]
)
def test_uses_are_read_and_written(written: object, uses: object) -> None:
    found = consent(uses=written)
    assert found.uses == uses
    assert payload(found)["uses"] == written


REFUSED: dict[str, dict[str, Any]] = {
    "unknown member": {"remark": "free text"},
    "id of another version": {"id": "5b1d9e2c-98a1-1d4f-8c57-3f6f0d2f9a01"},
    "iat as text": {"iat": "1772444520"},
    "iat as truth": {"iat": True},
    "no agreement": {"agreement": ABSENT},
    "short digest": {"agreement": "G" * 42},
    "subject with more": {
        "subject": {**CONSENT["subject"], "born": "1990-01-01"},
    },
    "subject not sealed": {"subject": {**CONSENT["subject"], "sealed": ""}},
    "subject block too large": {
        "subject": {**CONSENT["subject"], "sealed": "A" * 4 * 60_000},
    },
    "no releaser": {"releasers": []},
    "seventeen recipients": {"recipients": [f"agency-{n:02}" for n in range(17)]},
    "nine sources": {"onward_from": [f"agency-{n}" for n in range(9)]},
    "not sorted": {"categories": ["tenancy-termination", "rent-arrears-letter"]},
    "repeated": {"recipients": ["jobcentre-a", "jobcentre-a"]},
    "thirteen categories": {"categories": [f"a-{n:02}" for n in range(13)]},
    "a wildcard": {"recipients": ["*"]},
    "a number as agency": {"recipients": [7]},
    "unknown class": {"secrecy": "secret"},
    "purpose as text": {"purpose": "housing-loss"},
    "purpose with more": {"purpose": {**CONSENT["purpose"], "remark": "x"}},
    "uses 1": {"uses": 1},
    "uses 1000": {"uses": 1000},
    "uses true": {"uses": True},
    "uses null": {"uses": None},
    "uses unlimited": {"uses": "unlimited"},
    "time with offset": {"valid_from": "2026-03-02T09:40:00+00:00"},
    "day that never was": {"valid_until": "2026-02-30T00:00:00Z"},
    "year beyond the calendar": {"valid_until": "9999-12-31T23:59:59Z"},
    "form by telephone": {"form": "phone"},
    "electronic in the other kind": {"form": "electronic"},
    "written with a reason": {"form_reason": "by-phone"},
    "written with a key": {"person_key": canonical.b64u(PERSON_KEY)},
    "capacity by proxy": {"capacity": "proxy"},
    "basis guessed": {"capacity_basis": "guessed"},
    "nobody signs": {"signers": []},
    "six sign": {"signers": [CONSENT["signers"][0]] * 6},
    "signers not sorted": {
        "signers": [signer(role="witness"), signer(role="subject")],
    },
    "signers not sorted by time": {
        "signers": [
            signer(power="parent", at="2026-03-02T09:41:00Z"),
            signer(power="parent", at="2026-03-02T09:40:00Z"),
        ],
    },
    "notice of no version": {"notice": {**CONSENT["notice"], "version": "1"}},
    "notice in no language": {"notice": {**CONSENT["notice"], "lang": "German!"}},
    "notice with another digest": {"notice": {**CONSENT["notice"], "sha256": "CD" * 32}},
    "notice with more": {"notice": {**CONSENT["notice"], "text": "x"}},
    "a child interprets": {"notice": {**CONSENT["notice"], "interpreter": "child"}},
    "no page": {"evidence": {**CONSENT["evidence"], "pages": 0}},
    "evidence of hearsay": {"evidence": {**CONSENT["evidence"], "kind": "hearsay"}},
    "evidence with more": {"evidence": {**CONSENT["evidence"], "file": "x"}},
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_record_with_a_wrong_member_is_refused(case: str) -> None:
    with pytest.raises(Malformed):
        consent(**REFUSED[case])


@pytest.mark.parametrize("member", sorted(CONSENT))
def test_every_member_of_the_example_is_needed_except_evidence(member: str) -> None:
    if member == "evidence":  # its absence is a finding, not a broken form
        assert consent(evidence=ABSENT).evidence is None
        return
    with pytest.raises(Malformed):
        consent(Kind.CONSENT, **{member: ABSENT})


@pytest.mark.parametrize(
    "members",
    [
        {"form": "written"},
        {"person_key": ABSENT},
        {"person_key": "AAAA"},
        {"person_key": canonical.b64u(bytes(32))},
        {"evidence": CONSENT["evidence"]},
        {"form_reason": "by-phone"},
    ],
)
def test_an_electronic_record_that_is_none_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        electronic(**members)


def test_an_oral_record_without_a_reason_can_be_read_and_is_a_finding() -> None:
    assert consent(form="oral-minuted").form_reason is None


def test_another_kind_of_statement_is_refused() -> None:
    with pytest.raises(Malformed, match="not a consent"):
        read_consent(verified(Kind.WITHDRAWAL, CONSENT))


def test_messages_name_the_member_and_never_its_value() -> None:
    with pytest.raises(Malformed, match=r"^purpose\.code: ") as refused:
        consent(purpose={"code": "CANARY-4711 x", "words": "x"})
    assert "CANARY" not in str(refused.value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from([value for value in CONSENT.values() if isinstance(value, str)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*CONSENT, "role", "at", "code"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(CONSENT)), VALUES, st.sampled_from(Kind))
def test_garbage_is_refused_or_written_back_as_it_came(
    member: str, value: object, kind: Kind
) -> None:
    given_payload = {**CONSENT, member: value}
    with suppress(ExchangeError):
        assert payload(read_consent(verified(kind, given_payload))) == given_payload
