"""What privacy officers' tools ask for on paper: one consent, and long answers in parts, as PDF."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from exchange.wire.fields import Compact, Day
from exchange.wire.officer_breach import Lost
from exchange.wire.routes import OFFICER, PDF, Operation
from exchange.wire.shapes import IdPath, Text

Language = Literal["de", "en"]
MOST_PARTS: Final = 999_999


class PaperQuery(Text):
    """Which part of a paper, and in which language."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    part: Annotated[int, Field(ge=1, le=MOST_PARTS)] = 1
    """Each says which rows it has of how many, and of how many parts it is one."""
    lang: Language = "de"


class DisclosuresPaperQuery(PaperQuery):
    """Which disclosures: those stored from a day on and before another, in German time."""

    since: Annotated[Day, Field(alias="from")]
    until: Day
    """The first day that does not count."""


class ErasuresPaperQuery(PaperQuery):
    """Which erasures."""

    state: Literal["open", "overdue", "answered", "all"] = "open"


class BreachPaperQuery(PaperQuery):
    """What somebody else may have had, and from when; as in `BreachQuery`."""

    kind: Lost
    key: Annotated[str | None, Field(pattern="^[A-Za-z0-9_-]{36,43}$")] = None
    since: Annotated[Compact, Field(alias="from")]
    until: Compact | None = None
    noticed_at: Compact | None = None


class ConsentPaperQuery(Text):
    """In which language, and when it is asked whether the consent held."""

    at: Compact | None = None
    """Now, if not given."""
    lang: Language = "de"


def _paper(question: str, query: type[PaperQuery], summary: str) -> Operation:
    return Operation(
        name=f"officer_{question}_paper",
        method="GET",
        path=f"/v1/officer/papers/{question}",
        summary=summary,
        query=query,
        answers=PDF,
        problems=(406,),
        scope=OFFICER,
    )


DISCLOSURES_PAPER = _paper(
    "disclosures", DisclosuresPaperQuery, "A part of the disclosures of some days as PDF."
)
ERASURES_PAPER = _paper(
    "erasures", ErasuresPaperQuery, "A part of the requests to erase in a state as PDF."
)
BREACH_PAPER = _paper(
    "breach", BreachPaperQuery, "A part of the report for Art. 33 and 34 GDPR as PDF."
)
CONSENT_PAPER = Operation(
    name="officer_consent_paper",
    method="GET",
    path="/v1/officer/papers/consents/{id}",
    summary="What the page of one consent says as PDF: also whether it held at a moment.",
    path_shape=IdPath,
    query=ConsentPaperQuery,
    answers=PDF,
    problems=(404, 406),
    scope=OFFICER,
)
