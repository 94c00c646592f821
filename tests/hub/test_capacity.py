"""POST /v1/consents: who must sign in which situation, and that the hub never asks an age."""

from datetime import timedelta
from typing import Any

import pytest

from exchange.members import write_time
from exchange.vocabulary import Secrecy
from exchange.wire import routes
from tests.samples import AGREEMENT
from tests.simulator import NOW, OUTSIDER, SENDER, Simulator

AT, LATER, EARLIER = (write_time(NOW + timedelta(minutes=off)) for off in (0, 1, -1))
UNTIL = "2026-08-31T22:00:00Z"
"""End of the consent of the samples."""
SUBJECT = {"role": "subject", "at": AT, "identified": "in-person"}
PARENT = {"role": "guardian", "at": AT, "identified": "known", "power": "parent"}
ALONE = {**PARENT, "custody": "everyday"}
CARER = {**PARENT, "power": "carer", "power_until": UNTIL, "areas_checked": True}
APPOINTED = {**PARENT, "power": "appointed", "power_until": UNTIL}
SUPPLEMENTARY = {**APPOINTED, "power": "supplementary"}
OFFICIAL = {**PARENT, "power": "official", "office": OUTSIDER}
ENTRUSTING = {"role": "entrusting", "at": AT, "identified": "known"}
ASSESSED = {"capacity_basis": "assessed"}

COMPLETE: dict[str, tuple[str, list[dict[str, Any]], dict[str, Any]]] = {
    "adult with insight": ("self", [SUBJECT], {}),
    "adult with insight, assessed": ("self", [SUBJECT], ASSESSED),
    "adult without insight, carer": ("guardian", [CARER], ASSESSED),
    "15 to 17, insight missing": ("guardian", [PARENT, PARENT], ASSESSED),
    "under 15, both parents": ("guardian", [PARENT, PARENT], {}),
    "parents who signed one after the other": (
        "guardian",
        [{**PARENT, "at": EARLIER}, PARENT],
        {},
    ),
    "under 15, sole custody": ("guardian", [{**PARENT, "custody": "sole"}], {}),
    "under 15, decision of a court": ("guardian", [{**PARENT, "custody": "court"}], {}),
    "under 15, everyday matter": ("guardian", [ALONE], {}),
    "under 15, appointed guardian": ("guardian", [APPOINTED], {}),
    "under 15, supplementary guardian": ("guardian", [SUPPLEMENTARY], {}),
    "under 15, youth office as guardian": ("guardian", [OFFICIAL], {}),
    "help plan, both carry it": ("self+guardian", [SUBJECT, ALONE], {}),
    "help plan, both parents": ("self+guardian", [SUBJECT, PARENT, PARENT], {}),
    "with a carer who helps her": ("self+guardian", [SUBJECT, CARER], ASSESSED),
}
"""By situation: capacity, signers in their order, other members."""

VOID: dict[str, tuple[str, str, list[dict[str, Any]], dict[str, Any]]] = {
    "nobody who had to": ("L29", "self", [ALONE], {}),
    "the person does not stand for her guardian": ("L29", "guardian", [SUBJECT], {}),
    "both must, one did: the guardian": ("L29", "self+guardian", [ALONE], {}),
    "both must, one did: the person": ("L29", "self+guardian", [SUBJECT], {}),
    "a witness stands for nobody": (
        "L29",
        "self",
        [{"role": "witness", "at": AT, "identified": "known"}],
        {},
    ),
    "who entrusted stands for nobody else": ("L29", "self", [ENTRUSTING], {}),
    "one of two parents": ("L30", "guardian", [PARENT], {}),
    "one of two parents, beside the person": ("L30", "self+guardian", [SUBJECT, PARENT], {}),
    "power that ends at the signature": (
        "L31",
        "guardian",
        [{**APPOINTED, "power_until": AT}],
        {"valid_until": LATER},
    ),
    "longer than the power": (
        "L32",
        "guardian",
        [{**APPOINTED, "power_until": "2026-08-31T21:59:59Z"}],
        {},
    ),
    "carer, insight not judged": ("L33", "guardian", [CARER], {}),
    "carer, areas of duty not seen": (
        "L33",
        "guardian",
        [{name: value for name, value in CARER.items() if name != "areas_checked"}],
        ASSESSED,
    ),
    "dated after the last signature": ("L46", "self", [{**SUBJECT, "at": EARLIER}], {}),
}


@pytest.mark.parametrize("name", COMPLETE)
async def test_who_must_sign_has_signed_and_the_gate_opens(sim: Simulator, name: str) -> None:
    capacity, signers, members = COMPLETE[name]

    given = sim.signed_consent(capacity=capacity, signers=signers, **members)
    recorded = await sim.record(given)

    assert recorded.status == 201, recorded.body
    assert (await sim.send(sim.letter(given.digest))).status == 201


@pytest.mark.parametrize("name", VOID)
async def test_what_lacks_a_signature_is_void_and_the_gate_stays_shut(
    sim: Simulator, name: str
) -> None:
    rule, capacity, signers, members = VOID[name]

    given = sim.signed_consent(capacity=capacity, signers=signers, **members)
    refused = await sim.record(given)

    assert refused.status == 422, refused.body
    assert rule in {finding["id"] for finding in refused.json["findings"]}
    assert await sim.count("consents") == 0
    assert (await sim.send(sim.letter(given.digest))).status == 403


@pytest.mark.parametrize("name", COMPLETE)
async def test_any_one_of_those_who_signed_takes_it_back_alone(sim: Simulator, name: str) -> None:
    capacity, signers, members = COMPLETE[name]
    roles = {signer["role"] for signer in signers} | {"subject"}
    for by in sorted(roles):
        given = await sim.consent(capacity=capacity, signers=signers, **members)
        letter = await sim.sent(given)

        ended = await sim.withdraw(given, SENDER, by=by)

        assert ended.status == 200, ended.body
        assert (await sim.collect(letter)).status == 404


async def test_who_entrusted_it_signs_too_and_takes_it_back_alone(sim: Simulator) -> None:
    flows = [{**flow, "secrecy": "entrusted"} for flow in AGREEMENT["flows"]]
    await sim.agree(flows=flows)
    unheard = sim.signed_consent(secrecy="entrusted")
    said_herself = sim.signed_consent(
        secrecy="entrusted", signers=[{**SUBJECT, "entrusting": True}]
    )
    given = sim.signed_consent(secrecy="entrusted", signers=[SUBJECT, ENTRUSTING])

    refused = await sim.record(unheard)
    for one in (said_herself, given):
        assert (await sim.record(one)).status == 201
    letter = await sim.sent(given, secrecy=Secrecy.ENTRUSTED)
    ended = await sim.withdraw(given, SENDER, by="entrusting")

    assert {finding["id"] for finding in refused.json["findings"]} == {"L38"}
    assert ended.status == 200
    assert (await sim.collect(letter)).status == 404


async def test_a_guardians_word_ends_with_the_power_that_the_record_names(sim: Simulator) -> None:
    given = await sim.consent(capacity="guardian", signers=[APPOINTED])
    sim.now = NOW.replace(month=8, day=31, hour=22)
    await sim.publish("jobcentre-a")

    assert (await sim.send(sim.letter(given.digest))).status == 403
    shown = await sim.call(SENDER, routes.GET_CONSENT, id=given.id)
    assert shown.json["state"] == "ended"


async def test_no_record_that_reaches_the_hub_says_when_somebody_was_born(sim: Simulator) -> None:
    for member in ("born", "age", "birthday"):
        given = sim.signed_consent(**{member: "2010-01-01"})

        refused = await sim.record(given)

        assert refused.status == 422
        assert "2010-01-01" not in refused.body.decode()
