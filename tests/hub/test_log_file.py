"""The whole log as a file, with what an agency may open: verified offline, or not whole."""

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from exchange.audit.merkle import TILE_WIDTH
from exchange.audit.opening import event_of, read_opening
from exchange.audit.tiles import Bundle
from exchange.cli.main import main
from exchange.errors import Unavailable
from exchange.hub import publish
from exchange.hub.follow_log import catch_up
from exchange.hub.officer_files import bundle
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.sessions import FRESH
from exchange.hub.read_log import LogFiles
from exchange.hub.storage import statements, tree
from exchange.verifier import pack, volumes
from exchange.verifier.archive import END, ArchiveFiles, read_archive
from exchange.verifier.entries import AHEAD
from exchange.wire import officer_files
from tests.asking import ask
from tests.attacks.parties import COLLECTOR, Parties
from tests.hub.erasable import grow, used
from tests.hub.test_agreements import give_notice
from tests.logs import random_leaves
from tests.officer import logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Simulator

LOG = "/officer/log.tar"
PROGRAM = Officer("gateway", "officer", SENDER)
BUNDLES = 20
BROKEN = r"payload|disconnected|closed"


async def published(sim: Simulator) -> None:
    """Let the newest head be named and published."""
    await grow(sim)
    await catch_up(sim.hub)
    await sim.settled()
    sim.later(seconds=sim.settings.log.witness_interval_s)
    await publish.publish(sim.hub, sim.settings.log)


async def arranged(sim: Simulator) -> None:
    """Let everything happen that leaves a signed statement."""
    asked = await sim.consent(uses="recurring")
    await used(sim, await sim.consent())
    await sim.sent(asked)
    await ask(sim)
    await published(sim)


def damage(conn: Connection) -> None:
    """Flip a bit of what the first tile says of an entry."""
    query = "SELECT hashes FROM log_tile WHERE level = 0 AND n = 0"
    row = bytes(conn.execute(text(query)).scalar_one())
    changed = {"hashes": bytes([row[0] ^ 1]) + row[1:]}
    conn.execute(text("UPDATE log_tile SET hashes = :hashes WHERE level = 0 AND n = 0"), changed)


def unpublished(conn: Connection) -> None:
    conn.execute(text("UPDATE log_checkpoint SET candidate_at = NULL, published_at = NULL"))


async def verified(sim: Simulator, tmp_path: Path, taken: Answer) -> ArchiveFiles:
    """Hold a file against the log's policy with the command, and return what is in it."""
    tar, policy = tmp_path / "log.tar", tmp_path / "policy"
    tar.write_bytes(taken.body)
    policy.write_bytes(sim.hub.signer.policy_text)
    assert await asyncio.to_thread(main, ["log", "verify", str(tar), "--policy", str(policy)]) == 0
    return read_archive(tar)


async def events_in(files: ArchiveFiles) -> list[Any]:
    """Return the events that a file opens, in the order of the log."""
    lines = [json.loads(line) async for _, _, line in volumes.lines_of(files)]
    openings = [read_opening(base64.b64decode(line["opening"])) for line in lines]
    return [event_of(one) for one in openings]


@pytest.mark.parametrize("agency", [SENDER, RECIPIENT, OUTSIDER])
async def test_the_log_is_taken_away_and_verified_offline(
    sim: Simulator, tmp_path: Path, agency: str
) -> None:
    await arranged(sim)
    desk, officer = await logged_in(sim, agency=agency)

    found = await desk.get(LOG)

    assert (found.status, found.headers["Content-Type"]) == (200, "application/x-tar")
    named = f'attachment; filename="log-{agency}-{sim.now:%Y-%m-%d}.tar"'
    assert found.headers["Content-Disposition"] == named
    files = await verified(sim, tmp_path, found)
    events = await events_in(files)
    traces = await sim.log("officer-export")
    if agency == OUTSIDER:
        assert (events, files.names("statements")) == ([], ())
        assert [(one["officer"], one["count"]) for one in traces] == [(officer.id, 0)]
        return
    (trace,) = traces
    assert (trace["officer"], trace["count"]) == (officer.id, len(events))
    assert trace["from"] < trace["until"] <= (await sim.hub.db.read(tree.tree)).size


async def test_a_program_takes_the_same_file_and_it_is_noted_once(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although what it opens comes in several pages, and leaves in several volumes."""
    monkeypatch.setattr(bundle, "PAGE", 2)
    monkeypatch.setattr(bundle, "STATED", 1)
    monkeypatch.setattr(volumes, "ENOUGH", 1000)
    await arranged(sim)

    found = await sim.call(SENDER, officer_files.LOG_FILE)

    assert (found.status, found.headers["Content-Type"]) == (200, officer_files.TAR)
    files = await verified(sim, tmp_path, found)
    assert len(files.names("openings")) > 1
    (trace,) = await sim.log("officer-export")
    assert (trace["by"], trace["officer"]) == (SENDER, "gateway")
    assert trace["count"] == len(await events_in(files))
    assert (await sim.call(None, officer_files.LOG_FILE)).status == 401
    assert (await sim.call(SENDER, officer_files.LOG_FILE, query="?format=csv")).status == 400


@pytest.mark.parametrize("agency", [SENDER, RECIPIENT])
async def test_every_signed_statement_behind_an_event_is_in_it(
    sim: Simulator, tmp_path: Path, agency: str
) -> None:
    await arranged(sim)
    given = await give_notice(sim, agency, "2026-12-31T23:00:00Z")
    assert given.status == 201, given.body
    await published(sim)

    files = await verified(sim, tmp_path, await sim.call(agency, officer_files.LOG_FILE))

    events, kept = await events_in(files), {*files.names("statements")}
    members: Mapping[str, tuple[str, ...]] = {
        "agreement-signed": ("agreement", "statement"),
        "agreement-notice": ("statement",),
        "consent-recorded": ("consent",),
        "request-made": ("request",),
        "disclosure-stored": ("manifest",),
        "disclosure-acknowledged": ("statement",),
        "consent-withdrawn": ("statement",),
        "erasure-confirmed": ("statement",),
    }
    kinds = {event["kind"] for event in events}
    assert {*members} <= kinds
    for event in events:
        for member in members.get(event["kind"], ()):
            assert event[member] in kept, (event["kind"], member)


async def test_why_a_consent_ended_is_not_in_it_for_who_may_not_know(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    async with parties.running():
        await parties.arrange()
        await parties.world("withdrawn, waiting")
        await published(parties)
        (withdrawn,) = await parties.log("consent-withdrawn")
        for agency in (COLLECTOR, SENDER):
            found = await parties.call(agency, officer_files.LOG_FILE)
            files = await verified(parties, tmp_path, found)
            knows = agency == COLLECTOR
            assert (withdrawn["statement"] in files.names("statements")) is knows
            kinds = {event["kind"] for event in await events_in(files)}
            assert ("consent-withdrawn" in kinds) is knows


async def test_statements_behind_no_event_are_none(sim: Simulator) -> None:
    found = await sim.hub.db.read(lambda conn: [*statements.behind(conn, SENDER, [])])
    assert found == []


async def test_it_is_for_officers_after_a_fresh_proof(sim: Simulator) -> None:
    await arranged(sim)
    for role in ("auditor", "operator"):
        desk, _ = await logged_in(sim, role)
        absent = await desk.get("/officer/nothing")
        assert (await desk.get(LOG)).body == absent.body
    desk, _ = await logged_in(sim, agency=SENDER)
    assert b"holds the whole log" in (await desk.get("/officer/log")).body
    before = await sim.log("officer-export")
    sim.now += FRESH
    assert (await desk.get(LOG)).headers["Location"] == "/officer/proof"
    assert await sim.log("officer-export") == before


async def test_before_a_head_is_published_there_is_none(sim: Simulator) -> None:
    async with sim.still():
        await sim.hub.db.write(unpublished)
        assert (await sim.call(SENDER, officer_files.LOG_FILE)).status == 503
    assert await sim.log("officer-export") == []


async def test_without_the_vault_no_byte_goes_out(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arranged(sim)
    desk, _ = await logged_in(sim, agency=SENDER)

    async def away(*_: object) -> object:
        raise Unavailable("the vault has not answered")

    monkeypatch.setattr(type(sim.hub.vault), "chain", away)
    assert (await desk.get(LOG)).status == 503
    assert (await sim.call(SENDER, officer_files.LOG_FILE)).status == 503
    assert await sim.log("officer-export") == []


async def test_it_leaves_while_it_is_made_and_no_faster_than_it_is_taken(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the log is read that nobody asks for, but for what is read ahead."""
    monkeypatch.setattr(pack, "PIECE", 1024)
    await arranged(sim)
    async with sim.still():
        leaves = random_leaves(BUNDLES * TILE_WIDTH)
        await sim.hub.db.write(tree.extend, [(leaf, None) for leaf in leaves])
    await published(sim)
    read = list[int]()
    bundle_of = LogFiles.bundle

    async def noticed(self: LogFiles, one: Bundle, *, known: bool) -> bytes:
        read.append(one.n)
        return await bundle_of(self, one, known=known)

    monkeypatch.setattr(LogFiles, "bundle", noticed)
    file = await bundle.bundle_file(sim.hub, PROGRAM)
    chunks = file.chunks

    for _ in range(40):  # 40 KiB: two bundles of entries
        assert len(await anext(chunks)) == 1024
    assert 0 < len(read) <= 2 + 1 + AHEAD < BUNDLES
    # No opening has gone out, and nothing is noted yet.
    assert await sim.log("officer-export") == []
    left = [len(one) async for one in chunks]
    assert max(left) < 1024 + len(END)
    assert len(read) > BUNDLES
    assert len(await sim.log("officer-export")) == 1


async def test_a_log_that_does_not_hold_ends_in_a_broken_connection(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arranged(sim)
    async with sim.still():
        await sim.hub.db.write(damage)
        desk, _ = await logged_in(sim, agency=SENDER)
        with capture_logs() as logged:
            # So small that its end is known before its first byte.
            assert (await desk.get(LOG)).status == 503
            assert (await sim.call(SENDER, officer_files.LOG_FILE)).status == 503
            monkeypatch.setattr(pack, "PIECE", 1024)
            with pytest.raises(Exception, match=BROKEN) as cut_off:
                await desk.get(LOG)
    assert type(cut_off.value).__name__ in {"ClientPayloadError", "ServerDisconnectedError"}
    lines = [one for one in logged if one["event"] == "log-file-broke-off"]
    assert [(one["log_level"], one["code"]) for one in lines] == [("error", "leaf")] * 3
    assert await sim.log("officer-export") == []


async def test_a_log_that_breaks_while_it_leaves_does_so_behind_what_was_good(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "PIECE", 1024)
    await arranged(sim)
    async with sim.still():
        file = await bundle.bundle_file(sim.hub, PROGRAM)
        first = await anext(file.chunks)
        await sim.hub.db.write(damage)
        with pytest.raises(Unavailable):
            [one async for one in file.chunks]
    assert len(first) == 1024
