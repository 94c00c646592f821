"""exchange.agreement.reading and .record: one literal agreement, and what its reader refuses."""

from contextlib import suppress
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.agreement.reading import payload, read_agreement
from exchange.agreement.record import (
    Agreement,
    Attestation,
    AttestationCode,
    Flow,
    HubNamed,
    Limits,
    Party,
    Release,
    Retention,
    Undertaking,
)
from exchange.agreement.term import Renewing
from exchange.consent import texts
from exchange.errors import ExchangeError, LintRefused, Malformed
from exchange.statement import Kind
from exchange.vocabulary import (
    Body,
    ScopeFlow,
    ScopeParty,
    ScopeTexts,
    Secrecy,
    shipped,
)
from tests import samples
from tests.samples import ABSENT, AGREEMENT, agreement, verified


def with_entry(name: str, place: int, **members: Any) -> dict[str, Any]:
    """Return the list `name` of the example with other members in one entry."""
    entries = deepcopy(AGREEMENT[name])
    entries[place] |= members
    entries[place] = {key: entries[place][key] for key in entries[place]}
    for key in [key for key, value in entries[place].items() if value is ABSENT]:
        del entries[place][key]
    return {name: entries}


def test_the_agreement_is_read_member_by_member() -> None:
    assert agreement() == Agreement(
        digest=samples.AGREEMENT_DIGEST,
        id="3f0c9b1e-6f57-4a3c-9d22-0a4f6d1c7b11",
        iat=1767261600,
        drafted_by="jobcentre-a",
        title="Vereinbarung zum Erhalt von Wohnraum",
        term=Renewing(
            begins=datetime(2025, 12, 31, 23, tzinfo=UTC), first_year=2026, notice_months=3
        ),
        parties=(
            Party(
                agency="jobcentre-a",
                kid=samples.KID_A,
                name="Jobcenter Kreis A",
                contact="Am Markt 1, 00000 Musterstadt",
                officer="datenschutz@jobcentre-a.example",
                public_label="Amt 1",
                body=Body.SGB35,
                secret_keeper=False,
                benefit=True,
            ),
            Party(
                agency="women-b",
                kid=samples.KID_B,
                name="Frauenberatung B",
                contact="Nebenweg 2, 00000 Musterstadt",
                officer="datenschutz@women-b.example",
                public_label="Beratungsstelle 3",
                body=Body.PRIVATE,
                secret_keeper=True,
                benefit=False,
            ),
        ),
        collectors=frozenset({"women-b"}),
        flows=(
            Flow(
                sender="jobcentre-a",
                recipient="women-b",
                categories=frozenset({"energy-bill", "rent-arrears-letter"}),
                secrecy=Secrecy.SOCIAL,
                release=Release.CONSENT,
            ),
            Flow(
                sender="women-b",
                recipient="jobcentre-a",
                categories=frozenset(samples.HOUSING),
                secrecy=Secrecy.PROFESSIONAL,
                release=Release.EACH,
            ),
        ),
        purposes=frozenset({"energy-debt", "housing-loss"}),
        vocabulary=shipped().part(
            frozenset({"energy-debt", "housing-loss"}), frozenset(samples.HOUSING)
        ),
        notices=tuple(text for text in texts.shipped() if text.id in texts.IN_AGREEMENTS),
        undertakings=(Undertaking(agency="women-b", sha256="ab" * 32),),
        attestations=(
            Attestation(code=AttestationCode.OPERATOR_BOUND_TO_SECRECY, date=date(2025, 11, 30)),
            Attestation(code=AttestationCode.PROCESSING_CONTRACT, date=date(2025, 12, 1)),
        ),
        authority="Landesbeauftragte für den Datenschutz",
        retention=Retention(
            years=3, words={"de": "drei Jahre", "de-simple": "3 Jahre", "en": "three years"}
        ),
        limits=Limits(once_days=183, days=366),
        hub=HubNamed(
            operator="IT des Kreises A", storage_location="Deutschland", page="hub.example/p/"
        ),
    )


def test_the_agreement_is_written_as_it_was_read() -> None:
    assert payload(agreement()) == AGREEMENT


def test_a_fixed_term_is_read_and_written() -> None:
    term = {"from": "2026-01-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"}
    assert payload(agreement(term=term))["term"] == term


@pytest.mark.parametrize(
    "term",
    [
        {"from": "1900-06-01T00:00:00Z", "first_year": 1900, "notice_months": 1},
        {"from": "2026-12-31T22:59:59Z", "first_year": 2026, "notice_months": 12},
        {"from": "2026-01-01T00:00:00Z", "first_year": 9000, "notice_months": 3},
        {"from": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:01Z"},
    ],
)
def test_terms_at_the_edge_of_what_is_sensible_are_read(term: dict[str, Any]) -> None:
    assert payload(agreement(term=term))["term"] == term


def test_a_term_that_never_begins_says_so() -> None:
    with pytest.raises(Malformed, match=r"^term: it ends before it begins$"):
        agreement(**REFUSED["term that ends before it begins"])


def test_the_scope_is_what_consents_may_be_at_most() -> None:
    scope = agreement().scope()
    assert scope.agreement == samples.AGREEMENT_DIGEST
    assert scope.parties == {
        "jobcentre-a": ScopeParty(
            agency="jobcentre-a",
            name="Jobcenter Kreis A",
            contact="Am Markt 1, 00000 Musterstadt",
            officer="datenschutz@jobcentre-a.example",
            public_label="Amt 1",
            body=Body.SGB35,
            secret_keeper=False,
            benefit=True,
            undertaken=False,
        ),
        "women-b": ScopeParty(
            agency="women-b",
            name="Frauenberatung B",
            contact="Nebenweg 2, 00000 Musterstadt",
            officer="datenschutz@women-b.example",
            public_label="Beratungsstelle 3",
            body=Body.PRIVATE,
            secret_keeper=True,
            benefit=False,
            undertaken=True,
        ),
    }
    assert scope.collectors == {"women-b"}
    assert scope.flows[1] == ScopeFlow(
        sender="women-b",
        recipient="jobcentre-a",
        categories=frozenset(samples.HOUSING),
        secrecy=Secrecy.PROFESSIONAL,
    )
    assert scope.flow("women-b", "jobcentre-a") == scope.flows[1]
    assert scope.flow("women-b", "women-b") is None
    assert (scope.once_days, scope.days) == (183, 366)
    assert scope.vocabulary == agreement().vocabulary
    assert scope.texts == ScopeTexts(
        title="Vereinbarung zum Erhalt von Wohnraum",
        authority="Landesbeauftragte für den Datenschutz",
        retention={"de": "drei Jahre", "de-simple": "3 Jahre", "en": "three years"},
        operator="IT des Kreises A",
        storage_location="Deutschland",
        page="hub.example/p/",
    )
    assert scope.notices == agreement().notices
    assert scope.notice("consent-form", "1.0", "de") == scope.notices[0]
    assert scope.notice("consent-form", "1.0", "fr") is None


def test_a_text_says_from_when_on_another_version_is_needed() -> None:
    outdated = with_entry("notices", 0, superseded_at="2026-07-01T00:00:00Z")
    found = agreement(**outdated)
    assert found.notices[0].superseded_at == datetime(2026, 7, 1, tzinfo=UTC)
    assert payload(found)["notices"] == outdated["notices"]


REFUSED: dict[str, dict[str, Any]] = {
    "unknown member": {"remark": "x"},
    "title of two lines": {"title": "a\nb"},
    "one party": {"parties": AGREEMENT["parties"][:1]},
    "parties not sorted": {"parties": AGREEMENT["parties"][::-1]},
    "a party twice": {"parties": [AGREEMENT["parties"][0]] * 2},
    "a party with more": with_entry("parties", 0, age=1),
    "a party of no class": with_entry("parties", 0, body="church"),
    "a party that may be a secret keeper": with_entry("parties", 0, secret_keeper="maybe"),
    "a party without officer": with_entry("parties", 0, officer=ABSENT),
    "another key than the one that signed": with_entry("parties", 0, kid="C" * 42 + "A"),
    "drafted by a stranger": {"drafted_by": "youth-d"},
    "collected by a stranger": {"collectors": ["youth-d"]},
    "collected by nobody": {"collectors": []},
    "flow to a stranger": with_entry("flows", 1, to="youth-d"),
    "flow from a stranger": with_entry("flows", 1, **{"from": "zz"}),
    "flows not sorted": {"flows": AGREEMENT["flows"][::-1]},
    "flow with more": with_entry("flows", 0, both=True),
    "flow of no class": with_entry("flows", 0, secrecy="none"),
    "flow released by nobody": with_entry("flows", 0, release="never"),
    "no flow": {"flows": []},
    "a purpose without entry": {"purposes": ["debt-advice", "energy-debt", "housing-loss"]},
    "an entry without purpose": {"purposes": ["housing-loss"]},
    "a category without entry": with_entry("flows", 0, categories=["care-note"]),
    "an entry without category": {"flows": AGREEMENT["flows"][:1]},
    "a text with another digest": with_entry("notices", 0, text="Etwas anderes\n"),
    "a text with more": with_entry("notices", 0, by="x"),
    "a text twice": {"notices": AGREEMENT["notices"][:1] * 2},
    "texts not sorted": {"notices": AGREEMENT["notices"][::-1]},
    "an undertaking of a public party": with_entry("undertakings", 0, agency="jobcentre-a"),
    "an undertaking with more": with_entry("undertakings", 0, text="x"),
    "an undertaking twice": {"undertakings": AGREEMENT["undertakings"] * 2},
    "an unknown attestation": with_entry("attestations", 0, code="all-good"),
    "an attestation with more": with_entry("attestations", 0, by="x"),
    "attestations not sorted": {"attestations": AGREEMENT["attestations"][::-1]},
    "a date with time": with_entry("attestations", 0, date="2025-11-30T00:00:00Z"),
    "a date without hyphens": with_entry("attestations", 0, date="20251130"),
    "a day that never was": with_entry("attestations", 0, date="2025-02-30"),
    "a date as number": with_entry("attestations", 0, date=20251130),
    "kept for no year": {"retention": {**AGREEMENT["retention"], "years": 0}},
    "kept for ever": {"retention": {**AGREEMENT["retention"], "years": 31}},
    "kept without words in a language of the texts": {
        "retention": {"years": 3, "words": {"de": "drei Jahre", "en": "three years"}}
    },
    "retention with more": {"retention": {**AGREEMENT["retention"], "x": 1}},
    "limits with more": {"limits": {**AGREEMENT["limits"], "x": 1}},
    "no limit": {"limits": {"once_days": 183, "days": 732}},
    "hub with more": {"hub": {**AGREEMENT["hub"], "x": 1}},
    "term that ends before it begins": {
        "term": {"from": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    },
    "term that renews before it begins": {
        "term": {"from": "2026-12-31T23:00:00Z", "first_year": 2026, "notice_months": 3}
    },
    "term with both ends": {"term": {**AGREEMENT["term"], "until": "2027-01-01T00:00:00Z"}},
    "term without notice": {"term": {"from": "2026-01-01T00:00:00Z", "first_year": 2026}},
    "term of long ago": {"term": {**AGREEMENT["term"], "first_year": 1899}},
    "notice of no month": {"term": {**AGREEMENT["term"], "notice_months": 0}},
    "notice of thirteen months": {"term": {**AGREEMENT["term"], "notice_months": 13}},
    "not the only basis, maybe": {"sole_basis": "yes"},
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_agreement_with_a_wrong_member_is_refused(case: str) -> None:
    with pytest.raises(Malformed):
        agreement(**REFUSED[case])


@pytest.mark.parametrize("member", sorted(AGREEMENT))
def test_every_member_is_needed(member: str) -> None:
    with pytest.raises(Malformed, match=member):
        agreement(**{member: ABSENT})


def with_purpose(**members: Any) -> dict[str, Any]:
    vocabulary = AGREEMENT["vocabulary"]
    changed = {name: {**entry, **members} for name, entry in vocabulary["purpose"].items()}
    return {"vocabulary": {**vocabulary, "purpose": changed}}


@pytest.mark.parametrize(
    ("rule", "members"),
    [
        ("A03", with_purpose(**{"class": "sanction"})),
        ("A04", {"refusal_consequences": "benefit reduced"}),
        ("A05", {"sole_basis": False}),
        ("V01", with_purpose(label={"de": "nur deutsch"})),
        ("A07", with_entry("flows", 0, categories=[])),
        ("A07", with_entry("flows", 0, to="jobcentre-a")),
    ],
)
def test_an_agreement_the_law_would_not_bear_is_refused_by_its_rule(
    rule: str, members: dict[str, Any]
) -> None:
    with pytest.raises(LintRefused) as refused:
        agreement(**members)
    assert [finding.id for finding in refused.value.findings] == [rule]


def test_another_kind_of_statement_is_refused() -> None:
    with pytest.raises(Malformed, match="not an agreement"):
        read_agreement(verified(Kind.CONSENT, AGREEMENT))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just("jobcentre-a"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*AGREEMENT, "from", "to", "purpose", "category"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(AGREEMENT)), VALUES)
def test_garbage_is_refused_or_written_back_as_it_came(member: str, value: object) -> None:
    members = {**AGREEMENT, member: value}
    with suppress(ExchangeError):
        assert payload(read_agreement(verified(Kind.AGREEMENT, members))) == members
