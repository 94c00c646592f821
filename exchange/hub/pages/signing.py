"""Signing a consent on the person's page, with a key her own browser makes.

The one page that needs a script; without it, it says how to sign on paper. Leaving it, or saying
"not now", sends nothing and is recorded nowhere.
"""

from datetime import datetime

from aiohttp import web

from exchange.canonical import unb64u
from exchange.hub.drafts import DraftView, prepare, sign_draft, take_back
from exchange.hub.http.call import FRONT
from exchange.hub.pages.entry import Entry, nothing
from exchange.hub.pages.shell import SHELL, SIGNING_POLICY
from exchange.hub.pages.tell import shown
from exchange.keyid import ED25519_SIZE
from exchange.members import read_time, write_time


def draft_page(request: web.Request, entry: Entry, draft: DraftView) -> web.Response:
    """Show a draft: its exact text and one button, or that it is signed already."""
    shell = request.app[SHELL]
    say = shell.words[entry.lang]
    if draft.signed:
        return shell.render("signed.html", entry.lang, sensitive=True, code=entry.code)
    return shell.render(
        "sign.html",
        entry.lang,
        headers=SIGNING_POLICY,
        sensitive=True,
        code=entry.code,
        collector=draft.scope.parties[draft.record.collected_by],
        text=shown(draft.text, draft.record),
        digest=draft.record.notice.sha256,
        at=write_time(draft.at),
        seen=draft.seen,
        until=say.moment(draft.until),
    )


async def prepare_signature(request: web.Request, entry: Entry) -> web.Response:
    """Return what her browser signs, as text; empty where there is nothing."""
    at, key = _moment(entry), unb64u(entry.fields.get("key", ""), size=ED25519_SIZE)
    to_sign = await prepare(
        request.app[FRONT].hub,
        entry.code,
        at=at,
        seen=entry.fields.get("seen", ""),
        person_key=key,
    )
    if to_sign is None:
        await request.app[SHELL].pace.missed(entry.address)
    return web.Response(text=to_sign or "")


async def sign(request: web.Request, entry: Entry) -> web.Response:
    """Keep her signature until the agency fetches it."""
    taken = await sign_draft(
        request.app[FRONT].hub,
        entry.code,
        to_sign=entry.fields.get("to_sign", ""),
        signature=entry.fields.get("signature", ""),
    )
    if not taken:
        await request.app[SHELL].pace.missed(entry.address)
    page = "signed.html" if taken else "unsigned.html"
    return request.app[SHELL].render(page, entry.lang, sensitive=True, code=entry.code)


async def unsign(request: web.Request, entry: Entry) -> web.Response:
    """Take her signature back while the agency has not fetched it."""
    if not await take_back(request.app[FRONT].hub, entry.code):
        return await nothing(request, entry)
    return request.app[SHELL].render("taken_back.html", entry.lang, sensitive=True, code=entry.code)


def _moment(entry: Entry) -> datetime:
    return read_time(entry.fields.get("at", ""))
