"""A hub and two agencies for the tests of the command line, once per file."""

from collections.abc import Iterator

import pytest

from tests.cli.network import AGREEMENT, SUBJECT, A, B, Network, join, pin, serve
from tests.ports import free_port


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Return a hub with two agencies that have pinned each other; nothing is agreed yet."""
    port = free_port()
    found = Network(tmp_path_factory.mktemp("network"), f"http://127.0.0.1:{port}")
    found.must("hub", "init", "--origin", found.origin, home="hub")
    with (found.root / "hub" / "hub.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[token]\nrate = 100\nburst = 100\nper_address = 100\n")
    hub = serve(found)
    try:
        kids = {agency: join(found, agency) for agency in (A, B)}
        pin(found, A, B, kids[B])
        pin(found, B, A, kids[A])
        found.write("undertaking.txt", "Wir verpflichten uns\n")
        found.write("scan.pdf", "%PDF-1.4\n")
        found.write("subject.toml", SUBJECT)
        found.write("agreement.toml", AGREEMENT)
        yield found
    finally:
        hub.terminate()
        hub.wait(30)


@pytest.fixture(scope="module")
def agreed(network: Network) -> str:
    """Return the id of an agreement that both parties have signed."""
    proposed = network.must("agreement", "propose", "agreement.toml", home=A)
    agreement = proposed.fact("proposed")
    network.must("agreement", "sign", agreement, "--yes", home=B)
    return agreement
