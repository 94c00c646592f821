"""exchange.envelope.tarblocks"""

import hashlib
import io
import tarfile

import pytest

from exchange.envelope.padme import padme
from exchange.envelope.tarblocks import file_header, fill, header, layout
from tests.envelopes import MTIME, package

LONG = "x" * 120 + ".pdf"


def test_the_own_vector_of_a_header_block_holds() -> None:
    block = header("context.json", 7, MTIME)
    assert len(block) == 512
    assert (
        hashlib.sha256(block).hexdigest()
        == "7e00f775df3cf7ed496924090e01456b47b29657f83f0e7a8466d0e3205ad1ed"
    )


def test_the_own_vector_of_a_name_with_umlauts_holds() -> None:
    blocks = file_header("Kündigung.pdf", 1, 70000, MTIME)
    assert len(blocks) == 3 * 512
    assert (
        hashlib.sha256(blocks).hexdigest()
        == "5e8b5589ab24c0ae0d7c5759d496cd2d296aff1cc2bd20d7beed2d9f904a2190"
    )


@pytest.mark.parametrize(
    ("name", "blocks"), [("a", 1), ("x" * 94, 1), ("x" * 95, 3), ("ü", 3), ("x" * 255, 3)]
)
def test_a_pax_header_precedes_names_that_need_one(name: str, blocks: int) -> None:
    assert len(file_header(name, 12, 5, MTIME)) == blocks * 512


@pytest.mark.parametrize("length", range(85, 115))
def test_a_pax_record_counts_its_own_length(length: int) -> None:
    record = file_header("ü" * length, 1, 0, MTIME)[512:].split(b"\n")[0] + b"\n"
    assert int(record.split(b" ")[0]) == len(record)


def test_fill_ends_a_block() -> None:
    assert [len(fill(size)) for size in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]


def test_a_foreign_reader_finds_the_same_files() -> None:
    files = [("Kündigung.pdf", b"k" * 700), (LONG, b""), ("plain.txt", b"t" * 512)]
    context, contents, raw = package(files)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        found = [(m.name, tar.extractfile(m).read(), m.mtime, m.mode) for m in tar]  # type: ignore[union-attr]
    assert found == [
        ("context.json", context.raw, MTIME, 0o600),
        ("contents.json", contents.raw, MTIME, 0o600),
        *((f"files/{name}", content, MTIME, 0o600) for name, content in files),
    ]


def test_a_package_is_padded_to_a_fixed_point_and_no_smaller_than_seven_blocks() -> None:
    context, contents, raw = package([("a", b"")])
    assert len(raw) == layout(context, contents).size == padme(len(raw)) == 3584
    context, contents, raw = package([("a", b"x" * 60_000)])
    assert layout(context, contents).tail == 1024 + 1536
    assert len(raw) == 65_536
    assert raw[-2560:] == bytes(2560)
