"""Rules S01 to S06: withdrawing is never harder than consenting, or the hub does not start."""

from pathlib import Path

import pytest

from exchange.canonical import b64u
from exchange.configuration import load
from exchange.errors import Misconfigured
from exchange.hub.settings import HubSettings
from exchange.hub.ways import OFFICE, ON_PAGE, Way, Withdrawing, findings, page
from exchange.keyring.signing import PersonKey
from exchange.rules import rules
from exchange.statement import Kind, sign
from tests.person import draft, upload
from tests.simulator import SENDER, Given, Simulator

PAGE = page(consenting=True, is_open=True)
KEY_ONLY = Way(consenting=1, withdrawing=2)


@pytest.mark.parametrize(
    ("ways", "broken"),
    [
        ((OFFICE, PAGE), []),
        ((OFFICE, page(consenting=False, is_open=False)), []),
        ((OFFICE, page(consenting=False, is_open=True)), []),
        ((OFFICE, KEY_ONLY), []),
        ((), []),
        ((Way(consenting=None, withdrawing=None),), []),
        ((OFFICE, page(consenting=True, is_open=False)), ["S01"]),
        ((KEY_ONLY,), ["S02"]),
        ((Way(consenting=0, withdrawing=1),), ["S02"]),
        ((Way(consenting=0, withdrawing=None),), ["S01", "S02"]),
    ],
)
def test_each_way_of_consenting_is_as_easy_a_way_of_withdrawing(
    ways: tuple[Way, ...], broken: list[str]
) -> None:
    assert [finding.id for finding in findings(ways, ON_PAGE)] == broken


@pytest.mark.parametrize(
    ("withdrawing", "broken"),
    [
        (Withdrawing(confirmations=2, asked=()), []),
        (Withdrawing(confirmations=3, asked=()), ["S03"]),
        (Withdrawing(confirmations=1, asked=("reason",)), ["S03"]),
    ],
)
def test_withdrawing_takes_two_confirmations_at_most_and_no_reason(
    withdrawing: Withdrawing, broken: list[str]
) -> None:
    assert [finding.id for finding in findings((OFFICE, PAGE), withdrawing)] == broken


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[person]\nopen = false", "S01"),
        ("storage_location = 'US'", "S04"),
        ("storage_location = 'CH'", "S04"),
        ("[erasure]\ndue_days = 31", "S06"),
    ],
)
def test_settings_that_break_a_rule_stop_the_start_with_its_words(
    tmp_path: Path, text: str, rule: str
) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(Misconfigured) as refused:
        load(HubSettings, file)

    assert rule in str(refused.value)
    assert rules()[rule].words["en"] in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "[person]\nopen = false\nconsenting = false",
        "[person]\nconsenting = false",
        "storage_location = 'NO'",
        "[erasure]\ndue_days = 30",
    ],
)
def test_settings_that_just_keep_the_rules_are_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(text, encoding="utf-8")

    assert load(HubSettings, file) is not None


async def test_where_the_page_admits_no_consents_nobody_drafts_or_records_one(
    tmp_path: Path,
) -> None:
    sim = Simulator(tmp_path, person={"consenting": False})
    async with sim.running():
        await sim.arrange()

        answer, _ = await upload(sim, draft(sim))
        recorded = await sim.record(electronic(sim))

        assert (answer.status, recorded.status) == (403, 403)
        assert await sim.count("consents") == 0
        assert (await sim.consent()).id


def electronic(sim: Simulator) -> Given:
    """Return a consent that its person has signed, without the page of this hub."""
    own = PersonKey(b"k" * 32)
    payload = {**draft(sim), "person_key": b64u(own.public)}
    statement = sign(Kind.CONSENT_ELECTRONIC, payload, sim.offices[SENDER].identity, own)
    return Given(payload["id"], "", statement, bytes(32))
