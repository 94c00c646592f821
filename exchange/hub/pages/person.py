"""The person's page: type the code, read, withdraw. Works without a script, keeps nothing.

A code that is wrong, was never issued, was replaced or is erased, and a page that is switched
off, get the same bytes after the same look-ups.
"""

import re
from typing import Final

from aiohttp import web

from exchange.canonical import b64u
from exchange.hub.drafts import open_draft
from exchange.hub.http.call import FRONT
from exchange.hub.pages.entry import Entry, nothing
from exchange.hub.pages.shell import CLEAR, SHELL, SIGNING_POLICY, language
from exchange.hub.pages.signing import draft_page
from exchange.hub.pages.tell import Teller, shown
from exchange.hub.view_consent import PersonView, view
from exchange.hub.withdraw import Withdrawn
from exchange.hub.withdraw_by_person import (
    withdraw_by_code,
    withdraw_by_key,
    withdrawal_to_sign,
)
from exchange.serving import front

MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
"""A mail address, one word of the contact in the settings; it becomes a link."""


async def start(request: web.Request) -> web.Response:
    """Ask for the code."""
    return request.app[SHELL].render("start.html", _chosen(request), missed=False)


async def show(request: web.Request, entry: Entry) -> web.Response:
    """Show what a code opens: a consent, or a draft that waits for a signature."""
    hub = request.app[FRONT].hub
    if (seen := await view(hub, entry.code, cursor=entry.after)) is not None:
        return _shown(request, entry, seen)
    if (draft := await open_draft(hub, entry.code)) is not None:
        return draft_page(request, entry, draft)
    return await nothing(request, entry)


async def confirm(request: web.Request, entry: Entry) -> web.Response:
    """Ask once whether she withdraws: the only question there is."""
    seen = await view(request.app[FRONT].hub, entry.code)
    if seen is None:
        return await nothing(request, entry)
    key = seen.record.person_key
    return request.app[SHELL].render(
        "confirm.html",
        entry.lang,
        headers=SIGNING_POLICY,
        sensitive=True,
        code=entry.code,
        key="" if key is None else b64u(key),
    )


async def withdraw(request: web.Request, entry: Entry) -> web.Response:
    """Withdraw with the code, or with the key she has kept on her own device."""
    ended = await _withdrawn(request, entry)
    if ended is None:
        return await nothing(request, entry)
    shell = request.app[SHELL]
    at = shell.words[entry.lang].moment(ended.ended_at)
    return shell.render("withdrawn.html", entry.lang, sensitive=True, code=entry.code, at=at)


async def prepare_withdrawal(request: web.Request, entry: Entry) -> web.Response:
    """Return what her own key signs to withdraw, as text; empty where there is nothing."""
    to_sign = await withdrawal_to_sign(request.app[FRONT].hub, entry.code)
    if to_sign is None:
        await request.app[SHELL].pace.missed(entry.address)
    return web.Response(text=to_sign or "")


async def end(request: web.Request) -> web.Response:
    """End the visit: an empty page, and what the browser kept of the others goes."""
    return request.app[SHELL].render("end.html", _chosen(request), headers=CLEAR)


async def accessibility(request: web.Request) -> web.Response:
    """Say how accessible the pages are, and where to report a barrier."""
    shell = request.app[SHELL]
    words = (word.strip(",;:()<>") for word in shell.settings.contact.split())
    return shell.render(
        "accessibility.html",
        _chosen(request),
        settings=shell.settings,
        mail=next((word for word in words if MAIL.fullmatch(word)), None),
    )


def _chosen(request: web.Request) -> str:
    return language(front.parameters(request), request)


async def _withdrawn(request: web.Request, entry: Entry) -> Withdrawn | None:
    hub, signature = request.app[FRONT].hub, entry.fields.get("signature")
    if signature is None:
        return await withdraw_by_code(hub, entry.code)
    to_sign = entry.fields.get("to_sign", "")
    return await withdraw_by_key(hub, entry.code, to_sign=to_sign, signature=signature)


def _shown(request: web.Request, entry: Entry, seen: PersonView) -> web.Response:
    shell = request.app[SHELL]
    teller = Teller(say=shell.words[entry.lang], scope=seen.scope, named=entry.named)
    return shell.render(
        "view.html",
        entry.lang,
        sensitive=True,
        code=entry.code,
        named=entry.named,
        state=teller.state(seen),
        facts=teller.consent(seen.record),
        used=seen.used,
        may_withdraw=seen.may_withdraw,
        erasures=[teller.erasure(one) for one in seen.erasures],
        events=[teller.event(one) for one in seen.events],
        contacts=teller.contacts(seen.record) if entry.named else (),
        text=shown(seen.text, seen.record) if entry.named else None,
        next=seen.next,
        later=entry.after is not None,
    )
