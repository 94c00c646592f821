"""Where a received document lies on its way: sealed, opened, converted, delivered.

```
incoming/<id>.payload              sealed and long, being fetched; removed once acknowledged
quarantine/.<id>/                  opened, not durable: a crash opens it again
quarantine/<id>/document/          set aside
quarantine/<id>/reason.txt         why, and what to do; see `aside_words`
spool/.<id>/                       what intake makes of it, until the answer is signed
spool/<folder>/                    delivered
spool/<folder>-NICHT-VERWENDEN.txt that it was disclosed unlawfully, where the folder is taken
```
Every document is in exactly one of spool, quarantine, or removed. Functions block: call them in a
thread.
"""

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from exchange.agency import aside_words
from exchange.agency.aside_words import PAPER
from exchange.agency.home import Home
from exchange.durable import move_durably, sync_directory, write_bytes_durably

MARK: Final = "00-NICHT-VERWENDEN.txt"
"""Name of the mark in the folder of a document that may not be used: it sorts first."""
_DO_NOT_USE: Final = """\
Nicht verwenden: {folder}

Diese Unterlagen wurden unrechtmäßig übermittelt. Niemand darf sie verwenden (§ 78 Absatz 1
Sozialgesetzbuch X). Löschen Sie alle Abschriften und bestätigen Sie das; auch wem Sie sie
weitergegeben haben, wird danach gefragt.

Do not use: {folder}

These documents were disclosed unlawfully. Nobody may use them (section 78(1) of Book X of the
German Social Code). Erase every copy and confirm it; those you passed them on to are asked too.
"""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def payload_file(home: Home, disclosure_id: str) -> Path:
    """Return where the payload of a disclosure is fetched to."""
    return home.incoming / f"{disclosure_id}.payload"


def document(home: Home, disclosure_id: str) -> Path:
    """Return where a document is opened."""
    return home.quarantine / f".{disclosure_id}"


def aside(home: Home, disclosure_id: str) -> Path:
    """Return where a document is set aside, with the reason."""
    return home.quarantine / disclosure_id


def converted(home: Home, disclosure_id: str) -> Path:
    """Return where intake's files are put until they are delivered."""
    return home.spool / f".{disclosure_id}"


def make_room(home: Home, disclosure_id: str) -> Path:
    """Return an empty folder to open a document into; what a crash left of it is removed."""
    _remove_tree(aside(home, disclosure_id))
    return _emptied(document(home, disclosure_id))


def make_target(home: Home, disclosure_id: str) -> Path:
    """Return an empty folder to convert into."""
    return _emptied(converted(home, disclosure_id))


def move_in(home: Home, disclosure_id: str, folder: str) -> None:
    """Give what was converted its name for the back office, durably and as a whole; once.

    A crash leaves the one name or the other. The first being gone means that it was delivered
    before; the back office may have taken it since.
    """
    source = converted(home, disclosure_id)
    if source.is_dir():
        move_durably(source, home.spool / folder)


def set_aside(home: Home, disclosure_id: str, reason: str, words: str = "") -> None:
    """Make an opened document durable in quarantine, with the reason beside it.

    Args:
        home: of the gateway.
        disclosure_id: of the document.
        reason: codes.
        words: of the plugin that could not read it, as hostile as the document.
    """
    _remove_tree(converted(home, disclosure_id))
    folder = aside(home, disclosure_id)
    folder.mkdir(mode=0o700)
    moved = document(home, disclosure_id).rename(folder / "document")
    for file in moved.iterdir():
        _sync(file)
    sync_directory(moved)
    write_bytes_durably(folder / PAPER, aside_words.write(reason, words), replace=True)
    sync_directory(home.quarantine)


def mark(home: Home, folder: str) -> None:
    """Say of a delivered document, durably, that it may not be used.

    In its folder; once the back office has taken that, beside where it stood.
    """
    text = _DO_NOT_USE.format(folder=folder).encode("utf-8")
    try:
        write_bytes_durably(home.spool / folder / MARK, text, replace=True)
    except FileNotFoundError:
        write_bytes_durably(_beside(home, folder), text, replace=True)


def unmark(home: Home, folder: str) -> None:
    """Remove the mark of a document that the back office has erased."""
    _beside(home, folder).unlink(missing_ok=True)


def remove(home: Home, disclosure_id: str, *, opened: bool) -> None:
    """Remove what is sealed, and with `opened` also what stands in quarantine."""
    payload_file(home, disclosure_id).unlink(missing_ok=True)
    if opened:
        _remove_tree(document(home, disclosure_id))
        _remove_tree(aside(home, disclosure_id))
        _remove_tree(converted(home, disclosure_id))


def remove_delivered(home: Home, folder: str) -> bool:
    """Remove a document from the spool, durably; False when the back office has taken it."""
    target = home.spool / folder
    if not target.is_dir():
        return False
    _remove_tree(target)
    sync_directory(home.spool)
    return True


def why_aside(home: Home, disclosure_id: str) -> tuple[str, str] | None:
    """Return why a document was set aside, codes and words; None when it does not lie there.

    The words are the plugin's, fit to be shown to people.
    """
    try:
        return aside_words.read((aside(home, disclosure_id) / PAPER).read_bytes())
    except OSError:
        return None


def sweep(home: Home, working: Collection[str], kept: Collection[str]) -> None:
    """Remove what a crash has left.

    Args:
        home: of the gateway.
        working: disclosures whose sealed document is still needed.
        kept: disclosures that may have a folder in quarantine.
    """
    for file in home.incoming.iterdir():
        if file.name.partition(".")[0] not in working:
            file.unlink()
    for folder in home.quarantine.iterdir():
        named = folder.name.removeprefix(".")
        needed = kept if named == folder.name else working
        if _ID.fullmatch(named) and named not in needed:
            _remove_tree(folder)
    for folder in home.spool.glob(".*"):
        if _ID.fullmatch(folder.name[1:]) and folder.name[1:] not in working:
            _remove_tree(folder)


def _beside(home: Home, folder: str) -> Path:
    return home.spool / f"{folder}-NICHT-VERWENDEN.txt"


def _sync(file: Path) -> None:
    fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _emptied(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        _remove_tree(folder)
        folder.mkdir(mode=0o700)
    return folder


def _remove_tree(folder: Path) -> None:
    """Remove a folder of our own, 0700, if it is there; follows no link.

    Another may be removing it, or taking it away file by file, at the same moment.
    """
    try:
        there = os.open(folder, _FOLDER)
    except (FileNotFoundError, NotADirectoryError):  # the latter also says of a link
        return
    try:
        _empty(there)
    finally:
        os.close(there)
    with suppress(FileNotFoundError):
        folder.rmdir()


def _empty(folder: int) -> None:
    with os.scandir(folder) as listed:
        entries = list(listed)
    for entry in entries:
        with suppress(FileNotFoundError):
            _remove(folder, entry)


def _remove(folder: int, entry: os.DirEntry[str]) -> None:
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.name, dir_fd=folder)
        return
    inner = os.open(entry.name, _FOLDER, dir_fd=folder)
    try:
        _empty(inner)
    finally:
        os.close(inner)
    os.rmdir(entry.name, dir_fd=folder)
