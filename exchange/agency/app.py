"""The composition root of the agency's side: the one place where a gateway's parts are built.

Reads the clock, the environment and the settings; nothing below does. One process at a time uses
a home: the lock on its state refuses a second one.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe

import stamina.instrumentation

from exchange.agency import conflict, rooms
from exchange.agency import home as homes
from exchange.agency.calls import Credentials, Patience
from exchange.agency.client import connect
from exchange.agency.disk_room import DiskRoom
from exchange.agency.keyfiles import KeyFiles, Unlock, credentials_directory, no_passphrase
from exchange.agency.log import Log
from exchange.agency.log_heads import Heads
from exchange.agency.log_policy import MISSING, read_trusted
from exchange.agency.origins import Origins
from exchange.agency.partners import Partners
from exchange.agency.parts import Clock, Desk, Gateway
from exchange.agency.pins import read_pins
from exchange.agency.records import Records
from exchange.agency.rekey import Ring
from exchange.agency.settings import read_settings
from exchange.agency.tables import schema
from exchange.errors import Misconfigured
from exchange.keyring import selftest
from exchange.keyring.demo import is_demo
from exchange.keyring.signing import IdentityKey
from exchange.sqlite import SqliteDatabase
from exchange.statement import seconds


@asynccontextmanager
async def open_gateway(
    root: Path,
    *,
    unlock: Unlock = no_passphrase,
    demo: bool = False,
    clock: Clock | None = None,
    attempts: int = 4,
) -> AsyncIterator[Gateway]:
    """Yield the gateway whose home is `root`, alone on it, and close it afterwards.

    Args:
        root: made by `exchange gateway init`.
        unlock: asks for the passphrase of protected key files.
        demo: whether demo keys are admitted, which anybody can derive.
        clock: aware moment of now; the system's if not given.
        attempts: how often a call to the hub is tried in all.

    Raises:
        Misconfigured: the home, its settings, keys or pins do not allow a start, it does not
            know the hub's log, the hub has shown two histories, or another process uses it.
    """
    async with open_desk(root, unlock=unlock, demo=demo, clock=clock, attempts=attempts) as desk:
        conflict.check(desk.home)
        state = SqliteDatabase(desk.home.state_file, schema.prepare, on_failure=_stop)
        try:
            # Alone here from now on. A crash left rooms behind: copies of documents that still lie
            # in quarantine, or of what was to be sent.
            await rooms.in_thread(rooms.empty, desk.home.workers)
            yield await _gateway(desk, state)
        finally:
            await state.close()


@asynccontextmanager
async def open_desk(
    root: Path,
    *,
    unlock: Unlock = no_passphrase,
    demo: bool = False,
    clock: Clock | None = None,
    attempts: int = 4,
) -> AsyncIterator[Desk]:
    """Yield what speaks for the agency, also while another process uses its home.

    For what must never wait, such as a withdrawal: it goes out also while nothing else is
    exchanged with the hub. Arguments and errors as `open_gateway`.
    """
    home = homes.at(root)
    homes.check(home)
    settings = read_settings(home.settings_file)
    selftest.check()
    # Its own hooks log the text of errors, which can quote what was sent.
    stamina.instrumentation.set_on_retry_hooks(())
    files = KeyFiles(home.keys, credentials=credentials_directory(os.environ), unlock=unlock)
    identity = files.identity()
    if identity.agency != settings.agency:
        raise Misconfigured(f"the keys are those of {identity.agency}, not {settings.agency}")
    if not demo and is_demo(identity.card):
        raise Misconfigured("anybody can derive these demo keys; make your own: exchange keys new")
    now = clock or _system_clock
    async with connect(
        settings.hub.origin,
        credentials(identity, settings.hub.audience),
        clock=now,
        certificates=settings.hub.certificates,
        proxy=settings.hub.proxy,
        patience=Patience(attempts=attempts),
    ) as client:
        yield Desk(
            settings=settings,
            home=home,
            files=files,
            identity=identity,
            client=client,
            clock=now,
        )


async def _gateway(desk: Desk, state: SqliteDatabase) -> Gateway:
    document_keys = {held.key.fingerprint: held.key for held in desk.files.documents()}
    card = desk.identity.card
    pins = read_pins(desk.home.pins)
    trusted = read_trusted(desk.home)
    if trusted is None:
        raise Misconfigured(MISSING)
    heads = Heads(trusted.origin, desk.client.log, state, desk.clock)
    await heads.load()
    log = Log(trusted, desk.client.log, heads, desk.home, clock=desk.clock, halt=desk.client.halt)
    partners = Partners(pins, card, desk.client, state, log)
    await partners.load()
    return Gateway(
        settings=desk.settings,
        home=desk.home,
        identity=desk.identity,
        document_keys=document_keys,
        ring=Ring(desk.files, desk.home.statements),
        client=desk.client,
        state=state,
        partners=partners,
        records=Records(card, document_keys, desk.client, state, partners),
        origins=Origins(state),
        log=log,
        room=DiskRoom(desk.home.outgoing, desk.settings.disk.reserve),
        clock=desk.clock,
    )


def credentials(identity: IdentityKey, issuer: str) -> Credentials:
    """Return what proves to the hub who calls: assertions signed by the identity key."""

    def assertion(audience: str, now: datetime) -> str:
        return identity.client_assertion(issuer=audience, now=seconds(now), jti=token_urlsafe(24))

    return Credentials(assertion=assertion, issuer=issuer)


def _system_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # the composition root owns the clock


def _stop() -> None:
    # A commit failed and may have happened: only a restart finds out. Nothing more is promised
    # from here on, and every step before it can be repeated.
    os._exit(75)
