"""Shapes of the figures of an agreement: null is fewer than five, or what would tell of those."""

from typing import Annotated, Literal

from pydantic import Field

from exchange.figures.measure import Dimension
from exchange.wire.fields import Id, Moment
from exchange.wire.officer import Frame
from exchange.wire.shapes import Shape, Text

PeriodName = Annotated[
    str, Field(pattern="^2[0-9]{3}(-(Q[1-4]|0[1-9]|1[0-2]))?$", examples=["2026-Q1"])
]
"""A year, a quarter or a month: 2026, 2026-Q1 or 2026-03."""
By = Literal["total", "purpose", "category", "direction"]
"""Along what figures are split."""


class FiguresPath(Text):
    """Path of the figures of one agreement for one period."""

    id: Id
    period: PeriodName


class FiguresQuery(Text):
    """Along what they are split; one at a time."""

    by: By = "total"

    @property
    def dimension(self) -> Dimension:
        """The same as the core says it."""
        return Dimension(self.by)


class FiguresAsked(Shape):
    """The question, repeated."""

    agreement: Id
    period: PeriodName
    by: By


class Counts(Shape):
    """What was counted; each in the month in which it happened."""

    requests: int | None
    consents: int | None
    consents_withdrawn: int | None
    stored: int | None
    """Disclosures."""
    collected: int | None
    """At each recipient, as what follows."""
    accepted: int | None
    rejected: int | None
    quarantined: int | None
    expired: int | None
    withdrawn: int | None
    """Disclosures that a withdrawal has ended."""


class Spread(Shape):
    """Minutes that something took, rounded to half hours."""

    median: int
    p90: int | None
    """Nine of ten took no longer; null for fewer than twenty consents."""


class FiguresRow(Counts):
    """The figures of one purpose, category or direction; of all, or of a month of the trend."""

    value: str
    """A code, `from>to`, `several`, `all`, or a month."""
    percent_in_time: int | None
    """Of what was collected or expired, how much was collected."""
    minutes_to_collect: Spread | None
    minutes_to_acknowledge: Spread | None
    minutes_to_answer: Spread | None


class FiguresTotals(Counts):
    """Sums of the rows, as far as those are published."""

    partial: bool
    """Whether any of them is not: then a sum may be too small."""


class FiguresTold(Shape):
    """The figures, or when they will be there."""

    title: str
    """Of the agreement."""
    k: int
    """Fewest distinct consents that a figure stands for."""
    due: Moment
    frozen_at: Moment | None
    """When they were made, once and for all; null while they are not, or never will be."""
    rows: tuple[FiguresRow, ...]
    suppressed: bool
    """Whether a figure is not published."""
    totals: FiguresTotals | None
    months: tuple[FiguresRow, ...]
    """The months of the period that are published, in order: all together."""


class FiguresAnswer(Frame):
    """Figures of an agreement."""

    asked: FiguresAsked
    answer: FiguresTold
