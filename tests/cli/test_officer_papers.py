"""exchange.cli.officer_file: answers on paper, from a real hub."""

import pytest

from exchange import canonical
from tests.cli.network import A, B, Network, recorded
from tests.cli.test_officer import day

pytestmark = pytest.mark.xdist_group("cli-network")


def test_an_answer_is_taken_on_paper(network: Network, agreed: str) -> None:
    erasures = ("officer", "file", "erasures", "--state", "all", "--format", "pdf")
    disclosures = ("officer", "file", "disclosures", "--since", day(-1), "--until", day(1))
    kid = network.must("keys", "show", home=B).fact("identity")
    breach = ("officer", "file", "breach", "identity", kid, "--since", day(-1))

    network.must(*erasures, "--language", "en", "-o", "erasures.pdf", home=B)
    network.must(*disclosures, "--format", "pdf", "-o", "disclosures.pdf", home=B)
    network.must(*breach, "--format", "pdf", "-o", "breach.pdf", home=B)

    for name in ("erasures", "disclosures", "breach"):
        assert (network.root / f"{name}.pdf").read_bytes().startswith(b"%PDF-"), name
    assert "say which with --out" in network.refused(*erasures, home=B)
    assert "counted from 1" in network.refused(*erasures, "--part", "0", "-o", "x.pdf", home=B)
    network.refused(*erasures, "--part", "9", "-o", "x.pdf", home=B)
    assert not (network.root / "x.pdf").exists()


def test_one_consent_is_taken_away_as_json_and_on_paper(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "taken-consent.toml")
    taking = ("officer", "file", "consent", consent)
    paper = (*taking, "--format", "pdf")

    assert network.must(*taking, "-o", "consent.jsonld", home=B).fact("taken") == "consent.jsonld"
    kept = (network.root / "consent.jsonld").read_bytes()
    assert canonical.loads(kept, limit=10**6)["dct:identifier"] == consent
    printed = network.must(*taking, home=B).shown
    assert canonical.loads(printed.encode(), limit=10**6)["dct:identifier"] == consent
    network.must(*paper, "--moment", "2026-01-01", "--language", "en", "-o", "one.pdf", home=B)
    assert (network.root / "one.pdf").read_bytes().startswith(b"%PDF-")

    for again, name in ((taking, "consent.jsonld"), (paper, "one.pdf")):
        before = (network.root / name).read_bytes()
        assert "not overwritten" in network.refused(*again, "-o", name, home=B)
        assert (network.root / name).read_bytes() == before
    assert "say which with --out" in network.refused(*paper, home=B)
    assert "add --format pdf" in network.refused(*taking, "--moment", "2026-01-01", home=B)
    for hidden in (taking, paper):
        assert "not found" in network.refused(*hidden, "-o", "hidden", home=A)
    assert not (network.root / "hidden").exists()
