"""I16: marker words go a whole way; afterwards none is anywhere at the hub, or in any log."""

import base64
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from exchange.agency import erase, follow, poll, send
from exchange.agency.receive import Outcome
from exchange.audit import leaf
from exchange.audit.tiles import bundle_path, bundles_of, tile_path, tiles_of
from exchange.canonical import b64u
from exchange.envelope.sealing import Outgoing
from exchange.errors import NotPermitted
from exchange.hub.parts import Hub
from exchange.hub.relay import Relay
from exchange.hub.sweep import sweep
from exchange.wire import log_routes, routes
from exchange.wire.routes import Operation
from tests.attacks.whole import Whole
from tests.scraping import scraped
from tests.simulator import AGENCIES, RECIPIENT, SENDER, Given, Simulator

MARKS = {
    "family name": "KANARIENVOGEL",
    "given name": "Zeisiggelb",
    "document": "PLAINTEXT-Stieglitz",
    "file name": "Wellensittich",
    "remark": "Buchfinkenschlag",
    "reference": "AKTE-Dompfaff",
    "plugin": "Rotkehlchenfehler",
    "request": "Nachtigallenruf",
}


class Failing:
    """A gate veto and a channel that fail, with a marker in what they raise."""

    key = "failing"

    def __init__(self) -> None:
        self.fails = False

    async def forbids(self, asked: Any) -> bool:
        if self.fails:
            raise RuntimeError(MARKS["plugin"])
        return False

    async def send(self, notice: Any) -> None:
        raise RuntimeError(MARKS["plugin"])


class WithPlugins(Simulator):
    """A hub with plugins that fail when told."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.failing = Failing()

    def changed(self, hub: Hub) -> Hub:
        plugins: dict[str, Any] = {"failing": self.failing}
        return dataclasses.replace(hub, vetoes=plugins, channels=plugins)


def spellings(mark: bytes) -> set[bytes]:
    """Return `mark` as bytes, hex, UTF-16 and in base64 at each of its three positions."""
    found = {mark, mark.hex().encode(), mark.decode("latin-1").encode("utf-16-le")}
    for shift in range(3):
        encoded = base64.urlsafe_b64encode(bytes(shift) + mark)
        inner = encoded[4 * bool(shift) : len(encoded) // 4 * 4 - 4]
        found |= {inner, inner.translate(bytes.maketrans(b"-_", b"+/"))}
    return found


def found_in(data: bytes, marks: dict[str, bytes]) -> list[str]:
    return [
        name for name, mark in marks.items() for spelling in spellings(mark) if spelling in data
    ]


async def journey(whole: Whole, sim: WithPlugins) -> tuple[list[bytes], Given]:
    """Go the whole way; return every answer an attacker saw, and the consent."""
    seen: list[bytes] = []
    files = (
        Outgoing(f"{MARKS['file name']}.pdf", "application/pdf", b"%PDF-1.7 " + _text("document")),
    )
    marked = {"files": files, "remark": MARKS["remark"], "reference": MARKS["reference"]}
    given = await whole.consent(
        {"family_name": MARKS["family name"], "given_name": MARKS["given name"]}
    )
    async with whole.gateway(SENDER) as gateway:
        await send.send(gateway, whole.draft(given, **marked))
    async with whole.receiving() as (gateway, reception):
        done = await poll.fetch(gateway, reception)
    assert done.outcomes == {Outcome.ACCEPTED: 1}
    async with whole.gateway(SENDER) as gateway:
        await follow.follow(gateway)
        sim.failing.fails = True
        with pytest.raises(NotPermitted):
            await send.send(gateway, whole.draft(given, **marked))
        sim.failing.fails = False
        (waiting,) = await send.send(gateway, whole.draft(given, **marked))
    seen += await attacked(sim)
    assert await Relay(sim.settings.notices).send_due(sim.hub) == 0
    assert (await sim.withdraw(given)).status == 200
    collected = await sim.call(RECIPIENT, routes.COLLECT, id=waiting.id)
    seen.append(collected.body)
    assert collected.status == 404
    async with whole.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
        await erase.erase(gateway)
    await sweep(sim.hub, leftovers=True)
    (erasure,) = (await sim.call(SENDER, routes.ERASURES)).json["erasures"]
    assert erasure["state"] == "erased"
    return seen, given


def _text(name: str) -> bytes:
    return MARKS[name].encode() * 50


async def attacked(sim: Simulator) -> list[bytes]:
    """Ask with the marker wherever a request has room for it."""
    mark = MARKS["request"]
    asked = [
        await sim.call(
            SENDER, Operation(name="x", method="GET", path=f"/v1/consents/{mark}", summary="")
        ),
        await sim.call(SENDER, routes.CONSENTS, query=f"?after={mark}&{mark}={mark}"),
        await sim.call(SENDER, routes.CONSENTS, headers={"Idempotency-Key": mark, "X-A": mark}),
        await sim.call(SENDER, routes.DECIDE, json={"consent": mark}),
        await sim.call(SENDER, routes.POST_CONSENT, json={"statement": mark, "log_key": "A" * 43}),
        await sim.call(
            SENDER,
            routes.DISCLOSE,
            body=mark.encode() + b"\n" + mark.encode(),
            headers={"Content-Type": routes.DISCLOSURE},
        ),
        await sim.call(None, routes.INBOX, headers={"Authorization": f"Bearer {mark}"}),
        await sim.call(
            None,
            routes.TOKEN,
            body=f"grant_type={mark}&client_assertion={mark}".encode(),
            headers={"Content-Type": routes.FORM},
        ),
    ]
    assert {answer.status // 100 for answer in asked} <= {2, 4}
    return [answer.body for answer in asked]


async def test_no_marker_is_left_anywhere_at_the_hub_or_in_any_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sim = WithPlugins(tmp_path)
    whole = Whole(tmp_path, sim)
    whole.channel = "failing"
    async with whole.running():
        seen, given = await journey(whole, sim)
        rows = await sim.rows("SELECT * FROM notices")
        marks = {name: mark.encode() for name, mark in MARKS.items()} | secrets_of(given)
        while_running = held(sim.home, marks)
        shown = await everything_shown(sim)
        async with scraped(sim) as scraper:
            metrics = (await scraper.ask())[2].encode()
        events = await sim.log()
    out, err = capfd.readouterr()

    assert rows
    assert "request" in out + err  # something was logged, so that silence proves something
    assert while_running == {}
    assert held(sim.home, marks) == {}
    for body in (*seen, repr(rows).encode(), out.encode(), err.encode(), caplog.text.encode()):
        assert found_in(body, marks) == []
    # Of whose consent something is, neither the log of the program nor the public one says.
    names = {"consent": given.digest.encode(), "consent id": given.id.encode()}
    names |= {event["id"]: event["id"].encode() for event in events}
    for body in (out.encode(), err.encode(), *shown):
        assert found_in(body, {**marks, **names}) == []
    reasons = {one["open"]["why"] for one in events if one["kind"] == "disclosure-ended"}
    assert reasons == {"withdrawn"}
    # Metrics name no agency and no state of a consent either.
    assert b"/v1/consents" in metrics
    agencies = {agency: agency.encode() for agency in AGENCIES}
    assert found_in(metrics, {**marks, **names, **agencies, "reason": b"withdrawn"}) == []
    for body in shown:
        assert found_in(body, {"reason": b"withdrawn", "sender": SENDER.encode()}) == []
    for home in tmp_path.iterdir():  # the gateways' own logs, if they keep any
        for path in home.rglob("*.log"):
            assert found_in(path.read_bytes(), marks) == [], path.name


def secrets_of(given: Given) -> dict[str, bytes]:
    """Return the key of a consent's entries, and every salt that may have been made from it."""
    found = {"log key": given.log_key}
    for n in range(40):
        found[f"salt {n}"] = leaf.salt(given.log_key, n)
        found[f"detail salt {n}"] = leaf.detail_salt(given.log_key, n)
    return found


async def everything_shown(sim: Simulator) -> list[bytes]:
    """Return heads, hashes and entries of the log as an agency is shown them."""
    await sim.settled()
    assert sim.hub.heads.newest is not None
    size = sim.hub.heads.newest.size
    answers = [
        await sim.call(SENDER, log_routes.LOG_CHECKPOINT),
        await sim.call(SENDER, log_routes.LOG_CANDIDATE),
    ]
    for tile in tiles_of(size):
        name = tile_path(tile).removeprefix("tile/")
        answers.append(await sim.call(SENDER, log_routes.LOG_TILE, tile=name))
    for bundle in bundles_of(size):
        name = bundle_path(bundle).removeprefix("tile/entries/")
        answers.append(await sim.call(SENDER, log_routes.LOG_ENTRIES, bundle=name))
    assert {answer.status for answer in answers} == {200}
    return [answer.body for answer in answers]


def held(home: Path, marks: dict[str, bytes]) -> dict[str, list[str]]:
    """Return the files below `home` that hold a marker, with which."""
    found = {}
    for path in home.rglob("*"):
        if path.is_file() and (marked := found_in(path.read_bytes(), marks)):
            found[path.name] = marked
    assert any(path.is_file() for path in home.rglob("*.sqlite"))
    return found


def test_a_marker_would_be_found_in_every_spelling() -> None:
    marks = {"one": b"KANARIENVOGEL"}
    for data in (
        b"..KANARIENVOGEL..",
        b"KANARIENVOGEL".hex().encode(),
        *(base64.b64encode(b"x" * shift + b"KANARIENVOGEL" + b"yy") for shift in range(4)),
        b64u(b"xKANARIENVOGEL").encode(),
    ):
        assert found_in(data, marks), data
