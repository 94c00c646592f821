"""The person's receipt, printed again on her wish: with a new code, or without one.

A new code replaces hers as soon as the form is sent. The paper is shown once, on a page of its
own: loading that page again makes no other code.
"""

from typing import Final

from aiohttp import web

from exchange.agency.pages.consents import names_of, printable
from exchange.agency.pages.shell import Visit
from exchange.agency.print_paper import find_receipt
from exchange.agency.receipts import reissue
from exchange.consent.record import ConsentRecord
from exchange.errors import NotFound

NEW: Final = "new"
NONE: Final = "none"


async def ask(visit: Visit, *, wrong: str | None = None) -> web.Response:
    """Ask whether the receipt shall bear a new code; nothing else."""
    record = await _collected_here(visit)
    return visit.page(
        "receipt.html",
        id=record.id,
        facts=await names_of(visit, record),
        codes=[(NEW, visit.say("receipt.new")), (NONE, visit.say("receipt.none"))],
        wrong=wrong,
    )


async def issue(visit: Visit) -> web.Response:
    """Make the receipt, and a new code if it shall bear one; then show it."""
    gateway, consent_id = visit.gateway, (await _collected_here(visit)).id
    code, in_qr = visit.fields.one("code"), visit.fields.ticked("qr")
    if code not in (NEW, NONE) or (in_qr and code != NEW):
        return await ask(visit, wrong="receipt.wrong")
    blank = await find_receipt(gateway, consent_id)
    blank.paper(None)  # before the code is made, which replaces hers: the text may be missing
    made = await reissue(gateway.client, consent_id) if code == NEW else None
    visit.session.receipt = consent_id, blank.paper(made, in_qr=in_qr)
    return visit.go(f"/consents/{consent_id}/receipt/paper")


async def paper(visit: Visit) -> web.Response:
    """Show the receipt that was made just now, to be printed; once."""
    consent_id = visit.id_in_path()
    made, visit.session.receipt = visit.session.receipt, None
    if made is None or made[0] != consent_id:
        return visit.go(f"/consents/{consent_id}/receipt", "done.receipt_gone")
    return printable(made[1])


async def _collected_here(visit: Visit) -> ConsentRecord:
    gateway = visit.gateway
    known = await gateway.records.consent(now=gateway.clock(), consent_id=visit.id_in_path())
    if known.record.collected_by != gateway.agency:
        raise NotFound("another office has collected this consent")
    return known.record
