"""What a person may take along: her receipt, everything she sees on paper, her record, its proofs.

All are made from what the page shows anyway, are kept nowhere, and have names that say nothing.
"""

import asyncio
from datetime import date
from typing import Final

from aiohttp import web

from exchange.audit.proof import ENDING
from exchange.canonical import encode
from exchange.consent import credential
from exchange.consent.credential import Purpose
from exchange.consent.export import MEDIA_TYPE, became, export_record
from exchange.consent.template import kind_of
from exchange.days import day_of
from exchange.envelope.tarblocks import END_SIZE, member
from exchange.errors import Malformed, Misconfigured
from exchange.forms import document, page
from exchange.forms.paper import Secrets
from exchange.forms.paper import receipt as receipt_paper
from exchange.forms.sheet import Sheet
from exchange.hub.http.call import FRONT
from exchange.hub.pages.entry import Entry, nothing
from exchange.hub.pages.recount import recount
from exchange.hub.pages.shell import SHELL
from exchange.hub.pages.tell import GERMAN
from exchange.hub.prove_consent import prove_consent
from exchange.hub.view_consent import PersonView, view, view_whole
from exchange.statement import seconds

NAME: Final = "auskunft"
"""Name of the files, whatever is in them."""
README: Final = "README.txt"
POLICY: Final = "policy"
TAR: Final = "application/x-tar"
RECEIPT: Final = "receipt"
"""Kind of the receipt's text; an agreement has it in the languages its parties chose."""


async def receipt(request: web.Request, entry: Entry) -> web.Response:
    """Give the receipt: as PDF where this hub can make one, else as a page to print."""
    hub = request.app[FRONT].hub
    seen = await view(hub, entry.code)
    typed = credential.read(entry.code, Purpose.CODE)
    if seen is None or typed is None:
        return await nothing(request, entry)
    lang = _language(seen, entry.lang)
    paper = receipt_paper(seen.scope, lang=lang, secrets=Secrets(code=typed.text))
    return await _printed(paper, today=day_of(hub.clock()))


async def everything(request: web.Request, entry: Entry) -> web.Response:
    """Give what she allowed, the text she was shown and everything that happened, as paper."""
    hub, shell = request.app[FRONT].hub, request.app[SHELL]
    seen = await view_whole(hub, entry.code)
    if seen is None:
        return await nothing(request, entry)
    now = hub.clock()
    account = recount(seen, shell.words[entry.lang], at=now)
    async with shell.press:
        return await _printed(account, today=day_of(now))


async def records(request: web.Request, entry: Entry) -> web.Response:
    """Give the record in the structure of ISO/IEC TS 27560, as JSON-LD, with its proofs."""
    seen = await view(request.app[FRONT].hub, entry.code)
    if seen is None:
        return await nothing(request, entry)
    since = became(
        ended=seen.state == "ended", why=seen.reason, reason=seen.end_reason, at=seen.ended_at
    )
    proofs = await prove_consent(request.app[FRONT].hub, entry.code) or ()
    receipts = [proof.receipt for proof in proofs]
    exported = export_record(seen.record, seen.scope, since, receipts=receipts)
    return _file(encode(exported), "jsonld", MEDIA_TYPE)


async def proofs(request: web.Request, entry: Entry) -> web.Response:
    """Give what proves every entry about her consent, the keys of the log, and how to check."""
    hub, shell = request.app[FRONT].hub, request.app[SHELL]
    async with shell.press:
        found = await prove_consent(hub, entry.code)
    if found is None:
        return await nothing(request, entry)
    say, made_at = shell.words[entry.lang], seconds(hub.clock())
    readme = say("proofs.readme", origin=hub.signer.origin)
    files = {
        README: f"{readme}\n".encode(),
        POLICY: hub.signer.policy_text,
        **{f"{proof.n:05}{ENDING}": proof.receipt for proof in found},
    }
    packed = b"".join(member(name, content, made_at) for name, content in files.items())
    return _file(packed + bytes(END_SIZE), "tar", TAR)


async def _printed(paper: Sheet, *, today: date) -> web.Response:
    """Return `paper` as PDF where this hub can make one, else as a page to print."""
    try:
        content = await asyncio.to_thread(document.pdf, paper, today=today)
    except (Misconfigured, Malformed):  # the extra `forms` is not here, or its font lacks a letter
        return _file(await asyncio.to_thread(page.html, paper), "html", "text/html")
    return _file(content, "pdf", "application/pdf")


def _language(seen: PersonView, wanted: str) -> str:
    """Return the language of a receipt: of the page, else of the text she read, else German."""
    written = {text.lang for text in seen.scope.notices if kind_of(text.id) == RECEIPT}
    return next((one for one in (wanted, seen.record.notice.lang) if one in written), GERMAN)


def _file(content: bytes, ending: str, media_type: str) -> web.Response:
    return web.Response(
        body=content,
        content_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{NAME}.{ending}"'},
    )
