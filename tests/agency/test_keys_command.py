"""`exchange keys`: the commands an administrator types, on a real home and a real socket."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from exchange import canonical
from exchange.agency.keyfiles import KeyFiles
from exchange.agency.pins import read_pins
from exchange.agency.publish_keys import publish, settle
from exchange.errors import Held, StatementNotAcceptable, Unavailable
from exchange.keyid import identity_card
from exchange.keyring.fingerprint import spoken
from exchange.keyring.signing import IdentityKey
from tests.agency.network import SENDER, Network

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def keys(*arguments: str, given: bytes | None = None) -> tuple[int, str, str]:
    """Run `exchange keys`; return exit code, standard output and standard error."""
    reading, writing = os.pipe()
    os.write(writing, given or b"")
    os.close(writing)
    command = [sys.executable, "-m", "exchange.cli.main", "keys", *arguments]
    if given is not None:
        command += ["--passphrase-fd", str(reading)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(reading,),
    )
    out, err = await process.communicate()
    os.close(reading)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def line(out: str, name: str) -> str:
    """Return what a command prints after `name`."""
    return next(found for found in out.splitlines() if found.startswith(name))[12:]


async def refusal(*arguments: str) -> str:
    """Return the one line a refused command says."""
    code, out, err = await keys(*arguments)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    return err


# On files alone


async def test_new_makes_keys_that_show_shows(tmp_path: Path) -> None:
    home = f"--home={tmp_path}"
    code, made, err = await keys("new", "agency-a", home)
    assert (code, err) == (0, "")
    files = KeyFiles(tmp_path / "keys")
    kid = files.identity().kid
    assert line(made, "identity") == kid
    assert line(made, "spoken") == spoken(kid)
    assert line(made, "code") == f"xch:agency-a:{kid}"
    _, shown, _ = await keys("show", home)
    assert shown.startswith(made)
    assert line(shown, "document").split()[0] == files.documents()[0].key.fingerprint
    assert line(shown, "document").endswith("in use")
    _, card, _ = await keys("show", "--card", home)
    assert identity_card(canonical.loads(card.encode(), limit=9000)) == files.card()


async def test_nothing_that_is_printed_is_secret(tmp_path: Path) -> None:
    home = f"--home={tmp_path}"
    printed = "".join([*(await keys("new", "agency-a", home))[1:], *(await keys("show", home))[1:]])
    files = KeyFiles(tmp_path / "keys")
    (held,) = files.documents()
    assert held.key.secret_text() not in printed
    assert "PRIVATE" not in printed
    assert "AGE-SECRET" not in printed


async def test_new_never_overwrites_an_identity(tmp_path: Path) -> None:
    home = f"--home={tmp_path}"
    await keys("new", "agency-a", home)
    before = KeyFiles(tmp_path / "keys").identity().kid
    assert "exchange keys succeed" in await refusal("new", "agency-a", home)
    assert KeyFiles(tmp_path / "keys").identity().kid == before


async def test_a_passphrase_comes_by_a_descriptor_and_never_as_an_argument(tmp_path: Path) -> None:
    home = f"--home={tmp_path}"
    code, _, err = await keys("new", "agency-a", home, given=b"correct horse battery\n")
    assert (code, err) == (0, "")
    assert {path.suffix for path in (tmp_path / "keys").glob("*.pem*")} == {".age"}
    code, shown, _ = await keys("show", home, given=b"correct horse battery\n")
    assert code == 0
    assert "in use" in shown
    code, _, err = await keys("show", home, given=b"wrong\n")
    assert (code, err.count("\n")) == (1, 1)
    assert "--passphrase-fd" in await refusal("show", home)


@pytest.mark.parametrize("given", [b"short\n", b"x" * 1025, b"\xff" * 20])
async def test_a_passphrase_that_cannot_be_one_writes_nothing(tmp_path: Path, given: bytes) -> None:
    code, _, err = await keys("new", "agency-a", f"--home={tmp_path}", given=given)
    assert (code, err.count("\n")) == (1, 1)
    assert not (tmp_path / "keys").exists()


async def test_a_pin_is_written_and_never_silently_replaced(tmp_path: Path) -> None:
    first, second = (IdentityKey("agency-b", bytes([n]) * 32, bytes(32)).kid for n in (1, 2))
    (tmp_path / "pins").mkdir()
    how = ("--method=meeting", "--confirmed-by", "head of office", "privacy officer")
    home = f"--home={tmp_path}"
    assert (await keys("pin", "agency-b", spoken(first), *how, home))[0] == 0
    pin = read_pins(tmp_path / "pins")["agency-b"]
    assert (pin.kid, pin.method.value) == (first, "meeting")
    assert pin.confirmed_by == ("head of office", "privacy officer")
    assert "--replace" in await refusal("pin", "agency-b", second, *how, home)
    assert read_pins(tmp_path / "pins")["agency-b"].kid == first
    assert (await keys("pin", "agency-b", second, *how, home, "--replace"))[0] == 0
    assert read_pins(tmp_path / "pins")["agency-b"].kid == second
    _, shown, _ = await keys("new", "agency-a", home)
    _, shown, _ = await keys("show", home)
    assert f"agency-b  {second}" in shown


@pytest.mark.parametrize("role", ["", "x" * 101, "a\nb"])
async def test_a_pin_that_could_not_be_read_again_is_not_written(tmp_path: Path, role: str) -> None:
    (tmp_path / "pins").mkdir()
    kid = IdentityKey("agency-b", bytes([1]) * 32, bytes(32)).kid
    how = ("--method=annex", "--confirmed-by", role, "privacy officer", f"--home={tmp_path}")
    await refusal("pin", "agency-b", kid, *how)
    assert read_pins(tmp_path / "pins") == {}


@pytest.mark.parametrize("again", ["head of office", "Head  of Office "])
async def test_one_role_does_not_confirm_a_pin_alone(tmp_path: Path, again: str) -> None:
    (tmp_path / "pins").mkdir()
    kid = IdentityKey("agency-b", bytes([1]) * 32, bytes(32)).kid
    how = ("--method=annex", "--confirmed-by", "head of office", again, f"--home={tmp_path}")
    assert "two roles" in await refusal("pin", "agency-b", kid, *how)
    assert read_pins(tmp_path / "pins") == {}


async def test_an_agency_does_not_pin_itself(tmp_path: Path) -> None:
    (tmp_path / "pins").mkdir()
    home = f"--home={tmp_path}"
    _, made, _ = await keys("new", "agency-a", home)
    how = ("--method=annex", "--confirmed-by", "a", "b", home)
    assert "itself" in await refusal("pin", "agency-a", line(made, "identity"), *how)
    assert read_pins(tmp_path / "pins") == {}


async def test_a_pin_needs_the_home_of_a_gateway(tmp_path: Path) -> None:
    kid = IdentityKey("agency-b", bytes([1]) * 32, bytes(32)).kid
    how = ("--method=annex", "--confirmed-by", "a", "b", f"--home={tmp_path / 'nowhere'}")
    assert "exchange gateway init" in await refusal("pin", "agency-b", kid, *how)
    assert not (tmp_path / "nowhere").exists()


async def test_a_wrong_fingerprint_is_no_pin(tmp_path: Path) -> None:
    (tmp_path / "pins").mkdir()
    how = ("--method=annex", "--confirmed-by", "a", "b", f"--home={tmp_path}")
    assert "13 groups" in await refusal("pin", "agency-b", "23pl abfx", *how)
    assert read_pins(tmp_path / "pins") == {}


@pytest.mark.parametrize("begin", ["-", "-4", "--", "-h"])
async def test_a_key_id_that_begins_with_a_hyphen_is_no_option(tmp_path: Path, begin: str) -> None:
    (tmp_path / "pins").mkdir()
    how = ("--method=annex", "--confirmed-by", "a", "b", f"--home={tmp_path}")
    kid = begin + "A" * (43 - len(begin))
    assert (await keys("pin", "agency-b", kid, *how))[0] == 0
    assert read_pins(tmp_path / "pins")["agency-b"].kid == kid
    assert "unknown option" not in (await refusal("revoke", kid, f"--home={tmp_path}")).lower()


async def test_a_backup_is_imported_whatever_protects_it(tmp_path: Path) -> None:
    identity = IdentityKey("agency-a", b"\x01" * 32, b"\x02" * 32)
    paths = [tmp_path / "first.pem", tmp_path / "second.pem"]
    for path, algorithm in zip(paths, identity.algorithms, strict=True):
        path.write_bytes(identity.secret_pem(algorithm))
    home = f"--home={tmp_path / 'home'}"
    (tmp_path / "home").mkdir()
    code, out, err = await keys("import", "agency-a", *map(str, paths), home)
    assert (code, err) == (0, "")
    assert line(out, "identity") == identity.kid
    assert KeyFiles(tmp_path / "home" / "keys").identity().kid == identity.kid
    swapped = await refusal("import", "agency-a", *map(str, reversed(paths)), home)
    assert "another kind of key" in swapped


# With a hub


async def at_work(network: Network, *arguments: str) -> str:
    """Run a command of the sender's administrator and return what it prints."""
    home = network.offices[SENDER].home.root
    code, out, err = await keys(*arguments, f"--home={home}")
    assert (code, err) == (0, "")
    return out


async def test_statement_rotate_and_revoke_publish_the_next_statement(network: Network) -> None:
    network.now = datetime.now(UTC)
    ring = network.offices[SENDER].ring
    first = ring.newest()
    assert first is not None
    for arguments, seq in ((["statement"], 2), (["rotate"], 3)):
        out = await at_work(network, *arguments)
        assert f"key statement {seq} of {SENDER}" in out
    stolen = ring.current().key.fingerprint
    await at_work(network, "revoke", spoken(stolen))
    newest = ring.newest()
    assert newest is not None
    assert newest.revoked == {stolen}
    assert network.double.agencies[SENDER].key_statement == newest.statement.decode()
    assert stolen in await at_work(network, "retire")
    assert "no document key is ready" in await at_work(network, "retire")


async def test_succeed_replaces_the_identity_and_says_so_to_the_hub(network: Network) -> None:
    network.now = datetime.now(UTC)
    ring = network.offices[SENDER].ring
    old = ring.files.card()
    given: list[bytes] = []

    async def take(request: web.Request) -> web.StreamResponse:
        body = canonical.loads(await request.read(), limit=1 << 20)
        given.append(body["statement"].encode())
        stored = {"agency": SENDER, "kid": "A" * 43, "until": "2027-01-01T00:00:00.000000Z"}
        return web.json_response(stored)

    network.double.replaced["put_succession"] = take
    out = await at_work(network, "succeed")
    new = ring.files.card()
    assert line(out, "identity") == new.kid != old.kid
    assert "tell every partner" in line(out, "next")
    assert len(given) == 1
    newest = ring.newest()
    assert newest is not None
    assert newest.kid == new.kid
    assert network.double.agencies[SENDER].key_statement == newest.statement.decode()
    assert not ring.files.is_succeeding()


async def test_a_running_gateway_is_not_disturbed(network: Network) -> None:
    home = network.offices[SENDER].home.root
    async with network.gateway(SENDER):
        assert "exchange:" in await refusal("rotate", f"--home={home}")
    assert len(network.offices[SENDER].ring.files.documents()) == 1


# Lost answers


async def test_a_lost_answer_is_repaired_by_sending_the_same_bytes(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        ring, double = gateway.ring, network.double
        lost = ring.announce(now=network.now)  # signed and stored, and then the power went
        stated = await publish(
            ring, gateway.client, lambda: ring.announce(now=network.now), now=network.now
        )
        assert stated.previous == lost.digest
        assert double.calls.count("put_key_statement") == 2
        assert double.agencies[SENDER].key_statement == stated.statement.decode()
        assert await settle(ring, gateway.client, stated.statement, now=network.now) is None


async def test_a_statement_that_ran_out_before_it_arrived_is_replaced(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        ring = gateway.ring
        first = ring.newest()
        assert first is not None
        lost = ring.announce(now=network.now)

        async def refuse(_request: web.Request) -> web.StreamResponse:
            raise StatementNotAcceptable

        network.double.replaced["put_key_statement"] = refuse
        with pytest.raises(StatementNotAcceptable):
            await settle(ring, gateway.client, first.statement, now=network.now)
        assert ring.newest() == lost
        network.sleep(days=36)
        assert await settle(ring, gateway.client, first.statement, now=network.now) is None
        assert ring.newest() == first


async def test_a_restored_backup_numbers_nothing_anew(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        ring = gateway.ring
        first = ring.newest()
        assert first is not None
        later = ring.announce(now=network.now)
        ring.forget(later)
        for published in (later.statement, b"{}"):
            with pytest.raises(Held, match="own-key-statement-unknown"):
                await settle(ring, gateway.client, published, now=network.now)
        ring.forget(first)
        with pytest.raises(Held, match="own-key-statement-unknown"):
            await settle(ring, gateway.client, first.statement, now=network.now)
        assert await settle(ring, gateway.client, None, now=network.now) is None


async def test_a_hub_that_is_away_loses_nothing(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        ring = gateway.ring

        async def away(_request: web.Request) -> web.StreamResponse:
            raise Unavailable

        network.double.replaced["put_key_statement"] = away
        with pytest.raises(Unavailable):
            await publish(
                ring, gateway.client, lambda: ring.announce(now=network.now), now=network.now
            )
        del network.double.replaced["put_key_statement"]
        newest = ring.newest()
        assert newest is not None
        known = (await gateway.client.agency(SENDER)).key_statement
        assert known is not None
        assert await settle(ring, gateway.client, known.encode(), now=network.now) == newest
