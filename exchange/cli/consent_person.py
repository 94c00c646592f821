"""`exchange consent` for the person herself: her receipt, and drafts that she signs on her page.

A code is made here, printed once and kept nowhere; the hub has its digest. `receipt`, `invite` and
`complete` use the gateway's home alone: stop `exchange gateway run` first. `revoke-code` does not.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from exchange.agency import invite as drafts
from exchange.agency.hand_in import Receipt, Recorded
from exchange.agency.print_paper import BlankReceipt, find_receipt
from exchange.agency.receipts import reissue, revoke
from exchange.cli import consent_draft
from exchange.cli.consent_paper import check_out, made_as, write_paper
from exchange.cli.place import HERE, Place, beside, opened
from exchange.consent import render
from exchange.days import day_of
from exchange.errors import Malformed


def add_person(app: App) -> None:
    """Add the commands about the person's receipt and signature to `exchange consent`."""
    for command in (receipt, invite, complete, forget):
        app.command(command)
    app.command(revoke_code, name="revoke-code")


def show_receipt(recorded: Recorded) -> None:
    """Print what only the person may know; it is shown this once, then said to be gone."""
    if recorded.receipt is None:
        print("receipt     was printed when it was recorded, and is kept nowhere here; for a")
        print(f"            new code: exchange consent receipt {recorded.id}")
        return
    print(f"code        {recorded.receipt.code.text}")
    _show_log_key(recorded.receipt)


def _show_log_key(made: Receipt) -> None:
    print(f"log key     {made.log_key.text}")
    print("            secret and printed once: hand both to the person, keep no copy")


def receipt(
    consent_id: str,
    /,
    *,
    code: Annotated[
        bool, Parameter(help="Make a new code, which replaces the one before; or print none.")
    ] = True,
    out: Path | None = None,
    qr_with_code: Annotated[
        bool, Parameter(negative=(), help="Let the QR code carry both secrets, for her own phone.")
    ] = False,
    lang: str | None = None,
    at: Place = HERE,
) -> None:
    """Print the receipt of a consent, with a new code for the person's page or without one.

    Only on her wish: a receipt at home can be found. Without a code she withdraws by a call. A new
    code replaces the one before at once, and the log of her consent says that there was one.

    Parameters
    ----------
    consent_id
        Id of the consent record, which this agency has collected.
    out
        File to write, ending in .html or .pdf, instead of the terminal: delete it when printed.
    qr_with_code
        Only on her wish, and only with --out: a browser keeps such an address in its history.
        Without it the QR code ends at the address of the page.
    lang
        Language of the receipt; the one of the text she was shown, if not given.
    """
    if qr_with_code and (out is None or not code):
        raise Malformed("--qr-with-code goes with --out and a new code")
    if out is not None:
        check_out(out)

    async def work() -> None:
        async with opened(at) as gateway:
            printed = await find_receipt(gateway, consent_id, lang=lang)
            today = day_of(gateway.clock())
            # Made once before the code is, which replaces hers: a text may lack the language, a
            # font a letter of it.
            blank = printed.paper(None)
            if out is not None:
                made_as(out, blank, today=today)
            made = await reissue(gateway.client, consent_id) if code else None
            if out is None:
                _show(printed, made)
                return
            write_paper(out, printed.paper(made, in_qr=qr_with_code), today=today)
            print("next        print it, hand it over, and delete the file")

    asyncio.run(work())


def _show(blank: BlankReceipt, made: Receipt | None) -> None:
    text = made.code.text if made else None
    print(render.receipt(blank.scope, code=text, lang=blank.lang), end="")
    if made is not None:
        print()
        _show_log_key(made)


def revoke_code(
    consent_id: str,
    /,
    *,
    at: Place = HERE,
) -> None:
    """Let the person's code open nothing any more; her consent stays as it is.

    Parameters
    ----------
    consent_id
        Id of the consent record, which this agency has collected.
    """

    async def work() -> None:
        async with beside(at) as desk:
            await revoke(desk.client, consent_id)
            print(f"revoked     the code of {consent_id}")

    asyncio.run(work())


def invite(
    draft: Path,
    /,
    *,
    at: Place = HERE,
) -> None:
    """Let the person sign an electronic consent on her page; print her invitation, once.

    Hand the invitation over or send it by letter, never by mail: the hub writes to nobody. The
    draft waits for fourteen days; who it is about is sealed in it. Run it again for a new
    invitation, which replaces the one before, and after every change to the draft.

    Parameters
    ----------
    draft
        The completed draft, TOML, with form = "electronic".
    """

    async def work() -> None:
        async with opened(at) as gateway:
            found = consent_draft.read_draft(draft, now=gateway.clock())
            invited = await drafts.invite(gateway, found)
            print(f"waits       {invited.id}, until {_moment(invited.until)}")
            print(f"invitation  {invited.invitation.text}")
            print("            printed once: for the person alone, to be typed on her page")
            print(f"next        when she has signed: exchange consent complete {draft}")

    asyncio.run(work())


def complete(
    draft: Path,
    /,
    *,
    receipt: Annotated[
        bool, Parameter(negative=(), help="Print code and log key, for a person who wants them.")
    ] = False,
    at: Place = HERE,
) -> None:
    """Record the consent that the person has signed on her page.

    Her signature is checked against this very draft and its text, this agency signs beside her,
    and from the hub's answer on partners may disclose under it. Run it again after an
    interruption: it is recorded once.

    Parameters
    ----------
    draft
        The draft that was sent with `exchange consent invite`.
    """

    async def work() -> None:
        async with opened(at) as gateway:
            recorded = await drafts.complete(gateway, consent_draft.id_of(draft))
            if recorded is None:
                print("waits       the person has not signed yet")
                return
            print(f"recorded    {recorded.id}")
            print(f"digest      {recorded.digest}")
            if receipt:
                show_receipt(recorded)
            print(f"next        {draft.name} names a person: delete it")

    asyncio.run(work())


def forget(
    draft: Path,
    /,
    *,
    at: Place = HERE,
) -> None:
    """Forget a draft that waits for the person, here and at the hub: nothing was given.

    Parameters
    ----------
    draft
        The draft that was sent with `exchange consent invite`.
    """

    async def work() -> None:
        async with opened(at) as gateway:
            await drafts.forget(gateway, consent_draft.id_of(draft))
            print(f"forgotten   delete {draft.name}, it names a person")

    asyncio.run(work())


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
