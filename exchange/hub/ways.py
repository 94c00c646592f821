"""How persons consent and withdraw here, and whether withdrawing is ever harder (Art. 7(3) GDPR).

Asked when the settings load, so that no operator can make it harder (rules S01 to S03).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.errors import Finding
from exchange.rules import broken

MOST_CONFIRMATIONS = 2
"""Pages between the wish to withdraw and its effect (S03)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to consent and to withdraw, each with the level of proof it needs, or None."""

    consenting: int | None
    """0: said before two members of staff. 1: on paper, or with an invitation. 2: own key only."""
    withdrawing: int | None
    """0: told to an office, a staff note suffices. 1: the code. 2: own key only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawing:
    """What withdrawing on the page takes."""

    confirmations: int
    asked: tuple[str, ...]
    """What a person must give besides her code: reasons, remarks; nothing is best."""


OFFICE = Way(consenting=0, withdrawing=0)
"""In person, by telephone or letter, at any party that knows the consent: always on."""
ON_PAGE = Withdrawing(confirmations=1, asked=())
"""What the page of this hub asks; its browser test counts."""


def page(*, consenting: bool, is_open: bool) -> Way:
    """Return the page as a way: an invitation opens a draft there, a code withdraws."""
    return Way(consenting=1 if consenting else None, withdrawing=1 if is_open else None)


def findings(ways: Sequence[Way], withdrawing: Withdrawing) -> tuple[Finding, ...]:
    """Return which of S01, S02 and S03 are broken: each way for itself, then all of them."""
    giving = [way.consenting for way in ways if way.consenting is not None]
    ending = [way.withdrawing for way in ways if way.withdrawing is not None]
    checks = {
        "S01": any(way.consenting is not None and way.withdrawing is None for way in ways),
        "S02": bool(giving) and min(ending, default=max(giving) + 1) > min(giving),
        "S03": withdrawing.confirmations > MOST_CONFIRMATIONS or bool(withdrawing.asked),
    }
    return tuple(broken(rule, "person") for rule, applies in checks.items() if applies)
