"""`exchange consent sign`: evidence that somebody looks at before anything is signed."""

from pathlib import Path

import pytest

from tests import certificates, scans
from tests.cli.network import B, Network, draft

pytestmark = pytest.mark.xdist_group("cli-network")


@pytest.fixture(scope="module")
def authority(network: Network) -> certificates.Seal:
    """Return whose signers agency B believes."""
    found = certificates.authority()
    with (network.root / B / "gateway.toml").open("a", encoding="utf-8") as settings:
        settings.write(scans.settings(found))
    return found


@pytest.fixture
def container(tmp_path: Path, authority: certificates.Seal) -> bytes:
    return scans.signed(tmp_path, authority)


def drafted(network: Network, agreement: str, name: str, evidence: bytes, uses: str) -> None:
    (network.root / f"{name}.asice").write_bytes(evidence)
    draft(network, agreement, f"{name}.toml", uses=uses)
    written = network.root / f"{name}.toml"
    text = written.read_text(encoding="utf-8")
    assert "scan.pdf" in text
    written.write_text(text.replace("scan.pdf", f"{name}.asice"), encoding="utf-8")


def test_a_signed_form_and_an_unsigned_one_are_recorded(
    network: Network, agreed: str, container: bytes
) -> None:
    drafted(network, agreed, "signed", container, "3")
    drafted(network, agreed, "unsigned", scans.unsigned(container), "4")

    assert network.must("consent", "sign", "signed.toml", home=B).fact("recorded")
    assert network.must("consent", "sign", "unsigned.toml", home=B).fact("recorded")


def test_a_forged_form_is_refused_in_one_line_and_nothing_is_signed(
    network: Network, agreed: str, container: bytes
) -> None:
    drafted(network, agreed, "forged", scans.tampered(container), "5")
    before = set((network.root / B / "statements").iterdir())

    assert scans.VERIFIED in network.refused("consent", "sign", "forged.toml", home=B)
    assert set((network.root / B / "statements").iterdir()) == before
