"""The person's view, and withdrawing on her page: everything, for her code alone."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from exchange.canonical import b64u, digest, loads, sha256_hex
from exchange.consent import own_key
from exchange.consent.withdrawal import EndReason
from exchange.hub.view_consent import PAGE, PersonView, view
from exchange.hub.withdraw import Withdrawn
from exchange.hub.withdraw_by_person import (
    withdraw_by_code,
    withdraw_by_key,
    withdrawal_to_sign,
)
from exchange.statement import Kind, seconds
from exchange.wire import routes
from tests.person import (
    WRONG,
    OwnKey,
    consent_with_code,
    electronic_consent,
    fresh,
    reissue,
)
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Given, Simulator, statements


async def seen(sim: Simulator, code: str, cursor: str | None = None) -> PersonView:
    found = await view(sim.hub, code, cursor=cursor)
    assert found is not None
    return found


def kinds(found: PersonView) -> list[str]:
    return [event.kind for event in found.events]


async def test_she_sees_what_she_allowed_in_the_words_she_was_shown(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)

    found = await seen(sim, code)

    assert found.record.id == given.id
    assert sha256_hex(found.text.encode()) == found.record.notice.sha256
    assert (found.state, found.reason, found.ended_at) == ("valid", None, None)
    assert found.recorded_at == sim.now
    assert found.may_withdraw
    assert found.scope.parties.keys() >= {SENDER, RECIPIENT}
    assert (found.used, found.erasures, found.next) == (0, (), None)
    assert kinds(found) == ["consent-recorded"]


async def test_case_spaces_and_look_alikes_do_not_matter(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)

    for typed in (code.lower(), code.replace("-", " "), f"  {code} \n", code.replace("0", "o")):
        assert await view(sim.hub, typed) is not None


async def test_she_sees_every_step_of_a_document_newest_first(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    letter = await sim.sent(given)
    sim.later(minutes=1)
    await sim.collect(letter)
    collected_at = sim.now
    sim.later(minutes=1)
    await sim.acknowledge(letter)

    found = await seen(sim, code)

    assert kinds(found) == [
        "disclosure-acknowledged",
        "disclosure-collected",
        "disclosure-stored",
        "consent-recorded",
    ]
    acknowledged, collected, stored, recorded = found.events
    assert (acknowledged.by, acknowledged.result) == (RECIPIENT, "accepted")
    assert collected.at == collected_at
    assert (stored.by, stored.to) == (SENDER, (RECIPIENT,))
    assert stored.document == collected.document == acknowledged.document
    assert recorded.document is None
    document = stored.document
    assert document is not None
    assert (document.sender, document.category) == (SENDER, "rent-arrears-letter")
    assert (document.secrecy, document.state) == ("professional", "acknowledged")
    (receipt,) = document.recipients
    assert (receipt.agency, receipt.collected_at) == (RECIPIENT, collected_at)
    assert (receipt.result, receipt.reason) == ("accepted", None)
    assert found.used == 1


async def test_what_was_not_collected_says_so(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    await sim.sent(given)

    document = (await seen(sim, code)).events[0].document

    assert document is not None
    assert document.state == "stored"
    assert [receipt.collected_at for receipt in document.recipients] == [None]


async def test_an_upload_that_was_never_complete_is_no_document(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    letter = sim.letter(given.digest)
    headers = {"Content-Type": routes.MANIFEST}
    await sim.call(SENDER, routes.DISCLOSE, body=letter.manifest, headers=headers)

    assert kinds(await seen(sim, code)) == ["consent-recorded"]


async def test_a_denied_attempt_appears_with_who_and_why(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    assert (await sim.send(sim.letter(given.digest, purpose="other-purpose"))).status == 403
    foreign = sim.letter(given.digest, sender=OUTSIDER)
    assert (await sim.send(foreign, OUTSIDER)).status == 403

    outsider, wrong, _ = (await seen(sim, code)).events

    assert (outsider.kind, outsider.by) == ("disclosure-refused", OUTSIDER)
    assert "no-consent" in outsider.reasons
    assert (wrong.by, wrong.reasons) == (SENDER, ("agreement", "purpose"))


async def test_what_ended_says_why_she_may_know_all(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    letter = await sim.sent(given)
    await sim.call(SENDER, routes.RECALL, id=letter.id)

    ended = (await seen(sim, code)).events[0]

    assert (ended.kind, ended.by, ended.reasons) == ("disclosure-ended", SENDER, ("recalled",))
    assert ended.document is not None
    assert ended.document.state == "ended"


async def test_a_replaced_code_appears(sim: Simulator) -> None:
    given, _ = await consent_with_code(sim)
    code = fresh()
    await reissue(sim, given, credential=code.digest)

    event = (await seen(sim, code.text)).events[0]

    assert (event.kind, event.by) == ("receipt-reissued", SENDER)


async def test_erasures_show_asked_outstanding_and_answered(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    await sim.collect(await sim.sent(given))
    await withdraw_by_code(sim.hub, code)

    (asked,) = (await seen(sim, code)).erasures
    assert (asked.agency, asked.asked_at) == (RECIPIENT, sim.now)
    assert (asked.answered_at, asked.result, asked.overdue) == (None, None, False)
    sim.now = asked.due
    assert (await seen(sim, code)).erasures[0].overdue

    (open_,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    kept: dict[str, Any] = {"ground": "legal-claims", "restricted": True, "until": "2027-01-31"}
    answered = await sim.confirm(open_, result="kept", **kept)
    assert answered.status == 200, answered.body

    found = await seen(sim, code)
    (asked,) = found.erasures
    assert (asked.result, asked.ground, str(asked.until)) == ("kept", "legal-claims", "2027-01-31")
    assert (asked.answered_at, asked.overdue) == (sim.now, False)
    assert kinds(found)[:2] == ["erasure-confirmed", "erasure-asked"]
    assert found.events[0].result == "kept"
    assert found.events[1].to == (RECIPIENT,)


async def test_what_was_erased_has_no_ground(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    await sim.collect(await sim.sent(given))
    await withdraw_by_code(sim.hub, code)
    (open_,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    await sim.confirm(open_)

    (asked,) = (await seen(sim, code)).erasures

    assert (asked.result, asked.ground, asked.until) == ("erased", None, None)


# State


async def test_before_its_first_day_it_does_not_hold_yet(sim: Simulator) -> None:
    begin = (sim.now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    _, code = await consent_with_code(sim, valid_from=begin)

    found = await seen(sim, code)

    assert (found.state, found.reason) == ("not-yet", None)


async def test_after_its_last_day_it_has_expired_and_can_be_withdrawn(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    sim.now = (await seen(sim, code)).record.valid_until

    found = await seen(sim, code)

    assert (found.state, found.reason, found.may_withdraw) == ("ended", "expired", True)


async def test_a_single_use_is_used_up(sim: Simulator) -> None:
    given, code = await consent_with_code(sim, uses="once")
    await sim.sent(given)

    found = await seen(sim, code)

    assert (found.state, found.reason, found.used) == ("ended", "used-up", 1)
    assert found.may_withdraw


async def test_ended_by_the_agency_and_withdrawn_are_told_apart(sim: Simulator) -> None:
    first, code = await consent_with_code(sim)
    await sim.withdraw(first, by="agency", reason="purpose-reached")
    _, other = await consent_with_code(sim)
    await withdraw_by_code(sim.hub, other)

    agency, withdrawn = await seen(sim, code), await seen(sim, other)

    assert (agency.state, agency.reason, agency.may_withdraw) == ("ended", "agency", False)
    assert agency.end_reason is EndReason.PURPOSE_REACHED
    assert (withdrawn.state, withdrawn.reason) == ("ended", "withdrawn")
    assert withdrawn.end_reason is None
    assert withdrawn.ended_at == sim.now


# Pages of events


async def test_a_long_history_comes_in_pages_without_gap_or_repetition(sim: Simulator) -> None:
    given = await sim.consent()
    last = fresh()
    for _ in range(2 * PAGE):
        sim.later(seconds=1)
        last = fresh()
        await reissue(sim, given, credential=last.digest)
    pages, cursor = [], None
    while True:
        page = await seen(sim, last.text, cursor)
        pages.append(page)
        cursor = page.next
        if cursor is None:
            break

    assert [len(page.events) for page in pages] == [PAGE, PAGE, 1]
    moments = [event.at for page in pages for event in page.events]
    assert moments == sorted(moments, reverse=True)
    assert len(set(moments)) == len(moments)
    assert pages[-1].events[-1].kind == "consent-recorded"


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "A" * 43, "________", "é"])
async def test_a_cursor_that_is_none_shows_the_first_page_or_an_empty_one(
    sim: Simulator, cursor: str
) -> None:
    _, code = await consent_with_code(sim)

    assert kinds(await seen(sim, code, cursor)) == ["consent-recorded"]


# Nothing for a wrong code


async def test_wrong_never_issued_and_replaced_codes_cost_the_same_look_up(sim: Simulator) -> None:
    given, replaced = await consent_with_code(sim)
    await reissue(sim, given)
    costs = set()
    async with sim.still():
        for typed in (WRONG, replaced, "nonsense", "", "C" * 500, fresh().text):
            with statements(sim.home) as ran:
                assert await view(sim.hub, typed) is None
            costs.add(len(ran))

    assert len(costs) == 1


async def test_looking_leaves_no_trace(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    before = await sim.log()

    await seen(sim, code)
    await view(sim.hub, WRONG)

    assert await sim.log() == before


# Withdrawing


async def test_a_withdrawal_by_code_has_every_effect_of_a_withdrawal(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    collected, waiting = await sim.sent(given), await sim.sent(given)
    await sim.collect(collected)

    done = await withdraw_by_code(sim.hub, code)

    (event,) = await sim.log("consent-withdrawn")
    assert done == Withdrawn(given.digest, sim.now, event["id"])
    assert (await sim.collect(waiting)).status == 404
    assert (await sim.collect(collected)).status == 404
    assert (await sim.send(sim.letter(given.digest))).status == 403
    assert await sim.count("headers") == 0
    assert len((await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]) == 1


async def _by_office(sim: Simulator, given: Given, code: str, key: OwnKey) -> None:
    assert (await sim.withdraw(given, RECIPIENT)).status == 200


async def _by_code(sim: Simulator, given: Given, code: str, key: OwnKey) -> None:
    assert await withdraw_by_code(sim.hub, code) is not None


async def _by_key(sim: Simulator, given: Given, code: str, key: OwnKey) -> None:
    said = await withdrawal_to_sign(sim.hub, code)
    assert said is not None
    done = await withdraw_by_key(sim.hub, code, to_sign=said, signature=key.sign(said))
    assert done is not None


async def test_every_channel_has_the_same_effects_and_the_same_log(sim: Simulator) -> None:
    faces = []
    for channel in (_by_office, _by_code, _by_key):
        key, code = OwnKey(), fresh()
        given = await electronic_consent(sim, key)
        await reissue(sim, given, credential=code.digest)
        await sim.collect(await sim.sent(given))
        await sim.sent(given)
        before = len(await sim.log())

        await channel(sim, given, code.text, key)

        events = (await sim.log())[before:]
        shown = await sim.call(SENDER, routes.GET_CONSENT, id=given.id)
        faces.append(
            (
                [(event["kind"], sorted(event)) for event in events],
                [event["by"] for event in events[1:]],
                (shown.json["state"], shown.json["reason"], shown.json["used"]),
                (await seen(sim, code.text)).reason,
                len((await seen(sim, code.text)).erasures),
                {row[0] for row in await sim.rows("SELECT count(*) FROM headers")},
            )
        )

    assert faces[0] == faces[1] == faces[2]
    assert faces[0][0][0][0] == "consent-withdrawn"


async def test_the_log_names_the_page_and_the_person(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    await withdraw_by_code(sim.hub, code)

    (event,) = await sim.log("consent-withdrawn")

    assert (event["by"], event["via"], event["consent"]) == ("person", "page", given.digest)
    shown = await sim.call(SENDER, routes.GET_CONSENT, id=given.id)
    recorded = shown.json["withdrawal"].encode()
    assert event["statement"] == digest(recorded)
    assert loads(recorded, limit=500) == {
        "by": "code",
        "consent": given.digest,
        "received_at": event["at"],
    }


async def test_a_repetition_gets_the_first_moment(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    first = await withdraw_by_code(sim.hub, code)
    sim.later(days=1)

    assert await withdraw_by_code(sim.hub, code) == first
    assert len(await sim.log("consent-withdrawn")) == 1


async def test_withdrawing_needs_no_vault(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    await sim.hub.vault.forget([(await sim.rows("SELECT chain FROM consents"))[0][0]])

    assert await withdraw_by_code(sim.hub, code) is not None


async def test_a_code_and_an_office_at_once_make_one_end(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    await sim.collect(await sim.sent(given))

    by_code, by_office = await asyncio.gather(
        withdraw_by_code(sim.hub, code), sim.withdraw(given, RECIPIENT)
    )

    assert by_code is not None
    assert by_office.status == 200
    assert len(await sim.log("consent-withdrawn")) == 1
    assert len(await sim.log("erasure-asked")) == 1


@pytest.mark.parametrize("typed", [WRONG, "", "nonsense"])
async def test_a_code_that_opens_nothing_withdraws_nothing(sim: Simulator, typed: str) -> None:
    await consent_with_code(sim)

    assert await withdraw_by_code(sim.hub, typed) is None
    assert await withdrawal_to_sign(sim.hub, typed) is None
    assert await withdraw_by_key(sim.hub, typed, to_sign="", signature="") is None
    assert await sim.log("consent-withdrawn") == []


async def test_without_a_key_of_hers_there_is_nothing_to_sign(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)

    assert await withdrawal_to_sign(sim.hub, code) is None
    assert await withdraw_by_key(sim.hub, code, to_sign="e30.e30", signature="A" * 86) is None


async def test_a_signature_that_is_not_hers_withdraws_nothing(sim: Simulator) -> None:
    key, code = OwnKey(), fresh()
    given = await electronic_consent(sim, key)
    other = await electronic_consent(sim, OwnKey())
    await reissue(sim, given, credential=code.digest)
    good = await withdrawal_to_sign(sim.hub, code.text)
    assert good is not None
    said = own_key.payload_of(good)

    def made(kind: Kind = Kind.WITHDRAWAL_ELECTRONIC, **members: Any) -> str:
        return own_key.to_sign(kind, {**said, **members}, key.public)

    attempts = {
        "another key": (good, OwnKey().sign(good)),
        "another consent": (foreign := made(consent=other.digest), key.sign(foreign)),
        "another kind": (kind := made(Kind.CONSENT_ELECTRONIC), key.sign(kind)),
        "before the consent": (early := made(iat=seconds(sim.now) - 3600), key.sign(early)),
        "in the future": (late := made(iat=seconds(sim.now) + 3600), key.sign(late)),
        "with more": (more := made(reason="unlawful"), key.sign(more)),
        "no signature": (good, ""),
        "another spelling": (good + "=", key.sign(good + "=")),
        "no input": ("", key.sign("")),
        "letters": ("é.é", b64u(bytes(64))),
    }

    for name, (text, signature) in attempts.items():
        done = await withdraw_by_key(sim.hub, code.text, to_sign=text, signature=signature)
        assert done is None, name
    assert await sim.log("consent-withdrawn") == []


async def test_her_own_key_also_counts_at_an_office(sim: Simulator) -> None:
    key, code = OwnKey(), fresh()
    given = await electronic_consent(sim, key)
    await reissue(sim, given, credential=code.digest)
    said = await withdrawal_to_sign(sim.hub, code.text)
    assert said is not None
    own = own_key.OwnSignature(key.public, said, key.private.sign(said.encode()))
    statement = own.statement(Kind.WITHDRAWAL_ELECTRONIC)

    ended = await sim.call(
        SENDER, routes.WITHDRAW, id=given.id, json={"statement": statement.decode()}
    )

    assert ended.status == 200, ended.body
    assert (await seen(sim, code.text)).reason == "withdrawn"
