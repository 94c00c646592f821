"""The vault's keys in files: the one in use and, while the vault changes its key, the next.

They lie outside the vault's database and outside its backups. Which file is which epoch of the
vault is told by their content, never by a name: a file may be copied to the next machine at any
moment, before or after another one has begun to use it.
"""

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from exchange.durable import sync_directory, write_bytes_durably
from exchange.errors import Misconfigured

VAULT_KEY_SIZE = 32
"""Bytes of a key that seals rows: AES-256-GCM."""
NEXT = ".next"
"""Behind the name of the file in use: the key that the vault changes to."""


def make_vault_key(path: Path) -> None:
    """Make a new vault key at `path`; durable when it returns, and never overwrites one."""
    write_bytes_durably(path, secrets.token_bytes(VAULT_KEY_SIZE), mode=0o600)


def read_vault_key(path: Path) -> bytes:
    """Return the vault key at `path`, 32 bytes.

    Raises:
        Misconfigured: it is missing, of another size, or readable by others.
    """
    try:
        key, mode = path.read_bytes(), path.stat().st_mode
    except OSError:
        raise Misconfigured(f"the vault key {path} cannot be read") from None
    if len(key) != VAULT_KEY_SIZE:
        raise Misconfigured(f"the vault key {path} has another size")
    if mode & 0o077:
        raise Misconfigured(f"the vault key {path} is readable by others: chmod 600")
    return key


def mark(key: bytes) -> bytes:
    """Return the 32 bytes by which a vault names the key of an epoch; they open nothing."""
    return hashlib.sha256(b"consent-log/v1 vault key\n" + key).digest()


class KeyFiles:
    """`Keys` in two files of one directory."""

    def __init__(self, path: Path) -> None:
        """Take the path of the key in use; nothing is read yet."""
        self._path = path
        self._next = path.with_name(path.name + NEXT)

    def read(self) -> Mapping[bytes, bytes]:
        """See `Keys.read`."""
        # In this order: another process may put the next key in the place of the first just now.
        following = self._following()
        key = read_vault_key(self._path)
        found = {mark(key): key}
        if following is not None:
            found[mark(following)] = following
        return found

    def waiting(self) -> bool:
        """See `Keys.waiting`."""
        return self._next.exists()

    def prepare(self) -> bytes:
        """See `Keys.prepare`."""
        with suppress(FileExistsError):
            make_vault_key(self._next)
        return mark(read_vault_key(self._next))

    def settle(self, settled: bytes) -> bool:
        """See `Keys.settle`. A crash in here leaves both files, or the new one alone."""
        following = self._following()
        if following is None or mark(following) != settled:
            return False
        with suppress(FileNotFoundError):  # another process of this machine was faster
            self._next.replace(self._path)
        sync_directory(self._path.parent)
        return True

    def _following(self) -> bytes | None:
        """Return the next key, None where there is none."""
        if not self.waiting():
            return None
        try:
            return read_vault_key(self._next)
        except Misconfigured:
            if self.waiting():
                raise
            return None
