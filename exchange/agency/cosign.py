"""A witness inside the gateway: for offices that keep no port open.

It sees sizes and hashes of the hub's log and no entry. What it needs lies in `witness/` of the
gateway's home: a key of its own, the name it signs under, and what it has cosigned.
"""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from exchange.agency import conflict
from exchange.agency.home import Home
from exchange.agency.parts import Gateway
from exchange.audit.note import SigningKey
from exchange.audit.policy import log_keys
from exchange.durable import write_bytes_durably
from exchange.errors import Conflict, ExchangeError, Misconfigured, SplitView
from exchange.witness import keyfile
from exchange.witness.cosign import Cosigner
from exchange.witness.look import Look, look_on
from exchange.witness.memory import prepare, remembering
from exchange.witness.road import Way, open_road

FOLDER: Final = "witness"
KEY: Final = "key"
NAME: Final = "name"
MEMORY: Final = "memory"
LOG: Final = "/log"
"""Where a hub serves its log, below its origin."""


def folder(home: Home) -> Path:
    """Return the directory of the witness; it exists where the gateway is one."""
    return home.root / FOLDER


def make(home: Home, name: str, origin: str, *, anew: bool) -> SigningKey:
    """Make a gateway a witness of the log `origin`, and return its key; harmless if it is one.

    The key and its empty memory are made together: a new key has nothing to forget. A crash in
    between is gone on with by the same call.

    Args:
        home: of the gateway.
        name: public name of the witness, such as `witness.office.example/w1`.
        origin: of the log.
        anew: whether a key that has lost its memory, or never cosigned this log, begins without.

    Raises:
        Conflict: it is a witness under another name.
        Misconfigured: no name of a witness; or the key is there and its memory is not.
    """
    place = folder(home)
    known = _name(home)
    if known not in {None, name}:
        raise Conflict(f"this gateway is the witness {known}; a key serves one name")
    keyfile.check_name(name)
    if anew or not (place / KEY).exists():
        prepare(place / MEMORY, [origin])
    with remembering(place / MEMORY, [origin]):
        if not (place / KEY).exists():
            # After its memory: a key that is there and remembers nothing has lost it.
            keyfile.make_key(place / KEY)
        if known is None:
            # Last: a witness without a name is none yet.
            write_bytes_durably(place / NAME, name.encode("utf-8"))
        return keyfile.read_key(place / KEY, name)


async def watch(gateway: Gateway, stop: asyncio.Event) -> None:
    """Cosign the hub's candidates until `stop` is set, if this gateway is a witness.

    A log that contradicts what was cosigned stops all traffic with the hub.
    """
    try:
        name = _name(gateway.home)
        if name is not None:
            await _watch(gateway, name, stop)
    except (ExchangeError, OSError) as error:
        # The gateway works without its witness; that it does not witness has to be seen.
        structlog.get_logger(__name__).error("not_a_witness", code=type(error).__name__)


async def _watch(gateway: Gateway, name: str, stop: asyncio.Event) -> None:
    place, trusted, hub = folder(gateway.home), gateway.log.trusted, gateway.settings.hub
    key = keyfile.read_key(place / KEY, name)
    logs = {trusted.origin: log_keys(trusted.policy, trusted.origin)}

    def convicted(split: SplitView) -> None:
        gateway.log.stopped = True
        gateway.client.halt()  # first: the disk for the evidence may be full
        conflict.stop(gateway.home, split.notes, gateway.clock())

    with remembering(place / MEMORY, logs) as memory:
        cosigner = Cosigner(key, logs, memory, gateway.clock)
        async with open_road(Way(hub.origin + LOG, hub.certificates, hub.proxy)) as road:
            look = Look(cosigner, road, trusted.origin, gateway.clock)
            await look_on(look, stop, convicted=convicted)


def _name(home: Home) -> str | None:
    """Return the name this gateway witnesses under; None if it is no witness."""
    try:
        return (folder(home) / NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise Misconfigured(f"{folder(home) / NAME} is damaged") from None
