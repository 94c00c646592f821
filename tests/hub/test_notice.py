"""exchange.hub.show_notice: the text a person was shown, for whoever may read the record."""

from dataclasses import replace
from typing import Any

import pytest

from exchange import canonical
from exchange.canonical import sha256_hex
from exchange.wire import routes
from tests.samples import in_language
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Given, Simulator


async def shown(sim: Simulator, given: Given, agency: str = SENDER) -> Answer:
    return await sim.call(agency, routes.CONSENT_NOTICE, id=given.id)


def stated(given: Given) -> Any:
    """Return what the record says was shown."""
    payload = canonical.loads(given.statement, limit=10**6)["payload"]
    return canonical.loads(canonical.unb64u(payload), limit=10**6)["notice"]


@pytest.mark.parametrize("lang", ["de", "de-simple", "en"])
async def test_the_text_is_exactly_the_one_whose_digest_was_signed(
    sim: Simulator, lang: str
) -> None:
    given = await sim.consent(**in_language(lang))
    found = await shown(sim, given)
    assert found.status == 200
    assert found.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert stated(given)["lang"] == lang
    assert stated(given)["sha256"] == sha256_hex(found.body)


async def test_the_text_is_as_hidden_as_its_record(sim: Simulator) -> None:
    given = await sim.consent()
    absent = await sim.call(
        RECIPIENT, routes.CONSENT_NOTICE, id="7c2a4f10-2f0b-4b64-a3de-5a3f1c9be901"
    )
    assert absent.status == 404
    for stranger in (RECIPIENT, OUTSIDER):
        assert (await shown(sim, given, stranger)).face == absent.face
    await sim.collect(await sim.sent(given))
    assert (await shown(sim, given, RECIPIENT)).body == (await shown(sim, given)).body


async def test_a_text_outlives_the_withdrawal(sim: Simulator) -> None:
    given = await sim.consent()
    before = await shown(sim, given)
    await sim.withdraw(given)
    assert (await shown(sim, given)).body == before.body


@pytest.mark.parametrize("broken", ["lang", "sha256"])
async def test_another_text_than_was_shown_is_never_shown(
    sim: Simulator, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await sim.consent()
    read = sim.hub.records.consent

    def changed(*arguments: Any) -> Any:
        record = read(*arguments)
        was = record.notice
        other = replace(was, lang="tr") if broken == "lang" else replace(was, sha256="0" * 64)
        return replace(record, notice=other)

    monkeypatch.setattr(sim.hub.records, "consent", changed)
    assert (await shown(sim, given)).status == 503
