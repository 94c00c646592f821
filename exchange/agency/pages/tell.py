"""Codes, states and errors in the words of one language."""

from collections.abc import Iterable
from datetime import date, datetime

from exchange.agency.pages.book import Book
from exchange.consent.record import ConsentRecord
from exchange.days import day_of, last_day
from exchange.errors import ExchangeError, Held, LintRefused, Malformed, NotCovered
from exchange.forms.account import Fact, Said
from exchange.pages.words import Words
from exchange.rules import sentence


def reasons(say: Words, error: ExchangeError) -> tuple[str, ...]:
    """Return why something was refused: every reason this gateway knows, one sentence each."""
    if isinstance(error, LintRefused):
        return tuple(sentence(finding, say.lang) for finding in error.findings)
    if isinstance(error, NotCovered):
        return tuple(word(say, "reason", code) for code in error.reasons)
    if isinstance(error, Held):
        return (word(say, "held", error.reason),)
    if isinstance(error, Malformed) and str(error):
        return (say("trouble.detail", text=error),)
    return ()


def word(say: Words, kind: str, code: str) -> str:
    """Return the sentence about a code, or the code where there is none for it or its kind."""
    for key in (f"{kind}.{code}", f"{kind}.other"):
        if say.knows(key):
            return say(key)
    return say("word.unknown", code=code)


def language(say: Words, lang: str) -> str:
    """Return the name of a language, or its tag."""
    key = f"text.{lang}"
    return say(key) if say.knows(key) else lang


def fact(say: Words, key: str, values: Iterable[str]) -> Fact:
    """Return a labelled fact."""
    return Fact(say(f"fact.{key}"), tuple(Said(value) for value in values))


def time_of(say: Words, moment: datetime | None) -> str:
    """Return a moment in words; that it is still to come where there is none."""
    return say("word.not_yet") if moment is None else say.moment(moment)


def size_of(say: Words, size: int) -> str:
    """Return a number of bytes as people say it."""
    if size < 1000:  # noqa: PLR2004 - a thousand
        return say("size.bytes", size=size)
    if size < 1_000_000:  # noqa: PLR2004 - a million
        return say("size.kilo", size=round(size / 1000))
    return say("size.mega", size=round(size / 1_000_000))


def consent_facts(say: Words, book: Book, record: ConsentRecord) -> list[Fact]:
    """Return what a consent allows."""
    uses = say("uses.once") if record.uses == 1 else say("uses.count", count=record.uses)
    if record.uses == "recurring":
        uses = say("uses.recurring")
    facts = [
        fact(say, "from", offices(book, record.releasers)),
        fact(say, "to", offices(book, record.recipients)),
        fact(say, "categories", categories(say, book, record.categories)),
        fact(say, "purpose", [book.purpose(record.purpose.code, say.lang)]),
        fact(say, "uses", [uses]),
        fact(
            say,
            "term",
            [
                say(
                    "format.term",
                    first=say.day(day_of(record.valid_from)),
                    last=say.day(last_day(record.valid_until)),
                )
            ],
        ),
        fact(say, "secrecy", [say(f"secrecy.{record.secrecy.code}")]),
    ]
    if record.onward_from:
        facts.append(fact(say, "onward", offices(book, record.onward_from)))
    return facts


def offices(book: Book, agencies: Iterable[str]) -> list[str]:
    """Return the names of offices, in the order of their ids."""
    return [book.office(agency) for agency in sorted(agencies)]


def categories(say: Words, book: Book, codes: Iterable[str]) -> list[str]:
    """Return what kinds of documents are called, in the order of their codes."""
    return [book.category(code, say.lang) for code in sorted(codes)]


def person(subject: object) -> str | None:
    """Return who an opened subject block or letter is about; None where it does not say."""
    if not isinstance(subject, dict):
        return None
    names = [subject.get(name) for name in ("family_name", "given_name")]
    said = ", ".join(name for name in names if isinstance(name, str) and name)
    return said or None


def person_facts(say: Words, subject: object) -> list[Fact]:
    """Return what a letter or a block says about whom it is, as far as it does."""
    name = person(subject)
    if name is None or not isinstance(subject, dict):
        return []
    facts = [fact(say, "person", [name])]
    if isinstance(subject.get("born"), str):
        facts.append(fact(say, "born", [_day(say, str(subject["born"]))]))
    if isinstance(subject.get("particulars"), str):
        facts.append(fact(say, "particulars", [str(subject["particulars"])]))
    return facts


def _day(say: Words, written: str) -> str:
    """Return a day as this language writes it, or what stands there where that is no day."""
    try:
        return say.day(date.fromisoformat(written))
    except ValueError:
        return written


def labelled(label: str, values: Iterable[str]) -> Fact:
    """Return a fact whose label is a name."""
    return Fact(label, tuple(Said(value) for value in values))
