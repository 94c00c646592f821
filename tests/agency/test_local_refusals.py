"""What the local API refuses with 404 and 415, and which name of a consent it speaks of.

As docs/gateway-api.md says it.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from exchange.agency import poll
from exchange.wire import local_routes as api
from exchange.wire.routes import Operation
from tests.agency.local import JSON, Local, fresh_id, local_api, submission
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network

WITH_BODY = [api.CONSENT_TEXT, api.BLANK_FORM, api.WITHDRAW, api.ASK, api.CONFIRM]


@pytest.fixture
async def sender(network: Network) -> AsyncIterator[Local]:
    async with local_api(network, SENDER) as local:
        yield local


@pytest.fixture
async def recipient(network: Network) -> AsyncIterator[Local]:
    async with local_api(network, RECIPIENT) as local:
        yield local


async def typed(local: Local, operation: Operation, media_type: str, data: bytes = b"{}") -> int:
    headers = {"Content-Type": media_type}
    return (await local.call(operation, data=data, headers=headers, id=CONSENT_ID)).status


async def test_a_route_reads_its_own_media_types_and_no_other(sender: Local) -> None:
    for operation in WITH_BODY:
        for media_type in ("text/plain", "multipart/form-data; boundary=x", f"{JSON}; charset=x"):
            assert await typed(sender, operation, media_type) == 415, operation.name
        assert await typed(sender, operation, f"{JSON}; charset=utf-8") != 415
    for operation in (api.SUBMIT, api.RECORD):
        assert await typed(sender, operation, "application/x-www-form-urlencoded") == 415
        assert await typed(sender, operation, "multipart/form-data") == 400, "no boundary"
    assert await typed(sender, api.SUBMIT, JSON) == 415
    assert await typed(sender, api.SUBMIT, api.SUBMISSION) == 400
    assert await typed(sender, api.RECORD, JSON) == 400


async def test_a_content_coding_is_refused_whatever_is_asked(sender: Local) -> None:
    for operation in (api.STATUS, api.SUBMIT, api.CONSENT):
        refused = await sender.call(
            operation, headers={"Content-Encoding": "identity"}, id=CONSENT_ID
        )
        assert (refused.status, refused.code) == (415, "unsupported-media-type")


async def test_a_route_without_a_body_asks_for_no_media_type(sender: Local) -> None:
    assert await typed(sender, api.RECALL, "text/plain") == 404
    assert await typed(sender, api.RECALL, JSON) == 404
    assert await typed(sender, api.RECALL, JSON, b'{"a":1}') == 400


async def test_an_id_that_cannot_exist_does_not_exist(sender: Local, network: Network) -> None:
    digest = network.double.consents[CONSENT_ID].consent
    for operation in (api.CONSENT, api.DISCLOSURE, api.DOCUMENT, api.RECALL, api.RELEASE):
        for wrong in ("1", "nobody", digest, fresh_id()):
            assert (await sender.call(operation, id=wrong)).status == 404, (operation.name, wrong)
    unknown = await sender.session.get(
        f"{sender.origin}/v1/nothing", headers={"Authorization": f"Bearer {sender.token}"}
    )
    assert unknown.status == 404


@pytest.mark.parametrize(
    "member", [{"consent": fresh_id}, {"answers": fresh_id}, {"outgoing": lambda: "xdomea"}]
)
async def test_what_a_submission_names_and_nobody_knows_is_not_found_and_said(
    sender: Local, network: Network, member: dict[str, Any]
) -> None:
    made = {name: value() if callable(value) else value for name, value in member.items()}
    refused = await sender.submit(**made)
    assert (refused.status, refused.code) == (404, "not-found")
    assert refused.json["detail"]
    assert network.double.kept == {}


async def test_a_digest_is_no_id_in_a_body(sender: Local, network: Network) -> None:
    digest = network.double.consents[CONSENT_ID].consent
    refused = await sender.submit(consent=digest)
    assert (refused.status, refused.json["detail"][:8]) == (400, "consent:")


async def test_each_answer_names_the_consent_as_the_documentation_says(
    sender: Local, recipient: Local, network: Network
) -> None:
    digest = network.double.consents[CONSENT_ID].consent
    sent = (await sender.submit()).json["disclosures"][0]
    listed = (await sender.call(api.DISCLOSURE, id=sent["id"])).json
    consent = (await sender.call(api.CONSENT, id=CONSENT_ID)).json
    entry = (await sender.call(api.CONSENTS)).json["consents"][0]
    assert sent["consent"] == listed["consent"] == digest
    assert (consent["id"], consent["consent"]) == (CONSENT_ID, digest)
    assert (entry["id"], entry["consent"]) == (CONSENT_ID, digest)
    assert submission()["consent"] == CONSENT_ID

    await poll.fetch(recipient.office.gateway, recipient.office.reception)
    document = (await recipient.call(api.DOCUMENTS)).json["documents"][0]
    assert document["consent_id"] == CONSENT_ID
    erasure = "8b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a08"
    await recipient.call(api.FETCHED, id=sent["id"])
    network.double.end_consent(CONSENT_ID, network.withdrawal(network.double.consents[CONSENT_ID]))
    network.double.ask_erasure(erasure, CONSENT_ID, RECIPIENT)
    await poll.fetch(recipient.office.gateway, recipient.office.reception)
    assert [
        (one["id"], one["consent"]) for one in (await recipient.call(api.ERASURES)).json["erasures"]
    ] == [(erasure, digest)]
