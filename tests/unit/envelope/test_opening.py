"""exchange.envelope.opening: steps 11 to 14 of the recipient's order of verification"""

import io
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.canonical import sha256_hex
from exchange.envelope.age.header import encode
from exchange.envelope.age.hybrid import HybridIdentity, HybridRecipient
from exchange.envelope.age.passphrase import PassphraseRecipient
from exchange.envelope.age.stream import chunk_nonce, payload_key
from exchange.envelope.manifest import Addressee, new_context
from exchange.envelope.opening import open_sealed
from exchange.envelope.sealing import Outgoing
from exchange.errors import (
    HeaderMacWrong,
    HeaderMalformed,
    NoMatch,
    PayloadDamaged,
    Unreadable,
)
from tests.envelopes import (
    KEY,
    OTHER_KEY,
    RECIPIENT,
    TERMS,
    manifest_of,
    opened,
    package,
    parsed,
    pushed,
    sealed,
)
from tests.x25519 import X25519Recipient


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir(mode=0o700)
    return folder


def test_a_document_opens_to_what_was_sealed(tmp_path: Path, into: Path) -> None:
    document, manifest, header, payload = sealed(tmp_path / "sealed")
    found = open_sealed(header, io.BytesIO(payload), manifest, KEY, into)
    assert found.contents == document.contents
    assert [file.path for file in found.files] == [into / "Kündigung.pdf"]
    assert (into / "Kündigung.pdf").read_bytes() == b"%PDF-1.7 letter"


def test_a_payload_is_read_from_its_start_wherever_it_stands(tmp_path: Path, into: Path) -> None:
    _, manifest, header, payload = sealed(tmp_path / "sealed")
    source = io.BytesIO(payload)
    source.read()
    assert open_sealed(header, source, manifest, KEY, into).files


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, into: Path) -> None:
    _, manifest, header, payload = sealed(tmp_path / "sealed")
    (into / "Kündigung.pdf").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        open_sealed(header, io.BytesIO(payload), manifest, KEY, into)
    assert (into / "Kündigung.pdf").read_bytes() == b"mine"


def test_a_swapped_payload_is_refused_in_step_11(tmp_path: Path, into: Path) -> None:
    _, manifest, header, _ = sealed(tmp_path / "sealed")
    *_, other = sealed(tmp_path / "other")
    with pytest.raises(Unreadable, match="signed"):
        open_sealed(header, io.BytesIO(other), manifest, KEY, into)


def test_a_swapped_header_is_refused_in_step_11(tmp_path: Path, into: Path) -> None:
    _, manifest, _, payload = sealed(tmp_path / "sealed")
    _, _, other, _ = sealed(tmp_path / "other")
    with pytest.raises(Unreadable, match="signed"):
        open_sealed(other, io.BytesIO(payload), manifest, KEY, into)


@pytest.mark.parametrize("size", [-1, 10**6])
def test_a_payload_of_another_size_is_refused_in_step_11(
    tmp_path: Path, into: Path, size: int
) -> None:
    _, manifest, header, payload = sealed(tmp_path / "sealed")
    other = payload[:size] if size < 0 else payload + bytes(size)
    with pytest.raises(Unreadable, match="signed"):
        open_sealed(header, io.BytesIO(other), manifest, KEY, into)


def test_a_forgery_by_a_co_recipient_is_refused_in_step_11(tmp_path: Path, into: Path) -> None:
    """Whoever shares the file key can seal another payload under the same header."""
    keys = {"jobcentre-a": KEY.recipient, "youth-c": OTHER_KEY.recipient}
    _, manifest, header, payload = sealed(tmp_path / "sealed", recipients=keys)
    file_key = HybridIdentity(OTHER_KEY).unwrap(parsed(header + payload).stanzas)
    assert file_key is not None
    with pytest.raises(Unreadable, match="signed"):
        open_sealed(header, io.BytesIO(_sealed_with(file_key)), manifest, KEY, into)


def _sealed_with(file_key: bytes) -> bytes:
    nonce = bytes(16)
    cipher = ChaCha20Poly1305(payload_key(file_key, nonce))
    return nonce + cipher.encrypt(chunk_nonce(0, last=True), package()[2], None)


def test_a_header_with_more_stanzas_than_recipients_is_refused(tmp_path: Path) -> None:
    context, _, raw = package()
    two = pushed(raw, [RECIPIENT, HybridRecipient(OTHER_KEY.recipient)])
    with pytest.raises(Unreadable, match="fit"):
        opened(two, context, tmp_path / "into")


@pytest.mark.parametrize("kind", ["classical", "passphrase"])
def test_other_kinds_of_recipients_are_refused(tmp_path: Path, kind: str) -> None:
    context, _, raw = package()
    recipient = (
        PassphraseRecipient("words", work_factor=1)
        if kind == "passphrase"
        else X25519Recipient("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj")
    )
    with pytest.raises(Unreadable):
        opened(pushed(raw, [recipient]), context, tmp_path / "into")


def test_a_malformed_header_is_refused(tmp_path: Path, into: Path) -> None:
    _, manifest, header, payload = sealed(tmp_path / "sealed")
    with pytest.raises(HeaderMalformed):
        open_sealed(header + b"\n", io.BytesIO(payload), manifest, KEY, into)


def test_somebody_elses_key_is_refused_in_step_12(tmp_path: Path, into: Path) -> None:
    _, manifest, header, payload = sealed(tmp_path / "sealed")
    with pytest.raises(NoMatch):
        open_sealed(header, io.BytesIO(payload), manifest, OTHER_KEY, into)


def test_equivocation_is_refused_in_step_12(tmp_path: Path) -> None:
    """Two stanzas with two file keys would show two recipients two documents."""
    addressees = [
        Addressee("jobcentre-a", KEY.fingerprint),
        Addressee("youth-c", OTHER_KEY.fingerprint),
    ]
    first, second = b"1" * 16, b"2" * 16
    stanzas = [RECIPIENT.wrap(first), HybridRecipient(OTHER_KEY.recipient).wrap(second)]
    context = new_context(TERMS, addressees, "ab" * 32)
    raw = encode(stanzas, first) + _sealed_with(first)
    with pytest.raises(HeaderMacWrong):
        opened(raw, context, tmp_path / "into", OTHER_KEY)


def test_damage_that_the_sender_signed_is_refused_in_step_13(tmp_path: Path, into: Path) -> None:
    document, _, header, payload = sealed(tmp_path / "sealed")
    damaged = payload[:-1] + bytes([payload[-1] ^ 1])
    with pytest.raises(PayloadDamaged):
        opened(header + damaged, document.context, into)


def test_a_recipient_who_signs_the_document_as_her_own_is_refused_in_step_13(
    tmp_path: Path, into: Path
) -> None:
    document, _, header, payload = sealed(tmp_path / "sealed")
    stolen = new_context(
        replace(TERMS, sender="youth-c"), document.context.recipients, document.contents.sha256
    )
    with pytest.raises(Unreadable, match="context"):
        opened(header + payload, stolen, into)


def test_a_document_under_another_consent_is_refused_in_step_13(tmp_path: Path, into: Path) -> None:
    document, _, header, payload = sealed(tmp_path / "sealed")
    other = new_context(
        replace(TERMS, consent="E" * 42 + "A"),
        document.context.recipients,
        document.contents.sha256,
    )
    with pytest.raises(Unreadable, match="context"):
        opened(header + payload, other, into)


def test_nothing_is_left_after_an_error(tmp_path: Path, into: Path) -> None:
    context, _, raw = package([("a", b"a" * 100_000), ("b", b"b" * 100_000)])
    hostile = raw[:110_000] + b"x" + raw[110_001:]
    with pytest.raises(Unreadable):
        opened(pushed(hostile), context, into)
    assert list(into.iterdir()) == []


def test_a_package_cut_inside_its_padding_is_refused(tmp_path: Path) -> None:
    context, _, raw = package([("a", b"a" * 60_000)])
    assert raw[-2560:] == bytes(2560)  # two blocks end a tar
    with pytest.raises(Unreadable):
        opened(pushed(raw[:-512]), context, tmp_path / "into")


def test_the_commitment_convinces_without_any_key(tmp_path: Path) -> None:
    document, _, _, _ = sealed(tmp_path / "sealed")
    assert document.context.contents == sha256_hex(document.contents.raw)
    assert document.contents.files[0].sha256 == sha256_hex(b"%PDF-1.7 letter")
    salted = document.contents.raw.replace(b'"salt":"', b'"salt":"A', 1)
    assert sha256_hex(salted) != document.context.contents


def test_memory_stays_constant_for_large_documents(tmp_path: Path, into: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    document, manifest, header, payload = sealed(
        tmp_path / "sealed", [Outgoing("large", "application/pdf", source)]
    )
    (tmp_path / "payload").write_bytes(payload)
    del payload
    tracemalloc.start()
    try:
        with (tmp_path / "payload").open("rb") as file:
            open_sealed(header, file, manifest, KEY, into)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
    assert (into / "large").stat().st_size == 64 * 1024 * 1024
    assert manifest_of(document.context, b"").sealed_size == 0
