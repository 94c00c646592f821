"""What systemd is told, and that nothing happens where it does not listen."""

import secrets
import socket
from pathlib import Path

import pytest

from exchange.cli.systemd import READY, notify


def test_whoever_started_the_program_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"exchange-{secrets.token_hex(8)}"
    for given, bound in (
        (str(tmp_path / "told"), str(tmp_path / "told")),
        (f"@{name}", f"\0{name}"),
    ):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(bound)
            monkeypatch.setenv("NOTIFY_SOCKET", given)
            notify(READY)
            assert told.recv(100) == b"READY=1"


def test_nobody_to_tell_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify(READY)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify(READY)
