"""exchange.hub.back_up, restore and end_lost: one moment, brought back, and ended where empty."""

import asyncio
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, select
from sqlalchemy.pool import NullPool

from exchange.canonical import unb64u
from exchange.errors import Misconfigured, Unavailable
from exchange.hub import app
from exchange.hub.back_up import back_up, back_up_vault, keep_apart
from exchange.hub.change_schema import make_vault
from exchange.hub.end_lost import end_lost
from exchange.hub.restore import mark, restore
from exchange.hub.settings import HubSettings
from exchange.hub.storage import restorations, vault_server
from exchange.wire import routes
from tests.hub.restored import MADE_AT, Place, backed_up, brought_back, empty_hub, on_file, quiet
from tests.postgres import Server
from tests.simulator import RECIPIENT, SENDER, Simulator


async def test_a_backup_taken_while_the_hub_works_is_one_moment(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    consent = await sim.consent()
    await sim.sent(consent)

    async def work() -> None:
        while True:
            await sim.sent(consent)

    working = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    made = await asyncio.to_thread(
        back_up, sim.settings, tmp_path / "backup", now=MADE_AT, progress=quiet
    )
    at_least = await sim.count("disclosures")
    working.cancel()
    await asyncio.wait({working})

    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        async with again.running():
            stored = await again.count("disclosures")
            events = await again.rows("SELECT kind FROM log_event WHERE kind = 'disclosure-stored'")
            used = await again.rows("SELECT used FROM consents")
            headers = await again.count("headers")
            skipped = await again.rows(
                "SELECT c.chain FROM log_chain c WHERE c.next_n <> "
                "(SELECT count(*) FROM log_event e WHERE e.chain = c.chain)"
            )
            assert 1 <= stored <= at_least
            assert len(events) == headers == used[0].used == stored
            assert skipped == []
            assert await again.count("restorations") == 1
    assert made.made_at == MADE_AT


@on_file
async def test_nothing_in_a_backup_is_readable_by_others_or_opens_anything(
    sim: Simulator, tmp_path: Path
) -> None:
    await sim.sent()
    target, vault = tmp_path / "records" / "one", tmp_path / "vault" / "one"
    await backed_up(sim, target)
    back_up_vault(sim.settings, vault, now=MADE_AT, progress=quiet)

    files = [path for top in (target, vault) for path in top.iterdir()]
    content = b"".join(path.read_bytes() for path in files)
    keys = [path.read_bytes() for path in sim.home.rglob("*.key")]

    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(top.stat().st_mode) for top in (target, vault)} == {0o700}
    assert len(keys) >= 2
    assert not any(key in content or key.hex().encode() in content for key in keys)
    payload = next((sim.home / "payloads").rglob("?" * 32)).read_bytes()
    assert payload not in content
    assert payload.hex().encode() not in content


async def test_what_has_its_payload_is_collected_after_a_restoration(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    letter = await sim.sent()
    await backed_up(sim, tmp_path / "backup")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        async with again.running():
            payload = await again.payload(letter)
            collected = await again.collect(letter)
    assert (payload.status, payload.body) == (200, letter.payload)
    assert collected.status == 200
    assert unb64u(collected.json["header"]) == letter.header


async def test_what_has_lost_its_payload_ends_gives_its_use_back_and_its_sender_is_told(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    await sim.reach(SENDER)
    consent = await sim.consent(uses="once")
    letter = await sim.sent(consent)
    answered = await sim.sent()
    await sim.collect(answered)
    await sim.acknowledge(answered)
    await backed_up(sim, tmp_path / "backup")
    with empty() as place:
        again = await brought_back(
            sim, tmp_path / "backup", tmp_path / "two", place, payloads=False
        )
        async with again.running():
            state = await again.call(SENDER, routes.GET_DISCLOSURE, id=letter.id)
            (ended,) = await again.rows(
                "SELECT state, ended_why, use_returned FROM disclosures WHERE ended_why IS NOT NULL"
            )
            why = (await again.rows("SELECT detail FROM log_event WHERE detail IS NOT NULL"))[-1]
            told = [(one.agency, one.kind) for one in await again.notices()]
            assert (await again.collect(letter)).status == 404
            # Its use is there for the second attempt.
            assert (await again.send(again.letter(consent.digest))).status == 201
    assert state.json["state"] == "expired"
    assert tuple(ended) == ("expired", "payload-lost", True)
    assert bytes(why.detail) == b'{"why":"payload-lost"}'
    assert (SENDER, "resend") in told


@on_file
async def test_an_upload_in_pieces_that_lost_one_begins_anew(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    letter = sim.letter((await sim.consent()).digest)
    announced = await sim.call(
        SENDER, routes.DISCLOSE, body=letter.manifest, headers={"Content-Type": routes.MANIFEST}
    )
    assert announced.status == 201
    piece = await sim.call(
        SENDER,
        routes.UPLOAD,
        id=letter.id,
        body=letter.sealed[:1024],
        headers={
            "Content-Type": routes.OFFSET_STREAM,
            "Upload-Offset": "0",
            "Tus-Resumable": "1.0.0",
        },
    )
    assert piece.status == 204, piece.body
    await backed_up(sim, tmp_path / "backup")
    with empty() as place:
        again = await brought_back(
            sim, tmp_path / "backup", tmp_path / "two", place, payloads=False
        )
        async with again.running():
            (state,) = await again.rows("SELECT state, ended_why FROM disclosures")
            assert tuple(state) == ("expired", "payload-lost")


@on_file
async def test_nothing_is_served_while_nobody_knows_which_payloads_are_there(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    letter = await sim.sent()
    await backed_up(sim, tmp_path / "backup")
    with empty() as place:
        again = await brought_back(sim, tmp_path / "backup", tmp_path / "two", place, payloads=True)
        away = again.home / "elsewhere"
        (again.home / "payloads").rename(away)
        (again.home / "payloads").write_bytes(b"")  # a disk that is not there
        with pytest.raises((Unavailable, Misconfigured, OSError)):
            async with again.running():
                raise AssertionError("it was opened")
        (again.home / "payloads").unlink()
        away.rename(again.home / "payloads")
        async with again.running():
            assert await again.hub.db.read(restorations.unfinished) is None
            assert (await again.collect(letter)).status == 200


@on_file
async def test_a_payload_that_vanishes_ends_its_disclosure_only_after_an_hour(
    sim: Simulator,
) -> None:
    await sim.reach(SENDER)
    letter, other = await sim.sent(), await sim.sent()
    files = []
    for one in (letter, other):
        (row,) = await sim.rows(f"SELECT blob FROM disclosures WHERE id = '{one.id}'")  # noqa: S608
        (file,) = (sim.home / "payloads").rglob(row.blob)
        file.rename(sim.home / row.blob)
        files.append(file)
        assert (await sim.payload(one)).status == 503
    await end_lost(sim.hub)
    assert (await sim.payload(letter)).status == 503

    file = files[-1]
    file.parent.mkdir(exist_ok=True)
    (sim.home / file.name).rename(file)  # the store shows this one again
    sim.later(hours=1)
    await end_lost(sim.hub)

    assert (await sim.payload(letter)).status == 404
    assert (await sim.collect(letter)).status == 404
    assert (await sim.payload(other)).status == 200
    assert [one.kind for one in await sim.notices()] == ["resend"]
    assert sim.hub.missing == {}


@on_file
async def test_what_one_recipient_has_read_stays_collected(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    letter = await sim.sent()
    assert (await sim.collect(letter)).status == 200
    await backed_up(sim, tmp_path / "backup")
    with empty() as place:
        again = await brought_back(
            sim, tmp_path / "backup", tmp_path / "two", place, payloads=False
        )
        async with again.running():
            assert (await again.acknowledge(letter)).status == 200
            (row,) = await again.rows("SELECT state, use_returned FROM disclosures")
            assert row.state == "acknowledged"
            assert not row.use_returned


async def test_a_place_that_is_not_empty_is_never_written_to(
    sim: Simulator, tmp_path: Path
) -> None:
    await backed_up(sim, tmp_path / "backup")
    later = await sim.consent()
    with pytest.raises(Misconfigured, match=r"exists|not empty|another process"):
        restore(sim.settings, tmp_path / "backup", now=MADE_AT, progress=quiet)
    with pytest.raises(Misconfigured, match="never overwrites"):
        await backed_up(sim, tmp_path / "backup")
    assert (await sim.call(SENDER, routes.GET_CONSENT, id=later.id)).status == 200
    assert await sim.count("restorations") == 0


async def test_a_damaged_backup_is_refused_before_anything_is_written(
    sim: Simulator, empty: Place, tmp_path: Path
) -> None:
    found = await backed_up(sim, tmp_path / "backup")
    largest = max(found.parts, key=lambda part: part.size).name
    for damage in ("flipped", "cut", "gone"):
        shutil.copytree(tmp_path / "backup", tmp_path / damage)
        part = tmp_path / damage / largest
        content = bytearray(part.read_bytes())
        content[len(content) // 2] ^= 1
        if damage == "gone":
            part.unlink()
        else:
            part.write_bytes(content if damage == "flipped" else part.read_bytes()[:-1])
        with empty() as place:
            again = empty_hub(sim, tmp_path / f"two-{damage}", place)
            with pytest.raises(Misconfigured, match=r"damaged|cannot be read"):
                restore(again.settings, tmp_path / damage, now=MADE_AT, progress=quiet)
            restore(again.settings, tmp_path / "backup", now=MADE_AT, progress=quiet)  # was empty


@on_file
async def test_the_vault_comes_back_with_every_key(sim: Simulator, tmp_path: Path) -> None:
    consent = await sim.consent()
    back_up_vault(sim.settings, tmp_path / "backup", now=MADE_AT, progress=quiet)
    again = empty_hub(sim, tmp_path / "two", {})
    key = again.home / "vault" / "vault.key"
    key.unlink()
    with pytest.raises(Misconfigured, match="vault's key"):
        restore(again.settings, tmp_path / "backup", now=MADE_AT, progress=quiet)
    await sim.runner.cleanup()
    shutil.copyfile(sim.home / "vault" / "vault.key", key)
    key.chmod(0o600)
    restore(again.settings, tmp_path / "backup", now=MADE_AT, progress=quiet)
    (row,) = await sim.rows(f"SELECT chain FROM consents WHERE id = '{consent.id}'")  # noqa: S608
    async with again.running():
        assert (await again.hub.vault.chain(row.chain)).key == consent.log_key
    with pytest.raises(Misconfigured, match="exists"):
        restore(again.settings, tmp_path / "backup", now=MADE_AT, progress=quiet)


async def test_a_database_brought_back_by_other_means_says_so(
    tmp_path: Path, stored_in: dict[str, Any]
) -> None:
    sim = Simulator(tmp_path, **stored_in)
    async with sim.running():
        await sim.arrange()
        letter = await sim.sent()
    shutil.rmtree(sim.home / "payloads")
    (sim.home / "payloads").mkdir()
    mark(sim.settings, now=MADE_AT)
    async with sim.running():
        assert (await sim.collect(letter)).status == 404
        (row,) = await sim.rows("SELECT made_at, ready_at FROM restorations")
        assert row.made_at is None
        assert row.ready_at is not None


def test_records_and_vault_are_kept_apart(tmp_path: Path) -> None:
    for records, vault in (("one/r", "one/v"), ("one", "one/v"), ("one/v", "one"), ("a", "./a")):
        with pytest.raises(Misconfigured, match="must not lie beside"):
            keep_apart(tmp_path / records, tmp_path / vault)
    keep_apart(tmp_path / "one" / "r", tmp_path / "two" / "v")


@on_file
async def test_a_stranger_learns_nothing_of_a_lost_payload(sim: Simulator) -> None:
    letter = await sim.sent()
    stranger = await sim.call("youth-c", routes.PAYLOAD_OF, id=letter.id)
    for file in (sim.home / "payloads").rglob("?" * 32):
        file.unlink()
    assert (await sim.call("youth-c", routes.PAYLOAD_OF, id=letter.id)).face == stranger.face
    assert (await sim.payload(letter, RECIPIENT)).status == 503
    assert len(sim.hub.missing) == 1


def test_a_vault_on_a_server_comes_back_with_every_row(
    postgres_server: Server, tmp_path: Path
) -> None:
    with postgres_server.database() as full, postgres_server.database() as empty_one:
        for url in (full, empty_one):
            home = tmp_path / str(make_url(url).database)
            app.make_home(home)
        settings, again = (
            HubSettings(home=tmp_path / str(make_url(url).database), vault={"url": url})
            for url in (full, empty_one)
        )
        make_vault(settings)
        engine = create_engine(full, poolclass=NullPool)
        row = {"chain": "c\\\t\n", "epoch": 1, "sealed": bytes(range(256)), "key_id": b"\0"}
        with engine.begin() as conn:
            conn.execute(vault_server.chain_key.insert(), {**row, "made_at": MADE_AT})
        back_up_vault(settings, tmp_path / "backup", now=MADE_AT, progress=quiet)
        restore(again, tmp_path / "backup", now=MADE_AT, progress=quiet)
        engine = create_engine(empty_one, poolclass=NullPool)
        with engine.begin() as conn:
            (found,) = conn.execute(select(vault_server.chain_key)).all()
            vault_server.check(conn)
        assert {name: found._mapping[name] for name in row} == row
        with pytest.raises(Misconfigured, match="not empty"):
            restore(again, tmp_path / "backup", now=MADE_AT, progress=quiet)


def test_what_the_server_refuses_is_told_without_a_row(
    postgres_server: Server, tmp_path: Path
) -> None:
    with postgres_server.database() as url:
        settings = HubSettings(home=tmp_path, vault={"url": url})
        with pytest.raises(Misconfigured, match="the vault is empty"):
            back_up_vault(settings, tmp_path / "backup", now=MADE_AT, progress=quiet)
        gone = HubSettings(home=tmp_path, database_url=url + "_gone")
        with pytest.raises(Misconfigured, match="the database refused"):
            back_up(gone, tmp_path / "backup", now=MADE_AT, progress=quiet)
    assert not (tmp_path / "backup").exists()
