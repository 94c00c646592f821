"""What the law allows, on one page: the reference that a whole hub is compared with.

Written from the rules alone. It knows neither tables nor routes and imports nothing of the house.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Document:
    """One document for one recipient, and what became of it."""

    to: str
    exp: datetime
    collected: bool = False
    answered: bool = False
    unreadable: bool = False
    over: bool = False

    @property
    def counts(self) -> bool:
        """Tell whether it is a use: it waits, or somebody may have read it."""
        return not self.over or (self.collected and not self.unreadable)


@dataclass
class Consent:
    """What one person has allowed, and what happened under it."""

    collector: str
    releaser: str
    recipients: frozenset[str]
    uses: float
    begins: datetime
    until: datetime
    ends: (
        datetime  # the earliest of: until, majority after a guardian's word, agreement, withdrawal
    )
    withdrawn: bool = False
    documents: list[Document] = field(default_factory=list)
    must_erase: set[str] = field(default_factory=set)

    @property
    def used(self) -> int:
        return sum(document.counts for document in self.documents)

    def holds(self, now: datetime) -> bool:
        return self.begins <= now < self.ends

    def allows(self, sender: str, to: str, exp: datetime, now: datetime) -> bool:
        right = sender == self.releaser and to in self.recipients and exp <= self.until
        return right and self.holds(now) and self.used < self.uses

    def releases(self, document: Document, now: datetime) -> bool:
        return self.holds(now) and not document.over and now < document.exp

    def is_known_to(self, agency: str) -> bool:
        reached = (
            d.collected or d.answered or not d.over for d in self.documents if d.to == agency
        )
        return agency in {self.collector, self.releaser} or any(reached)

    def pass_time(self, now: datetime) -> None:
        for document in self.documents:
            document.over |= document.exp <= now or self.ends <= now

    def withdraw(self, now: datetime, *, erase: bool = True) -> None:
        if not self.withdrawn:
            self.withdrawn, self.ends = True, min(self.ends, now)
            self.pass_time(now)
            self.must_erase = {d.to for d in self.documents if d.collected and erase}
