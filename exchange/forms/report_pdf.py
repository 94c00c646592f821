"""A report of figures as PDF/A-2a and PDF/UA-1; needs the extra `forms`."""

from dataclasses import asdict, replace
from datetime import date

from exchange.canonical import encode
from exchange.forms.chart import bars
from exchange.forms.document import numbers, typeset
from exchange.forms.report import Report


def report_pdf(made: Report, *, today: date) -> bytes:
    """Return the document; the same report on the same day has the same bytes.

    Raises:
        Misconfigured: the extra `forms` is not installed.
        Malformed: the title of the agreement has letters that the font of the PDF lacks.
    """
    given = asdict(replace(made, charts={}))  # numbers of a chart are no JSON of ours
    alts = {name: chart.alt for name, chart in made.charts.items()}
    said = {**given, "charts": alts, "today": numbers(today)}
    drawn = {f"chart-{name}": bars(one).decode("utf-8") for name, one in made.charts.items()}
    return typeset(("report",), {"given": encode(said).decode("utf-8"), **drawn})
