"""What a person may take along: the export says how her consent ended, in its own words."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from exchange.canonical import loads
from exchange.consent import export
from tests.pages.sent import post
from tests.person import consent_with_code
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
