"""exchange.cli.auditor: an auditor's own tool asks a real hub, without any gateway."""

import stat
from pathlib import Path

import pytest

from exchange import canonical
from tests.cli.network import A, B, Network, recorded

PERIOD = ("--period", "2026-01")
NOBODY = "00000000-0000-4000-8000-000000000000"

pytestmark = pytest.mark.xdist_group("cli-network")


@pytest.fixture(scope="module")
def seat(network: Network) -> tuple[str, ...]:
    """Return the options of an auditor whose key the operator has set."""
    made = network.must("auditor", "new-key", "auditor.pem")
    account = network.must("hub", "officer", "add", "--role", "auditor", home="hub").shown.strip()
    key = str(network.root / "auditor.pem.pub")
    told = network.must("hub", "officer", "set-key", account, key, home="hub").shown.strip()
    assert told == made.fact("name")
    return ("--hub", network.origin, "--account", account, "--key", "auditor.pem")


def test_a_new_key_is_its_owner_s_alone_and_never_written_over(network: Network) -> None:
    network.must("auditor", "new-key", "own.pem")
    assert stat.S_IMODE((network.root / "own.pem").stat().st_mode) == 0o600
    assert (network.root / "own.pem.pub").read_text().startswith("-----BEGIN PUBLIC KEY-----\n")
    assert "not overwritten" in network.refused("auditor", "new-key", "own.pem")
    (network.root / "own.pem").unlink()
    assert "not overwritten" in network.refused("auditor", "new-key", "own.pem")


def test_an_auditor_is_answered_in_words_as_json_and_as_files(
    network: Network, agreed: str, seat: tuple[str, ...]
) -> None:
    consent = recorded(network, agreed, "auditor-consent.toml")
    listed = network.must("auditor", "agreements", *seat).shown
    assert listed.startswith(f"{agreed}  in-force, begins ")
    assert listed.endswith(f": {A}, {B}\n")
    (line,) = network.must("auditor", "agreements", "--json", *seat).shown.splitlines()
    page = canonical.loads(line.encode(), limit=10**6)
    assert [one["id"] for one in page["answer"]] == [agreed]

    table = network.must("auditor", "figures", agreed, *PERIOD, *seat).shown
    assert table.startswith("\ufeffquestion,statistics\r\n")
    assert "\r\n\r\nperiod,by,value," in table
    assert "agency," not in table
    network.must("auditor", "figures", agreed, *PERIOD, "--format", "json", "-o", "f.json", *seat)
    assert agreed in (network.root / "f.json").read_text()
    assert "not overwritten" in network.refused(
        "auditor", "figures", agreed, *PERIOD, "-o", "f.json", *seat
    )

    log = network.must("auditor", "log", "-o", "head.note", *seat)
    assert log.fact("log").startswith("in order, ")
    assert log.fact("root") in (network.root / "head.note").read_text()
    entry = network.must("auditor", "entry", "0", "-o", "entry-0.tlog-proof", *seat)
    assert entry.fact("entry").startswith("0 of ")
    checked = network.must(
        *("log", "verify", "--policy", "log-policy", "--receipt", "entry-0.tlog-proof")
    ).shown
    assert "entry 0 is in the log; what it says is not shown" in checked
    grown = network.must("auditor", "growth", "1", "-o", "growth.txt", *seat)
    assert grown.fact("from").startswith("1, root ")
    for name in ("entry-0.tlog-proof", "growth.txt"):
        assert "\n\u2014 " in (network.root / name).read_text()  # signed
    assert network.must("auditor", "token", *seat).shown.count(".") == 2
    for shown in (listed, table, log.shown, entry.shown, grown.shown):
        assert consent not in shown


def test_what_is_refused_is_one_line_that_says_what_to_do(
    network: Network, seat: tuple[str, ...]
) -> None:
    hub, account = seat[1], seat[3]

    def refused(**changed: str) -> str:
        given = {"hub": hub, "account": account, "key": "auditor.pem", **changed}
        options = [part for name, value in given.items() for part in (f"--{name}", value)]
        return network.refused("auditor", "log", *options)

    assert "new-key missing.pem" in refused(key="missing.pem")
    assert "--account is an id" in refused(account="jobcentre-a")
    assert "https" in refused(hub="http://hub.example")
    network.must("auditor", "new-key", "other.pem")
    assert "hub officer set-key" in refused(key="other.pem")
    (network.root / "other.pem").chmod(0o644)
    assert "chmod 600" in refused(key="other.pem")
    network.write("text.pem", "no key at all\n")
    (network.root / "text.pem").chmod(0o600)
    assert "exactly one key" in refused(key="text.pem")
    for asked in (("entry", "999999"), ("growth", "999999"), ("figures", NOBODY, *PERIOD)):
        assert "nothing of this kind" in network.refused("auditor", *asked, *seat)


def test_the_operator_sets_public_keys_of_auditors_alone(
    network: Network, seat: tuple[str, ...]
) -> None:
    def refused(account: str, file: Path) -> str:
        return network.refused("hub", "officer", "set-key", account, str(file), home="hub")

    assert "private key" in refused(seat[3], network.root / "auditor.pem")
    assert "no file" in refused(seat[3], network.root / "absent.pub")
    network.write("text.pub", "no key at all\n")
    assert "exactly one public key" in refused(seat[3], network.root / "text.pub")
    officer = network.must("hub", "officer", "add", A, home="hub").shown.strip()
    network.must("auditor", "new-key", "fresh.pem")
    assert "only an auditor" in refused(officer, network.root / "fresh.pem.pub")
    other = network.must("hub", "officer", "add", "--role", "auditor", home="hub").shown.strip()
    assert "another account" in refused(other, network.root / "auditor.pem.pub")


def test_a_key_that_is_taken_away_asks_no_more(network: Network) -> None:
    network.must("auditor", "new-key", "leaving.pem")
    account = network.must("hub", "officer", "add", "--role", "auditor", home="hub").shown.strip()
    key = str(network.root / "leaving.pem.pub")
    name = network.must("hub", "officer", "set-key", account, key, home="hub").shown.strip()
    own = ("--hub", network.origin, "--account", account, "--key", "leaving.pem")
    network.must("auditor", "log", *own)
    assert f", key {name}" in network.must("hub", "officer", "list", home="hub").shown
    network.must("hub", "officer", "remove-key", account, home="hub")
    assert "hub officer set-key" in network.refused("auditor", "log", *own)
    assert "no such account, or it has no key" in network.refused(
        "hub", "officer", "remove-key", account, home="hub"
    )
