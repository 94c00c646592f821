"""A document through a real hub, taken as one signed container that a foreign library verifies."""

import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier

from tests import certificates
from tests.cli.network import A, B, Network, recorded

pytestmark = [pytest.mark.xdist_group("cli-network")]

SMALL = b"%PDF-1.7 small"
CONTAINERS = """
[container]
key = "seal.key"
certificate = "seal.pem"
"""


@pytest.fixture(scope="module")
def seal() -> certificates.Seal:
    return certificates.seal(certificates.authority())


@pytest.fixture(scope="module", autouse=True)
def containers(network: Network, seal: certificates.Seal) -> None:
    """Let A take every document as one container, signed with its own key."""
    home = network.root / A
    settings = home / "gateway.toml"
    text = settings.read_text(encoding="utf-8")
    assert "plugin = 'folder'" in text
    changed = text.replace("plugin = 'folder'", 'plugin = "asic"') + CONTAINERS
    settings.write_text(changed, encoding="utf-8")
    (home / "seal.key").write_bytes(seal.key_pem)
    (home / "seal.key").chmod(0o600)
    (home / "seal.pem").write_bytes(seal.pem)
    (home / "seal.pem").chmod(0o644)


@pytest.fixture
def consent(network: Network, agreed: str, tmp_path: Path) -> str:
    return recorded(network, agreed, f"{tmp_path.name}.toml")


def send(network: Network, consent: str, content: bytes) -> None:
    (network.root / "letter.pdf").write_bytes(content)
    network.must(
        *("gateway", "send", "letter.pdf", "--consent", consent, "--to", A),
        *("--category", "rent-arrears-letter"),
        home=B,
    )


def taken(network: Network, seal: certificates.Seal) -> list[dict[str, bytes]]:
    """Let A fetch; return what lies in each new container, its signature verified."""
    network.must("gateway", "fetch", home=A)
    found = []
    for folder in sorted((network.root / A / "spool").iterdir()):
        (container,) = [path for path in folder.iterdir() if path.suffix == ".asice"]
        found.append(verified(container, seal))
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    return found


def verified(container: Path, seal: certificates.Seal) -> dict[str, bytes]:
    """Return the members of a container, each of them under its one signature."""
    with zipfile.ZipFile(container) as packed:
        assert packed.infolist()[0].filename == "mimetype"
        assert packed.infolist()[0].compress_type == zipfile.ZIP_STORED
        found = {name: packed.read(name) for name in packed.namelist()}
    covered: set[str] = set()

    def resolve(uri: str) -> bytes:
        covered.add(unquote(uri))
        return found[unquote(uri)]

    XAdESVerifier().verify(
        found.pop("META-INF/signatures001.xml"),
        x509_cert=seal.certificate,
        uri_resolver=resolve,
        expect_config=XAdESSignatureConfiguration(location="./", expect_references=True),
    )
    assert covered == found.keys() - {"mimetype", "META-INF/manifest.xml"}
    return found


def test_a_document_arrives_as_one_signed_container(
    network: Network, consent: str, seal: certificates.Seal
) -> None:
    send(network, consent, SMALL)
    (members,) = taken(network, seal)

    assert members["letter.pdf"] == SMALL
    assert {Path(name).suffix for name in members} >= {".jws", ".json", ".pdf"}
