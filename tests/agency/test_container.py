"""A document that arrives as one signed container, with all that proves it."""

import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier

from exchange.agency import poll, send
from exchange.agency.hand_over import open_reception
from exchange.agency.receive import Outcome
from exchange.errors import Misconfigured
from tests import certificates
from tests.agency.network import LETTER, RECIPIENT, SENDER, Network, draft

SETTINGS = """
[intake]
plugin = "asic"

[container]
key = "seal.key"
certificate = "seal.pem"
"""


@pytest.fixture(scope="module")
def seal() -> certificates.Seal:
    """The office's own, valid whatever time it is in the network."""
    return certificates.seal(certificates.authority(), days=(-5000, 5000))


@pytest.fixture
def home(network: Network, seal: certificates.Seal) -> Path:
    """Return the recipient's home, which makes containers."""
    home = network.offices[RECIPIENT].home
    with home.settings_file.open("a") as settings:
        settings.write(SETTINGS)
    (home.root / "seal.key").write_bytes(seal.key_pem)
    (home.root / "seal.key").chmod(0o600)
    (home.root / "seal.pem").write_bytes(seal.pem)
    (home.root / "seal.pem").chmod(0o644)
    return home.root


async def test_the_container_holds_the_documents_and_what_proves_them_under_one_signature(
    network: Network, home: Path, seal: certificates.Seal
) -> None:
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())
    async with network.receiving() as (gateway, reception):
        done = await poll.fetch(gateway, reception)
    assert done.outcomes == {Outcome.ACCEPTED: 1}

    (folder,) = [path for path in network.offices[RECIPIENT].home.spool.iterdir() if path.is_dir()]
    assert {path.name for path in folder.iterdir()} == {f"{sent.id}.asice", "00-HINWEIS.txt"}
    with zipfile.ZipFile(folder / f"{sent.id}.asice") as packed:
        found = {name: packed.read(name) for name in packed.namelist()}
    assert found["Mahnung März.pdf"] == LETTER
    assert {Path(name).suffix for name in found} >= {".jws", ".json", ".pdf"}

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


@pytest.mark.parametrize("missing", ["seal.key", "seal.pem"])
async def test_a_gateway_that_should_sign_and_cannot_does_not_start(
    missing: str, network: Network, home: Path
) -> None:
    (home / missing).unlink()
    async with network.gateway(RECIPIENT) as gateway:
        with pytest.raises(Misconfigured, match=missing):
            async with open_reception(gateway):
                pass


async def test_a_key_that_others_can_read_does_not_sign(network: Network, home: Path) -> None:
    (home / "seal.key").chmod(0o640)
    async with network.gateway(RECIPIENT) as gateway:
        with pytest.raises(Misconfigured, match=r"seal\.key"):
            async with open_reception(gateway):
                pass
