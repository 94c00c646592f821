"""exchange.cli.demo_search: finds a word wherever and however it stands in a file."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.cli.demo_search import PIECE, occurrences

WORD = "KANARIENVOGEL-4711"


@pytest.mark.parametrize(
    "spelt",
    [
        bytes,
        lambda word: word.hex().encode(),
        lambda word: word.hex().upper().encode(),
        lambda word: word.decode().encode("utf-16-le"),
        base64.b64encode,
        lambda word: base64.b64encode(b"?" + word + b"??"),
        lambda word: base64.urlsafe_b64encode(b"ab" + word + b"c"),
    ],
    ids=["text", "hex", "HEX", "utf-16", "base64", "base64 inside", "base64url inside"],
)
def test_a_word_is_found_in_every_spelling(tmp_path: Path, spelt: Callable[[bytes], bytes]) -> None:
    (tmp_path / "some.db").write_bytes(b"\0" * 100 + spelt(WORD.encode()) + b"\0" * 100)
    assert occurrences(tmp_path, [WORD]) == [tmp_path / "some.db"]


def test_a_word_across_two_pieces_is_found(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (PIECE - 5) + WORD.encode())
    assert occurrences(tmp_path, [WORD]) == [tmp_path / "big"]


def test_a_word_in_a_name_is_found(tmp_path: Path) -> None:
    (tmp_path / f"a-{WORD}.pdf").touch()
    assert occurrences(tmp_path, [WORD]) == [tmp_path / f"a-{WORD}.pdf"]


def test_other_files_are_not_found(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"KANARIENVOGEL-4712" * 1000)
    assert occurrences(tmp_path, [WORD]) == []


def test_a_file_that_goes_while_it_is_searched_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "payload").write_bytes(b"canary")
    (tmp_path / "stays").write_bytes(b"canary")
    is_file = Path.is_file

    def swept_then(path: Path) -> bool:
        found = is_file(path)
        (tmp_path / "payload").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "is_file", swept_then)
    assert occurrences(tmp_path, ["canary"]) == [tmp_path / "stays"]
