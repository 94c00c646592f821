"""The figures that a page shows, taken away: PDF for a meeting, CSV, JSON.

They are about no person and published already: what the log notes of it is an export of no entry.
"""

from aiohttp import web

from exchange.canonical import encode
from exchange.forms.report_csv import figures_csv
from exchange.forms.report_pdf import report_pdf
from exchange.hub.desk.figures import FIGURES, found_for, worded
from exchange.hub.desk.figures_help import MEASURED
from exchange.hub.desk.printed import attached, printed, reader_of
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.http.figures import asked_of, told
from exchange.hub.officer_files.head import head_of
from exchange.hub.officers import trace


async def take(visit: Visit) -> web.Response:
    """Hand out the figures of an agreement for a period."""
    found = await found_for(visit)
    asked, ending = asked_of(found), visit.in_path("ending")
    if visit.asker.agency is not None:  # an auditor has no agency on whose chain it could stand
        await trace.record_export(visit.hub, visit.asker, first=0, until=0, count=0)
    name = f"figures-{asked.agreement}-{asked.period}-{asked.by}.{ending}"
    head = head_of(visit.hub, "statistics", visit.asker.agency, asked.model_dump(mode="json"))
    if ending == "csv":
        table = figures_csv(head, asked, told(found), lang=visit.lang)
        return attached(table, name, "text/csv")
    if ending == "json":
        answer = told(found).model_dump(mode="json")
        return attached(encode({**head, "answer": answer}), name, "application/json")
    report = worded(visit, found)
    return attached(
        await printed(reader_of(visit), lambda day: report_pdf(report, today=day)), name
    )


PLACES = (Place(path=f"{FIGURES}.{{ending:pdf|csv|json}}", page=take, roles=MEASURED, fresh=True),)
