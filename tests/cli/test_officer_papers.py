"""exchange.cli.officer_file: answers on paper, from a real hub."""

import pytest

from tests.cli.network import B, Network
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
