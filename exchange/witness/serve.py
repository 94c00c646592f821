"""The program of a witness: it listens, or it pulls, until it is told to stop.

Owns nothing but the order of things: the directory is locked before the key is used, and the port
is open before anybody is told.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from exchange.audit.note import ED25519, ML_DSA_COSIGNATURE, SigningKey, VerifyingKey, read_vkey
from exchange.errors import Malformed, Misconfigured
from exchange.witness.cosign import Cosigner
from exchange.witness.endpoint import application
from exchange.witness.look import Look, look_on
from exchange.witness.memory import remembering
from exchange.witness.mirror import Mirror
from exchange.witness.road import Way, open_road

IDLE_S: Final = 75.0
"""Seconds a kept connection may be idle: logs ask every ten."""
ENDING_S: Final = 10.0
"""Seconds requests under way get after SIGTERM."""


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
            look = Look(cosigner, road, origin, witness.clock, kept)
            await look_on(look, stop, convicted=lambda _: None)  # an alarm; the evidence is kept


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
