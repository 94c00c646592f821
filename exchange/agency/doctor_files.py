"""What a doctor sees in the home of a gateway: keys, pins, the policy of the log, room, folders."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from exchange.agency import api_token, conflict
from exchange.agency.findings import Finding, fail, ok, warn
from exchange.agency.home import Home, check_folders
from exchange.agency.keyfiles import KeyFiles
from exchange.agency.log_policy import MISSING, read_trusted
from exchange.agency.pins import read_pins
from exchange.agency.rekey import Ring
from exchange.agency.settings import GatewaySettings
from exchange.keyring.fingerprint import spoken

MEBI: Final = 1024 * 1024
ROOM: Final = 4096 * MEBI
"""Bytes that the largest document needs on its way: sealed, opened, and converted."""
NO_ROOM: Final = 64 * MEBI
"""Bytes below which not even the state can be trusted to be written."""


def folders(home: Home) -> Iterator[Finding]:
    """Look who else on this machine can look into the home.

    Raises:
        Misconfigured: somebody can, or a directory is missing.
    """
    check_folders(home)
    api_token.read(home)
    yield ok("home", f"{home.root} is this user's alone")


def keys(files: KeyFiles, home: Home, *, readable: bool, now: datetime) -> Iterator[Finding]:
    """Look whether the keys can be read, and how old they are.

    Args:
        files: the keys.
        home: where the key statements lie.
        readable: whether protected files can be opened.
        now: aware moment.

    Raises:
        Misconfigured: a file is missing, damaged, or open to others.
    """
    card = files.card()
    yield ok("keys", f"identity of {card.agency}: {spoken(card.kid)}")
    if not readable:
        yield warn(
            "keys",
            "the private files are under a passphrase and were not opened",
            "give it with --passphrase-fd to have them looked at",
        )
        return
    files.identity()
    if not files.documents():
        yield fail("keys", "there is no document key", "make one with: exchange keys rotate")
        return
    ring = Ring(files, home.statements)
    if ring.rotation_due(now=now):
        yield warn(
            "keys", "the document key is 30 days old", "replace it with: exchange keys rotate"
        )
    for held in ring.retirable(now=now):
        yield warn(
            "keys",
            f"document key {held.seq} has served",
            "destroy it with: exchange keys retire",
        )
    newest = ring.newest()
    if newest is not None and newest.exp <= now.timestamp():
        yield fail(
            "keys",
            "the published key statement has run out, so nobody can send to this agency",
            "let the gateway run: it renews it",
        )


def pins(home: Home) -> Iterator[Finding]:
    """Look whom this agency trusts.

    Raises:
        Misconfigured: a file is no pin.
    """
    known = read_pins(home.pins)
    if known:
        yield ok("pins", f"pinned: {', '.join(known)}")
    else:
        yield warn(
            "pins",
            "nobody is pinned, so nothing is sent to and nothing is opened from anybody",
            "compare fingerprints with a partner, then run: exchange keys pin",
        )


def log(home: Home) -> Iterator[Finding]:
    """Look whether it is known whose word about the hub's log counts.

    Raises:
        Misconfigured: the hub has shown two histories.
    """
    trusted = read_trusted(home)
    if trusted is None:
        yield fail("log", "it is not known whose signatures on the hub's log count", MISSING)
    else:
        yield ok("log", f"policy of the log {trusted.origin}")
    conflict.check(home)


def room(home: Home, settings: GatewaySettings) -> Iterator[Finding]:
    """Look how much the disk of the home still takes."""
    free = shutil.disk_usage(home.root).free
    says = f"{free // MEBI} MiB are free"
    if free < NO_ROOM:
        yield fail("disk", says, "make room now: nothing can be received or sent")
    elif free < settings.disk.reserve:
        yield fail("disk", says, "make room now: nothing is sent below `disk.reserve`")
    elif free < ROOM:
        yield warn("disk", says, f"make room: a document of 1 GiB needs {ROOM // MEBI} MiB")
    else:
        yield ok("disk", says)


def watched(home: Home, settings: GatewaySettings) -> Iterator[Finding]:
    """Look whether the watched folders can be used, and what lies where nobody takes it."""
    for name, path in (("out", settings.watch.out), ("into", settings.watch.into)):
        if path is None:
            continue
        folder = home.root / path
        if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield fail(
                "watch",
                f"the folder of [watch] {name} cannot be used: {folder}",
                "mount it, or let this user write there",
            )
            continue
        yield ok("watch", f"{name}: {folder}")
        if name == "out":
            yield from _lying(folder)


def _lying(out: Path) -> Iterator[Finding]:
    failed = _count(out / "failed")
    if failed:
        yield warn(
            "watch",
            f"{failed} folders in {out / 'failed'} were not sent",
            "read reason.txt in each; when it is settled, put the folder into `out` again",
        )
    loose = sum(1 for path in out.iterdir() if path.is_file() and not path.name.startswith("."))
    if loose:
        yield warn(
            "watch",
            f"{loose} files lie in {out} itself, where nothing says to whom they go",
            "put them into a folder with a send.toml",
        )


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0
