"""What an intake plugin says when it fails stays beside the document, and goes nowhere else.

The plugin is hostile, or quotes the document: its words are the document's.
"""

import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exchange.agency import quarantine
from exchange.agency.plugin_words import LONGEST
from exchange.agency.receive import Outcome
from exchange.envelope.sealing import Outgoing
from exchange.hookspecs import AGENCY_GROUP
from tests.agency.network import RECIPIENT, Network, files_below
from tests.agency.test_receive import result, round_of, sent
from tests.plugins.kitchen import environment, install

LOUD = """
from exchange.errors import Malformed
from exchange.hookspecs import EVERY_CHARACTER, FILES, Capabilities, Declaration, hookimpl

class Odd(Exception):
    def __str__(self):
        raise KeyError("KANARIE")

class Loud:
    capabilities = Capabilities(
        profiles=frozenset({FILES}), media_types=frozenset({"text/plain"}),
        max_size=1 << 20, name_alphabet=EVERY_CHARACTER,
    )

    async def convert(self, package, target):
        words = package.files[-1].path.read_bytes().decode("utf-8", "surrogateescape")
        if words == "odd":
            raise Odd
        if words.startswith("library"):
            raise ValueError(words)
        raise Malformed(words)

@hookimpl
def declare_plugin():
    return Declaration(contract=1, licence="EUPL-1.2", sees_plaintext=True)

@hookimpl
def register_intake_formats(settings):
    return [Loud()]
"""


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python, site = environment(tmp_path_factory.mktemp("environment") / "loud")
    (site / "exchange_loud.py").write_text(LOUD)
    install(site, "loud", AGENCY_GROUP, "exchange_loud")
    return python


@pytest.fixture
def loud(network: Network, interpreter: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    """The recipient's intake is the loud plugin."""
    monkeypatch.setattr(sys, "executable", str(interpreter))
    with network.offices[RECIPIENT].home.settings_file.open("a") as settings:
        settings.write('\n[intake]\nplugin = "loud"\n')
    return network


CASES = {
    "plain": (b"row 3 of KANARIE is no date", "malformed", "row 3 of KANARIE is no date"),
    "library": (b"library: KANARIE", "adapter-failed", "ValueError: library: KANARIE"),
    "odd": (b"odd", "adapter-failed", ""),
    "bytes": (b"\xff\xfeKANARIE\x00\x1b[2J", "malformed", "??KANARIE [2J"),
    "direction": ("KANARIE\u202efdp\u2066".encode(), "malformed", "KANARIE fdp"),
    "address": (b"KANARIE@office.example http://x", "malformed", "(address) (address)"),
    "forged": (b"KANARIE\r\nonward\r\n", "malformed", "KANARIE onward"),
    "long": (b"KANARIE " * 100_000, "malformed", None),
    "spaces": (b" \r\n\t", "malformed", ""),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_words_of_a_failure_lie_beside_the_document_and_nowhere_else(
    loud: Network, case: str
) -> None:
    content, reason, words = CASES[case]
    kept = await sent(loud, files=(Outgoing("Brief.txt", "text/plain", content),))
    home = loud.offices[RECIPIENT].home

    with capture_logs() as logged:
        done = await round_of(loud)
    async with loud.gateway(RECIPIENT) as gateway:
        (aside,) = await quarantine.list_quarantine(gateway)

    assert done.outcomes == {Outcome.QUARANTINED: 1}
    assert result(kept) == ("quarantined", "malformed" if reason == "malformed" else "intake")
    assert aside.reason == reason
    assert aside.words == words if words is not None else len(aside.words) == LONGEST
    assert aside.may_be_released
    assert aside.words not in repr(aside) or not aside.words
    found = files_below(home.quarantine)
    assert found[f"{aside.id}/document/Brief.txt"] == content
    assert len(found[f"{aside.id}/reason.txt"]) < 4096
    assert "KANARIE" not in repr(logged)
    assert all("KANARIE" not in str(answer) for answer in kept.answers.values())
    elsewhere = {
        name: file
        for name, file in files_below(home.root).items()
        if not name.startswith("quarantine/")
    }
    assert [name for name, file in elsewhere.items() if b"KANARIE" in file] == []


async def test_the_words_go_with_the_document_that_is_released_and_with_the_one_removed(
    loud: Network,
) -> None:
    await sent(loud, files=(Outgoing("Brief.txt", "text/plain", b"row 3 is KANARIE"),))
    await round_of(loud)
    home = loud.offices[RECIPIENT].home
    async with loud.gateway(RECIPIENT) as gateway:
        (aside,) = await quarantine.list_quarantine(gateway)
        folder = await quarantine.release(gateway, aside.id)
    found = files_below(home.spool)
    assert b"row 3 is KANARIE" in found[f"{folder}/reason.txt"]
    assert b"KANARIE" not in found[f"{folder}/{quarantine.NOTE}"]
    assert files_below(home.quarantine) == {}
