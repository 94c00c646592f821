"""The intake format `folder`: readable, and harmless whatever the sender wrote (A54)."""

import csv
import dataclasses
import io
import json
import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from exchange_plugin_folder.convert import ReadableFolder, register_intake_formats

from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import DocumentPackage
from exchange.testing import package_of

PDF = ("application/pdf", b"%PDF-1.7\n")
TEXT = ("text/plain", b"words")


class Page(HTMLParser):
    """What a browser would see: elements, links, words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes.extend((name, value or "") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data

    @property
    def links(self) -> list[str]:
        return [value for name, value in self.attributes if name in {"href", "src", "action"}]


class Folder:
    """Makes packages and converts them."""

    def __init__(self, home: Path) -> None:
        self.source, self.target = home / "source", home / "target"
        self.source.mkdir()
        self.target.mkdir()

    def package(self, **files: tuple[str, bytes]) -> DocumentPackage:
        return package_of(self.source, files)

    async def convert(self, package: DocumentPackage) -> list[str]:
        return [file.name for file in await ReadableFolder().convert(package, self.target)]

    def page(self) -> Page:
        return Page((self.target / "index.html").read_text(encoding="utf-8"))

    def table(self) -> list[list[str]]:
        text = (self.target / "index.csv").read_text(encoding="utf-8-sig")
        return list(csv.reader(io.StringIO(text), delimiter=";"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_files_are_copied_unchanged_beside_the_index(folder: Folder) -> None:
    package = folder.package(**{"00-HINWEIS.txt": TEXT, "Mietschulden März.pdf": PDF})
    assert await folder.convert(package) == [
        *("index.html", "index.csv", "document.json"),
        *("00-HINWEIS.txt", "Mietschulden März.pdf"),
    ]
    assert (folder.target / "Mietschulden März.pdf").read_bytes() == PDF[1]
    assert (folder.target / "Mietschulden März.pdf").stat().st_nlink == 1


async def test_the_page_says_who_what_for_and_how_secret_in_both_languages(
    folder: Folder,
) -> None:
    package = dataclasses.replace(
        folder.package(**{"a.pdf": PDF}), remark="Bitte bald", reference="17/2026"
    )
    await folder.convert(package)
    words = folder.page().words
    for said in (
        *("Jobcenter", "jobcentre", "Wohnungssicherung", "Keeping a home", "Mietrückstand"),
        *("Sozialgeheimnis", "social secrecy", "02.03.2026, 10:30 Uhr", "Bitte bald", "17/2026"),
        *("§ 78", "section 78", package.disclosure_id, package.files[0].sha256, "a.pdf"),
    ):
        assert said in words


async def test_the_sidecar_holds_the_context_and_nothing_else(folder: Folder) -> None:
    package = folder.package(**{"a.pdf": PDF})
    await folder.convert(package)
    context = json.loads((folder.target / "document.json").read_text(encoding="utf-8"))
    assert context.keys() == {
        *("id", "sender", "purpose", "category", "secrecy", "sent_at", "collected_at"),
        *("reference", "remark", "consent", "purpose_binding", "notice", "files"),
    }
    assert context["secrecy"]["code"] == "social"
    assert context["files"] == [
        {
            "name": "a.pdf",
            "type": PDF[0],
            "size": 9,
            "sha256": package.files[0].sha256,
            "third_party": False,
        }
    ]


async def test_the_sidecar_says_what_the_person_allowed(folder: Folder) -> None:
    package = folder.package(**{"a.pdf": PDF})
    assert package.consent is not None
    await folder.convert(package)
    context = json.loads((folder.target / "document.json").read_text(encoding="utf-8"))
    assert context["consent"] == {
        "id": "0b0c7f1e-58d0-4b9f-8d5e-2f2f1a6b7c11",
        "agreement": "3b1d1a52-6a0e-4f0b-9a51-6e6c0e7d8f12",
        "subject_ref": "9d5a4f10-1b2c-4d3e-8f4a-5b6c7d8e9f13",
        "purpose": {
            "code": "housing",
            "de": "Wohnungssicherung",
            "en": "Keeping a home",
            "words": "Damit Sie Ihre Wohnung behalten.",
        },
        "categories": [{"code": "rent-arrears", "de": "Mietrückstand", "en": "Rent arrears"}],
        "releasers": ["jobcentre"],
        "recipients": ["womens-advice"],
        "form": "written",
        "collected_by": "jobcentre",
        "collected_at": "2026-02-02T08:00:00Z",
        "valid_from": "2026-02-02T08:00:00Z",
        "valid_until": "2026-08-02T08:00:00Z",
        "sha256": package.consent.sha256,
    }


async def test_the_page_and_the_table_name_the_consent(folder: Folder) -> None:
    package = folder.package(**{"a.pdf": PDF})
    assert package.consent is not None
    await folder.convert(package)
    words = folder.page().words
    for said in (package.consent.id, "02.08.2026, 10:00 Uhr", package.consent.purpose_words):
        assert said in words
    assert folder.table()[1][-1] == package.consent.id


async def test_a_package_without_consent_is_converted_all_the_same(folder: Folder) -> None:
    package = dataclasses.replace(folder.package(**{"a.pdf": PDF}), consent=None)
    await folder.convert(package)
    context = json.loads((folder.target / "document.json").read_text(encoding="utf-8"))
    assert context["consent"] is None
    assert folder.table()[1][-1] == ""


async def test_the_notice_that_is_due_stands_on_the_page_before_the_files(folder: Folder) -> None:
    package = dataclasses.replace(
        folder.package(**{"a.pdf": PDF}), notice="Hinweis <1>\n\nSie dürfen nicht.\n"
    )
    await folder.convert(package)
    words = folder.page().words
    assert words.index("Hinweis <1>") < words.index("Sie dürfen nicht.") < words.index("a.pdf")
    assert "§ 78" not in words
    sidecar = json.loads((folder.target / "document.json").read_text(encoding="utf-8"))
    assert sidecar["notice"] == package.notice


async def test_a_file_that_tells_of_other_persons_is_marked(folder: Folder) -> None:
    package = folder.package(**{"a.pdf": PDF, "b.pdf": PDF})
    first, second = package.files
    marked = dataclasses.replace(second, third_party=True)
    await folder.convert(dataclasses.replace(package, files=(first, marked)))
    words = folder.page().words
    assert words.count("andere Personen") == 1
    assert words.index("b.pdf") < words.index("andere Personen")
    sidecar = json.loads((folder.target / "document.json").read_text(encoding="utf-8"))
    assert [file["third_party"] for file in sidecar["files"]] == [False, True]


MARKUP = "<script>alert(1)</script><a href=javascript:x>\"'&"


async def test_markup_in_words_and_names_is_text(folder: Folder) -> None:
    package = dataclasses.replace(
        folder.package(**{"a&b'c;d=e.txt": TEXT, "javascript&colon;x.txt": TEXT}),
        remark=MARKUP,
        reference=MARKUP,
        sender_name=MARKUP,
    )
    await folder.convert(package)
    page = folder.page()
    assert "script" not in page.elements
    assert page.words.count(MARKUP) == 3
    assert not any(name.startswith("on") for name, _ in page.attributes)


async def test_the_page_links_to_its_own_files_and_nowhere_else(folder: Folder) -> None:
    names = {"a.pdf": PDF, "mailto%3Ax.txt": TEXT, "#1 & 50%.txt": TEXT, "-x.txt": TEXT}
    await folder.convert(folder.package(**names))
    assert [unquote(link) for link in folder.page().links] == [f"./{name}" for name in names]
    assert all((folder.target / unquote(link)).is_file() for link in folder.page().links)


async def test_the_page_forbids_scripts_and_outside_content(folder: Folder) -> None:
    await folder.convert(folder.package(**{"a.pdf": PDF}))
    page = folder.page()
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert {"script", "link", "img", "iframe", "form", "base"}.isdisjoint(page.elements)


async def test_control_and_direction_characters_do_not_reach_the_page(folder: Folder) -> None:
    package = folder.package(**{"a.pdf": PDF})
    await folder.convert(dataclasses.replace(package, remark="a\u202eb\x1bc\u200bd\nneue Zeile"))
    words = folder.page().words
    assert "a\ufffdb\ufffdc\ufffdd neue Zeile" in words


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "|", "%", "\t=", "\r=", " =", "\uff1d", "\ufe62"]
)
async def test_no_cell_is_a_formula(folder: Folder, start: str) -> None:
    package = folder.package(**{"=1+1.txt": TEXT, "-2.txt": TEXT})
    label = dataclasses.replace(package.purpose, de=f'{start}HYPERLINK("x")')
    await folder.convert(dataclasses.replace(package, purpose=label))
    cells = [cell for line in folder.table() for cell in line]
    assert len(folder.table()) == 3
    signs = ("=", "+", "-", "@", "|", "%", "\t", "\r", "\uff1d", "\ufe62")
    assert not any(cell.startswith(signs) for cell in cells)
    assert "'=1+1.txt" in cells


async def test_the_table_is_this_one_to_the_byte(folder: Folder) -> None:
    name = '=cmd;"x".txt'
    package = folder.package(**{name: TEXT})
    hostile = dataclasses.replace(package.category, de='\r@SUM("a";b)')
    await folder.convert(dataclasses.replace(package, category=hostile))
    digest = package.files[0].sha256
    assert (folder.target / "index.csv").read_bytes().decode("utf-8") == (
        '\ufeff"Datei";"Art";"Bytes";"SHA-256";"Absender";"Zweck";"Art der Unterlage";'
        '"Geheimhaltung";"Gesendet";"Abgeholt";"Kennung";"Einwilligung"\r\n'
        f'"\'=cmd;""x"".txt";"text/plain";"5";"{digest}";"jobcentre";"Wohnungssicherung";'
        '"\'@SUM(""a"";b)";"Sozialgeheimnis";"2026-03-02T09:30:00Z";"2026-03-02T09:30:00Z";'
        '"6f6d4c36-3c1e-4d0c-9f0e-1d6d4b1f2a10";"0b0c7f1e-58d0-4b9f-8d5e-2f2f1a6b7c11"\r\n'
    )


async def test_a_file_that_is_called_like_the_index_gets_another_name(folder: Folder) -> None:
    json_file = ("application/json", b"{}")
    package = folder.package(
        **{"document.json": json_file, "INDEX.CSV": ("text/csv", b"a;b"), "a.pdf": PDF}
    )
    names = await folder.convert(package)
    assert names[3:] == ["document (2).json", "INDEX (2).CSV", "a.pdf"]
    assert (folder.target / "document (2).json").read_bytes() == b"{}"


async def test_a_file_whose_name_would_hide_it_is_seen(folder: Folder) -> None:
    names = [".hidden.pdf", "..twice.pdf", ".again.pdf", "_again.pdf", "_HIDDEN (2).pdf"]
    written = await folder.convert(folder.package(**dict.fromkeys(names, PDF)))
    assert written[3:] == [
        *("_hidden.pdf", "_.twice.pdf", "_again (2).pdf", "_again.pdf", "_HIDDEN (2).pdf")
    ]
    assert "_hidden.pdf" in (folder.target / "index.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in folder.target.glob(".*")) == []


async def test_the_other_name_of_a_file_is_not_taken_from_another(folder: Folder) -> None:
    json_file = ("application/json", b"{}")
    package = folder.package(**{"document.json": json_file, "document (2).json": json_file})
    assert (await folder.convert(package))[3:] == ["document (3).json", "document (2).json"]


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("desktop.ini", "text/plain", b"[.ShellClassInfo]"),
        ("a.lnk", "application/pdf", b"%PDF-"),
        ("a.url", "text/plain", b"[InternetShortcut]"),
        ("a.html", "text/html", b"<p>"),
        ("a.svg", "image/svg+xml", b"<svg>"),
        ("a.exe", "application/octet-stream", b"MZ"),
        ("a.zip", "application/zip", b"PK\x03\x04"),
        ("a.pdf.exe", "application/pdf", b"%PDF-"),
        ("a.pdf", "application/pdf", b"MZ"),
        ("a.pdf", "application/pdf", b""),
        ("a.png", "image/png", b"%PDF-"),
        ("a.txt", "text/plain", b"MZ\x00"),
        ("nameless", "text/plain", b"MZ\x00"),
        ("nameless", "application/pdf", b"MZ"),
        ("nameless", "text/html", b"<p>"),
        ("run.7z", "application/pdf", b"%PDF-"),
        ("Schreiben Dr.Meier", "application/pdf", b"%PDF-"),
        ("a.docm", "application/vnd.ms-word.document.macroEnabled.12", b"PK\x03\x04"),
    ],
)
async def test_what_runs_links_or_lies_about_its_kind_is_malformed(
    folder: Folder, name: str, media_type: str, content: bytes
) -> None:
    with pytest.raises(Malformed) as refusal:
        await folder.convert(folder.package(**{name: (media_type, content)}))
    assert name not in str(refusal.value)
    assert list(folder.target.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "media_type", "content", "given"),
    [
        ("Mahnung", *PDF, "Mahnung.pdf"),
        ("Bescheid vom 3. März", *PDF, "Bescheid vom 3. März.pdf"),
        ("Stand 12.03.2026", *PDF, "Stand 12.03.2026.pdf"),
        ("Foto", "image/jpeg", b"\xff\xd8\xff", "Foto.jpg"),
        ("Seite", "image/tiff", b"II*\x00", "Seite.tif"),
        ("nameless", *TEXT, "nameless.txt"),
        (".hidden", *TEXT, "_hidden.txt"),
        ("index", "text/csv", b"a;b", "index (2).csv"),
        ("Ä" * 127, *PDF, "Ä" * 112 + ".pdf"),
        ("Mahnung.PDF", *PDF, "Mahnung.PDF"),
    ],
)
async def test_a_name_without_an_ending_gets_that_of_its_kind(
    folder: Folder, name: str, media_type: str, content: bytes, given: str
) -> None:
    names = await folder.convert(folder.package(**{name: (media_type, content)}))
    assert names[3:] == [given]
    assert (folder.target / given).read_bytes() == content
    assert folder.table()[1][0] == given
    assert f"./{quote(given, safe='')}" in folder.page().links


async def test_an_ending_that_is_given_makes_no_two_names_the_same(folder: Folder) -> None:
    long = "L" * 250
    package = folder.package(
        **{"Brief": PDF, "Brief.pdf": PDF, "brief (2)": PDF, long: PDF, long + "x": PDF}
    )
    names = (await folder.convert(package))[3:]
    cut = "L" * 224
    assert names == [
        *("Brief (2).pdf", "Brief.pdf", "brief (2) (2).pdf", f"{cut}.pdf", f"{cut} (2).pdf")
    ]


async def test_a_file_of_another_size_than_listed_is_malformed(folder: Folder) -> None:
    package = folder.package(**{"a.pdf": PDF})
    package.files[0].path.write_bytes(PDF[1] + b"more")
    with pytest.raises(Malformed):
        await folder.convert(package)


async def test_an_empty_text_is_a_text(folder: Folder) -> None:
    """Whoever sends one is stopped at the desk; one that came all the same is shown as 0 B."""
    await folder.convert(folder.package(**{"a.txt": ("text/plain", b"")}))
    assert (folder.target / "a.txt").read_bytes() == b""
    assert "0 B" in folder.page().words


async def test_a_document_of_200_mb_is_copied_unchanged(folder: Folder) -> None:
    package = folder.package(**{"Akte.pdf": PDF})
    large = dataclasses.replace(package.files[0], size=200_000_000)
    os.truncate(large.path, large.size)
    await folder.convert(dataclasses.replace(package, files=(large,)))
    assert (folder.target / "Akte.pdf").stat().st_size == large.size
    with (folder.target / "Akte.pdf").open("rb") as copy:
        assert copy.read(len(PDF[1])) == PDF[1]


async def test_what_only_looks_like_the_beginning_of_a_pdf_is_malformed(folder: Folder) -> None:
    """`%PDF` without the hyphen and the version is no PDF, however large (ISO 32000, 7.5.2)."""
    with pytest.raises(Malformed):
        await folder.convert(folder.package(**{"a.pdf": ("application/pdf", b"%PDF" * 1000)}))


async def test_a_thousand_files_fit(folder: Folder) -> None:
    names = {f"Seite {number:04}.pdf": PDF for number in range(1000)}
    assert len(await folder.convert(folder.package(**names))) == 1003
    assert len(folder.page().links) == 1000


@pytest.mark.parametrize(
    ("size", "shown"), [(9, "9 B"), (1536, "1,5 KiB"), (3 << 20, "3,0 MiB")], ids=["b", "k", "m"]
)
async def test_sizes_are_shown_as_people_read_them(folder: Folder, size: int, shown: str) -> None:
    await folder.convert(folder.package(**{"a.pdf": (PDF[0], PDF[1].ljust(size, b" "))}))
    assert shown in folder.page().words


def test_a_setting_it_does_not_have_stops_the_start() -> None:
    with pytest.raises(Misconfigured):
        register_intake_formats({"colour": "blue"})
