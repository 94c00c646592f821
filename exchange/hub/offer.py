"""Offers candidates to the witnesses of the policy, and sees whether the quorum holds.

A loop in every replica: each looks whether candidates wait for their quorum, and the one that
names candidates offers them. No witness can stop the log: what one refuses is looked into, and
only a head of our own signature that contradicts ours stops the signer.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

import structlog
from sqlalchemy import Connection

from exchange.audit.merkle import consistency_path
from exchange.audit.note import Line, Note, read_lines, read_note, verified
from exchange.audit.policy import Witness
from exchange.audit.spelling import read_number
from exchange.audit.submission import Submission, write_submission
from exchange.errors import ExchangeError, LogInvalid, Malformed, Unavailable
from exchange.hub import ask_witness, witnessed
from exchange.hub.ask_witness import Answer, Session
from exchange.hub.contradict import contradict
from exchange.hub.heads import DAMAGED
from exchange.hub.parts import Hub
from exchange.hub.recompute import recompute
from exchange.hub.relay import pause
from exchange.hub.settings import Log
from exchange.hub.storage import checkpoints, tree
from exchange.hub.storage.checkpoints import Signed

LOOK_S: Final = 1.0
"""Seconds between two looks."""
AGAIN: Final = timedelta(minutes=10)
"""After which an unchanged head is offered again: auditors want a recent time."""
LONGEST_REST: Final = timedelta(minutes=5)
"""Longest pause for a witness that fails; pauses double up to it."""
PATIENCE: Final = timedelta(seconds=30)
"""How long a replica leaves the offering to the one that named the candidate."""
REMIND: Final = timedelta(minutes=5)
"""Between two alarms about the same trouble."""


@dataclass(slots=True)
class Asked:
    """What this replica knows of one witness."""

    witness: Witness
    held: int = 0
    """Size it holds, as far as known; it says so if it is another."""
    failures: int = 0
    rests_until: datetime | None = None
    alarmed_at: datetime | None = None
    """When it was last reported to refuse a head."""

    def rests(self, now: datetime) -> bool:
        """Tell whether it has failed and is left alone for now."""
        return self.rests_until is not None and now < self.rests_until

    def took(self, size: int) -> None:
        """Note that a candidate was cosigned."""
        self.held, self.failures, self.rests_until = size, 0, None

    def failed(self, now: datetime) -> None:
        """Note a failure: the next attempt comes after a pause, twice as long each time."""
        rest = min(timedelta(seconds=2 ** min(self.failures, 10)), LONGEST_REST)
        self.failures += 1
        self.rests_until = now + rest

    def doubts(self, now: datetime) -> bool:
        """Note that it refuses a head; True if that is to be reported."""
        if self.alarmed_at is not None and now < self.alarmed_at + REMIND:
            return False
        self.alarmed_at = now
        return True


@dataclass(frozen=True, slots=True)
class Candidate:
    """The head to be cosigned, and who has done so when."""

    head: Signed
    named_at: datetime
    cosigned: Mapping[tuple[str, bytes], datetime]
    """By name and id of the key."""

    def wants(self, witness: Witness, now: datetime) -> bool:
        """Tell whether a witness has not cosigned it, or too long ago."""
        at = self.cosigned.get((witness.key.name, witness.key.id))
        return now >= (self.named_at if at is None else at + AGAIN)


class Offering:
    """The state between two looks: only what is known of the witnesses."""

    def __init__(self, hub: Hub, stop: asyncio.Event) -> None:
        """Take the witnesses of the policy that have an address.

        Args:
            hub: the parts.
            stop: ends what is under way.
        """
        witnesses = hub.signer.policy.witnesses
        self._hub = hub
        self._stop = stop
        self._asked = [Asked(one) for one in witnesses if one.url is not None]
        self._alarmed_at: datetime | None = None
        self._recomputing: asyncio.Task[None] | None = None

    async def look(self, calls: Session) -> None:
        """Offer the candidate to whoever has not cosigned it, and judge how late the quorum is.

        All witnesses are asked at once, and each has one call under way at most.
        """
        hub, now = self._hub, self._hub.clock()
        candidate = await hub.db.read(_candidate)
        if candidate is not None:
            # Whoever named it offers it; the others do when they see that nobody does.
            then = now if hub.heads.names_candidates else now - PATIENCE
            due = [one for one in self._asked if candidate.wants(one.witness, then)]
            awake = [one for one in due if not one.rests(now)]
            refused = await asyncio.gather(
                *(offer(hub, calls, one, candidate.head) for one in awake)
            )
            if any(refused) and (self._recomputing is None or self._recomputing.done()):
                self._recomputing = asyncio.create_task(self._recompute(), name="recompute")
        await witnessed.look(hub)
        self._judge(hub.clock())

    async def end(self) -> None:
        """Wait for what `stop` has ended."""
        if self._recomputing is not None:
            await self._recomputing

    async def _recompute(self) -> None:
        """Look whether the witness is right: the log may be damaged without anybody noticing."""
        log = structlog.get_logger("exchange.hub.witnesses")
        try:
            await recompute(self._hub, self._stop)
        except LogInvalid as error:
            log.error("log-damaged", code=error.what)
            self._hub.heads.stop(DAMAGED)
        except ExchangeError as error:
            log.warning("recompute-waits", code=type(error).__name__)

    def _judge(self, now: datetime) -> None:
        """Raise the alarm while the quorum is late, and say when it is there again."""
        log = structlog.get_logger("exchange.hub.witnesses")
        if not witnessed.late(self._hub):
            if self._alarmed_at is not None:
                log.info("witnessed-again")
            self._alarmed_at = None
        elif self._alarmed_at is None or now >= self._alarmed_at + REMIND:
            waited = witnessed.lag(self._hub)
            stops = waited >= self._hub.rules.witness_stop
            log.error(
                "not-witnessed",
                code="nothing-disclosed" if stops else "late",
                duration_ms=int(waited.total_seconds() * 1000),
            )
            self._alarmed_at = now


def _candidate(conn: Connection) -> Candidate | None:
    found = checkpoints.newest_candidate(conn)
    if found is None:
        return None
    head, named_at = found
    lines = checkpoints.cosignatures(conn, head.size)
    times = {(one.name, one.key_id): datetime.fromtimestamp(one.time, UTC) for one in lines}
    return Candidate(head, named_at, times)


async def offer(hub: Hub, calls: Session, asked: Asked, head: Signed) -> bool:
    """Offer a candidate to one witness and keep its cosignature; a failure makes it rest.

    Returns:
        Whether it says that the head contradicts what it holds, and that is to be looked into.
    """
    log = structlog.get_logger("exchange.hub.witnesses")
    refused = False
    try:
        answer = await _add(hub, calls, asked, head)
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY or asked.held > head.size:
            refused = await _look_into(hub, calls, asked, head)
        if answer.status != HTTPStatus.OK:
            raise Unavailable("a witness does not cosign")
        await witnessed.keep(hub, head.size, head.root, _lines(answer, asked.witness, head))
        # Committed. A crash before it: the witness has cosigned, and is asked again.
        asked.took(head.size)
    except ExchangeError as error:
        asked.failed(hub.clock())
        log.warning(
            "witness-failed",
            witness=asked.witness.name,
            code=type(error).__name__,
            attempt=asked.failures,
        )
    return refused


async def _add(hub: Hub, calls: Session, asked: Asked, head: Signed) -> Answer:
    """Ask a witness to cosign; if it holds another size than thought, once more from that."""
    answer = await _add_once(hub, calls, asked, head)
    if answer.status != HTTPStatus.CONFLICT:
        return answer
    asked.held = _size(answer.body)
    return answer if asked.held > head.size else await _add_once(hub, calls, asked, head)


async def _add_once(hub: Hub, calls: Session, asked: Asked, head: Signed) -> Answer:
    proof = await hub.db.read(_proof, asked.held, head.size)
    request = write_submission(Submission(asked.held, proof, head.note))
    return await calls.add(asked.witness.url or "", request)


def _proof(conn: Connection, old: int, size: int) -> tuple[bytes, ...]:
    return consistency_path(tree.reader(conn), old, size) if 0 < old < size else ()


def _size(body: bytes) -> int:
    text = body.decode("ascii", "replace")
    if not text.endswith("\n"):
        raise Malformed("not a size")
    return read_number(text.removesuffix("\n"))


def _lines(answer: Answer, witness: Witness, head: Signed) -> Sequence[Line]:
    """Return the lines by the witness's own key; lines of others are nobody's business here.

    Raises:
        LogInvalid: none by this key, or a false one.
        Malformed: not signature lines.
    """
    note = Note(read_note(head.note).text, read_lines(answer.body))
    return [line for _, line in verified(note, [witness.key])]


async def _look_into(hub: Hub, calls: Session, asked: Asked, head: Signed) -> bool:
    """Find out why a witness refuses a head: it may hold one of ours that we no longer know.

    Its word counts for nothing, our own signature on what it holds does. Returns whether the
    refusal is news.
    """
    log, news = structlog.get_logger("exchange.hub.witnesses"), asked.doubts(hub.clock())
    if news:
        log.error("witness-refuses", witness=asked.witness.name, size=head.size)
    held = await calls.held(asked.witness.url or "", hub.signer.origin)
    try:
        if held is not None:
            await contradict(hub, held)
    except (Malformed, LogInvalid):
        log.error("witness-holds-nothing-of-ours", witness=asked.witness.name)
    return news


async def run(hub: Hub, settings: Log, stop: asyncio.Event) -> None:
    """Offer candidates and watch the quorum until `stop` is set."""
    log = structlog.get_logger("exchange.hub.witnesses")
    offering = Offering(hub, stop)
    async with ask_witness.session(settings.witness_timeout_s) as calls:
        while not stop.is_set():
            try:
                await offering.look(calls)
            except ExchangeError as error:  # the database is away: tried again
                log.warning("witnesses-not-looked-at", code=type(error).__name__)
            await pause(stop, LOOK_S)
        await offering.end()
