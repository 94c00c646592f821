"""Class D05: when its years are over nothing is left of a consent, and the log still proves."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from exchange.audit import event, merkle
from exchange.errors import Conflict, NotFound, Unavailable
from exchange.hub import erase_consents as erasing_hub
from exchange.hub import sweep
from exchange.hub.erase_consents import erase_consents, erase_one, forget_chains, kept_since
from exchange.hub.follow_log import catch_up
from exchange.hub.storage import erasing, log, tree
from exchange.wire import log_routes, routes
from tests import needs
from tests.hub.erasable import (
    LAST_DAY,
    OVER,
    chain_of,
    ended,
    erased_indexes,
    grow,
    indexes_of,
    swept,
    used,
)
from tests.pages.sent import post
from tests.person import WRONG, consent_with_code
from tests.simulator import RECIPIENT, SENDER, Simulator

NOT_YET = datetime(2027, 1, 10, 10, tzinfo=UTC)


def test_years_are_counted_to_the_end_of_one() -> None:
    assert kept_since(LAST_DAY, 3) == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert kept_since(OVER, 3) == datetime(2026, 12, 31, 23, tzinfo=UTC)


async def test_when_its_years_are_over_nothing_is_left_of_a_consent(sim: Simulator) -> None:
    consent, code = await consent_with_code(sim)
    chain = await chain_of(sim, consent)
    await sim.ask(RECIPIENT, consent.digest)
    letter = await used(sim, consent)
    await swept(sim)
    sim.now = NOT_YET
    other = await ended(sim, valid_until="2027-06-30T22:00:00Z")
    sim.now = LAST_DAY
    await swept(sim)
    assert (await sim.call(SENDER, routes.GET_CONSENT, id=consent.id)).status == 200
    before = await sim.dump()
    (row,) = await sim.rows(f"SELECT receipt FROM consents WHERE id = '{consent.id}'")  # noqa: S608
    assert (await sim.call(SENDER, log_routes.LOG_RECEIPT, id=row.receipt)).status == 200

    sim.now = OVER
    await swept(sim)
    await sim.database.erase_from_wal()

    left = await sim.dump()
    for trace in (consent.digest, consent.id, chain, letter.id, letter.digest):
        assert trace.encode() in before
        assert trace.encode() not in left, trace
    assert consent.statement not in left
    assert await sim.hub.vault.chains([chain]) == {}
    assert (await sim.call(SENDER, routes.GET_CONSENT, id=other.id)).status == 200
    unknown = await sim.call(SENDER, routes.GET_CONSENT, id="3f0e8f6e-0f0c-4f57-9d43-0a3d1c1b7a02")
    gone = await sim.call(SENDER, routes.GET_CONSENT, id=consent.id)
    assert gone.face == unknown.face
    asked = {"do": "show", "lang": "de"}
    assert (await post(sim, "/p/", {**asked, "code": code})).face == (
        await post(sim, "/p/", {**asked, "code": WRONG})
    ).face
    assert (await sim.collect(letter)).status == 404
    assert (await sim.call(SENDER, log_routes.LOG_RECEIPT, id=row.receipt)).status == 404
    openings = (await sim.call(SENDER, log_routes.LOG_OPENINGS)).json["entries"]
    assert row.receipt not in {entry["rid"] for entry in openings}


async def test_entries_stay_in_the_tree_and_those_of_others_still_prove(sim: Simulator) -> None:
    consent = await sim.consent()
    await used(sim, consent)
    await swept(sim)
    mine = await indexes_of(sim, await chain_of(sim, consent))
    sim.now = NOT_YET
    other = await ended(sim, valid_until="2027-06-30T22:00:00Z")
    size = await grow(sim)
    theirs = await indexes_of(sim, await chain_of(sim, other))
    leaves = await sim.hub.db.read(tree.leaves, 0, size)
    root = await sim.hub.db.read(tree.root_at, size)

    sim.now = OVER
    await swept(sim)

    assert await sim.hub.db.read(tree.leaves, 0, size) == leaves
    assert set(mine) <= set(await erased_indexes(sim))
    rows = await sim.rows("SELECT idx FROM log_entry WHERE rid IS NULL ORDER BY idx")
    assert [row.idx for row in rows] == await erased_indexes(sim)
    assert theirs
    for index in theirs:
        path = await sim.hub.db.read(
            lambda conn, i: merkle.inclusion_path(tree.reader(conn), i, size), index
        )
        hashed = merkle.leaf_hash(leaves[index])
        merkle.verify_inclusion(hashed, index, size, path, root)


async def test_what_expired_is_erased_like_what_was_withdrawn(sim: Simulator) -> None:
    consent = await sim.consent(valid_until="2026-08-31T22:00:00Z")
    sim.now = LAST_DAY
    await swept(sim)
    assert await sim.count("consents") == 1
    sim.now = OVER
    await swept(sim)
    assert await sim.count("consents") == 0
    assert consent.digest.encode() not in b"".join(
        str(row).encode() for row in await sim.rows("SELECT * FROM deletions")
    )


async def test_a_deletion_is_proven_by_an_entry_that_names_nobody(sim: Simulator) -> None:
    for _ in range(3):
        await ended(sim)
    sim.now = OVER
    await swept(sim)
    await swept(sim)
    (entry,) = await sim.rows("SELECT class, period, count FROM deletions WHERE class = 'D05'")
    assert tuple(entry) == ("D05", "3 years", 3)


async def test_an_open_request_to_erase_is_never_closed_by_time(sim: Simulator) -> None:
    consent = await sim.consent()
    await sim.collect(await sim.sent(consent))
    await sim.withdraw(consent)
    (erasure,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    await swept(sim)
    sim.now = OVER
    await swept(sim)
    assert await sim.count("consents") == 1

    await sim.publish(RECIPIENT)
    assert (await sim.confirm(erasure)).status == 200
    await swept(sim)
    assert await sim.count("consents") == 0


async def test_headers_and_payloads_go_before_their_consent(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = await sim.consent(valid_until="2026-08-31T22:00:00Z")
    await sim.sent(consent)
    await grow(sim)
    sim.now = OVER
    await erase_consents(sim.hub)
    assert await sim.count("consents") == 1  # its header and its payload are there

    async def away(_hub: object) -> None:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(sweep, "remove_blobs", away)
        await swept(sim)
        await swept(sim)
        assert await sim.count("headers") == 0
        assert await sim.count("consents") == 1
    await swept(sim)
    assert await sim.count("consents") == 0


async def test_an_event_that_is_not_in_the_tree_is_waited_for(sim: Simulator) -> None:
    consent = await ended(sim)
    chain = await sim.hub.vault.chain(await chain_of(sim, consent))
    await grow(sim)
    await catch_up(sim.hub)
    sim.now = OVER
    late = event.receipt_reissued(at=sim.now, by=SENDER, consent=consent.digest)

    def recorded_and_erased(conn: Connection) -> list[str]:
        log.record(conn, chain, late)
        before = kept_since(sim.now, 3)
        steps = (
            erasing.erase_consent(conn, consent.digest, before=before, at=sim.now, limit=limit)
            for limit in (2, 100, 100)
        )
        return list(steps)

    # The first unit cuts what is in the tree; the last event stays until it is there as well.
    assert await sim.hub.db.write(recorded_and_erased) == ["more", "waits", "waits"]
    assert await sim.count("consents") == 1
    await swept(sim)
    assert await sim.count("consents") == 0
    assert len(await erased_indexes(sim)) == 3
    assert await sim.count("log_erasing") == 1


async def test_a_crash_between_two_units_is_followed_by_the_next(sim: Simulator) -> None:
    consent = await sim.consent()
    for _ in range(3):
        await sim.collect(await sim.sent(consent))
    await sim.withdraw(consent)
    (erasure,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    await sim.confirm(erasure)
    await swept(sim)
    chain = await chain_of(sim, consent)
    indexes = await indexes_of(sim, chain)
    sim.now = OVER
    before = kept_since(sim.now, 3)

    async def unit() -> str:
        return await sim.hub.db.write(
            erasing.erase_consent, consent.digest, before=before, at=sim.now, limit=2
        )

    steps = 0
    while await unit() == "more":
        steps += 1
        assert await sim.hub.db.read(erasing.queued, limit=10) == ()  # its key is still needed
        assert len(await sim.hub.vault.chains([chain])) == 1
    assert steps > len(indexes) // 2
    assert await unit() == "waits"  # a repetition changes nothing
    assert await erased_indexes(sim) == indexes
    assert await sim.hub.db.read(erasing.queued, limit=10) == (chain,)


async def test_a_crash_before_the_vault_forgot_is_repaired_by_the_next_round(
    sim: Simulator,
) -> None:
    consent = await ended(sim)
    chain = await chain_of(sim, consent)
    await grow(sim)
    sim.now = OVER
    await erase_consents(sim.hub)  # and here it dies
    assert await sim.count("consents") == 0
    assert len(await sim.hub.vault.chains([chain])) == 1

    await swept(sim)
    assert await sim.hub.vault.chains([chain]) == {}
    (row,) = await sim.rows("SELECT erased_at FROM log_erasing")
    assert row.erased_at is not None


async def test_a_crash_after_the_vault_forgot_is_repaired_by_the_next_round(
    sim: Simulator,
) -> None:
    consent = await ended(sim)
    chain = await chain_of(sim, consent)
    await grow(sim)
    sim.now = OVER
    await erase_consents(sim.hub)
    assert await sim.hub.vault.forget([chain])  # and here it dies
    await swept(sim)
    assert await sim.hub.db.read(erasing.queued, limit=10) == ()


@needs.sqlite()
async def test_a_reader_of_the_vault_delays_the_end_instead_of_faking_it(sim: Simulator) -> None:
    consent = await ended(sim)
    chain = await chain_of(sim, consent)
    await grow(sim)
    sim.now = OVER
    file = sim.home / "vault" / "vault.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM chain_key").fetchone()
        await erase_consents(sim.hub)
        await forget_chains(sim.hub)
        assert await sim.hub.db.read(erasing.queued, limit=10) == (chain,)
        assert any(chain.encode() in found.read_bytes() for found in vault_files(sim))
    await forget_chains(sim.hub)
    assert await sim.hub.db.read(erasing.queued, limit=10) == ()
    assert not any(chain.encode() in found.read_bytes() for found in vault_files(sim))


def vault_files(sim: Simulator) -> list[Path]:
    return list((sim.home / "vault").glob("vault.sqlite*"))


async def test_an_unreachable_vault_holds_up_the_keys_and_nothing_else(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ended(sim)
    sim.now = OVER

    async def away(_chains: object) -> bool:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(sim.hub.vault, "forget", away)
        await swept(sim)
    assert await sim.count("consents") == 0
    assert len(await sim.hub.db.read(erasing.queued, limit=10)) == 1


async def test_nothing_is_erased_while_the_log_is_in_doubt(sim: Simulator) -> None:
    await ended(sim)
    await grow(sim)
    sim.now = OVER
    sim.hub.heads.stop("unconfirmed")
    await erase_consents(sim.hub)
    assert await sim.count("consents") == 1
    sim.hub.heads.resume()
    await erase_consents(sim.hub)
    assert await sim.count("consents") == 0


async def test_several_sweepers_share_the_work_and_count_it_once(sim: Simulator) -> None:
    for _ in range(6):
        await ended(sim)
    await grow(sim)
    sim.now = OVER
    await asyncio.gather(*(erase_consents(sim.hub) for _ in range(4)))
    await erase_consents(sim.hub)
    assert await sim.count("consents") == 0
    assert await sim.count("log_erasing") == 6
    counted = await sim.rows("SELECT sum(count) AS n FROM deletions WHERE class = 'D05'")
    assert counted[0].n == 6


async def test_many_consents_go_in_batches(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing_hub, "BATCH", 2)
    for _ in range(5):
        await ended(sim)
    await grow(sim)
    sim.now = OVER
    await erase_consents(sim.hub)
    assert await sim.count("consents") == 0


async def test_an_agreement_goes_when_its_last_consent_is_gone_and_not_before(
    sim: Simulator,
) -> None:
    await sim.agree(term={"from": "2026-01-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"})
    short = sim.agreement
    consent = await sim.consent(valid_until="2026-08-31T22:00:00Z")
    await sim.collect(await sim.sent(consent))
    await sim.withdraw(consent)
    (erasure,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    sim.now = datetime(2026, 12, 2, tzinfo=UTC)
    await swept(sim)
    sim.now = OVER
    await swept(sim)
    assert short in await agreements(sim)  # a recipient has not answered

    await sim.publish(RECIPIENT)
    await sim.confirm(erasure)
    await swept(sim)
    assert short not in await agreements(sim)
    assert len(await agreements(sim)) == 1  # the other one goes on from year to year
    for table in ("agreement_parties", "agreement_signatures"):
        rows = await sim.rows(f"SELECT agreement FROM {table}")  # noqa: S608 - our own tables
        assert short not in {row.agreement for row in rows}
    proven = "SELECT class, count FROM deletions WHERE class <> 'D03' ORDER BY class"
    classes = await sim.rows(proven)
    assert [tuple(row) for row in classes] == [("D05", 1), ("D09", 1)]


async def agreements(sim: Simulator) -> set[str]:
    return {row.digest for row in await sim.rows("SELECT digest FROM agreements")}


async def test_an_upheld_request_is_carried_out_before_the_years_are_over(sim: Simulator) -> None:
    consent = await sim.consent()
    await grow(sim)
    with pytest.raises(NotFound):
        await erase_one(sim.hub, "A" * 43)
    with pytest.raises(Conflict, match=r"90 days old: .*; erase it after 20\d\d-\d\d-\d\d$"):
        await erase_one(sim.hub, consent.digest)
    sim.later(days=91)
    with pytest.raises(Conflict, match="withdraw"):
        await erase_one(sim.hub, consent.digest)
    assert (await sim.withdraw(consent)).status == 200
    await grow(sim)

    await erase_one(sim.hub, consent.digest)

    assert await sim.count("consents") == 0
    assert await sim.hub.db.read(erasing.queued, limit=10) == ()
    (entry,) = await sim.rows("SELECT class, period, count FROM deletions")
    assert tuple(entry) == ("D05", "request upheld", 1)
    assert (await sim.record(consent)).status == 422  # nobody brings it back
