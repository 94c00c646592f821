"""Where a passphrase comes from: a file descriptor or a prompt, never an argument.

Arguments and the environment can be read by other processes of the machine, and are logged.
"""

import os
import sys
from getpass import getpass

from exchange.errors import Misconfigured

LARGEST = 1024
"""Bytes of a passphrase; a generated one has some thirty."""
SHORTEST = 12
"""Characters of a passphrase that somebody chooses; backups need a generated one of 128 bits."""


class Asking:
    """Asks for the passphrase of protected key files when one is met."""

    def __init__(self, descriptor: int | None) -> None:
        """Take the file descriptor to read from; None asks on the terminal."""
        self._descriptor = descriptor
        self._read: str | None = None

    def __call__(self) -> str:
        """Return the passphrase, or raise Misconfigured when nobody can be asked."""
        if self._descriptor is not None:
            if self._read is None:  # a descriptor is read once; a process may open several homes
                self._read = _from_descriptor(self._descriptor)
            return self._read
        if not sys.stdin.isatty():
            raise Misconfigured("a key file needs a passphrase: give it with --passphrase-fd")
        return getpass("Passphrase of the key files: ")


def chosen(descriptor: int | None) -> str:
    """Return a new passphrase, typed twice on a terminal, or raise Misconfigured."""
    if descriptor is not None:
        first = again = _from_descriptor(descriptor)
    elif sys.stdin.isatty():
        first, again = getpass("New passphrase: "), getpass("Once more: ")
    else:
        raise Misconfigured("a passphrase is typed on a terminal or given with --passphrase-fd")
    if first != again:
        raise Misconfigured("the two passphrases differ; nothing was written")
    if len(first) < SHORTEST:
        raise Misconfigured(f"a passphrase has at least {SHORTEST} characters; nothing was written")
    return first


def _from_descriptor(descriptor: int) -> str:
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            text = file.read(LARGEST + 1)
    except OSError:
        raise Misconfigured("the file descriptor of --passphrase-fd cannot be read") from None
    if len(text) > LARGEST:
        raise Misconfigured("what --passphrase-fd gives is too long for a passphrase")
    try:
        return text.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Misconfigured("what --passphrase-fd gives is not UTF-8") from None
