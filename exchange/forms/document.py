"""A paper as PDF/A-2a and PDF/UA-1; needs the extra `forms`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from importlib.resources import files
from typing import Any

from exchange.canonical import encode
from exchange.errors import Malformed, Misconfigured
from exchange.forms import qr
from exchange.forms.sheet import Sheet

STANDARDS = ("a-2a", "ua-1")
"""Readable in twenty years, and readable aloud; typst refuses what breaks one of them."""
KEPT = 10
"""Papers of which the typesetter keeps what it has laid out."""


def pdf(paper: Sheet, *, today: date) -> bytes:
    """Return the document; the same paper on the same day has the same bytes.

    Takes tens of milliseconds of one processor: never on an event loop.

    Raises:
        Misconfigured: the extra `forms` is not installed.
        Malformed: the text has letters that the font of the PDF lacks; the page shows them.
    """
    given = {
        **asdict(paper),
        "words": dict(paper.words),
        "easy": paper.easy,
        "today": numbers(today),
    }
    inputs = {"given": encode(given).decode("utf-8"), "code": qr.drawing(paper.link.target)}
    return typeset(("pieces", "sheet", paper.drawn_by), inputs)


def typeset(drawn_by: Sequence[str], inputs: Mapping[str, str]) -> bytes:
    """Return the document that some `.typ` files, one after the other, make of `inputs`.

    Raises:
        Misconfigured: the extra `forms` is not installed.
        Malformed: the text has letters that the font of the PDF lacks.
    """
    typst = _typst()
    try:
        made: bytes = typst.compile(
            b"".join(_file(f"{name}.typ") for name in drawn_by),
            format="pdf",
            pdf_standards=list(STANDARDS),
            ignore_system_fonts=True,
            sys_inputs=dict(inputs),
        )
    except typst.TypstError:  # its text quotes what was to be printed
        raise Malformed("the PDF has no letters for this text: print the page instead") from None
    return made


def forget() -> None:
    """Let the typesetter give back what it has kept of the papers before: for long ones.

    It keeps all it has laid out until it has made ten papers more, some 45 MiB for some hundred
    rows, and knows no other way to be told.

    Raises:
        Misconfigured: the extra `forms` is not installed.
    """
    typst = _typst()
    for _ in range(KEPT):
        typst.compile(b"", format="pdf", ignore_system_fonts=True)


def require() -> None:
    """Raise Misconfigured where no PDF can be made, before anything else is begun."""
    _typst()


def _typst() -> Any:
    """Return the typesetter, loaded only here: it is large, and only who prints needs it."""
    try:
        import typst  # noqa: PLC0415
    except ImportError:
        raise Misconfigured(
            "a PDF needs the extra `forms`: install consent-exchange[forms]"
        ) from None
    return typst


def numbers(day: date) -> list[int]:
    """Return a day as the `.typ` files take it."""
    return [day.year, day.month, day.day]


def _file(name: str) -> bytes:
    return files("exchange.forms").joinpath(name).read_bytes()
