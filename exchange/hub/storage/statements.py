"""The signed statements behind events of the log, as far as an agency may read them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, or_, select

from exchange.hub.storage.consents import must_erase
from exchange.hub.storage.tables import (
    agreement_notices,
    agreement_signatures,
    agreements,
    consents,
    disclosure_recipients,
    disclosures,
    erasures,
    requests,
)

Happened = Sequence[tuple[str, Mapping[str, Any]]]
"""Chains with the members of events on them."""


def behind(conn: Connection, agency: str, happened: Happened) -> Iterator[bytes]:
    """Yield statements, those that these events name among them; who asks compares digests.

    Args:
        conn: may be a reader's.
        agency: that may open these events. Why a consent has ended is in the withdrawal: it is
            left out where the agency may not know.
        happened: the events.
    """
    for query in _queries(agency, happened):
        for statement in conn.execute(query).scalars():
            if statement is not None:
                yield statement


def _queries(agency: str, happened: Happened) -> Iterator[Select[bytes]]:
    agreed = _named(happened, "agreement", {"agreement-signed"})
    yield select(agreements.c.statement).where(_in(agreements.c.digest, agreed))
    yield select(agreement_signatures.c.statement).where(
        _in(agreement_signatures.c.agreement, agreed)
    )
    noticed = _named(happened, "statement", {"agreement-notice"})
    yield select(agreement_notices.c.statement).where(_in(agreement_notices.c.digest, noticed))
    recorded = _named(happened, "consent", {"consent-recorded"})
    yield select(consents.c.statement).where(_in(consents.c.digest, recorded))
    withdrawn = _named(happened, "consent", {"consent-withdrawn"})
    yield select(consents.c.withdrawal).where(
        _in(consents.c.digest, withdrawn),
        or_(consents.c.collected_by == agency, must_erase(agency)),
    )
    for kind, column in (
        ("disclosure-stored", disclosures.c.manifest),
        ("disclosure-acknowledged", disclosure_recipients.c.acknowledgement),
    ):
        yield (
            select(column)
            .distinct()
            .select_from(disclosures)
            .join(consents, consents.c.digest == disclosures.c.consent)
            .join(disclosure_recipients, disclosure_recipients.c.disclosure == disclosures.c.id)
            .where(
                _in(consents.c.chain, {chain for chain, one in happened if one["kind"] == kind}),
                _in(disclosures.c.digest, _named(happened, "manifest", {kind})),
            )
        )
    confirmed = _named(happened, "erasure", {"erasure-confirmed"})
    yield select(erasures.c.confirmation).where(_in(erasures.c.id, confirmed))
    asked = _named(happened, "request", {"request-made"})
    yield select(requests.c.statement).where(_in(requests.c.digest, asked))


def _named(happened: Happened, member: str, kinds: Collection[str]) -> set[str]:
    return {one[member] for _, one in happened if one["kind"] in kinds}


def _in(column: Any, values: Collection[str]) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.in_(sorted(values))
    return found
