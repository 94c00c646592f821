"""exchange.cli.demo_documents: what the demo sends is a real letter and a real scan."""

import re
import struct
import zlib
from pathlib import Path

from exchange.cli.demo_documents import CANARY, pdf, png, write_letter, write_scan


def test_every_entry_of_the_cross_reference_table_points_at_its_object() -> None:
    made = pdf(["one (line)", "another \\ line"])
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", made)[0])
    entries = re.findall(rb"(\d{10}) 00000 n \n", made[start:])
    assert len(entries) == 5
    for number, offset in enumerate(entries, 1):
        assert made[int(offset) :].startswith(b"%d 0 obj" % number)


def test_the_stated_length_is_that_of_the_stream() -> None:
    made = pdf(["a (line) with a \\"])
    length, stream = re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", made, re.DOTALL)[0]
    assert int(length) == len(stream)
    assert rb"(a \(line\) with a \\) '" in stream


def test_a_png_has_chunks_with_right_checksums_and_as_many_rows_as_it_says() -> None:
    made = png(10, 7, comment="some text")
    assert made.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, rest = {}, made[8:]
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        kind, body, check = rest[4:8], rest[8 : 8 + size], rest[8 + size : 12 + size]
        assert struct.unpack(">I", check)[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        rest = rest[12 + size :]
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (10, 7)
    assert len(zlib.decompress(chunks[b"IDAT"])) == 7 * 11


def test_letter_and_scan_hold_the_canary_and_the_scan_is_large(tmp_path: Path) -> None:
    letter, scan = write_letter(tmp_path), write_scan(tmp_path, 4)
    assert sum(page.stat().st_size for page in scan) >= 30_000_000
    for file in (letter, *scan):
        assert CANARY in file.name
        assert CANARY.encode() in file.read_bytes()
