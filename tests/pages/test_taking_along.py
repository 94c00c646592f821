"""What a person may take along: the export says how her consent ended, in its own words."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from exchange.canonical import loads
from exchange.consent import export
from exchange.errors import Misconfigured
from tests.pages.sent import post
from tests.person import consent_with_code
from tests.samples import AGREEMENT
from tests.simulator import Simulator

SCHEMA = loads(export.schema(), limit=10**5, depth=20)


async def taken(sim: Simulator, code: str) -> dict[str, Any]:
    answer = await post(sim, "/p/", {"do": "records", "lang": "de", "code": code})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == export.MEDIA_TYPE
    read: dict[str, Any] = loads(answer.body, limit=10**6, depth=12)
    Draft202012Validator(SCHEMA).validate(read)
    return read


async def test_her_record_is_in_the_documented_structure(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    record = await taken(sim, code)
    assert record["dct:identifier"] == given.id
    assert [event["@type"] for event in record["dpv:hasConsentStatus"]] == ["dpv:ConsentGiven"]


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        ({"by": "subject"}, "dpv:ConsentWithdrawn"),
        ({"by": "agency", "reason": "purpose-reached"}, "dpv:ConsentRevoked"),
        ({"by": "agency", "reason": "unlawful"}, "dpv:ConsentInvalidated"),
    ],
)
async def test_it_says_how_the_consent_ended(
    sim: Simulator, ended: dict[str, str], status: str
) -> None:
    given, code = await consent_with_code(sim)
    await sim.withdraw(given, **ended)
    events = (await taken(sim, code))["dpv:hasConsentStatus"]
    assert [event["@type"] for event in events] == ["dpv:ConsentGiven", status]


async def test_she_gets_her_receipt_also_where_the_agreement_lacks_the_language_of_the_page(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.hub.pages.take_along.document.pdf", _without_forms)
    await sim.agree(notices=[text for text in AGREEMENT["notices"] if text["lang"] == "de"])
    _, code = await consent_with_code(sim)

    for lang in ("de", "en", "de-simple"):
        answer = await post(sim, "/p/", {"do": "receipt", "lang": lang, "code": code})
        assert answer.status == 200, lang
        assert code.encode() in answer.body


def _without_forms(_paper: object, *, today: object) -> bytes:
    raise Misconfigured("the extra `forms` is not here")
