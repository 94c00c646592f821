"""What a receipt or a status note must say to be worth anything here; one function per point.

Each takes what was verified already and compares it with what is in hand.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from exchange.agency.log import INVALID
from exchange.audit.leaf import document_label
from exchange.audit.opening import DOCUMENT, EVENT, event_of
from exchange.audit.proof import Proven
from exchange.audit.status import Status
from exchange.consent.record import ConsentRecord
from exchange.envelope.manifest import Context
from exchange.errors import Held
from exchange.statement import seconds

RECORDED: Final = "consent-recorded"
WITHDRAWN: Final = "consent-withdrawn"
STORED: Final = "disclosure-stored"
COLLECTED: Final = "disclosure-collected"
ACKNOWLEDGED: Final = "disclosure-acknowledged"
CONFIRMED: Final = "erasure-confirmed"
"""Kinds of events of which an agency holds receipts."""

NAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        RECORDED: "consent",
        WITHDRAWN: "consent",
        STORED: "manifest",
        COLLECTED: "manifest",
        ACKNOWLEDGED: "manifest",
        CONFIRMED: "statement",
    }
)
"""Which member of an event says what it is about."""

STATUS_SKEW_S: Final = 60
"""Seconds by which a status note may lie ahead of this clock."""


def shows(proven: Proven, kind: str, digest: str) -> Mapping[str, Any]:
    """Return the event that a receipt shows: of this kind, about this statement.

    Raises:
        Held: `log-receipt-invalid`: of another leaf.
    """
    if proven.opening.version != EVENT:
        raise Held(INVALID)
    event = event_of(proven.opening)
    if event["kind"] != kind or event[NAMED[kind]] != digest:
        raise Held(INVALID)
    return event


def shows_own(
    proven: Proven, kind: str, digest: str, *, agency: str, statement: str | None = None
) -> None:
    """Check that a receipt shows what this agency did itself.

    A consent that was withdrawn before is withdrawn: whoever came first is named there.

    Args:
        proven: the receipt.
        kind: of the event.
        digest: of what the event is about.
        agency: this one.
        statement: digest of the answer that the event must name, where there is one.

    Raises:
        Held: `log-receipt-invalid`.
    """
    event = shows(proven, kind, digest)
    if kind != WITHDRAWN and event["by"] != agency:
        raise Held(INVALID)
    if statement is not None and event["statement"] != statement:
        raise Held(INVALID)


def shows_consent(proven: Proven, record: ConsentRecord) -> None:
    """Point 2: the receipt is of the recording of this very consent, by who collected it."""
    if shows(proven, RECORDED, record.digest)["by"] != record.collected_by:
        raise Held(INVALID)


def shows_disclosure(proven: Proven, manifest: str, context: Context, *, recipient: str) -> None:
    """Point 3: the receipt is of this very manifest, from its sender, to this agency."""
    event = shows(proven, STORED, manifest)
    said = (event["by"], event["consent"], event["purpose"], event["category"])
    if said != (context.sender, context.consent, context.purpose, context.category):
        raise Held(INVALID)
    if recipient not in event["to"]:
        raise Held(INVALID)


def precedes(recorded: Proven, stored: Proven) -> None:
    """Point 4: the consent was in the log before anything was disclosed under it."""
    if recorded.index >= stored.index:
        raise Held(INVALID)


def is_fresh(
    status: Status, *, origin: str, consent: str, index: int, now: datetime, max_age_s: int
) -> None:
    """Point 5: the consent had not ended a moment ago, in a tree that has the disclosure.

    Args:
        status: its signature verified.
        origin: of the log this gateway believes.
        consent: digest of the consent.
        index: of the disclosure's entry.
        now: aware moment.
        max_age_s: seconds a status note may be old.

    Raises:
        Held: `log-receipt-invalid`.
    """
    age = seconds(now) - status.at
    if (status.origin, status.consent) != (origin, consent) or status.size <= index:
        raise Held(INVALID)
    if not -STATUS_SKEW_S <= age <= max_age_s + STATUS_SKEW_S:
        raise Held(INVALID)


def shows_document(proven: Proven, topic: str, document: bytes) -> None:
    """Check that a receipt is of this public document, under its topic.

    Raises:
        Held: `log-receipt-invalid`.
    """
    opening = proven.opening
    if opening.version != DOCUMENT:
        raise Held(INVALID)
    if (opening.label, opening.body) != (document_label(topic), document):
        raise Held(INVALID)
