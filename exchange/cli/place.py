"""Where a command works: the home of a gateway, and how the keys in it are unlocked.

The options are the same for every command that opens a gateway, so they are declared once.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from cyclopts import Parameter

from exchange.cli.passphrase import Asking, chosen

if TYPE_CHECKING:
    from exchange.agency.parts import Desk, Gateway

Home: TypeAlias = Annotated[
    Path, Parameter(help="Home of the gateway, made by `exchange gateway init`.")
]
Descriptor: TypeAlias = Annotated[
    int | None, Parameter(help="Read the passphrase of key files from this file descriptor.")
]
Demo: TypeAlias = Annotated[bool, Parameter(show=False)]
"""Admit demo keys, which anybody can derive; only `exchange demo` says so."""


@Parameter(name="*")  # its members are options by their own names
@dataclass(frozen=True, slots=True)
class Place:
    """A gateway's home, as the command line names it."""

    home: Home = Path()
    passphrase_fd: Descriptor = None
    demo: Demo = False

    def is_used(self) -> bool:
        """Tell whether another process works with this home, such as `exchange gateway run`."""
        from exchange.agency import home

        return home.is_used(home.at(self.home))

    def unlock(self) -> Asking:
        """Return who asks for the passphrase of protected key files."""
        return Asking(self.passphrase_fd)

    def protection(self, *, wanted: bool) -> str | None:
        """Return the passphrase for key files to be made; None leaves them without one."""
        return chosen(self.passphrase_fd) if wanted or self.passphrase_fd is not None else None


HERE: Final = Place()
"""The current folder, and a terminal that asks for the passphrase."""


def alone(at: Place, work: Callable[["Gateway"], Awaitable[None]]) -> None:
    """Do `work` with the gateway at a place, which no other process may be using."""

    async def opened_first() -> None:
        async with opened(at) as gateway:
            await work(gateway)

    asyncio.run(opened_first())


@asynccontextmanager
async def opened(at: Place, *, loud: bool = False) -> AsyncIterator["Gateway"]:
    """Open the gateway at a place for this process alone.

    Args:
        at: where.
        loud: whether the caller has configured logging; a command says what it did in words.
    """
    from exchange.agency.app import open_gateway

    _prepare(loud=loud)
    async with open_gateway(at.home, unlock=at.unlock(), demo=at.demo) as gateway:
        yield gateway


@asynccontextmanager
async def beside(at: Place) -> AsyncIterator["Desk"]:
    """Open what works beside a running gateway: it speaks for the agency, without its state."""
    from exchange.agency.app import open_desk

    _prepare(loud=False)
    async with open_desk(at.home, unlock=at.unlock(), demo=at.demo) as desk:
        yield desk


def _prepare(*, loud: bool) -> None:
    from exchange.cli import events

    os.umask(0o077)
    if not loud:
        events.configure(sys.stderr, level=logging.CRITICAL)
