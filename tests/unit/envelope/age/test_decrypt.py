"""exchange.envelope.age.decrypt"""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.envelope.age import decrypt, stream
from exchange.envelope.age.decrypt import (
    DecryptingReader,
    Decryptor,
    RandomAccess,
    decrypt_file,
    unwrap,
)
from exchange.envelope.age.header import Header, Stanza, encode
from exchange.envelope.age.hybrid import HybridIdentity, HybridRecipient
from exchange.errors import (
    ExchangeError,
    HeaderMacWrong,
    HeaderMalformed,
    NoMatch,
    PayloadDamaged,
)
from tests.envelopes import IDENTITY, OTHER_KEY, RECIPIENT, parsed, pushed, split

CHUNK = stream.SEALED_CHUNK_SIZE
MARK = b"MARKED PLAINTEXT"
PLAINTEXT = MARK * 12_289 + b"odd"  # three chunks and a bit
SEALED = pushed(PLAINTEXT)
HEADER, PAYLOAD = split(SEALED)


def _push(sealed: bytes, step: int) -> tuple[bytes, ExchangeError | None]:
    released = b""
    decryptor = Decryptor([IDENTITY])
    try:
        for at in range(0, len(sealed), step):
            released += decryptor.update(sealed[at : at + step])
        released += decryptor.finalize()
    except ExchangeError as error:
        return released, error
    return released, None


def _file(sealed: bytes, batch: int) -> tuple[bytes, ExchangeError | None]:
    target = io.BytesIO()
    try:
        decrypt_file(io.BytesIO(sealed), target, [IDENTITY], batch=batch)
    except ExchangeError as error:
        return target.getvalue(), error
    return target.getvalue(), None


def _pull(sealed: bytes, step: int) -> tuple[bytes, ExchangeError | None]:
    released = b""
    try:
        reader = DecryptingReader(io.BytesIO(sealed), [IDENTITY], batch=2)
        while piece := reader.read(step):
            released += piece
    except ExchangeError as error:
        return released, error
    return released, None


def _every_way(sealed: bytes) -> list[tuple[bytes, ExchangeError | None]]:
    steps = [] if len(sealed) > 10_000 else [_push(sealed, 1)]
    return [
        *steps,
        _push(sealed, 50_001),
        _push(sealed, 10**7),
        _file(sealed, 1),
        _file(sealed, 16),
        _pull(sealed, 1000),
        _pull(sealed, 10**6),
    ]


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, len(PLAINTEXT)])
def test_every_way_of_opening_gives_the_same_bytes(size: int) -> None:
    for released, error in _every_way(pushed(PLAINTEXT[:size])):
        assert error is None
        assert released == PLAINTEXT[:size]


def _damaged(place: int) -> bytes:
    changed = bytearray(SEALED)
    changed[len(HEADER) + 16 + place] ^= 1
    return bytes(changed)


BOUNDARIES = [
    chunk * CHUNK + by for chunk in range(4) for by in (-17, -16, -1, 0, 1) if chunk or by >= 0
]


@pytest.mark.parametrize("place", BOUNDARIES)
def test_after_damage_nothing_of_that_chunk_is_released(place: int) -> None:
    for released, error in _every_way(_damaged(place)):
        assert isinstance(error, PayloadDamaged)
        assert released == PLAINTEXT[: place // CHUNK * stream.CHUNK_SIZE]


@pytest.mark.parametrize("place", BOUNDARIES)
def test_a_file_cut_anywhere_is_refused(place: int) -> None:
    for released, error in _every_way(SEALED[: len(HEADER) + 16 + place]):
        assert isinstance(error, PayloadDamaged)
        assert PLAINTEXT.startswith(released)
        assert len(released) <= place // CHUNK * stream.CHUNK_SIZE


@pytest.mark.parametrize("more", [1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1])
@pytest.mark.parametrize("size", [0, 65_536, 131_072, len(PLAINTEXT)])
def test_a_file_with_more_behind_its_end_is_refused(size: int, more: int) -> None:
    sealed = pushed(PLAINTEXT[:size]) + bytes(more)
    for released, error in _every_way(sealed):
        assert isinstance(error, PayloadDamaged)
        assert PLAINTEXT[:size].startswith(released)


@pytest.mark.parametrize("kept", [0, 1, 15])
def test_a_file_without_its_whole_nonce_is_malformed(kept: int) -> None:
    sealed = HEADER + PAYLOAD[:kept]
    for released, error in _every_way(sealed):
        assert isinstance(error, HeaderMalformed)
        assert released == b""
    with pytest.raises(HeaderMalformed):
        RandomAccess(io.BytesIO(sealed), [IDENTITY])


def test_chunks_in_another_order_are_refused() -> None:
    first, second = PAYLOAD[16 : 16 + CHUNK], PAYLOAD[16 + CHUNK : 16 + 2 * CHUNK]
    swapped = HEADER + PAYLOAD[:16] + second + first + PAYLOAD[16 + 2 * CHUNK :]
    for released, error in _every_way(swapped):
        assert isinstance(error, PayloadDamaged)
        assert released == b""


def test_no_byte_of_a_damaged_chunk_is_visible_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    buffers: list[memoryview] = []
    original = decrypt._Chunks.open

    def watched(
        self: decrypt._Chunks, sealed: memoryview, into: memoryview
    ) -> tuple[int, PayloadDamaged | None]:
        opened, failure = original(self, sealed, into)
        buffers.append(memoryview(bytes(into)))
        return opened, failure

    monkeypatch.setattr(decrypt._Chunks, "open", watched)
    short = bytearray(pushed(MARK * 100))
    short[-1] ^= 1
    for sealed in (_damaged(0), bytes(short)):
        for released, error in _every_way(sealed):
            assert released == b""
            assert error is not None
            assert MARK.decode() not in repr(error)
    assert buffers
    assert all(MARK not in bytes(buffer) for buffer in buffers)


def test_an_error_is_repeated_and_never_forgotten() -> None:
    decryptor = Decryptor([IDENTITY])
    assert decryptor.update(_damaged(CHUNK)) == PLAINTEXT[: stream.CHUNK_SIZE]
    for _ in range(2):
        with pytest.raises(PayloadDamaged):
            decryptor.update(b"")
        with pytest.raises(PayloadDamaged):
            decryptor.finalize()
    reader = DecryptingReader(io.BytesIO(_damaged(CHUNK)), [IDENTITY])
    assert len(reader.read(10**6)) == stream.CHUNK_SIZE
    for _ in range(2):
        with pytest.raises(PayloadDamaged):
            reader.read(1)
        with pytest.raises(PayloadDamaged):
            reader.drain()


def test_draining_reaches_the_end_and_counts() -> None:
    reader = DecryptingReader(io.BytesIO(SEALED), [IDENTITY], batch=1)
    assert reader.readable()
    assert reader.read(5) == PLAINTEXT[:5]
    assert reader.drain() == len(PLAINTEXT) - 5
    assert reader.read(1) == b""
    with pytest.raises(PayloadDamaged):
        DecryptingReader(io.BytesIO(SEALED[:-1]), [IDENTITY], batch=1).drain()


def test_the_header_may_come_from_elsewhere() -> None:
    reader = DecryptingReader(io.BytesIO(PAYLOAD), [IDENTITY], found=parsed(SEALED))
    assert reader.readall() == PLAINTEXT


def test_every_identity_is_tried() -> None:
    other = HybridIdentity(OTHER_KEY)
    assert _opened_by([other, IDENTITY]) == PLAINTEXT
    with pytest.raises(NoMatch):
        _opened_by([other])
    with pytest.raises(NoMatch):
        _opened_by([])


def _opened_by(identities: Sequence[HybridIdentity]) -> bytes:
    return DecryptingReader(io.BytesIO(SEALED), identities).readall()


def test_a_file_key_of_another_size_is_malformed() -> None:
    class Odd:
        def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
            return b"k" * 17

    with pytest.raises(HeaderMalformed):
        unwrap(parsed(SEALED), [Odd()])


def test_a_header_of_another_file_key_is_refused() -> None:
    """Equivocation: the second recipient would read with another key than the first."""
    first, second = b"1" * 16, b"2" * 16
    other = HybridRecipient(OTHER_KEY.recipient)
    raw = encode([RECIPIENT.wrap(first), other.wrap(second)], first)
    found = parsed(raw + bytes(16))
    assert unwrap(found, [IDENTITY]) == first
    with pytest.raises(HeaderMacWrong):
        unwrap(found, [HybridIdentity(OTHER_KEY)])


def test_a_passphrase_beside_another_stanza_is_malformed() -> None:
    stanzas = (RECIPIENT.wrap(b"k" * 16), Stanza((b"scrypt", b"x", b"1"), bytes(32)))
    raw = encode(stanzas, b"k" * 16)
    with pytest.raises(HeaderMalformed):
        unwrap(Header(stanzas, bytes(32), raw), [IDENTITY])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(PLAINTEXT) + 10), st.integers(0, 140_000))
def test_random_access_equals_slices(offset: int, size: int) -> None:
    access = RandomAccess(io.BytesIO(SEALED), [IDENTITY])
    assert access.size == len(PLAINTEXT)
    assert access.read_at(offset, size) == PLAINTEXT[offset : offset + size]


def test_random_access_reads_an_empty_file() -> None:
    access = RandomAccess(io.BytesIO(pushed(b"")), [IDENTITY])
    assert (access.size, access.read_at(0, 1)) == (0, b"")


@pytest.mark.parametrize("cut", [1, 16, 17, 3 + 16, 3 + 17, CHUNK + 19, CHUNK])
def test_random_access_refuses_a_cut_file_before_it_reads_anything(cut: int) -> None:
    with pytest.raises(PayloadDamaged):
        RandomAccess(io.BytesIO(SEALED[:-cut]), [IDENTITY])
    with pytest.raises(PayloadDamaged):
        RandomAccess(io.BytesIO(SEALED + bytes(cut)), [IDENTITY])


def test_random_access_refuses_a_damaged_chunk() -> None:
    access = RandomAccess(io.BytesIO(_damaged(5)), [IDENTITY])
    assert access.read_at(stream.CHUNK_SIZE, 5) == PLAINTEXT[stream.CHUNK_SIZE :][:5]
    with pytest.raises(PayloadDamaged):
        access.read_at(0, 1)


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 2000))
def test_garbage_raises_only_errors_of_ours(garbage: bytes, place: int) -> None:
    for sealed in (garbage, SEALED[:place] + garbage, HEADER + garbage):
        for _, error in (_push(sealed, 100), _file(sealed, 1)):
            assert isinstance(error, ExchangeError)
