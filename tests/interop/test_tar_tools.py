"""Stock tools open a sealed document: a foreign age that knows the hybrid recipient, and tar."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from exchange.envelope.sealing import Outgoing
from tests import needs
from tests.envelopes import KEY, opened, sealed

SCRIPT = needs.FOREIGN.parent / "age.mjs"
FILES = [
    Outgoing("Kündigung.pdf", "application/pdf", b"k" * 700_000),
    Outgoing("empty.txt", "text/plain", b""),
    Outgoing("x" * 120 + ".pdf", "application/pdf", b"x" * 1000),
    Outgoing("plain.txt", "text/plain", b"t" * 512),
    # The padding after this one exceeds what a pipe buffers.
    Outgoing("scan.tif", "image/tiff", bytes(range(256)) * 16_500),
]
TOOLS = {
    "GNU tar": ("tar", "tar", "tar xf package.tar -C out"),
    "bsdtar": ("bsdtar", "libarchive-tools", "bsdtar xf package.tar -C out"),
    "busybox tar": ("busybox", "busybox", "busybox tar xf package.tar -C out"),
    "7-Zip": ("7z", "p7zip-full", "7z x -oout package.tar"),
}
PIPES = {
    "GNU tar": ("tar", "tar", "tar xi -C out"),
    "bsdtar": ("bsdtar", "libarchive-tools", "bsdtar xf - -C out"),
    "busybox tar": ("busybox", "busybox", "busybox tar x -C out"),
}


def _cases(tools: dict[str, tuple[str, str, str]]) -> list[object]:
    return [
        pytest.param(command, marks=needs.tool(program, package), id=name)
        for name, (program, package, command) in tools.items()
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a sealed document and its key file."""
    sealed(tmp_path / "sealed.age", FILES)
    (tmp_path / "document-1.key").write_text(f"# document key\n{KEY.secret_text()}\n")
    (tmp_path / "out").mkdir()
    return tmp_path


def _shell(folder: Path, command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        capture_output=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def _decrypt(sealed_name: str = "sealed.age") -> str:
    return f"node {SCRIPT} decrypt -i document-1.key {sealed_name}"


def _extracted(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "out/files").iterdir()}


EXPECTED = {file.name: file.source for file in FILES}


@needs.node()
@needs.foreign("age-encryption")
@pytest.mark.parametrize("command", _cases(TOOLS))
def test_stock_tools_extract_the_same_files(folder: Path, command: str) -> None:
    done = _shell(folder, f"{_decrypt()} > package.tar && {command}")
    assert done.returncode == 0, done.stderr
    assert _extracted(folder) == EXPECTED


@needs.node()
@needs.foreign("age-encryption")
@pytest.mark.parametrize("command", _cases(PIPES))
def test_a_pipe_into_tar_reads_to_the_end(folder: Path, command: str) -> None:
    done = _shell(folder, f"{_decrypt()} | {command}")
    assert done.returncode == 0, done.stderr
    assert _extracted(folder) == EXPECTED


@needs.node()
@needs.foreign("age-encryption")
@pytest.mark.parametrize("command", _cases(PIPES))
def test_a_document_cut_in_its_padding_is_noticed(folder: Path, command: str) -> None:
    raw = (folder / "sealed.age").read_bytes()
    (folder / "cut.age").write_bytes(raw[:-20])
    assert _shell(folder, f"{_decrypt('cut.age')} | {command}").returncode != 0


@needs.node()
@needs.foreign("age-encryption")
def test_the_tar_of_python_extracts_the_same_files(folder: Path) -> None:
    assert _shell(folder, f"{_decrypt()} > package.tar").returncode == 0
    with tarfile.open(folder / "package.tar") as tar:
        tar.extractall(folder / "out", filter="data")
    assert _extracted(folder) == EXPECTED


def test_we_open_the_same_document(tmp_path: Path) -> None:
    document, _, header, payload = sealed(tmp_path / "sealed.age", FILES)
    found = opened(header + payload, document.context, tmp_path / "into")
    assert {file.name: file.path.read_bytes() for file in found.files} == EXPECTED
