"""A76: a thief of the code sees her safe view and can stop the exchange; nothing else opens."""

import pytest

from exchange.canonical import b64u
from exchange.consent.credential import Credential, Purpose, read
from exchange.hub.drafts import open_draft, take_back
from exchange.hub.pages.site import WISHES
from exchange.wire import routes
from tests.person import consent_with_code, draft, fresh, page, reissue, upload
from tests.simulator import NOTHING, RECIPIENT, SENDER, Simulator

pytestmark = pytest.mark.person


async def test_no_page_shows_another_consent_a_name_an_id_or_the_log_key(
    sim: Simulator,
) -> None:
    other, others = await consent_with_code(sim)
    given, stolen = await consent_with_code(sim)
    await sim.collect(await sim.sent(given))
    hidden = [
        *(other.id, other.digest, given.id, others),
        *(b64u(given.log_key), Credential(Purpose.LOG_KEY, given.log_key).text),
        "YWdlLWVuY3J5cHRpb24",
    ]

    for do in WISHES.keys() - {"withdraw", "receipt", "records", "everything", "proofs"}:
        body = (await page(sim, do=do, code=stolen, names="yes")).body.decode()
        assert [text for text in hidden if text in body] == [], do
    for do in ("receipt", "records", "everything", "proofs"):  # her own, to take along
        body = (await page(sim, do=do, code=stolen)).body.decode(errors="replace")
        assert [text for text in (*hidden[:2], *hidden[3:]) if text in body] == [], do


async def test_a_code_lists_grants_and_signs_nothing(sim: Simulator) -> None:
    _, stolen = await consent_with_code(sim)
    waiting = draft(sim)
    await upload(sim, waiting)

    assert await open_draft(sim.hub, stolen) is None
    assert not await take_back(sim.hub, stolen)
    moment = {"at": "2026-03-03T10:00:00Z", "key": "A" * 43}
    prepared = await page(sim, do="prepare-signature", code=stolen, **moment)
    assert b"." not in prepared.body
    before = await sim.count("consents")
    await page(sim, do="sign", code=stolen, to_sign="e30.e30", signature="A" * 86)
    assert await sim.count("consents") == before


async def test_a_code_is_no_credential_of_the_interface_for_agencies(sim: Simulator) -> None:
    given, stolen = await consent_with_code(sim)
    digest = read(stolen, Purpose.CODE)
    assert digest is not None
    for secret in (stolen, stolen.replace("-", ""), digest.digest):
        for scheme in ("Bearer", "Basic"):
            headers = {"Authorization": f"{scheme} {secret}"}
            for operation in (routes.POST_CREDENTIAL, routes.GET_CONSENT, routes.CONSENTS):
                body = {} if operation is routes.POST_CREDENTIAL else NOTHING
                answer = await sim.call(None, operation, json=body, headers=headers, id=given.id)
                assert answer.status == 401
    assert await sim.log("receipt-reissued") == []


async def test_a_thief_cannot_re_issue_and_the_owner_can(sim: Simulator) -> None:
    given, stolen = await consent_with_code(sim)
    fresh_code = fresh()

    assert (await reissue(sim, given, RECIPIENT)).status == 404
    assert (await reissue(sim, given, credential=fresh_code.digest)).status == 200

    empty = await page(sim, code=stolen)
    assert empty.body == (await page(sim, code=fresh().text)).body
    assert b'value="ask"' in (await page(sim, code=fresh_code.text)).body


async def test_the_worst_he_does_is_told_to_the_agencies_and_undone_by_consent_alone(
    sim: Simulator,
) -> None:
    given, stolen = await consent_with_code(sim)
    letter = await sim.sent(given)

    assert (await page(sim, do="withdraw", code=stolen)).status == 200

    shown = await sim.call(SENDER, routes.GET_CONSENT, id=given.id)
    assert (shown.json["state"], shown.json["reason"]) == ("ended", "withdrawn")
    assert (await sim.collect(letter)).status == 404
    (event,) = await sim.log("consent-withdrawn")
    assert (event["by"], event["via"]) == ("person", "page")
    again = await sim.record(given)  # the old record does not come back to life
    assert again.status == 201
    assert (await sim.send(sim.letter(given.digest))).status == 403
