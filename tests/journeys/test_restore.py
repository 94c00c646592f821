"""The worst day: a hub is lost after a withdrawal, and comes back by commands of its operator."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.audit.opening import event_opening
from exchange.cli.hub_home import SETTINGS_FILE
from exchange.cli.main import main
from exchange.hub import app, high_water
from exchange.hub.heads import EVIDENCE
from exchange.verifier.opened import NAME, Opened, write_opened
from exchange.wire import routes
from tests.hub.restored import empty_hub, mirrored, stopped
from tests.simulator import SENDER, Simulator


async def typed(home: Path, *words: str | Path) -> int:
    """Run a command as the operator types it, beside this hub's own loop."""
    return await asyncio.to_thread(main, [*map(str, words), "--home", str(home)])


def configure(sim: Simulator) -> None:
    """Write the settings as the operator has them."""
    text = f'origin = "{sim.origin}"\n[listen]\nport = {sim.port}\n[disk]\nreserve = 1024\n'
    (sim.home / SETTINGS_FILE).write_text(text, encoding="utf-8")


async def shown_by_agencies(sim: Simulator, folder: Path) -> Path:
    """Write what an export of an agency opens: here of everything but the withdrawal."""
    found = []
    for row in await sim.rows(
        "SELECT x.idx, e.chain, e.n, e.body FROM log_event e JOIN log_entry x ON x.rid = e.rid "
        "WHERE e.chain IS NOT NULL AND e.kind <> 'consent-withdrawn' ORDER BY x.idx"
    ):
        key = (await sim.hub.vault.chain(row.chain)).key
        assert key is not None
        found.append(write_opened(Opened(row.idx, event_opening(key, row.n, bytes(row.body)))))
    folder.mkdir()
    (folder / NAME).write_bytes(b"".join(line + b"\n" for line in found))
    return folder


async def test_a_hub_is_lost_and_comes_back_and_no_withdrawal_is_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sim = Simulator(tmp_path / "one")
    async with sim.running():
        configure(sim)
        await sim.arrange()
        withdrawn, resting = await sim.consent(), await sim.consent()
        letter = await sim.sent(withdrawn)
        kept = await sim.sent(resting)
        await sim.settled()
        records, vault = tmp_path / "backup" / "records", tmp_path / "other" / "vault"
        assert await typed(sim.home, "hub", "backup", records, "--vault", vault) == 0

        assert (await sim.withdraw(withdrawn)).status == 200
        mirror = await mirrored(sim, tmp_path / "mirror")
        export = await shown_by_agencies(sim, tmp_path / "export")
        await sim.runner.cleanup()  # and then the machine burns

        again = empty_hub(sim, tmp_path / "two", {})
        configure(again)
        for name in ("vault/vault.key", high_water.FILE):
            shutil.copyfile(sim.home / name, again.home / name)
        for backup in (vault, records):
            assert await typed(again.home, "hub", "restore", backup) == 0

    async with again.running():
        assert stopped(again) == EVIDENCE
        assert (await again.collect(letter)).status == 503
        state = await again.call(SENDER, routes.GET_DISCLOSURE, id=kept.id)
        assert state.json["state"] == "expired"  # its payload burnt: its sender sends it again

    capsys.readouterr()
    assert await typed(again.home, "log", "import", "--from", mirror, "--openings", export) == 0
    told = capsys.readouterr().out
    assert "entries brought back: 2, known again: 1" in told
    assert "ended: consents 1, agreements 0" in told

    again.now = app.now().replace(microsecond=0) + timedelta(seconds=1)
    # The commands of the operator have the real clock.
    async with again.running():
        assert stopped(again) is None
        seen = (await again.call(SENDER, routes.GET_CONSENT, id=withdrawn.id)).json
        assert (seen["state"], seen["reason"]) == ("ended", "restored")
        assert (await again.withdraw(withdrawn)).status == 200
        await again.settled()
