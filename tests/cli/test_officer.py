"""exchange.cli.officer: an officer's own tool asks a real hub."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from exchange import canonical
from tests.cli.network import A, B, Network, recorded

pytestmark = pytest.mark.xdist_group("cli-network")

PATIENCE_S = 60
"""For the hub to note of a new entry whom it concerns; it takes a moment."""


def day(days: int) -> str:
    today = datetime.now(ZoneInfo("Europe/Berlin")).date()
    return (today + timedelta(days=days)).isoformat()


def test_an_officer_is_answered_in_words_and_as_json(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "officer-consent.toml")
    network.write("asked.txt", "Two months of rent are open.\n")
    network.must(
        *("gateway", "send", "asked.txt", "--consent", consent, "--to", A),
        *("--category", "rent-arrears-letter"),
        home=B,
    )
    listing = ("officer", "disclosures", "--since", day(-1), "--until", day(1))
    ends = time.monotonic() + PATIENCE_S
    while consent not in network.must(*listing, home=B).shown:
        assert time.monotonic() < ends
        time.sleep(0.2)

    lines = network.must(*listing, "--json", home=B).shown.splitlines()
    (page,) = [canonical.loads(line.encode(), limit=10**6) for line in lines]
    assert page["agency"] == B
    assert [one["from"] for one in page["answer"] if one["consent"]["id"] == consent] == [B]

    taking = ("officer", "file", "disclosures", *listing[2:])
    network.must(*taking, "-o", "taken.csv", home=B)
    table = (network.root / "taken.csv").read_bytes().decode()
    assert table.startswith(f"question,disclosures\r\nagency,{B}\r\n")
    assert consent in table
    assert "not overwritten" in network.refused(*taking, "-o", "taken.csv", home=B)
    printed = network.must(*taking, "--format", "json", home=B).shown
    assert canonical.loads(printed.encode(), limit=10**6)["answer"] == page["answer"]

    shown = network.must("officer", "consent", consent, home=B).shown
    assert "disclosure-stored by women-b" in shown
    assert "officer-read by women-b" in shown
    assert network.must("officer", "consent", consent, home=B).fact("held") == "permit"
    early = network.must("officer", "consent", consent, "--moment", "2020-01-01", home=B)
    assert early.fact("held") == "deny"
    assert network.must("officer", "erasures", home=B).shown == ""
    record = network.must("officer", "art30", agreed, home=B)
    assert record.fact("purposes") == "housing-loss"
    assert record.fact("agreement") != ""
    processor = network.must("officer", "art30", home=B)
    assert processor.fact("processing").startswith("carry-sealed-documents")
    code = network.must("officer", "breach", "code", consent, "--since", day(-1), home=B)
    assert "shown       disclosure-stored of" in code.shown
    log = network.must("officer", "breach", "log", "--since", day(-1), home=B)
    assert log.fact("witnessed").startswith("entries before")
    assert "by its name" in network.refused(
        "officer", "breach", "log", "A" * 43, "--since", day(0), home=B
    )


def test_a_consent_and_its_withdrawal_say_with_which_key_they_are_signed(
    network: Network, agreed: str
) -> None:
    consent = recorded(network, agreed, "signed-consent.toml")
    kid = network.must("keys", "show", home=B).fact("identity")
    signed = f"signed      {B} with key {kid} (Ed25519, ML-DSA-65)"

    found = network.must("officer", "consent", consent, home=B)
    assert found.fact("given").startswith("subject, ")
    assert found.shown.count(signed) == 1
    assert "withdrawn" not in found.shown
    withdrawing = ("consent", "withdraw", consent, "--by", "subject", "--channel", "phone")
    network.must(*withdrawing, home=B)

    found = network.must("officer", "consent", consent, home=B)
    assert found.fact("withdrawn").endswith("taken down by an agency: subject, phone")
    assert found.shown.count(signed) == 2


def test_the_proof_of_one_event_is_taken_away_and_verified(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "proven-consent.toml")
    line = network.must("officer", "consent", consent, home=B).shown.splitlines()
    (receipt,) = [one.rpartition("receipt ")[2] for one in line if "consent-recorded by" in one]
    taking = ("officer", "file", "proof", receipt, "-o", "event.tlog-proof")
    ends = time.monotonic() + PATIENCE_S
    done = network.exchange(*taking, home=B)
    while done.code:  # no signed head covers it yet
        assert time.monotonic() < ends, done.complaint
        time.sleep(0.2)
        done = network.exchange(*taking, home=B)

    assert done.fact("next") == "exchange log verify --receipt event.tlog-proof --policy FILE"
    policy = str(network.root / B / "log-policy")
    network.must("log", "verify", "--receipt", "event.tlog-proof", "--policy", policy)
    before = (network.root / "event.tlog-proof").read_bytes()
    assert "not overwritten" in network.refused(*taking, home=B)
    assert (network.root / "event.tlog-proof").read_bytes() == before
    assert network.must(*taking[:4], home=B).shown.startswith("c2sp.org/tlog-proof@v1\n")
    nothing = "00000000-0000-4000-8000-000000000000"
    assert "not found" in network.refused("officer", "file", "proof", nothing, home=B)


def test_the_log_agreements_and_partners_are_listed(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "listed-consent.toml")
    asked = ("officer", "events", "--kind", "consent-recorded", "--since", day(-1))
    ends = time.monotonic() + PATIENCE_S
    while consent not in (events := network.must(*asked, home=B).shown):
        assert time.monotonic() < ends
        time.sleep(0.2)

    assert {line.split("  ")[1].split(" by ")[0] for line in events.splitlines()} == {
        "consent-recorded"
    }
    of_one = ("officer", "events", "--consent", consent, "--until", day(1), "--json")
    (told,) = network.must(*of_one, home=B).shown.splitlines()
    page = canonical.loads(told.encode(), limit=10**6)
    assert {one["consent"] for one in page["answer"]} == {consent}
    assert "not understood: consent" in network.refused(
        "officer", "events", "--consent", "no-id", home=B
    )

    terms = network.must("officer", "agreements", home=B).shown
    assert terms.startswith(f"{agreed}  in-force, begins ")
    assert A in terms
    partners = network.must("officer", "partners", home=B).shown
    assert f"{A}  active\n  " in partners
    assert "document" in partners


def test_the_whole_log_is_taken_away_and_verified(network: Network, agreed: str) -> None:
    recorded(network, agreed, "log-consent.toml")
    taking = ("officer", "file", "log", "-o", "log.tar")
    ends = time.monotonic() + PATIENCE_S
    done = network.exchange(*taking, home=B)
    while done.code:  # no head is published yet
        assert time.monotonic() < ends, done.complaint
        time.sleep(0.2)
        done = network.exchange(*taking, home=B)

    assert done.fact("taken") == "log.tar"
    assert done.fact("next") == "exchange log verify log.tar --policy FILE"
    policy = str(network.root / B / "log-policy")
    said = network.must("log", "verify", "log.tar", "--policy", policy).shown
    assert f"coverage.json of {B} says the same" in said
    assert "not overwritten" in network.refused(*taking, home=B)


def test_a_lost_key_is_answered_with_its_deadline(network: Network, agreed: str) -> None:
    recorded(network, agreed, "breach-consent.toml")
    kid = network.must("keys", "show", home=B).fact("identity")
    asked = ("officer", "breach", "identity", kid, "--since", day(-1))
    ends = time.monotonic() + PATIENCE_S
    found = network.must(*asked, home=B)
    while "consent-recorded of" not in found.shown:
        assert time.monotonic() < ends
        time.sleep(0.2)
        found = network.must(*asked, home=B)

    # In UTC, and midnight may pass meanwhile.
    assert found.fact("report by")[:10] in {day(2), day(3), day(4)}
    assert found.fact("next").startswith("succession")


def test_what_an_agency_may_not_read_it_is_not_told(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "hidden-consent.toml")

    assert "not found" in network.refused("officer", "consent", consent, home=A)


def test_the_overview_counts_what_lists_show_and_nothing_is_reminded_that_nobody_owes(
    network: Network, agreed: str
) -> None:
    recorded(network, agreed, "overview-consent.toml")

    overview = network.must("officer", "overview", home=B)
    assert overview.fact("owed") == "0, overdue 0"
    assert int(overview.fact("agreements")) >= 1
    assert "finding     sent-after-withdrawal" not in overview.shown
    assert overview.fact("refused").endswith("in the 28 days before: not unusual")
    assert network.must("officer", "findings", "sent-after-withdrawal", home=B).shown == ""
    line = network.must("officer", "findings", "looks", "--since", day(-1), "--json", home=B).shown
    page = canonical.loads(line.encode(), limit=10**6)
    assert (page["asked"]["finding"], page["asked"]["from"]) == ("looks", day(-1))
    nothing = "00000000-0000-4000-8000-000000000000"
    assert "not found" in network.refused("officer", "remind", nothing, home=B)
