"""Figures of agreements, for officers' own tools."""

from exchange.figures.guard import K
from exchange.figures.measure import Count
from exchange.figures.period import read_period
from exchange.figures.table import Line, Table
from exchange.hub.answers.frame import newest_head
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.http.officers import asker
from exchange.hub.read_figures import Figures, read_figures
from exchange.wire import figures, officer, officer_routes


def figure_routes() -> Routes:
    """Return the handlers of figures."""
    bound = Routes()
    bound.handles(officer_routes.FIGURES)(get_figures)
    return bound


async def get_figures(
    call: Call, *, path: figures.FiguresPath, query: figures.FiguresQuery
) -> figures.FiguresAnswer:
    """Return the figures of an agreement for a period, as they were published."""
    period = read_period(path.period)
    found = await read_figures(call.hub, asker(call), path.id, period, query.dimension)
    head = newest_head(call.hub)
    return figures.FiguresAnswer(
        question="statistics",
        agency=call.agency,
        asked=figures.FiguresAsked(agreement=path.id, period=path.period, by=query.by),
        answered_at=call.hub.clock(),
        checkpoint=None
        if head is None
        else officer.Head.model_validate(head, from_attributes=True),
        answer=told(found),
    )


def asked_of(found: Figures) -> figures.FiguresAsked:
    """Return the question that these figures answer."""
    return figures.FiguresAsked(
        agreement=found.agreement, period=found.period.name, by=found.dimension.value
    )


def told(found: Figures) -> figures.FiguresTold:
    """Return figures, or when they will be there, in the shape of an answer."""
    table = found.table
    return figures.FiguresTold(
        title=found.title,
        k=K,
        due=found.due,
        frozen_at=None if table is None else table.frozen_at,
        rows=() if table is None else tuple(_row(line) for line in table.lines),
        suppressed=table is not None and table.suppressed,
        totals=None if table is None else _totals(table),
        months=tuple(_row(one.lines[0], value=one.period.name) for one in found.trend),
    )


def _row(line: Line, *, value: str | None = None) -> figures.FiguresRow:
    spreads = {
        wait.value: None if found is None else figures.Spread(median=found.median, p90=found.p90)
        for wait, found in line.waits.items()
    }
    counts = {count.value: found for count, found in line.counts.items()}
    return figures.FiguresRow.model_validate(
        {
            "value": value or line.value,
            "percent_in_time": line.percent_in_time,
            **counts,
            **spreads,
        }
    )


def _totals(table: Table) -> figures.FiguresTotals:
    sums = {count.value: table.total(count) for count in Count}
    return figures.FiguresTotals.model_validate({**sums, "partial": table.suppressed})
