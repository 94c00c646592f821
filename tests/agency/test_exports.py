"""Exports of records systems on their way out: what they hold is sent, by the real plugins."""

import io
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from exchange.agency import poll
from exchange.agency.office import open_office
from exchange.agency.state import Sending
from exchange.agency.watch import Watch
from exchange.wire import local_routes as api
from plugins.fhir.tests.conftest import PDF, binary, bundle_of, plain, reference
from plugins.xdomea.tests.conftest import Message
from tests.agency.local import JSON, Answer, Local, local_api, submission
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network
from tests.agency.test_watch import Desk

FILE_NUMBER = "urn:consent-exchange:file-number"
SETTINGS = f"""
[outgoing]
plugins = ["fhir", "xdomea"]

[plugins.fhir]
file_numbers = "{FILE_NUMBER}"

[plugins.fhir.categories]
"http://loinc.org|48768-6" = "rent-arrears-letter"

[plugins.xdomea.categories]
"Mietschuldenschreiben" = "rent-arrears-letter"
"""
DESCRIBED = f"""\
consent = "{CONSENT_ID}"
recipients = ["{RECIPIENT}"]
outgoing = "xdomea"
"""


@pytest.fixture(autouse=True)
def exporting(network: Network) -> None:
    """Let the sender's gateway read exports."""
    settings = network.offices[SENDER].home.settings_file
    settings.write_text(settings.read_text().replace("\n[api]", SETTINGS + "\n[api]"))


@pytest.fixture
async def sender(network: Network) -> AsyncIterator[Local]:
    async with local_api(network, SENDER) as local:
        yield local


@pytest.fixture
def bundle() -> bytes:
    """Return a bundle whose one letter says its kind and its file number."""
    kind = {"coding": [{"system": "http://loinc.org", "code": "48768-6"}]}
    number = {"system": FILE_NUMBER, "value": "4711"}
    letter = reference(type=kind, identifier=[number])
    return json.dumps(bundle_of(binary(), letter)).encode()


async def arrived(network: Network) -> tuple[dict[str, bytes], str]:
    """Let the recipient receive one document; return its files, and what lies there as text."""
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
    (folder,) = network.offices[RECIPIENT].home.spool.iterdir()
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    return found, b"\n".join(found.values()).decode("utf-8", "replace")


async def exported(local: Local, *files: tuple[str, str, bytes]) -> Answer:
    """Submit an export that says itself what it is."""
    wanted = {**submission(outgoing="fhir"), "remark": None, "category": None}
    form = aiohttp.FormData()
    form.add_field("submission", json.dumps(wanted), content_type=JSON)
    for name, media_type, content in files:
        form.add_field("file", io.BytesIO(content), filename=name, content_type=media_type)
    return await local.call(api.SUBMIT, data=form, headers={"Idempotency-Key": "export-1"})


async def test_a_bundle_over_the_local_api_sends_its_documents_and_not_itself(
    sender: Local, network: Network, bundle: bytes
) -> None:
    first, again = [
        await exported(sender, ("bundle.json", "application/fhir+json", bundle)) for _ in range(2)
    ]
    assert [first.status, again.status] == [201, 201], again.body
    assert first.json == again.json
    (sent,) = first.json["disclosures"]
    found, words = await arrived(network)

    assert list(network.double.kept) == [sent["id"]]
    assert PDF in found.values()
    assert all(b'"Bundle"' not in content for content in found.values())
    assert "rent-arrears-letter" in words
    assert "4711" in words, "the file number of the export"


async def test_a_bundle_that_holds_something_else_sends_nothing(
    sender: Local, network: Network
) -> None:
    elsewhere = json.dumps(bundle_of(binary(), reference("http://127.0.0.1:1/a.pdf"))).encode()
    refused = await exported(sender, ("bundle.json", "application/fhir+json", elsewhere))
    unsaid = json.dumps(plain()).encode()
    unknown = await exported(sender, ("bundle.json", "application/fhir+json", unsaid))

    assert (refused.status, refused.json["detail"]) == (
        400,
        "the export could not be read: malformed",
    )
    assert (unknown.status, unknown.json["reasons"]) == (403, ["category"])
    assert network.double.kept == {}


async def test_an_export_of_xdomea_in_a_watched_folder_sends_what_it_means(
    network: Network,
) -> None:
    root = network.offices[SENDER].home.root.parent / "out"
    root.mkdir()
    message = Message()
    matter = message.matter(message.document(message.version(), kind="Mietschuldenschreiben"))
    files = {"export.xml": message.message(matter), Message.file: PDF}
    async with open_office(network.offices[SENDER].home.root, clock=lambda: network.now) as office:
        desk = Desk(office, root, Watch(office, root))
        desk.put("Abgabe", send=DESCRIBED, **files)
        (sent,) = await desk.looked()
        desk.put("Kaputt", send=DESCRIBED, **{"export.xml": b"<x/>", Message.file: PDF})
        assert await desk.looked() == [sent]
        assert "malformed" in desk.reason("Kaputt")
    found, words = await arrived(network)

    assert sent.state is Sending.STORED
    assert found[Message.file] == PDF
    assert "export.xml" not in found
    assert "17/2026" in words, "the file number of the export"
    assert (root / "done" / "Abgabe" / "export.xml").read_bytes() == files["export.xml"]
