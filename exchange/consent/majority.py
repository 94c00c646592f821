"""What follows from an age. The birth date is known at the gateway only and never leaves it."""

from datetime import date, datetime

from exchange.consent.record import ConsentRecord
from exchange.consent.words import Power, Role
from exchange.days import begin_of, days_after

INSIGHT = 15
"""Age in years from which a person as a rule decides herself (§ 36 SGB I)."""
MAJORITY = 18
"""Age in years at which representation ends (§ 2 BGB)."""
REMINDER_DAYS = 60
"""Days before representation ends in which the young adult is asked to consent herself."""


def age(born: date, day: date) -> int:
    """Return the age in full years on `day`; who was born on 29 February has it on 1 March."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def representation_ends(born: date) -> datetime:
    """Return when a guardian's signature stops carrying: the first of the month of majority.

    Not the birthday itself, which the end of a record would tell to everybody who may read it.
    """
    return begin_of(date(born.year + MAJORITY, born.month, 1))


def is_represented(record: ConsentRecord) -> bool:
    """Tell whether somebody signed whose power ends with majority: a carer's does not."""
    guardians = [signer for signer in record.signers if signer.role is Role.GUARDIAN]
    return any(guardian.power is not Power.CARER for guardian in guardians)


def majority_ahead(record: ConsentRecord, born: date) -> datetime | None:
    """Return when representation ends, if the consent lives until shortly before.

    Args:
        record: a consent that keeps the rules, so that it does not outlast representation.
        born: of the person it is about.

    Returns:
        None where nobody is represented, and where the consent is over before anybody would have
        to be reminded.
    """
    ends = representation_ends(born)
    if not is_represented(record) or record.valid_until <= reminder_from(ends):
        return None
    return ends


def reminder_from(ends: datetime) -> datetime:
    """Return from when on the collector is reminded that representation ends then."""
    return days_after(ends, -REMINDER_DAYS)
