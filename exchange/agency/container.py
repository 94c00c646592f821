"""Packs converted files into one ASiC-E container and signs it (ETSI EN 319 162-1, clause 4.4).

The gateway does this itself, never the worker: foreign code gets no key. Members are written once,
in a stream, and the digest that is signed is the digest of what was written.
"""

import hashlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exchange.agency import xades
from exchange.agency.private_file import read_private
from exchange.agency.xades import Digested, Signer
from exchange.durable import partial_name, sync_directory
from exchange.errors import Misconfigured, Quarantined, Unavailable

MEDIA_TYPE: Final = "application/vnd.etsi.asic-e+zip"
SUFFIX: Final = ".asice"
LARGEST: Final = (1 << 31) - (1 << 24)
"""Bytes of all members together: what fits a container without ZIP64, which readers dislike."""

_MIMETYPE, _FOLDER = "mimetype", "META-INF"
_MANIFEST, _SIGNATURES = f"{_FOLDER}/manifest.xml", f"{_FOLDER}/signatures001.xml"
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PIECE: Final = 1 << 20
_OTHERS_WRITE: Final = 0o022
"""Permission bits a certificate must not have: it is public, but ours."""
_UNKNOWN: Final = "application/octet-stream"
_KINDS: Final = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".json": "application/json",
    ".xml": "application/xml",
    ".html": "text/html",
    ".eml": "message/rfc822",
    ".jws": "application/jose",
    ".tlog-proof": "text/plain",
}
"""Media types of what intake formats write; fixed, so that no machine's own table decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file to pack."""

    name: str
    """Name in the container, no path."""
    path: Path
    media_type: str = _UNKNOWN


def member(path: Path) -> Member:
    """Return the member for a file on disk: under its own name, its media type by the ending."""
    return Member(name=path.name, path=path, media_type=_KINDS.get(path.suffix.lower(), _UNKNOWN))


def open_signer(key: Path, certificate: Path) -> Signer:
    """Read who signs containers.

    Args:
        key: PKCS#8 PEM, P-256, not encrypted; only its owner can read the file.
        certificate: PEM; the signer's own first, then any between it and an authority.

    Raises:
        Misconfigured: a file is missing, others can use it, it holds something else, or the two
            do not belong together.
    """
    private = _private_key(_read(key))
    found = _certificates(_read(certificate, forbidden=_OTHERS_WRITE))
    if found[0].public_key() != private.public_key():
        raise Misconfigured("[container] key and certificate do not belong together")
    return Signer(private, found)


def _read(path: Path, *, forbidden: int = 0o077) -> bytes:
    try:
        return read_private(path, forbidden=forbidden)
    except FileNotFoundError:
        raise Misconfigured(f"[container] there is no file {path.name}") from None


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Misconfigured("[container] key is no private key in plain PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise Misconfigured("[container] key is not on P-256")
    return key


def _certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise Misconfigured("[container] certificate holds no certificates in PEM") from None


def seal(members: Sequence[Member], target: Path, signer: Signer, *, now: datetime) -> None:
    """Write the container `target` with `members`, in this order, and one signature over all.

    Durable when it returns; before, and after an error, the name does not exist. Synchronous:
    it reads, hashes and writes everything.

    Args:
        members: at least one; plain files that nobody changes meanwhile.
        target: new file in a folder that exists.
        signer: as `open_signer` read it.
        now: aware; the time of signing.

    Raises:
        Quarantined: `output-count`, `output-name` for a name that containers reserve or that
            comes twice, `output-size` beyond `LARGEST`.
        Unavailable: the certificate is not valid now; nothing was written.
        OSError: disk full, input or output error.
    """
    _check(members)
    own = signer.certificates[0]
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        raise Unavailable("the certificate that signs containers is not valid now")
    partial = partial_name(target)
    try:
        with os.fdopen(os.open(partial, _NEW, 0o600), "wb") as file:
            with zipfile.ZipFile(file, "w", allowZip64=False) as packed:
                _pack(packed, members, signer, now)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    # Whole and synced; a crash before the next line may lose the name, and it is packed again.
    sync_directory(target.parent)


def _check(members: Sequence[Member]) -> None:
    if not members:
        raise Quarantined("output-count")
    names = [member.name.casefold() for member in members]
    reserved = {_MIMETYPE, _FOLDER.casefold()}
    if len(set(names)) != len(names) or not reserved.isdisjoint(names):
        raise Quarantined("output-name")
    if any("/" in name or "\\" in name for name in names):
        raise Quarantined("output-name")
    if sum(member.path.stat().st_size for member in members) > LARGEST:
        raise Quarantined("output-size")


def _pack(
    packed: zipfile.ZipFile, members: Sequence[Member], signer: Signer, now: datetime
) -> None:
    """Write the container: `mimetype` first and stored, so that its first bytes say what it is."""
    packed.writestr(_entry(_MIMETYPE, now), MEDIA_TYPE)
    digested = [_add(packed, member, now) for member in members]
    packed.writestr(_entry(_MANIFEST, now), _manifest(members))
    packed.writestr(_entry(_SIGNATURES, now), xades.sign(digested, signer, now))


def _add(packed: zipfile.ZipFile, member: Member, now: datetime) -> Digested:
    entry = _entry(member.name, now)
    entry.file_size = member.path.stat().st_size
    digest = hashlib.sha256()
    with member.path.open("rb") as content, packed.open(entry, "w") as into:
        while piece := content.read(_PIECE):
            digest.update(piece)
            into.write(piece)
    return Digested(member.name, member.media_type, digest.digest())


def _entry(name: str, now: datetime) -> zipfile.ZipInfo:
    """Return an entry that is stored: the first must be, and documents are compressed already."""
    moment = now.astimezone(UTC)
    entry = zipfile.ZipInfo(name, moment.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_STORED
    entry.external_attr = 0o600 << 16
    return entry


def _manifest(members: Sequence[Member]) -> str:
    """Return the OpenDocument manifest; what it says is signed too, file by file (`xades`)."""
    files = [("/", MEDIA_TYPE), *((member.name, member.media_type) for member in members)]
    entries = "".join(
        f"<manifest:file-entry manifest:full-path={quoteattr(name)}"
        f" manifest:media-type={quoteattr(media_type)}/>\n"
        for name, media_type in files
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<manifest:manifest'
        ' xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"'
        f' manifest:version="1.2">\n{entries}</manifest:manifest>\n'
    )
