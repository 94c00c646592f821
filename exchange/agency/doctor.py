"""Looks whether a gateway works, from its files to the hub, and says what to do where it does not.

Works beside a running gateway and changes nothing. Each look stands alone: what is broken is said,
and the next look is made all the same.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from exchange.agency import doctor_files, doctor_hub, doctor_plugins, doctor_waiting
from exchange.agency import home as homes
from exchange.agency.app import open_desk
from exchange.agency.findings import Finding, Level, fail, ok, warn
from exchange.agency.home import Home
from exchange.agency.keyfiles import KeyFiles, Unlock, credentials_directory, no_passphrase
from exchange.agency.parts import Clock
from exchange.agency.pins import read_pins
from exchange.agency.settings import GatewaySettings, read_settings
from exchange.agency.tables import schema
from exchange.errors import ExchangeError
from exchange.sqlite_file import reader_engine

Look: TypeAlias = Iterable[Finding] | AsyncIterator[Finding]

MEND: Final = "mend that first; the sentence says how, or docs/gateway.md"
"""What to do about an error that says itself what is wrong."""


async def examine(
    root: Path, clock: Clock, *, unlock: Unlock | None = None, demo: bool = False
) -> list[Finding]:
    """Return what every look at the gateway of `root` has shown, in the order of the looks.

    Args:
        root: its home.
        clock: aware moment of now.
        unlock: gives the passphrase of protected keys; None: nobody can be asked for it.
        demo: whether demo keys are admitted.
    """
    home, now = homes.at(root), clock()
    try:
        homes.check(home)
        settings = read_settings(home.settings_file)
    except ExchangeError as error:
        return [fail("settings", str(error), MEND)]
    files = KeyFiles(
        home.keys, credentials=credentials_directory(os.environ), unlock=unlock or no_passphrase
    )
    found = [ok("settings", f"agency {settings.agency} at {settings.hub.origin}")]
    looks: dict[str, Callable[[], Look]] = {
        "home": lambda: doctor_files.folders(home),
        "keys": lambda: doctor_files.keys(
            files, home, readable=unlock is not None or not files.is_protected(), now=now
        ),
        "pins": lambda: doctor_files.pins(home),
        "log": lambda: doctor_files.log(home),
        "disk": lambda: doctor_files.room(home, settings),
        "watch": lambda: doctor_files.watched(home, settings),
        "plugins": lambda: doctor_plugins.plugins(home, settings),
        "gateway": lambda: _running(home),
        "hub": lambda: _hub(home, settings, clock, unlock or no_passphrase, demo=demo),
        "waiting": lambda: _waiting(home, now),
    }
    for check, look in looks.items():
        found += await _looked(check, look)
    return found


async def _looked(check: str, look: Callable[[], Look]) -> list[Finding]:
    """Return what a look shows; an error is a finding too."""
    found: list[Finding] = []
    try:
        shown = look()
        if isinstance(shown, AsyncIterator):
            async for one in shown:
                found.append(one)  # what was seen before an error counts
        else:
            for one in shown:
                found.append(one)
    except (ExchangeError, OSError) as error:
        said = str(error) if isinstance(error, ExchangeError) else "a file cannot be read"
        found.append(fail(check, said, MEND))
    return found


def _running(home: Home) -> Iterator[Finding]:
    if not home.state_file.exists():
        yield warn("gateway", "it has never run", "start it with: exchange gateway run")
        return
    if homes.is_used(home):
        yield ok("gateway", "it is running")
    else:
        yield warn("gateway", "it is not running", "start it with: exchange gateway run")


async def _hub(
    home: Home, settings: GatewaySettings, clock: Clock, unlock: Unlock, *, demo: bool
) -> AsyncIterator[Finding]:
    """Look along the way to the hub, as far as it leads: one break is told once."""
    async for finding in doctor_hub.way(settings.hub):
        yield finding
        if finding.level is Level.FAIL:
            return
    opened = open_desk(home.root, unlock=unlock, demo=demo, clock=clock, attempts=1)
    async with opened as desk:
        async for finding in doctor_hub.answers(desk):
            yield finding
            if finding.level is Level.FAIL:
                return
        async for finding in doctor_hub.partners(desk, read_pins(home.pins)):
            yield finding


def _waiting(home: Home, now: datetime) -> Iterator[Finding]:
    if not home.state_file.exists():
        return
    engine = reader_engine(home.state_file)
    try:
        with engine.connect() as connection:
            schema.check(connection)
            yield from doctor_waiting.waiting(connection, now)
    finally:
        engine.dispose()
