"""exchange.agency.api_token and .private_file: a secret that others can read is none."""

import hashlib
from pathlib import Path

import pytest

from exchange.agency import api_token
from exchange.agency.home import Home, at
from exchange.errors import Misconfigured


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return at(tmp_path)


def test_a_token_is_made_once_for_its_owner_alone(home: Home) -> None:
    api_token.make(home)
    token = api_token.read(home)
    assert len(token) >= 43
    assert home.api_token.stat().st_mode & 0o777 == 0o600

    api_token.make(home)
    assert api_token.read(home) == token


def test_two_homes_have_two_tokens(tmp_path: Path) -> None:
    tokens = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        api_token.make(at(tmp_path / name))
        tokens.add(api_token.read(at(tmp_path / name)))
    assert len(tokens) == 2


def test_without_a_token_the_reader_learns_how_to_get_one(home: Home) -> None:
    with pytest.raises(Misconfigured, match="the first start of the gateway makes one"):
        api_token.read(home)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_token_that_others_can_use_is_refused(home: Home, mode: int) -> None:
    api_token.make(home)
    home.api_token.chmod(mode)
    with pytest.raises(Misconfigured, match="others can use api-token; run: chmod 600"):
        api_token.read(home)


def test_a_link_is_no_token(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("x" * 64)
    other.chmod(0o600)
    home.api_token.symlink_to(other)
    with pytest.raises(Misconfigured, match="is a link"):
        api_token.read(home)


@pytest.mark.parametrize("text", ["", "short", "x" * 20 + " " + "y" * 20, "ä" * 40, "x" * 70_000])
def test_what_is_no_secret_is_refused_and_not_quoted(home: Home, text: str) -> None:
    home.api_token.write_text(text, encoding="utf-8")
    home.api_token.chmod(0o600)
    with pytest.raises(Misconfigured) as refused:
        api_token.read(home)
    assert not text or text not in str(refused.value)


def test_a_gateway_keeps_the_digest_only() -> None:
    assert api_token.digest("token") == hashlib.sha256(b"token").digest()
