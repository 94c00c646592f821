"""What a stranger may put into XML (A50) and archives (A51): refused, and nothing outside read."""

import io
import struct
import zipfile
from collections.abc import Callable

import pytest
from exchange_plugin_xdomea.foreign import parse
from hypothesis import HealthCheck, given, settings, strategies

from exchange.errors import Malformed
from plugins.xdomea.tests.conftest import Message, Office

PDF = b"%PDF-1.7\n"
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'
BOMB = (
    b'<!DOCTYPE r [<!ENTITY a "'
    + b"a" * 1000
    + b'">'
    + b"".join(b'<!ENTITY %c "%b">' % (name, b"&%c;" % (name - 1) * 50) for name in b"bcdef")
    + b"]><r>&f;</r>"
)


@pytest.mark.parametrize(
    "raw",
    [
        b"<!DOCTYPE r><r/>",
        BOMB,
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        b'<!DOCTYPE r [<!ENTITY x "y">]><r a="&x;"/>',
        b'<!DOCTYPE r SYSTEM "http://127.0.0.1:1/evil.dtd"><r/>',
        b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p"> %p;]><r/>',
        b"<r>&undefined;</r>",
        '<?xml version="1.0" encoding="UTF-16"?><r/>'.encode("utf-16"),
        "<r/>".encode("utf-16"),
        "<r/>".encode("utf-16-be"),
        "<r/>".encode("utf-16-le"),
        "<r/>".encode("utf-32-le"),
        b'<?xml version="1.0" encoding="UTF-7"?><r/>',
        b'<?xml version="1.0" encoding="ISO-8859-1"?><r>\xe4</r>',
        b'<?xml version="1.0" encoding="UTF-8"?><r>\xe4</r>',
        b"<r>" * 100_000 + b"</r>" * 100_000,
        b'<r a="' + b"a" * (20 << 20) + b'"/>',
        b"<r>" + b"a" * (16 << 20) + b"</r>",
        (b"<!--" + b"a" * (1 << 20) + b"-->") * 16 + b"<r/>",
        b"<r>\x00</r>",
        b"<r>",
        b"<x:r/>",
        b"",
        b"%PDF-1.7",
    ],
)
def test_hostile_xml_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse(raw)


def test_other_documents_are_not_included() -> None:
    root = parse(
        HEAD + b'<r xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd" '
        b'parse="text"/><?xml-stylesheet href="http://127.0.0.1:1/x.xsl"?></r>'
    )
    assert "".join(root.itertext()) == ""


async def test_a_location_of_schemas_in_a_message_is_passed_over(
    office: Office, back_office: Message
) -> None:
    message = back_office.plain().replace(
        b"<x:Schriftgutobjekt>",
        b'<x:Schriftgutobjekt xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
        b'i:schemaLocation="urn:x http://127.0.0.1:1/evil.xsd">',
    )
    package = await office.read(**{"m.xml": message, back_office.file: PDF})
    assert len(package.files) == 1


def entry(name: str, **attributes: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


def archived(*members: tuple[zipfile.ZipInfo, bytes], zeros: bool = False) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for info, content in members:
            archive.writestr(info, content, zipfile.ZIP_DEFLATED if zeros else None)
    return packed.getvalue()


def listing_changed(archive: bytes, offset: int, value: bytes) -> bytes:
    """Change bytes of the first entry of the listing."""
    start = archive.index(b"PK\x01\x02") + offset
    return archive[:start] + value + archive[start + len(value) :]


def plain() -> bytes:
    return archived((entry("m.xml"), Message().plain()), (entry(Message.file), PDF))


def second_changed(offset: int, value: bytes) -> bytes:
    """Change bytes of the second entry of the listing."""
    archive = plain()
    second = archive.index(b"PK\x01\x02", archive.index(b"PK\x01\x02") + 1)
    return archive[:second] + listing_changed(archive[second:], offset, value)


def overlapping() -> bytes:
    """Two entries of the listing that share one member."""
    return second_changed(42, struct.pack("<I", 0))


def gaping() -> bytes:
    """Bytes between the members and the listing, which says so of itself."""
    archive = plain()
    start = archive.index(b"PK\x01\x02")
    end = archive.index(b"PK\x05\x06")
    listing = struct.pack("<I", start + 4)
    return archive[:start] + b"more" + archive[start : end + 16] + listing + archive[end + 20 :]


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "ratio": lambda: archived((entry("m.xml"), b"\x00" * (1 << 20)), zeros=True),
    "members": lambda: archived(*((entry(str(number)), b"") for number in range(1001))),
    "none": archived,
    "twice": lambda: archived((entry("a.xml"), b"1"), (entry("A.XML"), b"2")),
    "up": lambda: archived((entry("../a.xml"), b"1")),
    "absolute": lambda: archived((entry("/a.xml"), b"1")),
    "folder": lambda: archived((entry("a/b.xml"), b"1")),
    "drive": lambda: archived((entry("C:a.xml"), b"1")),
    "backslash": lambda: archived((entry(r"a\b.xml"), b"1")),
    "dots": lambda: archived((entry(".."), b"1")),
    "zero byte": lambda: plain().replace(b"m.xml", b"m\x00xml"),
    "symlink": lambda: archived((entry("m.xml", external_attr=0o120777 << 16), b"/etc/passwd")),
    "device": lambda: archived((entry("m.xml", external_attr=0o020666 << 16), b"")),
    "packed strangely": lambda: archived((entry("m.xml", compress_type=zipfile.ZIP_LZMA), b"1")),
    "encrypted": lambda: listing_changed(plain(), 8, b"\x01\x00"),
    "larger": lambda: listing_changed(plain(), 24, struct.pack("<I", 5000)),
    "smaller": lambda: listing_changed(plain(), 24, struct.pack("<I", 5)),
    "huge": lambda: listing_changed(plain(), 20, struct.pack("<II", 1 << 30, (1 << 30) + 1)),
    "other bytes": lambda: plain().replace(b"005056871b7c.pdf</x", b"005056871b7d.pdf</x"),
    "no member there": lambda: b"XX" + plain()[2:],
    "overlapping": overlapping,
    "elsewhere": lambda: listing_changed(plain(), 42, struct.pack("<I", 7)),
    "gap": gaping,
    "before": lambda: b"#!/bin/sh\n" + plain(),
    "behind": lambda: plain() + b"more",
    "comment": lambda: plain()[:-2] + b"\x04\x00more",
    "cut": lambda: plain()[:-30],
    "nested": lambda: archived((entry("m.zip"), plain())),
}


REASONS = {
    "more tightly": "ratio",
    "no file, or more": "members, none",
    "one name": "twice",
    "folder or a path": "up, absolute, folder, drive, backslash, dots, zero byte",
    "plain files": "symlink, device",
    "in a way": "packed strangely",
    "encrypted": "encrypted",
    "another size": "larger",
    "is broken": "smaller, other bytes",
    "more bytes": "huge",
    "not where": "no member there",
    "overlap": "overlapping, elsewhere, gap",
    "before its files or behind": "before, behind, comment",
    "no message": "cut, nested",
}
"""Which check refuses which archives."""


async def test_a_message_beyond_16_megabytes_is_not_even_read(office: Office) -> None:
    with pytest.raises(Malformed, match="too large"):
        await office.read(**{"m.xml": b" " * (16 << 20) + b"<r/>"})


async def test_a_message_of_16_megabytes_is_read(office: Office) -> None:
    message = Message().plain()
    comment = b"<!--" + b"a" * ((1 << 20) - 7) + b"-->"
    rest = b" " * ((1 << 20) - len(message))
    padded = message + comment * 15 + rest
    assert len(padded) == 16 << 20
    await office.read(**{"m.xml": padded, Message.file: PDF})
    assert office.contents() == {Message.file: PDF}


async def test_an_archive_and_something_beside_it_are_no_export(office: Office) -> None:
    with pytest.raises(Malformed, match="no message"):
        await office.read(**{"a.zip": plain(), Message.file: PDF})


async def test_the_plain_archive_is_read(office: Office) -> None:
    await office.read(**{"a.zip": plain()})
    assert office.contents() == {Message.file: PDF}


@pytest.mark.parametrize("kind", ARCHIVES)
async def test_a_hostile_archive_is_refused_and_writes_nothing(office: Office, kind: str) -> None:
    reason = next(reason for reason, kinds in REASONS.items() if kind in kinds.split(", "))
    with pytest.raises(Malformed, match=reason):
        await office.read(**{"a.zip": ARCHIVES[kind]()})
    assert office.contents() == {}


@pytest.mark.parametrize("size", [len(PDF) - 1, len(PDF) + 1])
async def test_a_listing_that_lies_of_a_size_is_found_out(office: Office, size: int) -> None:
    with pytest.raises(Malformed):
        await office.read(**{"a.zip": second_changed(24, struct.pack("<I", size))})


async def test_an_archive_written_as_a_stream_is_read(office: Office) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    packed = Pipe()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("m.xml", Message().plain())
        archive.writestr(Message.file, PDF)
    await office.read(**{"a.zip": packed.getvalue()})
    assert office.contents() == {Message.file: PDF}


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(place=strategies.integers(0, 10_000), value=strategies.binary(min_size=1, max_size=4))
async def test_a_damaged_archive_is_refused_or_means_the_same(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: bytes
) -> None:
    good = plain()
    at = place % len(good)
    office = Office(tmp_path_factory.mktemp("damaged"))
    try:
        await office.read(**{"a.zip": good[:at] + value + good[at + len(value) :]})
    except Malformed:
        return
    assert set(office.contents().values()) == {PDF}
