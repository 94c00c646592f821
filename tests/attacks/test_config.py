"""A87: settings nobody reads, unsafe combinations, loose files, two processes: no start."""

import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exchange.configuration import load
from exchange.errors import Misconfigured
from exchange.hub import app
from exchange.hub.admit import admit
from exchange.hub.settings import HubSettings, Officers
from exchange.hub.storage.reaches import Reach
from exchange.keyring.demo import demo_identity
from tests.attacks.served import CANARY

pytestmark = pytest.mark.supply

NOW = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "orgin = 'https://hub.example'",
        "[htpp]\nhead_s = 5",
        "[http]\nhead = 5",
        "[agency]\nrate = 0",
        "[agency]\nrate = -1",
        "[agency]\nrate = inf",
        "[agency]\nrate = nan",
        "[agency]\nrate = 'unlimited'",
        "[agency]\nparallel = 0",
        "[http]\nhead_s = 0",
        "[http]\nbody_s = inf",
        "[listen]\nconnections = 0",
        "[listen]\nport = 0",
        "[listen]\nport = 70000",
        "[token]\nlife_s = 86400",
        "[disclosure]\nmax_size = 0",
        "[disclosure]\nexpiry_s = 1209601",
        "[disclosure]\nreminder_s = 1209600",
        "[erasure]\ndue_days = 31",
        "[erasure]\nreminder_days = 14",
        "[notices]\nfirst_retry_s = 30000",
        "[officers]\nissuer = 'https://login.example'",
        "[officers]\nclient_id = 'hub'",
        "[officers]\nsecret = 'KANARI'",
        "[officers]\nacr = 'two-factors'",
        "[officers]\nissuer = 'http://login.example'\nclient_id = 'hub'",
        "[officers]\nissuer = 'https://login.example/?a=b'\nclient_id = 'hub'",
        "[officers]\nissuer = 'https://hub@login.example'\nclient_id = 'hub'",
        "[officers]\nissuer = 'https://login.example'\nclient_id = 'hub'\nalgorithms = []",
        "[officers]\nissuer = 'https://login.example'\nclient_id = 'hub'\nalgorithms = ['none']",
        "[officers]\nissuer = 'https://login.example'\nclient_id = 'hub'\nalgorithms = ['HS256']",
        "origin = 'http://hub.example'",
        "origin = 'http://10.0.0.1'",
        "origin = 'http://127.0.0.1.evil.example'",
        "origin = 'https://user@hub.example'",
        "origin = 'https://hub.example/path'",
        "origin = 'https://hub.example/'",
        "origin = 'https://hub.example?a=b'",
        "origin = 'ftp://hub.example'",
        "origin = 'hub.example'",
        "origin = ''",
        "[http]\ntrusted_proxies = ['0.0.0.0/0']",
        "[http]\ntrusted_proxies = ['::/0']",
        "[http]\ntrusted_proxies = ['10.0.0.1', '0.0.0.0/0']",
        "[http]\ntrusted_proxies = ['proxy.example']",
        "[http]\ntrusted_proxies = ['*']",
        "demo = 'perhaps'",
        "plugins = 'smtp'",
        "not toml",
        "\x00",
    ],
)
def test_a_file_with_one_wrong_line_does_not_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(Misconfigured):
        load(HubSettings, file)


@pytest.mark.parametrize(
    "name", ["EXCHANGE_HUB_ORGIN", "EXCHANGE_HUB_HTTP__HEAD", "EXCHANGE_HUB_HTPP__HEAD_S"]
)
def test_a_misspelt_variable_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "5")
    file = tmp_path / "hub.toml"
    file.write_text("", encoding="utf-8")

    with pytest.raises(Misconfigured, match=name):
        load(HubSettings, file)


@pytest.mark.parametrize("name", ["DATABASE_URL", "VAULT__URL"])
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_address_of_a_database_does_not_start_on_a_file_instead(
    monkeypatch: pytest.MonkeyPatch, name: str, empty: str
) -> None:
    monkeypatch.setenv(f"EXCHANGE_HUB_{name}", empty)

    with pytest.raises(Misconfigured, match=r"(database_|vault\.)url: is empty"):
        load(HubSettings, None)


def test_what_is_wrong_is_named_and_its_value_is_not(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(f"[http]\nhead_s = '{CANARY}'\n", encoding="utf-8")

    with pytest.raises(Misconfigured, match=r"http\.head_s") as refused:
        load(HubSettings, file)

    assert CANARY not in str(refused.value)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "hub"
    app.make_home(found)
    return found


def opened(home: Path) -> AbstractAsyncContextManager[app.Opened]:
    settings = HubSettings(home=home, disk={"reserve": 1024})
    return app.opened(settings, clock=lambda: NOW, on_failure=lambda: None)


@pytest.mark.parametrize("name", ["token.key", "vault/vault.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
async def test_a_secret_others_may_read_does_not_start(home: Path, name: str, mode: int) -> None:
    (home / name).chmod(mode)

    with pytest.raises(Misconfigured):
        async with opened(home):
            pytest.fail("it started")


@pytest.mark.parametrize("name", [".", "vault", "payloads"])
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722, 0o702])
async def test_a_directory_others_may_write_does_not_start(
    home: Path, name: str, mode: int
) -> None:
    (home / name).chmod(mode)

    with pytest.raises(Misconfigured):
        async with opened(home):
            pytest.fail("it started")


async def test_a_second_process_does_not_start(home: Path) -> None:
    async with opened(home):
        with pytest.raises(Misconfigured, match="another process"):
            async with opened(home):
                pytest.fail("it started")


async def test_no_hub_is_made_in_passing(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no hub"):
        async with opened(tmp_path / "nowhere"):
            pytest.fail("it started")

    assert list(tmp_path.iterdir()) == []


def test_a_hub_is_not_made_twice(home: Path) -> None:
    before = (home / "token.key").read_bytes()

    with pytest.raises(Misconfigured, match="already"):
        app.make_home(home)

    assert (home / "token.key").read_bytes() == before


async def test_a_published_demo_key_is_not_admitted_outside_the_demo(home: Path) -> None:
    async with opened(home) as found:
        with pytest.raises(Misconfigured, match="demo"):
            await admit(found.hub, demo_identity("jobcentre-a").card, Reach())


def test_a_process_without_assertions_does_not_serve(home: Path) -> None:
    """aiohttp had a hole that only an assertion closed (CVE-2025-69227)."""
    (home / "hub.toml").write_text("", encoding="utf-8")
    command = [
        sys.executable,
        "-O",
        "-m",
        "exchange.cli.main",
        "hub",
        "serve",
        "--home",
        str(home),
    ]

    done = subprocess.run(command, capture_output=True, timeout=60, check=False)

    assert done.returncode != 0
    assert b"-O" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_the_password_at_a_provider_of_logins_is_no_part_of_what_settings_show() -> None:
    told = {"issuer": "https://login.example/office", "client_id": "hub", "secret": CANARY}

    assert CANARY not in repr(Officers.model_validate(told))
