"""The key file of an auditor's own tool: made once, read by each command, never sent anywhere."""

from pathlib import Path
from typing import Final

from exchange import jws
from exchange.agency.keyfiles import PROTECTED, Unlock, read_pem
from exchange.agency.private_file import read_private
from exchange.durable import write_bytes_durably
from exchange.envelope.age import passphrase as protection
from exchange.errors import Conflict, ExchangeError, Misconfigured
from exchange.keyring.ceremony import new_auditor_key
from exchange.keyring.public_key import write_public_key
from exchange.keyring.signing import AuditorKey

PUBLIC: Final = ".pub"
"""Ending of the file for the operator."""


def make_key(file: Path, passphrase: str | None) -> tuple[AuditorKey, Path, Path]:
    """Make a key; return it, its file and the file with its public half.

    Args:
        file: to write, as PKCS#8 PEM; its name gets the ending `.age` under a passphrase.
        passphrase: protects it; None writes it as it is, for its user alone to read.

    Raises:
        Conflict: one of the files exists; nothing was written over.
    """
    key = new_auditor_key()
    secret, public = key.secret_pem(), file.with_name(file.name + PUBLIC)
    if passphrase is not None:
        file, secret = file.with_name(file.name + PROTECTED), protection.seal(secret, passphrase)
    for path in (file, public):
        if path.exists():
            raise Conflict(f"{path.name} exists; it is not overwritten")
    write_bytes_durably(file, secret)
    write_bytes_durably(public, write_public_key(key.public))
    return key, file, public


def read_key(file: Path, unlock: Unlock) -> AuditorKey:
    """Return the key in a file.

    Args:
        file: as `make_key` wrote it, or any Ed25519 key in PKCS#8 PEM.
        unlock: asked for the passphrase of a file that ends with `.age`.

    Raises:
        Misconfigured: it is missing, others can read it, or it holds no such key.
    """
    try:
        held = read_private(file)
    except FileNotFoundError:
        raise Misconfigured(
            f"there is no key {file}; make one with: exchange auditor new-key {file}"
        ) from None
    if file.suffix == PROTECTED:
        try:
            held = protection.open(held, unlock())
        except Misconfigured:
            raise
        except ExchangeError:
            raise Misconfigured(f"{file.name} does not open with this passphrase") from None
    return AuditorKey(read_pem(jws.ED25519, held, name=file.name))
