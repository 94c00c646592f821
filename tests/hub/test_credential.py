"""The person's code: registered by who collected the consent, replaced, revoked, never told."""

from pathlib import Path

from exchange.canonical import b64u
from exchange.consent.credential import Credential, Purpose
from exchange.hub import sweep
from exchange.hub.view_consent import view
from exchange.wire import routes
from tests.hub.test_withdraw import WithoutVault
from tests.person import consent_with_code, fresh, reissue
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Simulator


async def test_a_code_given_with_the_record_opens_it(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)

    seen = await view(sim.hub, code)

    assert seen is not None
    assert seen.record.digest == given.digest


async def test_a_code_issued_later_opens_the_consent_and_the_log_says_so(sim: Simulator) -> None:
    given, code = await sim.consent(), fresh()

    stored = await reissue(sim, given, credential=code.digest)

    assert stored.status == 200, stored.body
    (event,) = await sim.log("receipt-reissued")
    assert stored.json == {
        "id": given.id,
        "consent": given.digest,
        "receipt": f"/log/receipts/{event['id']}",
        "log_key": None,
    }
    assert await view(sim.hub, code.text) is not None
    assert (event["by"], event["consent"]) == (SENDER, given.digest)


async def test_another_code_takes_the_place_of_the_first(sim: Simulator) -> None:
    given, first = await consent_with_code(sim)
    second = fresh()

    await reissue(sim, given, credential=second.digest)

    assert await view(sim.hub, first) is None
    assert await view(sim.hub, second.text) is not None


async def test_a_revoked_code_opens_nothing(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)

    assert (await reissue(sim, given)).status == 200

    assert await view(sim.hub, code) is None


async def test_the_log_does_not_tell_a_revoked_code_from_a_new_one(sim: Simulator) -> None:
    given, _ = await consent_with_code(sim)
    await reissue(sim, given, credential=fresh().digest)
    await reissue(sim, given)

    issued, revoked = await sim.log("receipt-reissued")

    assert {**issued, "id": ""} == {**revoked, "id": ""}


async def test_the_tables_do_not_tell_who_has_a_code(sim: Simulator) -> None:
    await sim.consent()
    await consent_with_code(sim)

    without, having = await sim.rows("SELECT * FROM credentials")

    assert len(without) == len(having) == 2
    assert [len(value) for value in without] == [len(value) for value in having] == [43, 43]
    assert await sim.log("receipt-reissued") == []


async def test_no_code_is_in_the_database_itself(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    plain = code.replace("-", "")

    dump = await sim.dump()

    assert plain.encode() not in dump
    assert code.encode() not in dump


async def test_the_log_key_is_handed_out_on_wish_and_to_nobody_else(sim: Simulator) -> None:
    given, code = await sim.consent(), fresh()

    without = await reissue(sim, given, credential=code.digest)
    asked = await reissue(sim, given, credential=code.digest, log_key=True)

    assert without.json["log_key"] is None
    assert asked.json["log_key"] == b64u(given.log_key)
    for other in (RECIPIENT, OUTSIDER):
        refused = await reissue(sim, given, other, credential=code.digest, log_key=True)
        assert refused.status == 404


async def test_the_log_key_is_no_part_of_what_is_remembered_of_a_request(sim: Simulator) -> None:
    given, code = await sim.consent(), fresh()
    body = {"credential": code.digest, "log_key": True}

    for _ in range(2):
        answer = await sim.call(
            SENDER,
            routes.POST_CREDENTIAL,
            id=given.id,
            json=body,
            headers={"Idempotency-Key": "once"},
        )
        assert answer.json["log_key"] == b64u(given.log_key)

    dump = await sim.dump()
    assert given.log_key not in dump
    assert b64u(given.log_key).encode() not in dump


async def test_a_repetition_changes_nothing_and_is_logged_once(sim: Simulator) -> None:
    given, code = await sim.consent(), fresh()

    first = await reissue(sim, given, credential=code.digest)
    again = await reissue(sim, given, credential=code.digest)

    assert first.json == again.json
    assert len(await sim.log("receipt-reissued")) == 1


async def test_a_late_repetition_does_not_bring_back_a_code_that_was_replaced(
    sim: Simulator,
) -> None:
    given, first, second = await sim.consent(), fresh(), fresh()

    async def ask_for_the_first() -> int:
        body, key = {"credential": first.digest}, {"Idempotency-Key": "once"}
        answer = await sim.call(SENDER, routes.POST_CREDENTIAL, id=given.id, json=body, headers=key)
        return answer.status

    assert await ask_for_the_first() == 200
    await reissue(sim, given, credential=second.digest)

    assert await ask_for_the_first() == 200

    assert await view(sim.hub, first.text) is None
    assert await view(sim.hub, second.text) is not None
    assert len(await sim.log("receipt-reissued")) == 2


async def test_a_repeated_revocation_is_logged_once(sim: Simulator) -> None:
    given, _ = await consent_with_code(sim)
    for _ in range(2):
        key = {"Idempotency-Key": "revoked"}
        await sim.call(SENDER, routes.POST_CREDENTIAL, id=given.id, json={}, headers=key)

    assert len(await sim.log("receipt-reissued")) == 1


async def test_a_key_used_for_another_request_is_refused(sim: Simulator) -> None:
    given = await sim.consent()
    key = {"Idempotency-Key": "once"}
    await sim.call(SENDER, routes.POST_CREDENTIAL, id=given.id, json={}, headers=key)

    again = await sim.call(
        SENDER,
        routes.POST_CREDENTIAL,
        id=given.id,
        json={"credential": fresh().digest},
        headers=key,
    )

    assert again.status == 422
    assert len(await sim.log("receipt-reissued")) == 1


async def test_one_code_opens_one_consent(sim: Simulator) -> None:
    first, second, code = await sim.consent(), await sim.consent(), fresh()
    await reissue(sim, first, credential=code.digest)

    refused = await reissue(sim, second, credential=code.digest)
    third = sim.signed_consent()
    body = {
        "statement": third.statement.decode(),
        "log_key": b64u(third.log_key),
        "credential": code.digest,
    }
    recorded = await sim.call(SENDER, routes.POST_CONSENT, json=body)

    assert refused.status == recorded.status == 409
    seen = await view(sim.hub, code.text)
    assert seen is not None
    assert seen.record.digest == first.digest


async def test_an_ended_consent_gets_a_code_for_her_to_look(sim: Simulator) -> None:
    given, code = await sim.consent(), fresh()
    await sim.withdraw(given)

    assert (await reissue(sim, given, credential=code.digest)).status == 200

    assert await view(sim.hub, code.text) is not None


async def test_only_who_collected_it_may_and_the_rest_learns_nothing(sim: Simulator) -> None:
    given = await sim.consent()
    letter = await sim.sent(given)
    await sim.collect(letter)
    absent = await sim.call(
        RECIPIENT, routes.POST_CREDENTIAL, id="0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a", json={}
    )

    knows = await reissue(sim, given, RECIPIENT, credential=fresh().digest)
    outside = await reissue(sim, given, OUTSIDER, credential=fresh().digest)

    assert knows.face == outside.face == absent.face
    assert absent.status == 404
    assert await sim.log("receipt-reissued") == []


async def test_a_code_is_revoked_although_the_vault_is_away(tmp_path: Path) -> None:
    sim = WithoutVault(tmp_path)
    async with sim.running():
        await sim.arrange()
        given, code = await consent_with_code(sim)
        sim.vault.away = True

        assert (await reissue(sim, given)).status == 200

        assert await view(sim.hub, code) is None
        assert len(await sim.log("receipt-reissued")) == 1
        missing = "SELECT count(*) FROM log_pending WHERE leaf IS NULL"
        assert await sim.rows(missing) == [(1,)]
        sim.vault.away = False
        await sweep.sweep(sim.hub, leftovers=False)
        assert await sim.rows(missing) == [(0,)]


async def test_without_the_vault_nothing_is_replaced_where_the_log_key_is_asked_for(
    tmp_path: Path,
) -> None:
    sim = WithoutVault(tmp_path)
    async with sim.running():
        await sim.arrange()
        given, code = await consent_with_code(sim)
        sim.vault.away = True

        refused = await reissue(sim, given, credential=fresh().digest, log_key=True)

        assert refused.status == 503
        assert await view(sim.hub, code) is not None


async def test_a_log_key_and_an_invitation_open_nothing(sim: Simulator) -> None:
    given, _ = await consent_with_code(sim)
    secret = fresh().secret
    await reissue(sim, given, credential=Credential(Purpose.CODE, secret).digest)

    assert await view(sim.hub, Credential(Purpose.LOG_KEY, given.log_key).text) is None
    assert await view(sim.hub, b64u(given.log_key)) is None
    assert await view(sim.hub, Credential(Purpose.INVITATION, secret).text) is None
