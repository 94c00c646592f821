"""POST /v1/disclosures and what follows: inbox, payload, collection, acknowledgement."""

from exchange.canonical import unb64u
from tests.simulator import Simulator


async def test_a_document_crosses_and_every_step_is_logged(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = sim.letter(consent.digest)

    stored = await sim.send(letter)
    (entry,) = await sim.inbox()
    payload = await sim.payload(letter)
    collected = await sim.collect(letter)
    acknowledged = await sim.acknowledge(letter)

    (event,) = await sim.log("disclosure-stored")
    assert stored.json == {
        "id": letter.id,
        "manifest": letter.digest,
        "state": "stored",
        "upload": None,
        "receipt": f"/log/receipts/{event['id']}",
    }
    assert entry["disclosure"]["statement"].encode() == letter.manifest
    assert unb64u(collected.json["header"]) + payload.body == letter.sealed
    assert acknowledged.json["state"] == "acknowledged"
    assert await sim.inbox() == []
    assert [event["kind"] for event in await sim.log()] == [
        "agreement-signed",
        "agreement-signed",
        "consent-recorded",
        "disclosure-stored",
        "disclosure-collected",
        "disclosure-acknowledged",
    ]
