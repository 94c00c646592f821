"""A withdrawal is immediate and total: headers, uploads, running streams, notices, erasures."""

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from exchange.canonical import digest
from exchange.envelope.padme import padme
from exchange.errors import Unavailable
from exchange.hub import sweep
from exchange.hub.parts import Hub
from exchange.wire import routes
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Simulator, sealed_to


async def test_a_holder_of_the_payload_gets_no_header_any_more(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = await sim.sent(consent)
    assert (await sim.payload(letter)).body == letter.payload

    assert (await sim.withdraw(consent, SENDER)).status == 200

    assert (await sim.collect(letter)).status == 404
    assert (await sim.payload(letter)).status == 404
    assert (await sim.call(RECIPIENT, routes.GET_DISCLOSURE, id=letter.id)).status == 404
    assert await sim.inbox() == []
    assert (await sim.send(sim.letter(consent.digest))).status == 403
    assert await sim.count("headers") == 0


async def test_also_what_was_collected_is_not_released_a_second_time(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = await sim.sent(consent)
    assert (await sim.collect(letter)).status == 200

    await sim.withdraw(consent, SENDER)

    assert (await sim.collect(letter)).status == 404


async def test_the_log_tells_the_whole_story_in_order(sim: Simulator) -> None:
    consent = await sim.consent()
    collected, waiting = await sim.sent(consent), await sim.sent(consent)
    await sim.collect(collected)
    await sim.withdraw(consent, SENDER)

    events = (await sim.log())[2:]

    assert [event["kind"] for event in events] == [
        "consent-recorded",
        "disclosure-stored",
        "disclosure-stored",
        "disclosure-collected",
        "consent-withdrawn",
        "disclosure-ended",
        "disclosure-ended",
        "erasure-asked",
    ]
    assert {event["manifest"] for event in events[5:7]} == {collected.digest, waiting.digest}
    assert all(event["open"] == {"why": "withdrawn"} for event in events[5:7])


async def test_uses_come_back_for_what_nobody_has_read(sim: Simulator) -> None:
    consent = await sim.consent(uses=3)
    await sim.sent(consent)
    await sim.collect(await sim.sent(consent))
    await sim.withdraw(consent, SENDER)

    ((used,),) = await sim.rows("SELECT used FROM consents")

    assert used == 1


async def test_who_collected_is_asked_to_erase_and_its_answer_is_kept(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = await sim.sent(consent)
    await sim.collect(letter)
    await sim.withdraw(consent, SENDER)

    (asked,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    answered = await sim.confirm(asked)
    again = await sim.confirm(asked)
    seen = (await sim.call(SENDER, routes.ERASURES)).json["erasures"]

    assert (asked["state"], asked["reason"], asked["manifests"]) == (
        "open",
        "withdrawn",
        [letter.digest],
    )
    assert answered.json["state"] == "erased"
    assert again.status == 409  # another statement, and one answer was given
    assert [one["state"] for one in seen] == ["erased"]
    assert (await sim.call(OUTSIDER, routes.ERASURES)).json["erasures"] == []
    assert len(await sim.log("erasure-confirmed")) == 1


async def test_what_is_kept_needs_a_ground_a_date_and_a_fence(sim: Simulator) -> None:
    consent = await sim.consent()
    await sim.collect(await sim.sent(consent))
    await sim.withdraw(consent, SENDER)
    (asked,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    kept = {"result": "kept", "ground": "legal-claims", "until": "2027-01-01"}

    unfenced = await sim.confirm(asked, **kept, restricted=False)
    foreign = await sim.confirm(asked, agency=SENDER)
    fenced = await sim.confirm(asked, **kept, restricted=True)

    assert (unfenced.status, foreign.status, fenced.status) == (422, 404, 200)
    assert fenced.json["state"] == "kept"


async def test_an_end_by_the_collector_asks_nobody_to_erase(sim: Simulator) -> None:
    consent = await sim.consent()
    await sim.collect(await sim.sent(consent))

    ended = await sim.withdraw(consent, SENDER, by="agency", reason="purpose-reached")

    assert ended.status == 200
    assert (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"] == []
    state = (await sim.call(SENDER, routes.GET_CONSENT, id=consent.id)).json
    assert (state["state"], state["reason"]) == ("ended", "agency")


class FickleVault:
    """The vault, which can be away."""

    def __init__(self, vault: Any) -> None:
        self._vault = vault
        self.away = False

    def __getattr__(self, name: str) -> Any:
        if self.away and name == "chains":
            return self._nothing
        if self.away:
            raise Unavailable("the vault does not answer")
        return getattr(self._vault, name)

    async def _nothing(self, _chains: Any) -> dict[str, Any]:
        return {}


class WithoutVault(Simulator):
    """A hub whose vault can be away."""

    def changed(self, hub: Hub) -> Hub:
        self.vault = FickleVault(hub.vault)
        return replace(hub, vault=cast("Any", self.vault))


async def test_the_vault_being_away_stops_disclosures_and_no_withdrawal(tmp_path: Path) -> None:
    sim = WithoutVault(tmp_path)
    async with sim.running():
        await sim.arrange()
        consent = await sim.consent()
        letter = await sim.sent(consent)
        sim.vault.away = True

        refused = await sim.send(sim.letter(consent.digest))
        not_collected = await sim.collect(letter)
        ended = await sim.withdraw(consent, SENDER)

        assert (refused.status, not_collected.status, ended.status) == (503, 503, 200)
        assert await sim.count("headers") == 0
        missing = "SELECT count(*) FROM log_pending WHERE leaf IS NULL"
        assert await sim.rows(missing) == [(2,)]

        sim.vault.away = False
        await sweep.sweep(sim.hub, leftovers=False)
        assert await sim.rows(missing) == [(0,)]


async def test_a_running_download_is_cut(sim: Simulator) -> None:
    large = sealed_to(RECIPIENT, bytes(padme(40_000_000)))
    consent = await sim.consent()
    letter = await sim.sent(consent, sealed=large)
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    head = (
        f"GET /v1/disclosures/{letter.id}/payload HTTP/1.1\r\nHost: 127.0.0.1:{sim.port}\r\n"
        f"Authorization: Bearer {sim.token(RECIPIENT)}\r\n\r\n"
    )
    writer.write(head.encode())
    await reader.readexactly(100_000)

    await sim.withdraw(consent, SENDER)

    received = 100_000
    try:
        while chunk := await reader.read(1 << 16):
            received += len(chunk)
    except ConnectionError:
        pass
    writer.close()
    assert received < 10_000_000


async def test_a_running_upload_is_cut_and_nothing_is_stored(sim: Simulator) -> None:
    large = sealed_to(RECIPIENT, os.urandom(16) + bytes(padme(5_000_000) - 16))
    consent = await sim.consent()
    letter = sim.letter(consent.digest, sealed=large)
    body = letter.one_shot
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    head = (
        f"POST /v1/disclosures HTTP/1.1\r\nHost: 127.0.0.1:{sim.port}\r\n"
        f"Authorization: Bearer {sim.token(SENDER)}\r\nContent-Type: {routes.DISCLOSURE}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body[: len(body) // 2])
    await writer.drain()
    while consent.digest not in sim.hub.streams._running:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)

    await sim.withdraw(consent, SENDER)

    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert await sim.log("disclosure-stored") == []
    assert await sim.count("disclosures") == 0


async def test_a_repeated_withdrawal_gets_the_first_moment(sim: Simulator) -> None:
    consent = await sim.consent()
    first = await sim.withdraw(consent, SENDER)
    sim.later(hours=1)

    second = await sim.withdraw(consent, SENDER)

    assert second.status == 200
    assert second.json == first.json
    assert len(await sim.log("consent-withdrawn")) == 1


async def test_a_withdrawal_is_taken_of_whoever_may_read_the_record_only(sim: Simulator) -> None:
    consent = await sim.consent()

    early = await sim.withdraw(consent, RECIPIENT)
    await sim.sent(consent)
    other = await sim.consent()
    statement = sim.withdrawal(other, SENDER)
    wrong = await sim.call(
        SENDER, routes.WITHDRAW, id=consent.id, json={"statement": statement.decode()}
    )
    told = await sim.withdraw(consent, RECIPIENT)

    assert early.status == 404  # to this recipient the record does not exist yet
    assert wrong.status == 422
    assert told.status == 200
    assert digest(statement) not in str(await sim.log())


async def test_what_happens_within_one_second_counts_in_the_order_it_was_recorded(
    sim: Simulator,
) -> None:
    first = await sim.consent()
    assert (await sim.withdraw(first, SENDER)).status == 200
    second = await sim.consent()

    statuses = [(await sim.send(sim.letter(one.digest))).status for one in (first, second)]

    assert statuses == [403, 201]
    recorded = [event for event in await sim.log() if event["kind"].startswith("consent-")]
    assert [event["kind"] for event in recorded] == [
        "consent-recorded",
        "consent-withdrawn",
        "consent-recorded",
    ]
    assert len({event["at"] for event in recorded}) == 1
