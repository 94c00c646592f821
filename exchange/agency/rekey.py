"""An agency's own keys over time: announce, rotate, revoke, retire, succeed.

Works on the files of a gateway and returns signed bytes that are already stored; sending them is
the caller's part and may be repeated as often as needed. Never signs the same fact twice.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from exchange import statement
from exchange.agency.keyfiles import HeldKey, KeyFiles
from exchange.durable import make_directory, sync_directory, write_bytes_durably
from exchange.errors import Conflict, ExchangeError, Misconfigured
from exchange.keyring import ceremony
from exchange.keyring.directory import KeyStatement, read_key_statement
from exchange.keyring.recipient import DocumentRecipient
from exchange.statement import Kind, seconds

REISSUE_AFTER: Final = timedelta(days=7)
"""Age at which a statement is issued again: valid for 35 days, so four failures do no harm."""
ROTATE_AFTER: Final = timedelta(days=30)
"""Life of a document key for senders."""
RETIRE_AFTER: Final = timedelta(days=15)
"""How long a replaced document key is kept: 1 day of uploads under way, 14 days of waiting."""

_SUCCESSION: Final = "key-succession-"
_NAME = re.compile(r"key-statement-([1-9][0-9]{0,9})\.jws", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ring:
    """The key files of an agency with the statements it has signed about them."""

    files: KeyFiles
    statements: Path
    """Directory of `key-statement-<seq>.jws`: every one ever signed."""

    def newest(self) -> KeyStatement | None:
        """Return the newest statement, read from its exact bytes; None before the first.

        Raises:
            Misconfigured: the file is not a statement of this agency's own keys.
        """
        numbers = [
            int(named[1])
            for path in (self.statements.iterdir() if self.statements.is_dir() else ())
            if (named := _NAME.fullmatch(path.name))
        ]
        if not numbers:
            return None
        path = self._path(max(numbers))
        try:
            verified = statement.verify(
                path.read_bytes(), {Kind.KEY_STATEMENT}, self.files.cards(), now=statement.ANY_TIME
            )
            return read_key_statement(verified)
        except ExchangeError:
            raise Misconfigured(f"{path.name} is damaged") from None

    def current(self) -> HeldKey:
        """Return the document key that senders seal to now.

        Raises:
            Misconfigured: nothing is announced, or the announced key is lost.
        """
        newest = self.newest()
        for held in self.files.documents():
            if newest is not None and held.key.recipient.text == newest.document:
                return held
        raise Misconfigured(
            "the announced document key is not here; make another with: exchange keys rotate"
        )

    def announce(self, *, now: datetime) -> KeyStatement:
        """Sign and store the next statement for the present document key."""
        newest = self.newest()
        return self.rotate(now=now) if newest is None else self._issue(self.current(), newest, now)

    def rotate(self, *, now: datetime, revoked: frozenset[str] = frozenset()) -> KeyStatement:
        """Make a new document key, and sign and store the statement that announces it.

        A crash between the two leaves a key nobody knows; the next rotation takes that one.

        Args:
            now: aware moment.
            revoked: fingerprints of keys that are lost or stolen.
        """
        newest = self.newest()
        seq = 1 if newest is None else newest.seq + 1
        if seq not in self._by_seq():
            self.files.write_document(seq, ceremony.new_document_key(), now=now)
        return self._issue(self._by_seq()[seq], newest, now, revoked)

    def revoke(self, fingerprint: str, *, now: datetime) -> KeyStatement:
        """Sign and store the statement that revokes one of this agency's document keys.

        When it is the present one, a new key takes its place in the same statement.

        Raises:
            Misconfigured: nothing is announced yet.
        """
        newest = self.newest()
        if newest is None:
            raise Misconfigured("nothing is announced yet, so there is nothing to revoke")
        lost = frozenset({fingerprint})
        if DocumentRecipient.parse(newest.document).fingerprint == fingerprint:
            return self.rotate(now=now, revoked=lost)
        return self._issue(self.current(), newest, now, lost)

    def due(self, *, now: datetime) -> bool:
        """Tell whether a statement should be issued: none yet, a week old, or by the old pair."""
        newest = self.newest()
        if newest is None or newest.kid != self.files.card().kid:
            return True
        return seconds(now) - newest.nbf >= REISSUE_AFTER.total_seconds()

    def rotation_due(self, *, now: datetime) -> bool:
        """Tell whether the present document key is 30 days old."""
        return now - self.current().created >= ROTATE_AFTER

    def retirable(self, *, now: datetime) -> tuple[HeldKey, ...]:
        """Return the document keys whose time is over, oldest first.

        A replaced key has served 15 days after its successor was made; a revoked one at once.
        """
        present, newest = self.current(), self.newest()
        revoked = frozenset[str]() if newest is None else newest.revoked
        older = [held for held in self.files.documents() if held.seq < present.seq]
        return tuple(
            held
            for held, successor in zip(older, [*older[1:], present], strict=False)
            if held.key.fingerprint in revoked or now - successor.created >= RETIRE_AFTER
        )

    def retire(self, held: HeldKey, *, now: datetime) -> None:
        """Destroy a document key: what was sealed to it can never be opened again, by anybody.

        Raises:
            Conflict: its time is not over; documents sealed to it may still be waiting.
        """
        if held.key.fingerprint not in {other.key.fingerprint for other in self.retirable(now=now)}:
            raise Conflict("this document key is still needed; documents may be waiting for it")
        self.files.remove_document(held)

    def succeed(self, *, now: datetime) -> bytes:
        """Make a new identity, and return the signed succession to it, stored before.

        Called again before `conclude`, it returns the same bytes.
        """
        if not self.files.is_succeeding():
            old = self.files.identity()
            new = ceremony.new_identity(old.agency)
            self.files.write_next(new, ceremony.succeed(old, new, now=now))
        return self.files.succession()

    def install(self, *, now: datetime) -> KeyStatement:
        """Put the new identity into use, once the hub has stored the succession.

        Returns the key statement by the new pair; called again, the same one.
        """
        self.files.install_next()
        newest = self.newest()
        if newest is not None and newest.kid == self.files.card().kid:
            return newest
        return self.announce(now=now)

    def conclude(self) -> None:
        """End the succession: the hub has a key statement by the new pair.

        What was signed stays among the statements: the log shows it for ever.
        """
        if self.files.is_succeeding():
            file = self.statements / f"{_SUCCESSION}{self.files.card().kid}.jws"
            write_bytes_durably(file, self.files.succession(), replace=True)
        self.files.forget_next()

    def said(self) -> tuple[bytes, ...]:
        """Return the exact bytes of everything this agency has said about its keys."""
        kept = [
            path.read_bytes()
            for path in (self.statements.iterdir() if self.statements.is_dir() else ())
            if _NAME.fullmatch(path.name) or path.name.startswith(_SUCCESSION)
        ]
        under_way = [self.files.succession()] if self.files.is_succeeding() else []
        return (*kept, *under_way)

    def forget(self, stated: KeyStatement) -> None:
        """Remove a statement that never arrived and has run out; its number is free again."""
        self._path(stated.seq).unlink()
        sync_directory(self.statements)

    def _by_seq(self) -> dict[int, HeldKey]:
        return {held.seq: held for held in self.files.documents()}

    def _issue(
        self,
        held: HeldKey,
        previous: KeyStatement | None,
        now: datetime,
        revoked: frozenset[str] = frozenset(),
    ) -> KeyStatement:
        data = ceremony.announce(
            self.files.identity(), held.key.recipient, previous=previous, now=now, revoked=revoked
        )
        verified = statement.verify(data, {Kind.KEY_STATEMENT}, self.files.cards(), now=now)
        stated = read_key_statement(verified)  # what partners would refuse is not kept
        make_directory(self.statements)
        # Durable before anybody hears of it: a crash after this sends these bytes, not others.
        write_bytes_durably(self._path(stated.seq), data)
        return stated

    def _path(self, seq: int) -> Path:
        return self.statements / f"key-statement-{seq}.jws"
