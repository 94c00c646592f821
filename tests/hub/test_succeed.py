"""exchange.hub.succeed: a log that lost entries ends; its successor says so and holds the rest."""

from pathlib import Path
from typing import Any

import pytest

from exchange import canonical
from exchange.errors import Misconfigured
from exchange.hub import app, follow_log, high_water
from exchange.hub.heads import EVIDENCE
from exchange.hub.settings import HubSettings
from exchange.hub.signer import OPENED
from exchange.hub.storage import checkpoints, tree
from exchange.hub.succeed import Reason, Succeeded, begun, folder, retire, succeed, unseen
from exchange.verifier.entries import Progress
from exchange.verifier.files import FolderFiles
from exchange.verifier.report import Outcome
from exchange.verifier.source import Source
from exchange.verifier.verify import Wanted, verify
from exchange.wire import routes
from tests.hub.restored import Place, backed_up, brought_back, stopped
from tests.simulator import SENDER, Simulator


async def succeeded(
    again: Simulator,
    origin: str,
    reason: Reason = "entries-lost",
    progress: Progress = unseen,
) -> Succeeded:
    """Close the log of a hub that does not serve."""
    opened = app.opened(again.settings, clock=lambda: again.now, on_failure=lambda: None)
    async with opened as found:
        return await succeed(found.hub, origin, reason, progress)


def renamed(settings: HubSettings, origin: str) -> HubSettings:
    """Return settings with another name of the log."""
    return settings.model_copy(update={"log": settings.log.model_copy(update={"origin": origin})})


async def test_a_successor_names_what_it_follows_and_holds_what_is_known(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    consent = await sim.consent()
    letter = await sim.sent(consent)
    await backed_up(sim, tmp_path / "backup")
    await sim.withdraw(consent)
    await sim.settled()
    last = high_water.read(sim.home)
    assert last is not None
    name = sim.hub.signer.origin
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        async with again.running():
            assert stopped(again) == EVIDENCE
            before = (await again.hub.db.read(tree.tree)).size
            leaves = await again.hub.db.read(tree.leaves, 0, before)

        done = await succeeded(again, f"{name}/e2")
        assert (done.consents, done.queued) == (1, before - 2)  # not its opening, nor its policy

        with pytest.raises(Misconfigured, match=r"set log.origin"):  # under the old name: never
            async with again.running():
                raise AssertionError("it was opened")
        again.settings = renamed(again.settings, f"{name}/e2")
        async with again.running():
            await again.settled()
            assert stopped(again) is None
            entries = await again.hub.db.read(tree.leaves, 0, 1000)
            assert set(leaves) - set(entries) == {leaves[0], *policies(leaves, entries)}
            row = (await again.rows("SELECT body FROM log_event WHERE kind = 'opened'"))[-1]
            opened = canonical.loads(bytes(row.body), limit=10_000)
            assert opened == {
                "origin": f"{name}/e2",
                "predecessor": name,
                "head": last.decode(),
                "reason": "entries-lost",
            }
            assert (await again.collect(letter)).status == 404
            seen = (await again.call(SENDER, routes.GET_CONSENT, id=consent.id)).json
            assert (seen["state"], seen["reason"]) == ("ended", "restored")
            # A new consent, and all goes on; served below its own name, too.
            assert (await again.collect(await again.sent())).status == 200
            async with again.http.get(f"http://{name}/e2/policy") as answer:
                assert answer.status == 200
                assert (await answer.read()) == again.hub.signer.policy_text
        assert not (again.home / high_water.FILE).exists() or high_water.read(again.home) != last
        assert high_water.read(done.closed) == last
        source = Source(FolderFiles(done.closed))
        assert (await source.checkpoint()).startswith(f"{name}\n{before}\n".encode())


def policies(before: list[bytes], after: list[bytes]) -> set[bytes]:
    """Return the leaf of the closed log's policy: its keys have the closed log's name."""
    gone = [leaf for leaf in before[1:] if leaf not in after]
    assert len(gone) == 1
    assert gone[0][0] == 2
    return set(gone)


async def misplaced(again: Simulator) -> list[Any]:
    """Return rows of officers' lists whose entry is another one in the log that is followed now."""
    await follow_log.catch_up(again.hub)
    rows = await again.rows(
        "SELECT r.idx, r.kind, e.kind AS found FROM log_reader r "
        "LEFT JOIN log_entry l ON l.idx = r.idx LEFT JOIN log_event e ON e.rid = l.rid"
    )
    assert rows != []
    return [row for row in rows if row.kind != row.found]


@pytest.mark.parametrize("stored_in", ["sqlite"], indirect=True)
async def test_officers_lists_follow_the_successor_from_its_beginning(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    await sim.sent(await sim.consent())
    await backed_up(sim, tmp_path / "backup")
    name = f"{sim.hub.signer.origin}/e2"
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        async with again.running():
            assert await misplaced(again) == []
        await succeeded(again, name)
        again.settings = renamed(again.settings, name)
        async with again.running():
            await again.settled()
            assert await misplaced(again) == []


async def test_a_log_gets_another_name_or_is_not_closed(sim: Simulator) -> None:
    await sim.settled()
    with pytest.raises(Misconfigured, match="nothing to close"):
        await succeed(sim.hub, sim.hub.signer.origin, "entries-lost")
    assert await sim.hub.db.read(checkpoints.newest) is not None
    assert not begun(sim.home, "hub.example/log/e2")


@pytest.mark.parametrize("stored_in", ["sqlite"], indirect=True)
async def test_a_stolen_key_ends_no_consent_and_an_interrupted_end_is_finished(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    consent = await sim.consent()
    await backed_up(sim, tmp_path / "backup")
    name = f"{sim.hub.signer.origin}/e2"
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        kept = high_water.read(again.home)
        told = list[tuple[int, int]]()
        done = await succeeded(
            again, name, "key-stolen", progress=lambda *so_far: told.append(so_far)
        )
        assert done.consents == 0
        assert told[-1][0] == told[-1][1] > 0
        wanted = Wanted(policy=sim.hub.signer.policy, now=again.now)
        checks = [one async for one in verify(Source(FolderFiles(done.closed)), wanted, unseen)]
        assert [(one.name, one.outcome) for one in checks if one.outcome is not Outcome.GOOD] == [
            ("policy", Outcome.UNCHECKED)  # what a log serves is not in its folder
        ]
        (again.home / high_water.FILE).write_bytes(kept or b"")  # as a crash would leave it
        assert begun(again.home, name)
        retire(again.home, folder(again.home, name))
        retire(again.home, folder(again.home, name))
        assert high_water.read(again.home) is None
        again.settings = renamed(again.settings, name)
        async with again.running():
            assert (await again.collect(await again.sent(consent))).status == 200
            rows = await again.rows("SELECT max(next_n) AS most FROM log_chain")
            assert rows[0].most < 100


@pytest.mark.parametrize("stored_in", ["sqlite"], indirect=True)
async def test_a_crash_before_the_new_name_is_written_signs_nothing_under_the_old_one(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    await sim.consent()
    await backed_up(sim, tmp_path / "backup")
    before = (await sim.hub.db.read(tree.tree)).size
    name = sim.hub.signer.origin
    with empty() as place:
        again = await brought_back(
            sim, tmp_path / "backup", tmp_path / "two", place, payloads=True, high_water=False
        )

        opened = app.opened(again.settings, clock=lambda: again.now, on_failure=lambda: None)
        async with opened as found:
            (again.home / OPENED).mkdir()  # the disk fails just there
            with pytest.raises(OSError, match="directory"):
                await succeed(found.hub, f"{name}/e2", "entries-lost")
        (again.home / OPENED).rmdir()
        async with again.running():
            assert stopped(again) == EVIDENCE
            assert (await again.send(again.letter((await again.consent()).digest))).status == 503
        await succeeded(again, f"{name}/e2")
        again.settings = renamed(again.settings, f"{name}/e2")
        async with again.running():
            await again.settled()
            assert (await again.hub.db.read(tree.tree)).size > before
