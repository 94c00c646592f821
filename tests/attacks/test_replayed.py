"""A40: a recorded request again: first outcome, conflict or 404, never a second effect."""

from pathlib import Path
from uuid import uuid4

import pytest

from exchange.canonical import b64u
from exchange.hub.sweep import sweep
from exchange.statement import Kind, seconds, sign
from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, Parties
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Letter

pytestmark = pytest.mark.gate


class Recorded:
    """Every request that changed something on a document's way, with its first answer."""

    def __init__(self, parties: Parties) -> None:
        self.parties = parties
        self.asked: list[tuple[str, dict[str, object], Answer]] = []

    async def ask(self, agency: str, operation: routes.Operation, **options: object) -> Answer:
        answer = await self.parties.call(agency, operation, **options)  # type: ignore[arg-type]
        assert answer.status in {200, 201}, answer.body
        self.asked.append((agency, {"operation": operation, **options}, answer))
        return answer

    async def journey(self) -> Letter:
        """Record, disclose, collect, acknowledge, withdraw, erase: the requests as they were."""
        parties = self.parties
        given = parties.signed_consent(collected_by=COLLECTOR)
        key = b64u(given.log_key)
        body = {"statement": given.statement.decode(), "log_key": key}
        await self.ask(COLLECTOR, routes.POST_CONSENT, json=body)
        letter, second = parties.letter(given.digest), parties.letter(given.digest)
        for one in (letter, second):
            headers = {"Content-Type": routes.DISCLOSURE}
            await self.ask(SENDER, routes.DISCLOSE, body=one.one_shot, headers=headers)
        await self.ask(SENDER, routes.RECALL, id=second.id)
        await self.ask(RECIPIENT, routes.COLLECT, id=letter.id)
        statement = parties.acknowledgement(letter)
        body = {"statement": statement.decode()}
        await self.ask(RECIPIENT, routes.ACKNOWLEDGE, id=letter.id, json=body)
        body = {"statement": parties.withdrawal(given, COLLECTOR).decode()}
        await self.ask(COLLECTOR, routes.WITHDRAW, id=given.id, json=body)
        (erasure,) = (await parties.call(RECIPIENT, routes.ERASURES)).json["erasures"]
        payload = {
            "id": str(uuid4()),
            "iat": seconds(parties.now),
            "agency": RECIPIENT,
            "erasure": erasure["id"],
            "consent": given.digest,
            "manifests": [letter.digest],
            "result": "erased",
            "passed_on": [],
        }
        signed = sign(Kind.ERASURE, payload, parties.offices[RECIPIENT].identity)
        body = {"statement": signed.decode()}
        await self.ask(RECIPIENT, routes.CONFIRM_ERASURE, id=erasure["id"], json=body)
        return letter


REFUSED_SINCE = {"collect": 404}
"""A header is never released again once everybody has answered or the consent has ended."""


async def again(recorded: Recorded) -> None:
    parties = recorded.parties
    before = await parties.tables()
    for agency, options, first in recorded.asked:
        operation = options["operation"]
        assert isinstance(operation, routes.Operation)
        answer = await parties.call(agency, **options)  # type: ignore[arg-type]
        expected = REFUSED_SINCE.get(operation.name, first.status)
        assert answer.status == expected, (operation.name, answer.body)
        if expected == first.status and operation.name != "recall":
            same = {name for name in first.json if name != "state"}
            assert {name: answer.json[name] for name in same} == {
                name: first.json[name] for name in same
            }
    after = await parties.tables()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    # The refused collection leaves its leaf, and nothing else is left by anything.
    assert {name: count for name, count in grown.items() if count} == {
        "log_event": 1,
        "leaves": 1,
    }


async def test_the_same_requests_again_change_nothing(parties: Parties) -> None:
    recorded = Recorded(parties)
    await recorded.journey()
    await again(recorded)


async def test_the_same_requests_after_a_restart_change_nothing(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    async with parties.running():
        await parties.arrange()
        recorded = Recorded(parties)
        await recorded.journey()
    async with parties.running():
        await again(recorded)


async def test_the_same_requests_after_eight_days_change_nothing(parties: Parties) -> None:
    recorded = Recorded(parties)
    letter = await recorded.journey()
    parties.later(days=8)
    await sweep(parties.hub, leftovers=True)
    # By now the manifest itself is too old to be sent, so nothing of it is even looked up.
    recorded.asked = [one for one in recorded.asked if one[1]["operation"] != routes.DISCLOSE]
    await again(recorded)
    assert (await parties.send(letter)).status == 422


async def test_the_same_requests_with_the_token_of_another_agency_get_nothing(
    parties: Parties,
) -> None:
    recorded = Recorded(parties)
    await recorded.journey()
    before = await parties.tables()
    for _, options, _ in recorded.asked:
        answer = await parties.call(OUTSIDER, **options)  # type: ignore[arg-type]
        assert answer.status in {404, 422}
    after = await parties.tables()
    assert after["log_event"] - before["log_event"] == 1  # the collection, refused
    assert {name for name in after if after[name] != before.get(name)} == {
        "log_event",
        "leaves",
    }


async def test_another_content_under_a_used_id_is_a_conflict(parties: Parties) -> None:
    consent = await parties.consent()
    letter = parties.letter(consent.digest)
    assert (await parties.send(letter)).status == 201
    other = parties.letter(consent.digest, id=letter.id, iat=seconds(parties.now) - 1)
    changed = parties.signed_consent(id=consent.id, collected_by=COLLECTOR, uses="once")
    before = await parties.tables()

    assert (await parties.send(other)).status == 409
    assert (await parties.announce(other)).status == 409
    assert (await parties.record(changed, COLLECTOR)).status == 409
    assert await parties.tables() == before


async def test_a_key_used_for_another_request_is_refused_and_does_nothing(
    parties: Parties,
) -> None:
    consent = await parties.consent()
    key = {"Idempotency-Key": "one-key"}
    assert (await parties.send(parties.letter(consent.digest), headers=key)).status == 201
    before = await parties.tables()

    assert (await parties.send(parties.letter(consent.digest), headers=key)).status == 422
    other = parties.signed_consent(collected_by=COLLECTOR)
    assert (await parties.record(other, COLLECTOR, headers=key)).status == 201
    after = await parties.tables()
    assert after["disclosures"] == before["disclosures"]
