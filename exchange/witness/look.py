"""Looks of a witness that pulls: every five seconds, after failures more rarely."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from exchange.errors import ExchangeError, LogInvalid, NotFound, SplitView, positions
from exchange.witness.cosign import Cosigner
from exchange.witness.mirror import Mirror, mirror
from exchange.witness.pull import Last, Pulled, pull
from exchange.witness.road import Road

LOOK_S: Final = 5.0
"""Seconds between two looks: half of those between two candidates, so that none is missed."""
LONGEST_PAUSE_S: Final = 300.0
"""Longest pause while something fails."""
LONGEST_COPYING_PAUSE: Final = 60
"""Looks, five minutes of them, after which a copy that failed is tried again at the latest."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What every look at a log needs."""

    cosigner: Cosigner
    road: Road
    origin: str
    clock: Callable[[], datetime]
    mirror: Mirror | None = None


async def look_on(
    look: Look, stop: asyncio.Event, *, convicted: Callable[[SplitView], None]
) -> None:
    """Look at a log until `stop` is set; a look under way is finished first.

    Args:
        look: at what.
        stop: ends it.
        convicted: called when the log has contradicted what was cosigned; evidence is kept before.
    """
    last, copying, pause_s = Last(), Copying(look), LOOK_S
    while not stop.is_set():
        try:
            await look_once(look, last)
            await copying.go_on()
            pause_s = LOOK_S
        except NotFound:
            log.info("no_candidate_yet")
        except SplitView as split:
            log.critical("split_view")
            convicted(split)
            pause_s = LONGEST_PAUSE_S
        except (ExchangeError, OSError) as error:
            log.error("look_failed", code=_code(error), positions=positions(error))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await stop.wait()


async def look_once(look: Look, last: Last) -> Pulled:
    """Cosign what is new.

    Raises:
        ExchangeError, OSError: see `pull`.
    """
    done = await pull(look.cosigner, look.road, look.origin, last, now=look.clock())
    if done is not Pulled.NOTHING_NEW:
        tell = log.info if done is Pulled.COSIGNED else log.warning
        tell("looked", code=done.value)
    return done


class Copying:
    """Copies what was cosigned; after failures more rarely, while cosigning keeps its pace.

    The token for entries expires, a disk fills up: the quorum of a log must not wait for that.
    """

    def __init__(self, look: Look) -> None:
        """Take what is looked at; without a mirror nothing is copied."""
        self._look = look
        self._left_out = 0
        self._pause = 1

    async def go_on(self) -> None:
        """Copy after a look, unless an earlier copy failed a short time ago."""
        if self._look.mirror is None:
            return
        if self._left_out:
            self._left_out -= 1
            return
        try:
            await self._copy(self._look.mirror)
            self._pause = 1
        except (ExchangeError, OSError) as error:
            log.error("copy_failed", code=_code(error), positions=positions(error))
            self._pause = min(self._pause * 2, LONGEST_COPYING_PAUSE)
            self._left_out = self._pause - 1

    async def _copy(self, copy: Mirror) -> None:
        note = await asyncio.to_thread(self._look.cosigner.note, self._look.origin)
        if note is not None:
            await mirror(copy, self._look.road, note)


def _code(error: Exception) -> str:
    return error.what if isinstance(error, LogInvalid) else type(error).__name__
