"""A55: names that look like other names: ids are ASCII by pattern, labels have no tricks."""

from copy import deepcopy
from typing import Any

import pytest

from exchange.statement import Kind, sign
from exchange.wire import routes
from exchange.wire.fields import AGENCY_PATTERN
from tests.attacks.parties import COLLECTOR, Parties
from tests.simulator import RECIPIENT, SENDER

pytestmark = pytest.mark.gate

ALIKE = [
    "jobcentre-\u0430",  # Cyrillic
    "jobcentre\u2010a",  # another hyphen
    "jobcentre-a\u200b",  # an invisible blank
    "\u202ejobcentre-a",  # right to left
    "Jobcentre-a",
    "jobcentre-a ",
    "jobcentre-a\n",
    "jobcentre_a",
    "jobcentre-\uff41",  # full width
    "-jobcentre-a",
]
TRICKS = ["\u202eA", "a\u200bb", "Mu\u0308ller", "a\u2066b", "a\nb", "a\0b", "a\u00adb"]


async def test_an_id_that_looks_like_an_agency_is_none_anywhere(parties: Parties) -> None:
    before = await parties.tables()
    for name in ALIKE:
        given = parties.signed_consent(collected_by=COLLECTOR, recipients=[name])
        assert (await parties.record(given, COLLECTOR)).status == 422, ascii(name)
        asked = await parties.ask(SENDER, "A" * 43, recipients=[name])
        assert asked.status == 400, ascii(name)
        payload = deepcopy(parties.agreement_payload())
        payload["parties"][2]["agency"] = name
        assert await proposed(parties, payload) == 422, ascii(name)
    assert await parties.tables() == before


async def proposed(parties: Parties, payload: dict[str, Any]) -> int:
    agreement = sign(Kind.AGREEMENT, payload, parties.offices[RECIPIENT].identity)
    body = {"statement": agreement.decode()}
    return (await parties.call(RECIPIENT, routes.POST_AGREEMENT, json=body)).status


async def test_no_label_of_an_agreement_turns_hides_or_breaks(parties: Parties) -> None:
    before = await parties.tables()
    for text in TRICKS:
        for place in ("title", "name", "public_label", "authority"):
            payload = deepcopy(parties.agreement_payload())
            holder = payload if place in payload else payload["parties"][0]
            holder[place] = text
            assert await proposed(parties, payload) == 422, (place, ascii(text))
    assert await parties.tables() == before


@pytest.mark.parametrize("words", ["den Verlust der Wohnung abwenden", "x\u202e", ""], ids=ascii)
async def test_the_words_of_a_purpose_are_those_of_the_agreement_letter_by_letter(
    parties: Parties, words: str
) -> None:
    given = parties.signed_consent(
        collected_by=COLLECTOR, purpose={"code": "housing-loss", "words": words}
    )
    assert (await parties.record(given, COLLECTOR)).status == 422


def test_the_pattern_of_agency_ids_is_plain_ascii() -> None:
    assert AGENCY_PATTERN == "^[a-z0-9][a-z0-9-]{1,62}$"
