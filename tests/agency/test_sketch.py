"""A consent being prepared: kept without a name, complete when somebody has signed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from exchange.agency import home as homes
from exchange.agency import sketch as sketches
from exchange.agency.home import Home
from exchange.agency.sketch import KEPT, Signed, Sketch, completed, unsigned
from exchange.consent.subject import GuardianFacts, SubjectFacts
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
from exchange.errors import Malformed, NotFound
from tests.samples import AGREEMENT

NOW = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
SKETCH = Sketch(
    id="5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a21",
    agreement=str(AGREEMENT["id"]),
    releasers=frozenset({"women-b"}),
    recipients=frozenset({"jobcentre-a"}),
    categories=frozenset({"rent-arrears-letter"}),
    purpose="housing-loss",
    uses=1,
    first=date(2026, 3, 3),
    last=date(2026, 6, 1),
    form=Form.WRITTEN,
    form_reason=None,
    capacity=Capacity.SELF,
    entrusting=False,
    text=("consent-form", "1.0", "de"),
    made_at=NOW,
)
SIGNED = Signed(
    at=NOW + timedelta(hours=1),
    subject=SubjectFacts(family_name="CANARY", given_name="x", born=date(1990, 5, 17)),
    evidence="ab" * 32,
    pages=2,
    identified=Identified.KNOWN,
    interpreter=Interpreter.STAFF,
    capacity_basis=CapacityBasis.ASSESSED,
    custody=Custody.SOLE,
    areas_checked=True,
    shown="cd" * 32,
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = homes.at(tmp_path / "home")
    homes.create(found)
    return found


@pytest.mark.parametrize(
    "sketch",
    [
        SKETCH,
        replace(SKETCH, uses="recurring", entrusting=True),
        replace(SKETCH, uses=7, form=Form.ORAL_MINUTED, form_reason=FormReason.BY_PHONE),
    ],
)
def test_what_is_kept_is_read_again(home: Home, sketch: Sketch) -> None:
    sketches.keep(home, sketch)

    assert sketches.find_sketch(home, sketch.id) == sketch
    assert sketches.list_sketches(home, NOW) == [sketch]


def test_what_nobody_signs_is_forgotten(home: Home) -> None:
    old = replace(SKETCH, id="5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a22", made_at=NOW - KEPT)
    for one in (SKETCH, old):
        sketches.keep(home, one)

    assert sketches.list_sketches(home, NOW + timedelta(seconds=1)) == [SKETCH]
    with pytest.raises(NotFound):
        sketches.find_sketch(home, old.id)
    sketches.forget(home, SKETCH.id)
    sketches.forget(home, SKETCH.id)
    assert sketches.list_sketches(home, NOW) == []


@pytest.mark.parametrize("member", ["first", "text", "uses", "form"])
def test_a_damaged_sketch_is_refused(home: Home, member: str) -> None:
    sketches.keep(home, SKETCH)
    (file,) = home.sketches.iterdir()
    text = file.read_text()
    file.write_text(text.replace(f'"{member}":', f'"{member}":0,"was":'))

    with pytest.raises(Malformed):
        sketches.find_sketch(home, SKETCH.id)


def test_before_it_is_signed_it_names_nobody(home: Home) -> None:
    draft = unsigned(SKETCH, NOW)

    assert draft.subject == sketches.NOBODY
    assert draft.evidence is None
    assert [signer.role for signer in draft.signers] == [Role.SUBJECT]
    assert (draft.valid_from, draft.collected_at) == (NOW, NOW)


def test_on_its_first_day_it_begins_with_the_signature() -> None:
    same, later = completed(SKETCH, SIGNED, NOW), replace(SKETCH, first=date(2026, 3, 9))

    assert same.valid_from == same.collected_at == SIGNED.at
    assert completed(later, SIGNED, NOW).valid_from == datetime(2026, 3, 8, 23, tzinfo=UTC)
    assert same.evidence is not None
    assert (same.evidence.kind, same.evidence.pages) == (EvidenceKind.SCAN, 2)
    assert same.notice.sha256 == SIGNED.shown
    assert same.signers[0].custody is None


@pytest.mark.parametrize(
    ("capacity", "roles"),
    [
        (Capacity.SELF, [Role.SUBJECT]),
        (Capacity.SELF_AND_GUARDIAN, [Role.SUBJECT, Role.GUARDIAN, Role.GUARDIAN]),
        (Capacity.GUARDIAN, [Role.GUARDIAN, Role.GUARDIAN]),
    ],
)
def test_whoever_has_to_sign_has_signed(capacity: Capacity, roles: list[Role]) -> None:
    guardians = (
        GuardianFacts(name="x", power=Power.PARENT),
        GuardianFacts(name="y", power=Power.CARER),
    )
    signed = replace(SIGNED, subject=replace(SIGNED.subject, guardians=guardians))
    sketch = replace(SKETCH, capacity=capacity, form=Form.ORAL_MINUTED)

    draft = completed(sketch, signed, NOW)

    assert [signer.role for signer in draft.signers] == [*roles, Role.WITNESS]
    for signer in draft.signers:
        assert signer.custody == (Custody.SOLE if signer.power is Power.PARENT else None)
        assert signer.areas_checked == (signer.power is Power.CARER)
    assert draft.evidence is not None
    assert draft.evidence.kind is EvidenceKind.MINUTES
    unseen = completed(sketch, replace(signed, areas_checked=False), NOW)
    assert not any(signer.areas_checked for signer in unseen.signers)
