"""The documents of the demo: a letter as PDF and a scan of several pages as PNG.

Written by the few lines a reader of these formats needs; no person is named in them.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

CANARY = "KANARIENVOGEL-4711"
"""A word in every document, file name and subject of the demo; the hub must never hold it."""

LETTER = (
    "Jobcentre, housing and energy",
    "",
    "Letter about rent arrears (demonstration)",
    f"File: {CANARY}",
    "",
    "Two months of rent are open. The landlord has announced a termination without",
    "notice. If the arrears are settled within two months after service of the claim,",
    "the termination becomes void (section 569 (3) of the German Civil Code).",
    "",
    "The client has agreed that her counselling centre receives this letter.",
)
PAGE_SIZE = (2480, 3508)
"""Pixels of a page of A4 at 300 dots per inch, one byte each."""


def write_letter(folder: Path) -> Path:
    """Write the letter, a valid PDF of one page, and return its path."""
    file = folder / f"rent-arrears-{CANARY}.pdf"
    file.write_bytes(pdf(LETTER))
    return file


def write_paper(folder: Path, name: str) -> Path:
    """Write a paper called `name`, a valid PDF of one page unlike all others; return its path."""
    file = folder / f"{name}-{CANARY}.pdf"
    file.write_bytes(pdf(("A paper (demonstration)", f"{name}, {CANARY}")))
    return file


def write_scan(folder: Path, pages: int) -> list[Path]:
    """Write `pages` pages of noise, 8.7 MB each: what a scanner makes of a bad copy.

    Noise cannot be compressed, so the size is what crosses the wire. Each page ends with a text
    chunk that holds the canary.
    """
    files = []
    for number in range(1, pages + 1):
        file = folder / f"scan-{CANARY}-page-{number}.png"
        file.write_bytes(png(*PAGE_SIZE, comment=f"{CANARY} page {number}"))
        files.append(file)
    return files


def pdf(lines: Sequence[str]) -> bytes:
    """Return a PDF 1.4 of one A4 page with `lines` in Helvetica (ISO 32000-1, section 7)."""
    text = [b"BT /F1 11 Tf 16 TL 70 780 Td"]
    for line in lines:
        shown = line.encode("cp1252")
        for sign in (b"\\", b"(", b")"):
            shown = shown.replace(sign, b"\\" + sign)
        text.append(b"(" + shown + b") '")
    content = b"\n".join([*text, b"ET"])
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    made = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(made)  # every entry has 20 bytes
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return made + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(made)


def png(width: int, height: int, *, comment: str) -> bytes:
    """Return a greyscale PNG of noise with a text chunk (ISO/IEC 15948, section 11)."""
    rows = b"".join(b"\0" + os.urandom(width) for _ in range(height))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            _chunk(b"tEXt", b"Comment\0" + comment.encode("latin-1")),
            _chunk(b"IDAT", zlib.compress(rows, level=0)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
