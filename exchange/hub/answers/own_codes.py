"""The purposes and categories that the agreements of an agency name, with what they are called."""

from typing import Final

from sqlalchemy import Connection

from exchange.hub import gate
from exchange.hub.answers.frame import agency_of
from exchange.hub.officers.accounts import Officer
from exchange.hub.parts import Hub
from exchange.hub.storage import agreements
from exchange.vocabulary import Vocabulary

MOST: Final = 100
"""Agreements whose words are read: more has no agency."""


async def vocabularies(hub: Hub, asker: Officer) -> tuple[Vocabulary, ...]:
    """Return the vocabulary of each agreement of the asker's agency.

    Raises:
        NotPermitted: the asker reads no records.
    """
    return await hub.db.read(_vocabularies, hub, agency_of(asker))


def _vocabularies(conn: Connection, hub: Hub, agency: str) -> tuple[Vocabulary, ...]:
    # Parsed once: what is signed never changes.
    return tuple(
        gate.agreement_of(conn, hub, digest)[0].vocabulary
        for digest in agreements.digests_of(conn, agency, limit=MOST)
    )
