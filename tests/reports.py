"""Figures as a hub answers them, for what words, draws and prints them."""

from datetime import UTC, datetime

from exchange.wire.figures import (
    By,
    FiguresAnswer,
    FiguresAsked,
    FiguresRow,
    FiguresTold,
    FiguresTotals,
    Spread,
)

AGREEMENT = "3f0c9b1e-6f57-4a3c-9d22-0a4f6d1c7b11"
FROZEN = datetime(2027, 1, 14, 23, 30, tzinfo=UTC)


def row(value: str, count: int | None) -> FiguresRow:
    """Return a row with one number for everything but what ended badly."""
    return FiguresRow(
        value=value,
        requests=count,
        consents=count,
        consents_withdrawn=None,
        stored=count,
        collected=count,
        accepted=count,
        rejected=None,
        quarantined=None,
        expired=7,
        withdrawn=None,
        percent_in_time=None if count is None else 90,
        minutes_to_collect=None if count is None else Spread(median=330, p90=1800),
        minutes_to_acknowledge=Spread(median=60, p90=None),
        minutes_to_answer=None,
    )


def totals(count: int) -> FiguresTotals:
    """Return sums."""
    given = row("sum", count).model_dump()
    return FiguresTotals(
        **{name: given[name] for name in FiguresTotals.model_fields if name != "partial"},
        partial=True,
    )


def answer(
    *rows: FiguresRow,
    by: By = "category",
    period: str = "2026",
    title: str = "Erhalt von Wohnraum",
    frozen: bool = True,
    months: tuple[FiguresRow, ...] = (),
) -> FiguresAnswer:
    """Return an answer about a period."""
    return FiguresAnswer(
        question="statistics",
        agency="women-b",
        answered_at=FROZEN,
        checkpoint=None,
        asked=FiguresAsked(agreement=AGREEMENT, period=period, by=by),
        answer=FiguresTold(
            title=title,
            k=5,
            due=FROZEN,
            frozen_at=FROZEN if frozen else None,
            rows=rows,
            suppressed=True,
            totals=totals(62) if frozen else None,
            months=months,
        ),
    )
