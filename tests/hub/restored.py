"""A hub brought back from a backup: another home with the same keys, and what was backed up."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange.audit.tiles import bundle_path, bundles_of, encode_bundle
from exchange.canonical import sha256_hex
from exchange.hub import app
from exchange.hub.back_up import back_up
from exchange.hub.high_water import FILE
from exchange.hub.open_vault import VAULT
from exchange.hub.restore import restore
from exchange.hub.storage import checkpoints, tree
from exchange.hub.storage.snapshot import Snapshot
from tests.simulator import Simulator

MADE_AT = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
Place = Callable[[], AbstractContextManager[dict[str, Any]]]
"""Makes settings that say where records go, in a database that is empty."""


on_file = pytest.mark.parametrize("stored_in", ["sqlite"], indirect=True)
"""Of tests that ask nothing of the database that the others do not ask."""


def quiet(_done: int, _total: int) -> None:
    """Take what is told of progress."""


def stopped(sim: Simulator) -> str | None:
    """Return why a hub signs nothing, as of now."""
    return sim.hub.heads.stopped


async def backed_up(sim: Simulator, target: Path) -> Snapshot:
    """Back up the records of a running hub in a quiet moment: all of it is in a signed head."""
    await sim.settled()
    return back_up(sim.settings, target, now=MADE_AT, progress=quiet)


async def brought_back(
    sim: Simulator,
    backup: Path,
    root: Path,
    stored_in: dict[str, Any],
    *,
    payloads: bool,
    high_water: bool = True,
) -> Simulator:
    """Stop the hub and return it as it is brought back elsewhere, under its address; not running.

    Keys and vault are those of the hub that was lost; so are the payloads, if they are said to be.
    """
    await sim.runner.cleanup()
    again = empty_hub(sim, root, stored_in)
    again.later(minutes=2)
    for name in (VAULT, *(("payloads",) if payloads else ())):
        shutil.rmtree(again.home / name)
        shutil.copytree(sim.home / name, again.home / name)
    if high_water:
        shutil.copyfile(sim.home / FILE, again.home / FILE)
    restore(again.settings, backup, now=again.now - timedelta(minutes=1), progress=quiet)
    return again


def empty_hub(sim: Simulator, root: Path, stored_in: dict[str, Any]) -> Simulator:
    """Return a hub with the keys and the address of another, and with nothing else."""
    again = Simulator(root, **stored_in)
    again.port = sim.port
    again.settings = again.settings.model_copy(update={"origin": sim.origin})
    again.now, again.offices, again.stated = sim.now, sim.offices, sim.stated
    again.agreement, again.scope, again.agreement_id = sim.agreement, sim.scope, sim.agreement_id
    app.make_home(again.home)
    for key in sim.home.glob("*.key"):
        shutil.copyfile(key, again.home / key.name)
    return again


async def mirrored(sim: Simulator, target: Path) -> Path:
    """Write the log of a running hub as a witness that mirrors it keeps it: a plain folder."""
    await sim.settled()
    newest = await sim.hub.db.read(checkpoints.newest)
    assert newest is not None
    _write(target / "checkpoint", newest.note)
    for bundle in bundles_of(newest.size):
        leaves = await sim.hub.db.read(tree.leaves, bundle.n * 256, bundle.width)
        _write(target / bundle_path(bundle), encode_bundle(leaves))
    for row in await sim.rows("SELECT body FROM log_event WHERE chain IS NULL"):
        _write(target / "documents" / sha256_hex(row.body), bytes(row.body))
    return target


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
