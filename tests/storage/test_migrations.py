"""exchange.hub.storage.migrate: from every schema there ever was, all of it or nothing."""

import os
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Column,
    Connection,
    Constraint,
    Engine,
    Integer,
    MetaData,
    Select,
    Table,
    UniqueConstraint,
    create_engine,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from exchange.canonical import b64u
from exchange.errors import Misconfigured
from exchange.hub.change_schema import change_schema, find_schema
from exchange.hub.settings import HubSettings
from exchange.hub.storage import migrate, schema, tables
from exchange.hub.storage.engine import FILE
from exchange.sqlite_file import changer_engine, lock_file
from exchange.wire import routes
from tests import asking
from tests.attacks.parties import COLLECTOR
from tests.postgres import Server
from tests.several import Several
from tests.simulator import RECIPIENT, SENDER, Given, Letter, Simulator
from tests.storage import older
from tests.storage.older import SCHEMAS, quiet

ROOT = Path(__file__).parents[2]
STEPS = (*SCHEMAS, schema.HEAD)


class Broken(Exception):
    """What a step raises."""


def break_off(_reached: str, _words: str) -> None:
    raise Broken


@dataclass(frozen=True)
class Place:
    """A database that can be made as an earlier version made it."""

    engine: Engine
    make: Callable[[str], None]
    """Makes an old schema in it."""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        path = tmp_path / FILE
        engine = changer_engine(path)
        yield Place(engine, lambda revision: older.make_file(path, revision))
        engine.dispose()
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database() as url:
        engine = create_engine(url, poolclass=NullPool)

        def make(revision: str) -> None:
            with engine.begin() as conn:
                older.make_on_server(conn, revision)

        yield Place(engine, make)
        engine.dispose()


def described(engine: Engine) -> set[Any]:
    with engine.begin() as conn:
        return older.described(conn)


def upgrade(engine: Engine, to: str = schema.HEAD) -> None:
    with engine.begin() as conn:
        migrate.upgrade(conn, quiet, to=to)


@contextmanager
def another(place: Place, tmp_path: Path, server: Callable[[], Server]) -> Iterator[Engine]:
    """Yield a second empty database of the same kind."""
    if place.engine.dialect.name == "sqlite":
        engine = changer_engine(tmp_path / "another.sqlite")
        yield engine
        engine.dispose()
        return
    with server().database() as url:
        engine = create_engine(url, poolclass=NullPool)
        yield engine
        engine.dispose()


def test_the_newest_revision_is_the_schema_of_this_program() -> None:
    script = ScriptDirectory(str(ROOT / "exchange/hub/storage/migrations"))
    assert script.get_heads() == [schema.HEAD]
    steps = [step.revision for step in script.walk_revisions()]
    assert steps == sorted(steps, reverse=True)  # `check` compares them as text
    assert set(STEPS) == set(steps)  # each earlier one has a file of its time


@pytest.mark.parametrize("revision", SCHEMAS)
def test_every_earlier_schema_becomes_the_one_that_a_new_database_gets(
    place: Place, revision: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place.make(revision)
    upgrade(place.engine)

    def server() -> Server:
        found: Server = request.getfixturevalue("postgres_server")
        return found

    with another(place, tmp_path, server) as engine:
        with engine.begin() as conn:
            schema.prepare(conn)
        assert described(place.engine) ^ described(engine) == set()
    with place.engine.begin() as conn:
        assert compare_metadata(MigrationContext.configure(conn), tables.metadata) == []
        assert schema.revision(conn) == schema.HEAD


@pytest.mark.parametrize("revision", SCHEMAS)
def test_a_revision_makes_what_its_version_made(tmp_path: Path, revision: str) -> None:
    older.make_file(tmp_path / "then.sqlite", revision)
    then, now = changer_engine(tmp_path / "then.sqlite"), changer_engine(tmp_path / "now.sqlite")
    for step in SCHEMAS[: SCHEMAS.index(revision) + 1]:
        upgrade(now, step)
    differences = described(then) ^ described(now)
    assert {one for one in differences if "alembic_version" not in one} == set()
    then.dispose()
    now.dispose()


@pytest.mark.parametrize("revision", STEPS[1:])
def test_what_the_release_before_writes_still_fits(tmp_path: Path, revision: str) -> None:
    """Old hubs run beside the new schema while they are restarted: it may only grow."""
    before, after = MetaData(), MetaData()
    engine = changer_engine(tmp_path / FILE)
    for step in STEPS[: STEPS.index(revision)]:
        upgrade(engine, step)
    before.reflect(engine)
    upgrade(engine, revision)
    after.reflect(engine)
    engine.dispose()
    for table in before.sorted_tables:
        new = after.tables[table.name]
        assert {column.name for column in table.c} <= {column.name for column in new.c}
        for column in new.c:
            if column.name not in table.c:
                assert column.nullable or column.server_default is not None
        assert _uniques(new) == _uniques(table)


def _uniques(table: Table) -> set[tuple[str, ...]]:
    found = {tuple(one.columns.keys()) for one in table.constraints if _is_unique(one)}
    return found | {tuple(one.columns.keys()) for one in table.indexes if one.unique}


def _is_unique(constraint: Constraint) -> TypeGuard[UniqueConstraint]:
    return isinstance(constraint, UniqueConstraint)


@pytest.mark.parametrize("revision", SCHEMAS)
def test_what_fails_in_the_last_moment_leaves_everything_as_it_was(
    place: Place, revision: str
) -> None:
    place.make(revision)
    before = described(place.engine)

    def undone(conn: Connection) -> None:
        migrate.upgrade(conn, break_off)
        raise Broken  # where there is no step left, when its transaction fails

    with pytest.raises(Broken), place.engine.begin() as conn:
        undone(conn)
    assert described(place.engine) == before
    with place.engine.begin() as conn:
        assert schema.revision(conn) == revision


def test_the_log_only_grows_after_every_upgrade(place: Place) -> None:
    place.make("0001")
    upgrade(place.engine)
    with place.engine.begin() as conn:
        conn.execute(text("INSERT INTO log_entry (idx, leaf, rid) VALUES (0, :leaf, 'r')"), LEAF)
    for forbidden in ("DELETE FROM log_entry", "UPDATE log_entry SET idx = 1"):
        with pytest.raises(DBAPIError, match="the log only grows"), place.engine.begin() as conn:
            conn.execute(text(forbidden))
    with place.engine.begin() as conn:
        conn.execute(text("UPDATE log_entry SET rid = NULL"))


LEAF = {"leaf": bytes(49)}


def test_only_one_at_a_time_changes_a_server(postgres_server: Server) -> None:
    with postgres_server.database() as url:
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as first, engine.begin() as second:
            migrate.lock(first)
            second.exec_driver_sql("SET lock_timeout = '50ms'")
            with pytest.raises(DBAPIError, match="lock timeout"):
                migrate.lock(second)


def test_a_migration_whose_connection_is_lost_leaves_the_old_schema_and_can_be_repeated(
    postgres_server: Server,
) -> None:
    with postgres_server.database() as url:
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as conn:
            older.make_on_server(conn, "0001")

        def lose(_reached: str, _words: str) -> None:
            with engine.begin() as conn:
                conn.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

        with pytest.raises(Misconfigured, match="repeat the command"):
            migrate.migrate_server(engine, lose)
        assert migrate.find_on_server(engine) == "0001"
        migrate.migrate_server(engine, quiet)
        assert migrate.find_on_server(engine) == schema.HEAD


def test_a_parent_that_is_made_anew_keeps_its_children(tmp_path: Path) -> None:
    engine = changer_engine(tmp_path / FILE)
    upgrade(engine)
    with engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO agencies (id, state, chain, admitted_at, language) VALUES"
                " ('a', 'active', 'c', '', 'de')"
            )
        )
        conn.execute(text("INSERT INTO revoked_keys VALUES ('f', 'a', '')"))
        conn.execute(text("INSERT INTO identities VALUES ('k', 'a', x'', x'', '', NULL, NULL)"))
    with engine.begin() as conn:
        change = Operations(MigrationContext.configure(conn)).batch_alter_table
        with change("agencies", recreate="always") as batch:
            batch.add_column(Column("added", Integer))
    with engine.begin() as conn:
        assert conn.execute(text("SELECT count(*) FROM identities")).scalar_one() == 1
        assert conn.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert {row[2] for row in conn.exec_driver_sql("PRAGMA foreign_key_list(identities)")} == {
            "agencies"
        }
    engine.dispose()


def test_rows_that_refer_to_nothing_stop_a_migration(tmp_path: Path) -> None:
    path = tmp_path / FILE
    older.make_file(path, "0001")
    with closing(sqlite3.connect(path)) as astray:
        astray.execute("INSERT INTO headers VALUES ('no disclosure', x'00')")
        astray.commit()
    with pytest.raises(Misconfigured, match="refer to nothing, in: headers"):
        migrate.migrate_file(path, quiet, copy=None)
    assert migrate.find_in_file(path) == "0001"


# With a hub


@dataclass(frozen=True)
class Scene:
    """What a hub knew when it was stopped for the update."""

    given: Given
    waiting: Letter
    """Stored and not collected."""
    collected: Letter
    taken: Letter
    """Collected before its consent was withdrawn."""


async def scene(sim: Simulator) -> Scene:
    await sim.arrange()
    given, gone = await sim.consent(), await sim.consent()
    collected, taken = await sim.sent(given), await sim.sent(gone)
    assert (await sim.collect(collected)).status == 200
    assert (await sim.collect(taken)).status == 200
    assert (await sim.withdraw(gone)).status < 300
    return Scene(given, await sim.sent(given), collected, taken)


async def goes_on(sim: Simulator, known: Scene) -> None:
    """Decide, collect, acknowledge, disclose, confirm and withdraw, as if nothing had been."""
    assert (await sim.ask(SENDER, known.given.digest)).status == 200
    waiting = {entry["disclosure"]["id"] for entry in await sim.inbox()}
    assert waiting == {known.waiting.id, known.collected.id}
    assert (await sim.collect(known.waiting)).status == 200
    assert (await sim.acknowledge(known.collected)).status < 300
    later = await sim.sent(known.given)
    (asked,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    assert asked["manifests"] == [known.taken.digest]
    assert (await sim.confirm(asked)).status < 300
    assert (await sim.withdraw(known.given)).status < 300
    assert (await sim.collect(later)).status == 404
    assert (await sim.ask(SENDER, known.given.digest)).status == 403
    numbers = await sim.rows("SELECT chain, n FROM log_event WHERE chain IS NOT NULL")
    assert len({tuple(row) for row in numbers}) == len(numbers)
    (held,) = await sim.rows(
        "SELECT count(*) FROM consents c LEFT JOIN credentials h ON h.consent = c.digest "
        "WHERE h.digest IS NULL"
    )
    assert held[0] == 0  # nobody's code, but a code that can be replaced


RECEIPTS = {
    "agreement_notices": ("digest", "receipt"),
    "agreement_signatures": ("agreement", "agency", "receipt"),
    "consents": ("digest", "withdrawal_receipt", "reissued_receipt", "receipt"),
    "disclosures": ("id", "ended_receipt", "receipt"),
    "disclosure_recipients": ("disclosure", "agency", "acknowledged_receipt", "collected_receipt"),
    "erasures": ("id", "confirmation_receipt"),
    "requests": ("id", "receipt"),
    "log_event": ("rid", "document"),
}
"""Columns of schema 0004, behind the keys of their rows."""


def _columns(name: str, *columns: str) -> Select[*tuple[object, ...]]:
    table = tables.metadata.tables[name]
    return select(*(table.c[column] for column in columns))


def named(conn: Connection) -> dict[str, set[tuple[object, ...]]]:
    """Return what every row says about its receipts."""
    return {
        name: {tuple(row) for row in conn.execute(_columns(name, *columns))}
        for name, columns in RECEIPTS.items()
    }


@pytest.mark.parametrize("revision", SCHEMAS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_hub_goes_on_with_what_an_earlier_version_stored(
    tmp_path: Path, revision: str, kind: str, request: pytest.FixtureRequest
) -> None:
    sim = Simulator(tmp_path)
    async with sim.running():
        known = await scene(sim)
    written = (sim.home / FILE).rename(tmp_path / "written.sqlite")
    with _old_database(sim, kind, revision, request) as engine:
        with engine.begin() as conn:
            older.carry(written, conn)
            before = older.counted(conn)
        if revision != schema.HEAD:
            with pytest.raises(Misconfigured, match="run exchange hub migrate"):
                async with sim.running():
                    raise AssertionError("an older schema was taken")
        change_schema(sim.settings, quiet)
        with engine.begin() as conn:
            after = older.counted(conn)
        assert {name: after[name] for name in before} == before
        async with sim.running():
            await goes_on(sim, known)


async def test_rows_from_before_name_the_receipts_that_the_log_has_for_them(
    tmp_path: Path, place: Place
) -> None:
    sim = Several(tmp_path)
    async with sim.running():
        await everything_with_a_receipt(sim)
    written = create_engine(f"sqlite:///{sim.home / FILE}", poolclass=NullPool)
    with written.begin() as conn:
        expected = named(conn)
    assert all(any(row[-1] for row in rows) for rows in expected.values())
    place.make("0003")
    with place.engine.begin() as conn:
        older.carry(sim.home / FILE, conn)
    upgrade(place.engine)
    with place.engine.begin() as conn:
        assert named(conn) == expected


async def everything_with_a_receipt(sim: Several) -> None:
    """Do each thing that is recorded for a row, some of it twice."""
    known = await scene(sim)
    recalled = await sim.sent(known.given)
    assert (await sim.call(SENDER, routes.RECALL, id=recalled.id)).status == 200
    assert (await sim.acknowledge(known.collected)).status == 200
    (asked,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    assert (await sim.confirm(asked)).status == 200
    await asking.ask(sim)
    assert (await sim.give_notice("2026-12-31T23:00:00Z")).status == 201
    for _ in range(2):
        body = {"credential": b64u(secrets.token_bytes(32))}
        replaced = await sim.call(COLLECTOR, routes.POST_CREDENTIAL, id=known.given.id, json=body)
        assert replaced.status == 200


@contextmanager
def _old_database(
    sim: Simulator, kind: str, revision: str, request: pytest.FixtureRequest
) -> Iterator[Engine]:
    if kind == "sqlite":
        older.make_file(sim.home / FILE, revision)
        engine = create_engine(f"sqlite:///{sim.home / FILE}", poolclass=NullPool)
        yield engine
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database() as url:
        given = {**sim.settings.model_dump(), "database_url": url}
        sim.settings = HubSettings(**given)
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as conn:
            older.make_on_server(conn, revision)
        yield engine


# Files


def test_a_file_is_copied_before_it_is_changed_and_the_copy_is_for_its_owner(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / FILE, tmp_path / "copy.sqlite"
    older.make_file(path, "0001")
    copy.write_bytes(b"an older copy")
    migrate.migrate_file(path, quiet, copy=copy)
    assert (migrate.find_in_file(copy), migrate.find_in_file(path)) == ("0001", schema.HEAD)
    assert copy.stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob("*.part*"))


def test_without_room_for_a_copy_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / FILE
    older.make_file(path, "0001")
    with pytest.raises(Misconfigured, match="no copy could be made"):
        migrate.migrate_file(path, quiet, copy=tmp_path / "missing" / "copy.sqlite")
    assert migrate.find_in_file(path) == "0001"


def test_a_file_that_a_hub_uses_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE
    older.make_file(path, "0001")
    lock = lock_file(path)
    with pytest.raises(Misconfigured, match="another process uses"):
        migrate.migrate_file(path, quiet, copy=None)
    os.close(lock)
    assert migrate.find_in_file(path) == "0001"


def test_a_new_home_needs_no_migration(tmp_path: Path) -> None:
    settings = HubSettings(home=tmp_path)
    assert find_schema(settings) is None
    assert not (tmp_path / FILE).exists()
    change_schema(settings, quiet)
    assert find_schema(settings) == schema.HEAD


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("CREATE TABLE theirs (x)")
    with pytest.raises(Misconfigured, match="not one of this program"):
        migrate.migrate_file(path, quiet, copy=None)
    path.write_bytes(b"no database at all, " * 100)
    with pytest.raises(Misconfigured, match="cannot be read"):
        migrate.find_in_file(path)
    for copy in (None, tmp_path / "copy.sqlite"):
        with pytest.raises(Misconfigured):
            migrate.migrate_file(path, quiet, copy=copy)


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        (None, "make its tables with exchange hub migrate"),
        ("0001", "run exchange hub migrate"),
        ("9999", "run the version of the program that made it"),
    ],
)
def test_a_start_says_what_to_do_with_another_schema(found: str | None, advice: str) -> None:
    with pytest.raises(Misconfigured, match=advice):
        schema.require(found)


def test_a_server_that_is_empty_or_later_is_refused_and_left_as_it_is(
    postgres_server: Server,
) -> None:
    with postgres_server.database() as url:
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as conn, pytest.raises(Misconfigured, match="is empty"):
            schema.check(conn)
        with engine.begin() as conn:
            schema.make(conn)
            conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        for start in (schema.check, lambda conn: migrate.upgrade(conn, quiet)):
            with engine.begin() as conn, pytest.raises(Misconfigured, match="schema 9999"):
                start(conn)
        with engine.begin() as conn:
            assert schema.revision(conn) == "9999"


def test_a_version_from_before_refuses_a_file_that_was_led_on(tmp_path: Path) -> None:
    path = tmp_path / FILE
    older.make_file(path, "0001")
    migrate.migrate_file(path, quiet, copy=None)
    with closing(sqlite3.connect(path)) as looked:
        # It knew the number alone, and took a file with another one for a stranger's.
        assert looked.execute("PRAGMA user_version").fetchone() == (0,)


def test_a_kill_at_any_moment_leaves_the_old_schema_or_the_new_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.storage.migrating", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = done.stdout.split()
    assert set(found) == {"0001", schema.HEAD}
    assert found == sorted(found)  # the old one until the commit, then the new one
