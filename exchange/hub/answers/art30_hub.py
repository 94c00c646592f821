"""The record of a processor: what the hub does on behalf of an agency (Art. 30(2) GDPR).

Generated from what runs and from the agency's agreements. Of other agencies it says nothing: each
reads the record of what is done for itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from exchange.agreement.record import Agreement
from exchange.audit.policy import NONE
from exchange.hub.answers.agreements import PartySeen, party
from exchange.hub.answers.art30 import Processor, processor
from exchange.hub.answers.frame import Answered, NoQuestion, agency_of, newest_head
from exchange.hub.answers.processing import (
    Erasing,
    PluginSeen,
    erasing_by_hub,
    measures,
    of_hub,
)
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements

PROCESSING: Final = (
    "carry-sealed-documents",
    "keep-signed-records",
    "decide-by-consents",
    "send-notices",
    "keep-the-log",
    "answer-officers",
    "show-persons",
)
"""Categories of processing on behalf of a controller."""
PAGE: Final = 100
"""Agreements read at a time."""


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What the record was generated from."""

    agreements: tuple[str, ...]
    """Digests."""
    settings_sha256: str
    """Of the settings of the hub, in hex; without passwords and tables of plugins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorRecord:
    """What the hub does on behalf of one agency."""

    controller: PartySeen | None
    """The agency as its newest agreement names it; None without one."""
    processors: tuple[Processor, ...]
    """Who runs the hub, as each agreement says; one, where they agree."""
    processing: tuple[str, ...]
    third_countries: tuple[str, ...]
    measures: tuple[str, ...]
    erasure: tuple[Erasing, ...]
    plugins: tuple[PluginSeen, ...]
    findings: tuple[str, ...]
    generated_from: MadeOf


async def record_of_processor(hub: Hub, asker: Officer) -> Answered[NoQuestion, ProcessorRecord]:
    """Return what the hub does on behalf of the asker's agency. It is about no person.

    Raises:
        NotPermitted: the asker reads no records.
    """
    agency = agency_of(asker)
    await trace.record_look(hub, asker)
    found: list[Agreement] = []
    after, full = None, True
    while full:
        page = await hub.db.read(_page, hub, agency, after)
        found += page
        full, after = len(page) == PAGE, page[-1].id if page else None
    return Answered(
        question="art30-processor",
        agency=agency,
        asked=NoQuestion(),
        answered_at=hub.clock(),
        checkpoint=newest_head(hub),
        answer=_record(hub, agency, found),
    )


def _page(conn: Connection, hub: Hub, agency: str, after: str | None) -> list[Agreement]:
    stored = agreements.listed(conn, agency, after=after, limit=PAGE)
    return [hub.records.agreement(conn, one.digest, one.statement)[0] for one in stored]


def _record(hub: Hub, agency: str, found: list[Agreement]) -> ProcessorRecord:
    said = dict.fromkeys(processor(hub, terms) for terms in found)
    newest = max(found, key=lambda terms: terms.term.begins, default=None)
    years = sorted({terms.retention.years for terms in found})
    return ProcessorRecord(
        controller=None if newest is None else party(newest.party(agency), None),
        processors=tuple(said),
        processing=PROCESSING,
        third_countries=(),
        measures=measures(hub),
        erasure=(
            *(Erasing("D05", f"P{number}Y-to-year-end") for number in years),
            *erasing_by_hub(hub),
        ),
        plugins=of_hub(hub),
        findings=tuple(_findings(hub, tuple(said))),
        generated_from=MadeOf(tuple(sorted(terms.digest for terms in found)), hub.settings_sha256),
    )


def _findings(hub: Hub, said: tuple[Processor, ...]) -> Iterator[str]:
    if not said:
        yield "no-agreement"
    if len({(one.operator, one.location) for one in said}) > 1:
        yield "operators-differ"
    if any(one.contract is None for one in said):
        yield "not-attested:processing-contract"
    if hub.signer.policy.quorum == NONE:
        yield "no-witness"
