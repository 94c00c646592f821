"""What intake lays out for the container: documents unchanged, context, proofs, no key anywhere."""

import dataclasses
import json
from pathlib import Path

import pytest
from exchange_plugin_asic.convert import Container, register_intake_formats

from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import DocumentPackage, Proof
from exchange.testing import package_of

PDF = ("application/pdf", b"%PDF-1.7\n")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def package(home: Path, **files: tuple[str, bytes]) -> DocumentPackage:
    (home / "source").mkdir()
    return package_of(home / "source", files)


async def test_documents_context_and_proofs_become_members_in_this_order(
    tmp_path: Path, target: Path
) -> None:
    proofs = (
        Proof(kind="manifest", name="manifest.jws", content="a.b.c"),
        Proof(kind="stored", name="stored.tlog-proof", content="c2sp\n"),
    )
    given = dataclasses.replace(package(tmp_path, **{"März.pdf": PDF}), proofs=proofs, remark="ä")
    written = [file.name for file in await Container().convert(given, target)]
    assert written == ["März.pdf", "document.json", "manifest.jws", "stored.tlog-proof"]
    assert (target / "März.pdf").read_bytes() == PDF[1]
    assert (target / "manifest.jws").read_bytes() == b"a.b.c"
    context = json.loads((target / "document.json").read_text(encoding="utf-8"))
    assert (context["remark"], context["files"][0]["name"]) == ("ä", "März.pdf")


async def test_a_document_that_is_called_like_the_context_gets_another_name(
    tmp_path: Path, target: Path
) -> None:
    files = {"Document.JSON": ("application/json", b"{}"), "document (2).JSON": PDF}
    files["document (2).JSON"] = ("application/json", b"[]")
    given = package(tmp_path, **files)
    written = [file.name for file in await Container().convert(given, target)]
    assert written == ["Document (3).JSON", "document (2).JSON", "document.json"]
    context = json.loads((target / "document.json").read_text(encoding="utf-8"))
    assert [file["name"] for file in context["files"]] == written[:2]


def test_it_asks_the_gateway_for_container_and_proofs() -> None:
    capabilities = Container().capabilities
    assert (capabilities.container, capabilities.proofs) == ("asic-e", True)


@pytest.mark.parametrize(
    ("name", "content"), [("mimetype", b"x"), ("a.jws", b"x"), ("a.pdf", b"MZ"), ("a.pdf", b"")]
)
async def test_what_nobody_opens_or_containers_reserve_is_malformed(
    name: str, content: bytes, tmp_path: Path, target: Path
) -> None:
    given = package(tmp_path, **{name: ("application/pdf", content)})
    with pytest.raises(Malformed):
        await Container().convert(given, target)
    assert list(target.iterdir()) == []


async def test_a_file_of_another_size_than_listed_is_malformed(
    tmp_path: Path, target: Path
) -> None:
    given = package(tmp_path, **{"a.pdf": PDF})
    given.files[0].path.write_bytes(PDF[1] + b"more")
    with pytest.raises(Malformed):
        await Container().convert(given, target)


def test_a_setting_it_does_not_have_stops_the_start() -> None:
    assert register_intake_formats({"trusted": "for evidence"})
    with pytest.raises(Misconfigured):
        register_intake_formats({"key": "never here"})
