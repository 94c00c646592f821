"""The outgoing format `xdomea`: what the message means is sent, and nothing else."""

import dataclasses
import hashlib

import pytest
from exchange_plugin_xdomea.convert import register_outgoing_formats

from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import OutgoingFile
from exchange.testing import exported_of
from plugins.xdomea.tests.conftest import Message, Office

PDF = b"%PDF-1.7\n"
OTHER = "0b6c0a52-b41b-11ec-9225-005056871b7c.docx"
ARCHIVE = "export.zip"


async def test_an_archive_is_read(office: Office, back_office: Message) -> None:
    archive = back_office.archive({back_office.name: back_office.plain(), back_office.file: PDF})
    package = await office.read(**{ARCHIVE: archive})
    assert package.files == (OutgoingFile(name=back_office.file, media_type="application/pdf"),)
    assert office.contents() == {back_office.file: PDF}
    assert package.profile == "files/1"


@pytest.mark.parametrize("version", ["3.0.0", "4.0.0"])
@pytest.mark.parametrize(
    "root", ["Abgabe.Abgabe.0401", "Aussonderung.Aussonderung.0503", "Information.Information.0101"]
)
async def test_separate_files_of_both_versions_are_read(
    office: Office, back_office: Message, version: str, root: str
) -> None:
    message = back_office.message(
        back_office.matter(back_office.document(back_office.version())), root=root, version=version
    )
    package = await office.read(**{"export.xml": message, back_office.file: PDF})
    assert office.contents() == {back_office.file: PDF}
    assert package.reference == "17/2026"


async def test_what_intake_writes_is_read_again(office: Office) -> None:
    office.settings["categories"] = {"rent-arrears": "rent-arrears-letter"}
    files = {"Mietschulden März.pdf": ("application/pdf", PDF), "b.txt": ("text/plain", b"words")}
    await office.convert(office.package(**files))
    (written,) = (office.home / "target").iterdir()
    package = await office.read(**{written.name: written.read_bytes()})
    assert office.contents() == {name: content for name, (_, content) in files.items()}
    assert [file.name for file in package.files] == list(files)
    assert package.category == "rent-arrears-letter"


async def test_a_message_is_found_among_files_that_are_xml_too(
    office: Office, back_office: Message
) -> None:
    other = back_office.file.replace(".pdf", ".xml")
    message = back_office.message(
        back_office.document(
            back_office.version(),
            back_office.version(other, number="0"),
        )
    )
    files = {back_office.name: message, back_office.file: PDF, other: b"<old/>"}
    await office.read(**{ARCHIVE: back_office.archive(files)})
    assert office.contents() == {back_office.file: PDF}


async def test_only_the_newest_version_is_sent(office: Office, back_office: Message) -> None:
    names = [f"{number}bcaaf7-d7cb-11ef-a278-005056871b7c.pdf" for number in ("a1", "a2", "a3")]
    versions = [
        back_office.version(name, number=number)
        for name, number in zip(names, ("1.9", "1.10", "1.2"), strict=True)
    ]
    files = {
        "m.xml": back_office.message(back_office.document(*versions)),
        **dict.fromkeys(names, PDF),
    }
    await office.read(**files)
    assert office.contents() == {names[1]: PDF}


@pytest.mark.parametrize("numbers", [("1", "draft"), ("2", "2"), ("", "1"), ("1", "1,0")])
async def test_nothing_is_sent_when_the_newest_version_cannot_be_told(
    office: Office, back_office: Message, numbers: tuple[str, str]
) -> None:
    first, second = numbers
    document = back_office.document(
        back_office.version(number=first), back_office.version(OTHER, number=second)
    )
    files = {back_office.file: PDF, OTHER: b"PK\x03\x04"}
    with pytest.raises(Malformed, match="newest"):
        await office.read(**{"m.xml": back_office.message(document), **files})
    assert office.contents() == {}


async def test_of_several_formats_the_pdf_is_sent(office: Office, back_office: Message) -> None:
    message = back_office.message(back_office.document(_version_of_two(back_office)))
    await office.read(**{"m.xml": message, back_office.file: PDF, OTHER: b"PK\x03\x04"})
    assert office.contents() == {back_office.file: PDF}


def _version_of_two(back_office: Message) -> str:
    word, pdf = back_office.version(OTHER), back_office.version()
    return word.removesuffix("</x:Version>") + pdf.partition("</x:Nummer>")[2]


async def test_papers_inside_papers_are_read_in_their_order(
    office: Office, back_office: Message
) -> None:
    inner = back_office.version(OTHER)
    document = (
        f"<x:DokumentOderDokumentMitSchriftstueck><x:Dokument>{back_office.version()}"
        f"<x:Anlage>{inner}</x:Anlage></x:Dokument></x:DokumentOderDokumentMitSchriftstueck>"
    )
    files = {back_office.file: PDF, OTHER: b"PK\x03\x04"}
    message = back_office.message(back_office.matter(document), version="4.0.0")
    package = await office.read(**{"m.xml": message, **files})
    assert [file.name for file in package.files] == [back_office.file, OTHER]


async def test_a_paper_may_be_made_of_papers(office: Office, back_office: Message) -> None:
    piece = f"<x:Schriftstueck>{back_office.version()}</x:Schriftstueck>"
    message = back_office.message(f"<x:Dokument>{piece}</x:Dokument>", version="4.0.0")
    await office.read(**{"m.xml": message, back_office.file: PDF})
    assert office.contents() == {back_office.file: PDF}


@pytest.mark.parametrize("size", [len(PDF) - 1, len(PDF) + 1])
async def test_a_file_that_changes_while_it_is_read_is_refused(
    office: Office, back_office: Message, size: int
) -> None:
    files = {
        "m.xml": ("application/xml", back_office.plain()),
        back_office.file: ("application/pdf", PDF),
    }
    message, file = exported_of(office.home, files)
    (outgoing,) = register_outgoing_formats({})
    office.sent.mkdir()
    with pytest.raises(Malformed, match="size"):
        await outgoing.read([message, dataclasses.replace(file, size=size)], office.sent)


async def test_files_are_called_as_people_call_them(office: Office, back_office: Message) -> None:
    version = back_office.version(original="Ku&#776;ndigung.PDF")
    message = back_office.message(back_office.document(version))
    await office.read(**{"m.xml": message, back_office.file: PDF})
    assert office.contents() == {"Kündigung.pdf": PDF}


@pytest.mark.parametrize(
    ("original", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd.pdf"),
        (r"C:\temp\a.pdf", "C__temp_a.pdf"),
        ("a.pdf.exe", "a.pdf.exe.pdf"),
        ("..", "Dokument.pdf"),
        (" .pdf", "pdf.pdf"),
        ("a\u202efdp.exe", "a_fdp.exe.pdf"),
        ("a&#10;b\u200b.pdf", "a_b_.pdf"),
        ("ä" * 200, "ä" * 100 + ".pdf"),
        ("=1+1&lt;x>", "=1+1_x_.pdf"),
        ("CON.pdf", "_CON.pdf"),
        ("lpt1.tar", "_lpt1.tar.pdf"),
    ],
)
async def test_a_name_is_never_a_path_and_always_says_the_kind(
    office: Office, back_office: Message, original: str, safe: str
) -> None:
    message = back_office.message(back_office.document(back_office.version(original=original)))
    await office.read(**{"m.xml": message, back_office.file: PDF})
    assert office.contents() == {safe: PDF}


async def test_two_files_of_one_name_get_two_names(office: Office, back_office: Message) -> None:
    other = back_office.file.replace("f4", "e4")
    message = back_office.message(
        back_office.document(back_office.version(original="Brief.pdf")),
        back_office.document(back_office.version(other, original="BRIEF.pdf")),
    )
    await office.read(**{"m.xml": message, back_office.file: PDF, other: PDF + b"2"})
    assert office.contents() == {"Brief.pdf": PDF, "BRIEF (2).pdf": PDF + b"2"}


@pytest.mark.parametrize(
    ("kinds", "category"),
    [
        (("Mahnung", "Kündigung"), "rent"),
        (("Mahnung", "Gutachten"), ""),
        (("Mahnung", ""), ""),
        (("Unbekannt", "Unbekannt"), ""),
    ],
)
async def test_the_kind_of_document_is_told_when_all_agree(
    office: Office, back_office: Message, kinds: tuple[str, str], category: str
) -> None:
    office.settings["categories"] = {"Mahnung": "rent", "Kündigung": "rent", "Gutachten": "health"}
    other = back_office.file.replace("f4", "e4")
    message = back_office.message(
        back_office.document(back_office.version(), kind=kinds[0]),
        back_office.document(back_office.version(other), kind=kinds[1]),
    )
    package = await office.read(**{"m.xml": message, back_office.file: PDF, other: PDF})
    assert package.category == category


async def test_the_file_number_is_told_when_all_are_in_one_matter(
    office: Office, back_office: Message
) -> None:
    other = back_office.file.replace("f4", "e4")
    message = back_office.message(
        back_office.matter(back_office.document(back_office.version()), number="1/26"),
        back_office.matter(back_office.document(back_office.version(other)), number="2/26"),
    )
    package = await office.read(**{"m.xml": message, back_office.file: PDF, other: PDF})
    assert package.reference == ""


@pytest.mark.parametrize(
    ("number", "told"),
    [(" 17/\n  2026 ", "17/ 2026"), ("17\u202e", ""), ("1" * 201, ""), ("1" * 200, "1" * 200)],
)
async def test_a_file_number_is_one_short_line_or_none(
    office: Office, back_office: Message, number: str, told: str
) -> None:
    document = back_office.document(back_office.version())
    message = back_office.message(back_office.matter(document, number=number))
    package = await office.read(**{"m.xml": message, back_office.file: PDF})
    assert package.reference == told


async def test_without_a_matter_the_number_of_the_other_office_is_told(
    office: Office, back_office: Message
) -> None:
    number = "<x:FremdesGeschaeftszeichen>17/2026</x:FremdesGeschaeftszeichen>"
    message = back_office.message(back_office.document(number, back_office.version()))
    package = await office.read(**{"m.xml": message, back_office.file: PDF})
    assert package.reference == "17/2026"


def digest(content: bytes, *, algorithm: str = "SHA-256") -> str:
    value = hashlib.sha256(content).hexdigest().upper()
    return (
        f"<x:Hash><x:Wert>{value}</x:Wert><x:Algorithmus><code>{algorithm}</code></x:Algorithmus>"
        "</x:Hash>"
    )


@pytest.mark.parametrize(
    ("stated", "match"),
    [
        (digest(b"other"), "not the one"),
        (digest(PDF, algorithm="MD5"), "digest"),
        (digest(PDF, algorithm="SHA-512"), "not the one"),
    ],
)
async def test_a_file_must_be_the_one_whose_digest_the_message_states(
    office: Office, back_office: Message, stated: str, match: str
) -> None:
    message = back_office.message(
        back_office.document(back_office.version(more=stated)), version="4.0.0"
    )
    with pytest.raises(Malformed, match=match):
        await office.read(**{"m.xml": message, back_office.file: PDF})


async def test_a_file_with_the_right_digest_is_sent(office: Office, back_office: Message) -> None:
    message = back_office.message(
        back_office.document(back_office.version(more=digest(PDF))), version="4.0.0"
    )
    await office.read(**{"m.xml": message, back_office.file: PDF})
    assert office.contents() == {back_office.file: PDF}


async def test_a_detached_signature_may_lie_there_and_is_not_sent(
    office: Office, back_office: Message
) -> None:
    seal = back_office.file + ".p7s"
    sealed_by = f"<x:SignaturSiegelDatei>{seal}</x:SignaturSiegelDatei>"
    named = f"<x:SignaturSiegel>{sealed_by}</x:SignaturSiegel>"
    message = back_office.message(back_office.document(back_office.version(more=named)))
    await office.read(**{"m.xml": message, back_office.file: PDF, seal: b"\x30"})
    assert office.contents() == {back_office.file: PDF}


async def test_a_file_the_message_does_not_speak_of_is_refused(
    office: Office, back_office: Message
) -> None:
    with pytest.raises(Malformed, match="does not speak"):
        await office.read(**{"m.xml": back_office.plain(), back_office.file: PDF, "stray.pdf": PDF})


async def test_a_file_that_is_missing_is_refused(office: Office, back_office: Message) -> None:
    with pytest.raises(Malformed, match="not there"):
        await office.read(**{"m.xml": back_office.plain()})


async def test_a_paper_without_a_file_is_refused(office: Office, back_office: Message) -> None:
    message = back_office.message(
        back_office.document(back_office.version()), back_office.document()
    )
    with pytest.raises(Malformed, match="no file"):
        await office.read(**{"m.xml": message, back_office.file: PDF})


async def test_a_format_without_a_file_is_refused(office: Office, back_office: Message) -> None:
    empty = "<x:Version><x:Nummer>1</x:Nummer><x:Format/></x:Version>"
    message = back_office.message(back_office.document(empty, "<x:Primaerdokument/>"))
    with pytest.raises(Malformed, match="no file"):
        await office.read(**{"m.xml": message})


async def test_one_file_cannot_be_two_documents(office: Office, back_office: Message) -> None:
    document = back_office.document(back_office.version())
    with pytest.raises(Malformed, match="same file"):
        await office.read(
            **{"m.xml": back_office.message(document, document), back_office.file: PDF}
        )


@pytest.mark.parametrize(
    ("root", "version"),
    [
        ("Abgabe.ImportBestaetigen.0402", "3.0.0"),
        ("Abgabe.Abgabe.0401", "2.4.0"),
        ("Abgabe.Abgabe.0401", "3.0.0#"),
        ("html", "3.0.0"),
    ],
)
async def test_another_message_is_refused(
    office: Office, back_office: Message, root: str, version: str
) -> None:
    message = back_office.message(
        back_office.document(back_office.version()), root=root, version=version
    )
    with pytest.raises(Malformed, match="no message"):
        await office.read(**{"m.xml": message, back_office.file: PDF})


async def test_a_message_without_documents_is_refused(office: Office, back_office: Message) -> None:
    with pytest.raises(Malformed, match="no document"):
        await office.read(**{"m.xml": back_office.message()})


async def test_two_messages_in_one_export_are_refused(office: Office, back_office: Message) -> None:
    with pytest.raises(Malformed, match="more than one"):
        await office.read(**{"a.xml": back_office.plain(), "b.xml": back_office.plain()})


async def test_an_export_without_a_message_is_refused(office: Office) -> None:
    with pytest.raises(Malformed, match="no message"):
        await office.read(**{"a.pdf": PDF})


@pytest.mark.parametrize("content", [b"MZ", b"", b"<html>"])
async def test_a_file_that_is_not_what_its_name_says_is_refused(
    office: Office, back_office: Message, content: bytes
) -> None:
    with pytest.raises(Malformed, match="fit"):
        await office.read(**{"m.xml": back_office.plain(), back_office.file: content})


async def test_a_program_is_refused(office: Office, back_office: Message) -> None:
    program = back_office.file.replace(".pdf", ".exe")
    message = back_office.message(back_office.document(back_office.version(program)))
    with pytest.raises(Malformed, match="kind"):
        await office.read(**{"m.xml": message, program: b"MZ"})


def test_settings_it_cannot_work_with_stop_the_start() -> None:
    with pytest.raises(Misconfigured):
        register_outgoing_formats({"categories": {"Mahnung": 1}})


def test_it_needs_no_schemas() -> None:
    (outgoing,) = register_outgoing_formats({})
    assert outgoing.key == "xdomea"
    assert outgoing.max_size == 1 << 30
    assert {"application/zip", "application/xml"} <= outgoing.media_types
