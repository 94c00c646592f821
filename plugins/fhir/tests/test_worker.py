"""Behind the walls of the gateway's workers the formats do what they do here."""

import json
from pathlib import Path

import pytest

from exchange.agency.intake import Intake
from exchange.agency.job import Kind
from exchange.agency.leash import Adapter
from exchange.agency.outgoing import Readers
from exchange.agency.staff import Staff
from exchange.canonical import Json
from exchange.testing import exported_of
from plugins.fhir.tests.conftest import PDF, Office, plain


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir(mode=0o700)
    return root


@pytest.mark.parametrize("settings", [{}, {"version": "R5", "inline": 0}])
async def test_a_worker_writes_a_bundle(
    office: Office, root: Path, settings: dict[str, Json]
) -> None:
    office.target.mkdir()
    async with Intake(Adapter(plugin="fhir", settings=settings), root) as intake:
        await intake.start()
        package = office.package(**{"a.pdf": ("application/pdf", PDF)})
        written = await intake.convert(package, office.target)
    assert written[0].name == "bundle.json"
    assert {file.name for file in written} == {path.name for path in office.target.iterdir()}


async def test_a_worker_reads_an_export(office: Office, root: Path) -> None:
    content = json.dumps(plain()).encode()
    exported = exported_of(office.home, {"bundle.json": ("application/fhir+json", content)})
    async with Staff(Adapter(plugin="fhir", kind=Kind.OUTGOING), root) as staff:
        readers = Readers(root, outgoing={"fhir": staff}, evidence={})
        async with readers.read("fhir", exported) as export:
            (sent,) = export.package.files
            assert sent.name == "Brief.pdf"
