"""exchange.envelope.age.encrypt"""

import io

import pytest

from exchange.envelope.age.decrypt import RandomAccess, decrypt_file
from exchange.envelope.age.encrypt import Encryptor, draw, encrypt_file, fill, write_all
from exchange.envelope.age.header import Recipient
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.envelope.age.passphrase import PassphraseRecipient
from exchange.envelope.age.stream import payload_size
from exchange.errors import Malformed
from tests.envelopes import IDENTITY, KEY, OTHER_KEY, RECIPIENT, parsed, pushed

SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 51_200, 1_000_003, 2 * 65_536 * 3]
CONTENT = bytes(range(251)) * 8000


def _filed(plaintext: bytes, batch: int) -> bytes:
    target = io.BytesIO()
    size = encrypt_file(io.BytesIO(plaintext), target, [RECIPIENT], batch=batch)
    assert size == 1627
    return target.getvalue()


def _opened(sealed: bytes) -> bytes:
    target = io.BytesIO()
    assert decrypt_file(io.BytesIO(sealed), target, [IDENTITY]) == len(target.getvalue())
    return target.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_every_way_of_sealing_opens_to_the_same_bytes(size: int) -> None:
    plaintext = CONTENT[:size]
    for sealed in (pushed(plaintext), _filed(plaintext, 1), _filed(plaintext, 16)):
        assert len(sealed) == 1627 + payload_size(size)
        assert _opened(sealed) == plaintext
        assert RandomAccess(io.BytesIO(sealed), [IDENTITY]).read_at(0, size) == plaintext


@pytest.mark.parametrize("step", [1, 7, 65_536, 65_537, 200_001])
def test_pushing_in_any_steps_seals_the_same_bytes(step: int) -> None:
    plaintext = CONTENT[: 140_000 if step > 7 else 3_000]
    encryptor = Encryptor([RECIPIENT])
    pieces = [encryptor.update(plaintext[at : at + step]) for at in range(0, len(plaintext), step)]
    assert _opened(b"".join([*pieces, encryptor.finalize()])) == plaintext


def test_a_full_chunk_is_held_back_because_it_may_be_the_last() -> None:
    encryptor = Encryptor([RECIPIENT])
    assert len(encryptor.update(bytes(65_536))) == 1627 + 16
    assert len(encryptor.update(b"x")) == 65_552
    assert len(encryptor.finalize()) == 17


@pytest.mark.parametrize("recipients", [0, 2])
def test_no_recipient_or_recipients_of_two_kinds_are_refused(recipients: int) -> None:
    both: list[Recipient] = [RECIPIENT, PassphraseRecipient("words", work_factor=1)]
    mixed = both[:recipients]
    with pytest.raises(Malformed):
        Encryptor(mixed)
    with pytest.raises(Malformed):
        encrypt_file(io.BytesIO(b""), io.BytesIO(), mixed)


def test_two_recipients_open_the_same_file() -> None:
    sealed = pushed(b"letter", [RECIPIENT, HybridRecipient(OTHER_KEY.recipient)])
    assert len(parsed(sealed).raw) == 3184
    for key in (KEY, OTHER_KEY):
        identity = type(IDENTITY)(key)
        assert RandomAccess(io.BytesIO(sealed), [identity]).read_at(0, 10) == b"letter"


def test_sealing_again_gives_another_file_key_and_nonce() -> None:
    first, second = draw([RECIPIENT]), draw([RECIPIENT])
    assert first[0] != second[0]
    assert first[1] != second[1]
    assert pushed(b"letter") != pushed(b"letter")


class _Slow(io.RawIOBase):
    """A stream that gives and takes little at once, as pipes do."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__()
        self.content = bytearray(content)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self.content[: min(3, len(buffer))]
        del self.content[:3]
        buffer[: len(piece)] = piece
        return len(piece)

    def write(self, data: memoryview | bytes) -> int | None:  # type: ignore[override]
        if len(self.content) % 2:
            self.content.append(data[0])
            return 1
        self.content += bytes(data[:1])
        return 1


def test_short_reads_and_writes_are_repeated() -> None:
    buffer = memoryview(bytearray(8))
    source = _Slow(b"0123456789")
    assert fill(source, buffer) == 8
    assert bytes(buffer) == b"01234567"
    target = _Slow()
    write_all(target, b"abcdef")
    assert bytes(target.content) == b"abcdef"
