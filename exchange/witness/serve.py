"""The program of a witness: it listens, or it pulls, until it is told to stop.

Owns nothing but the order of things: the directory is locked before the key is used, and the port
is open before anybody is told.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from exchange.audit.note import ED25519, ML_DSA_COSIGNATURE, SigningKey, VerifyingKey, read_vkey
from exchange.errors import ExchangeError, Malformed, Misconfigured, positions
from exchange.witness.cosign import Cosigner
from exchange.witness.endpoint import application
from exchange.witness.memory import remembering
from exchange.witness.mirror import Mirror, mirror
from exchange.witness.pull import Last, Pulled, pull
from exchange.witness.road import Road, Way, open_road

LOOK_S: Final = 5.0
"""Seconds between two looks at a log that is pulled."""
LONGEST_PAUSE_S: Final = 300.0
"""Longest pause while the log cannot be reached."""
IDLE_S: Final = 75.0
"""Seconds a kept connection may be idle: logs ask every ten."""
ENDING_S: Final = 10.0
"""Seconds requests under way get after SIGTERM."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Everything a witness is started with."""

    key: SigningKey
    logs: Mapping[str, Sequence[VerifyingKey]]
    """Keys by the origin of each log that is watched; see `watched`."""
    state: Path
    clock: Callable[[], datetime]


def watched(vkeys: Sequence[str]) -> dict[str, tuple[VerifyingKey, ...]]:
    """Return the keys of logs by origin; several of one origin are a key being replaced.

    Raises:
        Misconfigured: not a key, or not one that a log signs heads with.
    """
    found: dict[str, tuple[VerifyingKey, ...]] = {}
    for text in vkeys:
        try:
            key = read_vkey(text)
        except Malformed as error:
            raise Misconfigured(f"--log: {error}") from None
        if key.type not in {ED25519, ML_DSA_COSIGNATURE}:
            raise Misconfigured("--log: not the key of a log, but that of a witness")
        found[key.name] = (*found.get(key.name, ()), key)
    if not found:
        raise Misconfigured("--log: name the key of at least one log")
    return found


@contextmanager
def cosigning(witness: Witness) -> Iterator[Cosigner]:
    """Yield the witness, alone with its memory while the block runs; see `remembering`."""
    with remembering(witness.state, witness.logs) as memory:
        yield Cosigner(witness.key, witness.logs, memory, witness.clock)


async def listen(cosigner: Cosigner, host: str, port: int, *, ready: Callable[[int], None]) -> None:
    """Answer logs until SIGTERM or SIGINT.

    Args:
        cosigner: the witness.
        host: address to listen at.
        port: 0 takes any that is free.
        ready: called with the port once it is open.

    Raises:
        Misconfigured: the port cannot be opened.
    """
    with _stopping() as stop:
        runner = web.AppRunner(
            application(cosigner),
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=IDLE_S,
            shutdown_timeout=ENDING_S,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            try:
                await site.start()
            except OSError as error:
                raise Misconfigured(f"the port cannot be opened: {error.strerror}") from None
            ready(runner.addresses[0][1])
            await stop.wait()
        finally:
            await runner.cleanup()


async def follow(
    cosigner: Cosigner,
    way: Way,
    witness: Witness,
    *,
    copy: Path | None,
    ready: Callable[[], None],
) -> None:
    """Pull one log until SIGTERM or SIGINT; a look under way is finished first.

    Args:
        cosigner: watches exactly one log.
        way: to that log.
        witness: what it was started with.
        copy: directory of a mirror of the log, or None for none.
        ready: called before the first look.

    Raises:
        Misconfigured: several logs, or a way that cannot be.
    """
    (origin, *others) = witness.logs
    if others:
        raise Misconfigured("a witness pulls one log; start one program for each")
    kept = None if copy is None else Mirror(copy)
    with _stopping() as stop:
        async with open_road(way) as road:
            ready()
            await look_on(Look(cosigner, road, origin, kept), witness.clock, stop)


@dataclass(frozen=True, slots=True)
class Look:
    """What every look at a pulled log needs."""

    cosigner: Cosigner
    road: Road
    origin: str
    mirror: Mirror | None = None


async def look_on(look: Look, clock: Callable[[], datetime], stop: asyncio.Event) -> None:
    """Look at a log every five seconds until `stop` is set; after failures more rarely."""
    last, pause_s = Last(), LOOK_S
    while not stop.is_set():
        try:
            await look_once(look, last, clock())
            pause_s = LOOK_S
        except (ExchangeError, OSError) as error:
            log.error("look_failed", code=_code(error), positions=positions(error))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await stop.wait()


async def look_once(look: Look, last: Last, now: datetime) -> Pulled:
    """Cosign what is new, and then copy it.

    A copy that fails takes no cosignature back; the next look goes on with it.

    Raises:
        ExchangeError, OSError: see `pull` and `mirror`.
    """
    done = await pull(look.cosigner, look.road, look.origin, last, now=now)
    if done is not Pulled.NOTHING_NEW:
        size = 0 if last.head is None else last.head.size
        tell = log.info if done is Pulled.COSIGNED else log.warning
        tell("looked", code=done.value, size=size)
    note = await asyncio.to_thread(look.cosigner.note, look.origin)
    if look.mirror is not None and note is not None:
        await mirror(look.mirror, look.road, note)
    return done


def _code(error: Exception) -> str:
    return getattr(error, "what", None) or type(error).__name__


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """Yield an event that SIGTERM and SIGINT set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
