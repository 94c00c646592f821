"""The public vectors of C2SP/CCTV for age: outcome, and what was released before it."""

import base64
import hashlib
import io
import re
import zlib

import pytest

from exchange.envelope.age.armor import dearmor
from exchange.envelope.age.decrypt import DecryptingReader, Decryptor, decrypt_file
from exchange.envelope.age.header import Identity
from exchange.envelope.age.hybrid import HybridIdentity
from exchange.envelope.age.passphrase import PassphraseIdentity
from exchange.errors import (
    ArmorMalformed,
    HeaderMacWrong,
    HeaderMalformed,
    NoMatch,
    PayloadDamaged,
    Unreadable,
)
from exchange.keyring.decryption import DocumentKey
from tests import needs
from tests.x25519 import X25519Identity

PACKAGE = needs.FOREIGN / "cctv-age/index.js"
COUNT = 143
OUTCOMES: dict[str, type[Unreadable] | None] = {
    "success": None,
    "no match": NoMatch,
    "HMAC failure": HeaderMacWrong,
    "header failure": HeaderMalformed,
    "armor failure": ArmorMalformed,
    "payload failure": PayloadDamaged,
}


def _vectors() -> dict[str, bytes]:
    """Return the vectors by name; empty where they are not fetched."""
    if not PACKAGE.exists():
        return {}
    found = re.findall(
        r'// \.\./testdata/(\w+)\nvar \w+ = __toBinary\("([^"]*)"\)', PACKAGE.read_text("utf-8")
    )
    return {name: base64.b64decode(text) for name, text in found}


VECTORS = _vectors()
needs_vectors = needs.foreign("cctv-age")


class Vector:
    def __init__(self, raw: bytes) -> None:
        head, _, body = raw.partition(b"\n\n")
        self.fields: dict[str, list[str]] = {}
        for line in head.decode("utf-8").splitlines():
            name, _, value = line.partition(": ")
            self.fields.setdefault(name, []).append(value)
        self.file = zlib.decompress(body) if self.one("compressed") == "zlib" else body
        self.outcome = OUTCOMES[self.one("expect") or ""]

    def one(self, name: str) -> str | None:
        return self.fields.get(name, [None])[0]

    @property
    def identities(self) -> list[Identity]:
        found: list[Identity] = [
            PassphraseIdentity(phrase) for phrase in self.fields.get("passphrase", [])
        ]
        for text in self.fields.get("identity", []):
            if text.startswith("AGE-SECRET-KEY-PQ-"):
                found.append(HybridIdentity(DocumentKey.parse(text)))
            else:
                found.append(X25519Identity(text))
        return found

    def age_file(self) -> bytes:
        return dearmor(self.file) if self.one("armored") else self.file

    def check(self, released: bytes, error: Unreadable | None) -> None:
        assert (type(error) if error else None) is self.outcome
        expected = self.one("payload")
        if expected is not None:
            assert hashlib.sha256(released).hexdigest() == expected


def _pull(vector: Vector, released: io.BytesIO) -> None:
    reader = DecryptingReader(io.BytesIO(vector.age_file()), vector.identities)
    while piece := reader.read(1000):
        released.write(piece)


@needs_vectors
def test_all_vectors_are_there() -> None:
    assert len(VECTORS) == COUNT


@needs_vectors
@pytest.mark.parametrize("name", sorted(VECTORS))
def test_reading_gives_the_outcome_of_the_vector(name: str) -> None:
    vector = Vector(VECTORS[name])
    released, error = io.BytesIO(), None
    try:
        decrypt_file(io.BytesIO(vector.age_file()), released, vector.identities)
    except Unreadable as raised:
        error = raised
    vector.check(released.getvalue(), error)


@needs_vectors
@pytest.mark.parametrize("name", sorted(VECTORS))
def test_pushing_gives_the_outcome_of_the_vector(name: str) -> None:
    vector = Vector(VECTORS[name])
    released, error = b"", None
    try:
        decryptor = Decryptor(vector.identities)
        file = vector.age_file()
        for at in range(0, len(file), 50_000):
            released += decryptor.update(file[at : at + 50_000])
        released += decryptor.finalize()
    except Unreadable as raised:
        error = raised
    vector.check(released, error)


@needs_vectors
def test_pulling_releases_nothing_of_a_damaged_chunk() -> None:
    for name, raw in VECTORS.items():
        vector = Vector(raw)
        if not name.startswith("stream_") or vector.outcome is None:
            continue
        released = io.BytesIO()
        with pytest.raises(vector.outcome):
            _pull(vector, released)
        vector.check(released.getvalue(), vector.outcome())
