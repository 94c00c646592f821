"""What agreements call offices, purposes and kinds of documents, in the language of the page.

Asked of the hub at most every ten minutes, and never waited for twice: while it is away the pages
go on with what they knew, or with ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from exchange.agency.parts import Gateway
from exchange.agency.records import KnownAgreement
from exchange.errors import ExchangeError
from exchange.vocabulary import shipped

FRESH: Final = timedelta(minutes=10)
SOON: Final = timedelta(seconds=30)
"""When the hub is asked again after it did not answer."""
GERMAN: Final = "de"
"""Language every label has (rule V01)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The agreements an office has signed, as far as they are known."""

    agreements: tuple[KnownAgreement, ...] = ()
    until: datetime
    """When it is looked at again."""

    def find(self, digest: str) -> KnownAgreement | None:
        """Return the agreement with this digest."""
        return next((one for one in self.agreements if one.agreement.digest == digest), None)

    def office(self, agency: str) -> str:
        """Return the full name of an office, or its id."""
        for known in self.agreements:
            if agency in known.agreement.agencies:
                return known.agreement.party(agency).name
        return agency

    def category(self, code: str, lang: str) -> str:
        """Return what a kind of document is called, or its code."""
        found = [known.agreement.vocabulary.categories for known in self.agreements]
        for categories in (*found, shipped().categories):
            if code in categories:
                return _label(categories[code].labels, lang, code)
        return code

    def purpose(self, code: str, lang: str) -> str:
        """Return what a purpose is called, or its code."""
        found = [known.agreement.vocabulary.purposes for known in self.agreements]
        for purposes in (*found, shipped().purposes):
            if code in purposes:
                return _label(purposes[code].labels, lang, code)
        return code


class Books:
    """The books of all offices; nothing of one is shown to another."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: dict[str, Book] = {}

    def name_of(self, agency: str) -> str:
        """Return the full name of an office, as far as it is known; asks nobody."""
        known = self._known.get(agency)
        return agency if known is None else known.office(agency)

    async def of(self, gateway: Gateway) -> Book:
        """Return the book of an office; an older one, or an empty one, where the hub is away."""
        now, agency = gateway.clock(), gateway.agency
        known = self._known.get(agency)
        if known is not None and now < known.until:
            return known
        try:
            found = [
                await gateway.records.agreement(given.agreement, now=now)
                async for given in gateway.client.every_agreement()
            ]
        except ExchangeError:
            agreements, until = known.agreements if known else (), now + SOON
        else:
            agreements, until = tuple(one for one in found if one is not None), now + FRESH
        self._known[agency] = Book(agreements=agreements, until=until)
        return self._known[agency]


def _label(labels: Mapping[str, str], lang: str, code: str) -> str:
    return labels.get(lang) or labels.get(GERMAN, code)
