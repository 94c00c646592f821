"""The proxies that `deploy/` has settings for, each as a process in a temporary directory.

Their settings are used as they are shipped: only ports, certificates and the addresses of hubs are
replaced, with `hurried` also every time-out, which becomes a tenth.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.bench.processes import _status
from tests.needs import tool
from tests.ports import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
HOST = "hub.example"
"""Name of the hub in every example."""
CADDY = pytest.param("caddy", marks=pytest.mark.xdist_group("behind-caddy"))
NGINX = pytest.param(
    "nginx", marks=[pytest.mark.xdist_group("behind-nginx"), tool("nginx", "nginx-light")]
)
START_S = 30.0
STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs."""

    port: int
    """Of https."""
    plain: int
    """Of http."""
    authority: Path
    """Certificate of the authority to trust, PEM."""
    log: Path
    """What it has written."""
    pids: tuple[int, ...]
    """Of the process that was started, and of its children."""

    @property
    def origin(self) -> str:
        return f"https://{HOST}:{self.port}"

    def trusted(self) -> ssl.SSLContext:
        """Return what a client needs to trust its certificate."""
        return ssl.create_default_context(cafile=self.authority)

    def peak(self) -> int:
        """Return the largest resident memory of its processes since `forget_peak`, in bytes."""
        return sum(_status(pid, "VmHWM") for pid in self.pids)

    def forget_peak(self) -> None:
        """Start a new peak from the present memory."""
        for pid in self.pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Where a proxy runs and what stands behind it."""

    folder: Path
    upstreams: Sequence[str]
    """`host:port` of every hub."""
    port: int
    plain: int
    hurried: bool = False

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def log(self) -> Path:
        return self.folder / "proxy.log"


@contextmanager
def proxy(
    kind: str, folder: Path, *upstreams: str, port: int | None = None, hurried: bool = False
) -> Iterator[Proxy]:
    """Run `caddy` or `nginx` in front of `upstreams` while the block runs.

    Args:
        kind: which of the two.
        folder: made, if it is missing.
        upstreams: `host:port` of every hub.
        port: of https; a free one if not given.
        hurried: whether every time-out becomes a tenth.
    """
    folder.mkdir(exist_ok=True)
    wanted = Wanted(
        folder=folder,
        upstreams=upstreams,
        port=port or free_port(),
        plain=free_port(),
        hurried=hurried,
    )
    authority = trustme.CA()
    authority.cert_pem.write_to_path(wanted.authority)
    issued = authority.issue_cert(HOST)
    for pem in issued.cert_chain_pems:
        pem.write_to_path(wanted.certificate, append=True)
    issued.private_key_pem.write_to_path(wanted.key)
    command, environment = {"caddy": _caddy, "nginx": _nginx}[kind](wanted)
    with _running(command, environment, wanted) as found:
        yield found


def _caddy(wanted: Wanted) -> tuple[list[str], Mapping[str, str]]:
    settings = wanted.folder / "Caddyfile"
    settings.write_text(_shipped("Caddyfile", hurried=wanted.hurried), encoding="utf-8")
    environment = {
        "EXCHANGE_CADDY_ADMIN": "off",
        "EXCHANGE_HTTP_PORT": str(wanted.plain),
        "EXCHANGE_HTTPS_PORT": str(wanted.port),
        "EXCHANGE_SITE": HOST,
        "EXCHANGE_TLS": f"{wanted.certificate} {wanted.key}",
        "EXCHANGE_UPSTREAMS": " ".join(wanted.upstreams),
        "XDG_CONFIG_HOME": str(wanted.folder),
        "XDG_DATA_HOME": str(wanted.folder),
    }
    caddy = Path(sys.executable).parent / "caddy"
    return [str(caddy), "run", "--config", str(settings), "--adapter", "caddyfile"], environment


def _nginx(wanted: Wanted) -> tuple[list[str], Mapping[str, str]]:
    text = _shipped("nginx.conf", hurried=wanted.hurried)
    text = re.sub(r"(?m)^ *listen \[::\].*\n", "", text)
    text = re.sub(r"listen 443\b", f"listen 127.0.0.1:{wanted.port}", text)
    text = re.sub(r"listen 80\b", f"listen 127.0.0.1:{wanted.plain}", text)
    text = text.replace("/etc/exchange/tls/certificate.pem", str(wanted.certificate))
    text = text.replace("/etc/exchange/tls/key.pem", str(wanted.key))
    shipped = "server 127.0.0.1:8700 max_fails=1 fail_timeout=2s;"
    assert shipped in text or wanted.hurried
    servers = (f"server {one} max_fails=1 fail_timeout=2s;" for one in wanted.upstreams)
    text = re.sub(r"server 127\.0\.0\.1:8700 [^;]*;", " ".join(servers), text)
    (wanted.folder / "exchange.conf").write_text(text, encoding="utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = [
        "user root;" if os.geteuid() == 0 else "",
        "daemon off; worker_processes 1;",
        f"pid {wanted.folder}/nginx.pid; error_log {wanted.log};",
        "events { worker_connections 1024; }",
        "http {",
        *(f"{kind}_temp_path {wanted.folder}/{kind};" for kind in kinds),
        f"include {wanted.folder}/exchange.conf;",
        "}",
    ]
    settings = wanted.folder / "nginx.conf"
    settings.write_text("\n".join(own), encoding="utf-8")
    nginx = shutil.which("nginx") or "nginx"
    return [nginx, "-e", str(wanted.log), "-p", str(wanted.folder), "-c", str(settings)], {}


def _shipped(name: str, *, hurried: bool) -> str:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    if not hurried:
        return text
    return re.sub(r"\b(\d+)s\b", lambda found: f"{int(found[1]) * 100}ms", text)


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], wanted: Wanted) -> Iterator[Proxy]:
    with wanted.log.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        _await(process, wanted)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        pids = (process.pid, *map(int, children))
        yield Proxy(wanted.port, wanted.plain, wanted.authority, wanted.log, pids)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(process: "subprocess.Popen[bytes]", wanted: Wanted) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", wanted.port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(wanted.log.read_text())
