"""`exchange hub`: made, served, looked after and stopped as an operator does it."""

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from exchange.canonical import encode
from exchange.cli.events import ALWAYS, FIELDS
from exchange.keyring.ceremony import new_identity
from tests.ports import free_port


def run(*arguments: str, cwd: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "exchange.cli.main", "hub", *arguments],
        cwd=cwd,
        input=given,
        capture_output=True,
        timeout=200,
        check=False,
    )


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, str]:
    origin = f"http://127.0.0.1:{free_port()}"
    done = run("init", "--origin", origin, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path, origin


@contextmanager
def serving(place: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        (place / "events").open("wb") as events,
        subprocess.Popen(
            [sys.executable, "-m", "exchange.cli.main", "hub", "serve"],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=events,
        ) as hub,
    ):
        assert hub.stdout is not None
        try:
            assert hub.stdout.readline().startswith(b"serving http://127.0.0.1:")
            yield hub
        finally:
            hub.kill()


def asked(origin: str, target: str) -> int:
    host, _, port = origin.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        connection.request("GET", target)
        return connection.getresponse().status
    finally:
        connection.close()


def card(place: Path, agency: str) -> Path:
    file = place / f"{agency}.json"
    file.write_bytes(encode(new_identity(agency).card.payload()))
    return file


def test_init_makes_a_private_home_and_says_what_comes_next(made: tuple[Path, str]) -> None:
    place, origin = made

    assert oct((place / "hub").stat().st_mode)[-3:] == "700"
    for secret in ("token.key", "vault/vault.key"):
        assert oct((place / "hub" / secret).stat().st_mode)[-3:] == "600"
    assert f'origin = "{origin}"' in (place / "hub" / "hub.toml").read_text()


def test_a_second_init_is_refused_and_changes_nothing(made: tuple[Path, str]) -> None:
    place, _ = made
    before = (place / "hub" / "vault" / "vault.key").read_bytes()

    done = run("init", cwd=place)

    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert (place / "hub" / "vault" / "vault.key").read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("init", "--origin", "http://exchange.example"),
        ("init", "--origin", "https://exchange.example/path"),
        ("init", "--origin", "ftp://127.0.0.1"),
        ("init", "--origin", "http://127.0.0.1:99999"),
        ("serve",),
        ("status",),
        ("suspend", "nobody-here"),
        ("admit", "no-such-file.json"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = run(*arguments, cwd=tmp_path)

    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.startswith(b"exchange: ")
    assert done.stderr.count(b"\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_agencies_are_admitted_and_suspended_with_and_without_a_running_hub(
    made: tuple[Path, str],
) -> None:
    place, _ = made
    first = run("admit", str(card(place, "jobcentre-a")), cwd=place)
    assert (first.returncode, first.stdout.split(b"\n")[0]) == (0, b"admitted jobcentre-a")

    with serving(place):
        running = run("status", cwd=place)
        second = run("admit", "-", cwd=place, given=card(place, "women-b").read_bytes())
        again = run("admit", str(card(place, "women-b")), cwd=place)
        suspended = run("suspend", "jobcentre-a", cwd=place)
        unknown = run("suspend", "nobody-here", cwd=place)
        control = place / "hub" / "control.sock"
        assert oct(control.stat().st_mode)[-3:] == "600"
    stopped = run("status", cwd=place)
    after = run("suspend", "jobcentre-a", cwd=place)

    assert running.returncode == second.returncode == suspended.returncode == 0
    assert b"fingerprint" in second.stdout
    assert (again.returncode, unknown.returncode, stopped.returncode) == (1, 1, 1)
    assert after.stdout == b"jobcentre-a was suspended before\n"


def test_notices_come_in_a_language_that_has_texts(made: tuple[Path, str]) -> None:
    place, _ = made
    named = str(card(place, "jobcentre-a"))
    refused = run("admit", named, "--language", "xx", cwd=place)
    taken = run("admit", named, "--language", "de-simple", cwd=place)

    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"de-simple" in refused.stderr
    assert refused.stderr.count(b"\n") == 1
    assert taken.returncode == 0


def test_only_one_process_uses_a_home(made: tuple[Path, str]) -> None:
    place, _ = made

    with serving(place):
        second = run("serve", cwd=place)

    assert second.returncode == 1
    assert b"another process uses" in second.stderr


def test_sigterm_ends_the_hub_cleanly_and_at_once(made: tuple[Path, str]) -> None:
    place, origin = made

    with serving(place) as hub:
        assert asked(origin, "/readyz") == 200
        hub.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert hub.wait(20) == 0

    assert time.monotonic() - begun < 10
    assert not (place / "hub" / "control.sock").exists()


def test_events_are_lines_of_json_with_listed_fields_and_no_addresses(
    made: tuple[Path, str],
) -> None:
    place, origin = made
    secret = "CANARY-IN-A-PATH"

    with serving(place) as hub:
        assert asked(origin, f"/v1/{secret}?{secret}=1") == 404
        hub.send_signal(signal.SIGTERM)
        hub.wait(20)

    text = (place / "events").read_bytes()
    assert secret.encode() not in text
    assert b"127.0.0.1" not in text
    for line in text.splitlines():
        assert json.loads(line).keys() <= FIELDS | ALWAYS


def test_a_setting_nobody_reads_stops_the_start(made: tuple[Path, str]) -> None:
    place, _ = made
    with (place / "hub" / "hub.toml").open("a") as settings:
        settings.write("\n[disclosure]\nmaxsize = 5\n")

    done = run("serve", cwd=place)

    assert done.returncode == 1
    assert b"maxsize" in done.stderr


def test_a_variable_nobody_reads_stops_the_start(made: tuple[Path, str]) -> None:
    place, _ = made
    done = subprocess.run(
        [sys.executable, "-m", "exchange.cli.main", "hub", "serve"],
        cwd=place,
        env={**os.environ, "EXCHANGE_HUB_ORIGNI": "x"},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert b"EXCHANGE_HUB_ORIGNI" in done.stderr


def test_an_interrupted_init_goes_on(tmp_path: Path) -> None:
    assert run("init", cwd=tmp_path).returncode == 0
    (tmp_path / "hub" / "token.key").unlink()  # written last
    again = run("init", "--origin", "https://hub.example", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert 'origin = "https://hub.example"' in (tmp_path / "hub" / "hub.toml").read_text()


@pytest.mark.parametrize(
    "wrong", [("--origin", "http://hub.example"), ("--port", "0"), ("--origin", "https://a/b")]
)
def test_settings_that_cannot_be_are_one_plain_line(tmp_path: Path, wrong: tuple[str, str]) -> None:
    done = run("init", *wrong, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(b"exchange: not accepted: --origin is https://")
    assert done.stderr.count(b"\n") == 1
    assert not (tmp_path / "hub").exists()


def test_to_suspend_an_unknown_agency_is_told(made: tuple[Path, str]) -> None:
    done = run("suspend", "nobody", cwd=made[0])
    assert done.stderr == b"exchange: this hub has admitted no such agency\n"
    assert done.returncode == 1


def reached(place: Path) -> tuple[object, ...]:
    """Return how the database says that the agency is told."""
    with closing(sqlite3.connect(place / "hub" / "hub.sqlite")) as file:
        row: tuple[object, ...] = file.execute(
            "SELECT channel, address, language, quiet_from, quiet_until, quiet_zone, digest_s "
            "FROM agencies"
        ).fetchone()
        return row + tuple(file.execute("SELECT place, channel, address FROM fallbacks"))


def test_an_agency_is_told_by_channels_in_order(made: tuple[Path, str]) -> None:
    place, _ = made
    (place / "key").write_text("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    with (place / "hub" / "hub.toml").open("a") as settings:
        settings.write(
            '[plugins.webhook.endpoints.a]\nurl = "https://a.example/"\n'
            f'secret_files = ["{place / "key"}"]\n[plugins.apprise]\n'
        )
    told = ("--channel", "webhook", "--address", "a", "--language", "en")
    assert run("admit", str(card(place, "jobcentre-a")), *told, cwd=place).returncode == 0
    assert reached(place) == ("webhook", "a", "en", None, None, None, None)

    fallback = ("--channel", "apprise", "--address", "b", "--quiet-hours", "20:00-07:00")
    done = run("reach", "jobcentre-a", *told, *fallback, "--digest-hours", "4", cwd=place)
    assert done.stdout == b"jobcentre-a is told by webhook, then apprise\n"
    assert reached(place) == (
        *("webhook", "a", "en", "20:00", "07:00", "Europe/Berlin", 14_400),
        (1, "apprise", "b"),
    )

    polls = run("reach", "jobcentre-a", cwd=place)
    assert polls.stdout == b"jobcentre-a is told by nobody: it polls\n"
    assert reached(place) == (None, None, "de", None, None, None, None)


NOBODY: tuple[tuple[str, ...], ...] = (
    ("--channel", "smtp"),
    ("--address", "post@jobcentre.example"),
    ("--channel", "pigeon", "--address", "roof"),
    ("--quiet-hours", "20:00"),
    ("--quiet-hours", "20:00-25:00"),
    ("--quiet-hours", "20:00-07:00", "--time-zone", "Nowhere"),
    ("--digest-hours", "0"),
    ("--digest-hours", "25"),
)
"""Ways to be told that do not fit together or are none."""


def test_what_nobody_can_be_told_by_is_refused(made: tuple[Path, str]) -> None:
    place, _ = made
    identity = str(card(place, "jobcentre-a"))
    for options in NOBODY:
        refused = run("admit", identity, *options, cwd=place)

        assert (refused.returncode, refused.stdout) == (1, b""), options
        assert refused.stderr.count(b"\n") == 1, options
