"""exchange.hub.import_log: what a restored hub refuses, and what it may do once it is whole."""

import shutil
from pathlib import Path

import pytest

from exchange.audit.leaf import LEAF_SIZE, label
from exchange.audit.opening import event_opening, leaf_of
from exchange.errors import LogInvalid, Misconfigured, NotFound
from exchange.hub import app, high_water
from exchange.hub.heads import EVIDENCE, UNCONFIRMED
from exchange.hub.import_log import Imported, import_log
from exchange.hub.storage import checkpoints, tree
from exchange.hub.sweep import sweep
from exchange.keyring.ceremony import new_document_key
from exchange.verifier.files import FolderFiles
from exchange.verifier.opened import Opened
from exchange.verifier.source import Source
from exchange.wire import log_routes, routes
from tests.hub.restored import Place, backed_up, brought_back, mirrored, on_file, stopped
from tests.hub.test_agreements import give_notice
from tests.person import fresh, reissue
from tests.simulator import RECIPIENT, SENDER, Simulator


async def imported(again: Simulator, mirror: Path, shown: list[Opened] | None = None) -> Imported:
    """Import into a hub that does not serve."""
    opened = app.opened(again.settings, clock=lambda: again.now, on_failure=lambda: None)
    told = list[tuple[int, int]]()
    async with opened as found:
        source = Source(FolderFiles(mirror))
        done = await import_log(found.hub, source, shown or [], lambda *read: told.append(read))
    if done.entries:
        assert told[-1] == (done.entries * LEAF_SIZE,) * 2
        assert told == sorted(told)
    return done


def unseen(_done: int, _all: int) -> None:
    """Tell nobody."""


async def labels(sim: Simulator) -> list[bytes]:
    """Return the labels of all entries that stand for events."""
    size = (await sim.hub.db.read(tree.tree)).size
    leaves = await sim.hub.db.read(tree.leaves, 0, size)
    return [leaf[1:17] for leaf in leaves if leaf[0] == 1]


async def test_a_forgotten_withdrawal_releases_nothing_before_and_after_the_import(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    consent, other = await sim.consent(), await sim.consent()
    letter, untouched = await sim.sent(consent), await sim.sent(other)
    await backed_up(sim, tmp_path / "backup")
    assert (await sim.withdraw(consent)).status == 200
    mirror = await mirrored(sim, tmp_path / "mirror")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        async with again.running():
            assert stopped(again) == EVIDENCE
            for one in (letter, untouched):
                assert (await again.collect(one)).status == 503
                assert (await again.payload(one)).status == 503
            assert (await again.send(again.letter(other.digest))).status == 503
            assert (await again.ask(SENDER, other.digest)).status == 503
            status = await again.call(RECIPIENT, routes.GET_CONSENT, id=consent.id)
            assert routes.CONSENT_STATUS not in status.headers
            # What may never wait does not: it is acknowledged, and remembered.
            third = await again.consent()
            assert (await again.withdraw(third)).status == 200
            before = await again.hub.db.read(checkpoints.newest)

        done = await imported(again, mirror)
        assert (done.consents, done.agreements) == (1, 0)
        async with again.running():
            assert stopped(again) is None
            assert before is not None
            newest = await again.hub.db.read(checkpoints.newest)
            assert newest is not None
            assert newest.size >= done.size > before.size
            assert (await again.collect(letter)).status == 404
            assert (await again.send(again.letter(consent.digest))).status == 403
            seen = (await again.call(SENDER, routes.GET_CONSENT, id=consent.id)).json
            assert (seen["state"], seen["reason"]) == ("ended", "restored")
            # What nothing happened to is as it was.
            assert (await again.collect(untouched)).status == 200
            # The office repeats what it was acknowledged: now recipients are asked to erase.
            assert (await again.withdraw(consent)).status == 200
            seen = (await again.call(SENDER, routes.GET_CONSENT, id=consent.id)).json
            assert (seen["state"], seen["reason"]) == ("ended", "withdrawn")
            await again.settled()
            found = await labels(again)
            assert len(found) == len(set(found))


@on_file
async def test_a_recipient_that_collected_is_asked_to_erase_when_the_withdrawal_is_repeated(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    consent = await sim.consent()
    letter = await sim.sent(consent)
    assert (await sim.collect(letter)).status == 200
    await backed_up(sim, tmp_path / "backup")
    await sim.withdraw(consent)
    mirror = await mirrored(sim, tmp_path / "mirror")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        await imported(again, mirror)
        async with again.running():
            assert (await again.withdraw(consent)).status == 200
            asked = (await again.call(RECIPIENT, routes.ERASURES)).json["erasures"]
            assert [one["consent"] for one in asked] == [consent.digest]


@on_file
async def test_without_file_and_witnesses_nothing_is_signed_or_released(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    letter = await sim.sent()
    await backed_up(sim, tmp_path / "backup")
    with empty() as place:
        again = await brought_back(
            sim, tmp_path / "backup", tmp_path / "two", place, payloads=True, high_water=False
        )
        async with again.running():
            assert stopped(again) == UNCONFIRMED
            assert (await again.collect(letter)).status == 503


@on_file
async def test_a_witness_that_comes_by_itself_stops_what_was_restored(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    """A machine that was brought back as a whole, file and all: nothing there knows of the rest."""
    consent = await sim.consent()
    letter = await sim.sent(consent)
    await backed_up(sim, tmp_path / "backup")
    image = high_water.read(sim.home)
    await sim.withdraw(consent)
    await sim.settled()
    newest = await sim.hub.db.read(checkpoints.newest)
    assert newest is not None
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        (again.home / high_water.FILE).write_bytes(image or b"")
        async with again.running():
            assert stopped(again) is None
            posted = await again.call(
                None,
                log_routes.LOG_COSIGNATURES,
                body=newest.note,
                headers={"Content-Type": routes.TEXT},
            )
            assert stopped(again) == EVIDENCE, posted
            assert (await again.collect(letter)).status == 503
        async with again.running():  # and it stays so
            assert stopped(again) == EVIDENCE


async def test_what_agencies_show_is_known_again_and_harmless_events_end_nothing(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    consent, refused = await sim.consent(), await sim.consent(uses="once")
    await sim.sent(refused)
    await backed_up(sim, tmp_path / "backup")
    late = await sim.sent(consent)
    assert (await sim.send(sim.letter(refused.digest))).status == 403
    mirror = await mirrored(sim, tmp_path / "mirror")
    shown = []
    for row in await sim.rows(
        "SELECT x.idx, e.chain, e.n, e.body FROM log_event e JOIN log_entry x ON x.rid = e.rid "
        "WHERE e.chain IS NOT NULL"
    ):
        chain = await sim.hub.vault.chain(row.chain)
        assert chain.key is not None
        shown.append(Opened(row.idx, event_opening(chain.key, row.n, bytes(row.body))))
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        done = await imported(again, mirror, shown)
        assert (done.consents, done.explained) == (1, 2)
        async with again.running():
            seen = (await again.call(SENDER, routes.GET_CONSENT, id=refused.id)).json
            assert seen["reason"] != "restored"
            kinds = [one["kind"] for one in await again.log()]
            assert "disclosure-refused" in kinds
            # The document itself is not there: its sender sends it again, under a new consent.
            assert (await again.call(SENDER, routes.GET_DISCLOSURE, id=late.id)).status == 404


async def test_statements_about_keys_count_again(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    await backed_up(sim, tmp_path / "backup")
    new = new_document_key()
    revoked = frozenset({sim.offices[RECIPIENT].key.recipient.fingerprint})
    assert (await sim.publish(RECIPIENT, new, revoked)).status == 200
    mirror = await mirrored(sim, tmp_path / "mirror")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        await imported(again, mirror)
        async with again.running():
            consent = await again.consent()
            assert (await again.send(again.letter(consent.digest))).status == 422
            rows = await again.rows("SELECT seq FROM key_statements ORDER BY seq DESC")
            assert rows[0].seq == 2
            assert (await again.publish(RECIPIENT, new)).status == 200


@on_file
async def test_an_agreement_that_went_on_is_over(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    consent = await sim.consent()
    await backed_up(sim, tmp_path / "backup")
    assert (await give_notice(sim, SENDER, "2026-12-31T23:00:00Z")).status == 201
    mirror = await mirrored(sim, tmp_path / "mirror")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        done = await imported(again, mirror)
        assert done.agreements == 1
        async with again.running():
            assert (await again.send(again.letter(consent.digest))).status == 403
            await sweep(again.hub, leftovers=False)
            seen = (await again.call(SENDER, routes.GET_CONSENT, id=consent.id)).json
            assert (seen["state"], seen["reason"]) == ("ended", "agreement")


@on_file
async def test_a_copy_that_is_not_of_this_tree_is_refused_and_nothing_changes(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    await backed_up(sim, tmp_path / "backup")
    await sim.consent()
    older = await mirrored(sim, tmp_path / "older")
    await sim.consent()
    mirror = await mirrored(sim, tmp_path / "mirror")
    bundle = next((mirror / "tile" / "entries").rglob("000.p/*"))

    def flipped(copy: Path) -> None:
        file = copy / bundle.relative_to(mirror)
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)

    def unsigned(copy: Path) -> None:
        note = (copy / "checkpoint").read_bytes()
        (copy / "checkpoint").write_bytes(note.replace(b"AAAA", b"AAAB").replace(b"==", b"=="))
        lines = note.split(b"\n")
        lines[4] = lines[4][:-8] + (b"AAAAAAA=" if lines[4][-8:] != b"AAAAAAA=" else b"BAAAAAA=")
        (copy / "checkpoint").write_bytes(b"\n".join(lines))

    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        for damage in (flipped, unsigned):
            copy = tmp_path / damage.__name__
            shutil.copytree(mirror, copy)
            damage(copy)
            with pytest.raises(LogInvalid):
                await imported(again, copy)
        with pytest.raises(Misconfigured, match="find a newer copy"):
            await imported(again, older)
        shutil.copytree(mirror, tmp_path / "gone")
        (tmp_path / "gone" / bundle.relative_to(mirror)).unlink()
        with pytest.raises(NotFound):
            await imported(again, tmp_path / "gone")
        done = await imported(again, mirror)
        assert done.entries == 2
        assert (await imported(again, mirror)).entries == 0


@on_file
async def test_a_database_that_went_its_own_way_is_never_joined(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    await backed_up(sim, tmp_path / "backup")
    image = high_water.read(sim.home)
    await sim.consent()
    mirror = await mirrored(sim, tmp_path / "mirror")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        (again.home / high_water.FILE).write_bytes(image or b"")
        async with again.running():
            await again.consent()
            await again.consent()
            await again.settled()
        with pytest.raises((LogInvalid, Misconfigured)):
            await imported(again, mirror)


@on_file
async def test_the_vault_of_another_time_is_refused(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    await backed_up(sim, tmp_path / "backup")
    await sim.consent()
    mirror = await mirrored(sim, tmp_path / "mirror")
    rows = await sim.rows("SELECT chain FROM agencies WHERE id = 'youth-c'")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        opened = app.opened(again.settings, clock=lambda: again.now, on_failure=lambda: None)
        async with opened as found:
            await found.hub.vault.forget([rows[0].chain])
            with pytest.raises(Misconfigured, match="bring back the vault"):
                await import_log(found.hub, Source(FolderFiles(mirror)), [], unseen)


@on_file
async def test_a_consent_whose_key_was_erased_since_is_over_again(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    consent = await sim.consent()
    letter = await sim.sent(consent)
    await backed_up(sim, tmp_path / "backup")
    (row,) = await sim.rows("SELECT chain FROM consents")
    await sim.hub.vault.forget([row.chain])
    await sim.consent()
    mirror = await mirrored(sim, tmp_path / "mirror")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        assert (await imported(again, mirror)).consents == 1
        async with again.running():
            assert (await again.collect(letter)).status in {404, 503}
            assert await again.count("headers") == 0


@on_file
async def test_a_number_is_skipped_where_an_event_came_without_its_neighbour(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    consent = await sim.consent()
    await backed_up(sim, tmp_path / "backup")
    (row,) = await sim.rows("SELECT chain FROM consents")
    # The hub that was lost had given numbers that never came into the log.
    await sim.hub.db.write(
        lambda conn: conn.exec_driver_sql("UPDATE log_chain SET next_n = next_n + 1000").rowcount
    )
    await sim.sent(consent)
    mirror = await mirrored(sim, tmp_path / "mirror")
    key = (await sim.hub.vault.chain(row.chain)).key
    assert key is not None
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        await imported(again, mirror)
        async with again.running():
            assert label(key, 1001) in await labels(again)
            found = await again.rows(
                f"SELECT next_n FROM log_chain WHERE chain = '{row.chain}'"  # noqa: S608
            )
            assert found[0].next_n == 1002


async def test_what_was_recorded_meanwhile_under_a_lost_number_does_not_hide_the_withdrawal(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    """Its number was given twice: once to what was lost, once to what came while in doubt."""
    consent = await sim.consent()
    await backed_up(sim, tmp_path / "backup")
    assert (await sim.withdraw(consent)).status == 200
    mirror = await mirrored(sim, tmp_path / "mirror")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        async with again.running():
            assert stopped(again) == EVIDENCE
            for _ in range(2):
                assert (await reissue(again, consent, credential=fresh().digest)).status == 200
        assert (await imported(again, mirror)).consents == 1
        async with again.running():
            assert (await again.send(again.letter(consent.digest))).status == 403
            await again.settled()
            found = await labels(again)
            assert len(found) == len(set(found))
            # Each entry opens to what was recorded, under its new number too.
            for row in await again.rows(
                "SELECT x.leaf, e.chain, e.n, e.body FROM log_event e "
                "JOIN log_entry x ON x.rid = e.rid WHERE e.chain IS NOT NULL"
            ):
                key = (await again.hub.vault.chain(row.chain)).key
                assert key is not None
                opening = event_opening(key, row.n, bytes(row.body))
                assert leaf_of(opening) == bytes(row.leaf)
            reissued = [one for one in await again.log() if one["kind"] == "receipt-reissued"]
            assert len(reissued) == 2


async def test_a_consent_given_before_the_restoration_is_given_anew(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    """It was recorded and withdrawn in what was lost: nobody here knows of either."""
    await backed_up(sim, tmp_path / "backup")
    lost = await sim.consent()
    assert (await sim.withdraw(lost)).status == 200
    mirror = await mirrored(sim, tmp_path / "mirror")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        async with again.running():  # in doubt
            assert (await again.record(lost)).status == 422
        await imported(again, mirror)
        async with again.running():
            refused = await again.record(lost)
            assert refused.status == 422
            assert [one["id"] for one in refused.json["findings"]] == ["L48"]
            assert (await again.send(again.letter(lost.digest))).status == 403
            anew = await again.consent()
            assert (await again.send(again.letter(anew.digest))).status == 201
            # What the backup has is answered as ever.
            assert (await again.record(anew)).status == 201
