"""Signed notes (C2SP signed-note): a text and signature lines, and which of them verify.

Pure. Knows three types of keys: Ed25519 over the text, and the cosignatures in Ed25519 and
ML-DSA-44 (`exchange.audit.cosignature` makes those). Lines of unknown keys are ignored, every
known one is verified, and one known one that fails rejects the whole note.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from exchange.audit.checkpoint import read_checkpoint
from exchange.audit.spelling import LARGEST_NUMBER, read_base64, write_base64
from exchange.errors import LogInvalid, Malformed
from exchange.keyid import is_weak

ED25519: Final = 0x01
"""Type of a key that signs the text itself: a log's, and that of status notes."""
COSIGNATURE: Final = 0x04
"""Type of a witness's key: Ed25519 over a time and the text."""
ML_DSA_COSIGNATURE: Final = 0x06
"""Type of a post-quantum cosigner: ML-DSA-44 over its name, a time and the checkpoint."""

LARGEST_NOTE: Final = 128 * 1024
MOST_LINES: Final = 64
"""Signature lines of a note; verifiers must accept at least 16."""
ID_SIZE: Final = 4
SEED_SIZE: Final = 32
TIME_SIZE: Final = 8
"""Bytes of the time before the signature in a cosignature."""

_KEY_SIZE: Final[Mapping[int, int]] = {ED25519: 32, COSIGNATURE: 32, ML_DSA_COSIGNATURE: 1312}
_SIGNATURE_SIZE: Final[Mapping[int, int]] = {
    ED25519: 64,
    COSIGNATURE: TIME_SIZE + 64,
    ML_DSA_COSIGNATURE: TIME_SIZE + 2420,
}
_DASH: Final = "\N{EM DASH} "
_LONGEST_NAME: Final = 255
"""Bytes of a name or origin within an ML-DSA cosignature, which writes their length in one."""
_NOT_IN_NAMES: Final = re.compile(r"[\s+\x00-\x1f]")
_NOT_IN_TEXT: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")

_Private: TypeAlias = Ed25519PrivateKey | MLDSA44PrivateKey


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key with the name it signs under and what its signatures cover."""

    name: str
    type: int
    """`ED25519`, `COSIGNATURE` or `ML_DSA_COSIGNATURE`."""
    public: bytes = field(repr=False)
    """Raw: 32 bytes, or 1,312 of ML-DSA-44."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.type not in _KEY_SIZE:
            raise Malformed("a key of an unknown type")
        if len(self.public) != _KEY_SIZE[self.type]:
            raise Malformed("a key of another size than its type has")
        if self.type != ML_DSA_COSIGNATURE and is_weak(self.public):
            raise Malformed("a weak key: anybody could sign with it")

    @property
    def id(self) -> bytes:
        """4 bytes that, with the name, tell which key a line is by; no security rests on them."""
        hashed = self.name.encode() + b"\n" + bytes([self.type]) + self.public
        return sha256(hashed).digest()[:ID_SIZE]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with the name it signs under. Its `repr` shows no secret."""

    name: str
    type: int
    seed: bytes = field(repr=False)
    """32 bytes; every key, also of the same log or witness, has a seed of its own."""
    private: _Private = field(init=False, repr=False, compare=False)
    public: VerifyingKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.type not in _KEY_SIZE or len(self.seed) != SEED_SIZE:
            raise Malformed("a signing key has a known type and a seed of 32 bytes")
        make = (
            MLDSA44PrivateKey.from_seed_bytes
            if self.type == ML_DSA_COSIGNATURE
            else Ed25519PrivateKey.from_private_bytes
        )
        private = make(self.seed)
        public = VerifyingKey(self.name, self.type, private.public_key().public_bytes_raw())
        object.__setattr__(self, "private", private)
        object.__setattr__(self, "public", public)


@dataclass(frozen=True, slots=True)
class Line:
    """One signature line of a note."""

    name: str
    key_id: bytes
    """4 bytes."""
    signature: bytes = field(repr=False)
    """What follows the key id: of a cosignature the time (8 bytes, big-endian) comes first."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.key_id) != ID_SIZE or not self.signature:
            raise Malformed("a signature line holds a key id of 4 bytes and a signature")


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signature lines, none of them verified."""

    text: bytes
    """Ends with a line feed."""
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        if not self.text.endswith(b"\n"):
            raise Malformed("the text of a note ends with a line feed")
        if not 1 <= len(self.lines) <= MOST_LINES:
            raise Malformed(f"a note has 1 to {MOST_LINES} signature lines")


def check_name(name: str) -> None:
    """Refuse a key name that is empty or holds a space, a control character or a plus sign.

    Raises:
        Malformed: it does, or it is longer than 255 bytes or no valid Unicode.
    """
    if not name or _NOT_IN_NAMES.search(name):
        raise Malformed("the name of a key has no spaces and no plus sign")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise Malformed("the name of a key is valid Unicode") from None
    if size > _LONGEST_NAME:
        raise Malformed("the name of a key is too long")


def read_vkey(text: str) -> VerifyingKey:
    """Return the key written as `name+hex key id+base64(type, public key)`.

    Raises:
        Malformed: another form, an unknown type, or an id that is not this key's.
    """
    name, _, rest = text.partition("+")
    written, _, encoded = rest.partition("+")  # base64 has plus signs of its own
    raw = read_base64(encoded)
    if not raw:
        raise Malformed("a key is written name+id+base64")
    key = VerifyingKey(name, raw[0], raw[1:])
    if key.id.hex() != written:
        raise Malformed("the id of a key is not its own")
    return key


def write_vkey(key: VerifyingKey) -> str:
    """Return the one line by which people hand a public key to each other."""
    return f"{key.name}+{key.id.hex()}+{write_base64(bytes([key.type]) + key.public)}"


def verifying(key: SigningKey) -> VerifyingKey:
    """Return the public half of a signing key."""
    return key.public


def write_line(line: Line) -> bytes:
    """Return a signature line with its line feed."""
    return f"{_DASH}{line.name} {write_base64(line.key_id + line.signature)}\n".encode()


def read_lines(raw: bytes) -> tuple[Line, ...]:
    """Return one or more signature lines, each ended by a line feed.

    Raises:
        Malformed: none, more than 64, or one of another form.
    """
    *lines, rest = _text(raw).split("\n")
    if rest or not 1 <= len(lines) <= MOST_LINES:
        raise Malformed(f"a note has 1 to {MOST_LINES} signature lines")
    return tuple(_read_line(line) for line in lines)


def write_note(note: Note) -> bytes:
    """Return the bytes of a note: text, an empty line, signature lines."""
    return b"".join([note.text, b"\n", *map(write_line, note.lines)])


def read_note(raw: bytes) -> Note:
    """Return text and lines of a note; nothing of it is verified.

    Raises:
        Malformed: no note, or larger than `LARGEST_NOTE` or `MOST_LINES`.
    """
    if len(raw) > LARGEST_NOTE:
        raise Malformed("a note is too large")
    text, empty, lines = raw.rpartition(b"\n\n")  # the text may hold empty lines of its own
    if not empty:
        raise Malformed("a note has a text, an empty line and signatures")
    _text(text)
    return Note(text + b"\n", read_lines(lines))


def sign(text: bytes, key: SigningKey) -> Line:
    """Return the signature line of a key of type `ED25519` over `text`; deterministic.

    Raises:
        Malformed: a key of another type, which signs a time as well.
    """
    if key.type != ED25519:
        raise Malformed("this key makes cosignatures")
    return Line(key.name, verifying(key).id, key.private.sign(text))


def covered(key: VerifyingKey | SigningKey, text: bytes, at: int) -> bytes:
    """Return the bytes that a signature by `key` covers.

    Args:
        key: whose type decides.
        text: of the note.
        at: POSIX seconds of a cosignature; nothing for `ED25519`.

    Raises:
        Malformed: an ML-DSA cosignature over a text that is no checkpoint, or a time of none.
    """
    if key.type == ED25519:
        return text
    if not 1 <= at <= LARGEST_NUMBER:
        raise Malformed("a cosignature has a time")
    if key.type == COSIGNATURE:
        return f"cosignature/v1\ntime {at}\n".encode() + text
    checkpoint = read_checkpoint(text)
    return b"".join(
        [
            b"subtree/v1\n\x00",
            _prefixed(key.name),
            at.to_bytes(8, "big"),
            _prefixed(checkpoint.origin),
            bytes(8),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        ]
    )


def verified(note: Note, keys: Iterable[VerifyingKey]) -> tuple[tuple[VerifyingKey, Line], ...]:
    """Return the lines by known keys, every one of which verified; at least one.

    Args:
        note: read, not yet verified.
        keys: known and trusted; never taken from where the note comes from.

    Raises:
        LogInvalid: no line is by a known key (`note-unsigned`), or one is and does not verify
            (`note-signature`).
        Malformed: two known keys share name and id.
    """
    known: dict[tuple[str, bytes], VerifyingKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.id), key) != key:
            raise Malformed("two keys share name and id")
    found = tuple(
        (known[line.name, line.key_id], line)
        for line in note.lines
        if (line.name, line.key_id) in known
    )
    if not found:
        raise LogInvalid("no known key has signed the note", what="note-unsigned")
    if not all(_is_signed(note.text, key, line) for key, line in found):
        raise LogInvalid("a signature by a known key is false", what="note-signature")
    return found


def _is_signed(text: bytes, key: VerifyingKey, line: Line) -> bool:
    if len(line.signature) != _SIGNATURE_SIZE[key.type]:
        return False
    timed = key.type != ED25519
    at = int.from_bytes(line.signature[:TIME_SIZE], "big") if timed else 0
    signature = line.signature[TIME_SIZE:] if timed else line.signature
    try:
        _loaded(key).verify(signature, covered(key, text, at))
    except (InvalidSignature, Malformed):
        return False
    return True


def _loaded(key: VerifyingKey) -> Ed25519PublicKey | MLDSA44PublicKey:
    if key.type == ML_DSA_COSIGNATURE:
        return MLDSA44PublicKey.from_public_bytes(key.public)
    return Ed25519PublicKey.from_public_bytes(key.public)


def _prefixed(name: str) -> bytes:
    raw = name.encode()
    if len(raw) > _LONGEST_NAME:
        raise Malformed("the name of a log is too long")
    return bytes([len(raw)]) + raw


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("a note is text in UTF-8") from None
    if _NOT_IN_TEXT.search(text):
        raise Malformed("a note holds a control character")
    return text


def _read_line(text: str) -> Line:
    name, _, encoded = text.removeprefix(_DASH).partition(" ")
    if not text.startswith(_DASH):
        raise Malformed("a signature line has another form")
    raw = read_base64(encoded)
    return Line(name, raw[:ID_SIZE], raw[ID_SIZE:])
