"""Drafts wait for the person: she reads the exact text, signs with her own key, or nothing is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from exchange.canonical import b64u, encode, sha256_hex
from exchange.consent.credential import Purpose
from exchange.consent.draft import STAND_IN_KEY
from exchange.consent.own_key import payload_of, to_sign
from exchange.errors import StatementNotAcceptable
from exchange.hub import sweep
from exchange.hub.drafts import KEPT, MOST_WAITING, open_draft, sign_draft, take_back
from exchange.hub.storage import agreements, drafts
from exchange.members import write_time
from exchange.statement import Kind, seconds
from exchange.wire import routes
from tests.person import (
    OwnKey,
    completed,
    draft,
    electronic_consent,
    fresh,
    prepared,
    sign_at_page,
    upload,
    written,
)
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Simulator

ABSENT = "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"


async def state(sim: Simulator, id: str, agency: str = SENDER) -> Answer:  # noqa: A002
    return await sim.call(agency, routes.GET_DRAFT, id=id)


async def test_from_the_draft_to_a_consent_that_the_gate_obeys(sim: Simulator) -> None:
    key = OwnKey()
    payload = draft(sim)
    uploaded, invitation = await upload(sim, payload)
    assert (uploaded.status, uploaded.json["state"]) == (201, "waiting")

    assert await sign_at_page(sim, invitation, key)
    signed = (await state(sim, payload["id"])).json
    given = completed(sim, signed)
    recorded = await sim.record(given)

    assert recorded.status == 201, recorded.body
    assert (await sim.send(sim.letter(given.digest))).status == 201


async def test_she_reads_the_text_of_the_day_on_which_she_signs(sim: Simulator) -> None:
    payload = draft(sim)
    _, invitation = await upload(sim, payload)
    first = await open_draft(sim.hub, invitation)
    sim.later(days=2)

    later = await open_draft(sim.hub, invitation)
    assert first is not None
    assert later is not None
    assert "03.03.2026" in first.text
    assert "05.03.2026" in later.text
    assert await sign_at_page(sim, invitation, OwnKey())

    said = payload_of((await state(sim, payload["id"])).json["signed"])
    assert said["notice"]["sha256"] == sha256_hex(later.text.encode())
    assert said["collected_at"] == said["valid_from"] == write_time(sim.now)
    assert said["iat"] == seconds(sim.now)
    assert [signer["at"] for signer in said["signers"]] == [write_time(sim.now)]


async def test_a_later_beginning_stays_where_it_was_agreed(sim: Simulator) -> None:
    begin = write_time(sim.now + timedelta(days=10))
    payload = draft(sim, valid_from=begin)
    _, invitation = await upload(sim, payload)

    assert await sign_at_page(sim, invitation, OwnKey())

    said = payload_of((await state(sim, payload["id"])).json["signed"])
    assert said["valid_from"] == begin


async def test_until_she_has_signed_nothing_may_be_disclosed(sim: Simulator) -> None:
    payload = draft(sim)
    await upload(sim, payload)

    assert await sim.count("consents") == 0
    assert (await sim.call(SENDER, routes.GET_CONSENT, id=payload["id"])).status == 404
    assert [event["kind"] for event in await sim.log()] == ["agreement-signed"] * 2


async def test_a_draft_exists_for_who_collects_it_alone(sim: Simulator) -> None:
    payload = draft(sim)
    await upload(sim, payload)
    absent = await state(sim, ABSENT)

    for other in (RECIPIENT, OUTSIDER):
        assert (await state(sim, payload["id"], other)).face == absent.face
        deleted = await sim.call(other, routes.DELETE_DRAFT, id=payload["id"])
        assert deleted.face == absent.face
    assert absent.status == 404
    assert (await state(sim, payload["id"])).status == 200


async def test_declined_forgotten_and_expired_are_the_same(sim: Simulator) -> None:
    first, second = draft(sim), draft(sim)
    _, invitation = await upload(sim, first)
    await upload(sim, second)
    absent = await state(sim, ABSENT)

    forgotten = await sim.call(SENDER, routes.DELETE_DRAFT, id=first["id"])
    assert forgotten.json == {"id": first["id"]}
    sim.now += KEPT

    assert (await state(sim, first["id"])).face == absent.face
    assert (await state(sim, second["id"])).face == absent.face
    assert (await sim.call(SENDER, routes.DELETE_DRAFT, id=second["id"])).status == 404
    assert await open_draft(sim.hub, invitation) is None


async def test_a_draft_waits_for_fourteen_days_to_the_second(sim: Simulator) -> None:
    _, invitation = await upload(sim, draft(sim))
    sim.now += KEPT - timedelta(seconds=1)
    assert await open_draft(sim.hub, invitation) is not None

    sim.later(seconds=1)

    assert await open_draft(sim.hub, invitation) is None
    await sweep.forget_rows(sim.hub)
    assert await sim.count("drafts") == 0


async def test_a_recorded_consent_leaves_no_draft(sim: Simulator) -> None:
    given = await electronic_consent(sim, OwnKey())

    assert await sim.count("drafts") == 0
    assert (await state(sim, given.id)).status == 404


async def test_the_same_draft_again_gets_the_first_answer(sim: Simulator) -> None:
    body = {"draft": written(draft(sim)), "invitation": fresh(Purpose.INVITATION).digest}
    first = await sim.call(SENDER, routes.POST_DRAFT, json=body)
    sim.later(hours=1)

    again = await sim.call(SENDER, routes.POST_DRAFT, json=body)

    assert (again.status, again.json) == (201, first.json)
    assert await sim.count("drafts") == 1


async def test_a_late_repetition_does_not_bring_back_a_draft_that_is_gone(sim: Simulator) -> None:
    payload = draft(sim)
    body = {"draft": written(payload), "invitation": fresh(Purpose.INVITATION).digest}
    key = {"Idempotency-Key": "once"}
    for _ in range(2):
        kept = await sim.call(SENDER, routes.POST_DRAFT, json=body, headers=key)
        assert kept.status == 201
    await sim.call(SENDER, routes.DELETE_DRAFT, id=payload["id"])

    again = await sim.call(SENDER, routes.POST_DRAFT, json=body, headers=key)

    assert again.status == 409
    assert await sim.count("drafts") == 0


async def test_an_id_or_invitation_is_used_once(sim: Simulator) -> None:
    payload, invitation = draft(sim), fresh(Purpose.INVITATION)
    body = {"draft": written(payload), "invitation": invitation.digest}
    await sim.call(SENDER, routes.POST_DRAFT, json=body)
    recorded = await sim.consent()

    other_invitation = {**body, "invitation": fresh(Purpose.INVITATION).digest}
    other_draft = {**body, "draft": written(draft(sim))}
    of_a_consent = {**other_invitation, "draft": written(draft(sim, id=recorded.id))}

    for refused in (other_invitation, other_draft, of_a_consent):
        assert (await sim.call(SENDER, routes.POST_DRAFT, json=refused)).status == 409
    assert await sim.count("drafts") == 1


@pytest.mark.parametrize(
    "members",
    [
        {"person_key": b64u(OwnKey().public)},
        {"iat": 1},
        {"form": "written"},
        {"notice": {"id": "consent-form"}},
        {"unknown": 1},
        {"collected_at": "2026-03-03T09:00:00Z"},
    ],
)
async def test_what_is_no_draft_is_refused(sim: Simulator, members: dict[str, Any]) -> None:
    text = encode({**draft(sim), **members}).decode()
    body = {"draft": text, "invitation": fresh(Purpose.INVITATION).digest}

    refused = await sim.call(SENDER, routes.POST_DRAFT, json=body)

    assert refused.status == 400
    assert await sim.count("drafts") == 0


@pytest.mark.parametrize("spelling", ["", "[]", "no JSON", " {}"])
async def test_another_spelling_is_refused(sim: Simulator, spelling: str) -> None:
    text = written(draft(sim)) + " " if spelling == " {}" else spelling
    body = {"draft": text, "invitation": fresh(Purpose.INVITATION).digest}

    assert (await sim.call(SENDER, routes.POST_DRAFT, json=body)).status == 400


async def test_a_draft_is_held_to_every_rule_at_once(sim: Simulator) -> None:
    payload = draft(
        sim,
        recipients=["youth-c"],
        valid_until=write_time(sim.now - timedelta(days=1)),
    )

    refused, _ = await upload(sim, payload)

    assert refused.status == 422
    found = {finding["id"] for finding in refused.json["findings"]}
    assert {"L16"} < found
    assert await sim.count("drafts") == 0


async def test_a_text_that_the_agreement_lacks_is_named(sim: Simulator) -> None:
    payload = draft(sim)
    payload["notice"]["version"] = "9.9"

    refused, _ = await upload(sim, payload)

    assert refused.status == 422
    assert "L24" in {finding["id"] for finding in refused.json["findings"]}


async def test_only_who_collects_uploads(sim: Simulator) -> None:
    payload = draft(sim)

    for other in (RECIPIENT, OUTSIDER):
        refused, _ = await upload(sim, payload, agency=other)
        assert refused.status == 422
        assert [finding["id"] for finding in refused.json["findings"]] == ["L44"]


async def test_an_unknown_agreement_looks_like_one_of_others(sim: Simulator) -> None:
    unknown, _ = await upload(sim, draft(sim, agreement=b64u(bytes(32))))
    foreign, _ = await upload(sim, draft(sim, collected_by=OUTSIDER), agency=OUTSIDER)

    assert unknown.status == foreign.status == 422
    assert unknown.json["findings"] == foreign.json["findings"]


async def test_drafts_are_bounded_in_number(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_WAITING == 1000
    monkeypatch.setattr("exchange.hub.drafts.MOST_WAITING", 1)
    await upload(sim, draft(sim))

    refused, _ = await upload(sim, draft(sim))

    assert refused.status == 429


# Signing


async def test_her_signature_is_asked_for_once(sim: Simulator) -> None:
    payload, key = draft(sim), OwnKey()
    _, invitation = await upload(sim, payload)
    assert await sign_at_page(sim, invitation, key)
    first = (await state(sim, payload["id"])).json

    assert not await sign_at_page(sim, invitation, OwnKey())

    assert (await state(sim, payload["id"])).json == first
    again = await sign_draft(
        sim.hub, invitation, to_sign=first["signed"], signature=first["signature"]
    )
    assert again  # a repetition after a lost answer
    shown = await open_draft(sim.hub, invitation)
    assert shown is not None
    assert shown.signed


async def test_a_wrong_invitation_opens_nothing_and_signs_nothing(sim: Simulator) -> None:
    payload, key = draft(sim), OwnKey()
    _, invitation = await upload(sim, payload)
    shown = await open_draft(sim.hub, invitation)
    assert shown is not None
    said = await prepared(sim, invitation, shown, key.public)
    assert said is not None

    for wrong in ("", "nonsense", fresh(Purpose.INVITATION).text, fresh().text, "D" * 300):
        assert await open_draft(sim.hub, wrong) is None
        assert await prepared(sim, wrong, shown, key.public) is None
        signature = key.sign(said)
        assert not await sign_draft(sim.hub, wrong, to_sign=said, signature=signature)
        assert not await take_back(sim.hub, wrong)
    assert (await state(sim, payload["id"])).json["state"] == "waiting"


async def test_what_comes_without_an_invitation_is_not_even_parsed(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(_text: str) -> dict[str, Any]:
        raise AssertionError("parsed")

    monkeypatch.setattr("exchange.consent.own_key.payload_of", parsed)
    wrong = fresh(Purpose.INVITATION).text

    assert not await sign_draft(sim.hub, wrong, to_sign="e30.e30", signature="A" * 86)


async def test_forged_foreign_and_stale_signatures_are_all_a_plain_no(sim: Simulator) -> None:
    mine, other, key = draft(sim), draft(sim), OwnKey()
    _, invitation = await upload(sim, mine)
    _, elsewhere = await upload(sim, other)
    shown = await open_draft(sim.hub, invitation)
    assert shown is not None
    good = await prepared(sim, invitation, shown, key.public)
    shown_elsewhere = await open_draft(sim.hub, elsewhere)
    assert shown_elsewhere is not None
    foreign = await prepared(sim, elsewhere, shown_elsewhere, key.public)
    assert good is not None
    assert foreign is not None
    payload = payload_of(good)
    wider = {**payload, "categories": [*payload["categories"], "zoo-visit"]}
    renamed = {**payload, "notice": {**payload["notice"], "sha256": "0" * 64}}
    attempts = {
        "another key": (good, OwnKey().sign(good)),
        "another draft": (foreign, key.sign(foreign)),
        "another kind": (plain := to_sign(Kind.CONSENT, payload, key.public), key.sign(plain)),
        "wider": (big := to_sign(Kind.CONSENT_ELECTRONIC, wider, key.public), key.sign(big)),
        "no text": (un := to_sign(Kind.CONSENT_ELECTRONIC, renamed, key.public), key.sign(un)),
        "no signature": (good, ""),
        "short": (good, key.sign(good)[:-2]),
        "no input": ("", key.sign(good)),
        "no payload": ("e30.W10", key.sign(good)),
        "letters": ("é.é", key.sign(good)),
    }

    for name, (said, signature) in attempts.items():
        signed = await sign_draft(sim.hub, invitation, to_sign=said, signature=signature)
        assert not signed, name
    sim.later(hours=2, seconds=1)
    assert not await sign_draft(sim.hub, invitation, to_sign=good, signature=key.sign(good))
    assert await prepared(sim, invitation, shown, key.public) is None

    assert (await state(sim, mine["id"])).json["state"] == "waiting"
    assert (await state(sim, other["id"])).json["state"] == "waiting"


async def test_a_draft_that_took_the_place_of_the_one_she_read_is_not_signed(
    sim: Simulator,
) -> None:
    payload, key = draft(sim), OwnKey()
    invitation = fresh(Purpose.INVITATION)
    body = {"draft": written(payload), "invitation": invitation.digest}
    await sim.call(SENDER, routes.POST_DRAFT, json=body)
    shown = await open_draft(sim.hub, invitation.text)
    assert shown is not None
    await sim.call(SENDER, routes.DELETE_DRAFT, id=payload["id"])
    body["draft"] = written({**payload, "categories": ["tenancy-termination"]})
    assert (await sim.call(SENDER, routes.POST_DRAFT, json=body)).status == 201

    assert await prepared(sim, invitation.text, shown, key.public) is None
    again = await open_draft(sim.hub, invitation.text)
    assert again is not None
    assert await prepared(sim, invitation.text, again, key.public) is not None


async def test_a_moment_ahead_is_not_prepared(sim: Simulator) -> None:
    _, invitation = await upload(sim, draft(sim))
    shown = await open_draft(sim.hub, invitation)
    assert shown is not None
    ahead = replace(shown, at=sim.now + timedelta(seconds=301))

    assert await prepared(sim, invitation, ahead, OwnKey().public) is None


@pytest.mark.parametrize("weak", [bytes(32), b"\x01" + bytes(31), STAND_IN_KEY, b"short"])
async def test_a_key_that_is_none_gets_nothing_to_sign(sim: Simulator, weak: bytes) -> None:
    _, invitation = await upload(sim, draft(sim))
    shown = await open_draft(sim.hub, invitation)
    assert shown is not None

    assert await prepared(sim, invitation, shown, weak) is None


async def test_when_the_agreement_has_ended_there_is_nothing_to_sign(sim: Simulator) -> None:
    payload, key = draft(sim), OwnKey()
    _, invitation = await upload(sim, payload)
    shown = await open_draft(sim.hub, invitation)
    assert shown is not None
    said = await prepared(sim, invitation, shown, key.public)
    assert said is not None
    await sim.hub.db.write(_end_agreement, sim)

    assert await open_draft(sim.hub, invitation) is None
    assert not await sign_draft(sim.hub, invitation, to_sign=said, signature=key.sign(said))
    assert (await state(sim, payload["id"])).json["state"] == "waiting"


async def test_where_persons_consent_no_more_there_is_nothing_to_sign(sim: Simulator) -> None:
    payload, key = draft(sim), OwnKey()
    _, invitation = await upload(sim, payload)
    shown = await open_draft(sim.hub, invitation)
    assert shown is not None
    said = await prepared(sim, invitation, shown, key.public)
    assert said is not None
    switched_off = replace(sim.hub, rules=replace(sim.hub.rules, electronic=False))

    assert await open_draft(switched_off, invitation) is None
    assert not await sign_draft(switched_off, invitation, to_sign=said, signature=key.sign(said))
    assert (await state(sim, payload["id"])).json["state"] == "waiting"


def _end_agreement(conn: Any, sim: Simulator) -> None:
    agreements.flag_ended(conn, sim.agreement, at=sim.now)


async def test_she_takes_back_what_is_not_recorded_and_it_never_was(sim: Simulator) -> None:
    payload = draft(sim)
    _, invitation = await upload(sim, payload)
    waiting = (await state(sim, payload["id"])).json
    await sign_at_page(sim, invitation, OwnKey())
    given = completed(sim, (await state(sim, payload["id"])).json)

    assert await take_back(sim.hub, invitation)

    assert (await state(sim, payload["id"])).json == waiting
    refused = await sim.record(given)  # fetched before she changed her mind
    assert refused.status == 422
    await sim.call(SENDER, routes.DELETE_DRAFT, id=payload["id"])
    assert (await sim.record(given)).status == 422, "nor without the draft she took it back from"
    assert await sim.count("consents") == 0
    assert not await take_back(sim.hub, invitation)


async def test_what_she_signed_first_does_not_count_when_she_signs_anew(sim: Simulator) -> None:
    payload = draft(sim)
    _, invitation = await upload(sim, payload)
    await sign_at_page(sim, invitation, OwnKey())
    first = completed(sim, (await state(sim, payload["id"])).json)
    await take_back(sim.hub, invitation)
    await sign_at_page(sim, invitation, OwnKey())

    assert (await sim.record(first)).status == 422

    second = completed(sim, (await state(sim, payload["id"])).json)
    assert (await sim.record(second)).status == 201


async def test_another_agency_does_not_touch_a_draft_by_recording_its_id(sim: Simulator) -> None:
    payload = draft(sim)
    await upload(sim, payload)
    found = await sim.hub.db.read(drafts.own, payload["id"], SENDER, now=sim.now)
    assert found is not None

    with pytest.raises(StatementNotAcceptable):
        await sim.hub.db.write(drafts.complete, payload["id"], RECIPIENT, "payload")

    again = await sim.hub.db.read(drafts.own, payload["id"], SENDER, now=sim.now)
    assert again == replace(found)


async def test_a_consent_on_paper_takes_the_place_of_its_draft(sim: Simulator) -> None:
    payload = draft(sim)
    await upload(sim, payload)

    await sim.consent(id=payload["id"])

    assert await sim.count("drafts") == 0
