"""A consent and what happened under it, in the words of one language: codes become sentences.

Offices appear by the label each of them chose; their full names, and the text that holds them,
only where the person has asked for them. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from exchange.consent.record import ConsentRecord
from exchange.days import day_of, last_day
from exchange.forms.account import Fact, Said, Shown, Told
from exchange.forms.sheet import blocks_of, from_right_to_left
from exchange.hub.view_consent import DocumentSeen, ErasureSeen, EventSeen, PersonView
from exchange.pages.words import Words
from exchange.vocabulary import Scope

GERMAN = "de"
"""Language of a label an agreement has in no other one: every label has it (rule V01)."""
STORED = "disclosure-stored"
"""The event at which a document's whole fate is told."""
_ONESELF = {"hub", "person"}
"""What `by` says where it is no agency."""


@dataclass(frozen=True, slots=True)
class Contact:
    """An office by its full name, and how to reach it."""

    name: str
    contact: str
    officer: str
    """Of its privacy officer."""


def shown(text: str, record: ConsentRecord) -> Shown:
    """Return the text of `record` with its structure, the one it has on paper."""
    lang = record.notice.lang
    return Shown(lang, blocks_of(text), from_right_to_left(lang))


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Puts what a scope and a record say into words."""

    say: Words
    scope: Scope
    named: bool
    """Whether offices appear by their full names."""

    def office(self, agency: str) -> Said:
        """Return what the page calls an agency, the hub or the person herself."""
        if agency in _ONESELF:
            return Said(self.say(f"who.{agency}"))
        party = self.scope.parties.get(agency)
        if party is None:
            return Said(self.say("who.other"))
        return Said(party.name if self.named else party.public_label)

    def offices(self, agencies: Iterable[str]) -> tuple[Said, ...]:
        """Return what the page calls several agencies, in the order of their ids."""
        return tuple(self.office(agency) for agency in sorted(agencies))

    def contacts(self, record: ConsentRecord) -> tuple[Contact, ...]:
        """Return who took part, by full names; the office that took the consent comes first."""
        others = sorted((record.releasers | record.recipients) - {record.collected_by})
        parties = [self.scope.parties[agency] for agency in (record.collected_by, *others)]
        return tuple(Contact(party.name, party.contact, party.officer) for party in parties)

    def consent(self, record: ConsentRecord) -> tuple[Fact, ...]:
        """Return what a consent allows, without the text that was shown."""
        purpose = self.scope.vocabulary.purposes[record.purpose.code]
        facts = [
            self._fact("from", self.offices(record.releasers)),
            self._fact("to", self.offices(record.recipients)),
            self._fact(
                "categories", tuple(self.category(one) for one in sorted(record.categories))
            ),
            self._fact("purpose", (self._label(purpose.labels),)),
            self._fact("uses", (Said(self._uses(record)),)),
            self._fact("term", (Said(self._term(record)),)),
            self._fact("secrecy", (Said(self.say(f"secrecy.{record.secrecy.code}")),)),
        ]
        if record.onward_from:
            facts.append(self._fact("onward", self.offices(record.onward_from)))
        return tuple(facts)

    def category(self, code: str) -> Said:
        """Return the label of a kind of document."""
        found = self.scope.vocabulary.categories.get(code)
        return Said(self.say("who.unknown")) if found is None else self._label(found.labels)

    def state(self, seen: PersonView) -> str:
        """Return whether the consent holds, and why not."""
        if seen.state == "valid":
            return self.say("state.valid", day=self.say.day(last_day(seen.record.valid_until)))
        if seen.state == "not-yet":
            return self.say("state.not-yet", moment=self.say.moment(seen.record.valid_from))
        at = seen.ended_at or seen.record.valid_until
        return self.say(f"state.{seen.reason or 'ended'}", moment=self.say.moment(at))

    def event(self, event: EventSeen) -> Told:
        """Return one entry of the log in words; a document's fate stands where it was stored."""
        facts = list[Fact]()
        document = event.document
        if event.by not in _ONESELF and (document is None or event.by != document.sender):
            facts.append(self._fact("by", (self.office(event.by),)))
        if document is not None:
            facts.append(self._fact("from", (self.office(document.sender),)))
        if event.to:
            facts.append(self._fact("to", self.offices(event.to)))
        if document is not None:
            facts.append(self._fact("category", (self.category(document.category),)))
        if document is not None and event.kind == STORED:
            facts.append(self._fact("now", tuple(self._fate(document))))
        if event.reasons:
            reasons = tuple(Said(self._word("reason", reason)) for reason in event.reasons)
            facts.append(self._fact("reason", reasons))
        return self._told(self._sentence(event), event.at, facts)

    def erasure(self, erasure: ErasureSeen) -> Told:
        """Return what a recipient was asked to erase, and what it answered."""
        facts = [
            self._fact("by", (self.office(erasure.agency),)),
            self._fact("asked", (Said(self.say.moment(erasure.asked_at)),)),
        ]
        if erasure.result is None:
            facts.append(self._fact("due", (Said(self.say.day(day_of(erasure.due))),)))
        if erasure.ground is not None:
            facts.append(self._fact("ground", (Said(self._word("ground", erasure.ground)),)))
        if erasure.until is not None:
            facts.append(self._fact("until", (Said(self.say.day(erasure.until)),)))
        state = erasure.result or ("overdue" if erasure.overdue else "outstanding")
        at = erasure.answered_at or erasure.asked_at
        return self._told(self.say(f"erasure.{state}"), at, facts)

    def _told(self, text: str, at: datetime, facts: Iterable[Fact]) -> Told:
        return Told(
            text=text,
            at=self.say.moment(at),
            stamp=at.isoformat(timespec="seconds"),
            facts=tuple(facts),
        )

    def _sentence(self, event: EventSeen) -> str:
        for key in (f"event.{event.kind}.{event.via or event.result}", f"event.{event.kind}.it"):
            if self.say.knows(key):
                return self.say(key)
        return self.say("event.other")

    def _fate(self, document: DocumentSeen) -> Iterator[Said]:
        for receipt in document.recipients:
            now = receipt.result or ("collected" if receipt.collected_at else document.state)
            words = [self._word("now", now)]
            if receipt.reason is not None:
                words.append(self._word("reason", receipt.reason))
            office = self.office(receipt.agency).text
            yield Said(self.say("format.pair", one=office, other=", ".join(words)))

    def _uses(self, record: ConsentRecord) -> str:
        if record.uses == "recurring":
            return self.say("uses.recurring")
        return (
            self.say("uses.once") if record.uses == 1 else self.say("uses.count", count=record.uses)
        )

    def _term(self, record: ConsentRecord) -> str:
        return self.say(
            "format.term",
            first=self.say.day(day_of(record.valid_from)),
            last=self.say.day(last_day(record.valid_until)),
        )

    def _fact(self, name: str, values: tuple[Said, ...]) -> Fact:
        return Fact(self.say(f"fact.{name}"), values)

    def _word(self, kind: str, code: str) -> str:
        key = f"{kind}.{code}"
        return self.say(key if self.say.knows(key) else f"{kind}.other")

    def _label(self, labels: Mapping[str, str]) -> Said:
        own = labels.get(self.say.lang)
        return Said(labels[GERMAN], GERMAN) if own is None else Said(own)
