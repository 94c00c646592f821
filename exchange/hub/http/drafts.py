"""Drafts of electronic consents, for the agency that collects them: upload, look, forget."""

from exchange.canonical import b64u
from exchange.hub.drafts import forget_draft, keep_draft, own_draft
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.storage.drafts import Draft
from exchange.wire import person, routes, shapes


def draft_routes() -> Routes:
    """Return the handlers of drafts."""
    bound = Routes()
    bound.handles(routes.POST_DRAFT)(post_draft)
    bound.handles(routes.GET_DRAFT)(get_draft)
    bound.handles(routes.DELETE_DRAFT)(delete_draft)
    return bound


async def post_draft(call: Call, *, body: person.DraftGiven) -> person.Draft:
    """Keep a draft until the person has signed it."""
    kept = await keep_draft(
        call.hub, call.agency, body.draft.encode("utf-8"), body.invitation, once=call.once
    )
    return _shape(kept)


async def get_draft(call: Call, *, path: shapes.IdPath) -> person.Draft:
    """Return whether the person has signed, and what."""
    return _shape(await own_draft(call.hub, path.id, call.agency))


async def delete_draft(call: Call, *, path: shapes.IdPath) -> person.DraftForgotten:
    """Forget a draft."""
    await forget_draft(call.hub, path.id, call.agency)
    return person.DraftForgotten(id=path.id)


def _shape(kept: Draft) -> person.Draft:
    return person.Draft(
        id=kept.id,
        state="waiting" if kept.signed is None else "signed",
        until=kept.until,
        signed=kept.signed,
        signature=None if kept.signature is None else b64u(kept.signature),
    )
