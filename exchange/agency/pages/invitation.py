"""Invite a person to sign a consent on her own page, and record what she has signed.

The text is prepared as for paper. Who it is about is sealed into the draft at once; the invitation
is shown once, for her alone, and the hub, which has its digest only, writes to nobody.
"""

import asyncio

from aiohttp import web

from exchange.agency import sketch as sketches
from exchange.agency.invite import complete, forget, invite, is_invited
from exchange.agency.pages import consent_form, tell
from exchange.agency.pages.fields import Fields
from exchange.agency.pages.shell import Visit
from exchange.agency.record_consent import text_of
from exchange.agency.sketch import Sketch, to_invite, unsigned
from exchange.consent.words import Form, Identified
from exchange.errors import LintRefused, Malformed, NotFound
from exchange.forms.account import Shown
from exchange.forms.sheet import blocks_of, from_right_to_left


async def show(visit: Visit) -> web.Response:
    """Show the text, and ask how it was signed, or whom to invite."""
    one = await _sketch(visit)
    if one.form is not Form.ELECTRONIC:
        return await consent_form.show(visit)
    return await _shown(visit, one, Fields(), ())


async def _shown(visit: Visit, one: Sketch, given: Fields, wrong: tuple[str, ...]) -> web.Response:
    gateway = visit.gateway
    text = await text_of(gateway, unsigned(one, gateway.clock()))
    book = await visit.shell.books.of(gateway)
    lang = one.text[2]
    return visit.page(
        "invitation.html",
        id=one.id,
        to=tell.offices(book, one.recipients),
        text=Shown(lang, blocks_of(text), from_right_to_left(lang)),
        identified=consent_form.identified_by(visit),
        invited=await asyncio.to_thread(is_invited, gateway.home, one.id),
        wrong=wrong,
        given=given,
    )


async def send(visit: Visit) -> web.Response:
    """Let the draft wait for the person; show her invitation this once."""
    gateway, one = visit.gateway, await _sketch(visit)
    try:
        subject = consent_form.subject_of(visit)
        identified = consent_form.chosen(Identified, visit.fields.one("identified"))
        invited = await invite(gateway, to_invite(one, subject, identified, gateway.clock()))
    except (LintRefused, Malformed) as refused:
        said = tell.reasons(visit.say, refused) or (visit.say("consent_new.incomplete"),)
        return await _shown(visit, one, visit.fields, said)
    book = await visit.shell.books.of(gateway)
    pages = [
        known.agreement.hub.page for known in book.agreements if known.agreement.id == one.agreement
    ]
    return visit.page(
        "invited.html",
        id=one.id,
        invitation=invited.invitation.text,
        until=visit.say.moment(invited.until),
        address=pages[0] if pages else None,
    )


async def finish(visit: Visit) -> web.Response:
    """Record what she has signed; say so where she has not yet, or never will."""
    gateway, one = visit.gateway, await _sketch(visit)
    back = f"/consents/drafts/{one.id}"
    try:
        recorded = await complete(gateway, one.id)
    except NotFound:  # declined, expired or forgotten: the hub does not say which
        return visit.go(back, "done.invitation_over")
    if recorded is None:
        return visit.go(back, "done.not_signed")
    await asyncio.to_thread(sketches.forget, gateway.home, one.id)
    return consent_form.recorded_page(visit, recorded, (), wished=visit.fields.ticked("receipt"))


async def drop(visit: Visit) -> web.Response:
    """Forget a consent that nobody will sign, at the hub too where it waits there."""
    gateway, draft_id = visit.gateway, visit.id_in_path()
    if await asyncio.to_thread(is_invited, gateway.home, draft_id):
        await forget(gateway, draft_id)
    return await consent_form.drop(visit)


async def _sketch(visit: Visit) -> Sketch:
    return await asyncio.to_thread(sketches.find_sketch, visit.gateway.home, visit.id_in_path())
