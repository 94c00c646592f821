"""Vectors that live in this repository, in a form other languages can read."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from exchange.canonical import encode, unb64u
from exchange.envelope.age.encoding import unb64
from exchange.envelope.age.header import Stanza
from exchange.envelope.age.hybrid import HybridIdentity
from exchange.envelope.manifest import manifest_payload, read_context
from exchange.envelope.padme import padme
from exchange.envelope.tarblocks import file_header, header
from exchange.keyring.decryption import DocumentKey
from tests.envelopes import opened


def _vector(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))


def test_the_hybrid_sample_of_the_specification_opens() -> None:
    vector = _vector("age_hybrid_sample")
    key = DocumentKey.parse(vector["identity"])
    assert hashlib.sha256(key.recipient.raw).hexdigest() == vector["recipient_sha256"]
    assert key.recipient.text.startswith(vector["recipient_begins"])
    assert key.recipient.text.endswith(vector["recipient_ends"])
    _, kind, enc = vector["stanza"][0].encode().split(b" ")
    stanza = Stanza((kind, enc), unb64(vector["stanza"][1].encode()))
    file_key = HybridIdentity(key).unwrap([stanza])
    assert file_key is not None
    assert file_key.hex() == vector["file_key"]
    assert stanza.encode().decode().splitlines() == vector["stanza"]


def test_blocks_and_padding_of_a_package_are_fixed() -> None:
    vector = _vector("package_format")
    member, file = vector["blocks_sha256"]
    block = header(member["member"], member["size"], vector["mtime"])
    assert hashlib.sha256(block).hexdigest() == member["sha256"]
    blocks = file_header(file["file"], file["position"], file["size"], vector["mtime"])
    assert hashlib.sha256(blocks).hexdigest() == file["sha256"]
    assert {size: padme(int(size)) for size in vector["padme"]} == vector["padme"]


@pytest.mark.parametrize("name", ["sealed_document"])
def test_a_document_that_was_sealed_once_opens_for_ever(tmp_path: Path, name: str) -> None:
    vector = _vector(name)
    raw = base64.b64decode(vector["sealed_base64"])
    context = read_context(unb64u(vector["manifest"]["context"]))
    sha256 = hashlib.sha256(raw).hexdigest()
    payload = manifest_payload(context.raw, sha256=sha256, size=len(raw))
    assert encode(payload) == encode(vector["manifest"])
    key = DocumentKey(bytes.fromhex(vector["document_key_seed"]))
    found = opened(raw, context, tmp_path / "into", key)
    assert found.contents.remark == vector["remark"]
    files = {file.name: file.path.read_bytes().hex() for file in found.files}
    assert files == vector["files"]
