"""What people decide about the hub's log: which one to believe, and when to go on."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from exchange.agency import conflict, export_consent, poll, prove, send, state, tail
from exchange.agency.app import open_desk
from exchange.agency.awaited import list_awaited
from exchange.agency.export_log import export_log, known_at_hub
from exchange.agency.log_policy import given, read_trusted, trusted
from exchange.audit.note import SigningKey
from exchange.audit.proof import read_receipt
from exchange.canonical import loads
from exchange.cli import gateway_log, gateway_status
from exchange.errors import Malformed, Misconfigured, NotFound, Unavailable
from tests.agency import ledger
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network, draft
from tests.agency.test_prove import put_off
from tests.agency.test_tail import forged
from tests.logs import LOG_KEY, WITNESS_KEY


async def status(network: Network, agency: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what `exchange gateway status` says."""
    capsys.readouterr()
    await asyncio.to_thread(gateway_status.show, network.offices[agency].home.root, None)
    return capsys.readouterr().out


async def resumed(network: Network, *, forget_head: bool = False) -> None:
    root = network.offices[RECIPIENT].home.root
    await asyncio.to_thread(gateway_log.resume, root, forget_head=forget_head)


async def received(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await send.send(gateway, draft())
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)


async def test_a_log_without_a_published_head_is_not_exported_yet(
    network: Network, tmp_path: Path
) -> None:
    async def none(_request: web.Request) -> web.StreamResponse:
        raise NotFound

    network.double.replaced["log_checkpoint"] = none
    home, out = network.offices[SENDER].home, tmp_path / "export"
    async with open_desk(home.root, clock=lambda: network.now, attempts=1) as desk:
        with pytest.raises(Unavailable, match="no head"):
            await export_log(desk, out, lambda _done, _all: None)

    assert not out.exists()


async def test_a_policy_is_put_in_place_and_its_fingerprint_told(
    network: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = network.offices[SENDER].home
    home.log_policy.unlink()
    file = tmp_path / "policy"
    file.write_bytes(ledger.policy(quorum="both"))

    gateway_log.put(home.root, file)

    told = capsys.readouterr().out
    chosen = read_trusted(home)
    assert chosen is not None
    assert chosen.raw == file.read_bytes()
    assert f"fingerprint of its key: {chosen.fingerprints[0]}" in told
    assert len(chosen.fingerprints[0].split()) == 13
    assert "quorum both" in told
    assert home.log_policy.stat().st_mode & 0o077 == 0
    gateway_log.put(home.root, file)
    assert "nothing has changed" in capsys.readouterr().out


async def test_a_policy_that_demands_no_witness_says_so(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    home = network.offices[SENDER].home

    gateway_log.put(home.root, home.log_policy)

    assert "history of your own" in capsys.readouterr().out


@pytest.mark.parametrize(
    "keys", [(LOG_KEY,), (ledger.STATUS_KEY,), (LOG_KEY, ledger.STATUS_KEY, LOG_KEY)]
)
def test_a_policy_without_exactly_one_log_and_its_status_key_is_none(
    keys: tuple[SigningKey, ...],
) -> None:
    with pytest.raises(Malformed):
        trusted(ledger.policy(keys=keys))


def test_a_policy_of_two_logs_is_none() -> None:
    others = [
        SigningKey(name, LOG_KEY.type, bytes([number]) * 32)
        for number, name in enumerate(("other.example/log", "other.example/log/status"), start=7)
    ]
    with pytest.raises(Malformed):
        trusted(ledger.policy(keys=(LOG_KEY, ledger.STATUS_KEY, *others)))


def test_two_keys_of_status_notes_are_none() -> None:
    second = SigningKey(ledger.STATUS_KEY.name, LOG_KEY.type, bytes([9]) * 32)

    with pytest.raises(Malformed):
        trusted(ledger.policy(keys=(LOG_KEY, ledger.STATUS_KEY, second)))


def test_two_keys_of_the_log_are_both_compared() -> None:
    second = SigningKey(LOG_KEY.name, LOG_KEY.type, WITNESS_KEY.seed[:-1] + b"\x11")

    chosen = trusted(ledger.policy(keys=(LOG_KEY, second, ledger.STATUS_KEY)))

    assert len(set(chosen.fingerprints)) == 2


async def test_a_damaged_policy_file_is_named(network: Network, tmp_path: Path) -> None:
    home = network.offices[SENDER].home
    home.log_policy.write_bytes(b"quorum none\n")

    with pytest.raises(Misconfigured, match="log-policy cannot be used"):
        async with network.gateway(SENDER):
            pass
    with pytest.raises(Malformed, match="cannot be read"):
        given(tmp_path / "nowhere")
    file = tmp_path / "policy"
    file.write_bytes(ledger.policy())
    gateway_log.put(home.root, file)  # what cannot be used is replaced
    async with network.gateway(SENDER) as gateway:
        assert gateway.log.trusted.origin == "hub.example/log"


async def test_traffic_begins_again_when_people_say_so(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    await received(network)
    home = network.offices[RECIPIENT].home
    evidence = conflict.stop(home, (b"one\n", b"two\n"), network.now)
    said = await status(network, RECIPIENT, capsys)
    assert "two histories" in said
    assert str(evidence) in said

    await resumed(network)

    assert "begins again" in capsys.readouterr().out
    assert evidence.read_bytes() == b"one\n\n----\n\ntwo\n"
    await received(network)
    await resumed(network)
    assert "was not stopped" in capsys.readouterr().out


async def test_the_head_is_forgotten_only_when_asked(network: Network) -> None:
    await received(network)

    await resumed(network)
    async with network.gateway(RECIPIENT) as gateway:
        assert gateway.log.heads.largest is not None

    await resumed(network, forget_head=True)
    async with network.gateway(RECIPIENT) as gateway:
        assert gateway.log.heads.largest is None


async def test_resume_needs_the_gateway_for_itself_and_a_log(network: Network) -> None:
    async with network.gateway(RECIPIENT):
        with pytest.raises(Misconfigured, match="another process"):
            await resumed(network)
    network.offices[RECIPIENT].home.log_policy.unlink()
    with pytest.raises(Misconfigured, match="exchange gateway log-policy FILE"):
        await resumed(network)


async def test_status_names_what_the_log_owes_and_what_was_found(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    put_off(network)
    async with network.gateway(SENDER) as gateway:
        (one,) = await send.send(gateway, draft())
        forged(network)
        await tail.tail(gateway)
        assert len(await gateway.state.read(list_awaited)) == 1
        assert [sent.state.value for sent in await gateway.state.read(state.list_sent)] == [
            "lodged"
        ]

    said = await status(network, SENDER, capsys)

    assert "log hub.example/log" in said
    assert f"{one.id} for {RECIPIENT}: lodged" in said
    # The network lives in the past: by this machine's clock a minute is over.
    assert f"the log has no receipt for disclosure-stored {one.id}" in said
    assert "its identity key may be stolen" in said
    assert "exchange gateway resume" in said


async def test_status_of_a_gateway_that_knows_no_log_says_what_to_do(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    network.offices[SENDER].home.log_policy.unlink()

    assert "exchange gateway log-policy FILE" in await status(network, SENDER, capsys)


@pytest.mark.parametrize("agency", [SENDER, RECIPIENT])
async def test_an_export_of_a_consent_holds_every_receipt_about_it(
    network: Network, agency: str
) -> None:
    await received(network)

    async with network.gateway(agency) as gateway:
        await prove.catch_up(gateway)
        written = await export_consent.export_consent(gateway, CONSENT_ID, receipt=False)

    proofs = loads(written, limit=len(written), depth=12)["xch:logReceipts"]
    indexes = [read_receipt(proof.encode()).index for proof in proofs]
    assert indexes == sorted(indexes)
    assert len(indexes) == (1 if agency == SENDER else 4)


async def test_an_export_goes_on_where_a_restored_hub_no_longer_knows_a_disclosure(
    network: Network,
) -> None:
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())
        before = await known_at_hub(gateway.client, [sent.id])
        network.double.kept = {}

        assert await known_at_hub(gateway.client, [sent.id]) == before
