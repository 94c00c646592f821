"""exchange.consent.subject: who it is about, strictly read and never shown."""

from datetime import date
from typing import Any

import pytest

from exchange.consent.subject import GuardianFacts, SubjectFacts, block, read_subject
from exchange.consent.words import Power
from exchange.errors import Malformed
from tests.samples import ABSENT, changed

FACTS: dict[str, Any] = {
    "family_name": "Canaryname",
    "given_name": "Given",
    "born": "1990-05-17",
    "case_numbers": {"jobcentre-a": "4711"},
    "guardians": [{"name": "Guardian", "power": "parent"}],
    "particulars": "second floor\nleft",
}


def test_the_facts_are_read_and_written() -> None:
    found = read_subject(FACTS)
    assert found == SubjectFacts(
        family_name="Canaryname",
        given_name="Given",
        born=date(1990, 5, 17),
        case_numbers={"jobcentre-a": "4711"},
        guardians=(GuardianFacts(name="Guardian", power=Power.PARENT),),
        particulars="second floor\nleft",
    )
    assert found.payload() == FACTS


def test_a_draft_may_leave_out_the_lists_and_write_a_date() -> None:
    short = {"family_name": "A", "given_name": "B", "born": date(1990, 5, 17)}
    assert read_subject(short).payload() == {
        "family_name": "A",
        "given_name": "B",
        "born": "1990-05-17",
        "case_numbers": {},
        "guardians": [],
    }


def test_the_block_repeats_id_and_reference() -> None:
    assert block("an id", "a ref", read_subject(FACTS)) == {
        "consent": "an id",
        "ref": "a ref",
        "subject": FACTS,
    }


@pytest.mark.parametrize(
    "members",
    [
        {"family_name": ABSENT},
        {"family_name": ""},
        {"given_name": "x" * 201},
        {"given_name": "a\u202eb"},
        {"born": "17.05.1990"},
        {"born": "1990-02-30"},
        {"born": "19900517"},
        {"born": 1990},
        {"born": "1899-12-31"},
        {"born": date(9001, 1, 1)},
        {"case_numbers": ["4711"]},
        {"case_numbers": {"Agency A": "4711"}},
        {"case_numbers": {"jobcentre-a": 4711}},
        {"case_numbers": {f"agency-{n:02}": "1" for n in range(33)}},
        {"guardians": [{"name": "x", "power": "neighbour"}]},
        {"guardians": [{"name": "x", "power": "parent", "born": "1960-01-01"}]},
        {"guardians": [{"name": "x", "power": "parent"}] * 5},
        {"particulars": "x" * 4001},
        {"address": "somewhere"},
    ],
)
def test_other_facts_are_refused_and_never_quoted(members: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as refused:
        read_subject(changed(FACTS, **members))
    assert "Canaryname" not in str(refused.value)


def test_nothing_of_a_person_is_shown_by_accident() -> None:
    shown = repr(read_subject(FACTS))
    for word in ("Canaryname", "Given", "1990", "4711", "Guardian", "floor"):
        assert word not in shown
