"""`exchange officer`: what a privacy officer asks the hub, for her own tools.

Works beside a running gateway, with the agency's identity; names nobody, whose reference it is
only the agency's own records tell. Each question leaves its trace in the log.
"""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from exchange.cli.officer_answer import AsJson, printed
from exchange.cli.officer_consent import consent
from exchange.cli.officer_file import file_app
from exchange.cli.officer_lists import agreements, events, partners
from exchange.cli.place import HERE, Place, beside
from exchange.days import moment_of

if TYPE_CHECKING:
    from exchange.agency.officer_calls import OfficerCalls
    from exchange.wire import officer, officer_breach, officer_findings, officer_terms


def officer_app() -> App:
    """Return the commands of `exchange officer`."""
    app = App(
        name="officer",
        help="Ask the hub what a privacy officer asks: disclosures, erasures, breaches.\n\n"
        "The same answers as on her pages at the hub, for tools of her own. Looking leaves a "
        "trace in the log.",
        help_format="plaintext",
    )
    for command in (overview, findings, disclosures, erasures, remind, breach, consent, art30):
        app.command(command)
    for command in (events, agreements, partners):
        app.command(command)
    app.command(file_app())
    return app


def overview(*, json: AsJson = False, at: Place = HERE) -> None:
    """Tell what needs attention: open erasures, what ends, the log, and how many findings."""

    def ask(
        calls: "OfficerCalls", _after: str | None
    ) -> Awaitable["officer_findings.OverviewAnswer"]:
        return calls.officer_overview()

    def lines(page: "officer_findings.OverviewAnswer") -> list[str]:
        log, standing, refused = page.answer.log, page.answer.standing, page.answer.refusals
        return [
            f"to erase    {standing.asked.count}, overdue {standing.asked.overdue}",
            f"owed        {standing.owed.count}, overdue {standing.owed.overdue}",
            f"key         {'none' if standing.key_until is None else f'{standing.key_until:%F}'}",
            f"agreements  {standing.in_force}",
            *(f"ends        {one.agreement} on {one.ends_at:%F}" for one in standing.ending),
            f"log         {log.stopped or ('behind' if log.behind else 'in order')}, {log.size}",
            *(["witnesses   missing"] if log.unwitnessed_s is not None else []),
            *(
                f"finding     {one.finding} {one.count}{' or more' if one.more else ''}"
                for one in page.answer.findings
                if one.count or one.more
            ),
            f"refused     {refused.lately} in 7 days, {refused.before} in the 28 days before: "
            f"{'unusual' if refused.unusual else 'not unusual'}",
        ]

    printed(at, ask, lines, json=json)


def findings(
    finding: Literal[
        "sent-after-withdrawal",
        "recorded-late",
        "kept-on-own-basis",
        "refused",
        "warnings",
        "consents-ending",
        "looks",
    ],
    /,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    json: AsJson = False,
    at: Place = HERE,
) -> None:
    """List one of the findings that the overview counts.

    Parameters
    ----------
    finding
        Which one.
    since
        First day, such as 2026-01-01; the last 30 days, if not given.
    until
        First day that does not count.
    """

    def ask(
        calls: "OfficerCalls", after: str | None
    ) -> Awaitable["officer_findings.FindingsAnswer"]:
        return calls.officer_findings(
            finding,
            since=None if since is None else since.date(),
            until=None if until is None else until.date(),
            after=after,
        )

    def lines(page: "officer_findings.FindingsAnswer") -> list[str]:
        return [
            f"{one.at:%Y-%m-%d %H:%M}  {one.by}"
            + ("" if one.received_at is None else f", told {one.received_at:%Y-%m-%d %H:%M}")
            + ("" if one.until is None else f", asks {one.asked}, ends {one.until:%Y-%m-%d}")
            + ("" if one.officer is None else f", officer {one.officer}")
            + (f", {' '.join(one.codes)}" if one.codes else "")
            + (f", disclosures {' '.join(one.disclosures)}" if one.disclosures else "")
            + f", consent {one.consent or 'not to be read'}"
            for one in page.answer
        ]

    printed(at, ask, lines, json=json)


def disclosures(
    *, since: datetime, until: datetime, json: AsJson = False, at: Place = HERE
) -> None:
    """List who disclosed what to whom, under which consent and text.

    Parameters
    ----------
    since
        First day, such as 2026-01-01.
    until
        First day that does not count, such as 2026-04-01.
    """

    def ask(calls: "OfficerCalls", after: str | None) -> Awaitable["officer.DisclosuresAnswer"]:
        return calls.officer_disclosures(since.date(), until.date(), after=after)

    def lines(page: "officer.DisclosuresAnswer") -> list[str]:
        return [
            f"{one.stored_at:%Y-%m-%d %H:%M}  {one.sender} to "
            + ", ".join(f"{to.agency} ({to.state})" for to in one.to)
            + f": {one.category}, consent {one.consent.id}, entry {one.log.disclosure}"
            for one in page.answer
        ]

    printed(at, ask, lines, json=json)


def erasures(
    *,
    state: Literal["open", "overdue", "answered", "all"] = "open",
    json: AsJson = False,
    at: Place = HERE,
) -> None:
    """List what must be erased, by whom and until when, and what was answered.

    Parameters
    ----------
    state
        Which of them.
    """

    def ask(calls: "OfficerCalls", after: str | None) -> Awaitable["officer.ErasuresAnswer"]:
        return calls.officer_erasures(state, after=after)

    def lines(page: "officer.ErasuresAnswer") -> list[str]:
        return [
            f"{one.erasure}  {one.recipient} until {one.due:%Y-%m-%d}, "
            f"{one.confirmation or ('overdue' if one.overdue else 'open')}, consent {one.consent}"
            for one in page.answer
        ]

    printed(at, ask, lines, json=json)


def remind(erasure: str, /, *, json: AsJson = False, at: Place = HERE) -> None:
    """Remind an agency of an erasure that it owes; at most once a day.

    The notice says nothing but that a task with a deadline waits.

    Parameters
    ----------
    erasure
        Its id, as `exchange officer erasures` shows it.
    """

    async def work() -> None:
        async with beside(at) as desk:
            found = await desk.client.officer.officer_remind(erasure)
        told = {
            "queued": f"{found.recipient} is reminded.",
            "today": f"{found.recipient} was asked or reminded less than a day ago.",
            "no-channel": f"{found.recipient} has no way for notices: call it.",
        }
        print(found.model_dump_json() if json else told[found.outcome])

    asyncio.run(work())


def breach(  # noqa: PLR0913 - each is an option of its own
    kind: Literal["document", "identity", "account", "log", "code"],
    key: str = "",
    /,
    *,
    since: datetime,
    until: datetime | None = None,
    noticed: datetime | None = None,
    json: AsJson = False,
    at: Place = HERE,
) -> None:
    """Tell what a lost key, account or code has exposed, for Art. 33 and 34 GDPR.

    Exactly, or, of lists that were looked at, the most it can be: `at most`.

    Parameters
    ----------
    kind
        A document key, an identity key, an officer's account, the hub's key of the log, or a
        person's code.
    key
        Fingerprint of the document key, name of the identity key, id of the account, or `gateway`
        for the agency's own programs; of a code the id of its consent; of the log's key nothing.
    since
        From when on it may have been in the wrong hands; without a zone in German time.
    until
        When it was stopped; now, if not given. A document key is never asked this.
    noticed
        When it became known: the 72 hours begin there; now, if not given.
    """

    def ask(calls: "OfficerCalls", after: str | None) -> Awaitable["officer_breach.BreachAnswer"]:
        return calls.officer_breach(
            kind,
            key,
            moment_of(since),
            until=None if until is None else moment_of(until),
            noticed_at=None if noticed is None else moment_of(noticed),
            after=after,
        )

    def lines(page: "officer_breach.BreachAnswer") -> list[str]:
        found = page.answer
        return [
            *_breach_head(found),
            *(f"openable    {one.disclosure} from {one.sender}" for one in found.openable),
            *(f"if copied   {one.disclosure}" for one in found.openable_if_copied),
            *(f"block       consent {one.consent}" for one in found.sealed_blocks),
            *(f"doubtful    {one.kind} of {one.at:%Y-%m-%d %H:%M}" for one in found.doubtful),
            *(f"shown       {one.kind} of {one.at:%Y-%m-%d %H:%M}" for one in found.shown),
            *(f"at most     {_perhaps(one)}" for one in found.perhaps_seen),
        ]

    printed(at, ask, lines, json=json)


def _perhaps(one: "officer_breach.PerhapsSeen") -> str:
    """Return an entry that a look may have shown, with what it names."""
    sent = "" if one.sent is None else f", disclosure {one.sent.disclosure}"
    about = "" if one.consent is None else f", consent {one.consent}"
    return f"{one.kind} of {one.at:%Y-%m-%d %H:%M}{about}{sent}"


def _breach_head(found: "officer_breach.Breach") -> list[str]:
    """Return what is said once, on the first page."""
    totals = found.totals
    if totals is None:
        return []
    vouched, most = found.vouched, "at most " if totals.at_most else ""
    return [
        f"report by   {found.deadline:%Y-%m-%d %H:%M} UTC",
        *(f"also tell   {one}" for one in found.also_notify),
        f"next        {', '.join(found.next_steps)}",
        f"disclosures {most}{totals.disclosures}, of special categories {most}{totals.special}",
        f"consents    {most}{totals.consents}",
        f"doubtful    {totals.doubtful}",
        f"agencies    {', '.join(totals.agencies) or 'none'}",
        *([] if vouched is None else [f"witnessed   entries before {vouched}: not in doubt"]),
    ]


def art30(agreement: str = "", /, *, json: AsJson = False, at: Place = HERE) -> None:
    """Show the record of processing activities of an agreement, or of the hub as the processor.

    Both are generated. What is missing is said at the end.

    Parameters
    ----------
    agreement
        Its id, as `exchange agreement list` shows it; without it, what the hub does on behalf of
        this agency (Art. 30(2) GDPR).
    """
    if agreement:
        _of_agreement(agreement, at, json=json)
    else:
        _of_processor(at, json=json)


def _of_agreement(agreement: str, at: Place, *, json: bool) -> None:
    def ask(calls: "OfficerCalls", _after: str | None) -> Awaitable["officer_terms.Art30Answer"]:
        return calls.officer_art30(agreement)

    def lines(page: "officer_terms.Art30Answer") -> list[str]:
        found = page.answer
        return [
            f"agreement   {found.title}",
            *(f"controller  {one.name}, {one.contact}" for one in found.controllers),
            f"purposes    {', '.join(found.purposes)}",
            f"data        {', '.join(one.category for one in found.data)}",
            *(f"flow        {one.sender} to {one.recipient}" for one in found.recipients),
            f"basis       {', '.join(found.legal_basis)}",
            *(f"erasure     {one.cls}: {one.period}" for one in found.erasure),
            f"processor   {found.processor.operator}, {found.processor.location}",
            *map(_plugin, found.plugins),
            *(f"missing     {one}" for one in found.findings),
        ]

    printed(at, ask, lines, json=json)


def _of_processor(at: Place, *, json: bool) -> None:
    def ask(
        calls: "OfficerCalls", _after: str | None
    ) -> Awaitable["officer_terms.ProcessorAnswer"]:
        return calls.officer_processor()

    def lines(page: "officer_terms.ProcessorAnswer") -> list[str]:
        found, controller = page.answer, page.answer.controller
        return [
            *(
                []
                if controller is None
                else [f"controller  {controller.name}, {controller.contact}"]
            ),
            *(f"processor   {one.operator}, {one.location}" for one in found.processors),
            f"processing  {', '.join(found.processing)}",
            *(f"erasure     {one.cls}: {one.period}" for one in found.erasure),
            *map(_plugin, found.plugins),
            *(f"missing     {one}" for one in found.findings),
        ]

    printed(at, ask, lines, json=json)


def _plugin(one: "officer_terms.PluginSeen") -> str:
    told = [f"plugin      {one.name} {one.version} ({one.agency or 'hub'})"]
    if one.endpoints is not None:
        told += [
            one.licence or "",
            f"speaks with {', '.join(one.endpoints) or 'no system'}",
            f"keeps {f'{one.stores} ({one.retention})' if one.stores else 'nothing'}",
        ]
    return "; ".join(told)
