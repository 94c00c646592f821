"""Sealing 1 GiB against its unavoidable parts, each timed alone in one thread."""

import os
import shutil
import statistics
import tempfile
from pathlib import Path

from exchange.envelope.manifest import Terms
from exchange.envelope.sealing import Outgoing, seal
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.recipient import DocumentRecipient
from exchange.vocabulary import Secrecy
from tests.bench import parts
from tests.bench.figures import Benchmark, Figure, Report

SIZE = 1 << 30
ROUNDS = 3
KID = "1t6wBLcASBT8AoOjyfvAxgw3QRVuRtxToeIVZUvY4gw"


def memory_folder() -> Path | None:
    """Return a folder in memory, so that the disk of a shared machine is not what is measured."""
    shm = Path("/dev/shm")
    return shm if shm.is_dir() and shutil.disk_usage(shm).free > 4 * SIZE else None


def terms() -> Terms:
    """Return what the sender of a benchmark states."""
    return Terms(
        id="5a1b6a52-7f0e-4b9b-8f43-8a5f6cbe3d10",
        sender="women-b",
        kid=KID,
        consent="A" * 43,
        purpose="housing-loss",
        category="rent-arrears-letter",
        secrecy=Secrecy.PROFESSIONAL,
        iat=1_790_000_000,
        exp=1_790_600_000,
    )


def _sealed(source: Path, target: Path, recipient: DocumentRecipient) -> None:
    files = [Outgoing("scan.tif", "image/tiff", source)]
    seal(files, terms=terms(), recipients={"jobcentre-a": recipient}, target=target)


def _run(report: Report) -> list[Figure]:
    with tempfile.TemporaryDirectory(dir=memory_folder()) as name:
        folder = Path(name)
        source, target = folder / "scan.tif", folder / "sealed"
        with source.open("wb") as file:
            for _ in range(SIZE >> 20):
                file.write(os.urandom(1 << 20))
        recipient = DocumentKey(bytes(32)).recipient
        ratios = []
        for number in range(ROUNDS):
            plain = parts.wall(lambda: parts.sha256_file(source))
            cipher = parts.wall(lambda: parts.chacha_chunks(SIZE))
            sealing = parts.wall(lambda: _sealed(source, target, recipient))
            sealed = parts.wall(lambda: parts.sha256_file(target))
            target.unlink()
            least = 2 * plain + cipher + sealed
            ratios.append(least / sealing)
            report(
                f"round {number + 1}: sealing {sealing:.2f} s, unavoidable parts {least:.2f} s "
                f"(2 x {plain:.2f} + {cipher:.2f} + {sealed:.2f})"
            )
    return [
        Figure(
            name="seal_1gib_vs_parts",
            value=statistics.median(ratios),
            bound=0.8,
            unit="parts / sealing, wall time",
            sense="at least",
        )
    ]


SEAL = Benchmark(names=("seal_1gib_vs_parts",), run=_run)
