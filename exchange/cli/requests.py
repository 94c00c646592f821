"""`exchange requests`: ask a partner for documents, and see what partners ask for.

Answered by people, never by a program: with `exchange gateway send ... --answers`, or not at all.
`ask` uses the gateway's home alone: stop `exchange gateway run` first. `list` and `show` work
beside it.
"""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from exchange.agency import answered
from exchange.agency import home as homes
from exchange.agency.ask import ask as ask_now
from exchange.agency.asked import Asked, find_asked, list_asked
from exchange.agency.parts import Desk
from exchange.cli import request_draft
from exchange.cli.place import HERE, Home, Place, beside, opened
from exchange.days import last_day
from exchange.durable import write_bytes_durably
from exchange.errors import Conflict


def requests_app() -> App:
    """Return the commands of `exchange requests`."""
    app = App(
        name="requests",
        help="Ask a partner for documents, and see what partners ask for.",
        help_format="plaintext",
    )
    for command in (new, ask):
        app.command(command)
    app.command(list_, name="list")
    app.command(show)
    return app


def new(  # noqa: PLR0913  # each is an option of its own
    draft: Path,
    /,
    *,
    to: str,
    agreement: str,
    purpose: str,
    category: Annotated[tuple[str, ...], Parameter(negative=())],
    until: datetime,
    consent: str | None = None,
) -> None:
    """Write the draft of a request, to be completed and asked. Nothing is sent anywhere.

    Who it is about and why is never typed on the command line, where others on the machine could
    read it: fill in the draft.

    Parameters
    ----------
    draft
        File to write; it must not exist.
    to
        Id of the partner.
    agreement
        Id of the agreement under which both exchange.
    purpose
        What for, a code of the agreement such as housing-loss.
    category
        Kind of document, such as rent-arrears-letter; repeat the option for several.
    until
        Last day an answer helps, such as 2026-08-31; at most 30 days ahead.
    consent
        Id of a consent that this agency may read. Without it, the partner is asked to seek one.
    """
    wanted = request_draft.Wanted(
        to=to,
        agreement=agreement,
        consent=consent,
        purpose=purpose,
        categories=category,
        until=until.date(),
    )
    text = request_draft.template(wanted, file=draft)
    try:
        write_bytes_durably(draft, text.encode("utf-8"))
    except FileExistsError:
        raise Conflict(f"{draft.name} exists; it is not overwritten") from None
    print(f"draft       {draft}")
    print(f"next        complete it, then: exchange requests ask {draft}")


def ask(
    draft: Path,
    /,
    *,
    at: Place = HERE,
) -> None:
    """Sign a request and hand it in.

    About whom, what and why is sealed to the partner. The answer is a document that names the
    request, or silence: nobody learns whether somebody declined. Run it again with the same draft
    after an interruption: it is asked once.

    Parameters
    ----------
    draft
        The completed draft, TOML.
    """

    async def work() -> None:
        async with opened(at) as gateway:
            made = await ask_now(gateway, request_draft.read_draft(draft))
        print(f"asked       {made.id}")
        print(f"open until  {last_day(made.deadline)}, inclusive; silence means nothing")
        print(f"next        {draft.name} names a person: delete it")

    asyncio.run(work())


def list_(*, at: Place = HERE) -> None:
    """List what partners ask of this agency, and what it asks of them. Names nobody.

    What was asked of partners is open until its deadline and closed afterwards, whatever has
    happened; documents that answer it are listed with it.
    """

    async def work() -> None:
        for waiting in list_asked(homes.at(at.home)):
            print(f"{waiting.id}  asked by {_line(waiting)}")
        async with beside(at) as desk:
            await _list_own(desk)

    asyncio.run(work())


def show(request: str, /, *, home: Home = Path()) -> None:
    """Show one request of a partner: who it is about, what is needed, and why.

    Names a person. Needs no key and asks nobody: the gateway has verified and opened it.

    Parameters
    ----------
    request
        Its id, as `exchange requests list` shows it.
    """
    found = find_asked(homes.at(home), request)
    subject = found.wanted.subject
    print(f"request     {found.id}")
    print(f"asked by    {_line(found)}")
    print(f"purpose     {found.purpose}")
    print(f"consent     {found.consent_id or 'none: the partner asks to seek one'}")
    print(f"about       {subject.family_name}, {subject.given_name}, born {subject.born}")
    for agency, number in sorted(subject.case_numbers.items()):
        print(f"            {number} at {agency}")
    for name, words in (
        ("particulars", subject.particulars),
        ("needed", found.wanted.needed),
        ("why", found.wanted.why),
    ):
        for place, line in enumerate((words or "").splitlines()):
            print(f"{'' if place else name:<12}{line}")
    print("next        if it is right to answer: exchange gateway send FILES --answers " + found.id)


async def _list_own(desk: Desk) -> None:
    requests = [own async for own in desk.client.every_request(role="asking")]
    since = min((own.asked_at for own in requests), default=desk.clock())
    documents = await asyncio.to_thread(answered.by_request, desk.home, since=since)
    for own in requests:
        kinds = ", ".join(own.categories)
        until = last_day(own.deadline)
        print(f"{own.id}  asked of {own.to} until {until}, {own.state}: {kinds}")
        for disclosure in documents.get(own.request, ()):
            print(f"    answered by {disclosure}")


def _line(found: Asked) -> str:
    kinds = ", ".join(sorted(found.categories))
    return f"{found.agency} until {last_day(found.deadline)}: {kinds}"
