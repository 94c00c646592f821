"""What privacy officers' tools ask for as files: the same questions, all of the answer."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from exchange.wire.fields import AgencyId, Code, Compact, Day, Id
from exchange.wire.officer import DisclosureState
from exchange.wire.officer_breach import Lost
from exchange.wire.routes import OFFICER, TEXT, Operation
from exchange.wire.shapes import IdPath, Text

CSV = "text/csv"
JSON = "application/json"
JSON_LD = "application/ld+json"
TAR = "application/x-tar"
Format = Literal["csv", "json"]


class PartnersFileQuery(Text):
    """As what the list is written."""

    format: Format = "csv"


class DisclosuresFileQuery(PartnersFileQuery):
    """Which disclosures: those stored from a day on and before another, in German time."""

    since: Annotated[Day, Field(alias="from")]
    until: Day
    """The first day that does not count."""


class ErasuresFileQuery(PartnersFileQuery):
    """Which erasures."""

    state: Literal["open", "overdue", "answered", "all"] = "open"


class EventsFileQuery(PartnersFileQuery):
    """Which events of the agency's log; what is not given narrows nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    since: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None
    """The first day that does not count."""
    kind: Code | None = None
    partner: AgencyId | None = None
    purpose: Code | None = None
    category: Code | None = None
    state: DisclosureState | None = None
    consent: Id | None = None


class BreachFileQuery(PartnersFileQuery):
    """What somebody else may have had, and from when; as in `BreachQuery`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Lost
    key: Annotated[str | None, Field(pattern="^[A-Za-z0-9_-]{36,43}$")] = None
    since: Annotated[Compact, Field(alias="from")]
    until: Compact | None = None
    noticed_at: Compact | None = None


def _list(question: str, query: type[PartnersFileQuery], summary: str) -> Operation:
    return Operation(
        name=f"officer_{question}_file",
        method="GET",
        path=f"/v1/officer/files/{question}",
        summary=summary,
        query=query,
        answers=CSV,
        also_answers=(JSON,),
        scope=OFFICER,
    )


DISCLOSURES_FILE = _list(
    "disclosures",
    DisclosuresFileQuery,
    "All disclosures of some days as a file: in CSV a line for each recipient.",
)
ERASURES_FILE = _list("erasures", ErasuresFileQuery, "All requests to erase in a state as a file.")
EVENTS_FILE = _list("events", EventsFileQuery, "The log of the agency as a file, the newest first.")
PARTNERS_FILE = _list(
    "partners",
    PartnersFileQuery,
    "All partners and their keys as a file: in CSV a line for each key.",
)
BREACH_FILE = _list(
    "breach",
    BreachFileQuery,
    "All that a lost key, account or code has exposed as a file, however much it is.",
)
LOG_FILE = Operation(
    name="officer_log_file",
    method="GET",
    path="/v1/officer/files/log",
    summary="The whole log with what the agency may open of it, to be verified offline.",
    answers=TAR,
    scope=OFFICER,
)
CONSENT_FILE = Operation(
    name="officer_consent_file",
    method="GET",
    path="/v1/officer/files/consents/{id}",
    summary="One consent in the structure of ISO/IEC TS 27560, with its proofs from the log.",
    path_shape=IdPath,
    answers=JSON_LD,
    problems=(404,),
    scope=OFFICER,
)
PROOF_FILE = Operation(
    name="officer_proof_file",
    method="GET",
    path="/v1/officer/files/proofs/{id}",
    summary="Proof that one event stands in the log (C2SP tlog-proof), with what opens it.",
    path_shape=IdPath,
    answers=TEXT,
    problems=(404,),
    scope=OFFICER,
)
