"""A consent that is being prepared: all that its text says, and nobody's name.

It lies in the home from the day its form is printed to the day it comes back signed; a person is
named only when it becomes a record, and that is sealed at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

from exchange import canonical
from exchange.agency.home import Home
from exchange.agency.record_consent import ConsentDraft
from exchange.canonical import Json
from exchange.consent.record import (
    MOST_AGENCIES,
    MOST_CATEGORIES,
    Evidence,
    ShownNotice,
    Signer,
    read_uses,
)
from exchange.consent.subject import SubjectFacts
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
from exchange.days import begin_of, day_of, end_of
from exchange.durable import sync_directory, write_bytes_durably
from exchange.errors import Malformed, NotFound
from exchange.members import Members
from exchange.vocabulary import Uses

KEPT: Final = timedelta(days=60)
"""How long a sketch that nobody signs is kept."""
NOBODY: Final = SubjectFacts(family_name="", given_name="", born=date.min)
"""In the place of who it is about, until somebody has signed."""
NOT_SHOWN: Final = "0" * 64
"""In the place of the digest of a text that nobody was shown yet."""
_LARGEST: Final = 64 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What a consent will say, without who it is about and how it was signed."""

    id: str
    """Version 4 UUID: that of the record to be."""
    agreement: str
    """Id of the agreement."""
    releasers: frozenset[str]
    recipients: frozenset[str]
    categories: frozenset[str]
    purpose: str
    uses: Uses
    first: date
    """First day: that of the signature, or a later one."""
    last: date
    """Last day on which it holds."""
    form: Form
    """Written or oral; an electronic one is signed by the person on her own page."""
    form_reason: FormReason | None
    """Exactly where it is oral."""
    capacity: Capacity
    entrusting: bool
    """Whether the person has entrusted the data herself (§ 65 SGB VIII)."""
    text: tuple[str, str, str]
    """Id, version and language of the form that is shown."""
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """How a sketch was signed, and by whom."""

    at: datetime
    subject: SubjectFacts
    evidence: str
    """SHA-256 of the scan or the minutes, lowercase hex."""
    pages: int
    identified: Identified
    interpreter: Interpreter
    capacity_basis: CapacityBasis
    custody: Custody | None
    """Why one parent's signature suffices; None where both signed, or none."""
    areas_checked: bool
    """Whether a carer's document was seen, and its areas of duty cover this."""
    shown: str
    """SHA-256 of the text that was shown, lowercase hex."""


def fresh_id() -> str:
    """Return an id for a sketch to be made."""
    return str(uuid4())


def keep(home: Home, sketch: Sketch) -> None:
    """Store a sketch. Durable on return."""
    facts: dict[str, Json] = {
        "agreement": sketch.agreement,
        "releasers": sorted(sketch.releasers),
        "recipients": sorted(sketch.recipients),
        "categories": sorted(sketch.categories),
        "purpose": sketch.purpose,
        "uses": "once" if sketch.uses == 1 else sketch.uses,
        "first": sketch.first.isoformat(),
        "last": sketch.last.isoformat(),
        "form": sketch.form.value,
        "capacity": sketch.capacity.value,
        "entrusting": sketch.entrusting,
        "text": list(sketch.text),
        "made_at": sketch.made_at.isoformat(),
    }
    if sketch.form_reason is not None:
        facts["form_reason"] = sketch.form_reason.value
    write_bytes_durably(_file(home, sketch.id), canonical.encode(facts) + b"\n")


def list_sketches(home: Home, now: datetime) -> list[Sketch]:
    """Return the sketches that wait here, the newest first; forget those whose time is over."""
    found = [_read(path) for path in home.sketches.glob("*.json")]
    for old in found:
        if old.made_at < now - KEPT:
            forget(home, old.id)
    kept = [one for one in found if one.made_at >= now - KEPT]
    return sorted(kept, key=lambda one: one.made_at, reverse=True)


def find_sketch(home: Home, sketch_id: str) -> Sketch:
    """Return one sketch that waits here.

    Raises:
        NotFound: there is none with this id; perhaps it was recorded.
    """
    for path in home.sketches.glob("*.json"):
        if path.stem == sketch_id:
            return _read(path)
    raise NotFound("no consent with this id is being prepared")


def forget(home: Home, sketch_id: str) -> None:
    """Remove a sketch: it was recorded, or nobody will sign it. Harmless where it is gone."""
    _file(home, sketch_id).unlink(missing_ok=True)
    sync_directory(home.sketches)


def unsigned(sketch: Sketch, now: datetime) -> ConsentDraft:
    """Return the draft whose text the person is shown, before anybody has signed."""
    return _draft(sketch, now, None)


def completed(sketch: Sketch, signed: Signed, now: datetime) -> ConsentDraft:
    """Return the draft that becomes a record."""
    return _draft(sketch, now, signed)


def to_invite(
    sketch: Sketch, subject: SubjectFacts, identified: Identified, now: datetime
) -> ConsentDraft:
    """Return the draft that waits for the person to sign it on her own page.

    Args:
        sketch: of an electronic consent.
        subject: who it is about.
        identified: how the office knows whom it gives the invitation to.
        now: aware moment.
    """
    draft = unsigned(sketch, now)
    signers = tuple(replace(signer, identified=identified) for signer in draft.signers)
    return replace(draft, subject=subject, signers=signers)


def _draft(sketch: Sketch, now: datetime, signed: Signed | None) -> ConsentDraft:
    at = now.replace(microsecond=0) if signed is None else signed.at
    # On the day of the signature it begins with the signature, not before it.
    begins = at if sketch.first == day_of(at) else begin_of(sketch.first)
    text_id, version, lang = sketch.text
    minutes = sketch.form is Form.ORAL_MINUTED
    kind = EvidenceKind.MINUTES if minutes else EvidenceKind.SCAN
    return ConsentDraft(
        id=sketch.id,
        agreement=sketch.agreement,
        releasers=sketch.releasers,
        recipients=sketch.recipients,
        onward_from=frozenset(),
        categories=sketch.categories,
        secrecy=None,
        purpose=sketch.purpose,
        uses=sketch.uses,
        valid_from=begins,
        valid_until=end_of(sketch.last),
        form=sketch.form,
        form_reason=sketch.form_reason,
        capacity=sketch.capacity,
        capacity_basis=CapacityBasis.RULE if signed is None else signed.capacity_basis,
        signers=tuple(_signers(sketch, at, signed)),
        notice=ShownNotice(
            id=text_id,
            version=version,
            lang=lang,
            sha256=NOT_SHOWN if signed is None else signed.shown,
            interpreter=Interpreter.NONE if signed is None else signed.interpreter,
        ),
        evidence=None
        if signed is None
        else Evidence(sha256=signed.evidence, kind=kind, pages=signed.pages),
        collected_at=at,
        subject=NOBODY if signed is None else signed.subject,
        as_of=now.replace(microsecond=0),
    )


def _signers(sketch: Sketch, at: datetime, signed: Signed | None) -> list[Signer]:
    identified = Identified.IN_PERSON if signed is None else signed.identified
    found: list[Signer] = []
    if sketch.capacity is not Capacity.GUARDIAN:
        found.append(
            Signer(role=Role.SUBJECT, at=at, identified=identified, entrusting=sketch.entrusting)
        )
    if sketch.capacity is not Capacity.SELF:
        powers = [Power.PARENT] if signed is None else [g.power for g in signed.subject.guardians]
        found += [
            Signer(
                role=Role.GUARDIAN,
                at=at,
                identified=identified,
                power=power,
                areas_checked=power is Power.CARER and signed is not None and signed.areas_checked,
                custody=_custody(signed) if power is Power.PARENT else None,
            )
            for power in powers
        ]
    if sketch.form is Form.ORAL_MINUTED:
        found.append(Signer(role=Role.WITNESS, at=at, identified=Identified.KNOWN))
    return found


def _custody(signed: Signed | None) -> Custody | None:
    return None if signed is None else signed.custody


def _file(home: Home, sketch_id: str) -> Path:
    return home.sketches / f"{sketch_id}.json"


def _read(path: Path) -> Sketch:
    members = Members(canonical.loads(path.read_bytes(), limit=_LARGEST), "sketch")
    text = members.take("text", _three)
    found = Sketch(
        id=path.stem,
        agreement=members.uuid("agreement"),
        releasers=members.agencies("releasers", 1, MOST_AGENCIES),
        recipients=members.agencies("recipients", 1, MOST_AGENCIES),
        categories=members.codes("categories", 1, MOST_CATEGORIES),
        purpose=members.code("purpose"),
        uses=members.take("uses", read_uses),
        first=members.take("first", _parsed(date.fromisoformat)),
        last=members.take("last", _parsed(date.fromisoformat)),
        form=members.word("form", Form),
        form_reason=members.word("form_reason", FormReason) if members.has("form_reason") else None,
        capacity=members.word("capacity", Capacity),
        entrusting=members.flag("entrusting"),
        text=text,
        made_at=members.take("made_at", _parsed(datetime.fromisoformat)),
    )
    members.end()
    return found


def _three(value: object) -> tuple[str, str, str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Malformed("not the name of a text")
    text_id, version, lang = value
    return text_id, version, lang


def _parsed(read: Callable[[str], T]) -> Callable[[object], T]:
    def parsed(value: object) -> T:
        try:
            return read(str(value))
        except ValueError:
            raise Malformed("not a day or a moment") from None

    return parsed
