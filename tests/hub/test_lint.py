"""POST /v1/consents: what the law would call void is refused, with every finding at once."""

import json
import secrets
from datetime import timedelta
from typing import Any

import pytest

from exchange.canonical import digest, unb64u
from exchange.consent.lint import lint, unreadable
from exchange.consent.record import read_payload
from exchange.days import days_after
from exchange.errors import LintRefused, Malformed
from exchange.members import write_time
from exchange.rules import rules
from exchange.statement import Kind, sign
from exchange.wire import routes
from tests.person import OwnKey, completed, draft, sign_at_page, upload
from tests.samples import AGREEMENT, CONSENT
from tests.simulator import NOW, RECIPIENT, SENDER, Answer, Given, Simulator

AT = write_time(NOW)
SUBJECT = {"role": "subject", "at": AT, "identified": "in-person"}
WITNESS = {"role": "witness", "at": AT, "identified": "known"}
PARENT = {"role": "guardian", "at": AT, "identified": "known", "power": "parent"}
CARER = {**PARENT, "power": "carer", "areas_checked": True}
MINUTES = {"sha256": "ef" * 32, "kind": "minutes", "pages": 1}
ORAL = {
    "form": "oral-minuted",
    "form_reason": "urgent-loss",
    "signers": [SUBJECT, WITNESS],
    "evidence": MINUTES,
}
CATEGORIES = AGREEMENT["vocabulary"]["category"]
SPECIAL = {
    "vocabulary": {
        **AGREEMENT["vocabulary"],
        "category": {
            name: {**entry, "special": True, "secrecy": "professional"}
            for name, entry in CATEGORIES.items()
        },
    }
}
OUTDATED = {"notices": [{**text, "superseded_at": AT} for text in AGREEMENT["notices"]]}


def with_purposes(**members: Any) -> dict[str, Any]:
    """Return the vocabulary with other members in each purpose."""
    vocabulary = AGREEMENT["vocabulary"]
    changed = {name: {**entry, **members} for name, entry in vocabulary["purpose"].items()}
    return {**vocabulary, "purpose": changed}


def later(**span: int) -> str:
    return write_time(NOW + timedelta(**span))


def notice(**members: Any) -> dict[str, Any]:
    return {"notice": {**CONSENT["notice"], **members}}


VOID: list[tuple[str, str, dict[str, Any]]] = [
    ("L01", "recipients", {"recipients": ["all-agencies"]}),
    ("L01", "recipients", {"recipients": ["*"]}),
    ("L01", "releasers", {"releasers": ["women-c"]}),
    ("L03", "recipients", {"releasers": ["jobcentre-a", "women-b"]}),
    ("L04", "categories", {"categories": ["all"]}),
    ("L04", "categories", {"categories": ["record-extract"], "uses": "recurring"}),
    ("L06", "purpose", {"purpose": {"code": "sanction", "words": "x"}}),
    ("L07", "purpose", {"purpose": {"code": "housing-loss", "words": "something else"}}),
    ("L09", "categories", {"categories": ["debt-list"]}),
    ("L10", "agreement", {"agreement": "A" * 43}),
    ("L11", "valid_from", {"valid_from": later(seconds=-1)}),
    ("L12", "collected_at", {"collected_at": later(minutes=6), "valid_from": later(minutes=6)}),
    ("L14", "collected_at", {"collected_at": later(days=-91)}),
    (
        "L15",
        "valid_until",
        {"valid_until": write_time(days_after(NOW, 366) + timedelta(seconds=1))},
    ),
    ("L16", "valid_until", {"valid_until": AT}),
    ("L20", "form", {**ORAL, "signers": [SUBJECT]}),
    ("L22", "evidence", {"evidence": None}),
    ("L24", "notice", notice(version="9.9")),
    ("L26", "notice.sha256", notice(sha256="00" * 32)),
    ("L29", "signers", {"capacity": "self+guardian"}),
    ("L30", "signers", {"capacity": "guardian", "signers": [PARENT]}),
    ("L31", "signers", {"capacity": "guardian", "signers": [{**CARER, "power_until": AT}]}),
    ("L32", "valid_until", {"capacity": "guardian", "signers": [{**CARER, "power_until": AT}]}),
    ("L33", "signers", {"capacity": "guardian", "signers": [CARER]}),
    ("L37", "signers[].role", {"signers": [{**SUBJECT, "role": "friend"}]}),
    ("L37", "signers[].power", {"signers": [{**PARENT, "power": "attorney"}]}),
    ("L38", "signers", {"secrecy": "entrusted"}),
    ("L41", "onward_from", {"onward_from": ["jobcentre-a"]}),
    ("L43", "secrecy", {"secrecy": "personal"}),
    ("L46", "collected_at", {"signers": [{**SUBJECT, "at": later(seconds=-1)}]}),
    ("L46", "remark", {"remark": "free text"}),
    ("L46", "notice.text", notice(text="free text")),
    ("L46", "capacity", {"capacity": "proxy"}),
]
UNDER: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("L18", "form", SPECIAL, {**ORAL, "valid_until": CONSENT["valid_until"]}),
    ("L18", "form", SPECIAL, {**ORAL, "form_reason": "by-phone"}),
    ("L25", "notice.version", OUTDATED, ORAL),
    ("L44", "collected_by", {"collectors": [RECIPIENT]}, {}),
]
ELSEWHERE = {
    "L21": "test_the_persons_signature_is_part_of_an_electronic_consent",
    "L42": "A06: no agreement leaves an undertaking out",
    "L47": "test_the_agencys_signature_is_checked",
    "L48": "test_import_log: test_a_consent_given_before_the_restoration_is_given_anew",
    **dict.fromkeys(("L34", "L35", "L36"), "asked at the gateway, which knows the birth date"),
}


async def record(sim: Simulator, members: dict[str, Any]) -> Answer:
    """Hand in a valid consent with other members, or without those set to None."""
    changed = {**payload_of(sim.signed_consent()), **members}
    kept = {name: value for name, value in changed.items() if value is not None}
    statement = sign(Kind.CONSENT, kept, sim.offices[SENDER].identity)
    return await sim.record(
        Given(kept["id"], digest(statement), statement, secrets.token_bytes(32))
    )


def payload_of(given: Given) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unb64u(json.loads(given.statement)["payload"]))
    return found


def findings_of(answer: Answer) -> set[tuple[str, str]]:
    assert answer.status == 422, answer.body
    assert answer.json["type"].endswith(":lint")
    found = answer.json["findings"]
    assert [one["id"] for one in found] == sorted(one["id"] for one in found)
    for one in found:
        assert one.keys() - {"days"} == {"id", "severity", "field", "words"}
        assert one["severity"] == rules()[one["id"]].severity
        assert one["words"].keys() == {"de", "en"}
    return {(one["id"], one["field"]) for one in found}


@pytest.mark.parametrize(("rule", "field", "members"), VOID)
async def test_a_void_consent_is_refused_with_its_rule_and_field(
    sim: Simulator, rule: str, field: str, members: dict[str, Any]
) -> None:
    answer = await record(sim, members)

    assert (rule, field) in findings_of(answer)
    assert await sim.count("consents") == 0


@pytest.mark.parametrize(("rule", "field", "agreement", "members"), UNDER)
async def test_what_is_void_under_another_agreement_is_refused_there(
    sim: Simulator,
    rule: str,
    field: str,
    agreement: dict[str, Any],
    members: dict[str, Any],
) -> None:
    await sim.agree(id="00000000-0000-4000-8000-0000000000a2", **agreement)

    answer = await record(sim, members)

    assert (rule, field) in findings_of(answer)
    assert await sim.count("consents") == 0


@pytest.mark.parametrize("members", [row[2] for row in VOID])
async def test_the_hub_finds_what_the_gateway_finds(
    sim: Simulator, members: dict[str, Any]
) -> None:
    answer = await record(sim, members)

    changed = {**payload_of(sim.signed_consent()), **members}
    kept = {name: value for name, value in changed.items() if value is not None}
    try:
        found = lint(
            read_payload(kept, Kind.CONSENT, digest=""),
            sim.scope,
            agreement_held=True,
            now=sim.now,
        )
    except Malformed as error:
        found = (unreadable(error),)
    except LintRefused as error:
        found = error.findings
    standing = {("L10", "agreement")}  # when parties have signed is not asked here
    expected = {(one.id, one.field) for one in found} - standing
    if "agreement" in members:  # of an unknown agreement nothing else can be said
        expected = set()
    assert findings_of(answer) - standing == expected


def test_every_rule_that_refuses_is_asked_here_or_says_where() -> None:
    asked = {row[0] for row in VOID} | {row[0] for row in UNDER}
    refusing = {rule.id for rule in rules().values() if rule.severity == "refuse"}

    assert asked | ELSEWHERE.keys() == {rule for rule in refusing if rule.startswith("L")}


AGREEMENTS: list[tuple[str, str, dict[str, Any]]] = [
    ("A03", "purposes", {"vocabulary": with_purposes(**{"class": "sanction"})}),
    ("A02", "vocabulary", {"vocabulary": with_purposes(label={"de": "usw.", "en": "etc."})}),
    ("A04", "refusal_consequences", {"refusal_consequences": "benefit reduced"}),
    ("A05", "sole_basis", {"sole_basis": False}),
    ("A06", "undertakings", {"undertakings": []}),
    ("A07", "flows", {"flows": [{**AGREEMENT["flows"][0], "categories": []}]}),
    ("A09", "attestations", {"attestations": []}),
    ("A10", "notices", {"notices": []}),
    ("V01", "vocabulary.purpose", {"vocabulary": with_purposes(label={"de": "nur deutsch"})}),
]


@pytest.mark.parametrize(("rule", "field", "members"), AGREEMENTS)
async def test_an_agreement_that_breaks_a_rule_is_not_recorded(
    sim: Simulator, rule: str, field: str, members: dict[str, Any]
) -> None:
    payload = sim.agreement_payload(**members)
    statement = sign(Kind.AGREEMENT, payload, sim.offices[RECIPIENT].identity)

    answer = await sim.call(
        RECIPIENT, routes.POST_AGREEMENT, json={"statement": statement.decode()}
    )

    assert (rule, field) in findings_of(answer)
    assert await sim.count("agreements") == 1


async def test_all_findings_are_told_at_once_warnings_too(sim: Simulator) -> None:
    answer = await record(
        sim,
        {
            "recipients": ["jobcentre-a", "nobody-here"],
            "valid_until": AT,
            "secrecy": "personal",
            "capacity": "self+guardian",
        },
    )

    found = {rule for rule, _ in findings_of(answer)}
    assert found >= {"L01", "L02", "L16", "L29", "L43"}
    assert "nobody-here" not in answer.body.decode()


async def test_a_limit_is_told_in_the_words_of_the_desk(sim: Simulator) -> None:
    answer = await record(sim, {"valid_until": "2027-08-31T22:00:00Z"})

    (long,) = [one for one in answer.json["findings"] if one["id"] == "L15"]
    assert long["days"] == 366
    assert long["words"]["de"] == "Die Geltungsdauer ist zu lang. Zulässig sind 366 Tage."


async def test_warnings_are_kept_for_the_collecting_agency_alone(sim: Simulator) -> None:
    given = await sim.consent(**notice(interpreter="accompanying"))
    assert (await sim.send(sim.letter(given.digest))).status == 201

    collector = await sim.call(SENDER, routes.GET_CONSENT, id=given.id)
    recipient = await sim.call(RECIPIENT, routes.GET_CONSENT, id=given.id)

    assert [(one["id"], one["field"]) for one in collector.json["findings"]] == [
        ("L27", "notice.interpreter")
    ]
    assert (recipient.status, recipient.json["findings"]) == (200, [])


async def test_a_consent_without_warnings_has_none(sim: Simulator) -> None:
    given = await sim.consent()

    answer = await sim.call(SENDER, routes.GET_CONSENT, id=given.id)

    assert answer.json["findings"] == []


async def test_the_agencys_signature_is_checked(sim: Simulator) -> None:
    given = sim.signed_consent()
    stranger = sign(Kind.CONSENT, CONSENT, sim.offices[RECIPIENT].identity)
    for statement in (stranger, given.statement[:-1], given.statement.replace(b"a", b"b", 1)):
        answer = await sim.record(Given(given.id, "", statement, given.log_key))

        assert (answer.status, answer.json["type"].rpartition(":")[2]) == (
            422,
            "statement-not-acceptable",
        )
        assert [(one["id"], one["field"]) for one in answer.json["findings"]] == [
            ("L47", "signatures")
        ]
    assert await sim.count("consents") == 0


async def test_the_persons_signature_is_part_of_an_electronic_consent(sim: Simulator) -> None:
    given, other = await electronic(sim), await electronic(sim)
    mine, theirs = signatures(given)[-1], signatures(other)[-1]
    forged = given.statement.replace(mine.encode(), theirs.encode())

    answer = await sim.record(Given(given.id, "", forged, given.log_key))

    assert answer.status == 422
    assert [(one["id"], one["field"]) for one in answer.json["findings"]] == [("L21", "person_key")]
    assert (await sim.record(given)).status == 201


async def electronic(sim: Simulator) -> Given:
    """Return a consent that its person has signed on the page, not yet recorded."""
    payload = draft(sim)
    _, invitation = await upload(sim, payload)
    assert await sign_at_page(sim, invitation, OwnKey())
    signed = await sim.call(SENDER, routes.GET_DRAFT, id=payload["id"])
    return completed(sim, signed.json)


def signatures(given: Given) -> list[str]:
    return [entry["signature"] for entry in json.loads(given.statement)["signatures"]]
