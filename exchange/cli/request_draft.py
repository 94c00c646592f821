"""The draft of a document request: a commented TOML file, and what it becomes when it is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from exchange.agency.ask import RequestDraft
from exchange.canonical import encode
from exchange.cli.consent_blanks import OF_SUBJECT, is_blank
from exchange.cli.drafts import read_toml
from exchange.consent.subject import read_subject
from exchange.days import end_of
from exchange.errors import Malformed
from exchange.members import Members
from exchange.wire.request import MOST_CATEGORIES, WORDS_SIZE
from exchange.wire.request import Wanted as WantedWords

TEMPLATE = """\
# What this agency needs of a partner. Fill in what is missing, then: exchange requests ask {file}
# This file names a person: keep it as a case file is kept, and delete it after asking.

id = "{id}"  # made for this draft; leave it
to = {to}
agreement = {agreement}
{consent}
purpose = {purpose}
categories = {categories}
until = {until}  # up to and including this day, German time; at most 30 days ahead

# Sealed to the partner; the hub never sees what follows. Without it nobody there could judge.
needed = ""  # which documents, in words
why = ""  # why they are necessary for this purpose

[subject]
family_name = ""
given_name = ""
born = ""  # such as 1990-05-17
# particulars = "which flat it is about"
# case_numbers = {{ agency-a = "file number there" }}
"""

_NEEDED = ("id", "to", "agreement", "purpose", "categories", "until", "needed", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `exchange requests new` was told."""

    to: str
    agreement: str
    consent: str | None
    purpose: str
    categories: Sequence[str]
    until: date


def template(wanted: Wanted, *, file: Path) -> str:
    """Return the text of a draft with a fresh id."""
    consent = '# consent = "its id"  # without one, the partner is asked to seek one'
    if wanted.consent is not None:
        consent = f"consent = {_quoted(wanted.consent)}"
    return TEMPLATE.format(
        file=file.name,
        id=uuid4(),
        to=_quoted(wanted.to),
        agreement=_quoted(wanted.agreement),
        consent=consent,
        purpose=_quoted(wanted.purpose),
        categories="[" + ", ".join(map(_quoted, wanted.categories)) + "]",
        until=wanted.until.isoformat(),
    )


def read_draft(path: Path) -> RequestDraft:
    """Return the request in the draft file `path`.

    Raises:
        Malformed: not TOML, or a member is unknown, missing or wrong; nothing of it is quoted.
    """
    table = read_toml(path)
    if missing := _blanks(table):
        raise Malformed(f"{path.name} is not complete: {', '.join(missing)}")
    categories = table.get("categories")
    if isinstance(categories, list) and all(isinstance(name, str) for name in categories):
        table["categories"] = sorted(set(categories))  # people write them as they think of them
    members = Members(table)
    found = RequestDraft(
        id=members.uuid("id"),
        to=members.agency("to"),
        agreement=members.uuid("agreement"),
        consent=members.uuid("consent") if members.has("consent") else None,
        purpose=members.code("purpose"),
        categories=members.codes("categories", 1, MOST_CATEGORIES),
        deadline=end_of(members.take("until", _day)),
        wanted=WantedWords(
            subject=members.take("subject", read_subject),
            needed=members.text("needed", size=WORDS_SIZE, lines=True),
            why=members.text("why", size=WORDS_SIZE, lines=True),
        ),
    )
    members.end()
    return found


def _blanks(table: Mapping[str, Any]) -> list[str]:
    """Return the paths of all members that are missing or empty, in the order of the draft."""
    found = [name for name in _NEEDED if is_blank(table.get(name))]
    subject = table.get("subject")
    if not isinstance(subject, Mapping):
        return [*found, "subject"]
    return found + [f"subject.{name}" for name in OF_SUBJECT if is_blank(subject.get(name))]


def _day(value: object) -> date:
    if type(value) is not date:  # a date with time is one too, and means something else
        raise Malformed("the last day is written YYYY-MM-DD, without quotes")
    return value


def _quoted(text: str) -> str:
    """Return a TOML basic string; every JSON string is one."""
    return encode(text).decode("utf-8")
