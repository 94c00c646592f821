"""What follows from an age. The birth date is known at the gateway only and never leaves it."""

from datetime import date, datetime

from exchange.days import begin_of

INSIGHT = 15
"""Age in years from which a person as a rule decides herself (§ 36 SGB I)."""
MAJORITY = 18
"""Age in years at which representation ends (§ 2 BGB)."""


def age(born: date, day: date) -> int:
    """Return the age in full years on `day`; who was born on 29 February has it on 1 March."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def representation_ends(born: date) -> datetime:
    """Return when a guardian's signature stops carrying: the first of the month of majority.

    Not the birthday itself, which the end of a record would tell to everybody who may read it.
    """
    return begin_of(date(born.year + MAJORITY, born.month, 1))
