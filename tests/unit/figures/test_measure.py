"""exchange.figures.measure."""

from exchange.figures.measure import (
    SEVERAL,
    Dimension,
    Place,
    direction,
    one_or_several,
    places,
)


def test_a_place_has_a_value_along_each_dimension() -> None:
    place = Place("debt", "letter", direction("a", "b"))
    assert [place.along(one) for one in Dimension] == ["all", "debt", "letter", "a>b"]


def test_what_names_more_than_one_is_counted_once() -> None:
    assert one_or_several(["letter"]) == "letter"
    assert one_or_several(["letter", "note"]) == SEVERAL


def test_places_are_what_the_flows_of_an_agreement_admit() -> None:
    found = places(["debt"], [("a>b", ["letter", "note"]), ("b>a", ["note"])])
    assert {(one.category, one.direction) for one in found} == {
        ("letter", "a>b"),
        ("note", "a>b"),
        ("note", "b>a"),
        (SEVERAL, "a>b"),
        ("letter", SEVERAL),
        ("note", SEVERAL),
        (SEVERAL, SEVERAL),
    }


def test_where_there_is_one_way_and_one_category_nothing_is_several() -> None:
    assert places(["debt"], [("a>b", ["note"])]) == {Place("debt", "note", "a>b")}
    two_ways = places(["debt"], [("a>b", ["note"]), ("b>a", ["note"])])
    assert {(one.category, one.direction) for one in two_ways} == {
        ("note", "a>b"),
        ("note", "b>a"),
        ("note", SEVERAL),
    }
