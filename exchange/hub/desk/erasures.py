"""What is to be erased: open, overdue, answered; the agency's own and what others owe it.

Of what others owe it an officer may have them reminded, once a day.
"""

from collections.abc import Iterable
from typing import Any, Final, get_args

from aiohttp import web

from exchange.errors import Malformed
from exchange.hub.answers.erasures import ErasureSeen, Wanted, list_erasures
from exchange.hub.desk.consents import CONSENTS
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.desk.sizes import size_of
from exchange.hub.officer_files import lists
from exchange.hub.remind_erasure import Outcome, remind_erasure
from exchange.hub.storage.answers_erasures import State
from exchange.pages.words import Words

ERASURES: Final = "/officer/erasures"
PAGE: Final = 50
HEADS: Final = (
    *("erasure.recipient", "erasure.reason", "erasure.asked_at", "erasure.due"),
    *("erasure.standing", "erasure.reminded", "erasure.consent"),
)
"""Keys of what stands over the columns; one more where somebody can be reminded now."""
STATES: Final[tuple[State, ...]] = get_args(State)
_ID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


async def show(visit: Visit) -> web.StreamResponse:
    """Show a page of erasures in one state."""
    state = state_of(visit)
    wanted, after = Wanted(state), visit.fields.get("after")
    found = await list_erasures(visit.hub, visit.asker, wanted, after=after, limit=PAGE)
    source = lists.erasures_of(visit.hub, visit.asker, wanted).source
    whole = after is None and found.next is None
    reminding = any(one.remindable for one in found.answer)
    return visit.page(
        "erasures.html",
        state=state,
        states=[(known, visit.say(f"erasure.{known}")) for known in STATES],
        heads=[visit.say(key) for key in (*HEADS, *(["reminder.action"] if reminding else []))],
        rows=[
            [*row, _reminding(visit.say, one)] if reminding else row
            for row, one in zip(in_words(visit.say, found.answer), found.answer, strict=True)
        ],
        next=found.next,
        size=await size_of(visit, source, len(found.answer), whole=whole, page=lists.PAGE),
        outcome=_outcome(visit),
    )


async def remind(visit: Visit) -> web.StreamResponse:
    """Have an agency reminded, then show the list again with what became of it."""
    found = await remind_erasure(visit.hub, visit.asker, visit.in_path())
    return visit.go(f"{ERASURES}?reminded={found.outcome}")


def state_of(visit: Visit) -> State:
    """Return in which state erasures are asked for.

    Raises:
        Malformed: what no form of ours has sent.
    """
    given = visit.fields.get("state", "open")
    state = next((known for known in STATES if known == given), None)
    if state is None:
        raise Malformed("no such state")
    return state


def in_words(say: Words, found: Iterable[ErasureSeen]) -> list[list[Any]]:
    """Return what a page and a paper say of erasures, under `HEADS`."""
    return [_row(say, one) for one in found]


PLACES: Final = (
    Place(path=ERASURES, page=show, part="erasures"),
    Place(path=f"{ERASURES}/{{id:{_ID}}}/reminder", page=remind, method="POST"),
)


def _outcome(visit: Visit) -> str:
    """Return what became of a reminder that was just asked for."""
    given = visit.fields.get("reminded", "")
    return visit.say(f"reminder.{given}") if given in get_args(Outcome) else ""


def _row(say: Words, one: ErasureSeen) -> list[Any]:
    return [
        one.recipient,
        say(f"erasure.because_{one.reason}"),
        say.moment(one.asked_at),
        say.moment(one.due),
        _standing(say, one),
        _reminded(say, one),
        {"path": f"{CONSENTS}/{one.consent}", "text": one.consent[:8]},
    ]


def _reminded(say: Words, one: ErasureSeen) -> list[str]:
    told = [say(f"erasure.reminded_{one.reminded}")]
    if one.reminded_at is not None:
        told.append(say("reminder.at", moment=say.moment(one.reminded_at)))
    return told


def _reminding(say: Words, one: ErasureSeen) -> Any:
    if not one.remindable:
        return ""
    path = f"{ERASURES}/{one.erasure}/reminder"
    return {"post": path, "text": say("reminder.button", agency=one.recipient)}


def _standing(say: Words, one: ErasureSeen) -> str:
    if one.confirmation is None:
        return say("erasure.is_overdue" if one.overdue else "erasure.is_open")
    if one.confirmation == "erased" or one.kept_until is None:
        return say("erasure.is_erased")
    return say("erasure.is_kept", ground=say(f"ground.{one.ground}"), day=say.day(one.kept_until))
