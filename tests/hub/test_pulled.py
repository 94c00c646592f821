"""Witnesses that pull, against a whole hub over HTTP: no open port, and a quorum all the same."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from exchange.audit.cosignature import cosign
from exchange.audit.note import Note, read_note, write_note
from exchange.audit.policy import judge
from exchange.audit.submission import MOST_BYTES
from exchange.hub.heads import EVIDENCE
from exchange.hub.storage import checkpoints
from exchange.statement import seconds
from exchange.witness.look import Look, look_once
from exchange.witness.memory import file_name
from exchange.witness.mirror import Mirror, mirror
from exchange.witness.pull import Last, Pulled
from exchange.witness.road import Road, Way, open_road
from tests.hub.witnessing import Watched, Watching, fork_of, watched, witness_key
from tests.simulator import SENDER

GROWTH = 60
"""Entries by which the log grows while it is watched."""
BETWEEN_S = 0.01
"""Seconds between two entries: a hundred come in a second."""
CANDIDATES = 6


def look_at(sim: Watched, witness: Watching, road: Road) -> Look:
    return Look(witness.cosigner, road, sim.hub.signer.origin, lambda: sim.now)


async def test_two_witnesses_at_their_own_pace_make_a_quorum_on_a_growing_log(
    tmp_path: Path,
) -> None:
    """Each looks twice between two candidates, as five seconds and ten are; none is missed."""
    async with watched(tmp_path, pull=("a", "b")) as sim, AsyncExitStack() as stack:
        way = Way(f"{sim.origin}/log")
        looks = [
            look_at(sim, one, await stack.enter_async_context(open_road(way)))
            for one in sim.witnesses.values()
        ]
        lasts = [Last(), Last()]
        growing = asyncio.create_task(_grow(sim))
        named = []
        for _ in range(CANDIDATES):
            await asyncio.sleep(GROWTH * BETWEEN_S / CANDIDATES)
            named.append(await sim.candidate())
            for look, last in (*zip(looks, lasts, strict=True), (looks[0], lasts[0])):
                await look_once(look, last)
        await growing

        assert len({head.size for head in named}) > CANDIDATES // 2  # it did grow meanwhile
        for head in named:
            note = await sim.hub.db.read(checkpoints.served_note, head.size)
            assert judge(sim.hub.signer.policy, note).quorum
        assert sim.hub.heads.unwitnessed_since is None


async def _grow(sim: Watched) -> None:
    for _ in range(GROWTH):
        assert (await sim.publish(SENDER)).status == 200
        await asyncio.sleep(BETWEEN_S)


async def test_a_hub_that_lost_its_newest_entries_is_told_by_its_witness(tmp_path: Path) -> None:
    """The witness posts what it holds, the hub knows its own signature and stops signing."""
    async with watched(tmp_path, pull=("a",)) as sim:
        head = await sim.candidate()
        witness = sim.witnesses["a"]
        async with open_road(Way(f"{sim.origin}/log")) as road:
            look = look_at(sim, witness, road)
            assert await look_once(look, Last()) is Pulled.COSIGNED
            # As if the database had been set back behind this witness.
            (tmp_path / "witness-a" / file_name(sim.hub.signer.origin)).write_bytes(
                fork_of(sim, head.size + 9)
            )

            assert await look_once(look, Last()) is Pulled.BEHIND

        assert sim.hub.heads.stopped == EVIDENCE


async def test_a_copy_is_made_of_what_a_hub_serves(tmp_path: Path) -> None:
    async with watched(tmp_path, pull=("a",)) as sim:
        await sim.grow(3)
        head = await sim.candidate()
        token = tmp_path / "token"
        token.write_text(sim.token(SENDER))
        async with open_road(Way(f"{sim.origin}/log", token_file=token)) as road:
            copy = Mirror(tmp_path / "copy")
            assert await mirror(copy, road, head.note) == head.size
        found = copy.head()
        assert found is not None
        assert found.root == head.root


async def test_what_cannot_be_taken_is_told_by_its_status(tmp_path: Path) -> None:
    async with (
        watched(tmp_path, pull=("a",)) as sim,
        open_road(Way(f"{sim.origin}/log")) as road,
    ):
        head = await sim.candidate()
        text = read_note(head.note).text
        stranger = cosign(text, witness_key("stranger"), seconds(sim.now))
        text_beyond = read_note(fork_of(sim, 10**6)).text
        beyond = cosign(text_beyond, witness_key("a"), seconds(sim.now))

        assert await road.hand_in(b"nothing") == 400
        assert await road.hand_in(write_note(Note(text, (stranger,)))) == 403
        assert await road.hand_in(write_note(Note(text_beyond, (beyond,)))) == 404
        assert await road.hand_in(b"x" * (MOST_BYTES + 1)) == 413
        assert await road.hand_in(await sim.cosigned("a", head)) == 200
