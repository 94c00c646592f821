"""A gateway killed at every durable point of its watched folders, and started again.

What was put there is sent once, and what arrived is put there once, also where the back office
empties the folder in between (THREATS F24).
"""

from pathlib import Path

import pytest

from exchange.agency import state
from exchange.agency.state import Sending
from tests.agency.network import (
    CONSENT_ID,
    LETTER,
    RECIPIENT,
    SENDER,
    Network,
    files_below,
)
from tests.crashes.test_gateway import fresh, zygote
from tests.crashes.zygote import KILLED

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("crashes")]
SEND = f"""\
consent = "{CONSENT_ID}"
recipients = ["{RECIPIENT}"]
category = "rent-arrears-letter"
"""


def put(network: Network, root: Path) -> Path:
    """Let the sender watch a folder that holds a document, and a standing folder with one more."""
    out = root / "out"
    for name, send in (("Mahnung", SEND), ("Bescheide", f"each = true\n{SEND}")):
        (out / name).mkdir(parents=True)
        (out / name / "send.toml").write_text(send)
        (out / name / "Brief.pdf").write_bytes(LETTER + name.encode())
    settings = network.offices[SENDER].home.settings_file
    settings.write_text(settings.read_text() + f'[watch]\nout = "{out}"\n')
    return out


async def check_sent(network: Network, out: Path) -> None:
    """Both documents are at the hub, once, and the folder says so."""
    home = network.offices[SENDER].home
    async with network.gateway(SENDER) as gateway:
        known = await gateway.state.read(state.list_sent)
    assert [sent.state for sent in known] == [Sending.STORED] * 2
    assert sorted(network.double.kept) == sorted(sent.id for sent in known)
    assert {path.name for path in (out / "done").iterdir()} == {"Mahnung", "Bescheide-Brief.pdf"}
    for folder in (out / "done").iterdir():
        assert {path.name for path in folder.iterdir()} == {
            "send.toml", "Brief.pdf", "receipt.json"
        }  # fmt: skip
    assert files_below(out / "failed") == {}
    assert files_below(out / ".taken") == {}
    assert set(files_below(out)) - set(files_below(out / "done")) >= {"Bescheide/send.toml"}
    assert not (out / "Mahnung").exists()
    assert files_below(home.outgoing) == {}


async def test_killed_at_every_point_of_sending_what_lies_in_a_folder(tmp_path: Path) -> None:
    async with zygote() as run:
        async with fresh(tmp_path / "none") as network:
            out = put(network, tmp_path / "none")
            code, points = await run(network, SENDER, "watch")
            assert code == 0
            await check_sent(network, out)
        assert points > 30

        for die in range(1, points + 1):
            async with fresh(tmp_path / str(die)) as network:
                out = put(network, tmp_path / str(die))
                assert (await run(network, SENDER, "watch", die=die))[0] == KILLED
                assert (await run(network, SENDER, "watch"))[0] == 0
                await check_sent(network, out)


def arrived(network: Network, root: Path) -> tuple[Path, Path]:
    """Put a converted document into the recipient's spool; return the watched folder and it."""
    into = root / "in"
    into.mkdir()
    home = network.offices[RECIPIENT].home
    home.settings_file.write_text(home.settings_file.read_text() + f'[watch]\ninto = "{into}"\n')
    document = home.spool / "2026-03-03_100000_3b9a6f0e"
    document.mkdir()
    for name in ("Brief.pdf", "index.html"):
        (document / name).write_bytes(LETTER)
    return into, document


async def test_killed_at_every_point_of_putting_a_document_there(tmp_path: Path) -> None:
    async with zygote() as run:
        async with fresh(tmp_path / "none") as network:
            arrived(network, tmp_path / "none")
            code, points = await run(network, RECIPIENT, "deposit")
            assert code == 0
        assert points > 10

        for die in range(1, points + 1):
            async with fresh(tmp_path / str(die)) as network:
                into, document = arrived(network, tmp_path / str(die))
                there, taken = into / document.name, tmp_path / str(die) / "taken"
                assert (await run(network, RECIPIENT, "deposit", die=die))[0] == KILLED
                if there.is_dir():
                    there.rename(taken)  # the back office is quicker than the next start
                assert (await run(network, RECIPIENT, "deposit"))[0] == 0
                assert there.exists() is not taken.exists()
                assert files_below(taken if taken.exists() else there) == files_below(document)
                assert {path.name for path in into.iterdir()} <= {document.name}
