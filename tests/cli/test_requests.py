"""exchange.cli.requests: a partner asks for a letter and gets it, on a real hub."""

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from tests.cli.network import FAMILY_NAME, A, B, Network, recorded

pytestmark = pytest.mark.xdist_group("cli-network")

NEEDED = "the letter of the landlord"


@cache
def today() -> date:
    """Return one day to count from: midnight may pass between two questions."""
    return datetime.now(ZoneInfo("Europe/Berlin")).date()


def day(days: int) -> str:
    return (today() + timedelta(days=days)).isoformat()


def drafted(network: Network, agreement: str, name: str, *options: str, until: int = 10) -> None:
    """Write the draft of a request of A to B."""
    network.must(
        *("requests", "new", name, "--to", B, "--agreement", agreement),
        *("--purpose", "housing-loss", "--category", "rent-arrears-letter"),
        *("--until", day(until), *options),
    )


def completed(network: Network, name: str) -> None:
    """Fill in a draft, as a clerk does."""
    draft = network.root / name
    text = draft.read_text(encoding="utf-8")
    text = text.replace('needed = ""', f'needed = "{NEEDED}"').replace('why = ""', 'why = "w"')
    text = text.replace('family_name = ""', f'family_name = "{FAMILY_NAME}"')
    text = text.replace('given_name = ""', 'given_name = "Somebody"')
    text = text.replace('born = ""', "born = 1970-01-01")
    text = text.replace('# particulars = "which', 'particulars = "which')
    text = text.replace("# case_numbers = { agency-a", "case_numbers = { women-b")
    draft.write_text(text, encoding="utf-8")


def test_a_partner_asks_for_a_letter_and_gets_it(network: Network, agreed: str) -> None:
    drafted(network, agreed, "request.toml")
    completed(network, "request.toml")
    asked = network.must("requests", "ask", "request.toml", home=A)
    request = asked.fact("asked")
    assert asked.fact("open until").startswith(day(10))
    assert network.must("requests", "ask", "request.toml", home=A).fact("asked") == request
    line = f"{request}  asked of women-b until {day(10)}, open: rent-arrears-letter"
    assert line in network.must("requests", "list", home=A).shown

    assert "asked 1" in network.must("gateway", "fetch", home=B).shown
    listed = network.must("requests", "list", home=B).shown
    assert f"{request}  asked by jobcentre-a until {day(10)}: rent-arrears-letter" in listed
    assert FAMILY_NAME not in listed
    assert request in network.must("gateway", "status", home=B).shown
    shown = network.must("requests", "show", request, home=B)
    assert shown.fact("about") == f"{FAMILY_NAME}, Somebody, born 1970-01-01"
    assert shown.fact("consent").startswith("none")
    assert shown.fact("needed") == NEEDED
    assert shown.fact("particulars") == "which flat it is about"
    assert "file number there at women-b" in shown.shown

    consent = recorded(network, agreed, "asked-consent.toml")
    network.write("letter.txt", "Two months of rent are open.\n")
    sending = (
        *("gateway", "send", "letter.txt", "--consent", consent, "--to", A),
        *("--category", "rent-arrears-letter", "--answers", request),
    )
    disclosure = network.must(*sending, home=B).shown.split()[1]
    network.must("gateway", "fetch", home=A)
    network.must("gateway", "fetch", home=B)

    assert f"answered by {disclosure}" in network.must("requests", "list", home=A).shown
    assert request not in network.must("requests", "list", home=B).shown
    assert "no request with this id" in network.refused("requests", "show", request, home=B)
    assert "no request with this id" in network.refused(*sending, home=B)


def test_a_request_under_a_consent_names_it(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "read-consent.toml")
    drafted(network, agreed, "under.toml", "--consent", consent)
    completed(network, "under.toml")
    # A may not read it before the first document under it waits for it.
    assert "not found" in network.refused("requests", "ask", "under.toml", home=A)
    network.write("first.txt", "First.\n")
    network.must(
        *("gateway", "send", "first.txt", "--consent", consent, "--to", A),
        *("--category", "rent-arrears-letter"),
        home=B,
    )
    request = network.must("requests", "ask", "under.toml", home=A).fact("asked")
    network.must("gateway", "fetch", home=B)

    assert network.must("requests", "show", request, home=B).fact("consent") == consent


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("rent-arrears-letter", "energy-bill"), "L09"),
        (("housing-loss", "energy-debt"), "L06"),
        (('to = "women-b"', 'to = "jobcentre-a"'), "pinned"),
        (("until = 2", 'until = "2'), "line"),
        (('needed = "the', 'needless = "the'), "needed"),
        ((f'family_name = "{FAMILY_NAME}"', 'family_name = ""'), "family_name"),
    ],
)
def test_a_draft_that_is_no_request_is_refused_in_one_line(
    network: Network, agreed: str, change: tuple[str, str], expected: str
) -> None:
    name = f"broken-{expected}.toml"
    drafted(network, agreed, name)
    completed(network, name)
    draft = network.root / name
    draft.write_text(draft.read_text(encoding="utf-8").replace(*change), encoding="utf-8")

    complaint = network.refused("requests", "ask", name, home=A)

    assert expected in complaint
    assert FAMILY_NAME not in complaint


def test_a_time_is_no_last_day(network: Network, agreed: str) -> None:
    drafted(network, agreed, "timed.toml")
    draft = network.root / "timed.toml"
    text = draft.read_text(encoding="utf-8").replace(day(10), day(10) + "T10:00:00")
    draft.write_text(text, encoding="utf-8")
    completed(network, "timed.toml")

    assert "YYYY-MM-DD" in network.refused("requests", "ask", "timed.toml", home=A)


def test_a_deadline_beyond_thirty_days_and_an_existing_draft_are_refused(
    network: Network, agreed: str
) -> None:
    drafted(network, agreed, "late.toml", until=40)
    completed(network, "late.toml")

    assert "deadline" in network.refused("requests", "ask", "late.toml", home=A)
    again = (
        *("requests", "new", "late.toml", "--to", B, "--agreement", agreed, "--until", day(1)),
        *("--purpose", "housing-loss", "--category", "rent-arrears-letter"),
    )
    assert "not overwritten" in network.refused(*again)


def test_a_half_filled_request_names_every_blank(network: Network, agreed: str) -> None:
    drafted(network, agreed, "half-filled.toml")

    line = network.refused("requests", "ask", "half-filled.toml", home=A)

    assert "half-filled.toml is not complete: needed, why, " in line
    assert "subject.family_name, subject.given_name, subject.born" in line

    text = (network.root / "half-filled.toml").read_text(encoding="utf-8")
    network.write("half-filled.toml", text.partition("[subject]")[0])
    line = network.refused("requests", "ask", "half-filled.toml", home=A)
    assert line.rstrip().endswith("needed, why, subject")
