"""Lists that an officer asks for: the agency's log, its agreements, its partners and their keys."""

from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import ValidationError

from exchange.cli.officer_answer import AsJson, printed
from exchange.cli.place import HERE, Place
from exchange.errors import Misconfigured

if TYPE_CHECKING:
    from exchange.agency.officer_calls import OfficerCalls
    from exchange.wire import officer, officer_terms

State: TypeAlias = Literal["announced", "stored", "collected", "acknowledged", "expired", "ended"]


def events(  # noqa: PLR0913 - each narrows the list in a way of its own
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    kind: str | None = None,
    partner: str | None = None,
    purpose: str | None = None,
    category: str | None = None,
    state: State | None = None,
    consent: str | None = None,
    json: AsJson = False,
    at: Place = HERE,
) -> None:
    """List the agency's part of the log, the newest first.

    Parameters
    ----------
    since
        First day, such as 2026-01-01.
    until
        First day that does not count.
    kind
        Such as disclosure-stored or consent-withdrawn.
    partner
        Who did it, for whom it was, or who sent what it is about.
    purpose
        Of the document it is about, else of the consent on whose chain it is.
    category
        The same.
    state
        Of the disclosure that it is about, now.
    consent
        Id of the record; looking at one consent leaves a trace on its chain.
    """
    from exchange.wire import officer

    given = {
        "from": None if since is None else since.date().isoformat(),
        "until": None if until is None else until.date().isoformat(),
        "kind": kind,
        "partner": partner,
        "purpose": purpose,
        "category": category,
        "state": state,
        "consent": consent,
    }
    try:
        wanted = officer.EventsQuery.model_validate(given)
    except ValidationError as error:
        names = ", ".join(sorted({str(one["loc"][0]) for one in error.errors()}))
        raise Misconfigured(
            f"not understood: {names}; see exchange officer events --help"
        ) from None

    def ask(calls: "OfficerCalls", after: str | None) -> Awaitable["officer.EventsAnswer"]:
        return calls.officer_events(wanted, after=after)

    def lines(page: "officer.EventsAnswer") -> list[str]:
        return [
            f"{one.at:%Y-%m-%d %H:%M}  {one.kind} by {one.by}"
            + ("" if one.state is None else f", now {one.state}")
            + ("" if one.why is None else f", {one.why}")
            + ("" if one.consent is None else f", consent {one.consent}")
            + f", entry {one.index}, receipt {one.receipt}"
            for one in page.answer
        ]

    printed(at, ask, lines, json=json)


def agreements(*, json: AsJson = False, at: Place = HERE) -> None:
    """List the agreements of the agency: state, term and parties."""

    def ask(
        calls: "OfficerCalls", after: str | None
    ) -> Awaitable["officer_terms.AgreementsAnswer"]:
        return calls.officer_agreements(after=after)

    def lines(page: "officer_terms.AgreementsAnswer") -> list[str]:
        return [
            f"{one.id}  {one.state}, begins {one.begins:%Y-%m-%d}"
            + ("" if one.ends_at is None else f", ends {one.ends_at:%Y-%m-%d}")
            + ("" if one.next_end is None else f", next end {one.next_end:%Y-%m-%d}")
            + ("" if one.notice_by is None else f", notice by {one.notice_by:%Y-%m-%d}")
            + ": "
            + ", ".join(
                party.agency + ("" if party.signed_at is not None else " (not signed)")
                for party in one.parties
            )
            for one in page.answer
        ]

    printed(at, ask, lines, json=json)


def partners(*, json: AsJson = False, at: Place = HERE) -> None:
    """List the agency's partners, each with every key it ever had and its entry in the log."""

    def ask(calls: "OfficerCalls", after: str | None) -> Awaitable["officer_terms.PartnersAnswer"]:
        return calls.officer_partners(after=after)

    def lines(page: "officer_terms.PartnersAnswer") -> list[str]:
        return [line for one in page.answer for line in _partner(one)]

    printed(at, ask, lines, json=json)


def _partner(one: "officer_terms.PartnerSeen") -> list[str]:
    return [
        f"{one.agency}  {one.state}",
        *(
            f"  {key.kind:<8}  {key.key}, from {key.since:%Y-%m-%d}"
            + ("" if key.until is None else f" until {key.until:%Y-%m-%d}")
            + ("" if key.revoked_at is None else f", revoked {key.revoked_at:%Y-%m-%d %H:%M}")
            + ("" if key.index is None else f", entry {key.index}")
            for key in one.keys
        ),
    ]
