"""What was counted in one month, before anything is suppressed: kept by the hub, shown to nobody.

Its JSON holds numbers of consents that were drawn at random; which is which stands elsewhere and
is erased with the consent. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exchange import canonical
from exchange.errors import Malformed
from exchange.figures.measure import Count, Place, Wait
from exchange.figures.period import Period, read_period

LARGEST: Final = 256 * 1024 * 1024
"""Bytes of the JSON: a month of a million documents has 60 MB."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that was counted once."""

    what: Count | Wait
    place: Place
    whose: int
    """Number of the consent; of a request under none, a number of its own."""
    minutes: int = 0
    """Of a `Wait`."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Everything that was counted in a month."""

    month: Period
    counts: Mapping[Count, Mapping[Place, Mapping[int, int]]] = field(repr=False)
    """How many of each consent, by its number."""
    waits: Mapping[Wait, Mapping[Place, tuple[tuple[int, int], ...]]] = field(repr=False)
    """Pairs of the number of a consent and minutes."""


def tally(month: Period, happened: Iterable[Happened]) -> Tally:
    """Count what happened in a month."""
    counts: dict[Count, dict[Place, dict[int, int]]] = {}
    waits: dict[Wait, dict[Place, list[tuple[int, int]]]] = {}
    for one in happened:
        if isinstance(one.what, Wait):
            here = waits.setdefault(one.what, {}).setdefault(one.place, [])
            here.append((one.whose, one.minutes))
        else:
            of = counts.setdefault(one.what, {}).setdefault(one.place, {})
            of[one.whose] = of.get(one.whose, 0) + 1
    ordered = {
        what: {place: tuple(sorted(pairs)) for place, pairs in by.items()}
        for what, by in waits.items()
    }
    return Tally(month, counts, ordered)


def write_tally(counted: Tally) -> bytes:
    """Return the JSON of a tally."""
    rows: list[canonical.Json] = [
        [what, place.purpose, place.category, place.direction, *_flat(sorted(whose.items()))]
        for what, by in counted.counts.items()
        for place, whose in sorted(by.items())
    ]
    rows += [
        [what, place.purpose, place.category, place.direction, *_flat(pairs)]
        for what, spent in counted.waits.items()
        for place, pairs in sorted(spent.items())
    ]
    return canonical.encode({"month": counted.month.name, "rows": rows})


def read_tally(data: bytes) -> Tally:
    """Return a tally from its JSON.

    Raises:
        Malformed: it is not what `write_tally` wrote.
    """
    stored = canonical.loads(data, limit=LARGEST)
    try:
        month = read_period(stored["month"])
        counts: dict[Count, dict[Place, dict[int, int]]] = {}
        waits: dict[Wait, dict[Place, tuple[tuple[int, int], ...]]] = {}
        for what, purpose, category, way, *flat in stored["rows"]:
            place, pairs = Place(purpose, category, way), _pairs(flat)
            if what in tuple(Wait):
                waits.setdefault(Wait(what), {})[place] = pairs
            else:
                counts.setdefault(Count(what), {})[place] = dict(pairs)
    except (KeyError, TypeError, ValueError):
        raise Malformed("a stored tally cannot be read") from None
    return Tally(month, counts, waits)


def _flat(pairs: Iterable[tuple[int, int]]) -> list[int]:
    return [number for pair in pairs for number in pair]


def _pairs(flat: list[Any]) -> tuple[tuple[int, int], ...]:
    return tuple(zip(flat[::2], flat[1::2], strict=True))
