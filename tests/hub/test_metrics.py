"""GET /metrics on a port of its own: what it says of the log, of waiting and of requests."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from sqlalchemy import Connection

from exchange.audit import event
from exchange.errors import Misconfigured
from exchange.hub import app, serve, sweep
from exchange.hub.add_cosignature import add_cosignature
from exchange.hub.heads import CLOCK
from exchange.hub.metrics.endpoint import FRESH_S
from exchange.hub.metrics.table import TABLE
from exchange.hub.relay import Relay
from exchange.hub.settings import HubSettings, Listen, Metrics
from exchange.hub.storage import checkpoints, log, tree
from exchange.hub.storage.log import Chain
from exchange.wire import routes
from tests import needs
from tests.hub import witnessing
from tests.scraping import Scraper, scraped, values_of
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Simulator, statements


@pytest.fixture
async def scraper(sim: Simulator) -> AsyncIterator[Scraper]:
    """Ask the hub of `sim`; every look is a new one."""
    async with scraped(sim) as found:
        yield found


# What is shown


@needs.both_databases()
async def test_both_formats_show_every_metric_of_the_table_and_nothing_else(
    sim: Simulator, scraper: Scraper
) -> None:
    await sim.sent()
    await sim.settled()
    await sim.call(OUTSIDER, routes.GET_CONSENT, id=str(uuid4()))

    older, newer = await scraper.families(), await scraper.newer_families()

    # The newer format leaves the ending out of a counter's name; the older parser does so, too.
    described = {metric.name.removesuffix("_total"): metric for metric in TABLE}
    assert older.keys() == newer.keys() == described.keys()
    for name, metric in described.items():
        for family in (older[name], newer[name]):
            assert (family.type, family.documentation) == (metric.kind, metric.meaning)
            assert family.samples, name
            for sample in family.samples:
                assert set(sample.labels) - {"le"} == set(metric.labels)
        assert newer[name].unit == metric.unit
        assert metric.name.endswith(metric.unit)
    shown = {name for name in values_of(older.values()) if not _grows_by_asking(name)}
    assert shown == {name for name in values_of(newer.values()) if not _grows_by_asking(name)}


def _grows_by_asking(name: tuple[str, ...]) -> bool:
    return name[0].endswith("_created")


@needs.both_databases()
async def test_what_waits_is_counted_until_it_does_not_wait(
    sim: Simulator, scraper: Scraper
) -> None:
    await sim.reach(RECIPIENT)
    before = await scraper.values()
    letter = await sim.sent()
    await sim.settled()
    waiting = await scraper.values()
    await sim.collect(letter)
    await sim.acknowledge(letter)
    after = await scraper.values()

    counts = [one["hub_documents_waiting",] for one in (before, waiting, after)]
    assert counts == [0, 1, 0]
    assert waiting["hub_notices_waiting",] == before["hub_notices_waiting",] + 1
    assert waiting["log_signed_size",] == waiting["log_tree_size",] > before["log_tree_size",]
    assert waiting["hub_database_up",] == 1
    assert waiting["hub_payloads_missing",] == 0
    assert waiting["hub_reserve_bytes",] == sim.settings.disk.reserve
    assert waiting["hub_room_bytes", "home"] > 0
    assert waiting["hub_room_bytes", "payloads"] > 0
    lanes = {name[1] for name in waiting if name[0] == "hub_database_waiting_units"}
    assert lanes == sim.database.waiting().keys() >= {"urgent", "write"}


@needs.both_databases()
async def test_a_notice_is_overdue_until_a_relay_takes_it_and_parked_when_given_up(
    sim: Simulator, scraper: Scraper
) -> None:
    await sim.reach(RECIPIENT)
    await sim.sent()
    sim.later(minutes=10)
    assert await scraper.value("hub_notices_overdue_seconds") == 600

    await Relay(sim.settings.notices).send_due(sim.hub)  # fails: no such channel is loaded
    taken = await scraper.values()
    assert (taken["hub_notices_overdue_seconds",], taken["hub_notices_waiting",]) == (0, 1)

    sim.later(days=4)
    await Relay(sim.settings.notices).send_due(sim.hub)
    given_up = await scraper.values()
    assert (given_up["hub_notices_parked",], given_up["hub_notices_waiting",]) == (1, 0)


@needs.sqlite()
async def test_a_sweep_is_as_old_as_the_last_one_in_which_nothing_failed(
    sim: Simulator, scraper: Scraper
) -> None:
    sim.later(seconds=50)
    assert await scraper.value("hub_sweep_age_seconds") == 50  # there was none: since the start
    await sweep.sweep(sim.hub, leftovers=False)
    assert await scraper.value("hub_sweep_age_seconds") == 0
    sim.later(seconds=70)
    async with without(sim, "requests"):
        await sweep.sweep(sim.hub, leftovers=False)
        assert await scraper.value("hub_sweep_age_seconds") == 70
    await sweep.sweep(sim.hub, leftovers=False)
    assert await scraper.value("hub_sweep_age_seconds") == 0


@asynccontextmanager
async def without(sim: Simulator, table: str) -> AsyncIterator[None]:
    """Let whatever asks for a table fail while the block runs."""
    await sim.hub.db.write(_rename, table, "gone")
    yield
    await sim.hub.db.write(_rename, "gone", table)


def _rename(conn: Connection, table: str, name: str) -> None:
    conn.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {name}")


# The log


@needs.both_databases()
async def test_the_lag_grows_while_sequencing_stands_and_falls_when_it_goes_on(
    sim: Simulator, scraper: Scraper
) -> None:
    async with sim.still():
        assert await _lag(scraper) == (0, 0)
        await sim.consent()
        sim.later(seconds=40)
        await sim.consent()
        sim.later(seconds=50)
        assert await _lag(scraper) == (2, 90)
        # In the tree, and no signed head covers them: they have waited as long.
        moved = await sim.hub.db.write_behind(
            tree.append,
            lock=tree.lock_of(sim.hub.signer.origin),
            opened=sim.hub.signer.opened,
            batch=1,
            at=sim.now,
        )
        assert moved == 1
        assert await _lag(scraper) == (2, 90)
        values = await scraper.values()
        assert values["log_tree_size",] == values["log_signed_size",] + 1
        assert values["log_checkpoint_age_seconds",] >= 90
    await sim.settled()

    assert await _lag(scraper) == (0, 0)
    assert await scraper.value("log_checkpoint_age_seconds") == 0


async def _lag(scraper: Scraper) -> tuple[float, float]:
    values = await scraper.values()
    return values["log_pending_leaves",], values["log_pending_age_seconds",]


@needs.both_databases()
async def test_entries_that_wait_for_the_vault_are_counted_apart(
    sim: Simulator, scraper: Scraper
) -> None:
    await sim.consent()
    await sim.settled()
    ((chain,),) = await sim.rows("SELECT chain FROM consents")
    async with sim.still():
        assert await scraper.value("log_deferred_leaves") == 0
        for _ in range(2):
            await sim.hub.db.write(_recorded_without_its_key, str(chain), sim)
        values = await scraper.values()

    assert values["log_deferred_leaves",] == 2
    assert values["log_pending_leaves",] == 0


def _recorded_without_its_key(conn: Connection, chain: str, sim: Simulator) -> None:
    ended = event.agreement_ended(at=sim.now, agreement="A" * 43)
    log.record(conn, Chain(chain, None), ended)


async def test_without_a_quorum_the_lag_grows_until_the_witnesses_have_cosigned(
    tmp_path: Path,
) -> None:
    async with (
        witnessing.watched(tmp_path, pull=("a", "b")) as sim,
        scraped(sim) as scraper,
    ):
        head = await sim.candidate()
        found = await sim.hub.db.read(checkpoints.oldest_unpublished, above=-1)
        assert found is not None
        named = found
        sim.now = named + timedelta(seconds=299)
        assert await _witnessed(scraper) == (299, 0)
        sim.now = named + timedelta(seconds=300)
        assert await _witnessed(scraper) == (300, 1)

        for name in ("a", "b"):
            await add_cosignature(sim.hub, await sim.cosigned(name, head))

        assert await _witnessed(scraper) == (0, 0)


async def _witnessed(scraper: Scraper) -> tuple[float, float]:
    values = await scraper.values()
    return values["log_witness_lag_seconds",], values["log_degraded",]


@needs.sqlite()
async def test_what_the_database_does_not_say_is_left_out_and_the_rest_is_shown(
    sim: Simulator, scraper: Scraper
) -> None:
    codes = {name[1] for name in await scraper.values() if name[0] == "log_stopped"}
    await sim.call(None, routes.HEALTHZ)
    async with sim.still(), without(sim, "log_tree"):
        sim.hub.heads.stop(CLOCK)
        values = await scraper.values()
        sim.hub.heads.resume()

    assert codes == {"checking", "unconfirmed", "evidence", "damaged", "clock"}
    assert {code for code in codes if values["log_stopped", code]} == {CLOCK}
    assert values["log_degraded",] == 1
    assert values["hub_database_up",] == 0
    assert values["hub_requests_total", "GET", "/healthz", "200"] == 1
    assert not {name[0] for name in values} & {"log_pending_leaves", "hub_documents_waiting"}
    assert await scraper.value("log_stopped", CLOCK) == 0
    assert await scraper.value("hub_database_up") == 1

    async with scraped(sim, patience_s=0) as hurried:
        assert await hurried.value("hub_database_up") == 0


# Requests


@needs.sqlite()
async def test_requests_are_counted_by_patterns_and_no_id_is_one(
    sim: Simulator, scraper: Scraper
) -> None:
    given = await sim.consent()
    for _ in range(2):
        assert (await sim.call(OUTSIDER, routes.GET_CONSENT, id=given.id)).status == 404
    for path in (f"/no/{given.id}", f"/v2/{SENDER}"):
        async with sim.http.get(sim.origin + path) as answer:
            assert answer.status == 404
    async with sim.http.request("TRACE", sim.origin + "/healthz") as answer:
        assert answer.status == 405

    _, _, text = await scraper.ask()
    values = await scraper.values()

    assert values["hub_requests_total", "GET", "/v1/consents/{id}", "404"] == 2
    assert values["hub_requests_total", "GET", "unmatched", "404"] == 2
    assert values["hub_requests_total", "other", "unmatched", "405"] == 1
    assert values["hub_problems_total", "not-found"] == 4
    took = "hub_request_duration_seconds"
    assert values[f"{took}_count", "GET", "/v1/consents/{id}"] == 2
    assert values[f"{took}_bucket", "+Inf", "GET", "/v1/consents/{id}"] == 2
    assert values[f"{took}_sum", "GET", "/v1/consents/{id}"] > 0
    shown = set(re.findall(r'route="([^"]*)"', text))
    known = {
        route.resource.canonical
        for route in sim.runner.app.router.routes()
        if route.resource is not None
    }
    assert shown <= known | {"unmatched"}
    for word in (given.id, SENDER, RECIPIENT, OUTSIDER, "/no/", "TRACE"):
        assert word not in text


@needs.sqlite()
async def test_who_asks_often_sees_the_same_and_the_database_is_left_alone(
    sim: Simulator,
) -> None:
    now = 100.0
    async with scraped(sim, ticks=lambda: now) as scraper:
        async with sim.still():
            first = await scraper.ask()
            with statements(sim.home) as seen:
                answers = await asyncio.gather(*(scraper.ask() for _ in range(8)))
            assert seen == []
        await sim.call(None, routes.HEALTHZ)
        assert {text for _, _, text in answers} == {first[2]}
        assert (await scraper.ask())[2] == first[2]
        now += FRESH_S
        assert (await scraper.ask())[2] != first[2]


# The listener

ASKED = [
    ("GET", "/metrics", 200),
    ("HEAD", "/metrics", 200),
    ("POST", "/metrics", 405),
    ("DELETE", "/metrics", 405),
    ("GET", "/", 404),
    ("GET", "/metrics/", 404),
    ("GET", "/readyz", 404),
    ("GET", "/v1/consents", 404),
    ("GET", "/metrics?name[]=hub_database_up", 400),
]
HOSTS = {
    "127.0.0.1": 200,
    "[::1]:9464": 200,
    "LOCALHOST:9464": 200,
    "hub-1:9464": 200,
    "hub-2:9464": 421,
    "evil.example": 421,
    "127.0.0.1.evil.example": 421,
    "hub-1@evil.example": 421,
    "[evil.example]": 421,
}


@needs.sqlite()
async def test_there_is_one_page_to_be_read_by_the_right_name_and_nothing_else(
    sim: Simulator,
) -> None:
    sim.settings = sim.settings.model_copy(update={"metrics": Metrics(names=("Hub-1",))})
    async with scraped(sim) as scraper:
        for method, path, status in ASKED:
            answered, headers, _ = await scraper.ask(path, method)
            assert answered == status, (method, path)
            assert (headers["Server"], headers["Cache-Control"]) == ("exchange", "no-store")
        for host, status in HOSTS.items():
            assert (await scraper.ask(Host=host))[0] == status, host
        async with sim.http.get(sim.origin + "/metrics") as answer:
            assert answer.status == 404
    with pytest.raises(aiohttp.ClientConnectorError):  # it ends with the hub
        await sim.http.get(f"http://127.0.0.1:{scraper.port}/metrics")


@needs.sqlite()
async def test_each_process_has_the_next_port_and_says_in_one_line_that_it_is_taken(
    sim: Simulator, scraper: Scraper
) -> None:
    found = app.Opened(hub=sim.hub, database=sim.database)
    metrics = Metrics(port=scraper.port - 1)
    settings = sim.settings.model_copy(update={"metrics": metrics})
    second = serve.Worker(index=1)

    with pytest.raises(Misconfigured) as refused:
        async with serve.watched(found, sim.front.traffic, settings, second):
            pass

    told = f"the port for metrics, {scraper.port}, cannot be opened: "
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("port", "listen", "workers", "said"),
    [
        (8700, 8700, 1, "metrics.port must be another one than listen.port"),
        (8699, 8700, 2, "metrics.port must be another one than listen.port"),
        (65_535, 8700, 2, "metrics.port leaves no port for each of the workers"),
    ],
)
def test_ports_that_cannot_be_had_are_refused_at_the_start(
    port: int, listen: int, workers: int, said: str
) -> None:
    shared: dict[str, Any] = {"database_url": "postgresql+psycopg://x@y/z", "workers": workers}
    with pytest.raises(ValueError, match=said):
        HubSettings(listen=Listen(port=listen), metrics=Metrics(port=port), **shared)


@pytest.mark.parametrize(("port", "workers"), [(8701, 1), (8698, 2), (65_534, 2)])
def test_ports_beside_the_public_one_are_accepted(port: int, workers: int) -> None:
    shared: dict[str, Any] = {"database_url": "postgresql+psycopg://x@y/z", "workers": workers}
    assert HubSettings(metrics=Metrics(port=port), **shared).metrics.port == port
