"""Attack: subtract published figures until one is left that stands for fewer than five persons.

The attacker has every table of an agreement of a year, knows the agreement, and solves the whole
system of equations exactly. Written anew from the published tables alone, with fractions.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.figures.measure import Count, Dimension, Place
from exchange.figures.period import Period, complete_by, month
from exchange.figures.suppress import publish
from exchange.figures.table import Table
from exchange.figures.tally import Happened, Tally, tally

AT = datetime(2027, 1, 15, tzinfo=UTC)
FEWEST = 5
POSSIBLE = [
    Place(purpose, kind, way)
    for purpose in ("debt", "home")
    for kind, way in (("letter", "a>b"), ("note", "a>b"), ("note", "b>a"))
]

Atom = tuple[Period, Place]
Equation = dict[int, Fraction]
"""Factors of the unknowns, without those that are zero."""


@st.composite
def years(draw: st.DrawFn) -> list[Tally]:
    """Draw what happened in the months of a year up to one of them: few large cells, many small."""
    last = draw(st.sampled_from((3, 4, 6)))
    used = draw(st.lists(st.sampled_from(POSSIBLE), min_size=1, max_size=5, unique=True))
    months = []
    for number in range(1, last + 1):
        happened = [
            Happened(Count.STORED, place, first + step)
            for place in used
            for first in [draw(st.integers(0, 12))]
            for step in range(draw(st.sampled_from((0, 1, 3, 4, 5, 6, 9))))
        ]
        months.append(tally(month(2026, number), happened))
    return months


def all_tables(tallies: Sequence[Tally]) -> list[Table]:
    out: list[Table] = []
    for last in range(1, len(tallies) + 1):
        out += publish(POSSIBLE, tallies[:last], out, at=AT)
    return out


class Attacker:
    """Solves for what is not published."""

    def __init__(self, tallies: Sequence[Tally]) -> None:
        self.atoms = [(one.month, place) for one in tallies for place in POSSIBLE]
        self.whose = {
            (one.month, place): set(one.counts.get(Count.STORED, {}).get(place, {}))
            for one in tallies
            for place in POSSIBLE
        }
        self.solved: dict[int, Equation] = {}

    def cell(self, period: Period, dimension: Dimension, value: str) -> frozenset[Atom]:
        return frozenset(
            (at, place)
            for at, place in self.atoms
            if at in period.months and place.along(dimension) == value
        )

    def cells(self, last: Period) -> list[frozenset[Atom]]:
        """Return every cell of every table until a month."""
        return [
            self.cell(period, dimension, value)
            for period in complete_by(last)
            for dimension in Dimension
            for value in {place.along(dimension) for place in POSSIBLE}
        ]

    def persons(self, atoms: frozenset[Atom]) -> int:
        return len(set().union(*(self.whose[atom] for atom in atoms)))

    def learn(self, atoms: frozenset[Atom]) -> None:
        row = self._left(atoms)
        if row:
            pivot = min(row)
            self.solved[pivot] = {at: factor / row[pivot] for at, factor in row.items()}

    def knows(self, atoms: frozenset[Atom]) -> bool:
        return not self._left(atoms)

    def _left(self, atoms: frozenset[Atom]) -> Equation:
        row = {at: Fraction(1) for at, atom in enumerate(self.atoms) if atom in atoms}
        # Each equation begins at its pivot, so one pass in their order is enough.
        for pivot, equation in sorted(self.solved.items()):
            if times := row.get(pivot):
                for at, factor in equation.items():
                    row[at] = row.get(at, Fraction(0)) - times * factor
                row = {at: factor for at, factor in row.items() if factor}
        return row


@settings(max_examples=20, deadline=None)
@given(years())
def test_no_figure_for_fewer_than_five_persons_follows_from_all_that_is_published(
    tallies: list[Tally],
) -> None:
    attacker = Attacker(tallies)
    out = [
        attacker.cell(table.period, table.dimension, line.value)
        for table in all_tables(tallies)
        for line in table.lines
        if line.counts[Count.STORED] is not None
    ]
    assert all(attacker.persons(cell) >= FEWEST for cell in out)
    for cell in out:
        attacker.learn(cell)
    for cell in attacker.cells(tallies[-1].month):
        assert attacker.persons(cell) >= FEWEST or not attacker.knows(cell)
    assert all(
        attacker.persons(cell - within) >= FEWEST for cell in out for within in out if within < cell
    )


@settings(max_examples=20, deadline=None, derandomize=True)
@given(years())
def test_what_a_published_table_leaves_out_stands_for_five_persons_together(
    tallies: list[Tally],
) -> None:
    """On fixed examples: the rule is about simplest remainders, which these mostly are."""
    attacker = Attacker(tallies)
    tables = all_tables(tallies)
    totals = {
        table.period
        for table in tables
        if table.dimension is Dimension.TOTAL and table.lines[0].counts[Count.STORED] is not None
    }
    for table in tables:
        if table.period not in totals:
            continue
        hidden = [
            attacker.cell(table.period, table.dimension, line.value)
            for line in table.lines
            if line.counts[Count.STORED] is None
        ]
        assert not hidden or attacker.persons(frozenset().union(*hidden)) >= FEWEST


def test_the_attacker_finds_a_cell_that_is_left_by_subtraction() -> None:
    """The attack works: on tables with nothing but small numbers left out it succeeds."""
    large, small = (Place("debt", kind, "a>b") for kind in ("letter", "note"))
    happened = [Happened(Count.STORED, large, one) for one in range(9)]
    happened += [Happened(Count.STORED, small, 20)]
    attacker = Attacker([tally(month(2026, 1), happened)])
    year = month(2026, 1)
    others = {place.category for place in POSSIBLE} - {"note"}
    attacker.learn(attacker.cell(year, Dimension.TOTAL, "all"))
    for value in others:
        attacker.learn(attacker.cell(year, Dimension.CATEGORY, value))
    assert attacker.knows(attacker.cell(year, Dimension.CATEGORY, "note"))
