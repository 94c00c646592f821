"""What is counted, and along what: never a person, a case worker or a refusal.

Nothing here says who: whose a document is stands as a random number that means one consent in one
year. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SEVERAL: Final = "several"
"""The category of what names more than one, and the direction of what has more than one: so that
everything is counted once along each dimension."""


class Dimension(StrEnum):
    """Along what figures are split; one at a time."""

    TOTAL = "total"
    PURPOSE = "purpose"
    CATEGORY = "category"
    DIRECTION = "direction"


class Count(StrEnum):
    """What is counted, each in the month in which it happened."""

    REQUESTS = "requests"
    CONSENTS = "consents"
    CONSENTS_WITHDRAWN = "consents_withdrawn"
    STORED = "stored"
    COLLECTED = "collected"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """Disclosures that a withdrawal has ended."""


class Wait(StrEnum):
    """What took a while, counted in the month in which it was over."""

    COLLECT = "minutes_to_collect"
    """From stored to collected."""
    ACKNOWLEDGE = "minutes_to_acknowledge"
    """From collected to acknowledged."""
    ANSWER = "minutes_to_answer"
    """From a document request to the first document that names it."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is counted along each dimension."""

    purpose: str
    category: str
    """Or `SEVERAL`."""
    direction: str
    """As `direction` writes it, or `SEVERAL`."""

    def along(self, dimension: Dimension) -> str:
        """Return its value along a dimension; everything has the same along `TOTAL`."""
        if dimension is Dimension.PURPOSE:
            return self.purpose
        if dimension is Dimension.CATEGORY:
            return self.category
        return self.direction if dimension is Dimension.DIRECTION else "all"


def direction(sender: str, recipient: str) -> str:
    """Return how a direction between two agencies is written."""
    return f"{sender}>{recipient}"


def one_or_several(values: Iterable[str]) -> str:
    """Return the only value, or `SEVERAL`; there is at least one."""
    found = set(values)
    return found.pop() if len(found) == 1 else SEVERAL


def places(purposes: Iterable[str], flows: Iterable[tuple[str, Iterable[str]]]) -> frozenset[Place]:
    """Return where something can be counted at all under an agreement.

    Whoever knows the agreement knows these, and so knows that nothing is counted elsewhere.

    Args:
        purposes: its purposes.
        flows: its directions, each with the categories that may go there.
    """
    ways = [(way, frozenset(categories)) for way, categories in flows]
    kinds = frozenset[str]().union(*(categories for _, categories in ways))
    pairs = {(kind, way) for way, categories in ways for kind in categories}
    pairs |= {(SEVERAL, way) for way, categories in ways if len(categories) > 1}
    if len(ways) > 1:
        pairs |= {(kind, SEVERAL) for kind in kinds}
        pairs |= {(SEVERAL, SEVERAL)} if len(kinds) > 1 else set()
    return frozenset(Place(purpose, kind, way) for purpose in purposes for kind, way in pairs)
