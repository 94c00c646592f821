"""Statements this agency has signed, byte for byte: sign once, store, then send.

A signature differs each time it is made, and with it the digest of the statement. Whoever sends
again after a lost answer or a crash therefore sends what is stored here. Drafts that wait for a
person's signature lie beside them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exchange.agency.home import Home
from exchange.durable import make_directory, sync_directory, write_bytes_durably
from exchange.errors import Malformed

_NAME = re.compile(r"[a-z]+(-[a-z]+)*-[0-9a-f-]{36}\.(jws|json|key)", re.ASCII)


def kept(home: Home, name: str) -> bytes | None:
    """Return what is stored under `name`, or None.

    Raises:
        Malformed: not a name such as `withdrawal-<UUID>.jws`.
    """
    try:
        return _path(home, name).read_bytes()
    except FileNotFoundError:
        return None


def every(home: Home, kind: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of all statements or drafts of one kind, such as `consent`, unordered.

    Secrets drawn for a statement are none of them.
    """
    for path in home.statements.glob(f"{kind}-*.j*"):
        yield path.name, path.read_bytes()


def keep(home: Home, name: str, data: bytes, *, replace: bool = False) -> None:
    """Store `data` under `name`; durable on return.

    Raises:
        FileExistsError: the name is taken and `replace` is false.
    """
    make_directory(home.statements)
    write_bytes_durably(_path(home, name), data, replace=replace)


def forget(home: Home, *names: str) -> None:
    """Remove what is stored under `names`; harmless where there is nothing."""
    for name in names:
        _path(home, name).unlink(missing_ok=True)
    sync_directory(home.statements)


def _path(home: Home, name: str) -> Path:
    if _NAME.fullmatch(name) is None:  # an id from a draft or a command line is part of it
        raise Malformed("an id is a version 4 UUID in lower case")
    return home.statements / name
