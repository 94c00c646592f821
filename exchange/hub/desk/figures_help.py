"""What each figure means, in full sentences: what it counts, and why it may be missing."""

from typing import Final

from aiohttp import web

from exchange.figures.guard import K
from exchange.figures.measure import Count, Wait
from exchange.figures.period import FREEZING_DAYS
from exchange.figures.suppress import HALF_HOUR, MOST_OF
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.storage.officers import Role

HELP: Final = "/officer/figures/help"
MEASURED: Final = frozenset[Role]({"officer", "auditor"})
"""Who reads figures: an auditor those of every agreement."""
PERCENT: Final = "percent_in_time"
EXPLAINED: Final[tuple[str, ...]] = (*Count, PERCENT, *Wait)
"""Every column of the tables, by its name in JSON and CSV; each has its place on the page."""
RULES: Final = ("unit", "dash", "near", "frozen", "sum", "several", "split", "difference")
"""What holds of all of them."""


async def show(visit: Visit) -> web.StreamResponse:
    """Show the page; it holds no figure."""
    say = visit.say
    given = {"k": K, "most": MOST_OF, "days": FREEZING_DAYS, "minutes": HALF_HOUR}
    return visit.page(
        "figures_help.html",
        figures=[
            (name, say(f"column.{name}"), say(f"explained.{name}", **given)) for name in EXPLAINED
        ],
        rules=[(name, say(f"rule.{name}_why"), say(f"rule.{name}", **given)) for name in RULES],
    )


PLACES: Final = (Place(path=HELP, page=show, roles=MEASURED),)


def column(name: str) -> str:
    """Return where the page explains a column."""
    return f"{HELP}#{name}"
