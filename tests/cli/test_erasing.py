"""`exchange log rekey-vault` and `exchange hub erase-consent`, beside a running hub and alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from exchange.cli.main import main
from exchange.hub.storage.vault_keys import NEXT
from tests.cli.test_hub import card, serving
from tests.ports import free_port


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a hub that has admitted three agencies, so it has three keys."""
    found = tmp_path_factory.mktemp("rekeyed")
    home = ("--home", str(found / "hub"))
    assert main(["hub", "init", "--origin", f"http://127.0.0.1:{free_port()}", *home]) == 0
    for agency in ("women-b", "jobcentre-a", "youth-c"):
        assert main(["hub", "admit", str(card(found, agency)), *home]) == 0
    return found


def key(place: Path) -> bytes:
    return (place / "hub" / "vault" / "vault.key").read_bytes()


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """Hold on to the vault's file, as a copying program may."""
    with closing(sqlite3.connect(place / "hub" / "vault" / "vault.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM chain_key").fetchone()
        yield


def rekey(place: Path, *options: str) -> int:
    return main(["log", "rekey-vault", "--home", str(place / "hub"), *options])


def test_the_vault_changes_its_key_beside_a_running_hub_and_without_one(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = key(place)
    assert rekey(place) == 0
    between = key(place)
    with serving(place):
        assert rekey(place) == 0
    assert len({before, between, key(place)}) == 3
    said = capfd.readouterr()
    assert said.out.count("sealed 3 keys anew") == 2
    assert "The old key is destroyed" in said.out
    assert not (place / "hub" / "vault" / f"vault.key{NEXT}").exists()


def test_a_prepared_key_is_made_once_and_used_later(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = place / "hub" / "vault" / f"vault.key{NEXT}"
    before = key(place)
    assert rekey(place, "--prepare") == 0
    following = file.read_bytes()
    assert rekey(place, "--prepare") == 0
    assert (file.read_bytes(), key(place)) == (following, before)
    assert "Copy it to the same place on every machine" in capfd.readouterr().out
    assert rekey(place) == 0
    assert key(place) == following


def test_while_a_reader_holds_the_vault_the_old_key_stays_and_the_exit_code_says_so(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from exchange.cli import log_rekey_vault

    monkeypatch.setattr(log_rekey_vault, "PAUSE_S", 0.01)
    before = key(place)
    with reading(place):
        assert rekey(place) == 3
    assert key(place) == before
    assert "a reader holds on" in capfd.readouterr().out
    assert rekey(place) == 0
    assert key(place) != before


@pytest.mark.parametrize("arguments", [("log", "rekey-vault"), ("hub", "erase-consent", "A" * 43)])
def test_without_a_hub_nothing_is_done(
    tmp_path: Path, arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    yes = ["--yes"] if "erase-consent" in arguments else []
    assert main([*arguments, "--home", str(tmp_path / "none"), *yes]) == 1
    assert "there is no hub in" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "terminal", "words"),
    [
        ("no", True, "not confirmed; nothing was erased"),
        ("yes", True, "not found"),
        ("", False, "add --yes"),
    ],
)
def test_an_erasure_is_asked_about_before_it_is_done(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    *,
    typed: str,
    terminal: bool,
    words: str,
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal)

    def answer(question: str) -> str:
        asked.append(question)
        return typed

    monkeypatch.setattr("builtins.input", answer)
    home = str(place / "hub")
    assert main(["hub", "erase-consent", "A" * 43, "--home", home]) == 1
    assert words in capfd.readouterr().err
    assert bool(asked) is terminal
