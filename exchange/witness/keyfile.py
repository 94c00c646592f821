"""The key of a witness: a file of 32 random bytes, and a name that is public.

A key serves one name for ever: a cosignature does not sign the name, so a second one could be put
in the place of the first.
"""

import secrets
from pathlib import Path
from typing import Final

from exchange.audit import note
from exchange.audit.note import COSIGNATURE, SEED_SIZE, SigningKey
from exchange.durable import make_directory, write_bytes_durably
from exchange.errors import Malformed, Misconfigured

FORBIDDEN: Final = 0o077
"""Permissions of group and others, none of which may be set."""


def make_key(file: Path) -> None:
    """Make a new key in `file`, which must not exist; durable when it returns.

    Raises:
        Misconfigured: there is a file of this name already.
    """
    make_directory(file.parent)
    try:
        write_bytes_durably(file, secrets.token_bytes(SEED_SIZE))
    except FileExistsError:
        raise Misconfigured(f"{file} exists already; it was not touched") from None


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a witness.

    Raises:
        Misconfigured: empty, with spaces, a plus sign or control characters, or too long.
    """
    try:
        note.check_name(name)
    except Malformed:
        raise Misconfigured(
            "--name has no spaces and no plus sign, such as witness.office.example/w1"
        ) from None


def read_key(file: Path, name: str) -> SigningKey:
    """Return the key in `file` under the name of the witness.

    Raises:
        Misconfigured: no such file, not 32 bytes, readable by others; or see `check_name`.
    """
    try:
        seed, mode = file.read_bytes(), file.stat().st_mode
    except FileNotFoundError:
        raise Misconfigured(f"there is no key in {file}; make one with --make-key") from None
    if mode & FORBIDDEN:
        raise Misconfigured(f"the key {file} is readable by others: chmod 600")
    check_name(name)
    try:
        return SigningKey(name, COSIGNATURE, seed)
    except Malformed:
        raise Misconfigured(f"{file} is not the key of a witness: it has 32 bytes") from None
