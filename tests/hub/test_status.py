"""The header `Consent-Status`: the hub's signed "no withdrawal up to here", of active consents."""

import base64
from datetime import timedelta

from exchange.audit.note import verifying
from exchange.audit.status import Status, read_status
from exchange.hub.heads import CHECKING
from exchange.hub.say_status import say_status
from exchange.members import write_time
from exchange.statement import seconds
from exchange.wire import routes
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Simulator


def status(sim: Simulator, answer: Answer) -> Status | None:
    """Return what the status note of an answer says, after its signature verified."""
    text = answer.headers.get(routes.CONSENT_STATUS)
    if text is None:
        return None
    note = base64.b64decode(text, validate=True)
    return read_status(note, verifying(sim.hub.signer.status))


async def test_an_active_consent_is_shown_with_the_hubs_word_for_it(sim: Simulator) -> None:
    letter = await sim.sent()
    (entry,) = await sim.inbox()
    consent = entry["disclosure"]["consent_id"]
    head = sim.hub.heads.newest
    assert head is not None
    expected = Status(sim.hub.signer.origin, letter.consent, head.size, head.root, seconds(sim.now))
    for agency in (SENDER, RECIPIENT):
        shown = await sim.call(agency, routes.GET_CONSENT, id=consent)
        assert status(sim, shown) == expected
    assert status(sim, await sim.collect(letter)) == expected


async def test_of_a_consent_that_is_over_there_is_no_word(sim: Simulator) -> None:
    withdrawn = await sim.consent()
    letter = await sim.sent(withdrawn)
    assert (await sim.collect(letter)).status == 200
    until = sim.now + timedelta(hours=1)
    expired = await sim.consent(valid_until=write_time(until))
    await sim.withdraw(withdrawn)
    sim.later(hours=1)
    for given in (withdrawn, expired):
        shown = await sim.call(SENDER, routes.GET_CONSENT, id=given.id)
        assert (shown.status, shown.json["state"]) == (200, "ended")
        assert status(sim, shown) is None
        assert await say_status(sim.hub, given.digest) is None
    assert status(sim, await sim.collect(letter)) is None
    assert await say_status(sim.hub, "A" * 43) is None


async def test_to_whom_a_consent_is_hidden_it_is_not_signed_either(sim: Simulator) -> None:
    given = await sim.consent()
    for agency in (OUTSIDER, RECIPIENT):
        hidden = await sim.call(agency, routes.GET_CONSENT, id=given.id)
        assert hidden.status == 404
        assert routes.CONSENT_STATUS not in hidden.headers


async def test_while_the_log_signs_nothing_no_consent_is_called_active(sim: Simulator) -> None:
    given = await sim.consent()
    letter = await sim.sent(given)
    await sim.settled()
    sim.hub.heads.stop(CHECKING)
    shown = await sim.call(SENDER, routes.GET_CONSENT, id=given.id)
    assert (shown.status, shown.json["state"], status(sim, shown)) == (200, "valid", None)
    assert routes.CONSENT_STATUS not in (await sim.collect(letter)).headers
    sim.hub.heads.resume()
    assert status(sim, await sim.call(SENDER, routes.GET_CONSENT, id=given.id)) is not None
