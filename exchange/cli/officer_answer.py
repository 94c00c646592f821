"""How `exchange officer` asks the hub and prints what it answers, page by page."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

from cyclopts import Parameter

from exchange.cli.place import Place, beside

if TYPE_CHECKING:
    from exchange.agency.officer_calls import OfficerCalls
    from exchange.wire import officer

AsJson: TypeAlias = Annotated[
    bool,
    Parameter(
        name="--json", negative=(), help="Print the hub's answers as they are, one line for each."
    ),
]
Page = TypeVar("Page", bound="officer.Frame")


def printed(
    at: Place,
    ask: Callable[["OfficerCalls", str | None], Awaitable[Page]],
    lines: Callable[[Page], list[str]],
    *,
    json: bool,
) -> None:
    """Ask page by page and print each, in words or as it came."""

    async def work() -> None:
        from exchange.agency.officer_calls import every

        async with beside(at) as desk:
            async for page in every(lambda after: ask(desk.client.officer, after)):
                for line in [page.model_dump_json()] if json else lines(page):
                    print(line)

    asyncio.run(work())
