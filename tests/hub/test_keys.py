"""Key statements, revocations, successions, suspension: each effective in its own transaction."""

import pytest

from exchange.errors import Conflict, Misconfigured, NotFound
from exchange.hub.admit import admit, reach_by, suspend
from exchange.hub.storage.reaches import Destination, Reach
from exchange.keyring.ceremony import new_document_key, new_identity, succeed
from exchange.keyring.demo import demo_identity
from exchange.wire import routes
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Office, Simulator


async def test_the_directory_shows_card_statement_and_capabilities(sim: Simulator) -> None:
    capabilities = {"profiles": ["files/1"], "max_size": 5_000_000}
    await sim.call(RECIPIENT, routes.PUT_CAPABILITIES, id=RECIPIENT, json=capabilities)

    one = (await sim.call(SENDER, routes.AGENCY, id=RECIPIENT)).json
    listed = (await sim.call(SENDER, routes.AGENCIES, query="?limit=2")).json
    rest = (await sim.call(SENDER, routes.AGENCIES, query=f"?after={listed['next']}")).json

    card = sim.offices[RECIPIENT].identity.card
    assert one["kid"] == card.kid
    assert one["card"] == card.payload()
    assert one["key_statement"].encode() == sim.stated[RECIPIENT].statement
    assert one["capabilities"]["max_size"] == 5_000_000
    names = [agency["id"] for agency in listed["agencies"] + rest["agencies"]]
    assert names == [RECIPIENT, SENDER, OUTSIDER]


async def test_a_document_larger_than_the_recipient_takes_is_refused(sim: Simulator) -> None:
    await sim.call(RECIPIENT, routes.PUT_CAPABILITIES, id=RECIPIENT, json={"max_size": 4000})

    answer = await sim.send(sim.letter((await sim.consent()).digest))

    assert answer.status == 413


async def test_after_a_rotation_the_old_key_counts_for_one_more_day(sim: Simulator) -> None:
    consent = await sim.consent()
    await sim.publish(RECIPIENT, new_document_key())

    within = await sim.send(sim.letter(consent.digest))
    sim.later(days=1, seconds=1)
    beyond = await sim.send(sim.letter(consent.digest))

    assert (within.status, beyond.status) == (201, 422)


async def test_a_revocation_deletes_the_headers_and_gives_uses_back(sim: Simulator) -> None:
    consent = await sim.consent(uses="once")
    letter = await sim.sent(consent)
    old = sim.offices[RECIPIENT].key.recipient.fingerprint
    fresh = new_document_key()

    answer = await sim.publish(RECIPIENT, fresh, revoked=frozenset({old}))

    assert answer.status == 200
    assert await sim.count("headers") == 0
    assert (await sim.collect(letter)).status == 404
    assert (await sim.send(sim.letter(consent.digest))).status == 422
    (ended,) = await sim.log("disclosure-ended")
    assert ended["open"] == {"why": "key-revoked"}
    again = sim.letter(consent.digest, key=fresh.recipient.fingerprint)
    assert (await sim.send(again)).status == 201


async def test_key_statements_follow_each_other_without_gap_or_rollback(sim: Simulator) -> None:
    first = sim.stated[SENDER]
    second = await sim.publish(SENDER)
    repeated = await sim.call(
        SENDER,
        routes.PUT_KEY_STATEMENT,
        id=SENDER,
        json={"statement": sim.stated[SENDER].statement.decode()},
    )
    rollback = await sim.call(
        SENDER, routes.PUT_KEY_STATEMENT, id=SENDER, json={"statement": first.statement.decode()}
    )

    assert (second.status, repeated.status, rollback.status) == (200, 200, 409)
    assert second.json["seq"] == 2


async def test_every_key_statement_is_in_the_log_for_everybody(sim: Simulator) -> None:
    rows = await sim.rows(
        "SELECT kind FROM log_event WHERE chain IS NULL AND kind LIKE 'key-%' ORDER BY kind"
    )

    assert [row.kind for row in rows] == [
        f"key-statement/{agency}" for agency in sorted((SENDER, RECIPIENT, OUTSIDER))
    ]


async def test_a_succession_lets_both_identities_in_until_it_is_over(sim: Simulator) -> None:
    old = sim.offices[SENDER]
    fresh = new_identity(SENDER)
    statement = succeed(old.identity, fresh, now=sim.now)
    body = {"statement": statement.decode()}

    first = await sim.call(SENDER, routes.PUT_SUCCESSION, id=SENDER, json=body)
    again = await sim.call(SENDER, routes.PUT_SUCCESSION, id=SENDER, json=body)
    by_old = await sim.call(SENDER, routes.INBOX)
    sim.offices[SENDER] = Office(SENDER, fresh, old.key)
    by_new = await sim.call(SENDER, routes.INBOX)
    sim.offices[SENDER] = old
    sim.later(days=90)
    too_late = await sim.call(SENDER, routes.INBOX)

    assert (first.status, again.status) == (200, 200)
    assert first.json["kid"] == fresh.card.kid
    assert (by_old.status, by_new.status, too_late.status) == (200, 200, 401)


async def test_records_signed_before_a_succession_still_count(sim: Simulator) -> None:
    consent = await sim.consent()
    old = sim.offices[SENDER]
    fresh = new_identity(SENDER)
    statement = succeed(old.identity, fresh, now=sim.now)
    body = {"statement": statement.decode()}
    await sim.call(SENDER, routes.PUT_SUCCESSION, id=SENDER, json=body)
    sim.offices[SENDER] = Office(SENDER, fresh, old.key)
    sim.later(days=91)
    await sim.publish(RECIPIENT)

    assert (await sim.send(sim.letter(consent.digest))).status == 201


async def test_a_suspended_agency_can_do_nothing_and_its_documents_stay(sim: Simulator) -> None:
    letter = await sim.sent()

    assert await suspend(sim.hub, SENDER)
    assert not await suspend(sim.hub, SENDER)

    assert (await sim.call(SENDER, routes.INBOX)).status == 401
    assert (await sim.collect(letter)).status == 404
    with pytest.raises(NotFound):
        await suspend(sim.hub, "nobody-here")


async def test_nothing_is_stored_for_a_suspended_recipient(sim: Simulator) -> None:
    consent = await sim.consent()
    await suspend(sim.hub, RECIPIENT)

    assert (await sim.send(sim.letter(consent.digest))).status == 422


async def test_who_may_not_be_admitted(sim: Simulator) -> None:
    with pytest.raises(Conflict):
        await admit(sim.hub, sim.offices[SENDER].identity.card, Reach())
    with pytest.raises(Misconfigured, match="demo"):
        await admit(sim.hub, demo_identity("jobcentre-d").card, Reach())
    unknown = Reach(channels=(Destination("pigeon", "roof"),))
    with pytest.raises(Misconfigured, match="channel"):
        await admit(sim.hub, new_identity("social-d").card, unknown)
    with pytest.raises(Misconfigured, match="channel"):
        await reach_by(sim.hub, SENDER, unknown)
    with pytest.raises(NotFound):
        await reach_by(sim.hub, "social-d", Reach())
