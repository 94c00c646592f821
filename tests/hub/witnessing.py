"""A hub with witnesses: a policy made for it, witnesses that listen, and looks one at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.merkle import consistency_path
from exchange.audit.note import (
    COSIGNATURE,
    Note,
    SigningKey,
    read_note,
    verifying,
    write_note,
    write_vkey,
)
from exchange.audit.submission import Submission, write_submission
from exchange.hub import app, ask_witness, publish
from exchange.hub.offer import Offering
from exchange.hub.settings import Log
from exchange.hub.signer import Signer, head_signed, read_signer
from exchange.hub.storage import checkpoints, tree
from exchange.hub.storage.checkpoints import Signed
from exchange.witness.cosign import Cosigned, Cosigner
from exchange.witness.endpoint import application
from exchange.witness.memory import prepare, remembering
from tests.simulator import SENDER, TICKS, Simulator

INTERVAL_S = 10.0
LATEST_S = 20.0
"""Seconds a witness gets in tests: more than a busy machine needs."""


def witness_key(name: str) -> SigningKey:
    """Return the key of a witness of tests."""
    return SigningKey(f"witness.example/{name}", COSIGNATURE, name.encode().ljust(32, b"."))


@dataclass
class Watching:
    """One witness. It listens, and a test may put other answers in the place of its own."""

    name: str
    cosigner: Cosigner
    address: str = ""
    answers: list[web.Response | None] = field(default_factory=list)
    """What it answers to requests, one after the other; None: nothing, for ever."""
    holds: bytes | None = None
    """What it shows instead of what it holds."""
    asked: list[bytes] = field(default_factory=list)

    def application(self) -> web.Application:
        """Return the witness behind the answers that a test has chosen."""

        @web.middleware
        async def chosen(request: web.Request, handler: Any) -> web.StreamResponse:
            if request.method == "GET" and self.holds is not None:
                return web.Response(body=self.holds)
            if request.method == "POST":
                self.asked.append(await request.read())
            if request.method == "GET" or not self.answers:
                answer: web.StreamResponse = await handler(request)
                return answer
            given = self.answers.pop(0)
            if given is None:
                await asyncio.Event().wait()
            assert given is not None
            return given

        app = application(self.cosigner)
        app.middlewares.append(chosen)
        return app


class Watched(Simulator):
    """A hub whose policy names witnesses; its heads are offered when a test says so."""

    witnesses: Mapping[str, Watching]

    async def grow(self, leaves: int = 1) -> None:
        """Let the log grow by key statements, and sign it."""
        for _ in range(leaves):
            assert (await self.publish(SENDER)).status == 200
        await self.settled()

    async def candidate(self, *, after_s: float = INTERVAL_S) -> Signed:
        """Let time pass, name the newest head if it is time, and return the candidate."""
        self.wait(after_s)
        await publish.publish(self.hub, self.settings.log)
        found = await self.hub.db.read(checkpoints.newest_candidate)
        assert found is not None
        return found[0]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    async def cosigned(self, name: str, head: Signed) -> bytes:
        """Return what a witness that pulls hands in about a head."""
        cosigner = self.witnesses[name].cosigner
        last = cosigner.last(self.hub.signer.origin)
        old = 0 if last is None else last.size
        proof = await self.hub.db.read(_proof, old, head.size)
        done = cosigner.add(write_submission(Submission(old, proof, head.note)))
        assert isinstance(done, Cosigned)
        return write_note(Note(read_note(head.note).text, (done.line,)))

    async def is_witnessed(self, head: Signed) -> bool:
        """Tell whether a head has its quorum."""
        found = await self.hub.db.read(checkpoints.newest_witnessed)
        return found is not None and found[0].size >= head.size

    async def witnesses_of(self, head: Signed) -> list[str]:
        """Return who has cosigned a head."""
        lines = await self.hub.db.read(checkpoints.cosignatures, head.size)
        return [line.name.rpartition("/")[2] for line in lines]


def fork_of(sim: Simulator, size: int) -> bytes:
    """Return a head by the hub's own key over a tree that is not its own."""
    return head_signed(sim.hub.signer, Checkpoint(sim.hub.signer.origin, size, b"\x07" * 32))


def _proof(conn: Any, old: int, size: int) -> tuple[bytes, ...]:
    return consistency_path(tree.reader(conn), old, size) if 0 < old < size else ()


@asynccontextmanager
async def watched(
    root: Path,
    *names: str,
    pull: tuple[str, ...] = (),
    quorum: str = "all",
    served: Callable[[Watching], web.Application] = Watching.application,
    **settings: Any,
) -> AsyncIterator[Watched]:
    """Yield a hub with witnesses that it asks (`names`) and some that come by themselves.

    Args:
        root: empty directory.
        names: of witnesses with an address.
        pull: of witnesses without one.
        quorum: how many of them are enough, as a policy writes it.
        served: returns what listens for a witness.
        settings: of the hub.
    """
    log = {**TICKS, "policy": "log-policy", "witness_timeout_s": LATEST_S}
    sim = Watched(root, log={**log, **settings.pop("log", {})}, **settings)
    app.make_home(sim.home)
    signer = read_signer(sim.settings.model_copy(update={"log": Log()}))
    async with AsyncExitStack() as stack:
        sim.witnesses = {name: _witness(stack, sim, signer, name) for name in (*names, *pull)}
        for name in names:
            await _listen(stack, sim.witnesses[name], served(sim.witnesses[name]))
        text = _policy(signer, sim.witnesses.values(), quorum)
        (sim.home / "log-policy").write_text(text)
        await stack.enter_async_context(sim.running())
        await sim.arrange()
        await sim.settled()
        yield sim


def _witness(stack: AsyncExitStack, sim: Watched, signer: Signer, name: str) -> Watching:
    logs = {signer.origin: (verifying(signer.key),)}
    state = sim.home.parent / f"witness-{name}"
    prepare(state, logs)
    memory = stack.enter_context(remembering(state, logs))
    return Watching(name, Cosigner(witness_key(name), logs, memory, lambda: sim.now))


async def _listen(stack: AsyncExitStack, witness: Watching, app: web.Application) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    witness.address = f"http://127.0.0.1:{runner.addresses[0][1]}/"


def _policy(signer: Signer, witnesses: Any, quorum: str) -> str:
    lines = signer.policy_text.decode().replace("quorum none\n", "").splitlines()
    for one in witnesses:
        vkey = write_vkey(verifying(witness_key(one.name)))
        lines.append(f"witness {one.name} {vkey} {one.address}".rstrip())
    names = " ".join(one.name for one in witnesses)
    return "\n".join([*lines, f"group enough {quorum} {names}", "quorum enough", ""])


class Looks:
    """Offers heads, one look at a time."""

    def __init__(self, offering: Offering, calls: ask_witness.Session) -> None:
        self.offering, self.calls = offering, calls

    async def look(self) -> None:
        """Look once."""
        await self.offering.look(self.calls)


@asynccontextmanager
async def offering(sim: Watched, *, timeout_s: float = LATEST_S) -> AsyncIterator[Looks]:
    """Yield what offers the candidates of a hub, as its loop does."""
    stop = asyncio.Event()
    async with ask_witness.session(timeout_s) as calls:
        offers = Offering(sim.hub, stop)
        try:
            yield Looks(offers, calls)
        finally:
            stop.set()
            await offers.end()
