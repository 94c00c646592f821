"""Key files of a gateway: where private keys are read and written, and nowhere else.

```
identity-ed25519.pem     one half of the identity key: PKCS#8 PEM in seed form
identity-ml-dsa-65.pem   the other half
identity.json            the public identity card of this pair
document-<seq>.key       a document key as `age-keygen -pq` writes it
former.json              the public identity card of the pair before, after a succession
next/                    a new pair and its succession, until they have taken the place of the old
```
Any private file may instead carry the suffix `.age`: the same text under a passphrase. A file that
others on the machine can read is refused. No error ever quotes what a file holds.
"""

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exchange import canonical, jws
from exchange.agency.private_file import LARGEST_FILE, OTHERS, read_private
from exchange.durable import make_directory, move_durably, sync_directory, write_bytes_durably
from exchange.envelope.age import passphrase as protection
from exchange.errors import ExchangeError, Malformed, Misconfigured
from exchange.keyid import IdentityCard, identity_card
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.signing import IdentityKey

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
"""Environment variable by which systemd says where the credentials of the service are."""
CARD: Final = "identity.json"
FORMER: Final = "former.json"
NEXT: Final = "next"
SUCCESSION: Final = "succession.jws"
PROTECTED: Final = ".age"
"""Suffix of the passphrase form; stock `age -d` opens it."""

_HALVES: Final = {
    jws.ED25519: "identity-ed25519.pem",
    jws.ML_DSA_65: "identity-ml-dsa-65.pem",
}
_DOCUMENT = re.compile(r"document-([1-9][0-9]{0,9})\.key(\.age)?", re.ASCII)
_CREDENTIAL_OTHERS = 0o037
"""The same for a credential: systemd lends it by an access list, which shows as group read."""

Unlock: TypeAlias = Callable[[], str]
"""Asks for the passphrase of protected files: from a prompt or a file descriptor, never from an
argument or the environment, which other processes can read."""


def no_passphrase() -> str:
    """Refuse protected files: nobody can be asked."""
    raise Misconfigured("a key file needs a passphrase and nobody can be asked for it")


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A document key in its file."""

    seq: int
    """Number of the key statement that first named it."""
    key: DocumentKey
    created: datetime
    """From the comment in the file."""
    path: Path


class KeyFiles:
    """The key folder of a gateway, and the service's credentials where there are any."""

    def __init__(
        self,
        folder: Path,
        *,
        credentials: Path | None = None,
        unlock: Unlock = no_passphrase,
        passphrase: str | None = None,
    ) -> None:
        """Take the places; nothing is read yet.

        Args:
            folder: directory of mode 0700.
            credentials: directory that systemd or a container fills; read first, never written.
            unlock: asked at most once, when a file is protected.
            passphrase: protects private files that are written; None writes them as they are.
        """
        self.folder = folder
        self._credentials = credentials
        self._unlock = unlock
        self._opening = passphrase
        self._passphrase = passphrase

    # Reading

    def identity(self) -> IdentityKey:
        """Return the identity key.

        Raises:
            Misconfigured: a file is missing, readable by others, damaged, or the two halves and
                the card do not belong together.
        """
        card = self.card()
        key = self._pair(self.folder, card.agency)
        if key.kid != card.kid:
            raise Misconfigured(
                "the files of the identity key do not belong together; if a succession was "
                "interrupted, finish it with: exchange keys succeed"
            )
        return key

    def card(self) -> IdentityCard:
        """Return the public identity card."""
        return self._card(self.folder / CARD)

    def cards(self) -> dict[str, IdentityCard]:
        """Return the cards of this agency's own pairs by `kid`: the present one and the former."""
        paths = [self.folder / CARD, self.folder / FORMER]
        cards = [self._card(path) for path in paths if path.exists()]
        return {card.kid: card for card in cards}

    def is_succeeding(self) -> bool:
        """Tell whether a succession is under way; `forget_next` ends it."""
        return (self.folder / NEXT).exists()

    def is_installing(self) -> bool:
        """Tell whether the new pair has partly taken the place of the present one."""
        folder = self.folder / NEXT
        return (folder / CARD).exists() and len(list(folder.glob("*.pem*"))) < len(_HALVES)

    def is_installed(self) -> bool:
        """Tell whether the new pair has wholly taken the place of the former one."""
        return self.is_succeeding() and not (self.folder / NEXT / CARD).exists()

    def documents(self) -> tuple[HeldKey, ...]:
        """Return every document key still held, oldest first; empty when all are lost.

        Raises:
            Misconfigured: a file is damaged or readable by others.
        """
        found = self._documents()
        return tuple(self._held(seq, found[seq]) for seq in sorted(found))

    def is_protected(self) -> bool:
        """Tell whether a document key needs a passphrase to be read; none is asked for."""
        return any(path.suffix == PROTECTED for path in self._documents().values())

    # Writing; each returns only when a power cut changes nothing any more.

    def create(self) -> None:
        """Make the folder, mode 0700, if it is missing."""
        make_directory(self.folder)

    def write_identity(self, key: IdentityKey) -> None:
        """Write both halves, and last the card: without it there is no identity.

        Halves without a card are what a crash left of an earlier attempt; they are replaced.

        Raises:
            FileExistsError: there is one already.
        """
        if (self.folder / CARD).exists():
            raise FileExistsError(CARD)
        for name in _HALVES.values():
            (self.folder / name).unlink(missing_ok=True)
            (self.folder / f"{name}{PROTECTED}").unlink(missing_ok=True)
        self._write_pair(self.folder, key)

    def write_next(self, key: IdentityKey, succession: bytes) -> None:
        """Write the pair of a succession beside the old one, and the signed succession with it.

        All of it appears at once; a crash before leaves a folder that the next attempt replaces.
        """
        building = self.folder / f"{NEXT}.new"
        if building.exists():
            _empty(building)
        make_directory(building)
        write_bytes_durably(building / SUCCESSION, succession)
        self._write_pair(building, key)
        move_durably(building, self.folder / NEXT)

    def succession(self) -> bytes:
        """Return the signed succession to the pair that waits."""
        return read_private(self.folder / NEXT / SUCCESSION)

    def install_next(self) -> None:
        """Put the new pair in the place of the old one; repeat it after a crash.

        A crash in between leaves files of two pairs. `identity` then refuses to start, and this
        function, called again, finishes: the card moves last.
        """
        folder = self.folder / NEXT
        if self.is_installed():
            return
        write_bytes_durably(self.folder / FORMER, _written(self.card()), replace=True)
        for path in sorted(folder.glob("*.pem*")):
            (self.folder / _other_form(path.name)).unlink(missing_ok=True)
            path.rename(self.folder / path.name)
        sync_directory(self.folder)
        move_durably(folder / CARD, self.folder / CARD)

    def forget_next(self) -> None:
        """End a succession whose new pair is in use and known to the hub."""
        _empty(self.folder / NEXT)
        (self.folder / NEXT).rmdir()
        sync_directory(self.folder)

    def write_document(self, seq: int, key: DocumentKey, *, now: datetime) -> Path:
        """Write a document key as `age-keygen -pq` does, so that stock age uses it as it is.

        Raises:
            FileExistsError: there is a key with this number.
        """
        text = (
            f"# created: {now.astimezone(UTC).replace(microsecond=0).isoformat()}\n"
            f"# public key: {key.recipient.text}\n"
            f"{key.secret_text()}\n"
        )
        return self._write_private(self.folder / f"document-{seq}.key", text.encode("ascii"))

    def remove_document(self, held: HeldKey) -> None:
        """Remove a document key: what was sealed to it can never be opened again.

        Raises:
            Misconfigured: it is a credential, which only the service's configuration removes.
        """
        if held.path.parent != self.folder:
            raise Misconfigured(f"{held.path.name} is a credential of the service; remove it there")
        held.path.unlink()
        sync_directory(self.folder)

    # Inside

    def _places(self) -> tuple[Path, ...]:
        _check_folder(self.folder)
        return (self.folder,) if self._credentials is None else (self._credentials, self.folder)

    def _documents(self) -> dict[int, Path]:
        paths = [path for folder in self._places() for path in folder.iterdir()]
        named = [(_DOCUMENT.fullmatch(path.name), path) for path in reversed(paths)]
        return {int(name[1]): path for name, path in named if name}  # the first place wins

    def _card(self, path: Path) -> IdentityCard:
        try:
            return identity_card(
                canonical.loads(read_private(path, forbidden=0o022), limit=LARGEST_FILE)
            )
        except FileNotFoundError:
            raise Misconfigured(
                "there is no identity key; make one with: exchange keys new"
            ) from None
        except Malformed:
            raise Misconfigured(f"{path.name} is damaged") from None

    def _pair(self, folder: Path, agency: str) -> IdentityKey:
        seeds = [self._seed(folder, algorithm) for algorithm in _HALVES]
        return IdentityKey(agency, *seeds)

    def _seed(self, folder: Path, algorithm: str) -> bytes:
        name = _HALVES[algorithm]
        return read_pem(algorithm, self._private(self._find(folder, name)), name=name)

    def _find(self, folder: Path, name: str) -> Path:
        places = self._places() if folder == self.folder else (folder,)
        for place in places:
            for form in (name, name + PROTECTED):
                if os.path.lexists(place / form):
                    return place / form
        raise Misconfigured(f"the key file {name} is missing")

    def _private(self, path: Path) -> bytes:
        """Return the plain text of a private file, its passphrase taken away."""
        others = _CREDENTIAL_OTHERS if path.parent == self._credentials else OTHERS
        data = read_private(path, forbidden=others, links=path.parent == self._credentials)
        if path.suffix != PROTECTED:
            return data
        if self._opening is None:
            self._opening = self._unlock()
        try:
            return protection.open(data, self._opening)
        except ExchangeError:
            self._opening = None
            raise Misconfigured(f"{path.name} does not open with this passphrase") from None

    def _held(self, seq: int, path: Path) -> HeldKey:
        lines = self._private(path).decode("ascii", "replace").splitlines()
        secrets = [line for line in lines if line and not line.startswith("#")]
        try:
            key = DocumentKey.parse(secrets[0] if len(secrets) == 1 else "")
        except Malformed:
            raise Misconfigured(f"{path.name} is damaged") from None
        return HeldKey(seq, key, _created(lines, path), path)

    def _write_pair(self, folder: Path, key: IdentityKey) -> None:
        for algorithm, name in _HALVES.items():
            self._write_private(folder / name, key.secret_pem(algorithm))
        write_bytes_durably(folder / CARD, _written(key.card))

    def _write_private(self, path: Path, text: bytes) -> Path:
        if self._passphrase is not None:
            path = path.with_name(path.name + PROTECTED)
            text = protection.seal(text, self._passphrase)
        write_bytes_durably(path, text)
        return path


def credentials_directory(environment: dict[str, str] | os._Environ[str]) -> Path | None:
    """Return the directory of the service's credentials, if systemd named one."""
    named = environment.get(CREDENTIALS)
    return Path(named) if named else None


def read_pem(algorithm: str, pem: bytes, *, name: str, passphrase: bytes | None = None) -> bytes:
    """Return the 32-byte seed in a PKCS#8 PEM file.

    Args:
        algorithm: which half of the pair it must be.
        pem: the file; exactly one block, because readers take the first of two silently.
        name: of the file, for the error.
        passphrase: only for importing; encrypted PKCS#8 is never written (2,048 iterations).

    Raises:
        Misconfigured: one sentence for every cause; the library's texts change and quote.
    """
    expected = Ed25519PrivateKey if algorithm == jws.ED25519 else MLDSA65PrivateKey
    if pem.count(b"-----BEGIN ") != 1:
        raise Misconfigured(f"{name} does not hold exactly one key")
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Misconfigured(f"{name} cannot be read, or not with this passphrase") from None
    if not isinstance(key, expected):
        raise Misconfigured(f"{name} holds another kind of key than {algorithm}")
    return key.private_bytes_raw()


def _check_folder(folder: Path) -> None:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        raise Misconfigured(f"the key folder {folder} is missing") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & OTHERS:
        raise Misconfigured(f"others can look into {folder}; run: chmod 700 {folder}")


def _created(lines: list[str], path: Path) -> datetime:
    for line in lines:
        if line.startswith("# created: "):
            try:
                created = datetime.fromisoformat(line.removeprefix("# created: "))
            except ValueError:
                break
            return created if created.tzinfo is not None else created.replace(tzinfo=UTC)
    raise Misconfigured(f"{path.name} does not say when it was created")


def _written(card: IdentityCard) -> bytes:
    return canonical.encode(card.payload()) + b"\n"


def _other_form(name: str) -> str:
    return name.removesuffix(PROTECTED) if name.endswith(PROTECTED) else name + PROTECTED


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    sync_directory(folder)
