"""Verifiers written elsewhere accept our log byte for byte: Go's sumdb packages and OpenSSL."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exchange.audit.cosignature import cosign
from exchange.audit.merkle import consistency_path
from exchange.audit.note import (
    ML_DSA_COSIGNATURE,
    SigningKey,
    read_note,
    verifying,
    write_note,
)
from exchange.audit.opening import event_opening, leaf_of, write_opening
from exchange.audit.proof import ENDING, Receipt, write_receipt
from exchange.audit.spelling import write_base64
from tests import needs
from tests.logs import LOG_KEY, ORIGIN, WITNESS_KEY, Log, put, random_leaves, vkey
from tests.unit.audit.test_leaf import EVENT_A, KEY

SIZES = [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537]
SOURCE = needs.FOREIGN.parent / "logcheck" / "logcheck.go"
OPENED = event_opening(KEY, 0, EVENT_A)
LEAVES = [leaf_of(OPENED), *random_leaves(65_536)]
GO_LIBRARIES = Path("/usr/share/gocode")
"""Where Debian's packages of Go libraries lie; nothing is fetched."""

go = needs.tool("go", "golang-go golang-golang-x-mod-dev")


@pytest.fixture(scope="module")
def logcheck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built once from source."""
    folder = tmp_path_factory.mktemp("logcheck")
    offline = {
        "GO111MODULE": "off",
        "GOPATH": str(GO_LIBRARIES),
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOCACHE": str(folder / "cache"),
    }
    subprocess.run(
        ["go", "build", "-o", folder / "logcheck", SOURCE],
        env={**os.environ, **offline},
        check=True,
    )
    return folder / "logcheck"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Path]]:
    """Our log at every size, each in a folder of its own, with proofs and a receipt."""
    top = tmp_path_factory.mktemp("logs")
    yield {size: written(top / str(size), size) for size in SIZES}
    shutil.rmtree(top)


def written(folder: Path, size: int) -> Path:
    log = Log(LEAVES[:size], witnesses=(WITNESS_KEY,))
    log.write(folder)
    lines = []
    for index in sorted({at for at in (0, 1, 255, 256, size // 2, size - 1) if 0 <= at < size}):
        lines.append(["record", str(index), *map(write_base64, log.path(index))])
    for old in (old for old in SIZES if 1 <= old <= size):
        path = consistency_path(log.row, old, size)
        lines.append(["tree", str(old), *map(write_base64, (log.root(old), *path))])
    put(folder, "proofs", "".join(" ".join(line) + "\n" for line in lines).encode())
    if size:
        put(folder, f"first{ENDING}", receipt(log, log.note()))
    return folder


def receipt(log: Log, note: bytes) -> bytes:
    return write_receipt(Receipt(write_opening(OPENED), 0, log.path(0), note))


def checked(logcheck: Path, *folders: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [logcheck, vkey(LOG_KEY), *folders], capture_output=True, text=True, check=False
    )


@go
def test_go_accepts_our_log_at_every_size(logcheck: Path, folders: dict[int, Path]) -> None:
    done = checked(logcheck, *folders.values())
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert [int(line.split()[0]) for line in told] == SIZES
    assert told[-1] == "65537 entries, 18 proofs, 1 receipts"


@go
@pytest.mark.parametrize(
    ("name", "at", "said"),
    [
        ("checkpoint", 0, "invalid signature"),
        ("tile/0/000", 100, "is not what the entries lead to"),
        ("tile/1/000.p/2", 40, "is not what the entries lead to"),
        ("tile/entries/001", 51 * 3 + 20, "another root"),
        ("tile/entries/002.p/1", 1, "bundle is cut"),
        ("proofs", 30, ""),
        ("first.tlog-proof", 40, "first.tlog-proof"),
    ],
)
def test_go_refuses_our_log_with_one_bit_changed(
    logcheck: Path, folders: dict[int, Path], tmp_path: Path, name: str, at: int, said: str
) -> None:
    """The program above looks at everything it says it looks at."""
    folder = shutil.copytree(folders[513], tmp_path / "log")
    raw = bytearray((folder / name).read_bytes())
    raw[at] ^= 1
    (folder / name).write_bytes(raw)
    done = checked(logcheck, folder)
    assert done.returncode == 1
    assert said in done.stderr


@go
def test_go_accepts_a_note_with_an_ml_dsa_line_and_a_receipt_under_it(
    logcheck: Path, tmp_path: Path
) -> None:
    folder = written(tmp_path / "log", 3)
    log = Log(LEAVES[:3], witnesses=(WITNESS_KEY,))
    note = read_note(log.note())
    post_quantum = SigningKey(ORIGIN, ML_DSA_COSIGNATURE, b"\x04" * 32)
    more = replace(note, lines=(*note.lines, cosign(note.text, post_quantum, 1795338000)))
    put(folder, "checkpoint", write_note(more))
    put(folder, f"first{ENDING}", receipt(log, write_note(more)))
    done = checked(logcheck, folder)
    assert done.returncode == 0, done.stderr


@needs.tool("openssl", "openssl")
def test_openssl_verifies_the_signature_of_a_checkpoint(tmp_path: Path) -> None:
    note = read_note(Log(LEAVES[:3]).note())
    public = Ed25519PublicKey.from_public_bytes(verifying(LOG_KEY).public)
    put(tmp_path, "key.pem", public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    put(tmp_path, "text", note.text)
    put(tmp_path, "signature", note.lines[0].signature)
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pem"]
    command += ["-in", "text", "-sigfile", "signature"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    put(tmp_path, "text", note.text.replace(b"\n3\n", b"\n4\n"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
