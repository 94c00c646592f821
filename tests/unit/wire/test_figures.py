"""exchange.wire.figures."""

import pytest
from pydantic import ValidationError

from exchange.figures.measure import Count, Dimension, Wait
from exchange.wire.figures import FiguresPath, FiguresQuery, FiguresRow

AGREEMENT = "6f1c2a52-3c39-4f0e-9d55-0d8d3f5b7a10"


def test_figures_are_split_along_one_dimension_at_a_time() -> None:
    assert FiguresQuery().dimension is Dimension.TOTAL
    assert FiguresQuery(by="category").dimension is Dimension.CATEGORY
    with pytest.raises(ValidationError):
        FiguresQuery.model_validate({"by": "purpose,category"})


@pytest.mark.parametrize("period", ["2026-1", "2026-W03", "2026-01-01", "1999", "2026-Q5"])
def test_a_free_range_is_no_period(period: str) -> None:
    with pytest.raises(ValidationError):
        FiguresPath(id=AGREEMENT, period=period)


def test_a_row_has_every_figure_there_is() -> None:
    assert {*FiguresRow.model_fields} == {*Count, *Wait, "value", "percent_in_time"}
