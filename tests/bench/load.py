"""Load on a hub: documents arrive at a fixed rate, and the latency of every step is counted.

An open loop: the next document begins when it is due, however long the last one takes, and
latency counts from the moment it was due (`tests.bench.arrivals`). The hub runs in processes of
its own; this one is its clients. Documents are sealed and signed beforehand.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from exchange.cli import events
from exchange.hub.storage import schema
from tests import postgres
from tests.bench.arrivals import Histogram, Saturated, Spacing, moments, open_loop
from tests.bench.hub import small_letters
from tests.bench.journey import WAYS, Sealed, Way, travelling
from tests.bench.place import Place
from tests.bench.processes import Child
from tests.simulator import Given

CONSENTS = 50
"""Consents that documents are sent under in turn, so that they do not wait for one row."""
EXAMPLES = """\
examples:
  python -m tests.bench.load --rate 20 --seconds 60
      the sixth network's peak, on SQLite: 20 documents a second, from sending to the answer
  python -m tests.bench.load --rate 30 --database postgresql --workers 2
  python -m tests.bench.load --rate 20 --port 8700 --url http://127.0.0.1:8080
      the hub listens at 8700 and a proxy of yours at 8080 stands in front of it

Each step is one line of JSON on standard output: count, quantiles in milliseconds. `journey` is a
document's whole way, `arrive` the time until the recipient's open inbox shows it. Progress and
what the run cost go to standard error. PostgreSQL is a private server that syncs to the disk,
made for the run."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of the hub."""

    rate: float
    """Documents per second."""
    seconds: float
    mix: Mapping[Way, int]
    """Shares of the ways that documents go."""
    spacing: Spacing


@dataclass(frozen=True, slots=True)
class Planned:
    """A document and the second at which it is due."""

    moment: float
    sealed: Sealed


async def plan(place: Place, load: Load) -> list[Planned]:
    """Arrange a hub that is not served yet, and seal and sign every document of a load."""
    shares = cycle([way for way, share in load.mix.items() for _ in range(share)])
    ways = list(zip(moments(load.rate, load.seconds, load.spacing), shares, strict=False))
    ending = sum(way == "withdraw" for _, way in ways)
    given = await place.stocked(CONSENTS + ending)
    shared, own = cycle(given[:CONSENTS]), iter(given[CONSENTS:])
    return [
        Planned(moment, _sealed(place, way, next(own if way == "withdraw" else shared)))
        for moment, way in ways
    ]


def _sealed(place: Place, way: Way, given: Given) -> Sealed:
    (letter,) = small_letters(place, given, 1)
    return Sealed(
        way=way,
        letter=letter,
        acknowledgement=place.acknowledgement(letter),
        given=given,
        withdrawal=place.withdrawal(given) if way == "withdraw" else None,
    )


async def drive(
    place: Place, planned: Sequence[Planned], *, url: str | None = None, progress: Tell
) -> Mapping[str, Histogram]:
    """Send every document when it is due, bring each all the way, and return how long steps took.

    Args:
        place: a hub that is served.
        planned: from `plan`.
        url: where requests go instead, such as to a proxy in front of the hub.
        progress: hears once a second how it stands.

    Raises:
        Saturated: the hub cannot keep up.
    """
    documents = iter(planned)
    async with travelling(place, url) as travels, travels.receiving():

        async def one(intended: float) -> None:
            await travels.go(next(documents).sealed, intended)

        def tick(begun: int, under_way: int) -> None:
            median = travels.took["journey"].quantile(0.5) * 1e3
            progress(f"{begun} begun, {under_way} under way, median {median:.1f} ms")

        await open_loop((due.moment for due in planned), one, tick)
        return travels.took


@contextmanager
def on_database(kind: str) -> Iterator[str | None]:
    """Yield the URL of a new database for a hub; None means SQLite in its home."""
    if kind == "sqlite":
        yield None
        return
    with (
        postgres.private_server(durable=True) as server,
        server.database(server.template(schema.make)) as url,
    ):
        yield url


def made(folder: Path, database_url: str | None, *, workers: int = 1) -> Place:
    """Return a hub to be, on SQLite or on PostgreSQL."""
    return Place(folder, database_url=database_url, workers=workers)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a hub has used up to a moment."""

    wall_s: float
    cpu_s: float
    written: int
    """Bytes handed to the disk; of PostgreSQL only what the hub itself writes: payloads."""

    @classmethod
    def by(cls, child: Child) -> "Spent":
        """Return what it has used up to now."""
        return cls(time.monotonic(), child.cpu_s(), child.written())

    def line(self, after: "Spent", count: int) -> str:
        """Return what it has used since, in all and for each of `count` documents."""
        cpu = after.cpu_s - self.cpu_s
        return json.dumps(
            {
                "name": "cost",
                "documents": count,
                "wall_s": round(after.wall_s - self.wall_s, 1),
                "hub_cpu_s": round(cpu, 2),
                "hub_cpu_ms_per_document": round(cpu / count * 1e3, 2),
                "hub_written_kib_per_document": round(
                    (after.written - self.written) / count / 1024
                ),
            }
        )


def run(folder: Path, given: argparse.Namespace, tell: Tell, progress: Tell) -> int:
    """Run one load as the options say; return the exit code."""
    load = Load(rate=given.rate, seconds=given.seconds, mix=given.mix, spacing=given.spacing)
    with on_database(given.database) as database_url:
        place = made(folder, database_url, workers=given.workers)
        if given.port is not None:
            place.port = given.port
        progress("sealing and signing every document beforehand")
        planned = asyncio.run(plan(place, load))
        with place.served() as child:
            progress(f"{len(planned)} documents in {load.seconds:g} s, {load.spacing} arrivals")
            before = Spent.by(child)
            took: Mapping[str, Histogram] = {}
            try:
                took = asyncio.run(drive(place, planned, url=given.url, progress=progress))
            except* Saturated:
                progress("too many documents under way: the hub cannot keep up with this rate")
            progress(before.line(Spent.by(child), len(planned)))
    for name, histogram in took.items():
        tell(histogram.line(name))
    return 0 if took else 1


def _mix(text: str) -> dict[Way, int]:
    shares: dict[Way, int] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        way = next((way for way in WAYS if way == name), None)
        if way is None or not share.isdecimal():
            raise argparse.ArgumentTypeError(f"give shares such as one-shot=8; ways: {WAYS}")
        shares[way] = int(share)
    return shares


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the options; `--help` teaches them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.load",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rate", type=float, default=10, help="documents per second (10)")
    add("--seconds", type=float, default=30, help="how long documents arrive (30)")
    add(
        "--mix",
        type=_mix,
        default=_mix("one-shot=18,tus=1,withdraw=1"),
        help="shares of one-shot, tus (announced, then uploaded in two pieces) and withdraw (the "
        "consent is ended after the document was collected); default one-shot=18,tus=1,withdraw=1",
    )
    add(
        "--spacing",
        choices=("poisson", "even"),
        default="poisson",
        help="arrivals by chance as of many offices (default), or even",
    )
    add("--database", choices=("sqlite", "postgresql"), default="sqlite")
    add("--workers", type=int, default=1, help="processes of the hub; more than 1: postgresql")
    add("--port", type=int, help="where the hub listens; default: a free one")
    add("--url", help="where requests go instead of to the hub, such as to a proxy")
    return parser.parse_args(arguments)


def main() -> int:
    """Run by hand."""
    given = parsed()
    events.configure(sys.stderr, level=logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        return run(
            Path(name),
            given,
            lambda line: print(line, flush=True),
            lambda line: print(f"  {line}", file=sys.stderr, flush=True),
        )


if __name__ == "__main__":
    sys.exit(main())
