"""The intake format `xdomea`: one valid message, the files unchanged beside it."""

import dataclasses
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from exchange_plugin_xdomea.convert import register_intake_formats
from lxml import etree

from exchange.canonical import Json
from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import ConsentTerms, Label
from plugins.xdomea.tests.conftest import Office

X = {"x": "urn:xoev-de:xdomea:schema:3.0.0"}
PDF = ("application/pdf", b"%PDF-1.7\n")
TEXT = ("text/plain", b"words")
ENTRY = "xdomea-Nachrichten-AbgabeDurchfuehren.xsd"


def message_in(archive: zipfile.ZipFile) -> etree._Element:
    return etree.fromstring(archive.read(archive.namelist()[0]))


def texts(root: etree._Element, path: str) -> list[str]:
    return [element.text for element in root.findall(path, X)]


def fields(root: etree._Element) -> dict[str, str]:
    found = root.findall(".//x:Feld", X)
    return {one.findtext("x:Name", None, X): one.findtext("x:Wert", None, X) for one in found}


async def test_the_archive_is_called_by_process_and_message(office: Office) -> None:
    package = office.package(**{"a.pdf": PDF})
    archive = await office.convert(package)
    stem = f"{package.disclosure_id}_Abgabe.Abgabe.0401"
    assert [path.name for path in (office.home / "target").iterdir()] == [f"{stem}.zip"]
    assert archive.namelist()[0] == f"{stem}.xml"
    assert archive.testzip() is None


async def test_each_file_is_a_document_and_lies_unchanged_under_a_random_name(
    office: Office,
) -> None:
    archive = await office.convert(office.package(**{"März <1>.pdf": PDF, "b.txt": TEXT}))
    root = message_in(archive)
    assert texts(root, ".//x:DateinameOriginal") == ["März <1>.pdf", "b.txt"]
    names = texts(root, ".//x:Dateiname")
    assert names == archive.namelist()[1:]
    assert [archive.read(name) for name in names] == [PDF[1], TEXT[1]]
    assert [name[36:] for name in names] == [".pdf", ".txt"]
    assert len({*texts(root, ".//x:ID"), *(name[:36] for name in names)}) == 4


async def test_codes_say_the_format_of_each_file(office: Office) -> None:
    tiff = ("image/tiff", b"II*\x00")
    files = {"a.PDF": PDF, "b.tif": tiff, "c.json": ("application/json", b"{}")}
    root = message_in(await office.convert(office.package(**files)))
    assert [one.text for one in root.findall(".//x:Format/x:Name/code", X)] == ["018", "023", "100"]
    assert texts(root, ".//x:SonstigerName") == ["json"]


async def test_the_header_says_who_sent_what_to_whom(office: Office) -> None:
    office.settings["office"] = "Jugendamt"
    package = office.package(**{"a.pdf": PDF})
    root = message_in(await office.convert(package))
    assert texts(root, "x:Kopf/x:ProzessID") == [package.disclosure_id]
    assert texts(root, "x:Kopf/x:Absender/x:Institution/x:Name") == ["Jobcenter"]
    assert texts(root, "x:Kopf/x:Empfaenger/x:Institution/x:Name") == ["Jugendamt"]
    assert texts(root, "x:Kopf/x:Erstellungszeitpunkt") == ["2026-03-02T09:30:00Z"]
    said = fields(root)
    assert said["purpose"] == "housing"
    assert said["category"] == "rent-arrears"
    assert said["secrecy"] == "social"


async def test_the_notice_that_is_due_stands_first(office: Office) -> None:
    package = dataclasses.replace(
        office.package(**{"a.pdf": PDF}), notice="Sie dürfen\r\nnicht.", remark="Bitte bald"
    )
    (hint,) = texts(message_in(await office.convert(package)), "x:Kopf/x:Hinweis")
    assert hint.startswith("Sie dürfen\nnicht.\n\nZweck: Wohnungssicherung\n")
    assert hint.endswith("Bemerkung: Bitte bald")


async def test_days_are_those_of_the_office(office: Office) -> None:
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    package = dataclasses.replace(office.package(**{"a.pdf": PDF}), collected_at=late)
    root = message_in(await office.convert(package))
    assert texts(root, ".//x:Posteingangsdatum") == ["2026-03-03"]
    assert texts(root, ".//x:Postausgangsdatum") == ["2026-03-02"]


async def test_a_document_says_its_kind_its_secrecy_and_the_file_number(office: Office) -> None:
    package = dataclasses.replace(office.package(**{"a.pdf": PDF}), reference="17/2026")
    root = message_in(await office.convert(package))
    assert texts(root, ".//x:Betreff") == ["Mietrückstand"]
    assert texts(root, ".//x:Typ") == ["rent-arrears"]
    assert texts(root, ".//x:Bemerkung") == ["Geheimhaltung: Sozialgeheimnis"]
    assert texts(root, ".//x:FremdesGeschaeftszeichen") == ["17/2026"]


async def test_a_file_that_tells_of_other_persons_is_marked(office: Office) -> None:
    package = office.package(**{"a.pdf": PDF, "b.pdf": PDF})
    marked = dataclasses.replace(package.files[1], third_party=True)
    package = dataclasses.replace(package, files=(package.files[0], marked))
    first, second = texts(message_in(await office.convert(package)), ".//x:Bemerkung")
    assert "andere Personen" not in first
    assert "andere Personen" in second


async def test_the_terms_of_the_consent_stand_in_the_header(office: Office) -> None:
    start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
    terms = ConsentTerms(
        id="1b0e8a2e-0f0c-4a53-9a3c-1f3ad4f6f0aa",
        agreement="f2c4a9d4-5b0e-4d8f-8d53-2f1d3c7b9e10",
        subject_ref="s-4711",
        purpose=Label("housing", "Wohnungssicherung", "Keeping a home"),
        purpose_words="damit ich meine Wohnung behalte",
        categories=(Label("rent-arrears", "Mietrückstand", "Rent arrears"),),
        releasers=("jobcentre",),
        recipients=("youth-office",),
        form="written",
        collected_by="jobcentre",
        collected_at=start,
        valid_from=start,
        valid_until=end,
        sha256="ab" * 32,
    )
    package = dataclasses.replace(office.package(**{"a.pdf": PDF}), consent=terms)
    said = fields(message_in(await office.convert(package)))
    assert said["consent"] == terms.id
    assert said["consent_sha256"] == terms.sha256
    assert said["consent_agreement"] == terms.agreement
    assert said["consent_subject"] == "s-4711"
    assert said["consent_purpose"] == terms.purpose_words
    assert said["consent_categories"] == "rent-arrears"
    assert said["consent_recipients"] == "youth-office"
    assert said["consent_valid_from"] == "2026-03-01T00:00:00Z"
    assert said["consent_valid_until"] == "2026-09-01T00:00:00Z"


async def test_without_a_consent_nothing_is_said_of_one(office: Office) -> None:
    package = dataclasses.replace(office.package(**{"a.pdf": PDF}), consent=None)
    said = fields(message_in(await office.convert(package)))
    assert not any(name.startswith("consent") for name in said)


async def test_markup_and_control_characters_are_text(office: Office) -> None:
    package = dataclasses.replace(
        office.package(**{"a.pdf": PDF}),
        remark="</x:Hinweis>&x;\x00\x1b\ufffe\ud800\x85",
        sender_name="<x:Name>",
    )
    root = message_in(await office.convert(package))
    (hint,) = texts(root, "x:Kopf/x:Hinweis")
    assert hint.endswith("Bemerkung: </x:Hinweis>&x;" + "\ufffd" * 5)
    assert texts(root, "x:Kopf/x:Absender/x:Institution/x:Name") == ["<x:Name>"]


async def test_what_the_official_schema_refuses_is_not_written(
    office: Office, tmp_path: Path
) -> None:
    office.schemas = shutil.copytree(office.schemas, tmp_path / "other")
    entry = office.schemas / ENTRY
    entry.write_bytes(entry.read_bytes().replace(b'fixed="1"', b'fixed="0"'))
    package = dataclasses.replace(office.package(**{"a.pdf": PDF}), remark="secret")
    with pytest.raises(Malformed, match="line") as refused:
        await office.convert(package)
    assert "secret" not in str(refused.value)
    assert list((office.home / "target").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("a.exe", "application/octet-stream", b"MZ"),
        ("a.html", "text/html", b"<p>"),
        ("a.zip", "application/zip", b"PK\x03\x04"),
        ("a.pdf.exe", "application/pdf", b"%PDF-"),
        ("a", "application/pdf", b"%PDF-"),
        ("a.pdf", "application/pdf", b"MZ"),
        ("a.pdf", "application/pdf", b""),
        ("a.pdf", "image/png", b"%PDF-"),
        ("a.txt", "text/plain", b"words\x00"),
    ],
)
async def test_a_file_that_is_not_what_it_says_is_refused(
    office: Office, name: str, media_type: str, content: bytes
) -> None:
    with pytest.raises(Malformed):
        await office.convert(office.package(**{name: (media_type, content)}))


async def test_an_empty_text_is_a_document(office: Office) -> None:
    archive = await office.convert(office.package(**{"a.txt": ("text/plain", b"")}))
    assert archive.read(archive.namelist()[1]) == b""


async def test_a_file_of_another_size_than_announced_is_refused(office: Office) -> None:
    package = office.package(**{"a.pdf": PDF})
    package.files[0].path.write_bytes(PDF[1] + b"more")
    with pytest.raises(Malformed, match="size"):
        await office.convert(package)


async def test_a_document_of_200_megabytes_is_never_in_memory(office: Office) -> None:
    package = office.package(**{"a.pdf": PDF})
    large = dataclasses.replace(package.files[0], size=200 << 20)
    with large.path.open("r+b") as content:
        content.truncate(large.size)
    target = office.home / "target"
    target.mkdir()
    intake = office.intake()
    tracemalloc.start()
    await intake.convert(dataclasses.replace(package, files=(large,)), target)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20
    (written,) = target.iterdir()
    assert large.size < written.stat().st_size < large.size + (1 << 20)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"reads": {}},
        {"reads": {"schemas": "relative"}},
        {"reads": {"schemas": "/nowhere"}},
        {"reads": {"schemas": 1}},
        {"reads": {"schemas": "/nowhere", "other": "/"}},
        {"reads": "schemas"},
        {"office": 1},
        {"categories": ["a"]},
        {"schema": "/"},
    ],
)
def test_settings_it_cannot_work_with_stop_the_start(settings: dict[str, Json]) -> None:
    with pytest.raises(Misconfigured):
        register_intake_formats(settings)


def without_the_code_schema(folder: Path) -> None:
    (folder / "shared" / "xoev-code.xsd").unlink()


def twice(folder: Path) -> None:
    shutil.copytree(folder / "shared", folder / "again")


def without_the_message(folder: Path) -> None:
    (folder / ENTRY).unlink()


def of_another_version(folder: Path) -> None:
    entry = folder / ENTRY
    entry.write_bytes(entry.read_bytes().replace(b"schema:3.0.0", b"schema:4.0.0"))


def broken(folder: Path) -> None:
    (folder / ENTRY).write_bytes(b"<xs:schema")


@pytest.mark.parametrize(
    "spoil", [without_the_code_schema, twice, without_the_message, of_another_version, broken]
)
def test_schemas_that_are_not_whole_or_another_version_stop_the_start(
    office: Office, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    office.schemas = shutil.copytree(office.schemas, tmp_path / "other")
    spoil(office.schemas)
    with pytest.raises(Misconfigured, match="schema"):
        office.intake()


def test_a_schema_that_is_missing_is_named(office: Office, tmp_path: Path) -> None:
    office.schemas = shutil.copytree(office.schemas, tmp_path / "other")
    without_the_code_schema(office.schemas)
    with pytest.raises(Misconfigured, match=r"holds no [a-z-]+\.xsd; put it there"):
        office.intake()
