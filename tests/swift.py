"""A real S3 server for tests: OpenStack Swift with its S3 interface, four processes, no container.

Installed from its Python package; needs a file system with extended attributes. It takes about
four seconds to start, so the fixture `s3_server` keeps one for a whole run.
"""

import asyncio
import contextlib
import os
import pwd
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import obstore
from obstore.store import S3Store

from tests.ports import free_port

KEY, SECRET, REGION = "test:tester", "testing", "us-east-1"
SERVERS = ("account", "container", "object", "proxy")
PATIENCE_S = 120
"""A cold machine reads the whole package from disk first."""

FILTERS = {
    # The order matters: s3api before tempauth, slo and dlo (multipart) after it. The memcache
    # server need not exist.
    "catch_errors": "",
    "gatekeeper": "",
    "healthcheck": "",
    "cache": "memcache_servers = 127.0.0.1:1",
    "listing_formats": "",
    "bulk": "",
    "tempurl": "",
    "s3api": "location = us-east-1\ns3_acl = false",
    "tempauth": "user_test_tester = testing .admin",
    "slo": "",
    "dlo": "",
    "versioned_writes": "allow_object_versioning = true",
    "symlink": "",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running S3 server."""

    endpoint: str
    folder: Path

    def store(self, bucket: str, **options: object) -> S3Store:
        """Return the library's own access to a bucket, past everything of ours."""
        return S3Store(
            bucket,
            endpoint=self.endpoint,
            region=REGION,
            virtual_hosted_style_request=False,
            access_key_id=KEY,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
            **options,  # type: ignore[arg-type]  # the options of the library, by name
        )

    def occupied(self) -> int:
        """Return how many bytes of objects, and of parts of them, lie on its disk."""
        return sum(file.stat().st_size for file in self.folder.rglob("*.data"))

    async def make_bucket(self) -> str:
        """Make a bucket of its own and return its name."""
        bucket = f"b{secrets.token_hex(8)}"
        url = await obstore.sign_async(self.store(bucket), "PUT", "", timedelta(minutes=1))
        deadline = time.monotonic() + PATIENCE_S
        async with aiohttp.ClientSession() as http:
            while True:  # the first requests may come before the servers know of each other
                async with http.put(url) as answer:
                    if answer.status < 300:
                        return bucket
                    assert time.monotonic() < deadline, await answer.text()
                await asyncio.sleep(0.1)


@contextlib.contextmanager
def running(base: Path) -> Iterator[Server]:
    """Run account, container, object and proxy server under `base` while the block runs."""
    etc = base / "etc"
    etc.mkdir()
    (base / "node" / "d1").mkdir(parents=True)
    ports = {name: free_port() for name in SERVERS}
    (etc / "swift.conf").write_text(
        f"[swift-hash]\nswift_hash_path_prefix = {secrets.token_hex(8)}\n"
        f"swift_hash_path_suffix = {secrets.token_hex(8)}\n"
        "[swift-constraints]\nmax_header_size = 8192\n"
    )
    for name, port in ports.items():
        (etc / f"{name}.conf").write_text(_configuration(base, name, port))
        if name != "proxy":
            _make_ring(etc, name, port)
    with contextlib.ExitStack() as processes:
        for name in SERVERS:
            log = processes.enter_context((base / f"{name}.log").open("wb"))
            command = [_tool(f"swift-{name}-server"), str(etc / f"{name}.conf")]
            process = subprocess.Popen(command, stdout=log, stderr=log)
            processes.callback(process.wait, 30)
            processes.callback(process.terminate)
        _await_ports(ports.values())
        yield Server(f"http://127.0.0.1:{ports['proxy']}", base / "node")


def _configuration(base: Path, name: str, port: int) -> str:
    user = pwd.getpwuid(os.geteuid()).pw_name
    text = (
        f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nswift_dir = {base / 'etc'}\n"
        f"user = {user}\nworkers = 0\nlog_level = WARNING\ndevices = {base / 'node'}\n"
        # Without the reserve of 0 a fairly full disk refuses writes.
        "mount_check = false\nfallocate_reserve = 0\n"
    )
    if name != "proxy":
        return f"{text}[pipeline:main]\npipeline = {name}-server\n" + (
            f"[app:{name}-server]\nuse = egg:swift#{name}\n"
        )
    text += f"[pipeline:main]\npipeline = {' '.join(FILTERS)} proxy-server\n"
    text += "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
    for part, extra in FILTERS.items():
        egg = "memcache" if part == "cache" else part
        text += f"[filter:{part}]\nuse = egg:swift#{egg}\n{extra}\n"
    return text


def _make_ring(etc: Path, name: str, port: int) -> None:
    """Write a ring of four partitions, one replica and one device."""
    ring = [_tool("swift-ring-builder"), str(etc / f"{name}.builder")]
    for step in (
        ["create", "2", "1", "0"],
        ["add", f"r1z1-127.0.0.1:{port}/d1", "1"],
        ["rebalance"],  # exits with 1 for a mere warning
    ):
        subprocess.run([*ring, *step], check=step != ["rebalance"], stdout=subprocess.DEVNULL)


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _await_ports(ports: Collection[int]) -> None:
    """Return once all accept a connection: the proxy alone would be too early."""
    deadline = time.monotonic() + PATIENCE_S
    for port in ports:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert time.monotonic() < deadline, "the S3 server does not start"
            time.sleep(0.05)
