"""Give a person the receipts of everything that happened under her consent, for her code.

With them she can show anybody that it is in the log, also when the hub is gone.
"""

from dataclasses import dataclass, field

from sqlalchemy import Connection

from exchange.audit.opening import event_opening
from exchange.hub import opened
from exchange.hub.open_entries import Place, key_of, place_of, receipt_of
from exchange.hub.parts import Hub
from exchange.hub.storage import openings
from exchange.hub.storage.openings import Recorded

AT_ONCE = 50
"""Entries looked up in one unit of work: nobody waits behind a long history."""
MOST = 2_000
"""Receipts for one visit; each has some 2 kB."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves one entry about a consent."""

    n: int
    """Number of the event under the consent, from 0."""
    receipt: bytes = field(repr=False)


async def prove_consent(hub: Hub, code_text: str) -> tuple[Proof, ...] | None:
    """Return the receipts under the consent that a code opens, oldest first; or None as `view`.

    What no signed head of the log covers yet is left out: a moment later it is there.

    Args:
        hub: the parts.
        code_text: as typed, of any length.

    Raises:
        Unavailable: the vault is away.
    """
    proofs: list[Proof] = []
    first, more = 0, True
    while more and first < MOST:
        found = await hub.db.read(_placed, hub, code_text, first)
        if found is None:
            return None
        chain, placed = found
        key = key_of(await hub.vault.chain(chain))
        for event, place in placed:
            if place is not None:
                opening = event_opening(key, event.n, event.body)
                proofs.append(Proof(event.n, receipt_of(opening, place)))
        first, more = first + AT_ONCE, len(placed) == AT_ONCE
    return tuple(proofs)


def _placed(
    conn: Connection, hub: Hub, code_text: str, first: int
) -> tuple[str, list[tuple[Recorded, Place | None]]] | None:
    found = opened.consent(conn, hub, code_text)
    if found is None:
        return None
    events = openings.of_chain(conn, found.filed.chain, first=first, limit=AT_ONCE)
    return found.filed.chain, [(one, place_of(conn, one.rid)) for one in events]
