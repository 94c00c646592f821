"""Puts each converted document into the folder that a back office watches: whole, and once.

The folder may lie on another file system, such as a network share. A document is copied under a
hidden name, synced, and gets its own name last: nobody ever sees half of one.
"""

import asyncio
import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.agency.deliver import Destination
from exchange.agency.parts import Gateway
from exchange.durable import move_durably, sync_directory
from exchange.errors import Unavailable
from exchange.hookspecs import DeliveredFolder

KEY: Final = "watch"
"""Name of this destination in the state database."""


def folders(gateway: Gateway) -> Sequence[Destination]:
    """Return the folder that the settings name, or nothing."""
    into = gateway.settings.watch.into
    return () if into is None else (Folder(gateway.home.root / into),)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder outside the home that a back office empties as it likes."""

    root: Path

    @property
    def key(self) -> str:
        """Name in the state database; constant."""
        return KEY

    async def hand(self, delivered: DeliveredFolder) -> None:
        """Copy a document into the folder, durably; return when it lies there under its name.

        Raises:
            Unavailable: the folder cannot be written now, such as a share that is not mounted.
        """
        try:
            await asyncio.to_thread(_copy, self.root, delivered)
        except OSError:
            # Never its text: it quotes names.
            raise Unavailable("the folder of [watch] into cannot be written") from None


def _copy(root: Path, delivered: DeliveredFolder) -> None:
    raise NotImplementedError
