"""The hub's log as this gateway believes it: receipts, status notes, and one history of heads.

Everything is judged by the policy in the gateway's own home. A receipt that does not verify is
held against the hub, never against the sender of a document.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Final

import structlog

from exchange.agency import conflict
from exchange.agency.home import Home
from exchange.agency.log_calls import LogCalls, rid_in
from exchange.agency.log_heads import Heads, Shown
from exchange.agency.log_policy import Trusted
from exchange.audit.policy import Head, judge
from exchange.audit.proof import Proven, prove, read_receipt
from exchange.audit.status import Status, read_status
from exchange.errors import (
    ClockWrong,
    ExchangeError,
    Held,
    LogInvalid,
    Malformed,
    NotFound,
    SplitView,
)

MISSING: Final = "log-receipt-missing"
INVALID: Final = "log-receipt-invalid"
SPLIT: Final = "log-split-view"
FALSE: Final = "log-status-false"
UNWITNESSED: Final = "log-not-witnessed"
"""The reasons for which the log holds something up."""

SKEW: Final = timedelta(minutes=5)
"""How far clocks may differ before a cosignature lies ahead of now."""
MOST_KNOWN: Final = 32
"""Receipts and status notes that are recognised when they come again; each has a few kB."""

log = structlog.get_logger(__name__)


class Log:
    """The log of one hub, and what this gateway holds it to."""

    def __init__(
        self,
        trusted: Trusted,
        calls: LogCalls,
        heads: Heads,
        home: Home,
        *,
        clock: Callable[[], datetime],
        halt: Callable[[str], None],
    ) -> None:
        """Take the parts.

        Args:
            trusted: from the gateway's own home.
            calls: ask the hub.
            heads: what was verified before.
            home: keeps evidence.
            clock: aware moment of now.
            halt: lets nothing more be asked of the hub, for one of the reasons above.
        """
        self.trusted = trusted
        self.calls = calls
        self.heads = heads
        self._home = home
        self._clock = clock
        self._halt = halt
        self._handed_in = b""
        # What the same bytes prove under the same keys does not change: a consent is used again
        # and again, and its note stays the same within a second. Refusals are not remembered.
        self._judged = lru_cache(MOST_KNOWN)(partial(judged, trusted))
        self._said = lru_cache(MOST_KNOWN)(partial(read_status, key=trusted.status))
        self.stopped = False
        """Whether what the hub has signed convicts it since the start."""

    async def receipt(self, path: str | None, *, wait: int = 0, witnessed: bool = False) -> bytes:
        """Return the receipt that an answer of the hub has named.

        Raises:
            Held: `log-receipt-missing`: none was named, it does not exist, or no head has it yet.
        """
        if path is None:
            raise Held(MISSING)
        try:
            found = await self.calls.receipt(rid_in(path), wait=wait, witnessed=witnessed)
        except NotFound:
            found = None
        if found is None:
            raise Held(MISSING)
        return found

    def proven(self, receipt: bytes) -> Proven:
        """Return what a receipt proves: leaf, inclusion, every known signature.

        Raises:
            Held: `log-receipt-invalid`.
            ClockWrong: a witness has seen it at a time that lies ahead of this machine's clock.
        """
        found = self._judged(receipt)
        self._check_time(found.head)
        return found

    def head(self, note: bytes) -> Head:
        """Return the head in a note, judged; errors as `proven`."""
        try:
            found = judge(self.trusted.policy, note)
        except (LogInvalid, Malformed):
            raise Held(INVALID) from None
        check_origin(self.trusted, found)
        self._check_time(found)
        return found

    def status(self, note: bytes | None) -> Status:
        """Return what a status note says, its signature verified.

        Raises:
            Held: `log-receipt-missing` without one, `log-receipt-invalid` for a wrong one.
        """
        if note is None:
            raise Held(MISSING)
        try:
            return self._said(note)
        except (LogInvalid, Malformed):
            raise Held(INVALID) from None

    async def agree(self, *heads: Head) -> None:
        """Check that all of these belong to the one history this gateway knows.

        Raises:
            Held: `log-split-view`: the evidence is written, nothing more is asked of this hub.
                `log-receipt-missing`: the hub does not deliver the hashes that would show it.
        """
        for head in heads:
            await self._agree(Shown(head.checkpoint.size, head.checkpoint.root, head.note))

    async def agree_status(self, status: Status, note: bytes) -> None:
        """Check that a status note belongs to that history too, and is no step back.

        Raises:
            Held: as `agree`; also `log-split-view` when the hub says, long after a larger head
                was seen here, that its newest is smaller.
        """
        largest, seen_at = self.heads.largest, self.heads.seen_at
        shown = Shown(status.size, status.root, note)
        is_later = seen_at is not None and status.at > (seen_at + SKEW).timestamp()
        if largest is not None and is_later and status.size < largest.size:
            await self._stop((largest.note, note))
            raise Held(SPLIT)
        await self._agree(shown)

    async def _agree(self, shown: Shown) -> None:
        try:
            await self.heads.agree(shown)
        except SplitView as split:
            await self._stop(split.notes)
            raise Held(SPLIT) from None
        except Held:
            # Perhaps it no longer has what it has signed: it was set back to a backup.
            if self.heads.largest is not None:
                await self._show_it_itself(self.heads.largest.note)
            raise

    async def _stop(self, notes: tuple[bytes, bytes]) -> None:
        self.stopped = True
        log.critical("split_view", code=SPLIT)
        try:
            await asyncio.to_thread(conflict.stop, self._home, notes, self._clock())
            await self._show_it_itself(notes[0])
        finally:  # also where no evidence can be written, such as on a full disk
            self._halt(SPLIT)

    async def convict(self, note: bytes, receipt: bytes) -> None:
        """Stop because the hub called a consent active of which the log has the withdrawal.

        The evidence is written, and nothing more is asked of this hub.

        Args:
            note: the status note, verified.
            receipt: of the withdrawal, verified.
        """
        self.stopped = True
        log.critical("status_false", code=FALSE)
        try:
            await asyncio.to_thread(
                conflict.stop_for_status, self._home, note, receipt, self._clock()
            )
        finally:  # as in a split view
            self._halt(FALSE)

    async def _show_it_itself(self, note: bytes) -> None:
        """Hand the hub a head that it has signed, once: an honest one then stops signing others."""
        if note == self._handed_in:
            return
        self._handed_in = note
        try:
            await self.calls.hand_in(note)
        except ExchangeError as refused:
            log.warning("evidence_not_taken", code=refused.code)

    def _check_time(self, head: Head) -> None:
        latest = max(head.cosigned.values(), default=0)
        if latest > (self._clock() + SKEW).timestamp():
            raise ClockWrong


def judged(trusted: Trusted, receipt: bytes) -> Proven:
    """Return what a receipt proves under the policy alone: leaf, inclusion, signatures.

    Raises:
        Held: `log-receipt-invalid`.
    """
    try:
        found = prove(read_receipt(receipt), trusted.policy)
    except (LogInvalid, Malformed):
        raise Held(INVALID) from None
    check_origin(trusted, found.head)
    return found


def check_origin(trusted: Trusted, head: Head) -> None:
    """Refuse the head of another log: the policy also names the key of the status notes.

    Raises:
        Held: `log-receipt-invalid`.
    """
    if head.checkpoint.origin != trusted.origin:
        raise Held(INVALID)
