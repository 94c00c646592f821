"""An answer to a privacy officer on paper: facts, tables and a text; PDF/A-2a and PDF/UA-1.

All of it is content, never markup. The PDF needs the extra `forms`.
"""

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Final

from exchange.canonical import encode
from exchange.forms.account import Fact, Shown
from exchange.forms.document import forget, numbers, typeset
from exchange.forms.report import Grid

PRINTED: Final = 400
"""Rows of one table on paper: setting them takes some 60 MiB of memory, and more take more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, and what stands under it, in this order."""

    heading: str
    hints: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    grids: tuple[Grid, ...] = field(default=(), repr=False)
    shown: Shown | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPaper:
    """One answer."""

    lang: str
    """BCP 47, of every word of ours."""
    heading: str
    said: tuple[Fact, ...]
    """What it contains: whose it is, what was asked, when, over which head of the log."""
    sections: tuple[Section, ...]
    page: str
    """The word before the number of a page."""


def answer_pdf(paper: AnswerPaper, *, today: date) -> bytes:
    """Return the document; the same paper on the same day has the same bytes.

    Takes up to a second of one processor: never on an event loop.

    Raises:
        Misconfigured: the extra `forms` is not installed.
        Malformed: the text has letters that the font of the PDF lacks; the page shows them.
    """
    given = {**asdict(paper), "today": numbers(today)}
    try:
        return typeset(("pieces", "answer"), {"given": encode(given).decode("utf-8")})
    finally:
        forget()
