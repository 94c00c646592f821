"""exchange.agency.doctor: every look says how it stands, and what to do where it does not work."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from exchange.agency import doctor_files, handed, state
from exchange.agency.doctor import examine
from exchange.agency.findings import Finding, Level
from exchange.agency.handed import Delivery, Handing
from exchange.agency.home import Home
from exchange.agency.office import open_office
from exchange.agency.pins import write_pin
from exchange.agency.state import Erasing, Erasure
from exchange.cli import gateway_status
from exchange.cli.gateway_doctor import doctor
from exchange.cli.place import Place
from exchange.keyring.ceremony import new_identity
from exchange.keyring.directory import Method, Pin
from tests.agency.network import NOW, RECIPIENT, SENDER, Network
from tests.ports import free_port


def home(network: Network, agency: str = SENDER) -> Home:
    return network.offices[agency].home


def add(network: Network, more: str, agency: str = SENDER) -> None:
    settings = home(network, agency).settings_file
    settings.write_text(f"{settings.read_text()}\n{more}\n")


@asynccontextmanager
async def running(network: Network, agency: str = SENDER) -> AsyncIterator[None]:
    root = home(network, agency).root
    async with open_office(root, clock=lambda: network.now):
        yield


async def looked(network: Network, agency: str = SENDER) -> dict[str, list[Finding]]:
    """Return what a doctor finds, by what was looked at."""
    found: dict[str, list[Finding]] = {}
    for finding in await examine(home(network, agency).root, lambda: network.now):
        found.setdefault(finding.check, []).append(finding)
    return found


def levels(findings: list[Finding]) -> set[Level]:
    return {finding.level for finding in findings}


async def test_everything_is_well_where_everything_is_well(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_files, "ROOM", 1)
    async with running(network):
        found = await examine(home(network).root, lambda: network.now)

    bad = [finding for finding in found if finding.level is not Level.OK]
    assert bad == []
    assert {finding.check for finding in found} >= {
        "settings", "home", "keys", "pins", "log", "disk", "plugin folder", "gateway", "hub",
        "clock", "waiting",
    }  # fmt: skip


async def test_a_folder_that_is_no_home_is_said_at_once(tmp_path: Path) -> None:
    (finding,) = await examine(tmp_path, lambda: NOW)
    assert (finding.level, finding.check) == (Level.FAIL, "settings")
    assert "exchange gateway init" in finding.says


async def test_a_setting_nobody_reads_is_named(network: Network) -> None:
    add(network, "[wach]\nout = 1")
    (finding,) = await examine(home(network).root, lambda: network.now)
    assert "wach" in finding.says


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("keys/identity-ed25519.pem", "others can use identity-ed25519.pem; run: chmod 600"),
        ("api-token", "others can use api-token; run: chmod 600"),
    ],
)
async def test_a_secret_that_others_can_read_is_named(
    network: Network, file: str, says: str
) -> None:
    async with running(network):
        pass
    (home(network).root / file).chmod(0o644)
    found = [one for ones in (await looked(network)).values() for one in ones]
    assert any(one.level is Level.FAIL and one.says.startswith(says) for one in found)
    assert any(one.check == "disk" for one in found)  # the other looks are made all the same


async def test_an_old_document_key_is_to_be_replaced(network: Network) -> None:
    network.sleep(days=31)
    (identity, old, *_) = (await looked(network))["keys"]
    assert identity.level is Level.OK
    assert (old.level, old.do) == (Level.WARN, "replace it with: exchange keys rotate")


async def test_without_a_document_key_nothing_can_be_opened(network: Network) -> None:
    for key in home(network).keys.glob("document-*"):
        key.unlink()
    found = (await looked(network))["keys"]
    assert Level.FAIL in levels(found)


async def test_another_identity_in_the_directory_than_people_confirmed_is_a_failure(
    network: Network,
) -> None:
    other = new_identity(RECIPIENT)
    write_pin(home(network).pins, Pin(RECIPIENT, other.kid, NOW, Method.ANNEX, ("a", "b")))
    _, finding = (await looked(network))["pins"]
    assert finding.level is Level.FAIL
    assert RECIPIENT in finding.says
    assert "never the hub" in finding.do


async def test_a_partner_nobody_has_pinned_is_pointed_out(network: Network) -> None:
    (home(network).pins / f"{RECIPIENT}.json").unlink()
    found = (await looked(network))["pins"]
    assert levels(found) == {Level.WARN}
    assert f"{RECIPIENT} is in the directory and not pinned" in {one.says for one in found}


async def test_a_wrong_clock_is_told_with_both_times(network: Network) -> None:
    ours = network.now + timedelta(minutes=7)
    found = await examine(home(network).root, lambda: ours)
    (clock,) = [finding for finding in found if finding.check == "clock"]
    assert clock.level is Level.FAIL
    assert clock.says == (
        "the clock of this machine says 2026-03-03 10:07:00 UTC, the hub's 2026-03-03 10:00:00 "
        "UTC; set the wrong one right, then try again"
    )


async def test_a_hub_that_takes_no_connection_is_named(network: Network) -> None:
    port = free_port()
    settings = home(network).settings_file
    settings.write_text(
        settings.read_text().replace(network.double.origin, f"http://127.0.0.1:{port}")
    )
    (found,) = (await looked(network))["hub"]  # once, not once for each look that needs a hub
    assert (found.level, found.says) == (
        Level.FAIL,
        f"the hub takes no connection at 127.0.0.1:{port}",
    )


async def test_a_name_that_nobody_knows_is_told(network: Network) -> None:
    settings = home(network).settings_file
    text = settings.read_text().replace(network.double.origin, "https://hub.invalid")
    settings.write_text(text)
    (found,) = (await looked(network))["hub"]
    assert found.says == "the name hub.invalid of the hub is not known here"


async def test_a_proxy_that_takes_no_connection_is_named(network: Network) -> None:
    port = free_port()
    settings = home(network).settings_file
    proxied = f'[hub]\nproxy = "http://127.0.0.1:{port}"'
    settings.write_text(settings.read_text().replace("[hub]", proxied))
    (found,) = (await looked(network))["hub"]
    assert found.says == f"the proxy takes no connection at 127.0.0.1:{port}"


async def test_a_plugin_that_cannot_be_loaded_is_named(network: Network) -> None:
    add(network, '[intake]\nplugin = "nowhere"\n[outgoing]\nplugins = ["folder"]')
    found = await looked(network)
    assert levels(found["plugin nowhere"]) == levels(found["plugin folder"]) == {Level.FAIL}
    assert found["plugin nowhere"][0].says == "it is not installed"
    assert "[plugins.folder]" in found["plugin folder"][0].do


@pytest.mark.parametrize(
    ("free", "level"),
    [(10, Level.FAIL), (1023, Level.FAIL), (1024, Level.WARN), (9000, Level.OK)],
)
async def test_the_room_on_the_disk_is_compared_with_the_largest_document(
    network: Network, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    usage = SimpleNamespace(free=free * 1024 * 1024)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage)
    (finding,) = (await looked(network))["disk"]
    assert finding.level is level


async def test_a_log_without_a_policy_stops_everything(network: Network) -> None:
    home(network).log_policy.unlink()
    (finding,) = (await looked(network))["log"]
    assert finding.level is Level.FAIL


async def test_watched_folders_tell_what_nobody_takes(
    network: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "failed" / "Mahnung").mkdir(parents=True)
    (out / "loose.pdf").touch()
    add(network, f'[watch]\nout = "{out}"\ninto = "{tmp_path}/nowhere"')
    found = (await looked(network))["watch"]
    assert [finding.level for finding in found] == [Level.OK, Level.WARN, Level.WARN, Level.FAIL]

    gateway_status.show(home(network).root, None)
    assert "watched: 0 being sent, 1 not sent, in " in capsys.readouterr().out


async def test_what_waits_for_people_is_told_with_what_to_do(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    now = network.now
    async with network.gateway(SENDER) as gateway:
        write = gateway.state.write
        await write(state.hold, "a" * 36, "key-not-pinned", now)
        await write(state.put_erasure, Erasure(id="b", consent="c", due=now, state=Erasing.ASKED))
        parked = Delivery(
            id="d", destination="casetool", stated=b"{}", state=Handing.PARKED, since=now,
            next_at=now, reason="undeliverable",
        )  # fmt: skip
        await write(handed.expect, [parked])
    found = await looked(network)

    assert levels([*found["receiving"], *found["erasures"], *found["delivery"]]) == {Level.WARN}
    assert "exchange keys pin" in found["receiving"][0].do
    assert found["delivery"][0].says == "1 deliveries to casetool are parked (undeliverable)"
    assert "waiting" not in found

    gateway_status.show(home(network).root, None)
    shown = capsys.readouterr().out
    assert "d for casetool: parked (undeliverable)" in shown
    assert "newest event: 0" in shown


async def test_it_says_whether_the_gateway_runs(network: Network) -> None:
    assert (await looked(network))["gateway"][0].says == "it has never run"
    async with running(network):
        assert (await looked(network))["gateway"][0].says == "it is running"
    assert (await looked(network))["gateway"][0].says == "it is not running"


async def test_the_command_prints_lines_or_json_and_fails_when_something_does_not_work(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    home(network).log_policy.unlink()
    place = Place(home=home(network).root)

    code = await asyncio.to_thread(doctor, at=place)
    shown = capsys.readouterr().out
    also = await asyncio.to_thread(doctor, as_json=True, at=place)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert code == also == 1
    assert "fail log: it is not known whose signatures on the hub's log count\n     " in shown
    assert {"level", "check", "says", "do"} == set(lines[0])
    assert "log" in {line["check"] for line in lines if line["level"] == "fail"}
