"""Behind the walls of the gateway's workers the formats do what they do here."""

import zipfile
from pathlib import Path

import pytest

from exchange.agency.intake import Intake
from exchange.agency.job import Kind
from exchange.agency.leash import Adapter
from exchange.agency.outgoing import Readers
from exchange.agency.staff import Staff
from exchange.errors import Misconfigured
from exchange.testing import exported_of
from plugins.xdomea.tests.conftest import SCHEMAS, Message, Office

PDF = b"%PDF-1.7\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir(mode=0o700)
    return root


async def test_a_worker_writes_a_message_and_reads_the_schemas(office: Office, root: Path) -> None:
    adapter = Adapter(
        plugin="xdomea", settings={"reads": {"schemas": str(SCHEMAS)}}, reads=(SCHEMAS,)
    )
    target = office.home / "target"
    target.mkdir()
    async with Intake(adapter, root) as intake:
        await intake.start()
        package = office.package(**{"a.pdf": ("application/pdf", PDF)})
        (written,) = await intake.convert(package, target)
    with zipfile.ZipFile(target / written.name) as archive:
        assert len(archive.namelist()) == 2


async def test_a_worker_without_schemas_does_not_start_and_says_why(root: Path) -> None:
    async with Intake(Adapter(plugin="xdomea"), root) as intake:
        with pytest.raises(Misconfigured, match="schemas"):
            await intake.start()


async def test_a_worker_reads_an_export(office: Office, root: Path) -> None:
    files = {
        Message.name: ("application/xml", Message().plain()),
        Message.file: ("application/pdf", PDF),
    }
    exported = exported_of(office.home, files)
    async with Staff(Adapter(plugin="xdomea", kind=Kind.OUTGOING), root) as staff:
        readers = Readers(root, outgoing={"xdomea": staff}, evidence={})
        async with readers.read("xdomea", exported) as export:
            (sent,) = export.package.files
            assert sent.name == Message.file
            assert export.package.reference == "17/2026"
