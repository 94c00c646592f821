"""Offers candidates to the witnesses of the policy, and sees whether the quorum holds.

A loop in every replica: each looks whether candidates wait for their quorum, and the one that
names candidates offers them. No witness can stop the log: what one refuses is looked into, and
only a head of our own signature that contradicts ours stops the signer.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import structlog
from sqlalchemy import Connection

from exchange.audit.merkle import consistency_path
from exchange.audit.note import Line, Note, read_lines, read_note, verified
from exchange.audit.policy import Witness
from exchange.audit.spelling import read_number
from exchange.audit.submission import Submission, write_submission
from exchange.errors import ExchangeError, LogInvalid, Malformed, NotFound, Unavailable
from exchange.hub import ask_witness, witnessed
from exchange.hub.ask_witness import Answer, Session
from exchange.hub.contradict import contradict
from exchange.hub.parts import Hub
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
REMIND: Final = timedelta(minutes=5)
"""Between two alarms about the same trouble."""


@dataclass(slots=True)
class Asked:
    """What this replica knows of one witness."""

    witness: Witness
    held: int = 0
    """Size it holds, as far as known; it says so if it is another."""
    offered: int = -1
    """Size it cosigned last."""
    at: datetime | None = None
    """When it did."""
    failures: int = 0
    rests_until: datetime | None = None
    alarmed_at: datetime | None = None
    """When it was last reported to refuse a head."""

    def is_due(self, size: int, now: datetime) -> bool:
        """Tell whether a candidate is to be offered now."""
        if self.rests_until is not None and now < self.rests_until:
            return False
        return self.offered != size or self.at is None or now >= self.at + AGAIN

    def took(self, size: int, now: datetime) -> None:
        """Note that a candidate was cosigned."""
        self.held = self.offered = size
        self.at, self.failures, self.rests_until = now, 0, None

    def failed(self, now: datetime) -> None:
        """Note a failure: the next attempt comes after a pause, twice as long each time."""
        rest = min(timedelta(seconds=2 ** min(self.failures, 10)), LONGEST_REST)
        self.failures += 1
        self.rests_until = now + rest


class Offering:
    """The state between two looks: only what is known of the witnesses."""

    def __init__(self, hub: Hub) -> None:
        """Take the witnesses of the policy that have an address."""
        witnesses = hub.signer.policy.witnesses
        self._hub = hub
        self._asked = [Asked(one) for one in witnesses if one.url is not None]
        self._alarmed_at: datetime | None = None

    async def look(self, calls: Session) -> None:
        """Offer the candidate to whoever has not cosigned it, and judge how late the quorum is.

        All witnesses are asked at once, and each has one call under way at most.
        """
        hub, now = self._hub, self._hub.clock()
        candidate = await hub.db.read(checkpoints.newest_candidate)
        if candidate is not None and hub.heads.names_candidates:
            head, _ = candidate
            due = [one for one in self._asked if one.is_due(head.size, now)]
            await asyncio.gather(*(offer(hub, calls, one, head) for one in due))
        await witnessed.look(hub)
        self._judge(hub.clock())

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


async def offer(hub: Hub, calls: Session, asked: Asked, head: Signed) -> None:
    """Offer a candidate to one witness and keep its cosignature; a failure makes it rest."""
    log = structlog.get_logger("exchange.hub.witnesses")
    try:
        answer = await _add(hub, calls, asked, head)
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY or asked.held > head.size:
            await _look_into(hub, calls, asked, head)
        if answer.status != HTTPStatus.OK:
            raise Unavailable("a witness does not cosign")
        await witnessed.keep(hub, head.size, head.root, _lines(answer, asked.witness, head))
        # Committed. A crash before it: the witness has cosigned, and is asked again.
        asked.took(head.size, hub.clock())
    except NotFound:  # another replica has gone on, or the candidate is no longer kept
        asked.failed(hub.clock())
    except (ExchangeError, OSError) as error:
        asked.failed(hub.clock())
        log.warning(
            "witness-failed",
            witness=asked.witness.name,
            code=type(error).__name__,
            attempt=asked.failures,
        )


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


async def _look_into(hub: Hub, calls: Session, asked: Asked, head: Signed) -> None:
    """Find out why a witness refuses a head: it may hold one of ours that we no longer know.

    Its word counts for nothing, our own signature on what it holds does.
    """
    log, now = structlog.get_logger("exchange.hub.witnesses"), hub.clock()
    if asked.alarmed_at is None or now >= asked.alarmed_at + REMIND:
        log.error("witness-refuses", witness=asked.witness.name, size=head.size)
        asked.alarmed_at = now
    held = await calls.held(asked.witness.url or "", hub.signer.origin)
    if held is None:
        return
    try:
        await contradict(hub, held)
    except (Malformed, LogInvalid):
        log.error("witness-holds-nothing-of-ours", witness=asked.witness.name)


async def run(hub: Hub, settings: Log, stop: asyncio.Event) -> None:
    """Offer candidates and watch the quorum until `stop` is set."""
    log = structlog.get_logger("exchange.hub.witnesses")
    offering = Offering(hub)
    async with ask_witness.session(settings.witness_timeout_s) as calls:
        while not stop.is_set():
            try:
                await offering.look(calls)
            except ExchangeError as error:  # the database is away: tried again
                log.warning("witnesses-not-looked-at", code=type(error).__name__)
            await pause(stop, LOOK_S)
