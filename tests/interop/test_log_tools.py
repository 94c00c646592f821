"""Verifiers written elsewhere accept our log byte for byte: of Go, of Sigstore and of OpenSSL."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
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
from tests import logcheck, needs
from tests.logcheck import go
from tests.logs import LOG_KEY, ORIGIN, WITNESS_KEY, Log, put, random_leaves, vkey
from tests.unit.audit.test_leaf import EVENT_A, KEY

SIZES = [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537]
OPENED = event_opening(KEY, 0, EVENT_A)
LEAVES = [leaf_of(OPENED), *random_leaves(65_536)]
SCRIPT = needs.FOREIGN.parent / "receipt.mjs"
SPKI = PublicFormat.SubjectPublicKeyInfo

pytestmark = pytest.mark.xdist_group("log-tools")  # one build, one set of logs


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built once from source."""
    return logcheck.built(tmp_path_factory.mktemp("logcheck"))


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


def public_key() -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(verifying(LOG_KEY).public)


def _run(
    command: Sequence[str | Path], given: bytes = b"", cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=given, cwd=cwd, capture_output=True, check=False)


@go
def test_go_accepts_our_log_at_every_size(program: Path, folders: dict[int, Path]) -> None:
    status, output, errors = logcheck.checked(program, vkey(LOG_KEY), *folders.values())
    assert (status, errors) == (0, "")
    told = output.splitlines()
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
        ("proofs", 30, "record 0"),
        ("first.tlog-proof", 40, "first.tlog-proof"),
    ],
)
def test_go_refuses_our_log_with_one_bit_changed(
    program: Path, folders: dict[int, Path], tmp_path: Path, name: str, at: int, said: str
) -> None:
    """The program above looks at everything it says it looks at."""
    folder = shutil.copytree(folders[513], tmp_path / "log")
    raw = bytearray((folder / name).read_bytes())
    raw[at] ^= 1
    (folder / name).write_bytes(raw)
    status, _output, errors = logcheck.checked(program, vkey(LOG_KEY), folder)
    assert status == 1
    assert said in errors


@go
def test_go_accepts_a_note_with_an_ml_dsa_line_and_a_receipt_under_it(
    program: Path, tmp_path: Path
) -> None:
    folder = written(tmp_path / "log", 3)
    log = Log(LEAVES[:3], witnesses=(WITNESS_KEY,))
    note = read_note(log.note())
    post_quantum = SigningKey(ORIGIN, ML_DSA_COSIGNATURE, b"\x04" * 32)
    more = replace(note, lines=(*note.lines, cosign(note.text, post_quantum, 1795338000)))
    put(folder, "checkpoint", write_note(more))
    put(folder, f"first{ENDING}", receipt(log, write_note(more)))
    status, _output, errors = logcheck.checked(program, vkey(LOG_KEY), folder)
    assert (status, errors) == (0, "")


def sigstore(test: object) -> object:
    """Mark a test that needs node and the npm package."""
    return needs.node()(needs.foreign("@sigstore/verify")(test))


@sigstore
@pytest.mark.parametrize("size", [1, 3, 257, 512])
def test_sigstore_accepts_our_receipts_and_no_other_leaf(tmp_path: Path, size: int) -> None:
    log = Log(LEAVES[:size], witnesses=(WITNESS_KEY,))
    put(tmp_path, "key.der", public_key().public_bytes(Encoding.DER, SPKI))
    raw = receipt(log, log.note())
    command: list[str | Path] = ["node", SCRIPT, ORIGIN, tmp_path / "key.der"]

    def accepts(leaf: bytes, raw: bytes) -> bool:
        return _run([*command, leaf.hex()], raw).returncode == 0

    assert accepts(LEAVES[0], raw)
    assert not accepts(LEAVES[1], raw)
    assert not accepts(LEAVES[0], raw.replace(f"\n{size}\n".encode(), b"\n9\n"))


@needs.tool("openssl", "openssl")
def test_openssl_verifies_the_signature_of_a_checkpoint(tmp_path: Path) -> None:
    note = read_note(Log(LEAVES[:3]).note())
    put(tmp_path, "key.pem", public_key().public_bytes(Encoding.PEM, SPKI))
    put(tmp_path, "text", note.text)
    put(tmp_path, "signature", note.lines[0].signature)
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pem"]
    command += ["-in", "text", "-sigfile", "signature"]
    done = _run(command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    put(tmp_path, "text", note.text.replace(b"\n3\n", b"\n4\n"))
    assert _run(command, cwd=tmp_path).returncode == 1
