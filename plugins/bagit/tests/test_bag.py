"""The bag that intake writes: valid for the `bagit` library, and seen to be when it is not."""

import dataclasses
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import bagit  # type: ignore[import-untyped] # it ships no types
import pytest
from exchange_plugin_bagit.convert import Bag, register_intake_formats

from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import ConsentTerms, DocumentPackage, Proof
from exchange.testing import package_of

PDF = ("application/pdf", b"%PDF-1.7\n\x00\xff")
FILES = {
    "Mietschulden März.pdf": PDF,
    "leer.txt": ("text/plain", b""),
    "100%25 *.txt": ("text/plain", b"%0A"),
    "100_25 *.txt": ("text/plain", b"other"),
    "-x.csv": ("text/csv", b"a;b"),
    "daten.xml": ("application/xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"),
}
PROOFS = (
    Proof(kind="manifest", name="manifest.jws", content="a.b.c"),
    Proof(kind="stored", name="stored.tlog-proof", content="c2sp\n"),
)


class Shelf:
    """Makes packages, has them converted and unpacks the bag."""

    def __init__(self, home: Path) -> None:
        self.source, self.target, self.unpacked = (home / name for name in "stu")
        for folder in (self.source, self.target, self.unpacked):
            folder.mkdir()

    def package(self, files: Mapping[str, tuple[str, bytes]]) -> DocumentPackage:
        return package_of(self.source, files)

    async def bag(self, package: DocumentPackage) -> Path:
        (written,) = await Bag().convert(package, self.target)
        assert written.name == f"{package.disclosure_id}.zip"
        with zipfile.ZipFile(self.target / written.name) as packed:
            packed.extractall(self.unpacked)
        (folder,) = self.unpacked.iterdir()
        assert folder.name == package.disclosure_id
        return folder


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


async def test_the_library_finds_the_bag_valid_and_complete(shelf: Shelf) -> None:
    package = dataclasses.replace(shelf.package(FILES), proofs=PROOFS)
    folder = await shelf.bag(package)
    found = bagit.Bag(str(folder))
    assert found.validate()
    assert found.version_info == (1, 0)
    assert set(found.algorithms) == {"sha256", "sha512"}
    names = {path.name: path.read_bytes() for path in (folder / "data").iterdir()}
    assert names == {
        {"100%25 *.txt": "_100_25 *.txt"}.get(name, name): content
        for name, (_, content) in FILES.items()
    }
    assert (folder / "proofs" / "manifest.jws").read_text(encoding="utf-8") == "a.b.c"
    assert set(found.tagfile_entries()) == {
        *("bagit.txt", "bag-info.txt", "document.json"),
        *("proofs/manifest.jws", "proofs/stored.tlog-proof"),
        *("manifest-sha256.txt", "manifest-sha512.txt"),
    }


async def test_bag_info_names_nobody_and_counts_the_payload(shelf: Shelf) -> None:
    package = dataclasses.replace(
        shelf.package({"a.pdf": PDF}),
        remark="about somebody",
        reference="file of somebody",
        sender_name="x\r\nPayload-Oxum: 0.0",
    )
    found = bagit.Bag(str(await shelf.bag(package)))
    assert found.info == {
        "Source-Organization": "jobcentre",
        "External-Identifier": package.disclosure_id,
        "Bagging-Date": "2026-03-02",
        "Payload-Oxum": "11.1",
    }


async def test_the_context_says_who_what_for_and_the_names_as_they_were(shelf: Shelf) -> None:
    package = shelf.package({"50%.pdf": PDF})
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
    folder = await shelf.bag(dataclasses.replace(package, consent=terms, remark="Grüße"))
    context = json.loads((folder / "document.json").read_text(encoding="utf-8"))
    assert context["remark"] == "Grüße"
    assert context["consent"] == {
        "id": "c",
        "sha256": "0" * 64,
        "valid_until": "2026-12-31T23:00:00Z",
    }
    assert context["files"] == [
        {
            "path": "data/50_.pdf",
            "name": "50%.pdf",
            "type": "application/pdf",
            "size": 11,
            "sha256": package.files[0].sha256,
            "third_party": False,
        }
    ]


@pytest.mark.parametrize(
    "tamper",
    [
        lambda bag: (bag / "data" / "a.pdf").write_bytes(b"%PDF-1.7\n\x00\xfe"),
        lambda bag: (bag / "data" / "a.pdf").unlink(),
        lambda bag: (bag / "data" / "more.pdf").write_bytes(b""),
        lambda bag: (bag / "document.json").write_bytes(b"{}"),
        lambda bag: (bag / "manifest-sha256.txt").write_bytes(b""),
        lambda bag: (bag / "bag-info.txt").write_bytes(b"Payload-Oxum: 1.1\n"),
    ],
    ids=["content", "gone", "added", "context", "manifest", "info"],
)
async def test_whatever_is_changed_is_seen(shelf: Shelf, tamper: Callable[[Path], object]) -> None:
    folder = await shelf.bag(shelf.package({"a.pdf": PDF}))
    tamper(folder)
    with pytest.raises(bagit.BagError):
        bagit.Bag(str(folder)).validate()


async def test_two_names_that_would_become_one_stay_two(shelf: Shelf) -> None:
    files = dict.fromkeys(("a%.pdf", "A_.pdf", "a_.PDF", "_a_.pdf", "%a%.pdf"), PDF)
    del files["a_.PDF"]
    folder = await shelf.bag(shelf.package(files))
    assert bagit.Bag(str(folder)).validate()
    assert len({path.name.casefold() for path in (folder / "data").iterdir()}) == len(files)


async def test_two_hundred_megabytes_need_no_memory(shelf: Shelf) -> None:
    package = shelf.package({"scan.pdf": PDF})
    size = 200_000_000
    with package.files[0].path.open("r+b") as scan:
        scan.truncate(size)
    with package.files[0].path.open("rb") as scan:
        digest = hashlib.file_digest(scan, "sha256").hexdigest()
    large = dataclasses.replace(package.files[0], size=size, sha256=digest)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): forget the peak
    before = peak()
    (written,) = await Bag().convert(dataclasses.replace(package, files=(large,)), shelf.target)
    assert peak() - before < 64 << 20
    assert (shelf.target / written.name).stat().st_size > size


def peak() -> int:
    """Return the largest resident memory so far, in bytes."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    return int(line) * 1024


@pytest.mark.parametrize("content", [b"%PDF-1.7\n\x00\xfe", b"%PDF-1.7\n"])
async def test_a_file_that_is_not_the_one_listed_is_malformed(shelf: Shelf, content: bytes) -> None:
    package = shelf.package({"a.pdf": PDF})
    package.files[0].path.write_bytes(content)
    with pytest.raises(Malformed):
        await Bag().convert(package, shelf.target)


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("a.exe", "application/octet-stream", b"MZ"),
        ("a.pdf", "application/pdf", b"MZ"),
        ("a.zip", "application/zip", b"PK\x03\x04"),
        ("a.txt", "application/pdf", b"%PDF-"),
        ("a.txt", "text/plain", b"\x00"),
    ],
)
async def test_what_archives_do_not_keep_is_malformed(
    shelf: Shelf, name: str, media_type: str, content: bytes
) -> None:
    with pytest.raises(Malformed):
        await Bag().convert(shelf.package({name: (media_type, content)}), shelf.target)
    assert list(shelf.target.iterdir()) == []


def test_a_setting_it_does_not_have_stops_the_start() -> None:
    with pytest.raises(Misconfigured):
        register_intake_formats({"colour": "blue"})
