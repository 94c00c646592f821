"""exchange.figures.suppress: what of a period is published."""

from collections.abc import Iterable
from datetime import UTC, datetime

from exchange.figures.measure import Count, Dimension, Place, Wait
from exchange.figures.period import month
from exchange.figures.suppress import publish
from exchange.figures.table import Spread, Table
from exchange.figures.tally import Happened, Tally, tally

AT = datetime(2027, 1, 15, tzinfo=UTC)
LETTER, NOTE, PLAN = (Place("debt", kind, "a>b") for kind in ("letter", "note", "plan"))
POSSIBLE = frozenset({LETTER, NOTE, PLAN})


def stored(place: Place, consents: Iterable[int], what: Count = Count.STORED) -> list[Happened]:
    return [Happened(what, place, whose) for whose in consents]


def in_month(number: int, *happened: list[Happened]) -> Tally:
    return tally(month(2026, number), [one for some in happened for one in some])


def counts(
    tables: Iterable[Table], name: str, count: Count = Count.STORED
) -> dict[str, int | None]:
    """Return a count of a table by its name, such as `2026-03 category`."""
    found = {f"{table.period.name} {table.dimension}": table for table in tables}
    return {line.value: line.counts[count] for line in found[name].lines}


def waits(tables: Iterable[Table], wait: Wait) -> Spread | None:
    return next(iter(tables)).lines[0].waits[wait]


def test_a_month_is_published_along_each_dimension() -> None:
    tables = publish(POSSIBLE, [in_month(2, stored(LETTER, range(9)))], [], at=AT)
    assert [(table.period.name, table.dimension) for table in tables] == [
        ("2026-02", dimension) for dimension in Dimension
    ]
    assert counts(tables, "2026-02 total") == {"all": 9}
    assert counts(tables, "2026-02 purpose") == {"debt": 9}
    assert counts(tables, "2026-02 direction") == {"a>b": 9}
    assert all(table.frozen_at == AT for table in tables)


def test_four_consents_and_none_look_the_same() -> None:
    four = publish(POSSIBLE, [in_month(2, stored(LETTER, [1, 2, 3, 4] * 9))], [], at=AT)
    none = publish(POSSIBLE, [in_month(2)], [], at=AT)
    assert four == none
    assert counts(four, "2026-02 total") == {"all": None}


def test_documents_are_counted_but_consents_decide() -> None:
    tables = publish(POSSIBLE, [in_month(2, stored(LETTER, [1, 2, 3, 4, 5, 5, 5]))], [], at=AT)
    assert counts(tables, "2026-02 total") == {"all": 7}


def test_one_small_cell_takes_the_next_smallest_with_it() -> None:
    happened = in_month(
        2, stored(LETTER, range(20)), stored(NOTE, range(20, 28)), stored(PLAN, range(30, 32))
    )
    tables = publish(POSSIBLE, [happened], [], at=AT)
    assert counts(tables, "2026-02 total") == {"all": 30}
    assert counts(tables, "2026-02 category") == {"letter": 20, "note": None, "plan": None}


def test_two_small_cells_that_are_few_together_take_a_third() -> None:
    kinds = [Place("debt", kind, "a>b") for kind in ("card", "letter", "note", "plan")]
    sizes = (range(20), range(30, 38), range(40, 42), range(50, 51))
    happened = in_month(2, *(stored(kind, size) for kind, size in zip(kinds, sizes, strict=True)))
    tables = publish(kinds, [happened], [], at=AT)
    assert counts(tables, "2026-02 category") == {
        "card": 20,
        "letter": None,
        "note": None,
        "plan": None,
    }


def test_a_missing_cell_takes_the_next_smallest_also_where_no_total_is_out() -> None:
    # The total is out of reach behind the months; a reader may know the one cell that is missing.
    months = [
        in_month(1, stored(LETTER, range(9)), stored(NOTE, range(10, 19))),
        in_month(2),
        in_month(3, stored(LETTER, range(20, 29)), stored(PLAN, [30])),
    ]
    before: list[Table] = []
    for last in (1, 2, 3):
        before += publish(POSSIBLE, months[:last], before, at=AT)
    for table in before:
        for count in Count:
            missing = [line for line in table.lines if line.counts[count] is None]
            assert len(missing) != 1 or len(table.lines) == 1


def test_in_a_row_one_missing_count_takes_the_next_smallest_with_it() -> None:
    many = dict.fromkeys(Count, 30) | {Count.REJECTED: 3, Count.WITHDRAWN: 7}
    happened = [stored(LETTER, range(size), count) for count, size in many.items()]
    tables = publish([LETTER], [in_month(2, *happened)], [], at=AT)
    assert counts(tables, "2026-02 total", Count.REJECTED) == {"all": None}
    assert counts(tables, "2026-02 total", Count.WITHDRAWN) == {"all": None}
    assert counts(tables, "2026-02 total", Count.EXPIRED) == {"all": 30}


def test_a_quarter_is_kept_back_when_its_months_would_give_away_one_of_them() -> None:
    small = [
        in_month(1, stored(LETTER, range(9))),
        in_month(2, stored(LETTER, range(10, 19))),
        in_month(3, stored(LETTER, [20, 21])),
    ]
    january = publish([LETTER], small[:1], [], at=AT)
    february = publish([LETTER], small[:2], january, at=AT)
    march = publish([LETTER], small, [*january, *february], at=AT)
    assert counts(march, "2026-03 total") == {"all": None}
    assert counts(march, "2026-Q1 total") == {"all": None}


def test_a_quarter_tells_what_its_months_were_too_small_for() -> None:
    small = [
        in_month(number, stored(LETTER, range(number * 10, number * 10 + 3)))
        for number in (1, 2, 3)
    ]
    before: list[Table] = []
    for last in (1, 2, 3):
        before += publish([LETTER], small[:last], before, at=AT)
    assert counts(before, "2026-01 total") == {"all": None}
    assert counts(before, "2026-Q1 total") == {"all": 9}


def test_the_same_persons_in_each_month_are_few_in_a_quarter_as_well() -> None:
    same = [in_month(number, stored(LETTER, range(3))) for number in (1, 2, 3)]
    before: list[Table] = []
    for last in (1, 2, 3):
        before += publish([LETTER], same[:last], before, at=AT)
    assert counts(before, "2026-Q1 total") == {"all": None}


def test_what_happened_where_the_agreement_has_no_place_is_counted_all_the_same() -> None:
    elsewhere = Place("debt", "several", "a>b")
    tables = publish([LETTER], [in_month(2, stored(elsewhere, range(9)))], [], at=AT)
    assert counts(tables, "2026-02 total") == {"all": 9}


def waited(consents: int, *, minutes: int = 100) -> list[Happened]:
    return [Happened(Wait.COLLECT, LETTER, whose, minutes + whose) for whose in range(consents)]


def test_a_median_needs_five_consents_and_nine_of_ten_need_twenty() -> None:
    def collected(consents: int) -> Spread | None:
        shown = stored(LETTER, range(30), Count.COLLECTED)
        happened = in_month(2, shown, waited(consents))
        return waits(publish([LETTER], [happened], [], at=AT), Wait.COLLECT)

    assert collected(4) is None
    assert collected(5) == Spread(90, None)
    assert collected(19) == Spread(120, None)
    assert collected(20) == Spread(120, 120)


def test_nine_of_ten_took_no_longer_than_the_ninetieth_percentile() -> None:
    shown = stored(LETTER, range(20), Count.COLLECTED)
    times = [Happened(Wait.COLLECT, LETTER, one, 60 if one < 18 else 6000) for one in range(20)]
    spread = waits(publish([LETTER], [in_month(2, shown, times)], [], at=AT), Wait.COLLECT)
    assert spread == Spread(60, 60)


def test_a_median_of_one_person_s_many_documents_is_not_told() -> None:
    shown = stored(LETTER, range(30), Count.COLLECTED)
    times = [Happened(Wait.COLLECT, LETTER, 1, 60)] * 50
    assert waits(publish([LETTER], [in_month(2, shown, times)], [], at=AT), Wait.COLLECT) is None


def test_a_wait_is_not_told_where_its_count_is_kept_back() -> None:
    tables = publish([LETTER], [in_month(2, waited(30))], [], at=AT)
    assert waits(tables, Wait.COLLECT) is None
