"""The mail that intake writes (A52): read by the standard library and a Maildir, byte for byte."""

import dataclasses
import email
import mailbox
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import ConsentTerms, DocumentPackage, Label
from exchange.testing import package_of
from plugins.mailbox.tests.conftest import letter_format

PDF = ("application/pdf", b"%PDF-1.7\n\x00\xff\r\n.\r\n")
TEXT = ("text/plain", "Grüße\n".encode())


class Desk:
    """Makes packages, has them converted and reads the mail as a mail program does."""

    def __init__(self, home: Path) -> None:
        self.source, self.target = home / "source", home / "target"
        self.source.mkdir()
        self.target.mkdir()

    def package(self, files: Mapping[str, tuple[str, bytes]]) -> DocumentPackage:
        return package_of(self.source, files)

    async def raw(self, package: DocumentPackage) -> bytes:
        (written,) = await letter_format().convert(package, self.target)
        raw = (self.target / written.name).read_bytes()
        (self.target / written.name).unlink()
        return raw

    async def mail(self, package: DocumentPackage) -> EmailMessage:
        return email.message_from_bytes(await self.raw(package), policy=default)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def forget_peak() -> None:
    """Let the kernel count the largest memory of this process anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak() -> int:
    """Return the largest resident memory so far, in bytes."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    return int(line) * 1024


def words(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    found: str = body.get_content()
    return found


async def test_every_attachment_is_read_back_byte_for_byte_under_its_name(desk: Desk) -> None:
    files = {
        "Mietschulden März.pdf": PDF,
        "leer.txt": ("text/plain", b""),
        "umlaut.txt": ("text/plain", "Grüße".encode("latin-1")),
        "Weiterleitung.eml": ("message/rfc822", b"From: x\n\n--=_\n.\n"),
        "tabelle.csv": ("text/csv", b"a;b\r"),
        "c:%41 'x'; name*0=\"y\".json": ("application/json", b"{}"),
    }
    mail = await desk.mail(desk.package(files))
    found = {part.get_filename(): part for part in mail.iter_attachments()}
    assert list(found) == list(files)
    for name, (media_type, content) in files.items():
        assert found[name].get_payload(decode=True) == content
        assert found[name].get_content_type() == (
            "application/octet-stream" if media_type == "message/rfc822" else media_type
        )
    assert not any(part.defects for part in mail.walk())


async def test_the_header_says_nothing_a_stranger_wrote(desk: Desk) -> None:
    evil = "x\r\nBcc: everybody@evil.example\r\n\r\nbody"
    package = dataclasses.replace(
        desk.package({"a.pdf": PDF}),
        sender_name=evil,
        remark=evil,
        reference=evil,
        purpose=Label("housing", evil, evil),
    )
    raw = await desk.raw(package)
    mail = email.message_from_bytes(raw, policy=default)
    assert dict(mail.items()) == {
        "From": "austausch@ngo.example",
        "To": "post@ngo.example",
        "Subject": "Unterlagen von jobcentre [6f6d4c36]",
        "Date": "Mon, 02 Mar 2026 09:30:00 +0000",
        "Message-ID": "<6f6d4c36-3c1e-4d0c-9f0e-1d6d4b1f2a10@ngo.example>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/mixed; boundary="=_6f6d4c36-3c1e-4d0c-9f0e-1d6d4b1f2a10"',
    }
    assert "x Bcc: everybody@evil.example" in words(mail)
    assert b"Bcc" not in raw


async def test_no_line_is_bare_long_or_could_end_the_mail(desk: Desk) -> None:
    files = {f"{number}.pdf": ("application/pdf", b"%PDF-\r\n.\r\n\n.\n") for number in range(3)}
    long_name = "ä" * 120 + ".txt"
    package = dataclasses.replace(
        desk.package({**files, long_name: TEXT}), remark="\n.\n" + "lang " * 400
    )
    raw = await desk.raw(package)
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    lines = raw.split(b"\r\n")
    assert lines[-1] == b""
    assert max(map(len, lines)) <= 998
    assert not any(line.startswith(b".") for line in lines)
    assert raw.isascii()


async def test_the_words_begin_with_the_notice_and_say_who_what_for_and_until_when(
    desk: Desk,
) -> None:
    package = desk.package({"a.pdf": PDF})
    moment = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    terms = ConsentTerms(
        id="c",
        agreement="a",
        subject_ref="s",
        purpose=package.purpose,
        purpose_words="",
        categories=(package.category,),
        releasers=("jobcentre",),
        recipients=("ngo",),
        form="written",
        collected_by="jobcentre",
        collected_at=moment,
        valid_from=moment,
        valid_until=moment,
        sha256="0" * 64,
    )
    marked = dataclasses.replace(package.files[0], third_party=True)
    package = dataclasses.replace(
        package,
        consent=terms,
        notice="Zweckbindung\n\nNur dafür.",
        remark="bitte\u202e bald",
        files=(marked,),
    )
    said = words(await desk.mail(package))
    assert said.startswith("Zweckbindung")
    for expected in (
        *("Jobcenter (jobcentre)", "Keeping a home", "Mietrückstand", "Sozialgeheimnis"),
        *("02.03.2026, 10:30 Uhr", "01.01.2027, 00:00 Uhr", "bitte\ufffd bald", "andere Personen"),
        *(package.disclosure_id, marked.sha256, "Nur dafür."),
    ):
        assert expected in said


async def test_a_maildir_takes_the_name_and_reads_the_mail(desk: Desk, tmp_path: Path) -> None:
    (written,) = await letter_format().convert(desk.package({"a.pdf": PDF}), desk.target)
    assert written.name == "1772443800.6f6d4c363c1e4d0c9f0e1d6d4b1f2a10.exchange.eml"
    maildir = mailbox.Maildir(tmp_path / "Maildir")
    (desk.target / written.name).rename(tmp_path / "Maildir" / "new" / written.name)
    (found,) = maildir.values()
    assert found["Message-ID"] == "<6f6d4c36-3c1e-4d0c-9f0e-1d6d4b1f2a10@ngo.example>"


@given(
    name=strategies.text(
        strategies.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\"),
        min_size=1,
        max_size=60,
    ).map(lambda text: f"x{text.strip()}")
)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_name_comes_back(name: str, tmp_path: Path) -> None:
    package = package_of(tmp_path, {"a.pdf": PDF})
    named = dataclasses.replace(package.files[0], name=f"{name}.pdf")
    target = tmp_path / "target"
    target.mkdir(exist_ok=True)
    (written,) = await letter_format().convert(dataclasses.replace(package, files=(named,)), target)
    mail = email.message_from_bytes((target / written.name).read_bytes(), policy=default)
    (target / written.name).unlink()
    assert [part.get_filename() for part in mail.iter_attachments()] == [f"{name}.pdf"]


async def test_two_hundred_megabytes_need_no_memory(desk: Desk) -> None:
    package = desk.package({"scan.pdf": PDF})
    size = 200_000_000
    with package.files[0].path.open("r+b") as scan:
        scan.truncate(size)
    large = dataclasses.replace(package.files[0], size=size)
    forget_peak()
    before = peak()
    (written,) = await letter_format().convert(
        dataclasses.replace(package, files=(large,)), desk.target
    )
    assert peak() - before < 64 << 20
    assert (desk.target / written.name).stat().st_size > size * 4 // 3


@pytest.mark.parametrize("largest", [1, 250])
async def test_what_it_takes_is_what_the_settings_say(largest: int) -> None:
    assert letter_format(max_size_mib=largest).capabilities.max_size == largest << 20


async def test_more_files_than_a_document_has_are_malformed(desk: Desk) -> None:
    package = desk.package({"a.pdf": PDF})
    many = tuple(
        dataclasses.replace(package.files[0], name=f"{number}.pdf") for number in range(10_000)
    )
    with pytest.raises(Malformed):
        await letter_format().convert(dataclasses.replace(package, files=many), desk.target)


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("a.exe", "application/octet-stream", b"MZ"),
        ("a.pdf.exe", "application/pdf", b"%PDF-"),
        ("a.html", "text/html", b"<p>"),
        ("a.pdf", "application/pdf", b"MZ"),
        ("a.txt", "text/plain", b"MZ\x00"),
        ("a.pdf", "application/pdf", b""),
        ("a.pdf", "text/plain; charset=evil", b"words"),
    ],
)
async def test_what_runs_or_lies_about_its_kind_is_malformed(
    desk: Desk, name: str, media_type: str, content: bytes
) -> None:
    with pytest.raises(Malformed):
        await letter_format().convert(desk.package({name: (media_type, content)}), desk.target)
    assert list(desk.target.iterdir()) == []


async def test_a_file_of_another_size_than_listed_is_malformed(desk: Desk) -> None:
    package = desk.package({"a.pdf": PDF})
    package.files[0].path.write_bytes(PDF[1] + b"more")
    with pytest.raises(Malformed):
        await letter_format().convert(package, desk.target)


@pytest.mark.parametrize(
    "settings",
    [
        {"colour": "blue"},
        {"sender": "Name <a@b.example>"},
        {"recipient": "a@b.example, c@d.example"},
        {"recipient": "a@b.example\r\nBcc: c@d.example"},
        {"recipient": ""},
        {"max_size_mib": 0},
        {"max_size_mib": 1025},
        {"max_size_mib": True},
    ],
)
def test_unfit_settings_stop_the_start(settings: dict[str, str | int]) -> None:
    with pytest.raises(Misconfigured):
        letter_format(**settings)
