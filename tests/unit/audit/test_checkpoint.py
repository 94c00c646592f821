"""exchange.audit.checkpoint: three lines, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from exchange.audit.merkle import EMPTY_ROOT
from exchange.errors import Malformed

ROOT = "ntDvnYlPbOU/FQBtrOry7B1Y+lvzVtGBvq5hfe3HFxA="
TEXT = f"hub.example/log\n3\n{ROOT}\n".encode()


def test_a_checkpoint_there_and_back() -> None:
    checkpoint = read_checkpoint(TEXT)
    assert (checkpoint.origin, checkpoint.size) == ("hub.example/log", 3)
    assert checkpoint.root.hex().startswith("9ed0ef9d")
    assert write_checkpoint(checkpoint) == TEXT


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_every_checkpoint_there_and_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint("hub.example/log", size, root)
    assert read_checkpoint(write_checkpoint(checkpoint)) == checkpoint


def test_the_checkpoint_of_an_empty_log() -> None:
    text = b"hub.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert read_checkpoint(text) == Checkpoint("hub.example/log", 0, EMPTY_ROOT)
    with pytest.raises(Malformed, match="one root only"):
        read_checkpoint(TEXT.replace(b"\n3\n", b"\n0\n"))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        TEXT[:-1],
        TEXT + b"\n",
        TEXT + b"extension\n",
        TEXT + b"extension",
        b"\n" + TEXT,
        TEXT.replace(b"hub.example/log", b""),
        TEXT.replace(b"hub", b"\xff"),
        TEXT.replace(b"hub", b"h\tb"),
        TEXT.replace(b"\n3\n", b"\n03\n"),
        TEXT.replace(b"\n3\n", b"\n01000\n"),
        TEXT.replace(b"\n3\n", b"\n3 \n"),
        TEXT.replace(b"\n3\n", b"\n-3\n"),
        TEXT.replace(b"\n3\n", b"\n9223372036854775808\n"),
        TEXT.replace(b"\n3\n", "\u2028 3\n".encode()),
        TEXT.replace(b"xA=", b"xB="),
        TEXT.replace(b"xA=\n", b"xA=\r\n"),
        TEXT.replace(ROOT.encode(), b"bnREdg=="),
    ],
)
def test_no_other_text_is_a_checkpoint(text: bytes) -> None:
    with pytest.raises(Malformed):
        read_checkpoint(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, bytes(32)),
        ("a\nb", 1, bytes(32)),
        ("a", -1, bytes(32)),
        ("a", 2**63, bytes(32)),
        ("a", 1, bytes(31)),
    ],
)
def test_a_checkpoint_is_a_line_a_size_and_a_root(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(Malformed):
        Checkpoint(origin, size, root)
