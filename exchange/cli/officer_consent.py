"""`exchange officer consent`: one consent as an officer may read it, and who signed it."""

from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING

from exchange.cli.officer_answer import AsJson, printed
from exchange.cli.place import HERE, Place
from exchange.days import moment_of

if TYPE_CHECKING:
    from exchange.agency.officer_calls import OfficerCalls
    from exchange.wire import officer


def consent(
    consent: str,
    /,
    *,
    moment: datetime | None = None,
    json: AsJson = False,
    at: Place = HERE,
) -> None:
    """Show one consent: who signed it with which key, its events, and whether it held.

    Parameters
    ----------
    consent
        Id of the record.
    moment
        Asked about, without a zone in German time; now, if not given.
    """

    def ask(calls: "OfficerCalls", _after: str | None) -> Awaitable["officer.ConsentAnswer"]:
        return calls.officer_consent(consent, at=None if moment is None else moment_of(moment))

    def lines(page: "officer.ConsentAnswer") -> list[str]:
        found, allowed = page.answer, page.answer.allowed
        return [
            f"consent     {found.id}",
            f"state       {found.state}{f', {found.ended_why}' if found.ended_why else ''}",
            *(f"signed      {_signature(one)}" for one in found.signatures),
            *(
                f"given       {one.role}, {one.at:%Y-%m-%d %H:%M}, identified: {one.identified}"
                for one in found.persons
            ),
            *_withdrawn(found.withdrawal),
            f"held        {allowed.known or 'not for this agency to know'}",
            *(f"why not     {one}" for one in allowed.reasons or ()),
            *(
                f"{one.at:%Y-%m-%d %H:%M}  {one.kind} by {one.by}, "
                f"{'no entry yet' if one.index is None else f'entry {one.index}'}, "
                f"receipt {one.receipt}"
                for one in found.events
            ),
        ]

    printed(at, ask, lines, json=json)


def _signature(one: "officer.SignatureSeen") -> str:
    return f"{one.agency or 'the person'} with key {one.key} ({', '.join(one.algorithms)})"


def _withdrawn(found: "officer.WithdrawalSeen | None") -> list[str]:
    if found is None:
        return []
    ways = {
        "agency": f"taken down by an agency: {found.by}, {found.channel}",
        "key": "by the person, with her own key",
        "code": "with the person's code; nobody signs that",
    }
    return [
        f"withdrawn   {found.received_at:%Y-%m-%d %H:%M}, {ways[found.way]}",
        *(f"signed      {_signature(one)}" for one in found.signatures),
    ]
