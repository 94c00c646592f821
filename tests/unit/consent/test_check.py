"""exchange.consent.check: each rule with a record that breaks it and one that just keeps it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.consent.check import Finding, findings, refuse
from exchange.consent.record import ConsentRecord, Evidence, Signer
from exchange.consent.words import (
    Capacity,
    CapacityBasis,
    Custody,
    EvidenceKind,
    Form,
    FormReason,
    Identified,
    Power,
    Role,
)
from exchange.errors import LintRefused
from exchange.vocabulary import Body, Scope, Secrecy
from tests import samples

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
CONSENT = samples.consent()
AT = CONSENT.collected_at
SCOPE = samples.agreement().scope()
SPECIAL = replace(
    SCOPE,
    vocabulary=replace(
        SCOPE.vocabulary,
        categories={
            name: replace(entry, special=True)
            for name, entry in SCOPE.vocabulary.categories.items()
        },
    ),
)
SUBJECT = Signer(role=Role.SUBJECT, at=AT, identified=Identified.KNOWN)
WITNESS = replace(SUBJECT, role=Role.WITNESS)
ENTRUSTING = replace(SUBJECT, role=Role.ENTRUSTING)
PARENT = replace(SUBJECT, role=Role.GUARDIAN, power=Power.PARENT)
CARER = replace(PARENT, power=Power.CARER, areas_checked=True)
MINUTES = Evidence(sha256="ef" * 32, kind=EvidenceKind.MINUTES, pages=1)
ORAL: dict[str, Any] = {
    "form": Form.ORAL_MINUTED,
    "form_reason": FormReason.URGENT_LOSS,
    "signers": (SUBJECT, WITNESS),
    "evidence": MINUTES,
    "valid_until": AT + timedelta(days=28),
}
BY_GUARDIAN: dict[str, Any] = {"capacity": Capacity.GUARDIAN, "signers": (PARENT, PARENT)}
BY_CARER: dict[str, Any] = {
    "capacity": Capacity.GUARDIAN,
    "capacity_basis": CapacityBasis.ASSESSED,
    "signers": (CARER,),
}
ENTRUSTED: dict[str, Any] = {"secrecy": Secrecy.ENTRUSTED}
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def with_flow(**members: Any) -> Scope:
    flows = tuple(
        replace(flow, **members) if flow.sender == "women-b" else flow for flow in SCOPE.flows
    )
    return replace(SCOPE, flows=flows)


def with_third(**members: Any) -> Scope:
    third = replace(SCOPE.parties["jobcentre-a"], agency="health-c", **members)
    return replace(SCOPE, parties={**SCOPE.parties, "health-c": third})


WIDE = with_flow(secrecy=Secrecy.ENTRUSTED)
UNDERTAKING_MISSING = replace(
    SCOPE,
    parties={
        **SCOPE.parties,
        "jobcentre-a": replace(SCOPE.parties["jobcentre-a"], body=Body.PRIVATE),
    },
)


def found_in(
    scope: Scope = SCOPE, *, held: bool = True, now: datetime = NOW, **members: Any
) -> tuple[Finding, ...]:
    consent: ConsentRecord = replace(CONSENT, **members)
    return findings(consent, scope, agreement_held=held, now=now)


def broken(scope: Scope = SCOPE, **facts: Any) -> set[str]:
    rules = [finding.id for finding in found_in(scope, **facts)]
    assert rules == sorted(set(rules))
    return set(rules)


def test_the_example_breaks_no_rule() -> None:
    assert findings(CONSENT, SCOPE, agreement_held=True, now=NOW) == ()


BREAKING: list[tuple[str, Scope, dict[str, Any]]] = [
    ("L01", with_flow(recipient="group-x"), {"recipients": frozenset({"group-x"})}),
    ("L01", with_flow(sender="group-x"), {"releasers": frozenset({"group-x"})}),
    ("L06", SCOPE, {"purpose": replace(CONSENT.purpose, code="debt-advice")}),
    ("L07", SCOPE, {"purpose": replace(CONSENT.purpose, words="etwas anderes")}),
    ("L07", SCOPE, {"notice": replace(CONSENT.notice, lang="en")}),
    ("L09", replace(SCOPE, flows=SCOPE.flows[:1]), {}),
    ("L09", with_flow(categories=frozenset({"rent-arrears-letter"})), {}),
    ("L09", with_flow(secrecy=Secrecy.SOCIAL), {}),
    ("L10", SCOPE, {"held": False}),
    ("L10", SCOPE, {"agreement": "H" * 42 + "A"}),
    ("L11", SCOPE, {"valid_from": AT - SECOND}),
    ("L12", SCOPE, {"now": AT - timedelta(minutes=5) - SECOND}),
    ("L15", SCOPE, {"valid_until": AT + 367 * DAY}),
    ("L15", SCOPE, {"valid_until": AT + 366 * DAY + timedelta(hours=1) + SECOND}),
    ("L15", SCOPE, {"uses": 1, "valid_until": AT + 184 * DAY}),
    ("L16", SCOPE, {"valid_until": AT}),
    ("L16", SCOPE, {"now": CONSENT.valid_until}),
    ("L18", SPECIAL, {**ORAL, "form_reason": FormReason.BY_PHONE}),
    ("L18", SPECIAL, {**ORAL, "valid_until": AT + 28 * DAY + timedelta(hours=1) + SECOND}),
    ("L20", SCOPE, {**ORAL, "form_reason": None}),
    ("L20", SCOPE, {**ORAL, "signers": (SUBJECT,)}),
    ("L20", SCOPE, {**ORAL, "evidence": CONSENT.evidence}),
    ("L21", SCOPE, {"form": Form.ELECTRONIC, "evidence": None}),
    ("L22", SCOPE, {"evidence": None}),
    ("L22", SCOPE, {**ORAL, "evidence": None}),
    ("L30", SCOPE, {**BY_GUARDIAN, "signers": (PARENT,)}),
    ("L31", SCOPE, {**BY_CARER, "signers": (replace(CARER, power_until=AT),)}),
    (
        "L32",
        SCOPE,
        {**BY_CARER, "signers": (replace(CARER, power_until=CONSENT.valid_until - SECOND),)},
    ),
    ("L33", SCOPE, {**BY_CARER, "signers": (replace(CARER, areas_checked=False),)}),
    ("L33", SCOPE, {**BY_CARER, "capacity_basis": CapacityBasis.RULE}),
    ("L38", WIDE, ENTRUSTED),
    ("L41", SCOPE, {"onward_from": frozenset({"stranger"})}),
    ("L41", SCOPE, {"onward_from": frozenset({"jobcentre-a"})}),
    ("L42", UNDERTAKING_MISSING, {}),
    ("L43", SCOPE, {"secrecy": Secrecy.SOCIAL}),
    ("L44", SCOPE, {"collected_by": "jobcentre-a"}),
    ("L46", SCOPE, {"signers": (replace(SUBJECT, at=AT - SECOND),)}),
]


FIELDS = {
    "L01": "recipients",
    "L06": "purpose",
    "L07": "purpose",
    "L09": "categories",
    "L10": "agreement",
    "L11": "valid_from",
    "L12": "collected_at",
    "L15": "valid_until",
    "L16": "valid_until",
    "L18": "form",
    "L20": "form",
    "L21": "person_key",
    "L22": "evidence",
    "L30": "signers",
    "L31": "signers",
    "L32": "valid_until",
    "L33": "signers",
    "L38": "signers",
    "L41": "onward_from",
    "L42": "recipients",
    "L43": "secrecy",
    "L44": "collected_by",
    "L46": "collected_at",
}


@pytest.mark.parametrize(("rule", "scope", "members"), BREAKING)
def test_a_finding_names_the_field(rule: str, scope: Scope, members: dict[str, Any]) -> None:
    assert Finding(rule, FIELDS[rule]) in found_in(scope, **members)


@pytest.mark.parametrize(("rule", "scope", "members"), BREAKING)
def test_a_record_that_breaks_a_rule_is_found(
    rule: str, scope: Scope, members: dict[str, Any]
) -> None:
    alone = {rule, "L31", "L32"} if rule == "L31" else {rule, "L07"} if rule == "L06" else {rule}
    assert rule in broken(scope, **members)
    assert broken(scope, **members) <= alone


def test_both_ways_is_found() -> None:
    both = frozenset({"women-b", "jobcentre-a"})
    assert Finding("L03", "recipients") in found_in(recipients=both)


@pytest.mark.parametrize(
    ("capacity", "signers"),
    [
        (Capacity.SELF, (PARENT, PARENT)),
        (Capacity.GUARDIAN, (SUBJECT,)),
        (Capacity.SELF_AND_GUARDIAN, (SUBJECT,)),
        (Capacity.SELF_AND_GUARDIAN, (PARENT, PARENT)),
        (Capacity.GUARDIAN, ()),
    ],
)
def test_a_missing_signature_is_found(capacity: Capacity, signers: tuple[Signer, ...]) -> None:
    assert Finding("L29", "signers") in found_in(capacity=capacity, signers=signers)


def test_a_source_of_a_higher_class_is_found() -> None:
    members: dict[str, Any] = {"onward_from": frozenset({"health-c"})}
    assert broken(with_third(secret_keeper=True), **members) == set()
    low = {**members, "secrecy": Secrecy.SOCIAL}
    assert "L41" in broken(with_third(secret_keeper=True), **low)
    assert "L41" not in broken(with_third(), **low)


KEEPING: list[tuple[Scope, dict[str, Any]]] = [
    (SCOPE, {"notice": replace(CONSENT.notice, lang="de")}),
    (SCOPE, {"categories": frozenset(samples.HOUSING)}),
    (SCOPE, {"now": AT - timedelta(minutes=5)}),
    (SCOPE, {"valid_until": AT + 366 * DAY}),
    (SCOPE, {"valid_until": AT + 366 * DAY + timedelta(hours=1)}),
    (SCOPE, {"uses": 1, "valid_until": AT + 183 * DAY}),
    (SCOPE, {"uses": 2, "valid_until": AT + 366 * DAY}),
    (SCOPE, {"now": CONSENT.valid_until - SECOND}),
    (SCOPE, ORAL),
    (SPECIAL, ORAL),
    (SPECIAL, {**ORAL, "form_reason": FormReason.CANNOT_WRITE}),
    (SPECIAL, {**ORAL, "valid_until": AT + 28 * DAY + timedelta(hours=1)}),
    (SCOPE, {**ORAL, "form_reason": FormReason.BY_PHONE, "valid_until": AT + 300 * DAY}),
    (SCOPE, {"form": Form.ELECTRONIC, "evidence": None, "person_key": b"k" * 32}),
    (SPECIAL, {}),
    (SCOPE, BY_GUARDIAN),
    (SCOPE, {**BY_GUARDIAN, "signers": (replace(PARENT, custody=Custody.SOLE),)}),
    (SCOPE, {"capacity": Capacity.SELF_AND_GUARDIAN, "signers": (SUBJECT, PARENT, PARENT)}),
    (SCOPE, BY_CARER),
    (SCOPE, {**BY_CARER, "signers": (replace(CARER, power_until=CONSENT.valid_until),)}),
    (WIDE, {**ENTRUSTED, "signers": (SUBJECT, ENTRUSTING)}),
    (WIDE, {**ENTRUSTED, "signers": (replace(SUBJECT, entrusting=True),)}),
    (SCOPE, {"signers": (SUBJECT, replace(WITNESS, at=AT + DAY))}),
    (
        SCOPE,
        {
            "capacity": Capacity.SELF_AND_GUARDIAN,
            "signers": (SUBJECT, PARENT, replace(PARENT, at=AT + SECOND)),
            "collected_at": AT + SECOND,
            "valid_from": AT + SECOND,
        },
    ),
]


@pytest.mark.parametrize(("scope", "members"), KEEPING)
def test_a_record_that_just_keeps_the_rules_is_accepted(
    scope: Scope, members: dict[str, Any]
) -> None:
    assert broken(scope, **members) == set()


def test_unknown_categories_break_the_scope_and_nothing_crashes() -> None:
    assert broken(categories=frozenset({"unheard-of"})) == {"L09"}


def test_findings_are_raised_with_rules_and_fields_only() -> None:
    refuse(())
    with pytest.raises(LintRefused) as refused:
        refuse((Finding("L03", "recipients"), Finding("L44", "collected_by")))
    assert refused.value.findings == (
        {"id": "L03", "severity": "refuse", "field": "recipients"},
        {"id": "L44", "severity": "refuse", "field": "collected_by"},
    )
    assert str(refused.value) == "the record breaks L03, L44"
