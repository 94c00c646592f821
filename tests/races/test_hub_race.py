"""Rule 4 under fire at one hub process: withdrawals against collections and stores over HTTP.

The hub runs as its own process, `exchange hub serve`; many clients ask at once. Afterwards the
order in the log is compared with what was answered, and when it was asked.
"""

import asyncio
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest
from sqlalchemy import Connection

from exchange.hub import disclose
from exchange.hub.disclose import Plan, Sealed
from exchange.hub.parts import Hub
from exchange.hub.record_consent import chain_of
from exchange.hub.storage.blobs import Kept, new_name
from exchange.hub.stored import manifest_of
from exchange.members import write_time
from exchange.wire import routes
from exchange.wire.asked import asked_by_manifest
from tests.bench.place import LIFE_S, Place
from tests.simulator import RECIPIENT, SENDER, Given, Letter

CONSENTS = 320
COLLECTED = 22
"""Stored documents of each consent: half are collected while it is withdrawn, half after it."""
STORED = 10
"""Documents of each consent that are stored while it is withdrawn."""
AT_ONCE = 6
"""Consents that are raced at the same time, each with some thirty requests under way."""
PAIRS = 10_000
CUT = 0
"""Status of a request whose connection the hub has cut."""


@dataclass
class Asked:
    """One request: when it was called, when it was answered, and how."""

    letter: Letter
    called: float
    answered: float
    status: int


@dataclass
class Raced:
    """What happened to one consent."""

    consent: Given
    waiting: list[Letter]
    fresh: list[Letter]
    withdrawn: float = 0.0
    """When the withdrawal was acknowledged."""
    collects: list[Asked] = field(default_factory=list)
    stores: list[Asked] = field(default_factory=list)


GENEROUS = {
    "rate": 100_000,
    "burst": 100_000,
    "parallel": 1_000,
    "waiting": 1_000_000,
    "streams": 1_000,
    "denials_per_minute": 1_000_000,
}
"""Nothing but the gate refuses here."""


class Arena(Place):
    """A place whose hub, in its own process, refuses nothing for its number."""

    @contextmanager
    def served(self) -> Iterator[None]:  # type: ignore[override]
        limits = "\n".join(f"{name} = {value}" for name, value in GENEROUS.items())
        (self.home / "hub.toml").write_text(
            f'origin = "{self.origin}"\n[listen]\nport = {self.port}\n[agency]\n{limits}\n'
            f"[token]\nlife_s = {LIFE_S}\n"
        )
        command = [sys.executable, "-m", "exchange.cli.main", "hub", "serve"]
        with (
            (self.home.parent / "events").open("wb") as events,
            subprocess.Popen(
                [*command, "--home", str(self.home)], stdout=subprocess.PIPE, stderr=events
            ) as hub,
        ):
            try:
                assert hub.stdout is not None
                assert hub.stdout.readline().startswith(b"serving")
                yield
            finally:
                hub.terminate()
            assert hub.wait(60) == 0


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory in memory where there is one: the race is about order, not about the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as found:
        yield Path(found)


@pytest.mark.xdist_group("races")
@pytest.mark.timeout(600)
async def test_a_hub_releases_and_stores_nothing_after_a_withdrawal(directory: Path) -> None:
    place = Arena(directory)
    raced = await load(place)

    with place.served():
        await race_all(place, raced)

    async with place.running():
        found = await orders(place)
        headers = await place.count("headers")
        asked = await place.count("erasures")
    pairs = sum(len(one.collects) + len(one.stores) for one in raced)
    released = [check_collect(one, each, found) for one in raced for each in one.collects]
    stored = [check_store(one, each, found) for one in raced for each in one.stores]
    print(f"pairs {pairs}, released {sum(released)}, stored {sum(stored)}")
    assert pairs >= PAIRS
    assert headers == 0
    assert asked == sum(any(check_collect(one, e, found) for e in one.collects) for one in raced)
    # Both orders must have occurred, else nothing was raced.
    for happened in (released, stored):
        assert len(happened) // 20 <= sum(happened) <= len(happened) * 19 // 20


def check_collect(one: Raced, asked: Asked, found: dict[str, dict[str, int]]) -> bool:
    """Compare a collection with the log; True if a header was released."""
    order = found[one.consent.digest]
    number = order.get("disclosure-collected " + asked.letter.digest)
    assert asked.status in {200, 404}, asked.status
    assert (asked.status == 200) is (number is not None)
    if asked.status == 200:
        assert number is not None
        assert number < order["consent-withdrawn"]
        assert asked.called < one.withdrawn
    return asked.status == 200


def check_store(one: Raced, asked: Asked, found: dict[str, dict[str, int]]) -> bool:
    """Compare a store with the log; True if it was stored."""
    order = found[one.consent.digest]
    number = order.get("disclosure-stored " + asked.letter.digest)
    assert asked.status in {201, 403, CUT}, asked.status
    if asked.status != CUT:  # else nobody was answered, and the log alone knows
        assert (asked.status == 201) is (number is not None)
    if number is not None:
        assert number < order["consent-withdrawn"]
        assert asked.called < one.withdrawn
    return number is not None


async def orders(place: Place) -> dict[str, dict[str, int]]:
    """Return, by consent, the number in its chain of each event."""
    chains = dict(await place.rows("SELECT chain, digest FROM consents"))
    found: dict[str, dict[str, int]] = {digest: {} for digest in chains.values()}
    query = (
        "SELECT chain, n, kind, json_extract(CAST(body AS TEXT), '$.manifest') "
        "FROM log_event WHERE chain IS NOT NULL"
    )
    for chain, n, kind, manifest in await place.rows(query):
        if chain in chains:
            name = kind if manifest is None else f"{kind} {manifest}"
            found[chains[chain]][name] = n
    return found


async def load(place: Place) -> list[Raced]:
    """Record consents and store documents under them, with the hub's own units of work."""
    await place.prepared()
    until = write_time(place.now + timedelta(days=90))
    raced = []
    async with place.running():
        for _ in range(CONSENTS):
            consent = await place.consent(valid_until=until)
            waiting = [place.letter(consent.digest) for _ in range(COLLECTED)]
            fresh = [place.letter(consent.digest) for _ in range(STORED)]
            chain = await place.hub.vault.chain(chain_of(consent.digest))
            await place.hub.db.write(_store_all, place.hub, waiting, chain)
            raced.append(Raced(consent, waiting, fresh))
    return raced


def _store_all(conn: Connection, hub: Hub, letters: list[Letter], chain: Any) -> None:
    for letter in letters:
        manifest = manifest_of(letter.manifest)
        asked = asked_by_manifest(manifest.context)
        plan = Plan(asked, vetoed=False, chain=chain, known=None)
        kept = Kept(blob=new_name(), size=len(letter.payload), sha256="00" * 32)
        sealed = Sealed(letter.header, kept)
        stored = disclose._store(conn, hub, manifest, plan, sealed, None)
        assert isinstance(stored, disclose._Stored)
        assert stored.before is None


async def race_all(place: Place, raced: list[Raced]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)
    connector = aiohttp.TCPConnector(limit=60)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(place.origin, connector=connector, timeout=timeout) as session:

        async def one(each: Raced) -> None:
            async with limit:
                await race(place, session, each)

        await asyncio.gather(*(one(each) for each in raced))


async def race(place: Place, session: aiohttp.ClientSession, one: Raced) -> None:
    """Withdraw somewhere among the collections and stores of one consent."""
    sender, recipient = place.bearer(SENDER), place.bearer(RECIPIENT)

    async def collect(letter: Letter) -> None:
        await _moment()
        called = monotonic()
        async with session.post(
            f"/v1/disclosures/{letter.id}/collection", headers=recipient
        ) as answer:
            await answer.read()
            one.collects.append(Asked(letter, called, monotonic(), answer.status))

    async def store(letter: Letter) -> None:
        await _moment()
        headers = {**sender, "Content-Type": routes.DISCLOSURE}
        called, status = monotonic(), CUT
        with suppress(aiohttp.ClientConnectionError):  # a running upload is cut
            async with session.post(
                "/v1/disclosures", data=letter.one_shot, headers=headers
            ) as answer:
                await answer.read()
                status = answer.status
        one.stores.append(Asked(letter, called, monotonic(), status))

    async def withdraw() -> None:
        statement = place.withdrawal(one.consent, SENDER).decode()
        await _moment()
        path = f"/v1/consents/{one.consent.id}/withdrawal"
        async with session.post(path, json={"statement": statement}, headers=sender) as answer:
            assert answer.status == 200, await answer.read()
            one.withdrawn = monotonic()

    half = COLLECTED // 2
    await asyncio.gather(withdraw(), *map(collect, one.waiting[:half]), *map(store, one.fresh))
    await asyncio.gather(*map(collect, one.waiting[half:]))


async def _moment() -> None:
    await asyncio.sleep(secrets.randbelow(60) / 1000)
