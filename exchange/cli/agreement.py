"""`exchange agreement`: what agencies have agreed, from the draft to the notice.

Every party signs; only then the agreement is in force. The gateway's home is used alone: stop
`exchange gateway run` first, start it again afterwards.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from exchange.agency import agree
from exchange.agency import home as homes
from exchange.agency.parts import Gateway
from exchange.agency.settings import read_settings
from exchange.agreement.lint import lint
from exchange.agreement.record import Agreement
from exchange.agreement.term import Fixed, year_end
from exchange.cli import agreement_draft
from exchange.cli.agreement_texts import texts
from exchange.cli.place import HERE, Place, alone
from exchange.days import day_of, last_day
from exchange.errors import Finding, Malformed, Misconfigured
from exchange.keyring.fingerprint import spoken
from exchange.rules import sentence
from exchange.vocabulary import Vocabulary
from exchange.wire import shapes

STATES = {
    "proposed": "proposed: waits for signatures",
    "not-begun": "signed by all: not begun yet",
    "in-force": "in force",
    "ended": "ended",
}


def agreement_app() -> App:
    """Return the commands of `exchange agreement`."""
    app = App(
        name="agreement",
        help="Propose, sign and show agreements between agencies.",
        help_format="plaintext",
    )
    for command in (propose, texts, sign, show, notice):
        app.command(command)
    return app


def propose(
    file: Path | None = None,
    /,
    *,
    template: Annotated[
        bool, Parameter(help="Print a commented draft to fill in, and do nothing else.")
    ] = False,
    at: Place = HERE,
) -> None:
    """Propose an agreement: sign the draft and hand it to the hub, for the other parties to sign.

    Begin with: exchange agreement propose --template > agreement.toml

    The draft names the parties, who may collect consents, what may go in which direction, for
    which purposes, how secret it may be and how long it holds. Every party must be pinned before:
    its key stands in the agreement. Run it again with the same file after an interruption.

    Parameters
    ----------
    file
        The draft, TOML.
    """
    if template:
        today = day_of(datetime.now(UTC))  # noqa: TID251  # a command owns the clock
        settings = homes.at(at.home).settings_file
        agency = read_settings(settings).agency if settings.is_file() else "agency-a"
        print(agreement_draft.template(agency, today=today), end="")
        return
    if file is None:
        raise Malformed("name the draft; `exchange agreement propose --template` prints one")
    draft_file = file

    async def work(gateway: Gateway) -> None:
        draft = agreement_draft.read_draft(draft_file, agree.known_keys(gateway))
        agreement = await agree.propose(gateway, draft)
        _print_findings(lint(agreement))
        print(f"proposed    {agreement.id}")
        print(f"digest      {agreement.digest}")
        others = sorted(agreement.agencies - {gateway.agency})
        print(f"waits for   {', '.join(others)}: exchange agreement sign {agreement.id}")

    alone(at, work)


def sign(
    agreement_id: str,
    /,
    *,
    yes: Annotated[bool, Parameter(negative=(), help="Sign without asking once more.")] = False,
    at: Place = HERE,
) -> None:
    """Sign an agreement that a partner has proposed, after showing all of it.

    Compare it with what was agreed. Refused when it names another key for a party than the one
    pinned here, or a party that is not pinned. It is in force when all have signed.

    Parameters
    ----------
    agreement_id
        Id of the agreement, as its proposer or `exchange agreement show` prints it.
    """

    async def work(gateway: Gateway) -> None:
        proposal = await agree.examine(gateway, agreement_id)
        _print(proposal.agreement, proposal.given)
        agree.check_keys(gateway, proposal.agreement)
        await asyncio.to_thread(_confirm, f"Sign as {gateway.agency}?", yes=yes)
        given = await agree.sign_agreement(gateway, proposal.agreement)
        print(f"signed      {given.id}")
        print(f"state       {STATES[given.state]}")

    alone(at, work)


def show(
    agreement_id: str | None = None,
    /,
    *,
    at: Place = HERE,
) -> None:
    """Show one agreement in full, or list all agreements of this agency.

    Parameters
    ----------
    agreement_id
        Id of the agreement; without it, one line for each.
    """

    async def work(gateway: Gateway) -> None:
        if agreement_id is None:
            async for given in gateway.client.every_agreement():
                print(f"{given.id}  {STATES[given.state]}")
            return
        proposal = await agree.examine(gateway, agreement_id)
        _print(proposal.agreement, proposal.given)

    alone(at, work)


def notice(
    agreement_id: str,
    /,
    *,
    year: Annotated[
        int | None, Parameter(help="Last year; the first one still possible if not given.")
    ] = None,
    yes: Annotated[bool, Parameter(negative=(), help="Give it without asking once more.")] = False,
    at: Place = HERE,
) -> None:
    """Give notice: the agreement ends with a year instead of being renewed. Cannot be taken back.

    With the agreement every consent under it ends.

    Parameters
    ----------
    agreement_id
        Id of the agreement.
    """

    async def work(gateway: Gateway) -> None:
        proposal = await agree.examine(gateway, agreement_id)
        await asyncio.to_thread(_confirm, f"End {proposal.agreement.title!r}?", yes=yes)
        ends = None if year is None else year_end(year)
        given, _ = await agree.give_notice(gateway, proposal.agreement, ends=ends)
        print(f"notice      {agreement_id}")
        print(f"ends        {last_day(given.ends).isoformat()}, up to and including")

    alone(at, work)


def _print(agreement: Agreement, given: shapes.Agreement) -> None:
    signed = {agreement.drafted_by, *(signature.agency for signature in given.signatures)}
    print(f"agreement   {agreement.id}")
    print(f"digest      {agreement.digest}")
    print(f"title       {agreement.title}")
    print(f"state       {STATES[given.state]}")
    print(f"term        {_term(agreement)}")
    for party in agreement.parties:
        print(f"party       {party.agency}  {party.name}")
        print(f"            {'signed' if party.agency in signed else 'has not signed'}")
        keeper = ", secret keeper" if party.secret_keeper else ""
        benefit = ", decides about benefits" if party.benefit else ""
        print(f"            {party.body.value}{keeper}{benefit}")
        print(f"            shown first: {party.public_label}; contact: {party.contact}")
        print(f"            privacy officer: {party.officer}")
        print(f"            {party.kid}")
        print(f"            {spoken(party.kid)}")
    print(f"collectors  {', '.join(sorted(agreement.collectors))}")
    for flow in agreement.flows:
        each = ", each seen by the person" if flow.release.value == "each" else ""
        print(f"flow        {flow.sender} -> {flow.recipient}  up to {flow.secrecy.code}{each}")
        print(f"            {', '.join(sorted(flow.categories))}")
    _print_promises(agreement)
    for entry in given.notices:
        print(f"notice      {entry.agency}, ends {last_day(entry.ends).isoformat()}")
    _print_findings(lint(agreement, signed=signed))


def _print_findings(found: Sequence[Finding]) -> None:
    """Print what a party should know before it signs; what refuses has stopped it before."""
    for finding in found:
        print(f"finding     {finding.id} {finding.field}: {sentence(finding, 'en')}")


def _print_promises(agreement: Agreement) -> None:
    """Print what a party promises by its signature besides parties, flows and purposes."""
    for undertaking in agreement.undertakings:
        print(f"undertakes  {undertaking.agency}, text with SHA-256 {undertaking.sha256}")
    for text in agreement.notices:
        reviewed = "reviewed" if text.reviewed else "not reviewed"
        print(f"text        {text.id} {text.version} {text.lang}, {reviewed}:")
        for line in text.text.splitlines():
            # A terminal obeys control characters; what it shows must be what is signed.
            shown = "".join(char if char.isprintable() else "?" for char in line)
            print(f"            {shown}")
    for attestation in agreement.attestations:
        print(f"attested    {attestation.code.value}, {attestation.date.isoformat()}")
    print(f"authority   {agreement.authority}")
    print(f"retention   {agreement.retention.years} years")
    for lang, words in sorted(agreement.retention.words.items()):
        print(f"            {lang}: {words}")
    print(
        f"limits      once: {agreement.limits.once_days} days; else: {agreement.limits.days} days"
    )
    hub = agreement.hub
    print(f"hub         {hub.operator}; stored in {hub.storage_location}; page {hub.page}")
    _print_vocabulary(agreement.vocabulary)


def _print_vocabulary(vocabulary: Vocabulary) -> None:
    """Print every entry in full: its words are shown to persons, and they are signed."""
    for code, purpose in sorted(vocabulary.purposes.items()):
        print(f"purpose     {code}  {purpose.purpose_class.value}, usually {purpose.uses.value}")
        _print_labels(purpose.labels)
        print(f"            usual: {', '.join(sorted(purpose.usual)) or 'nothing'}")
        print(f"            {purpose.dpv}")
    for code, category in sorted(vocabulary.categories.items()):
        special = ", special category (Art. 9 GDPR)" if category.special else ""
        print(f"category    {code}  at least {category.secrecy.code}{special}")
        _print_labels(category.labels)
        for term in sorted(category.dpv):
            print(f"            {term}")


def _print_labels(labels: Mapping[str, str]) -> None:
    for lang, label in sorted(labels.items()):
        print(f"            {lang}: {label}")


def _term(agreement: Agreement) -> str:
    term = agreement.term
    begins = day_of(term.begins).isoformat()
    if isinstance(term, Fixed):
        return f"{begins} to {last_day(term.until).isoformat()}, up to and including"
    return (
        f"{begins} to 31 December {term.first_year}, then year by year; "
        f"notice {term.notice_months} months before"
    )


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Misconfigured("nobody can be asked here; look at it first, then add --yes")
    if input(f"{question} Type yes: ").strip() != "yes":
        raise Misconfigured("not confirmed; nothing was signed")
