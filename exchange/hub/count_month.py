"""Count what happened under an agreement in a month: rows become places, consents and minutes.

Each thing is counted in the month in which it happened, so that a later one changes no earlier
month. Nothing is counted that did not happen: an unanswered request and a refusal leave no trace
here.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from secrets import randbits

from exchange.figures.measure import Count, Place, Wait, direction, one_or_several
from exchange.figures.period import Period
from exchange.figures.tally import Happened
from exchange.hub.storage.figures import (
    NUMBER_BITS,
    Addressed,
    CountedConsent,
    CountedRequest,
)
from exchange.hub.stored import context_of, said

RESULTS = {
    "accepted": Count.ACCEPTED,
    "rejected": Count.REJECTED,
    "quarantined": Count.QUARANTINED,
}


def of_consents(
    found: Iterable[CountedConsent], numbers: Mapping[str, int], within: Period
) -> Iterator[Happened]:
    """Count consents that were recorded and withdrawn."""
    for consent in found:
        stated = said(consent.statement)
        place = Place(
            stated["purpose"]["code"],
            one_or_several(stated["categories"]),
            one_or_several(
                direction(sender, recipient)
                for sender in stated["releasers"]
                for recipient in stated["recipients"]
                if sender != recipient
            ),
        )
        whose = numbers[consent.digest]
        if _in(within, consent.recorded_at):
            yield Happened(Count.CONSENTS, place, whose)
        if _in(within, consent.withdrawn_at):
            yield Happened(Count.CONSENTS_WITHDRAWN, place, whose)


def of_disclosures(
    found: Iterable[Addressed], numbers: Mapping[str, int], within: Period
) -> Iterator[Happened]:
    """Count disclosures, and what became of each at each of its recipients.

    Args:
        found: those of one disclosure together.
        numbers: of the consents.
        within: the month.
    """
    for _, group in groupby(found, key=lambda one: one.disclosure):
        rows = tuple(group)
        first = rows[0]
        context, whose = context_of(first.manifest), numbers[first.consent]
        ways = {direction(first.sender, row.recipient) for row in rows}
        whole = Place(context.purpose, context.category, one_or_several(ways))
        if _in(within, first.stored_at):
            yield Happened(Count.STORED, whole, whose)
        if _in(within, first.ended_at) and first.ended_why == "withdrawn":
            yield Happened(Count.WITHDRAWN, whole, whose)
        for row in rows:
            way = direction(row.sender, row.recipient)
            yield from _at_recipient(
                row, Place(context.purpose, context.category, way), whose, within
            )


def _at_recipient(row: Addressed, place: Place, whose: int, within: Period) -> Iterator[Happened]:
    collected, answered = row.collected_at, row.acknowledged_at
    if collected is not None and _in(within, collected):
        yield Happened(Count.COLLECTED, place, whose)
        yield _waited(Wait.COLLECT, place, whose, collected - row.stored_at)
    if answered is not None and _in(within, answered) and row.result is not None:
        yield Happened(RESULTS[row.result], place, whose)
        yield _waited(Wait.ACKNOWLEDGE, place, whose, answered - (collected or row.stored_at))
    if collected is None and row.ended_why == "expired" and _in(within, row.ended_at):
        yield Happened(Count.EXPIRED, place, whose)


def of_requests(
    found: Iterable[CountedRequest], numbers: Mapping[str, int], within: Period
) -> Iterator[Happened]:
    """Count document requests, and how long the answered ones took.

    One that names no consent stands for itself: about whom it is, the hub cannot know.
    """
    for request in found:
        place = Place(
            request.purpose,
            one_or_several(request.categories),
            direction(request.asked, request.asker),
        )
        known = None if request.consent is None else numbers.get(request.consent)
        whose = randbits(NUMBER_BITS) if known is None else known
        if _in(within, request.made_at):
            yield Happened(Count.REQUESTS, place, whose)
        if request.answered_at is not None and _in(within, request.answered_at):
            yield _waited(Wait.ANSWER, place, whose, request.answered_at - request.made_at)


def _in(within: Period, moment: datetime | None) -> bool:
    return moment is not None and within.begin <= moment < within.end


def _waited(wait: Wait, place: Place, whose: int, taken: timedelta) -> Happened:
    # A clock that was set back makes nothing arrive before it was sent.
    return Happened(wait, place, whose, max(0, taken // timedelta(minutes=1)))
