"""Shapes of what an officer should look into: the first page, and each finding as a list."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from exchange.wire.fields import AgencyId, Code, Day, Id, Moment
from exchange.wire.officer import Frame, Told
from exchange.wire.officer_terms import NoQuestion
from exchange.wire.shapes import Page, Text

Finding = Literal[
    "sent-after-withdrawal",
    "recorded-late",
    "kept-on-own-basis",
    "refused",
    "warnings",
    "consents-ending",
    "looks",
]
"""`sent-after-withdrawal`: documents were sent after an agency was told of the withdrawal and
before it was recorded. `recorded-late`: a withdrawal was recorded later than on the next working
day. `kept-on-own-basis`: whoever had to erase keeps something on a legal basis of its own.
`refused`: a disclosure was refused. `warnings`: a consent was recorded although a rule warned.
`consents-ending`: a consent ends within 30 days while a request under it is open. `looks`: another
account of the agency has looked at a consent."""


class LogHealth(Told):
    """How the log is doing; the same for everybody."""

    size: int
    """Entries that a signed head covers."""
    pending: int
    """Entries that wait for one, counted up to one above the limit of the hub."""
    stopped: Code | None
    """Why nothing is signed."""
    behind: bool
    """Whether new disclosures wait for the log."""
    witnessed: bool
    """Whether there are witnesses at all."""
    unwitnessed_s: int | None
    """Seconds since their quorum is missing, once that is an alarm."""


class Open(Told):
    """Erasures that are not confirmed."""

    count: int
    overdue: int


class AgreementEnds(Told):
    """An agreement that ends within 90 days."""

    agreement: Id
    ends_at: Moment


class Standing(Told):
    """How the agency stands."""

    asked: Open
    """Erasures it has to confirm itself."""
    owed: Open
    """Erasures that others have to confirm to it."""
    key_until: Moment | None
    """End of its document key; null: it has published none."""
    in_force: int
    """Agreements of its that have not ended."""
    ending: tuple[AgreementEnds, ...]


class Count(Told):
    """How many there are of one finding."""

    finding: Finding
    count: int
    """In the last 30 days; of `consents-ending` in the next ones."""
    more: bool
    """Whether there may be more: of each kind the newest 10,000 entries are looked at."""


class Refusals(Told):
    """Whether more disclosures were refused than the agency is used to."""

    lately: int
    """In the last 7 German days, today included; counted up to 10,000."""
    before: int
    """In all of the 28 days before; counted up to 20,000."""
    unusual: bool
    """5 at least, and more than twice the weekly average of the days before; 10,000 always."""


class Overview(Told):
    """What the first page says."""

    log: LogHealth
    standing: Standing
    findings: tuple[Count, ...]
    """Each of them, also where nothing was found."""
    refusals: Refusals


class OverviewAnswer(Frame):
    """What needs the officer's attention."""

    asked: NoQuestion
    answer: Overview


class FindingPath(Text):
    """Path of one finding."""

    finding: Finding


class FindingsQuery(Page):
    """Of which days, in German time; without them of the last 30."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    since: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None
    """The first day that does not count."""


class FindingsAsked(Told):
    """The question, repeated, with the days that it was about."""

    finding: Finding
    since: Annotated[Day | None, Field(alias="from")]
    until: Day | None


class Found(Told):
    """One thing to look into; what does not belong to its finding is null or empty."""

    at: Moment
    """When it happened; of `consents-ending` the deadline of the request."""
    index: int | None
    """Of its entry in the log."""
    by: str
    """Agency, `hub` or `person`: who did it, or asks."""
    consent: Id | None
    """Null too where the agency may not read the record."""
    disclosures: tuple[Id, ...]
    """Sent after an agency was told of the withdrawal and before it was recorded."""
    erasure: Id | None
    request: Id | None
    asked: AgencyId | None
    """Whom the request asks."""
    received_at: Moment | None
    """When the withdrawal reached the agency that took it down, as that one says."""
    until: Moment | None
    """When the consent ends; half open."""
    officer: str | None
    """Account that has looked, or `gateway`."""
    codes: tuple[str, ...]
    """Rules that warned, or why something was refused, for who may know."""


class FindingsAnswer(Frame):
    """A page of one finding, the newest first; it may be short although there is more."""

    asked: FindingsAsked
    answer: tuple[Found, ...]
