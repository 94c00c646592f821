"""exchange.consent.lint: each rule with a record that breaks it and one that just keeps it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from exchange.canonical import sha256_hex
from exchange.consent.lint import Local, lint, unreadable, unsigned
from exchange.consent.record import ConsentRecord, Evidence, Signer
from exchange.consent.render import notice_of
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
from exchange.days import begin_of, days_after
from exchange.errors import Finding, Malformed, StatementNotAcceptable, Tampered
from exchange.rules import rules
from exchange.vocabulary import Body, Scope, Secrecy, UsualUses
from tests import samples

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
CONSENT = samples.consent()
AT = CONSENT.collected_at
UNTIL = CONSENT.valid_until
SCOPE = samples.agreement().scope()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
ONCE_LAST = datetime(2026, 9, 1, 8, 40, tzinfo=UTC)
"""183 days after `AT` on a German clock; summer time has begun between them."""
ORAL_LAST = datetime(2026, 3, 30, 8, 40, tzinfo=UTC)
"""28 days after `AT` on a German clock."""
YEAR_LAST = datetime(2027, 3, 3, 9, 40, tzinfo=UTC)
"""366 days after `AT`."""

SUBJECT = Signer(role=Role.SUBJECT, at=AT, identified=Identified.KNOWN)
WITNESS = replace(SUBJECT, role=Role.WITNESS)
ENTRUSTING = replace(SUBJECT, role=Role.ENTRUSTING)
PARENT = replace(SUBJECT, role=Role.GUARDIAN, power=Power.PARENT)
CARER = replace(PARENT, power=Power.CARER, areas_checked=True)
OFFICIAL = replace(PARENT, power=Power.OFFICIAL, office="youth-c")
MINUTES = Evidence(sha256="ef" * 32, kind=EvidenceKind.MINUTES, pages=1)
ORAL: dict[str, Any] = {
    "form": Form.ORAL_MINUTED,
    "form_reason": FormReason.URGENT_LOSS,
    "signers": (SUBJECT, WITNESS),
    "evidence": MINUTES,
    "valid_until": ORAL_LAST,
}
ELECTRONIC: dict[str, Any] = {
    "form": Form.ELECTRONIC,
    "evidence": None,
    "person_key": b"k" * 32,
}
BY_PARENTS: dict[str, Any] = {"capacity": Capacity.GUARDIAN, "signers": (PARENT, PARENT)}
BY_CARER: dict[str, Any] = {
    "capacity": Capacity.GUARDIAN,
    "capacity_basis": CapacityBasis.ASSESSED,
    "signers": (CARER,),
}
BY_OFFICE: dict[str, Any] = {"capacity": Capacity.GUARDIAN, "signers": (OFFICIAL,)}
ENTRUSTED: dict[str, Any] = {"secrecy": Secrecy.ENTRUSTED}
CODE = (replace(SUBJECT, identified=Identified.CODE),)
BOTH = frozenset({"women-b", "jobcentre-a"})
EASY: dict[str, Any] = {
    "purpose": replace(
        CONSENT.purpose,
        words=SCOPE.vocabulary.purposes["housing-loss"].labels["de-simple"],
    ),
    "notice": replace(CONSENT.notice, lang="de-simple"),
}


def with_categories(**members: Any) -> Scope:
    changed = {
        name: replace(entry, **members) for name, entry in SCOPE.vocabulary.categories.items()
    }
    return replace(SCOPE, vocabulary=replace(SCOPE.vocabulary, categories=changed))


def with_purpose(**members: Any) -> Scope:
    changed = {name: replace(entry, **members) for name, entry in SCOPE.vocabulary.purposes.items()}
    return replace(SCOPE, vocabulary=replace(SCOPE.vocabulary, purposes=changed))


def with_flow(**members: Any) -> Scope:
    flows = tuple(
        replace(flow, **members) if flow.sender == "women-b" else flow for flow in SCOPE.flows
    )
    return replace(SCOPE, flows=flows)


def with_party(agency: str, **members: Any) -> Scope:
    party = replace(SCOPE.parties.get(agency, SCOPE.parties["jobcentre-a"]), agency=agency)
    return replace(SCOPE, parties={**SCOPE.parties, agency: replace(party, **members)})


def with_codes(*codes: str) -> tuple[Scope, dict[str, Any]]:
    """Return a scope whose one flow has all these categories, and the members that name them."""
    known = SCOPE.vocabulary.categories["rent-arrears-letter"]
    vocabulary = replace(SCOPE.vocabulary, categories=dict.fromkeys(codes, known))
    purposes = {
        name: replace(entry, usual=frozenset(codes))
        for name, entry in SCOPE.vocabulary.purposes.items()
    }
    scope = replace(
        with_flow(categories=frozenset({*codes, "one-more"})),
        vocabulary=replace(vocabulary, purposes=purposes),
    )
    return scope, {"categories": frozenset(codes)}


def with_texts(**members: Any) -> Scope:
    return replace(SCOPE, notices=tuple(replace(text, **members) for text in SCOPE.notices))


SPECIAL = with_categories(special=True)
WIDE = with_flow(secrecy=Secrecy.ENTRUSTED)
WITHOUT_UNDERTAKING = with_party("jobcentre-a", body=Body.PRIVATE)
PAYER = replace(with_party("women-b", benefit=True), collectors=BOTH)
TWO = replace(
    with_party("health-c"),
    flows=(*SCOPE.flows, replace(SCOPE.flows[1], recipient="health-c")),
)
SEVEN = with_codes(*(f"paper-{letter}" for letter in "abcdefg"))
SIX = with_codes(*(f"paper-{letter}" for letter in "abcdef"))
EXTRACT = with_codes("record-extract")
WHOLE = with_codes("file")


def found_in(
    scope: Scope = SCOPE,
    *,
    held: bool = True,
    now: datetime = NOW,
    local: Local | None = None,
    shown: str | None = None,
    **members: Any,
) -> tuple[Finding, ...]:
    """Return the findings of the example with other members, whose text was really shown."""
    record = noticed(replace(CONSENT, **members), scope)
    if shown is not None:
        record = replace(record, notice=replace(record.notice, sha256=shown))
    return lint(record, scope, agreement_held=held, now=now, local=local)


def noticed(record: ConsentRecord, scope: Scope) -> ConsentRecord:
    try:
        digest = sha256_hex(notice_of(record, scope).encode("utf-8"))
    except Malformed:  # nobody can have been shown such a text
        return record
    return replace(record, notice=replace(record.notice, sha256=digest))


def broken(scope: Scope = SCOPE, **facts: Any) -> set[str]:
    return {finding.id for finding in found_in(scope, **facts)}


Row = tuple[str, str, Scope, dict[str, Any], set[str]]
"""Rule, field, scope, what is different, and rules that break along with it."""
BREAKING: list[Row] = [
    ("L01", "recipients", with_flow(recipient="x"), {"recipients": frozenset({"x"})}, {"L26"}),
    ("L01", "releasers", with_flow(sender="x"), {"releasers": frozenset({"x"})}, {"L26"}),
    ("L02", "recipients", TWO, {"recipients": frozenset({"jobcentre-a", "health-c"})}, set()),
    ("L03", "recipients", SCOPE, {"recipients": BOTH}, {"L02", "L09"}),
    ("L04", "categories", *WHOLE, set()),
    ("L04", "categories", *EXTRACT, set()),
    ("L05", "categories", *SEVEN, set()),
    ("L05", "categories", with_flow(categories=SIX[1]["categories"]), SIX[1], {"L08", "L26"}),
    (
        "L06",
        "purpose",
        SCOPE,
        {"purpose": replace(CONSENT.purpose, code="debt-advice")},
        {"L07", "L26"},
    ),
    ("L07", "purpose", SCOPE, {"purpose": replace(CONSENT.purpose, words="anders")}, set()),
    ("L07", "purpose", SCOPE, {"notice": replace(CONSENT.notice, lang="en")}, {"L28"}),
    ("L08", "categories", with_purpose(usual=frozenset({"energy-bill"})), {}, set()),
    ("L09", "recipients", replace(SCOPE, flows=SCOPE.flows[:1]), {}, set()),
    ("L09", "categories", with_flow(categories=frozenset({"rent-arrears-letter"})), {}, set()),
    ("L09", "secrecy", with_flow(secrecy=Secrecy.SOCIAL), {}, set()),
    ("L10", "agreement", SCOPE, {"held": False}, set()),
    ("L10", "agreement", SCOPE, {"agreement": "H" * 42 + "A"}, set()),
    ("L11", "valid_from", SCOPE, {"valid_from": AT - SECOND}, set()),
    ("L12", "collected_at", SCOPE, {"now": AT - timedelta(minutes=5) - SECOND}, set()),
    ("L13", "collected_at", SCOPE, {"now": AT + 14 * DAY + SECOND}, set()),
    ("L14", "collected_at", SCOPE, {"now": days_after(AT, 90) + SECOND}, {"L13"}),
    ("L15", "valid_until", SCOPE, {"valid_until": YEAR_LAST + SECOND}, set()),
    ("L15", "valid_until", SCOPE, {"uses": 1, "valid_until": ONCE_LAST + SECOND}, set()),
    ("L15", "valid_until", SCOPE, {"uses": 2, "valid_until": YEAR_LAST + SECOND}, set()),
    ("L16", "valid_until", SCOPE, {"valid_until": AT}, set()),
    ("L16", "valid_until", SCOPE, {"now": UNTIL}, {"L13", "L14"}),
    ("L17", "uses", with_purpose(uses=UsualUses.ONCE), {}, set()),
    ("L18", "form", SPECIAL, {**ORAL, "form_reason": FormReason.BY_PHONE}, set()),
    ("L18", "form", SPECIAL, {**ORAL, "valid_until": ORAL_LAST + SECOND}, set()),
    ("L19", "form", SPECIAL, ORAL, set()),
    ("L20", "form", SCOPE, {**ORAL, "form_reason": None}, set()),
    ("L20", "form", SCOPE, {**ORAL, "signers": (SUBJECT,)}, set()),
    ("L20", "form", SCOPE, {**ORAL, "evidence": CONSENT.evidence}, set()),
    ("L21", "person_key", SCOPE, {**ELECTRONIC, "person_key": None}, set()),
    ("L22", "evidence", SCOPE, {"evidence": None}, set()),
    ("L22", "evidence", SCOPE, {**ORAL, "evidence": None}, set()),
    ("L23", "signers", SPECIAL, {**ELECTRONIC, "signers": CODE}, set()),
    ("L24", "notice", replace(SCOPE, notices=()), {}, set()),
    ("L24", "notice", SCOPE, {"notice": replace(CONSENT.notice, version="9.9")}, set()),
    ("L25", "notice.version", with_texts(superseded_at=AT), ELECTRONIC, set()),
    ("L25", "notice.version", with_texts(superseded_at=AT), ORAL, set()),
    ("L25", "notice.version", with_texts(superseded_at=AT - 30 * DAY), {}, set()),
    ("L26", "notice.sha256", SCOPE, {"shown": "00" * 32}, set()),
    ("L26", "notice.sha256", replace(SCOPE, texts=replace(SCOPE.texts, retention={})), {}, set()),
    (
        "L27",
        "notice.interpreter",
        SCOPE,
        {"notice": replace(CONSENT.notice, interpreter=Interpreter.ACCOMPANYING)},
        set(),
    ),
    ("L28", "notice", with_texts(reviewed=False), EASY, set()),
    ("L29", "signers", SCOPE, {"signers": BY_PARENTS["signers"]}, {"L46"}),
    ("L29", "signers", SCOPE, {"capacity": Capacity.GUARDIAN}, {"L46"}),
    ("L29", "signers", SCOPE, {"capacity": Capacity.SELF_AND_GUARDIAN}, set()),
    (
        "L29",
        "signers",
        SCOPE,
        {"capacity": Capacity.SELF_AND_GUARDIAN, "signers": (PARENT, PARENT)},
        set(),
    ),
    ("L30", "signers", SCOPE, {**BY_PARENTS, "signers": (PARENT,)}, set()),
    ("L31", "signers", SCOPE, {**BY_CARER, "signers": (replace(CARER, power_until=AT),)}, {"L32"}),
    (
        "L32",
        "valid_until",
        SCOPE,
        {**BY_CARER, "signers": (replace(CARER, power_until=UNTIL - SECOND),)},
        set(),
    ),
    (
        "L33",
        "signers",
        SCOPE,
        {**BY_CARER, "signers": (replace(CARER, areas_checked=False),)},
        set(),
    ),
    ("L33", "signers", SCOPE, {**BY_CARER, "capacity_basis": CapacityBasis.RULE}, set()),
    ("L38", "signers", WIDE, ENTRUSTED, set()),
    (
        "L39",
        "signers",
        SCOPE,
        {**BY_OFFICE, "recipients": frozenset({"youth-c"})},
        {"L01", "L09", "L26"},
    ),
    (
        "L39",
        "signers",
        SCOPE,
        {**BY_OFFICE, "releasers": frozenset({"youth-c"})},
        {"L01", "L09", "L26"},
    ),
    (
        "L39",
        "signers",
        SCOPE,
        {**BY_OFFICE, "signers": (replace(OFFICIAL, office="women-b"),)},
        set(),
    ),
    ("L41", "onward_from", SCOPE, {"onward_from": frozenset({"stranger"})}, {"L26"}),
    ("L41", "onward_from", SCOPE, {"onward_from": frozenset({"jobcentre-a"})}, set()),
    (
        "L41",
        "onward_from",
        with_party("health-c", secret_keeper=True),
        {"onward_from": frozenset({"health-c"}), "secrecy": Secrecy.SOCIAL},
        {"L43"},
    ),
    ("L42", "recipients", WITHOUT_UNDERTAKING, {}, set()),
    ("L43", "secrecy", SCOPE, {"secrecy": Secrecy.SOCIAL}, set()),
    ("L43", "secrecy", with_categories(secrecy=Secrecy.ENTRUSTED), {}, set()),
    ("L44", "collected_by", SCOPE, {"collected_by": "jobcentre-a"}, {"L45"}),
    (
        "L45",
        "collected_by",
        replace(SCOPE, collectors=BOTH),
        {"collected_by": "jobcentre-a"},
        set(),
    ),
    ("L46", "collected_at", SCOPE, {"signers": (replace(SUBJECT, at=AT - SECOND),)}, set()),
]
ELSEWHERE = {"L37", "L47", "L48"}
"""A proxy is refused by the reader of the record; the agency's signature by whoever verifies; what
was given before a restoration by the hub that was brought back."""


@pytest.mark.parametrize(("rule", "field", "scope", "facts", "along"), BREAKING)
def test_a_record_that_breaks_a_rule_is_found(
    rule: str, field: str, scope: Scope, facts: dict[str, Any], along: set[str]
) -> None:
    found = found_in(scope, **facts)

    assert {finding.id for finding in found} == {rule} | along
    assert [finding.id for finding in found] == sorted(finding.id for finding in found)
    mine = next(finding for finding in found if finding.id == rule)
    assert (mine.field, mine.severity) == (field, rules()[rule].severity)


KEEPING: list[tuple[Scope, dict[str, Any]]] = [
    (SCOPE, {}),
    (SCOPE, {"categories": frozenset(samples.HOUSING)}),
    SIX,
    (EXTRACT[0], {**EXTRACT[1], "uses": 999}),
    (with_purpose(uses=UsualUses.ONCE), {"uses": 999}),
    (SCOPE, {"now": AT - timedelta(minutes=5)}),
    (SCOPE, {"now": AT + 14 * DAY}),
    (SCOPE, {"valid_until": YEAR_LAST}),
    (SCOPE, {"uses": 1, "valid_until": ONCE_LAST}),
    (SCOPE, {"uses": 2, "valid_until": YEAR_LAST}),
    (SCOPE, {"valid_until": NOW + SECOND}),
    (SCOPE, ORAL),
    (SCOPE, {**ORAL, "form_reason": FormReason.BY_PHONE, "valid_until": AT + 300 * DAY}),
    (SPECIAL, {}),
    (SCOPE, ELECTRONIC),
    (SPECIAL, ELECTRONIC),
    (SPECIAL, {"signers": CODE}),
    (SCOPE, {**ELECTRONIC, "signers": CODE}),
    (with_texts(superseded_at=AT + SECOND), ELECTRONIC),
    (with_texts(superseded_at=AT + SECOND), ORAL),
    (with_texts(superseded_at=AT - 30 * DAY + SECOND), {}),
    (with_texts(reviewed=False), {}),
    (with_texts(reviewed=True), EASY),
    (SCOPE, {"notice": replace(CONSENT.notice, interpreter=Interpreter.PROFESSIONAL)}),
    (SCOPE, BY_PARENTS),
    (SCOPE, {**BY_PARENTS, "signers": (replace(PARENT, custody=Custody.SOLE),)}),
    (SCOPE, {"capacity": Capacity.SELF_AND_GUARDIAN, "signers": (SUBJECT, PARENT, PARENT)}),
    (SCOPE, BY_CARER),
    (SCOPE, {**BY_CARER, "signers": (replace(CARER, power_until=UNTIL),)}),
    (SCOPE, BY_OFFICE),
    (WIDE, {**ENTRUSTED, "signers": (SUBJECT, ENTRUSTING)}),
    (WIDE, {**ENTRUSTED, "signers": (replace(SUBJECT, entrusting=True),)}),
    (with_party("health-c", secret_keeper=True), {"onward_from": frozenset({"health-c"})}),
    (with_party("health-c"), {"onward_from": frozenset({"health-c"})}),
    (PAYER, {"collected_by": "jobcentre-a"}),
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


@pytest.mark.parametrize(("scope", "facts"), KEEPING)
def test_a_record_that_just_keeps_the_rules_has_no_finding(
    scope: Scope, facts: dict[str, Any]
) -> None:
    assert found_in(scope, **facts) == ()


def test_a_signature_is_recorded_up_to_the_ninetieth_day() -> None:
    assert broken(now=days_after(AT, 90)) == {"L13"}


def test_a_limit_names_the_days_of_the_agreement() -> None:
    assert found_in(uses=1, valid_until=ONCE_LAST + SECOND)[0].days == SCOPE.once_days == 183
    assert found_in(valid_until=YEAR_LAST + SECOND)[0].days == SCOPE.days == 366
    assert found_in(valid_until=AT)[0].days is None


def test_a_collector_that_is_no_party_is_found_and_nothing_crashes() -> None:
    assert broken(collected_by="stranger") == {"L26", "L44"}


def test_unknown_categories_are_wider_than_the_agreement_and_nothing_crashes() -> None:
    assert broken(categories=frozenset({"unheard-of"})) == {"L08", "L09", "L26"}


BORN = date(2011, 3, 2)
"""Fifteen on the day of the signature."""
BY_GUARDIANS = {**BY_PARENTS, "capacity_basis": CapacityBasis.ASSESSED}
SELF_AND_PARENTS: dict[str, Any] = {
    "capacity": Capacity.SELF_AND_GUARDIAN,
    "signers": (SUBJECT, PARENT, PARENT),
}
AGED: list[tuple[str, str, date, dict[str, Any]]] = [
    ("L34", "signers", date(2008, 3, 2), BY_GUARDIANS),
    ("L34", "signers", date(1970, 1, 1), SELF_AND_PARENTS),
    ("L34", "signers", date(1970, 1, 1), BY_OFFICE),
    ("L34", "valid_until", date(2008, 3, 3), BY_GUARDIANS),
    ("L34", "valid_until", date(2008, 8, 31), BY_GUARDIANS),
    ("L34", "valid_until", date(2008, 9, 1), {**BY_GUARDIANS, "valid_until": UNTIL + SECOND}),
    ("L35", "capacity_basis", date(2011, 3, 3), {}),
    ("L36", "capacity_basis", BORN, BY_PARENTS),
    ("L36", "capacity_basis", date(2008, 9, 30), BY_PARENTS),
]
KEEPING_AGED: list[tuple[date, dict[str, Any]]] = [
    (date(2008, 9, 1), BY_GUARDIANS),
    (date(2008, 9, 30), BY_GUARDIANS),
    (date(1970, 1, 1), {}),
    (date(1970, 1, 1), BY_CARER),
    (BORN, {}),
    (BORN, SELF_AND_PARENTS),
    (date(2011, 3, 3), {"capacity_basis": CapacityBasis.ASSESSED}),
    (date(2011, 3, 3), BY_PARENTS),
    (date(2011, 3, 3), SELF_AND_PARENTS),
]


@pytest.mark.parametrize(("rule", "field", "born", "facts"), AGED)
def test_an_age_that_breaks_a_rule_is_found_at_the_gateway_only(
    rule: str, field: str, born: date, facts: dict[str, Any]
) -> None:
    assert Finding(rule, "refuse", field) in found_in(local=Local(born=born), **facts)
    assert found_in(**facts) == ()


@pytest.mark.parametrize(("born", "facts"), KEEPING_AGED)
def test_an_age_that_just_keeps_the_rules_has_no_finding(born: date, facts: dict[str, Any]) -> None:
    assert found_in(local=Local(born=born), **facts) == ()


OTHER = replace(CONSENT, id="00000000-0000-4000-8000-000000000001", valid_until=UNTIL + DAY)


def test_a_second_equal_consent_is_found_at_the_gateway() -> None:
    local = Local(born=date(1970, 1, 1), live=(OTHER,))

    assert found_in(local=local) == (Finding("L40", "warn", "subject"),)


@pytest.mark.parametrize(
    "other",
    [
        CONSENT,
        replace(OTHER, releasers=BOTH),
        replace(OTHER, recipients=BOTH),
        replace(OTHER, onward_from=BOTH),
        replace(OTHER, categories=frozenset({"energy-bill"})),
        replace(OTHER, secrecy=Secrecy.ENTRUSTED),
        replace(OTHER, uses=1),
        replace(OTHER, purpose=replace(OTHER.purpose, code="energy-debt")),
    ],
)
def test_another_consent_of_the_same_case_is_no_finding(other: ConsentRecord) -> None:
    assert found_in(local=Local(born=date(1970, 1, 1), live=(other,))) == ()


def test_what_the_gateway_knows_is_never_shown() -> None:
    assert repr(Local(born=BORN, live=(OTHER,))) == "Local()"


def test_every_rule_about_consents_has_an_example() -> None:
    seen = {row[0] for row in BREAKING} | {row[0] for row in AGED} | {"L40"}

    assert seen | ELSEWHERE == {rule for rule in rules() if rule.startswith("L")}


def test_a_record_that_cannot_be_read_is_a_finding_too() -> None:
    assert unreadable(Malformed("x", member="notice.lang")).field == "notice.lang"
    assert unreadable(Malformed("x")) == Finding("L46", "refuse", "payload")


@pytest.mark.parametrize("member", ["releasers", "recipients"])
def test_parties_that_are_no_agencies_break_the_rule_about_groups(member: str) -> None:
    assert unreadable(Malformed("x", member=member)) == Finding("L01", "refuse", member)


@pytest.mark.parametrize("step", [0, 2, 3, 4, 5, 6, 8, 9])
def test_a_signature_that_does_not_verify_is_one_finding_whatever_is_wrong(step: int) -> None:
    found = unsigned(StatementNotAcceptable(step=step))
    assert found == Finding("L47", "refuse", "signatures")


def test_the_persons_signature_is_a_finding_of_its_own() -> None:
    assert unsigned(Tampered(step=7)) == Finding("L21", "refuse", "person_key")


def test_findings_hold_names_of_members_and_nothing_of_the_record() -> None:
    found = [finding for row in BREAKING for finding in found_in(row[2], **row[3])]

    assert {finding.field for finding in found} <= {
        *ConsentRecord.__dataclass_fields__,
        *("notice.version", "notice.sha256", "notice.interpreter"),
    }
    assert {finding.days for finding in found} == {None, 183, 366}


@pytest.mark.parametrize("day", [date(2026, 3, 28), date(2026, 10, 24), date(2028, 2, 28)])
def test_twenty_eight_days_are_days_whatever_their_length(day: date) -> None:
    begin = begin_of(day)
    last = begin_of(day + 28 * DAY)
    signed = tuple(replace(signer, at=begin) for signer in ORAL["signers"])
    times = {"collected_at": begin, "valid_from": begin, "signers": signed, "now": begin}

    assert broken(SPECIAL, **{**ORAL, **times, "valid_until": last}) == {"L19"}
    assert broken(SPECIAL, **{**ORAL, **times, "valid_until": last + SECOND}) == {"L18"}
