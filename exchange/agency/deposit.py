"""Puts each converted document into the folder that a back office watches: whole, and once.

The folder may lie on another file system, such as a network share. A document is copied under a
hidden name, synced, and gets its own name last: nobody ever sees half of one.
"""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from exchange.agency import halves
from exchange.agency.copied import copy_out, open_up
from exchange.agency.deliver import Destination
from exchange.agency.hand_over import WATCHED
from exchange.agency.maildir import Maildir, is_maildir
from exchange.agency.parts import Gateway
from exchange.durable import move_durably, sync_directory, write_bytes_durably
from exchange.errors import Unavailable
from exchange.hookspecs import DeliveredFile, DeliveredFolder

KEY: Final = WATCHED
"""Name of this destination in the state database."""
KEPT: Final = timedelta(days=30)
"""How long it is known which documents lay in the folder: longer than a delivery is repeated."""


def folders(gateway: Gateway) -> Sequence[Destination]:
    """Return the folder that the settings name, or nothing."""
    into = gateway.settings.watch.into
    home = gateway.home
    return () if into is None else (Folder(home.root / into, deposited=home.deposited),)


def sweep(deposited: Path, now: datetime) -> None:
    """Forget which documents lay in the folder, of those that were put there long ago."""
    for marker in deposited.iterdir():
        if marker.stat().st_mtime < (now - KEPT).timestamp():
            marker.unlink()


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder outside the home that a back office empties as it likes; it may be a Maildir."""

    root: Path
    deposited: Path
    """Where it is noted which documents lay there."""

    @property
    def key(self) -> str:
        """Name in the state database; constant."""
        return KEY

    async def hand(self, delivered: DeliveredFolder) -> None:
        """Copy a document into the folder, durably; return when it lies there under its name.

        Raises:
            Unavailable: the folder cannot be written now, such as a share that is not mounted.
            Undeliverable: it is a Maildir, and intake wrote something else than one mail.
        """
        if await asyncio.to_thread(is_maildir, self.root):
            await Maildir(self.root, deposited=self.deposited).hand(delivered)
            return
        try:
            await asyncio.to_thread(self._put, delivered)
        except OSError:  # its text would quote names
            raise Unavailable("the folder of [watch] into cannot be written") from None

    def _put(self, delivered: DeliveredFolder) -> None:
        noted = self.deposited / delivered.disclosure_id
        hidden = halves.in_folder(self.root, delivered.disclosure_id)
        if not noted.exists():
            # A crash before the note leaves a hidden part, which is made anew.
            shutil.rmtree(hidden, ignore_errors=True)
            try:
                _copy(delivered.files, hidden)
            except OSError:
                shutil.rmtree(hidden, ignore_errors=True)
                raise
            write_bytes_durably(noted, b"")
        # Noted and no longer under its hidden name: it got its own before, and the back office
        # may have taken it since.
        if hidden.is_dir():
            move_durably(hidden, self.root / delivered.folder)


def _copy(files: Sequence[DeliveredFile], target: Path) -> None:
    """Copy files into a new folder, durably; whoever may read the folder around may read them."""
    mode = target.parent.stat().st_mode & 0o777
    target.mkdir(mode=0o700)
    for file in files:
        copy_out(file, target / file.name, mode=mode & 0o666)
    open_up(target, mode)
    sync_directory(target)
    sync_directory(target.parent)
