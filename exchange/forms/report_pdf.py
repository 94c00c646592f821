"""A report of figures as PDF/A-2a and PDF/UA-1; needs the extra `forms`."""

from dataclasses import asdict
from datetime import date

from exchange.canonical import encode
from exchange.forms.document import numbers, typeset
from exchange.forms.report import Report


def report_pdf(made: Report, *, today: date) -> bytes:
    """Return the document; the same report on the same day has the same bytes.

    Raises:
        Misconfigured: the extra `forms` is not installed.
        Malformed: the title of the agreement has letters that the font of the PDF lacks.
    """
    given = asdict(made)
    chart = given.pop("chart").decode("utf-8")
    said = {**given, "drawn": bool(chart), "today": numbers(today)}
    return typeset(("report",), {"given": encode(said).decode("utf-8"), "chart": chart})
