"""exchange.audit.note and cosignature: foreign examples, every rule of verification, refusals."""

from dataclasses import replace

import pytest

from exchange.audit import note
from exchange.audit.checkpoint import Checkpoint, write_checkpoint
from exchange.audit.cosignature import cosign, time_of
from exchange.audit.note import (
    COSIGNATURE,
    ED25519,
    ML_DSA_COSIGNATURE,
    Line,
    Note,
    SigningKey,
    VerifyingKey,
    read_lines,
    read_note,
    read_vkey,
    sign,
    verified,
    verifying,
    write_line,
    write_note,
    write_vkey,
)
from exchange.errors import LogInvalid, Malformed

ORIGIN = "hub.example/log"
LOG = SigningKey(ORIGIN, ED25519, b"\x01" * 32)
WITNESS = SigningKey("witness.example/a", COSIGNATURE, b"\x02" * 32)
LOG_PQ = SigningKey(ORIGIN, ML_DSA_COSIGNATURE, b"\x04" * 32)
TEXT = write_checkpoint(Checkpoint(ORIGIN, 3, bytes(range(32))))
AT = 1795338000
NOTE = Note(TEXT, (sign(TEXT, LOG), cosign(TEXT, WITNESS, AT), cosign(TEXT, LOG_PQ, AT)))
RAW = write_note(NOTE)
KEYS = [verifying(key) for key in (LOG, WITNESS, LOG_PQ)]
SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


def changed(line: Line, at: int) -> Line:
    signature = bytearray(line.signature)
    signature[at] ^= 1
    return replace(line, signature=bytes(signature))


def refusal(text: bytes, lines: tuple[Line, ...], keys: list[VerifyingKey] = KEYS) -> str:
    with pytest.raises(LogInvalid) as refused:
        verified(Note(text, lines), keys)
    return refused.value.what


def test_a_note_there_and_back() -> None:
    read = read_note(RAW)
    assert read == NOTE
    assert write_note(read) == RAW


def test_every_known_line_verifies() -> None:
    assert verified(NOTE, KEYS) == tuple(zip(KEYS, NOTE.lines, strict=True))


@pytest.mark.parametrize("key", KEYS)
def test_lines_of_unknown_keys_are_ignored(key: VerifyingKey) -> None:
    ((found, _line),) = verified(NOTE, [key])
    assert found == key
    stranger = Line(ORIGIN, b"\x00\x00\x00\x01", b"anything")
    assert len(verified(Note(TEXT, (stranger, *NOTE.lines)), KEYS)) == 3


@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_known_line_that_is_false_rejects_the_whole_note(at: int) -> None:
    lines = [*NOTE.lines]
    lines[at] = changed(lines[at], -1)
    assert refusal(TEXT, tuple(lines)) == "note-signature"
    assert verified(Note(TEXT, tuple(lines)), [key for key in KEYS if key != KEYS[at]])


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_signature_of_another_length_is_false(at: int) -> None:
    line = NOTE.lines[at]
    for signature in (line.signature[:-1], line.signature + b"\x00", line.signature[:4]):
        assert refusal(TEXT, (replace(line, signature=signature),)) == "note-signature"


@pytest.mark.parametrize("at", [1, 2])
def test_the_time_of_a_cosignature_is_signed(at: int) -> None:
    assert refusal(TEXT, (changed(NOTE.lines[at], 7),)) == "note-signature"


@pytest.mark.parametrize("time", [0, 2**63])
@pytest.mark.parametrize("at", [1, 2])
def test_a_cosignature_without_a_time_is_false(at: int, time: int) -> None:
    line = NOTE.lines[at]
    signature = time.to_bytes(8, "big") + line.signature[8:]
    assert refusal(TEXT, (replace(line, signature=signature),)) == "note-signature"


@pytest.mark.parametrize("line", NOTE.lines)
def test_a_line_over_another_text_is_false(line: Line) -> None:
    other = write_checkpoint(Checkpoint(ORIGIN, 4, bytes(range(32))))
    assert refusal(other, (line,)) == "note-signature"


def test_an_ml_dsa_line_over_no_checkpoint_is_false() -> None:
    assert refusal(b"no checkpoint\n", (NOTE.lines[2],)) == "note-signature"


def test_the_key_id_alone_or_the_name_alone_makes_no_line_known() -> None:
    line = NOTE.lines[0]
    assert refusal(TEXT, (replace(line, name="other"),)) == "note-unsigned"
    assert refusal(TEXT, (replace(line, key_id=bytes(4)),)) == "note-unsigned"
    assert refusal(TEXT, NOTE.lines, []) == "note-unsigned"


def test_a_line_moved_under_another_known_name_is_false() -> None:
    other = verifying(SigningKey("witness.example/b", COSIGNATURE, b"\x03" * 32))
    moved = replace(NOTE.lines[1], name=other.name, key_id=other.id)
    assert refusal(TEXT, (NOTE.lines[0], moved), [*KEYS, other]) == "note-signature"


def test_two_known_keys_with_one_name_and_id_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = verifying(SigningKey(ORIGIN, ED25519, b"\x09" * 32))
    monkeypatch.setattr(VerifyingKey, "id", property(lambda _key: bytes(4)))
    with pytest.raises(Malformed, match="share name and id"):
        verified(NOTE, [KEYS[0], other])


def test_the_example_of_the_specification() -> None:
    key = read_vkey(SPEC_KEY)
    assert (key.name, key.type, key.id.hex()) == ("example.com/foo", ED25519, "530d903a")
    assert write_vkey(key) == SPEC_KEY


@pytest.mark.parametrize("key", KEYS)
def test_verifier_keys_there_and_back(key: VerifyingKey) -> None:
    assert read_vkey(write_vkey(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        SPEC_KEY.replace("530d903a", "530D903A"),
        SPEC_KEY.replace("530d903a", "530d903b"),
        SPEC_KEY.replace("530d903a", "530d903"),
        SPEC_KEY.replace("foo", "f oo"),
        SPEC_KEY.replace("foo", "bar"),
        SPEC_KEY[:-1],
        SPEC_KEY[:-4],
        SPEC_KEY + "\n",
        "example.com/foo+530d903a+",
        "example.com/foo+530d903a+" + "AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",  # type 2
    ],
)
def test_no_other_text_is_a_verifier_key(text: str) -> None:
    with pytest.raises(Malformed):
        read_vkey(text)


@pytest.mark.parametrize("weak", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_a_key_under_which_anybody_signs_is_refused(weak: bytes) -> None:
    for kind in (ED25519, COSIGNATURE):
        with pytest.raises(Malformed, match="weak"):
            VerifyingKey(ORIGIN, kind, weak)
    longer = VerifyingKey(ORIGIN, ML_DSA_COSIGNATURE, weak + bytes(1280))
    assert len(longer.public) == 1312  # begins with a seed, which is no point


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    [
        (ORIGIN, 2, 32),
        (ORIGIN, ED25519, 31),
        (ORIGIN, ML_DSA_COSIGNATURE, 32),
        ("", ED25519, 32),
        ("a b", ED25519, 32),
        ("a+b", ED25519, 32),
        ("a\u00a0b", ED25519, 32),
        ("a\u2028b", ED25519, 32),
        ("a\x00b", ED25519, 32),
        ("a\ud800", ED25519, 32),
        ("a" * 256, ED25519, 32),
    ],
)
def test_no_other_name_type_or_size_is_a_key(name: str, kind: int, size: int) -> None:
    with pytest.raises(Malformed):
        VerifyingKey(name, kind, b"\x07" * size)
    if size == 32:
        with pytest.raises(Malformed):
            SigningKey(name, kind, bytes(31) if kind == ML_DSA_COSIGNATURE else bytes(size))


def test_a_seed_of_another_size_is_no_signing_key() -> None:
    for seed in (bytes(31), bytes(33)):
        with pytest.raises(Malformed):
            SigningKey(ORIGIN, ED25519, seed)


def test_a_signing_key_does_not_show_its_seed() -> None:
    assert repr(LOG) == f"SigningKey(name='{ORIGIN}', type=1)"


def test_a_key_signs_what_its_type_says() -> None:
    assert sign(TEXT, LOG) == sign(TEXT, LOG)
    assert cosign(TEXT, WITNESS, AT) == cosign(TEXT, WITNESS, AT)
    with pytest.raises(Malformed, match="makes cosignatures"):
        sign(TEXT, WITNESS)
    with pytest.raises(Malformed, match="makes no cosignatures"):
        cosign(TEXT, LOG, AT)
    with pytest.raises(Malformed):
        cosign(b"no checkpoint\n", LOG_PQ, AT)
    for time in (0, -1, 2**63):
        with pytest.raises(Malformed, match="has a time"):
            cosign(TEXT, WITNESS, time)


def test_what_the_witness_of_another_text_signs() -> None:
    """An Ed25519 cosignature covers the whole text, whatever it says."""
    text = b"any text\n"
    assert verified(Note(text, (cosign(text, WITNESS, AT),)), KEYS)


def test_an_origin_too_long_for_an_ml_dsa_cosignature_is_refused() -> None:
    text = write_checkpoint(Checkpoint("a" * 256, 3, bytes(32)))
    with pytest.raises(Malformed, match="too long"):
        cosign(text, LOG_PQ, AT)


def test_the_time_of_a_line() -> None:
    assert [time_of(line) for line in NOTE.lines[1:]] == [AT, AT]
    with pytest.raises(Malformed):
        time_of(Line(ORIGIN, bytes(4), bytes(8)))


def test_several_lines_may_have_one_name() -> None:
    """Rotation: both keys of a log sign."""
    new = SigningKey(ORIGIN, ED25519, b"\x06" * 32)
    both = Note(TEXT, (sign(TEXT, LOG), sign(TEXT, new)))
    assert len(verified(both, [verifying(LOG), verifying(new)])) == 2


def test_the_text_ends_at_the_last_empty_line() -> None:
    text = b"one\n\ntwo\n\n\n"
    assert read_note(write_note(Note(text, (sign(text, LOG),)))).text == text


def test_64_lines_are_read_and_65_are_not() -> None:
    line = write_line(NOTE.lines[0])
    assert len(read_note(TEXT + b"\n" + line * 64).lines) == 64
    with pytest.raises(Malformed, match="1 to 64"):
        read_note(TEXT + b"\n" + line * 65)
    with pytest.raises(Malformed, match="1 to 64"):
        Note(TEXT, NOTE.lines[:1] * 65)


def test_a_note_of_128_kib_is_read_and_a_larger_one_is_not() -> None:
    rest = len(write_note(Note(b"\n", NOTE.lines[:1])))
    text = b"a" * (note.LARGEST_NOTE - rest) + b"\n"
    assert read_note(write_note(Note(text, NOTE.lines[:1]))).text == text
    with pytest.raises(Malformed, match="too large"):
        read_note(write_note(Note(b"a" + text, NOTE.lines[:1])))


DASH = "\N{EM DASH} ".encode()
LINE = write_line(NOTE.lines[0])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        TEXT,
        TEXT + b"\n",
        TEXT + LINE,
        LINE,
        b"\n" + LINE,
        TEXT + b"\n" + LINE[:-1],
        TEXT + b"\n" + LINE + LINE[:-1],
        TEXT + b"\n" + LINE + b"\n",
        TEXT + b"\n" + LINE + b"\n" + b"rest",
        TEXT + b"\n" + b"- " + LINE.removeprefix(DASH),
        TEXT + b"\n" + LINE.removeprefix(DASH),
        TEXT + b"\n" + b" " + LINE,
        TEXT + b"\n" + DASH + b"name\n",
        TEXT + b"\n" + DASH + b"name \n",
        TEXT + b"\n" + DASH + b" AAAAAAA=\n",
        TEXT + b"\n" + DASH + b"na+me AAAAAAA=\n",
        TEXT + b"\n" + DASH + b"name  AAAAAAA=\n",
        TEXT + b"\n" + DASH + b"name AAAAAAA= \n",
        TEXT + b"\n" + DASH + b"name AAAAAAA\n",
        TEXT + b"\n" + DASH + b"name AAAAAAB=\n",
        TEXT + b"\n" + DASH + b"name AAAAAA==\n",  # a key id and no signature
        TEXT + b"\n" + DASH + b"name AAAA\n",
        TEXT.replace(b"\n", b"\r\n") + b"\n" + LINE,
        TEXT.replace(b"hub", b"h\x00b") + b"\n" + LINE,
        TEXT.replace(b"hub", b"\xff") + b"\n" + LINE,
        TEXT + b"\n" + LINE.replace(b"hub", b"h\xffb"),
    ],
)
def test_no_other_bytes_are_a_note(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_note(raw)


def test_a_note_has_a_text_that_ends_and_a_line_that_is_whole() -> None:
    with pytest.raises(Malformed, match="line feed"):
        Note(b"text", NOTE.lines)
    with pytest.raises(Malformed, match="1 to 64"):
        Note(TEXT, ())
    for size in (3, 5):
        with pytest.raises(Malformed, match="4 bytes"):
            Line(ORIGIN, bytes(size), b"signature")


def test_lines_alone_are_read_as_a_witness_answers_them() -> None:
    assert read_lines(LINE) == NOTE.lines[:1]
    assert read_lines(b"".join(map(write_line, NOTE.lines))) == NOTE.lines
    for raw in (b"", b"\n", LINE[:-1], LINE + b"\n", LINE * 65):
        with pytest.raises(Malformed):
            read_lines(raw)


def test_what_looks_like_a_line_break_elsewhere_is_none() -> None:
    text = "one\u2028two\u0085three\n".encode()
    assert read_note(write_note(Note(text, (sign(text, LOG),)))).text == text
