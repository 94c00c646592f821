"""The log of the hub's double: honest, in memory, signed with real keys by `exchange.audit`.

Tests make it lie: another receipt, another history (`forked`), no witness, an older note.
"""

import copy
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from exchange.audit import leaf as leaves
from exchange.audit.event import Event, encode_event
from exchange.audit.note import COSIGNATURE, ED25519, SigningKey
from exchange.audit.opening import (
    Opening,
    document_opening,
    event_opening,
    leaf_of,
    write_opening,
)
from exchange.audit.proof import Receipt, write_receipt
from exchange.audit.status import Status, sign_status
from exchange.audit.tiles import Bundle, Tile, encode_bundle
from exchange.statement import seconds
from tests.logs import LOG_KEY, ORIGIN, Log, vkey

STATUS_KEY = SigningKey(f"{ORIGIN}/status", ED25519, b"\x05" * 32)
WITNESSES = tuple(
    SigningKey(f"witness.example/{name}", COSIGNATURE, bytes([number]) * 32)
    for number, name in enumerate("ab", start=2)
)


def policy(*, quorum: str = "none", keys: Sequence[SigningKey] = (LOG_KEY, STATUS_KEY)) -> bytes:
    """Return the policy file an operator hands out; `quorum` is `none` or `both`."""
    lines = [f"log {vkey(key)}" for key in keys]
    lines += [f"witness {key.name[-1]} {vkey(key)}" for key in WITNESSES]
    return "\n".join([*lines, "group both all a b", f"quorum {quorum}", ""]).encode()


@dataclass
class Entry:
    """One entry and what opens it."""

    rid: str
    opening: Opening

    @property
    def leaf(self) -> bytes:
        return leaf_of(self.opening)


@dataclass
class Ledger:
    """The log; `witnesses` are those that cosign every head from now on."""

    clock: Callable[[], datetime]
    witnesses: Sequence[SigningKey] = ()
    entries: list[Entry] = field(default_factory=list)
    known: dict[tuple[str, str], Entry] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    status_key: SigningKey = STATUS_KEY
    log_key: SigningKey = LOG_KEY
    handed_in: list[bytes] = field(default_factory=list)

    def event(self, name: str, event: Event) -> str:
        """Log what happened about `name`, once; return the path of its receipt."""
        if (event.kind, name) not in self.known:
            detail = None
            key = secrets.token_bytes(leaves.KEY_SIZE)
            if event.detail is not None:
                detail = leaves.detail_commitment(key, 0, event.detail)
            rid = str(uuid4())
            opening = event_opening(key, 0, encode_event(event, rid=rid, detail=detail))
            self._add((event.kind, name), Entry(rid, opening))
        return self.path(self.known[event.kind, name])

    def document(self, topic: str, content: bytes) -> str:
        """Log a public document, once; return the path of its receipt."""
        opening = document_opening(topic, content)
        name = leaf_of(opening)[-32:].hex()
        self.documents[name] = content
        if (topic, name) not in self.known:
            self._add((topic, name), Entry(str(uuid4()), opening))
        return self.path(self.known[topic, name])

    def _add(self, name: tuple[str, str], entry: Entry) -> None:
        self.known[name] = entry
        self.entries.append(entry)

    @staticmethod
    def path(entry: Entry) -> str:
        return f"/log/receipts/{entry.rid}"

    def log(self, size: int | None = None) -> Log:
        """Return the log at a size, by default as it is now."""
        chosen = [entry.leaf for entry in self.entries][:size]
        return Log(chosen, self.log_key, self.witnesses, at=seconds(self.clock()))

    def find(self, rid: str) -> int | None:
        """Return the index of an entry by the name of its receipt."""
        return next((at for at, one in enumerate(self.entries) if one.rid == rid), None)

    def receipt(self, index: int, size: int | None = None) -> bytes:
        """Return the receipt of an entry, under the head of a size."""
        log = self.log(size)
        opening = write_opening(self.entries[index].opening)
        return write_receipt(Receipt(opening, index, log.path(index), log.note()))

    def status(self, consent: str, **members: object) -> bytes:
        """Return the word that a consent is active, or a note with members of a test's choice."""
        log = self.log()
        given = {
            "origin": ORIGIN,
            "consent": consent,
            "size": len(log.leaves),
            "root": log.root(),
            "at": seconds(self.clock()),
        }
        return sign_status(Status(**{**given, **members}), self.status_key)  # type: ignore[arg-type]

    def tile(self, tile: Tile) -> bytes | None:
        """Return the hashes of a tile, if the log has as many."""
        row = self.log().rows.get((tile.level, tile.n), b"")
        return row[: 32 * tile.width] if len(row) >= 32 * tile.width else None

    def bundle(self, bundle: Bundle) -> bytes | None:
        """Return the entries of a bundle, if the log has as many."""
        first = 256 * bundle.n
        found = [entry.leaf for entry in self.entries[first : first + bundle.width]]
        return encode_bundle(found) if len(found) == bundle.width else None

    def forked(self, at: int) -> "Ledger":
        """Return another history by the same keys: entry `at` is another, the rest the same."""
        other = copy.copy(self)
        other.entries, other.known = list(self.entries), dict(self.known)
        other.entries[at : at + 1] = [Entry(str(uuid4()), document_opening("another", b"story"))]
        return other
