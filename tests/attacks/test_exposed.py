"""A88: what the process lets the outside see: one port, the routes of the table, no versions."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from exchange.wire.operations import OPERATIONS
from tests.attacks.served import Served
from tests.ports import free_port

pytestmark = pytest.mark.supply

UNKNOWN = [
    "/",
    "/.git/config",
    "/.env",
    "/.well-known/security.txt",
    "/admin",
    "/debug",
    "/debug/vars",
    "/docs/",
    "/docs/index.html",
    "/docs/VENDORED.md",
    "/favicon.ico",
    "/metrics",
    "/server-status",
    "/static/",
    "/status",
    "/swagger.json",
    "/v1",
    "/v1/",
    "/v1/admin/agencies",
    "/v2/inbox",
    "/hub.toml",
    "/token.key",
    "/vault/vault.key",
    "/payloads/",
    "/control.sock",
    "/log",
    "/log/",
    "/log/tile/",
    "/log/tile/0/0",
]
PUBLIC = {
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/oauth2/token",
    "/log/checkpoint",
    "/log/candidate",
    "/log/policy",
    "/log/policy-pq",
    "/log/documents/{sha256}",
    "/log/tile/{tile}",
    "/log/cosignatures",
}
"""Routes that answer without a token; each tells the same to everybody."""


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("known", [True, False], ids=["with a token", "without"])
def test_what_is_not_in_the_table_does_not_exist(hub: Served, path: str, known: bool) -> None:
    lines = (hub.token(),) if known else ()

    hub.refused(hub.head(f"GET {path} HTTP/1.1", *lines), 404)


def test_nothing_else_answers_without_a_token(hub: Served) -> None:
    identity = "06060606-0606-4606-8606-06060606060a"
    for operation in OPERATIONS:
        path = operation.path.replace("{id}", identity).replace("{bundle}", "000")
        path = path.replace("{digest}", "A" * 43).replace("{period}", "2026-03")
        path = path.replace("{finding}", "looks").replace("{index}", "0")
        if operation.authenticated:
            hub.refused(hub.head(f"{operation.method} {path} HTTP/1.1"), 401)
        else:
            assert path in PUBLIC


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/openapi.json", "/docs", "/docs/boot.js", "/v1/inbox", "/no"]
)
def test_every_answer_has_the_constant_headers_and_no_version(hub: Served, path: str) -> None:
    reply = hub.ask(hub.head(f"GET {path} HTTP/1.1"))

    assert reply.header("Server") == "exchange"
    assert reply.header("X-Content-Type-Options") == "nosniff"
    assert reply.header("X-Frame-Options") == "DENY"
    assert reply.header("Strict-Transport-Security") is not None
    assert (reply.header("Content-Security-Policy") or "").startswith("default-src 'none'")
    for name in ("X-Powered-By", "Via", "X-AspNet-Version", "X-Runtime", "ETag", "Set-Cookie"):
        assert reply.header(name) is None


def test_health_names_no_component_and_no_version(hub: Served) -> None:
    for path in ("/healthz", "/readyz"):
        assert hub.ask(hub.head(f"GET {path} HTTP/1.1")).body == b'{"status":"ok"}'


def test_browsing_the_docs_asks_no_other_host(hub: Served) -> None:
    page = hub.ask(hub.head("GET /docs HTTP/1.1"))

    assert b"//" not in page.body.replace(b"<!doctype html>", b"")
    assert "connect-src 'self'" in (page.header("Content-Security-Policy") or "")


@dataclass(frozen=True)
class Process:
    """A hub as `exchange hub serve` runs it."""

    pid: int
    port: int
    home: Path


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running(tmp_path_factory.mktemp("process") / "hub") as found:
        yield found


@contextmanager
def running(home: Path, settings: str = "") -> Iterator[Process]:
    """Run a hub whose settings have some more lines, until the block ends and it has."""
    port = free_port()
    begin = [sys.executable, "-m", "exchange.cli.main", "hub"]
    origin = f"http://127.0.0.1:{port}"
    subprocess.run([*begin, "init", "--home", home, "--origin", origin], check=True)
    file = home / "hub.toml"
    file.write_text(file.read_text() + settings)
    with subprocess.Popen(
        [*begin, "serve", "--home", home], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as hub:
        try:
            assert hub.stdout is not None
            assert hub.stdout.readline().startswith(b"serving ")
            yield Process(hub.pid, port, home)
        finally:
            hub.send_signal(signal.SIGTERM)
            hub.wait(30)


def listening(pid: int) -> set[tuple[str, int]]:
    """Return addresses and ports on which a process takes TCP or UDP, from /proc."""
    mine = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        target = str(file.readlink())
        if target.startswith("socket:["):
            mine.add(target[8:-1])
    found = set()
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in mine and fields[3] in {"0A", "07"}:
                address, port = fields[1].split(":")
                found.add((address, int(port, 16)))
    return found


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux' /proc")
def test_the_process_listens_on_its_one_declared_port(process: Process) -> None:
    time.sleep(0.2)

    assert listening(process.pid) == {("0100007F", process.port)}


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux' /proc")
def test_with_metrics_it_listens_on_one_more_port_that_shows_nothing_else(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "hub", f"\n[metrics]\nport = {port}\n") as process:
        assert listening(process.pid) == {("0100007F", process.port), ("0100007F", port)}
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
            assert page.headers["Server"] == "exchange"
            assert b"\nlog_tree_size " in page.read()
        for address in (f"{port}/", f"{port}/readyz", f"{process.port}/metrics"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(f"http://127.0.0.1:{address}", timeout=30)
    with pytest.raises(URLError):
        urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30)


def test_what_the_process_writes_is_for_its_owner_alone(process: Process) -> None:
    loose = [
        path.name
        for path in [process.home, *process.home.rglob("*")]
        if path.stat().st_mode & 0o077
    ]

    assert loose == []
