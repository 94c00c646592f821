"""The gate: uses, times, vetoes, stored records that do not verify any more."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text

from exchange.hookspecs import DisclosureAsked
from exchange.hub.parts import Hub
from exchange.wire import routes
from tests.simulator import RECIPIENT, SENDER, Answer, Letter, Simulator


async def test_a_consent_for_one_use_is_used_once(sim: Simulator) -> None:
    consent = await sim.consent(uses="once")
    letters = [sim.letter(consent.digest) for _ in range(20)]
    at_once = asyncio.Semaphore(8)  # as many uploads as one agency may have under way

    async def send(letter: Letter) -> Answer:
        async with at_once:
            return await sim.send(letter)

    answers = await asyncio.gather(*(send(one) for one in letters))

    assert sorted(one.status for one in answers) == [201] + 19 * [403]
    assert len(await sim.log("disclosure-refused")) == 19


async def test_the_log_holds_the_reasons_a_caller_never_sees(sim: Simulator) -> None:
    consent = await sim.consent()
    await sim.withdraw(consent, SENDER)

    await sim.send(sim.letter(consent.digest, category="energy-bill"))
    await sim.send(sim.letter("A" * 43))

    named, nameless = await sim.log("disclosure-refused")
    assert named["open"] == {"consent": consent.digest, "reason": "ended category"}
    assert nameless["open"] == {"reason": "no-consent"}
    assert named.keys() == nameless.keys()


@pytest.mark.parametrize(
    ("terms", "status"),
    [({"iat": 301}, 422), ({"iat": 300}, 201), ({"exp": 15 * 86_400}, 422), ({"exp": 0}, 422)],
)
async def test_a_manifest_is_valid_now_and_for_fourteen_days_at_most(
    sim: Simulator, terms: dict[str, int], status: int
) -> None:
    consent = await sim.consent()
    now = int(sim.now.timestamp())
    given: dict[str, Any] = {name: now + value for name, value in terms.items()}
    if "exp" in terms and terms["exp"] == 0:
        given["iat"] = now - 10

    assert (await sim.send(sim.letter(consent.digest, **given))).status == status


async def test_an_answer_to_another_document_is_not_taken(sim: Simulator) -> None:
    consent = await sim.consent()
    one, other = await sim.sent(consent), await sim.sent(consent)
    statement = sim.acknowledgement(other).decode()

    answer = await sim.call(RECIPIENT, routes.ACKNOWLEDGE, id=one.id, json={"statement": statement})
    twice = [await sim.acknowledge(other), await sim.acknowledge(other)]

    assert answer.status == 422
    assert [each.status for each in twice] == [200, 409]


async def test_a_rejection_before_reading_gives_the_use_back(sim: Simulator) -> None:
    consent = await sim.consent(uses="once")
    letter = await sim.sent(consent)

    await sim.acknowledge(letter, result="rejected", reason="key-lost")

    assert (await sim.send(sim.letter(consent.digest))).status == 201


async def test_a_document_is_taken_back_until_somebody_has_it(sim: Simulator) -> None:
    consent = await sim.consent()
    waiting, collected = await sim.sent(consent), await sim.sent(consent)
    await sim.collect(collected)

    taken = [await sim.call(SENDER, routes.RECALL, id=waiting.id) for _ in range(2)]
    late = await sim.call(SENDER, routes.RECALL, id=collected.id)

    assert [one.status for one in taken] == [200, 200]
    assert late.status == 409
    (ended,) = await sim.log("disclosure-ended")
    assert (ended["by"], ended["open"]) == (SENDER, {"why": "recalled"})


@pytest.mark.parametrize("table", ["consents", "agreements"])
async def test_a_stored_record_that_was_changed_permits_nothing(tmp_path: Path, table: str) -> None:
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
        consent = await sim.consent()
        damaged = "CAST(replace(statement, 'a', 'b') AS BLOB)"
        change = text(f"UPDATE {table} SET statement = {damaged}")  # noqa: S608 - our own tables
        await sim.hub.db.write(lambda conn: conn.execute(change).rowcount)
    async with sim.running():  # nothing is remembered of the record as it was
        answer = await sim.send(sim.letter(consent.digest))

        assert answer.status == 503
        assert await sim.count("headers") == 0


class Veto:
    """A veto that answers as it is told."""

    key = "operator"

    def __init__(self) -> None:
        self.asked: list[DisclosureAsked] = []
        self.answer: Any = False

    async def forbids(self, asked: DisclosureAsked) -> Any:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer == "silence":
            await asyncio.sleep(60)
        return self.answer


class Vetoed(Simulator):
    """A hub with one veto."""

    def changed(self, hub: Hub) -> Hub:
        self.veto = Veto()
        return replace(hub, vetoes={"operator": cast("Any", self.veto)})


@pytest.mark.parametrize("answer", [True, None, "no", ValueError("CANARY"), "silence"])
async def test_anything_but_a_timely_no_of_a_veto_denies(
    tmp_path: Path, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.hub.gate.VETO_S", 0.2)
    sim = Vetoed(tmp_path)
    async with sim.running():
        await sim.arrange()
        consent = await sim.consent()
        letter = await sim.sent(consent)
        sim.veto.answer = answer

        assert (await sim.send(sim.letter(consent.digest))).status == 403
        assert (await sim.ask(SENDER, consent.digest)).status == 403
        assert (await sim.collect(letter)).status == 404
        assert (await sim.payload(letter)).status == 404
        assert (await sim.log("disclosure-refused"))[-1]["open"]["reason"] == "veto"
        assert sim.veto.asked[0].recipients == frozenset({RECIPIENT})


async def test_a_veto_cannot_permit(tmp_path: Path) -> None:
    sim = Vetoed(tmp_path)
    async with sim.running():
        await sim.arrange()

        assert (await sim.send(sim.letter("A" * 43))).status == 403


async def test_the_share_of_one_sender_is_bounded(tmp_path: Path) -> None:
    limits = {"rate": 1000, "burst": 1000, "stored": 6000, "waiting": 3}
    sim = Simulator(tmp_path, agency=limits)
    async with sim.running():
        await sim.arrange()
        consent = await sim.consent()

        first = await sim.send(sim.letter(consent.digest))
        second = await sim.send(sim.letter(consent.digest))

        assert (first.status, second.status) == (201, 507)
        assert (await sim.withdraw(consent, SENDER)).status == 200


async def test_a_full_disk_stops_documents_and_no_withdrawal(tmp_path: Path) -> None:
    sim = Simulator(tmp_path)
    sim.settings = sim.settings.model_copy(
        update={"disk": sim.settings.disk.model_copy(update={"reserve": 2**50})}
    )
    async with sim.running():
        await sim.arrange()
        consent = await sim.consent()

        assert (await sim.send(sim.letter(consent.digest))).status == 507
        assert (await sim.withdraw(consent, SENDER)).status == 200
