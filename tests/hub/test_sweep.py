"""Deadlines: what is over ends, uses come back, nothing outlives its time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.hub import sweep
from exchange.wire import routes
from tests import needs
from tests.simulator import RECIPIENT, SENDER, Simulator


async def swept(sim: Simulator) -> None:
    await sweep.sweep(sim.hub, leftovers=True)


async def test_what_nobody_collects_expires_and_gives_its_use_back(sim: Simulator) -> None:
    consent = await sim.consent(uses="once")
    letter = await sim.sent(consent)
    sim.later(days=1, seconds=1)

    await swept(sim)

    assert (await sim.collect(letter)).status == 404
    seen = await sim.call(SENDER, routes.GET_DISCLOSURE, id=letter.id)
    assert seen.json["state"] == "expired"
    assert await sim.count("headers") == 0
    assert list((sim.home / "payloads").iterdir()) == []
    (ended,) = await sim.log("disclosure-ended")
    assert (ended["by"], ended["open"]) == ("hub", {"why": "expired"})
    assert (await sim.send(sim.letter(consent.digest))).status == 201


async def test_expiry_comes_after_fourteen_days_whatever_the_sender_wrote(sim: Simulator) -> None:
    letter = await sim.sent(exp=int(sim.now.timestamp()) + 14 * 86_400)
    sim.later(days=13, hours=23)
    await swept(sim)
    assert len(await sim.inbox()) == 1

    sim.later(hours=1)
    await swept(sim)

    assert await sim.inbox() == []
    assert (await sim.collect(letter)).status == 404


async def test_before_the_sweeper_comes_an_expired_document_is_not_released(
    sim: Simulator,
) -> None:
    letter = await sim.sent()
    sim.later(days=1)

    assert (await sim.collect(letter)).status == 404
    assert (await sim.payload(letter)).status == 404
    assert await sim.inbox() == []


async def test_an_upload_that_is_not_completed_is_removed_after_a_day(sim: Simulator) -> None:
    letter = sim.letter((await sim.consent()).digest, exp=int(sim.now.timestamp()) + 5 * 86_400)
    await sim.call(
        SENDER, routes.DISCLOSE, body=letter.manifest, headers={"Content-Type": routes.MANIFEST}
    )
    piece = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": routes.OFFSET_STREAM,
    }
    await sim.call(SENDER, routes.UPLOAD, id=letter.id, body=b"x" * 100, headers=piece)
    before = await sim.log()
    sim.later(days=1)

    await swept(sim)

    assert list((sim.home / "payloads").iterdir()) == []
    assert await sim.count("upload_pieces") == 0
    assert await sim.log() == before  # nothing was disclosed, so nothing is logged


async def test_recipients_are_reminded_once_after_three_days(sim: Simulator) -> None:
    await sim.reach(RECIPIENT)
    await sim.sent(exp=int(sim.now.timestamp()) + 10 * 86_400)
    sim.later(days=3)

    await swept(sim)
    await swept(sim)

    assert [row.kind for row in await sim.notices()] == ["disclosure", "reminder"]


async def test_who_does_not_answer_an_erasure_is_reminded_and_it_stays_open(
    sim: Simulator,
) -> None:
    await sim.reach(RECIPIENT)
    consent = await sim.consent()
    await sim.collect(await sim.sent(consent))
    await sim.withdraw(consent, SENDER)
    sim.later(days=7)

    await swept(sim)
    await swept(sim)
    sim.later(days=60)
    await swept(sim)
    await swept(sim)

    kinds = ["erasure", "erasure-reminder", "erasure-overdue"]
    assert [row.kind for row in await sim.notices()] == kinds
    (erasure,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    assert erasure["state"] == "open"


async def test_the_end_of_an_agreement_ends_every_consent_under_it(sim: Simulator) -> None:
    await sim.agree(term={"from": "2026-01-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"})
    consent = await sim.consent(valid_until="2026-08-31T22:00:00Z")
    letter = await sim.sent(consent, exp=int(sim.now.timestamp()) + 14 * 86_400)
    collected = await sim.sent(consent)
    await sim.collect(collected)
    sim.now = sim.now.replace(month=4, day=1, hour=0)

    refused = await sim.send(sim.letter(consent.digest))
    await swept(sim)

    assert refused.status == 403  # the gate has not waited for the sweeper
    assert await sim.count("headers") == 0
    assert (await sim.collect(letter)).status == 404
    state = (await sim.call(SENDER, routes.GET_CONSENT, id=consent.id)).json
    assert (state["state"], state["reason"]) == ("ended", "agreement")
    assert (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"] == []
    assert len(await sim.log("agreement-ended")) == 1


async def test_a_blob_and_a_log_key_without_a_row_go_after_a_day(sim: Simulator) -> None:
    from exchange.hub.storage.blobs import new_name

    async def content() -> AsyncIterator[bytes]:
        yield b"left by a crash"

    await sim.hub.blobs.put(new_name(), content(), limit=100)
    await sim.hub.vault.draw("00000000-0000-4000-8000-00000000000a")
    await swept(sim)
    assert len(list((sim.home / "payloads").iterdir())) == 1

    sim.now = sim.now.replace(year=2027)  # the age of a file is that of the disk
    await swept(sim)

    assert list((sim.home / "payloads").iterdir()) == []
    assert await sim.hub.vault.chains(["00000000-0000-4000-8000-00000000000a"]) == {}


async def test_what_is_deleted_is_counted_by_class_and_day_and_names_nobody(
    sim: Simulator,
) -> None:
    for _ in range(2):
        letter = await sim.sent()
        await sim.collect(letter)
        await sim.acknowledge(letter)
    await swept(sim)
    await swept(sim)
    sim.later(days=15)
    await sim.sent(exp=int(sim.now.timestamp()) + 3600)
    sim.later(days=1)
    await swept(sim)

    rows = await sim.rows("SELECT run, class, count FROM deletions WHERE class = 'D03'")
    assert sorted(tuple(row) for row in rows) == [
        ("2026-03-03", "D03", 2),
        ("2026-03-19", "D03", 1),
    ]


@needs.sqlite()
async def test_a_header_is_in_no_file_after_withdrawal_and_one_round(sim: Simulator) -> None:
    consent = await sim.consent()
    letter = await sim.sent(consent)
    assert any(letter.header[200:600] in file.read_bytes() for file in files(sim))

    await sim.withdraw(consent, SENDER)
    await swept(sim)
    async with asyncio.timeout(30):  # a look of the sequencer may hold it up, as the sweeper knows
        while not await sim.database.erase_from_wal():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)

    assert not any(letter.header[200:600] in file.read_bytes() for file in files(sim))


def files(sim: Simulator) -> list[Path]:
    return [file for file in sim.home.rglob("*") if file.is_file()]


async def test_a_step_that_cannot_be_done_does_not_stop_the_others(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exchange.errors import Unavailable

    consent = await sim.consent()
    letter = await sim.sent(consent)
    await sim.agree(term={"from": "2026-01-01T00:00:00Z", "until": "2026-03-04T00:00:00Z"})
    sim.later(days=2)

    async def away(_chain: str) -> None:
        raise Unavailable

    monkeypatch.setattr(sim.hub.vault, "chain", away)
    await swept(sim)

    assert (await sim.collect(letter)).status in {404, 503}
    seen = await sim.call(SENDER, routes.GET_DISCLOSURE, id=letter.id)
    assert seen.json["state"] == "expired"
