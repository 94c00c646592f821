"""Consents: what they allow, how they stand, and that a person takes one back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from exchange.agency.pages import tell
from exchange.agency.pages.book import Book
from exchange.agency.pages.rows import Row
from exchange.agency.pages.shell import Visit
from exchange.agency.parts import Gateway
from exchange.agency.print_paper import print_withdrawal_form
from exchange.agency.records import KnownConsent
from exchange.agency.withdraw import Told, withdraw_here
from exchange.consent.record import ConsentRecord
from exchange.consent.withdrawal import By, Channel, EndReason
from exchange.days import last_day, moment_of
from exchange.errors import ExchangeError, Malformed
from exchange.forms import page as paper
from exchange.forms.account import Fact
from exchange.forms.paper import Paper
from exchange.wire import shapes

PAGE: Final = 25
"""Consents of one page of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A consent of a list; `known` is None where it did not verify."""

    given: shapes.Consent
    known: KnownConsent | None


async def show_all(visit: Visit) -> web.Response:
    """List the consents this office may see."""
    book = await visit.shell.books.of(visit.gateway)
    found, after = await _listed(visit)
    return visit.page(
        "consents.html",
        rows=[await _row(visit, book, one) for one in found],
        next=after,
    )


async def may_send(visit: Visit) -> tuple[list[Row], str | None]:
    """Return the consents under which this office may send now, and where the list goes on."""
    book = await visit.shell.books.of(visit.gateway)
    found, after = await _listed(visit)
    usable = [
        one
        for one in found
        if one.known is not None
        and one.given.state == "valid"
        and visit.gateway.agency in one.known.record.releasers
    ]
    return [await _row(visit, book, one) for one in usable], after


async def _listed(visit: Visit) -> tuple[list[Listed], str | None]:
    gateway = visit.gateway
    page = await gateway.client.consents(after=visit.fields.one("after") or None, limit=PAGE)
    found = [Listed(given=given, known=await _known(gateway, given)) for given in page.consents]
    return found, page.next if page.consents else None


async def _known(gateway: Gateway, given: shapes.Consent) -> KnownConsent | None:
    try:
        return await gateway.records.stated(given, now=gateway.clock())
    except ExchangeError:  # one that does not verify must not hide the others
        return None


async def _row(visit: Visit, book: Book, one: Listed) -> Row:
    say = visit.say
    if one.known is None:
        return Row(
            title=say("consents.unverified"),
            path=f"/consents/{one.given.id}",
            at="",
            badge=say(f"consent.{one.given.state}"),
        )
    record = one.known.record
    return Row(
        title=await _name(visit, record) or book.purpose(record.purpose.code, say.lang),
        path=f"/consents/{record.id}",
        at=say("consents.until", day=say.day(last_day(record.valid_until))),
        facts=[
            tell.fact(say, "from", tell.offices(book, record.releasers)),
            tell.fact(say, "to", tell.offices(book, record.recipients)),
            tell.fact(say, "categories", tell.categories(say, book, record.categories)),
        ],
        badge=say(f"consent.{one.given.state}"),
    )


async def _name(visit: Visit, record: ConsentRecord) -> str | None:
    block = await visit.gateway.records.subject(record.digest)
    return None if block is None else tell.person(block.get("subject"))


async def names_of(visit: Visit, record: ConsentRecord) -> list[Fact]:
    """Return whom a consent is about, where this office may know it."""
    block = await visit.gateway.records.subject(record.digest)
    return [] if block is None else tell.person_facts(visit.say, block.get("subject"))


async def show(visit: Visit) -> web.Response:
    """Show one consent: about whom, what it allows, how it stands."""
    gateway = visit.gateway
    given = await gateway.client.consent(visit.id_in_path())
    record = (await gateway.records.stated(given, now=gateway.clock())).record
    book = await visit.shell.books.of(gateway)
    agreement = book.find(record.agreement)
    return visit.page(
        "consent.html",
        id=record.id,
        state=_state(visit, given, record),
        facts=[*await names_of(visit, record), *tell.consent_facts(visit.say, book, record)],
        used=given.used,
        may_send=given.state == "valid" and gateway.agency in record.releasers,
        may_ask=given.state == "valid"
        and gateway.agency in record.recipients
        and agreement is not None,
        may_end=given.state != "ended",
        collected_here=record.collected_by == gateway.agency,
        agreement=None if agreement is None else agreement.agreement.id,
        lang_of_form=record.notice.lang,
    )


def _state(visit: Visit, given: shapes.Consent, record: ConsentRecord) -> str:
    say = visit.say
    if given.state == "valid":
        return say("consent.valid_until", day=say.day(last_day(record.valid_until)))
    if given.state == "not-yet":
        return say("consent.valid_from", moment=say.moment(record.valid_from))
    return say("consent.ended_at", moment=tell.time_of(say, given.ended_at or record.valid_until))


async def ask_withdrawal(visit: Visit, *, wrong: str | None = None) -> web.Response:
    """Ask how the person took it back; nothing else."""
    gateway = visit.gateway
    given = await gateway.client.consent(visit.id_in_path())
    record = (await gateway.records.stated(given, now=gateway.clock())).record
    say = visit.say
    return visit.page(
        "withdrawal.html",
        id=record.id,
        facts=await names_of(visit, record),
        who=[
            (by.value, say(f"by.{by.value}"))
            for by in By
            if say.knows(f"by.{by.value}")
            and (by is not By.AGENCY or record.collected_by == gateway.agency)
        ],
        channels=[
            (channel.value, say(f"channel.{channel.value}"))
            for channel in Channel
            if say.knows(f"channel.{channel.value}")
        ],
        ends=[(reason.value, say(f"end.{reason.value}")) for reason in EndReason],
        collected_here=record.collected_by == gateway.agency,
        wrong=wrong,
    )


async def withdraw(visit: Visit) -> web.Response:
    """End a consent at once, for all recipients."""
    consent_id = visit.id_in_path()
    try:
        told = _told(visit)
        await withdraw_here(visit.gateway, consent_id, told)
    except Malformed:
        return await ask_withdrawal(visit, wrong="withdrawal.wrong")
    visit.session.office.stir.set()
    return visit.go(f"/consents/{consent_id}", "done.withdrawn")


def _told(visit: Visit) -> Told:
    fields = visit.fields
    try:
        by, channel = By(fields.one("by")), Channel(fields.one("channel"))
        received = fields.one("received")
        reason = EndReason(fields.one("reason")) if by is By.AGENCY else None
        return Told(
            by=by,
            channel=channel,
            received_at=moment_of(datetime.fromisoformat(received)) if received else None,
            reason=reason,
        )
    except ValueError:
        raise Malformed("who, how and when are chosen from the form") from None


async def withdrawal_form(visit: Visit) -> web.Response:
    """Return the form that takes any consent under an agreement back, to be printed."""
    lang = visit.fields.one("text") or visit.session.lang
    printed = await print_withdrawal_form(visit.gateway, visit.fields.one("agreement"), lang=lang)
    return printable(printed)


def printable(printed: Paper) -> web.Response:
    """Return a paper as a page of its own, to be printed with the browser."""
    return web.Response(
        body=paper.html(printed),
        content_type="text/html",
        charset="utf-8",
        headers={"Content-Security-Policy": paper.served_policy(printed)},
    )
