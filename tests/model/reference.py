"""What a hub must do, as a dictionary program: the reference the real one is compared with.

One agreement, one sender, one recipient. It decides from what has happened and the clock alone,
and imports nothing of the exchange.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

State = Literal["announced", "stored", "collected", "acknowledged", "expired", "ended"]
EXPIRY = timedelta(days=14)
INCOMPLETE = timedelta(days=1)
KEY_GRACE = timedelta(days=1)
"""How long the key before the newest one is still taken."""
KEY_LIFE = timedelta(days=35)


@dataclass
class Consent:
    """A consent and what happened to it."""

    uses: int
    """0: as often as needed."""
    valid_until: datetime
    used: int = 0
    ended: bool = False


@dataclass
class Disclosure:
    """A disclosure and what happened to it."""

    consent: str
    key: str
    exp: datetime
    state: State
    at: datetime
    """When it was announced, then when it was stored."""
    collected: bool = False
    header: bool = False
    counted: bool = False
    """Whether it counts as a use of its consent."""
    answer: str | None = None


@dataclass
class Reference:
    """The whole hub."""

    now: datetime
    consents: dict[str, Consent] = field(default_factory=dict)
    disclosures: dict[str, Disclosure] = field(default_factory=dict)
    keys: dict[str, datetime] = field(default_factory=dict)
    """Keys of the recipient, and until when each is taken."""
    revoked: set[str] = field(default_factory=set)
    sender_suspended: bool = False
    erasures: set[str] = field(default_factory=set)
    """Consents whose recipient was asked to erase."""

    def record(self, consent: str, uses: int, valid_until: datetime) -> None:
        self.consents[consent] = Consent(uses, valid_until)

    def takes_key(self, key: str) -> bool:
        """Tell whether a document may be sealed to this key now."""
        return key not in self.revoked and key in self.keys and self.now < self.keys[key]

    def covers(self, consent: str, exp: datetime, *, counted: int = 0) -> bool:
        """Tell whether a consent permits one more disclosure, or releasing a counted one."""
        found = self.consents.get(consent)
        return (
            found is not None
            and not found.ended
            and self.now < found.valid_until
            and exp <= found.valid_until
            and (found.uses == 0 or found.used - counted < found.uses)
            and not self.sender_suspended
        )

    def announce(self, id_: str, consent: str, key: str, exp: datetime) -> bool:
        if not self.covers(consent, exp) or not self.takes_key(key):
            return False
        self.disclosures[id_] = Disclosure(consent, key, exp, "announced", self.now)
        return True

    def store(self, id_: str, consent: str, key: str, exp: datetime) -> bool:
        """Store a disclosure, announced or not; tell whether it is there."""
        found = self.disclosures.get(id_)
        if found is not None and found.state != "announced":
            return True  # a repetition
        if not self.covers(consent, exp) or not self.takes_key(key):
            return False
        stored = Disclosure(consent, key, exp, "stored", self.now, header=True, counted=True)
        self.disclosures[id_] = stored
        self.consents[consent].used += 1
        return True

    def collect(self, id_: str) -> bool:
        found = self.disclosures[id_]
        if not (found.header and self.now < found.exp):
            return False
        if not self.covers(found.consent, found.exp, counted=1):
            return False
        found.collected = True
        found.state = "collected"
        return True

    def acknowledge(self, id_: str, *, key_lost: bool) -> bool:
        """Take the recipient's answer; tell whether it is taken."""
        found = self.disclosures[id_]
        over = found.state in {"ended", "expired"} and not found.collected
        if found.state == "announced" or found.answer is not None or over:
            return False
        found.answer = "key-lost" if key_lost else "accepted"
        if found.state in {"stored", "collected"}:
            found.state = "acknowledged"
            found.header = False
        self._give_back(found)
        return True

    def withdraw(self, consent: str) -> None:
        found = self.consents[consent]
        if found.ended:
            return
        found.ended = True
        for one in self.disclosures.values():
            if one.consent == consent:
                self._end(one, "ended")
                if one.collected:
                    self.erasures.add(consent)

    def recall(self, id_: str) -> bool:
        found = self.disclosures[id_]
        if found.state not in {"announced", "stored"}:
            return False
        self._end(found, "ended")
        return True

    def rotate(self, key: str, *, revoke: bool) -> None:
        """Publish a new key; take the old one back or let it run out."""
        if self.keys:
            newest = list(self.keys)[-1]
            self.keys[newest] = min(self.keys[newest], self.now + KEY_GRACE)
            if revoke:
                self.revoked.add(newest)
        self.keys[key] = self.now + KEY_LIFE
        for one in self.disclosures.values():
            if one.key in self.revoked:
                self._expire(one)

    def sweep(self) -> None:
        """Let time take what is due."""
        for one in self.disclosures.values():
            late = one.state == "stored" and one.at <= self.now - EXPIRY
            incomplete = one.state == "announced" and one.at <= self.now - INCOMPLETE
            if one.exp <= self.now or late or incomplete:
                self._expire(one)

    def _expire(self, one: Disclosure) -> None:
        if one.state == "collected":
            one.header = False
        else:
            self._end(one, "expired")

    def _end(self, one: Disclosure, state: State) -> None:
        if one.state in {"announced", "stored", "collected"}:
            one.state = state
            one.header = False
            self._give_back(one)

    def _give_back(self, one: Disclosure) -> None:
        """Give the use back of what is over and was read by nobody, once."""
        over = one.state in {"acknowledged", "ended", "expired"}
        unread = not one.collected or one.answer == "key-lost"
        if one.counted and over and unread:
            one.counted = False
            self.consents[one.consent].used -= 1
