"""Whom a consent is about: the facts in its sealed block, which only the parties can open.

Personal data, and the only place of a record that holds any. Never logged, never in an error;
shown as untrusted text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from exchange.canonical import Json
from exchange.consent.words import Power
from exchange.errors import Malformed
from exchange.keyid import agency_id
from exchange.members import FIRST_YEAR, LAST_YEAR, Members, words

NAME_SIZE = 200
"""Characters of a name or a case number."""
PARTICULARS_SIZE = 4_000
"""Characters of the particulars, such as which flat it is about."""
MOST_CASES = 32
"""Case numbers; one for each party a block is sealed to."""
MOST_GUARDIANS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianFacts:
    """A guardian by name, as on the paper."""

    name: str = field(repr=False)
    power: Power


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectFacts:
    """Who it is. Its representation shows nothing."""

    family_name: str = field(repr=False)
    given_name: str = field(repr=False)
    born: date = field(repr=False)
    """For matching only; the hub never sees it."""
    case_numbers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By agency."""
    guardians: tuple[GuardianFacts, ...] = field(default=(), repr=False)
    particulars: str | None = field(default=None, repr=False)
    """Free text that makes the purpose concrete."""

    def payload(self) -> dict[str, Json]:
        """Return the member `subject` of the block; `read_subject` is the way back."""
        written: dict[str, Json] = {
            "family_name": self.family_name,
            "given_name": self.given_name,
            "born": self.born.isoformat(),
            "case_numbers": dict(self.case_numbers),
            "guardians": [
                {"name": guardian.name, "power": guardian.power.value}
                for guardian in self.guardians
            ],
        }
        return written if self.particulars is None else {**written, "particulars": self.particulars}


def read_subject(value: object) -> SubjectFacts:
    """Read the facts from the block, or from a draft, which may leave out the lists.

    Raises:
        Malformed: an unknown, missing or wrongly typed member; nothing of it is quoted.
    """
    members = Members(value, "subject")
    found = SubjectFacts(
        family_name=members.text("family_name", size=NAME_SIZE),
        given_name=members.text("given_name", size=NAME_SIZE),
        born=members.take("born", _day),
        case_numbers=_cases(members) if members.has("case_numbers") else {},
        guardians=_guardians(members) if members.has("guardians") else (),
        particulars=(
            members.text("particulars", size=PARTICULARS_SIZE, lines=True)
            if members.has("particulars")
            else None
        ),
    )
    members.end()
    return found


def block(consent_id: str, ref: str, facts: SubjectFacts) -> dict[str, Json]:
    """Return what is sealed: it repeats id and reference, so that no block fits another record."""
    return {"consent": consent_id, "ref": ref, "subject": facts.payload()}


def _cases(members: Members) -> dict[str, str]:
    cases = members.mapping("case_numbers")
    if len(cases) > MOST_CASES:
        raise Malformed(f"subject.case_numbers: more than {MOST_CASES}")
    return {agency_id(agency): words(text, size=NAME_SIZE) for agency, text in cases.items()}


def _guardians(members: Members) -> tuple[GuardianFacts, ...]:
    return tuple(_guardian(entry) for entry in members.objects("guardians", 0, MOST_GUARDIANS))


def _guardian(entry: Members) -> GuardianFacts:
    found = GuardianFacts(name=entry.text("name", size=NAME_SIZE), power=entry.word("power", Power))
    entry.end()
    return found


def _day(value: object) -> date:
    text = value.isoformat() if type(value) is date else value  # as TOML writes it
    try:
        found = date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise Malformed("a date is written YYYY-MM-DD")
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Malformed(f"a date lies from {FIRST_YEAR} to {LAST_YEAR}")
    return found
