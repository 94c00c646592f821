"""Evidence of consents, looked at by a real verifier before a consent is recorded over the API."""

import io
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from exchange.canonical import digest
from exchange.wire import local_routes as api
from exchange.wire import routes, shapes
from tests import certificates, scans
from tests.agency.double import answer, body, payload_of
from tests.agency.local import JSON, Answer, Local, local_api
from tests.agency.network import RECIPIENT, Network, files_below
from tests.agency.test_local_consents import PERSON, consent

PLAIN = b"%PDF-1.7 signed by hand"


@pytest.fixture(scope="module")
def authority() -> certificates.Seal:
    return certificates.authority()


@pytest.fixture
def recorded(network: Network) -> list[str]:
    """Return the ids of what the hub has recorded."""
    found = list[str]()

    async def record(request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"].encode()
        found.append(payload_of(statement)["id"])
        made = shapes.ConsentRecorded(
            id=found[-1], consent=digest(statement), recorded_at=network.now
        )
        return answer(made, status=201)

    network.double.replaced[routes.POST_CONSENT.name] = record
    return found


@pytest.fixture
async def office(
    network: Network, authority: certificates.Seal, recorded: list[str]
) -> AsyncIterator[Local]:
    """Return an office that has evidence looked at."""
    settings = network.offices[RECIPIENT].home.settings_file
    tables = scans.settings(authority) + "\n[api]"
    settings.write_text(settings.read_text().replace("\n[api]", tables))
    async with local_api(network, RECIPIENT) as local:
        yield local


@pytest.fixture
def container(tmp_path: Path, authority: certificates.Seal) -> bytes:
    """Return a form that somebody trusted has signed."""
    return scans.signed(tmp_path, authority)


async def stated(local: Local, evidence: bytes) -> dict[str, Any]:
    """Return a draft whose text was shown and whose evidence is this."""
    text = await local.call(api.CONSENT_TEXT, json=consent())
    notice = {**consent()["notice"], "sha256": text.json["sha256"]}
    scan = {"sha256": sha256(evidence).hexdigest(), "kind": "scan", "pages": 1}
    return consent(notice=notice, evidence=scan, subject=PERSON)


async def record(
    local: Local,
    draft: dict[str, Any],
    *files: bytes,
    name: str = "form.asice",
    first: str = "consent",
) -> Answer:
    """Record a consent with its evidence behind it, as a stock client sends a form."""
    form = aiohttp.FormData()
    form.add_field(first, json.dumps(draft), content_type=JSON)
    for content in files:
        form.add_field("file", io.BytesIO(content), filename=name)
    return await local.call(api.RECORD, data=form)


async def test_a_form_signed_by_somebody_trusted_is_recorded(
    office: Local, container: bytes, recorded: list[str]
) -> None:
    done = await record(office, await stated(office, container), container)

    assert done.status == 201, done.body
    assert done.json["id"] == recorded[0]
    left = files_below(office.office.gateway.home.root)
    assert [name for name, content in left.items() if container in content] == []


@pytest.mark.parametrize("name", ["form.asice", "scan.pdf"])
async def test_evidence_without_a_signature_passes(
    name: str, office: Local, container: bytes, recorded: list[str]
) -> None:
    content = scans.unsigned(container) if name == "form.asice" else PLAIN
    done = await record(office, await stated(office, content), content, name=name)

    assert done.status == 201, done.body
    assert recorded


@pytest.mark.parametrize("name", ["form.asice", "FORM.ASICE", "form.sce"])
async def test_a_touched_container_refuses_the_record_before_anything_is_signed(
    name: str, office: Local, container: bytes, recorded: list[str]
) -> None:
    forged = scans.tampered(container)
    refused = await record(office, await stated(office, forged), forged, name=name)

    assert (refused.status, refused.json["detail"]) == (400, scans.VERIFIED)
    assert recorded == []
    assert list(office.office.gateway.home.statements.glob("consent-*")) == []


async def test_a_form_that_a_stranger_signed_refuses_the_record(
    office: Local, tmp_path: Path, recorded: list[str]
) -> None:
    strange = scans.signed(tmp_path, certificates.authority("Strangers"))
    refused = await record(office, await stated(office, strange), strange)

    assert (refused.status, refused.json["detail"]) == (400, scans.VERIFIED)
    assert recorded == []


async def test_what_is_to_be_looked_at_must_come_along_and_be_what_the_draft_states(
    office: Local, container: bytes, recorded: list[str]
) -> None:
    draft = await stated(office, container)
    missing = await office.call(api.RECORD, json=draft)
    other = await record(office, draft, scans.unsigned(container))

    assert (missing.status, other.status) == (400, 400)
    assert "its file is needed" in missing.json["detail"]
    assert "another one than the draft states" in other.json["detail"]
    assert recorded == []


async def test_a_body_is_a_draft_and_one_file(
    office: Local, container: bytes, recorded: list[str]
) -> None:
    draft = await stated(office, container)
    answers = [
        await record(office, draft),
        await record(office, draft, container, container),
        await record(office, draft, container, first="draft"),
        await record(office, {**draft, "more": 1}, container),
        await record(office, {**draft, "id": " " * 70_000}, container),
    ]

    assert [one.status for one in answers] == [400, 400, 400, 400, 413]
    assert recorded == []


async def test_without_a_verifier_nothing_changes(
    network: Network, container: bytes, recorded: list[str]
) -> None:
    forged = scans.tampered(container)
    async with local_api(network, RECIPIENT) as local:
        draft = await stated(local, forged)
        alone = await local.call(api.RECORD, json=draft)
        again = await record(local, draft, forged)

    assert (alone.status, again.status) == (201, 201), alone.body
    assert alone.json["consent"] == again.json["consent"]
