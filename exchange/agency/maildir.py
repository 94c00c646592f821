"""Puts each mail that intake wrote into a Maildir: whole, and once.

A Maildir is a folder with `tmp`, `new` and `cur`, one file per mail; a mail is written in `tmp` and
gets its place in `new` by renaming, so no reader ever sees half of one.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.agency import halves
from exchange.agency.copied import copy_out
from exchange.consent import binding
from exchange.durable import move_durably, sync_directory, write_bytes_durably
from exchange.errors import Unavailable, Undeliverable
from exchange.hookspecs import DeliveredFile, DeliveredFolder

_FOLDERS: Final = ("tmp", "new", "cur")
_MAIL: Final = ".eml"
"""End of the names of mails."""


def is_maildir(root: Path) -> bool:
    """Tell whether a folder is a Maildir."""
    return all((root / name).is_dir() for name in _FOLDERS)


@dataclass(frozen=True, slots=True)
class Maildir:
    """A Maildir outside the home; mail programs empty it as they like."""

    root: Path
    deposited: Path
    """Where it is noted which documents lay there."""

    async def hand(self, delivered: DeliveredFolder) -> None:
        """Put the mail of a document into `new`, durably; return when it lies there.

        The notice on purpose and secrecy stands in the mail itself.

        Raises:
            Unavailable: the Maildir cannot be written now.
            Undeliverable: intake wrote something else than one mail.
        """
        mails = [file for file in delivered.files if file.name != binding.NAME]
        if len(mails) != 1 or not mails[0].name.endswith(_MAIL):
            raise Undeliverable("a Maildir takes what an intake format writes as one mail")
        try:
            await asyncio.to_thread(self._put, delivered.disclosure_id, mails[0])
        except OSError:  # its text would quote names
            raise Unavailable("the Maildir of [watch] into cannot be written") from None

    def _put(self, disclosure_id: str, mail: DeliveredFile) -> None:
        noted = self.deposited / disclosure_id
        written = halves.in_maildir(self.root, disclosure_id)
        if not noted.exists():
            # A crash before the note leaves a part in `tmp`, which is made anew.
            written.unlink(missing_ok=True)
            try:
                copy_out(mail, written, mode=(self.root / "new").stat().st_mode & 0o666)
            except OSError:
                written.unlink(missing_ok=True)
                raise
            sync_directory(written.parent)
            write_bytes_durably(noted, b"")
        # Noted and no longer in `tmp`: it got its place before, and somebody may have read it.
        if written.is_file():
            move_durably(written, self.root / "new" / mail.name)
