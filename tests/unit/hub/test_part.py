"""exchange.hub.officer_files.part: the parts of a list hold every row once."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from exchange.errors import Malformed
from exchange.forms.answer import PRINTED
from exchange.hub.officer_files.noted import Source
from exchange.hub.officer_files.part import part_of, parts_of, rows_in


def source(rows: int, page: int) -> Source[int]:
    async def pages() -> AsyncGenerator[Sequence[int], None]:
        for first in range(0, rows, page):
            yield range(first, min(first + page, rows))

    return Source(pages)


@pytest.mark.parametrize("rows", [0, 1, PRINTED - 1, PRINTED, PRINTED + 1, 3_000, 20_000])
@pytest.mark.parametrize("page", [7, PRINTED, 500, 100_000])
async def test_every_row_is_in_one_part(rows: int, page: int) -> None:
    found: list[int] = []
    for part in parts_of(rows):
        here = await rows_in(source(rows, page), part)
        assert [*here] == [*range(part.first - 1, part.last)]
        found += here
    assert found == [*range(rows)]


def test_a_list_without_rows_has_one_part() -> None:
    (part,) = parts_of(0)
    assert (part.number, part.of, part.first, part.last) == (1, 1, 1, 0)


@pytest.mark.parametrize(("rows", "number"), [(0, 2), (1, 0), (PRINTED, 2), (PRINTED + 1, 3)])
def test_there_is_no_other_part(rows: int, number: int) -> None:
    with pytest.raises(Malformed):
        part_of(rows, number)
