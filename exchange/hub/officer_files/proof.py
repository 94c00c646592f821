"""The proof that one event stands in the log, as a file: C2SP tlog-proof with what opens it."""

from collections.abc import AsyncGenerator
from typing import Final

from sqlalchemy import Connection

from exchange.audit import opening
from exchange.audit.checkpoint import read_checkpoint
from exchange.audit.merkle import leaf_hash, verify_inclusion
from exchange.audit.note import read_note
from exchange.audit.proof import ENDING, Receipt, read_receipt
from exchange.errors import NotFound
from exchange.hub.answers.frame import agency_of
from exchange.hub.officer_files.file import File
from exchange.hub.officers import trace
from exchange.hub.officers.accounts import Officer
from exchange.hub.open_entries import give_receipt
from exchange.hub.parts import Hub
from exchange.hub.storage import consents, openings

MEDIA: Final = "text/plain; charset=utf-8"


async def proof_file(hub: Hub, asker: Officer, rid: str) -> File:
    """Return the proof of an entry that the asker's agency may open.

    That it is taken away stands in the log before, for it opens the entry: as an export, and of a
    consent that the agency may read as a look at it, too.

    Args:
        hub: the parts.
        asker: an officer of an agency.
        rid: name of the entry: of its receipt.

    Raises:
        NotPermitted: the asker reads no records.
        NotFound: absent, hidden from her agency, or under no signed head yet.
        LogInvalid: the tree contradicts the head that is signed.
        Unavailable: the vault is away.
    """
    agency = agency_of(asker)
    raw = await give_receipt(hub, rid, agency, seconds=0, witnessed=False)
    if raw is None:
        raise NotFound
    receipt = read_receipt(raw)
    verified(receipt)
    consent = await hub.db.read(_consent_of, rid, agency)
    if consent is not None:
        await trace.record_read(hub, asker, consent)
    await trace.record_export(hub, asker, first=receipt.index, until=receipt.index + 1, count=1)
    return File(name=f"{rid}{ENDING}", media=MEDIA, chunks=_whole(raw))


def verified(receipt: Receipt) -> int:
    """Return the size of the tree in which a receipt proves its entry, computed anew.

    Raises:
        LogInvalid: the entry does not lead to the root that is signed.
    """
    head = read_checkpoint(read_note(receipt.note).text)
    leaf = leaf_hash(opening.leaf_of(opening.read_opening(receipt.opening)))
    verify_inclusion(leaf, receipt.index, head.size, receipt.path, head.root)
    return head.size


def _consent_of(conn: Connection, rid: str, agency: str) -> str | None:
    """Return the consent on whose chain an entry is, where the agency may read it."""
    found = openings.find(conn, rid)
    digest = None if found is None or found.chain is None else consents.on_chain(conn, found.chain)
    seen = None if digest is None else consents.seen_by_digest(conn, digest, agency)
    return None if seen is None else seen.digest


async def _whole(raw: bytes) -> AsyncGenerator[bytes, None]:
    yield raw
