"""A large document goes on where it was cut, between processes: a way that breaks, a kill -9."""

import contextlib
import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from exchange.agency.client import ONE_SHOT_SIZE
from tests.cli.faulty_way import FaultyWay
from tests.cli.network import PATIENCE_S, A, B, Network, recorded

pytestmark = [pytest.mark.xdist_group("cli-network"), pytest.mark.timeout(300)]

LARGE = b"%PDF-1.7 " + hashlib.shake_128(b"large").digest(ONE_SHOT_SIZE)
FAULTS = [1_000_000, 700_001, 2_000_000]


def test_a_large_document_goes_on_over_a_way_that_breaks_and_after_a_kill(
    network: Network, agreed: str
) -> None:
    consent = recorded(network, agreed, "resumed.toml")
    hub = urlsplit(network.origin)
    assert hub.hostname is not None
    assert hub.port is not None
    way = FaultyWay((hub.hostname, hub.port), FAULTS, lambda size: wait_for(network, size))

    with way.open() as port, over(network, port):
        put(network, consent)
        with gateway(network) as killed:
            assert way.hangs.wait(PATIENCE_S), way.parts
            killed.send_signal(signal.SIGKILL)
        assert way.over.wait(PATIENCE_S)
        assert taken(network) == [], "nothing arrives before it is whole"
        with gateway(network):
            receipt = sent(network)
            arrived = arrival(network)

    begun = [part.begun for part in way.parts]
    assert begun == [0, 1_000_000, 1_700_001, 3_700_001], "each went on where the last was cut"
    assert all(part.carried == most for part, most in zip(way.parts, FAULTS, strict=False))
    assert (arrived / "letter.pdf").read_bytes() == LARGE
    (disclosure,) = receipt["disclosures"]
    assert disclosure["recipients"] == [A]
    assert rows(network, "SELECT count(*) FROM disclosures") == 1, "once, for all that happened"
    assert taken(network) == [arrived]


def put(network: Network, consent: str) -> None:
    """Put a document where B's gateway looks for what is to be sent."""
    folder = network.root / "out" / "letter"
    folder.mkdir(parents=True)
    (folder / "letter.pdf").write_bytes(LARGE)
    (folder / "send.toml").write_text(
        f'consent = "{consent}"\nrecipients = ["{A}"]\ncategory = "rent-arrears-letter"\n'
    )


def sent(network: Network) -> Any:
    """Wait until B's office is told that its document is on its way, and return the receipt."""
    receipt = network.root / "out" / "done" / "letter" / "receipt.json"
    deadline = time.monotonic() + PATIENCE_S
    while not receipt.exists():
        assert time.monotonic() < deadline, sorted((network.root / "out").rglob("*"))
        time.sleep(0.05)
    return json.loads(receipt.read_bytes())


def taken(network: Network) -> list[Path]:
    """Let A fetch; return the folders of what has arrived."""
    network.must("gateway", "fetch", home=A)
    return [path for path in (network.root / A / "spool").iterdir() if path.is_dir()]


def arrival(network: Network) -> Path:
    """Wait until A has the document, and return its folder."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := taken(network)):
        assert time.monotonic() < deadline
    (folder,) = found
    return folder


def wait_for(network: Network, size: int) -> None:
    """Wait until the hub has that many bytes of the upload durably."""
    deadline = time.monotonic() + PATIENCE_S
    while rows(network, "SELECT coalesce(sum(size), 0) FROM upload_pieces") < size:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def rows(network: Network, question: str) -> int:
    file = network.root / "hub" / "hub.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as hub:
        (answer,) = hub.execute(question).fetchone()
    return int(answer)


@contextlib.contextmanager
def over(network: Network, port: int) -> Iterator[None]:
    """Let B reach the hub through a proxy only, and look into a folder for what it sends."""
    settings = network.root / B / "gateway.toml"
    before = settings.read_text(encoding="utf-8")
    changed = before
    for comment, line in (
        ("#proxy = 'http://proxy.example:3128'", f"proxy = 'http://127.0.0.1:{port}'"),
        ("#listen = '127.0.0.1:8470'", "listen = ''"),
        ("[watch]", f"[watch]\nout = '{network.root}/out'\nlook_s = 1"),
    ):
        assert changed.count(comment) == 1, comment
        changed = changed.replace(comment, line)
    settings.write_text(changed, encoding="utf-8")
    try:
        yield
    finally:
        settings.write_text(before, encoding="utf-8")


@contextlib.contextmanager
def gateway(network: Network) -> Iterator["subprocess.Popen[bytes]"]:
    """Run B's gateway."""
    with (network.root / "gateway.log").open("ab") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "exchange.cli.main", "gateway", "run", B],
            cwd=network.root,
            env=network.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield running
    finally:
        running.terminate()
        running.wait(PATIENCE_S)
