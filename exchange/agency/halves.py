"""Half of a document: where it lies while it is copied into the watched folder, and its removal."""

import shutil
from contextlib import suppress
from pathlib import Path

from exchange.agency.parts import Gateway


def in_folder(root: Path, disclosure_id: str) -> Path:
    """Return the hidden folder that gets its own name when it is whole."""
    return root / f".{disclosure_id}"


def in_maildir(root: Path, disclosure_id: str) -> Path:
    """Return the file in `tmp` that moves to `new` when it is whole."""
    return root / "tmp" / disclosure_id


def remove(gateway: Gateway, disclosure_id: str) -> None:
    """Remove what lies half of a document in the folder of the settings: it was erased.

    Hidden as it is, no person would find it.
    """
    if (into := gateway.settings.watch.into) is None:
        return
    root = gateway.home.root / into
    shutil.rmtree(in_folder(root, disclosure_id), ignore_errors=True)
    with suppress(OSError):  # the folder is away, or it is no Maildir
        in_maildir(root, disclosure_id).unlink(missing_ok=True)
