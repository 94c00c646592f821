"""`exchange consent`: record what a person allowed, show it, withdraw it.

What a person is told and signs is on paper or said before two members of staff; here it becomes a
record that the hub's gate obeys. `sign` and `show` use the gateway's home alone: stop `exchange
gateway run` first. `withdraw` never waits for anything: it works beside a running gateway.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from exchange.agency.parts import Gateway
from exchange.agency.record_consent import (
    agreed,
    lint_draft,
    lint_unsigned,
    text_of,
)
from exchange.agency.withdraw import Told
from exchange.agency.withdraw import withdraw as withdraw_now
from exchange.canonical import sha256_hex
from exchange.cli import consent_draft
from exchange.cli.consent_allowed import add_allowed
from exchange.cli.consent_lint import add_lint, as_text
from exchange.cli.consent_paper import add_papers
from exchange.cli.consent_person import add_person, show_receipt
from exchange.cli.drafts import read_toml
from exchange.cli.place import HERE, Place, alone, beside
from exchange.consent.record import ConsentRecord
from exchange.consent.subject import read_subject
from exchange.consent.template import CONSENT_FORM
from exchange.consent.texts import newest
from exchange.consent.withdrawal import By, Channel, EndReason
from exchange.consent.words import Form
from exchange.days import day_of, last_day, moment_of
from exchange.durable import write_bytes_durably
from exchange.errors import (
    Conflict,
    ExchangeError,
    LintRefused,
    NotFound,
    StatementNotAcceptable,
)
from exchange.rules import refuse
from exchange.wire import shapes

SHOWN_DIGITS = 10
"""Digits of a text's digest that its paper bears, so that scan and record are matched by eye."""


def consent_app() -> App:
    """Return the commands of `exchange consent`."""
    app = App(
        name="consent",
        help="Record, sign, show and withdraw a person's consent.",
        help_format="plaintext",
    )
    for command in (new, text, sign, withdraw, show, erasures):
        app.command(command)
    add_person(app)
    add_papers(app)
    add_lint(app)
    add_allowed(app)
    return app


def new(  # noqa: PLR0913  # each is an option of its own
    draft: Path,
    /,
    *,
    agreement: str,
    releaser: Annotated[tuple[str, ...], Parameter(negative=())],
    recipient: Annotated[tuple[str, ...], Parameter(negative=())],
    category: Annotated[tuple[str, ...], Parameter(negative=())],
    purpose: str,
    uses: str = "once",
    until: datetime,
    form: Literal["written", "oral-minuted", "electronic"] = "written",
    lang: str = "de",
    evidence: Path | None = None,
    pages: int = 1,
    subject: Path | None = None,
    at: Place = HERE,
) -> None:
    """Write the draft of a consent, and beside it exactly the text the person is shown.

    Nothing is recorded before `exchange consent sign`. One consent is one person and one
    direction. Who it is about is never typed on the command line, where others on the machine
    could read it: give a file, or fill in the draft.

    Parameters
    ----------
    draft
        File to write; it must not exist.
    agreement
        Id of the agreement it lives under.
    releaser
        Who may disclose; repeat the option for several.
    recipient
        To whom. One is best: withdrawing ends a record for all of them.
    category
        Kind of document, such as rent-arrears-letter; repeat the option for several.
    purpose
        What for, a code of the agreement such as housing-loss.
    uses
        once, a number from 2, or recurring.
    until
        Last day it is valid, such as 2026-08-31.
    form
        written: signed by hand and scanned; electronic: signed by the person on her page;
        oral-minuted: before a second member of staff.
    lang
        Language of the text the person reads or hears, such as de, en or de-simple.
    evidence
        Scan of the signed form, or the minutes; the file stays here.
    pages
        Pages of the evidence.
    subject
        TOML file with family_name, given_name, born, and case_numbers, guardians, particulars.
    """
    facts = read_subject(read_toml(subject)).payload() if subject else None

    async def work(gateway: Gateway) -> None:
        form_text = newest((await agreed(gateway, agreement)).notices, CONSENT_FORM, lang)
        wanted = consent_draft.Wanted(
            agreement=agreement,
            releasers=releaser,
            recipients=recipient,
            categories=category,
            purpose=purpose,
            uses=uses,
            until=until.date(),
            form=Form(form),
            lang=lang,
            text_id=form_text.id,
            text_version=form_text.version,
            evidence=evidence,
            pages=pages,
            subject=facts,
        )
        with _new_file(draft, consent_draft.template(wanted, file=draft)):
            try:
                await _write_text(gateway, draft)
            except LintRefused as found:
                if not consent_draft.is_about_signers(found):
                    raise
                _print_unfinished(draft, found)
                return
        print(f"draft       {draft}")
        step = consent_draft.next_step(wanted.form)
        print(f"next        complete it, then: exchange consent {step} {draft}")

    alone(at, work)


def _print_unfinished(draft: Path, found: LintRefused) -> None:
    """Say what is left to do where others than the person alone have to sign."""
    print(f"draft       {draft}")
    print(as_text(found.findings, "en"))
    print("next        say in the draft who signs and for whom; docs/consent.md has every member")
    print(f"            then the text the person is shown: exchange consent text {draft}")


@contextmanager
def _new_file(file: Path, text: str) -> Iterator[None]:
    """Write a file that does not exist; it is gone again if what follows refuses it."""
    try:
        write_bytes_durably(file, text.encode("utf-8"))
    except FileExistsError:
        raise Conflict(f"{file.name} exists; it is not overwritten") from None
    try:
        yield
    except ExchangeError:
        file.unlink()
        raise


def text(
    draft: Path,
    /,
    *,
    at: Place = HERE,
) -> None:
    """Write the text of a draft anew, exactly as the person is to be shown it.

    Run it after every change to the draft and before anybody reads or hears the text: a record
    whose text says something else than the record is refused.

    Parameters
    ----------
    draft
        The draft, TOML; who it is about and the evidence may be missing still.
    """
    alone(at, lambda gateway: _write_text(gateway, draft))


async def _write_text(gateway: Gateway, draft: Path) -> None:
    """Render the text of a draft into the file that the draft names."""
    found = consent_draft.read_draft(draft, now=gateway.clock(), signed=False)
    refuse(await lint_unsigned(gateway, found))
    shown = (await text_of(gateway, found)).encode("utf-8")
    file = consent_draft.text_file(draft)
    write_bytes_durably(file, shown, replace=True)
    print(f"text        {file}")
    print(f"            its SHA-256 begins with {sha256_hex(shown)[:SHOWN_DIGITS]}")


def sign(
    draft: Path,
    /,
    *,
    receipt: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Print a code for her page and the key of her log entries, if she wants them.",
        ),
    ] = False,
    at: Place = HERE,
) -> None:
    """Sign a consent for the agency that collected it, and record it at the hub.

    Seals who it is about to the parties, signs once, stores the signed bytes, sends them. From the
    answer on partners may disclose under it. Evidence that a verifier of the settings calls broken
    or forged is refused before anything is signed. Run it again with the same draft after an
    interruption: it is recorded once.

    Parameters
    ----------
    draft
        The completed draft, TOML.
    """
    from exchange.cli.consent_record import record

    async def work(gateway: Gateway) -> None:
        completed = consent_draft.read_draft(draft, now=gateway.clock())
        warned = [one for one in await lint_draft(gateway, completed) if one.severity == "warn"]
        recorded = await record(gateway, draft, completed)
        if warned:
            print(as_text(warned, "en"))
        print(f"recorded    {recorded.id}")
        print(f"digest      {recorded.digest}")
        if receipt:
            show_receipt(recorded)
        print(f"next        {draft.name} names a person: delete it")

    alone(at, work)


def withdraw(
    consent_id: str,
    /,
    *,
    by: Literal["subject", "guardian", "entrusting", "agency"],
    channel: Literal["in-person", "phone", "letter", "email"],
    received: datetime | None = None,
    reason: Literal[
        "purpose-reached", "subject-deceased", "recorded-in-error", "capacity-changed", "unlawful"
    ]
    | None = None,
    at: Place = HERE,
) -> None:
    """Withdraw a consent, at once and for all recipients. No question, no reason from the person.

    Whoever could give it may take it back, alone, by telling any office. One that cannot read the
    record passes the wish on to the office that took the consent. What is not yet collected can
    then no longer be collected by anybody; recipients that have collected are told to erase.

    Parameters
    ----------
    consent_id
        Id of the consent record.
    by
        Who withdrew; agency only where this agency collected it and ends it itself.
    channel
        How it reached this agency.
    received
        When it reached this agency, such as 2026-04-01T09:15:00; now if not given.
    reason
        Why the agency ends it; only and always with --by agency.
    """
    told = Told(
        by=By(by),
        channel=Channel(channel),
        received_at=moment_of(received) if received else None,
        reason=EndReason(reason) if reason else None,
    )

    async def work() -> None:
        async with beside(at) as desk:
            try:
                ended = await withdraw_now(desk, consent_id, told)
            except NotFound as error:
                error.add_note("or pass the wish on to the office that took the consent")
                raise
            except StatementNotAcceptable as error:
                error.add_note(
                    "is --received after she consented, and, with --by agency, was it taken here?"
                )
                raise
            print(f"withdrawn   {ended.id}")
            print(f"ended       {ended.ended_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")

    asyncio.run(work())


def show(
    consent_id: str | None = None,
    /,
    *,
    at: Place = HERE,
) -> None:
    """Show one consent, or list those this agency may see. Names nobody.

    Parameters
    ----------
    consent_id
        Id of the consent record; without it, one line for each.
    """

    async def work(gateway: Gateway) -> None:
        if consent_id is None:
            await _list(gateway)
            return
        known = await gateway.records.consent(now=gateway.clock(), consent_id=consent_id)
        _print(known.record, await gateway.client.consent(consent_id))

    alone(at, work)


def erasures(
    *,
    all_: Annotated[
        bool, Parameter(name="all", negative=(), help="Also those that are answered.")
    ] = False,
    at: Place = HERE,
) -> None:
    """List what must be erased after a withdrawal: here, and at whom your documents went.

    Those owed to this agency come after what it owes itself. Nothing closes a request but a signed
    answer. Names nobody.
    """

    async def work() -> None:
        async with beside(at) as desk:
            found = [one async for one in desk.client.every_erasure()]
            now = desk.clock()
            shown = [one for one in found if all_ or one.state == "open"]
            for one in sorted(shown, key=lambda one: one.to != desk.agency):
                print(f"{one.id}  {one.to}: {_erasing(one, now)}, consent {one.consent_id}")
            if not shown:
                print("nothing has to be erased")

    asyncio.run(work())


def _erasing(asked: shapes.Erasure, now: datetime) -> str:
    """Return where a request to erase stands, in words."""
    if asked.state != "open":
        return "erased" if asked.state == "erased" else "kept on a lawful ground, restricted"
    due = day_of(asked.due)
    return f"overdue since {due}" if now >= asked.due else f"outstanding, due {due}"


async def _list(gateway: Gateway) -> None:
    after: str | None = None
    while True:
        page = await gateway.client.consents(after=after)
        for given in page.consents:
            print(f"{given.id}  {given.state}")
        if page.next is None or page.next == after or not page.consents:
            return
        after = page.next


def _print(record: ConsentRecord, given: shapes.Consent) -> None:
    print(f"consent     {record.id}")
    print(f"digest      {record.digest}")
    print(f"state       {given.state}{f', {given.reason}' if given.reason else ''}")
    print(f"from        {', '.join(sorted(record.releasers))}")
    print(f"to          {', '.join(sorted(record.recipients))}")
    print(f"categories  {', '.join(sorted(record.categories))}")
    print(f"secrecy     up to {record.secrecy.code}")
    print(f"purpose     {record.purpose.code}: {record.purpose.words}")
    used = "" if given.used is None else f", used {given.used}"
    print(f"uses        {'once' if record.uses == 1 else record.uses}{used}")
    print(f"valid       {day_of(record.valid_from)} to {last_day(record.valid_until)}, inclusive")
    print(f"form        {record.form.value}, collected by {record.collected_by}")
    shown = record.notice
    print(f"text        {shown.id} {shown.version} {shown.lang}, SHA-256 {shown.sha256}")
