"""Whom an entry of the log concerns: `may_open` from the other side, for all agencies at once.

Pure. An agency gets a row for what it may open, no sooner. What opens to somebody later is added
by the entry that opens it: a disclosure opens the record of its consent to its recipients, the
wish to erase opens the withdrawal to whoever is asked. So an agency's rows tell it nothing, not
even by their number, that was not open to it. Whoever reads them asks `may_open` all the same:
what was open may be closed again.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from exchange.audit.event import HUB, PERSON
from exchange.hub.storage.concerns import RECORDED, WITHDRAWN, Facts, Held, Sent
from exchange.hub.storage.reading import Concern, Entry, Place

Agencies: TypeAlias = frozenset[str]
NOBODY: Agencies = frozenset()


def concerned(entry: Entry, facts: Facts) -> Iterator[Concern]:
    """Yield whom an entry concerns, and to whom it opens an older one.

    Args:
        entry: an event; of a kind that is not in the table it concerns nobody.
        facts: about everything it names.
    """
    for agency in _CONCERNS.get(entry.found.kind, _nobody)(entry, facts):
        yield Concern(agency, entry.place.index, entry.place.at, entry.found.kind)
    opened = _OPENED.get(entry.found.kind)
    if opened is None:
        return
    place = opened(facts).get(entry.found.chain or "")
    if place is not None:
        kind = RECORDED if entry.found.kind == "disclosure-stored" else WITHDRAWN
        for agency in _to(entry):
            yield Concern(agency, place.index, place.at, kind)


def _nobody(_: Entry, __: Facts) -> Agencies:
    return NOBODY


def _by(entry: Entry) -> Agencies:
    by: str = entry.event["by"]
    return NOBODY if by in {HUB, PERSON} else frozenset({by})


def _to(entry: Entry) -> Agencies:
    to = entry.event["to"]
    return frozenset({to} if isinstance(to, str) else to)


def _held(entry: Entry, facts: Facts) -> Held | None:
    return facts.consents.get(entry.found.chain or "")


def _sent(entry: Entry, facts: Facts) -> Sent | None:
    return facts.disclosures.get((entry.found.chain or "", entry.event["manifest"]))


def _collector(entry: Entry, facts: Facts) -> Agencies:
    held = _held(entry, facts)
    return NOBODY if held is None else frozenset({held.collector})


def _readers(entry: Entry, facts: Facts) -> Agencies:
    held = _held(entry, facts)
    return NOBODY if held is None else held.releasers | {held.collector}


def _sender(entry: Entry, facts: Facts) -> Agencies:
    sent = _sent(entry, facts)
    return NOBODY if sent is None else frozenset({sent.sender})


def _reached(entry: Entry, facts: Facts) -> Agencies:
    """Return the sender, and those recipients that had collected: it is gone for the others."""
    sent = _sent(entry, facts)
    return NOBODY if sent is None else sent.collected | {sent.sender}


def _parties(entry: Entry, facts: Facts) -> Agencies:
    return facts.agreements.get(entry.event["agreement"], NOBODY)


def _owed(entry: Entry, facts: Facts) -> Agencies:
    return facts.erasures.get(entry.event["erasure"], NOBODY)


_CONCERNS: Mapping[str, Callable[[Entry, Facts], Agencies]] = MappingProxyType(
    {
        "agreement-signed": _parties,
        "agreement-notice": _parties,
        "agreement-ended": _parties,
        RECORDED: _readers,
        WITHDRAWN: lambda one, facts: _by(one) | _collector(one, facts),
        "receipt-reissued": _collector,
        "request-made": lambda one, _: _by(one) | _to(one),
        "disclosure-stored": lambda one, _: _by(one) | _to(one),
        "disclosure-refused": lambda one, facts: _by(one) | _collector(one, facts),
        "disclosure-collected": lambda one, facts: _by(one) | _sender(one, facts),
        "disclosure-acknowledged": lambda one, facts: _by(one) | _sender(one, facts),
        "disclosure-ended": _reached,
        "erasure-asked": _owed,
        "erasure-confirmed": _owed,
        "officer-read": lambda one, _: _by(one),
        "officer-export": lambda one, _: _by(one),
    }
)
"""`erased` is not in it: it concerns no agency more than another, and is told by tombstones."""
_OPENED: Mapping[str, Callable[[Facts], Mapping[str, Place]]] = MappingProxyType(
    {
        "disclosure-stored": lambda facts: facts.recorded,
        "erasure-asked": lambda facts: facts.withdrawn,
    }
)
"""Kinds that open an older entry of their chain to whom they are addressed."""
