"""Sealed documents for tests: fixed keys, terms, and the manifest of what was sealed."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exchange.canonical import sha256_hex
from exchange.envelope import tarblocks
from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.header import Header, Recipient, parse
from exchange.envelope.age.hybrid import HybridIdentity, HybridRecipient
from exchange.envelope.contents import Contents, Entry, Letter, new_contents
from exchange.envelope.manifest import Addressee, Context, Manifest, Terms, new_context
from exchange.envelope.opening import Opened, open_sealed
from exchange.envelope.sealing import Outgoing, SealedDocument, seal
from exchange.keyring.decryption import DocumentKey
from exchange.vocabulary import Secrecy

KEY = DocumentKey(b"\x03" * 32)
OTHER_KEY = DocumentKey(b"\x07" * 32)
RECIPIENT = HybridRecipient(KEY.recipient)
IDENTITY = HybridIdentity(KEY)
MTIME = 1_790_000_000
TERMS = Terms(
    id="06060606-0606-4606-8606-060606060606",
    sender="women-b",
    kid="A" * 43,
    consent="B" * 42 + "A",
    purpose="housing-loss",
    category="rent-arrears-letter",
    secrecy=Secrecy.PROFESSIONAL,
    iat=MTIME,
    exp=MTIME + 1000,
)
LETTER = Outgoing("Kündigung.pdf", "application/pdf", b"%PDF-1.7 letter")


def pushed(plaintext: bytes, recipients: Sequence[Recipient] = (RECIPIENT,)) -> bytes:
    """Return an age file made by the push API in one go."""
    encryptor = Encryptor(recipients)
    return encryptor.update(plaintext) + encryptor.finalize()


def sealed(
    target: Path, files: Sequence[Outgoing] = (LETTER,), **options: Any
) -> tuple[SealedDocument, Manifest, bytes, bytes]:
    """Seal files to KEY; return the document, its manifest, header and payload."""
    given = {"terms": TERMS, "recipients": {"jobcentre-a": KEY.recipient}, **options}
    document = seal(files, target=target, **given)
    raw = target.read_bytes()
    return document, manifest_of(document.context, raw), *split(raw)


def split(raw: bytes) -> tuple[bytes, bytes]:
    """Return header and payload of a sealed document."""
    end = raw.index(b"\n", raw.index(b"\n--- ") + 1) + 1
    return raw[:end], raw[end:]


def manifest_of(context: Context, raw: bytes) -> Manifest:
    """Return what an honest sender would sign about these bytes."""
    return Manifest(
        context=context,
        sealed_sha256=sha256_hex(raw),
        sealed_size=len(raw),
        digest="C" * 42 + "A",
        statement=b"{}",
    )


def opened(raw: bytes, context: Context, into: Path, key: DocumentKey = KEY) -> Opened:
    """Open bytes as a recipient whose manifest verified would."""
    into.mkdir(mode=0o700, exist_ok=True)
    header, payload = split(raw)
    return open_sealed(header, io.BytesIO(payload), manifest_of(context, raw), key, into)


def parsed(raw: bytes) -> Header:
    """Return the header of an age file."""
    return parse(split(raw)[0])


def package(
    files: Sequence[tuple[str, bytes]] = (("letter.pdf", b"%PDF letter"),),
    letter: Letter | None = None,
) -> tuple[Context, Contents, bytes]:
    """Return context, contents list and the bytes of the package they announce."""
    entries = [
        Entry(name, "application/pdf", len(content), sha256_hex(content)) for name, content in files
    ]
    contents = new_contents(entries, letter or Letter())
    addressee = Addressee("jobcentre-a", KEY.fingerprint)
    context = new_context(TERMS, [addressee], contents.sha256)
    layout = tarblocks.layout(context, contents)
    middle = b"".join(
        head + content + zeros
        for (head, _, zeros), (_, content) in zip(layout.files, files, strict=True)
    )
    return context, contents, layout.before + middle + bytes(layout.tail)
