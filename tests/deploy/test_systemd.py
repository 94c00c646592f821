"""The units: what systemd says of them, and whether the programs live within their walls."""

import asyncio
import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import pytest

from exchange.agency.plan import Draft
from exchange.agency.send import send
from exchange.agency.settings import GatewaySettings
from exchange.audit.note import verifying, write_vkey
from exchange.canonical import encode
from exchange.cli.hub_home import settings_in
from exchange.cli.main import main
from exchange.configuration import Configuration, _known
from exchange.envelope.sealing import Outgoing
from exchange.hub.settings import HubSettings
from exchange.hub.signer import read_signer
from tests.bench.offices import RECIPIENT, SENDER, Offices
from tests.deploy.proxies import DEPLOY
from tests.needs import tool

UNITS = ("exchange-hub.service", "exchange-gateway.service", "exchange-witness.service")
WITNESS = UNITS[2]
ENVIRONMENT = "witness.env.example"
SETTINGS: Mapping[str, type[Configuration]] = {UNITS[0]: HubSettings, UNITS[1]: GatewaySettings}
EXPOSURE = {UNITS[0]: 15, UNITS[1]: 25, WITNESS: 15}
"""Of 100, as `systemd-analyze security` counts."""
DEMANDED = {
    "Type": "notify",
    "UMask": "0077",
    "LimitCORE": "0",
    "MemorySwapMax": "0",
    "Restart": "always",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "StateDirectoryMode": "0700",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
}
ANALYZE = tool("systemd-analyze", "systemd")
PATIENCE_S = 60.0
AS_ROOT = {"fchown"}
"""Calls that SQLite makes for root alone; no unit runs as root."""

Unit = Mapping[str, Mapping[str, Sequence[str]]]


def unit(name: str) -> Unit:
    """Return the values of a unit by section and name."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in (DEPLOY / name).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = heading[1]
            found[section] = defaultdict(list)
            continue
        key, sign, value = line.partition("=")
        assert sign, line
        found[section][key].append(value)
    return found


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_puts_up_the_walls_that_are_promised(name: str) -> None:
    service = unit(name)["Service"]

    assert {key: value for key, value in DEMANDED.items() if service[key] != [value]} == {}


@ANALYZE
@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_about_a_unit(name: str, tmp_path: Path) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(text.replace("/opt/exchange/bin/exchange", "/bin/true"))

    checked = analyze("verify", str(tmp_path / name))
    exposed = analyze(
        "security", "--offline=yes", f"--threshold={EXPOSURE[name]}", str(DEPLOY / name)
    )

    assert (checked.returncode, checked.stderr) == (0, "")
    assert exposed.returncode == 0, exposed.stdout


@pytest.mark.parametrize("name", SETTINGS)
def test_a_unit_starts_a_command_that_exists(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (command,) = unit(name)["Service"]["ExecStart"]
    program, *arguments = command.split()
    home = arguments.index("--home") + 1
    assert program == "/opt/exchange/bin/exchange"
    assert Path(arguments[home]) == Path("/var/lib") / unit(name)["Service"]["StateDirectory"][0]
    arguments[home] = str(tmp_path)

    assert main(arguments) != 0
    assert "init" in capsys.readouterr().err


def test_the_unit_of_a_witness_starts_it_with_the_settings_of_its_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = unit(WITNESS)["Service"]
    lines = (DEPLOY / ENVIRONMENT).read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    (command,) = service["ExecStart"]
    (state,) = service["StateDirectory"]
    assert set(re.findall(r"[$][{](\w+)[}]", command)) == set(given)
    for name, value in given.items():
        command = command.replace(f"${{{name}}}", value)
    command = command.replace(f"/var/lib/{state}", str(tmp_path))
    program, *arguments = command.split()
    assert program == "/opt/exchange/bin/exchange"

    for more, told in (("--make-key", given["WITNESS_NAME"]), ("--init", "is prepared")):
        assert main([*arguments, more]) == 0
        assert told in capsys.readouterr().out


@pytest.mark.parametrize("name", SETTINGS)
def test_a_credential_that_a_unit_proposes_is_a_setting(name: str) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    model = SETTINGS[name]
    prefix = str(model.model_config.get("env_prefix", ""))

    named = {
        one for one in re.findall(r"LoadCredential=(\w+):", text) if one.startswith("EXCHANGE")
    }

    assert named <= set(_known(model, prefix))


@ANALYZE
@tool("strace", "strace")
def test_the_programs_make_only_calls_that_their_units_allow(tmp_path: Path) -> None:
    offices = Offices(tmp_path)
    home, recipient = str(tmp_path / "hub"), str(offices.offices[RECIPIENT].home.root)
    hub, gateway = tmp_path / "hub.calls", tmp_path / "gateway.calls"
    witness = tmp_path / "witness.calls"
    exchange("hub", "init", "--home", home, "--origin", offices.origin)
    policy = read_signer(settings_in(Path(home))).policy_text
    for office in offices.offices.values():
        office.home.log_policy.write_bytes(policy)

    with traced(hub, "hub", "serve", "--home", home):
        for agency, office in offices.offices.items():
            card = tmp_path / f"{agency}.json"
            card.write_bytes(encode(office.identity.card.payload()))
            exchange("hub", "admit", str(card), "--home", home)
        asyncio.run(sent(offices))
        with traced(gateway, "gateway", "run", "--home", recipient):
            asyncio.run(accepted(offices))
        with traced(witness, *watching(home, offices.origin, tmp_path)):
            asyncio.run(cosigned(tmp_path / "witness"))

    assert calls(hub) - allowed(UNITS[0]) == set()
    assert calls(witness) - allowed(WITNESS) == set()
    assert calls(gateway) - allowed(UNITS[1]) == set()
    assert {"unshare", "landlock_restrict_self"} <= calls(gateway)  # the walls were put up


@contextmanager
def traced(into: Path, *arguments: str) -> Iterator[None]:
    """Run `exchange ARGUMENTS` until it is ready as systemd is told; write what calls it made."""
    told = into.with_suffix(".told")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(told))
        systemd.settimeout(PATIENCE_S)
        process = subprocess.Popen(
            [
                *("strace", "-f", "-c", "-U", "name", "-o", str(into)),
                *(sys.executable, "-m", "exchange.cli.main", *arguments),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": str(told)},
        )
        assert systemd.recv(64) == b"READY=1"
    with process:
        (program,) = map(
            int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        )
        try:
            yield
        finally:
            os.kill(program, signal.SIGTERM)


def exchange(*arguments: str) -> None:
    with redirect_stdout(io.StringIO()):
        assert main(arguments) in {None, 0}


async def sent(offices: Offices) -> None:
    consent = await offices.agreed()
    draft = Draft(
        files=(Outgoing("Mahnung.pdf", "application/pdf", b"%PDF-1.7 a letter"),),
        consent=consent,
        recipients=(RECIPIENT,),
        category="rent-arrears-letter",
        seen_by_person=True,
    )
    async with offices.open(SENDER) as gateway:
        await send(gateway, draft)


async def accepted(offices: Offices) -> None:
    """Wait until the document lies in the spool."""
    spool = offices.offices[RECIPIENT].home.spool
    async with asyncio.timeout(PATIENCE_S):
        while not list(spool.iterdir()):  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.1)


def watching(home: str, origin: str, root: Path) -> list[str]:
    """Make a witness of a hub's log, and return the command that starts it."""
    signer = read_signer(settings_in(Path(home)))
    names = ["--name", "witness.example/w1", "--log", write_vkey(verifying(signer.key))]
    places = ["--key", str(root / "witness.key"), "--state", str(root / "witness")]
    command = ["log", "witness", *names, *places]
    exchange(*command, "--make-key")
    exchange(*command, "--init")
    return [*command, "--pull", f"{origin}/log"]


async def cosigned(state: Path) -> None:
    """Wait until a head is remembered."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(one.stat().st_size for one in state.iterdir() if one.is_file()):  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.1)


def calls(file: Path) -> set[str]:
    """Return the names of the calls that strace has counted."""
    found = set(re.findall(r"(?m)^(\w+)$", file.read_text())) - {"syscall", "total"}
    return found - AS_ROOT


def allowed(name: str) -> set[str]:
    """Return the calls that the filter of a unit lets through."""
    found = group("@default")
    for line in unit(name)["Service"]["SystemCallFilter"]:
        named = {one for word in line.removeprefix("~").split() for one in group(word)}
        found = found - named if line.startswith("~") else found | named
    return found


def group(name: str) -> set[str]:
    """Return the calls of a group of systemd, or the one call."""
    if not name.startswith("@"):
        return {name}
    lines = analyze("syscall-filter", name).stdout.splitlines()[1:]
    words = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return {one for word in words for one in group(word)}


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False
    )
