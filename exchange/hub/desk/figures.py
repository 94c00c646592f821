"""The figures of an agreement, by agreement, period and dimension: tables, and charts of months."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from exchange.errors import Malformed, NotFound
from exchange.figures.measure import Dimension
from exchange.figures.period import Period, newest_due, read_period
from exchange.forms.chart import bars
from exchange.forms.report import Report, report
from exchange.hub.desk.codes import Codes
from exchange.hub.desk.figures_help import HELP, MEASURED, column
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.http.figures import asked_of, told
from exchange.hub.read_figures import Figures, list_measured, read_figures

FIGURES: Final = "/officer/figures"
CHART: Final = f"{FIGURES}/chart.svg"
CHART_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""A picture with styles of its own, which can load, run and send nothing."""


async def show(visit: Visit) -> web.StreamResponse:
    """Show what is published, or when it will be."""
    agreements = await list_measured(visit.hub, visit.asker)
    newest = newest_due(visit.hub.clock()).name
    given = {
        "agreement": visit.fields.get("agreement") or (agreements[0][0] if agreements else ""),
        "period": visit.fields.get("period") or newest,
        "by": visit.fields.get("by") or Dimension.TOTAL.value,
    }
    try:
        period = read_period(given["period"])
    except Malformed:
        period = None
    made = None
    if given["agreement"] and period is not None:
        made = worded(visit, await _found(visit, given, period))
    return visit.page(
        "figures.html",
        status=400 if period is None else 200,
        agreements=agreements,
        dimensions=[(one.value, visit.say(f"figures.by_{one.value}")) for one in Dimension],
        given=given,
        made=made,
        trouble=visit.say("figures.no_period") if period is None else "",
        base=FIGURES,
        chart=CHART,
        help=HELP,
        explained={} if made is None else _explained(made),
    )


async def draw(visit: Visit) -> web.StreamResponse:
    """Return a chart of the months of a period as a picture."""
    made = worded(visit, await found_for(visit))
    chart = made.charts.get(visit.fields.get("of", ""))
    if chart is None:
        raise NotFound
    return web.Response(
        body=bars(chart),
        content_type="image/svg+xml",
        headers={"Content-Security-Policy": CHART_POLICY},
    )


PLACES: Final = (
    Place(path=FIGURES, page=show, roles=MEASURED, part="figures"),
    Place(path=CHART, page=draw, roles=MEASURED),
)


async def found_for(visit: Visit) -> Figures:
    """Return the figures that the address names.

    Raises:
        Malformed: no period, or no dimension.
        NotFound: no such agreement of hers.
    """
    return await _found(visit, visit.fields, read_period(visit.fields.get("period", "")))


async def _found(visit: Visit, given: Mapping[str, str], period: Period) -> Figures:
    try:
        dimension = Dimension(given.get("by", Dimension.TOTAL.value))
    except ValueError:
        raise Malformed("figures are split along one of four dimensions") from None
    return await read_figures(visit.hub, visit.asker, given.get("agreement", ""), period, dimension)


def _explained(made: Report) -> dict[tuple[str, ...], list[str]]:
    """Return where the columns of each table are explained."""
    tables = {grid.columns for _, grids in made.chapters for grid in grids}
    return {columns: [column(name) for name in columns] for columns in tables}


def worded(visit: Visit, found: Figures) -> Report:
    """Return figures in words, with their charts."""
    codes = Codes(visit.lang, [found.vocabulary])
    called = codes.purpose if found.dimension is Dimension.PURPOSE else codes.category
    return report(asked_of(found), told(found), lang=visit.lang, called=called)
