"""Containerfile and compose network: parsed strictly, and what can run without an engine is run.

No container engine runs here: docs/deployment.md says what has been run by hand.
"""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from exchange.cli.main import main
from exchange.configuration import load
from exchange.hub.settings import HubSettings
from tests.deploy.lock import PARTS, PLUGINS, parts
from tests.deploy.proxies import DEPLOY, HOST
from tests.needs import tool

ROOT = DEPLOY.parent
IMAGE = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)?:[\w.-]+", re.ASCII)
"""A name and a version, and no host of a registry."""
HUBS = ("hub-1", "hub-2")
Step = tuple[str, str]


def steps() -> list[Step]:
    """Return the instructions of the Containerfile with their arguments, continued lines joined."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("network") / "secrets"
    subprocess.run([DEPLOY / "make-secrets", HOST, into], check=True, capture_output=True)
    return into


# The image


def test_the_image_knows_its_instructions_and_begins_with_a_name_without_a_host() -> None:
    found = steps()

    assert {word for word, _ in found} <= {
        *("ARG", "FROM", "RUN", "ENV", "COPY", "WORKDIR", "USER", "STOPSIGNAL", "ENTRYPOINT", "CMD")
    }
    assert found[0][0] == "ARG"
    assert IMAGE.fullmatch(found[0][1].removeprefix("BASE="))
    assert [rest.split()[0] for word, rest in found if word == "FROM"] == ["${BASE}"] * 2


def test_the_image_takes_packages_by_hash_or_from_what_it_has_built() -> None:
    commands = [part for word, rest in steps() if word == "RUN" for part in rest.split(" && ")]
    installs = [one for one in commands if " install " in one and "/pip " in one]

    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert "://" not in (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    for command in commands:
        assert shlex.split(command)


def test_the_image_runs_as_nobody_in_particular() -> None:
    found = steps()
    last = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    users = [rest for word, rest in found[last:] if word == "USER"]

    assert users == ["10001:10001"]
    assert ast.literal_eval(dict(found[last:])["ENTRYPOINT"]) == ["/opt/exchange/bin/exchange"]


def test_what_the_image_copies_is_there() -> None:
    for word, rest in steps():
        if word == "COPY" and not rest.startswith("--from="):
            *sources, _into = rest.split()
            assert [one for one in sources if not (ROOT / one).exists()] == []


def test_the_image_and_the_guide_build_every_plugin_that_ships() -> None:
    (build,) = (rest for word, rest in steps() if word == "RUN" and "pip wheel" in rest)
    guide = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")

    assert " /source/plugins/* " in build
    assert "pip wheel --no-deps . plugins/*`" in guide
    assert {one.name for one in (ROOT / "plugins").iterdir()} == {*PLUGINS}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_lock_is_current(name: str) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")

    assert text == parts()[name], "run: python -m tests.deploy.lock"
    assert "://" not in text


# The network


def test_every_container_is_walled_in(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["ulimits"] == {"core": 0}, name
        assert not {"privileged", "pid", "ipc", "devices", "network_mode"} & service.keys(), name
        assert IMAGE.fullmatch(service["image"]) or service["image"] == "consent-exchange", name


def test_only_the_proxy_is_reachable_from_elsewhere(compose: Any) -> None:
    services = compose["services"]
    published = {name: one["ports"] for name, one in services.items() if "ports" in one}
    internal = {name for name, one in compose["networks"].items() if one.get("internal")}

    assert published == {
        "proxy": ["80:80", "443:443"],
        "mail": ["127.0.0.1:8025:8025"],
        "monitor": ["127.0.0.1:9090:9090"],
    }
    assert compose["networks"].keys() - internal == {"outer"}
    assert {name for name, one in services.items() if "outer" in one["networks"]} == {
        "proxy",
        "mail",
        "monitor",
    }
    assert {name for name, one in services.items() if "watch" in one["networks"]} == {
        "monitor",
        *HUBS,
    }
    for part in ("records", "vault", "payloads"):
        inside = {name for name, one in services.items() if part in one["networks"]}
        assert inside <= {part, "setup", *HUBS}


def test_whatever_is_named_is_declared_and_the_other_way_round(compose: Any) -> None:
    services = compose["services"].values()
    for kind in ("secrets", "networks"):
        named = {one for service in services for one in service.get(kind, ())}
        assert named == compose[kind].keys()
    mounted = {one.partition(":")[0] for service in services for one in service.get("volumes", ())}
    assert {one for one in mounted if not one.startswith("./")} == compose["volumes"].keys()
    for service in services:
        assert set(service.get("depends_on", ())) <= compose["services"].keys()


@tool("openssl", "openssl")
def test_secrets_are_made_once_and_for_the_containers_alone(compose: Any, secrets: Path) -> None:
    declared = {Path(one["file"]).name for one in compose["secrets"].values()}
    again = subprocess.run(
        [DEPLOY / "make-secrets", HOST, secrets], capture_output=True, check=False
    )

    assert declared == {file.name for file in secrets.iterdir()}
    assert again.returncode != 0
    assert secrets.stat().st_mode & 0o777 == 0o700
    for name, host in (("proxy", HOST), ("mail", "mail")):
        checked = subprocess.run(
            [
                *(
                    "openssl",
                    "verify",
                    "-CAfile",
                    secrets / "authority.pem",
                    "-purpose",
                    "sslserver",
                ),
                *("-verify_hostname", host, secrets / f"{name}.pem"),
            ],
            capture_output=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stderr


@pytest.fixture
def inside(
    compose: Any, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, str]:
    """Put this process into the environment of a hub of the network."""
    given = {
        name: filled(text) for name, text in compose["services"]["hub-1"]["environment"].items()
    }
    seen = tmp_path / "run-secrets"
    seen.mkdir()
    for name in compose["services"]["hub-1"]["secrets"]:
        (seen / name).symlink_to(secrets / Path(compose["secrets"][name]["file"]).name)
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(seen))
    return given


def test_a_hub_reads_its_settings_from_environment_and_secrets(
    compose: Any, inside: Mapping[str, str]
) -> None:
    settings = load(HubSettings, None)

    proxy = compose["services"]["proxy"]["networks"]["inner"]["ipv4_address"]
    assert settings.http.trusted_proxies == (proxy,)
    assert settings.blobs.startswith("s3://payloads/")
    assert settings.database_url is not None
    assert "@records/" in settings.database_url.get_secret_value()
    assert settings.vault.url is not None
    assert "@vault/" in settings.vault.url.get_secret_value()
    assert settings.s3.secret.get_secret_value()
    assert settings.plugins["smtp"]["host"] == "mail"
    assert (settings.metrics.host, settings.metrics.names) == ("0.0.0.0", HUBS)  # noqa: S104
    # The proxy lets requests finish before the container is stopped.
    assert settings.http.shutdown_s < seconds(compose["services"]["hub-1"]["stop_grace_period"])


@pytest.mark.parametrize("name", [*HUBS, "gateway"])
def test_a_container_starts_a_command_that_exists(
    compose: Any, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *command, home = compose["services"][name]["command"]
    assert home.startswith("/var/lib/exchange/")

    assert main([*command, str(tmp_path)]) != 0
    assert "init" in capsys.readouterr().err


def test_the_check_of_health_is_a_program(compose: Any) -> None:
    *_python, option, text = compose["services"]["hub-1"]["healthcheck"]["test"]

    assert option == "-c"
    assert "/readyz" in ast.unparse(ast.parse(filled(text)))


def test_setup_makes_two_homes_of_one_hub_and_does_it_once(compose: Any, tmp_path: Path) -> None:
    service = compose["services"]["setup"]
    (script,) = service["command"]
    script = filled(script.replace("/var/lib/exchange", str(tmp_path)))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    for _ in range(2):
        done = subprocess.run(
            [*service["entrypoint"], script],
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    for key in ("token.key", "vault/vault.key"):
        assert (tmp_path / "1" / key).read_bytes() == (tmp_path / "2" / key).read_bytes()
    assert f'origin = "https://{HOST}"' in (tmp_path / "2" / "hub.toml").read_text()


def filled(text: str) -> str:
    """Return text with the defaults of its variables, as compose fills them in."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))
