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
    last, pause_s = Last(), LOOK_S
    while not stop.is_set():
        try:
            await look_once(look, last)
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
    """Cosign what is new, and then copy it.

    A copy that fails takes no cosignature back; the next look goes on with it.

    Raises:
        ExchangeError, OSError: see `pull` and `mirror`.
    """
    done = await pull(look.cosigner, look.road, look.origin, last, now=look.clock())
    if done is not Pulled.NOTHING_NEW:
        tell = log.info if done is Pulled.COSIGNED else log.warning
        tell("looked", code=done.value)
    note = await asyncio.to_thread(look.cosigner.note, look.origin)
    if look.mirror is not None and note is not None:
        await mirror(look.mirror, look.road, note)
    return done


def _code(error: Exception) -> str:
    return error.what if isinstance(error, LogInvalid) else type(error).__name__
