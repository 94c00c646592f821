"""exchange.agency.forget: evidence goes with its year, drafts and what is set aside in 30 days."""

import asyncio
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Connection, func, select
from structlog.testing import capture_logs

from exchange.agency import (
    arrivals,
    erase,
    follow,
    poll,
    prove,
    send,
    signed,
    state,
    tables,
)
from exchange.agency.forget import forget
from exchange.agency.home import Home
from exchange.agency.log_points import RECORDED
from exchange.canonical import b64u
from exchange.consent.draft import draft_of
from exchange.consent.record import ConsentRecord, read_payload
from exchange.consent.withdrawal import by_code
from exchange.days import begin_of
from exchange.envelope.sealing import Outgoing
from exchange.keyring.ceremony import new_identity
from exchange.members import write_time
from exchange.statement import Kind
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, SUBJECT, Network, draft
from tests.samples import CONSENT, changed

ERASURE = "1d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a10"
ANOTHER = "1d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a11"
EVIDENCE = (
    *(tables.consents, tables.sent, tables.answers, tables.received, tables.evidence),
    *(tables.headers, tables.delivered, tables.erasures, tables.majorities, tables.awaited),
)
BEFORE, AFTER = begin_of(date(2030, 1, 1)) - timedelta(seconds=1), begin_of(date(2030, 1, 1))
"""The consent ends in August 2026: three years later ends 2029."""


async def exchanged(network: Network) -> None:
    """Send a document, receive it, and hear at the sender what became of it."""
    async with network.gateway(SENDER) as gateway:
        await send.send(gateway, draft())
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
    async with network.gateway(SENDER) as gateway:
        await follow.follow(gateway)


def withdrawn(network: Network, agency: str) -> None:
    """Let an agency have taken down that the person withdrew."""
    statement = network.withdrawal(network.double.consents[CONSENT_ID])
    signed.keep(network.offices[agency].home, f"withdrawal-{CONSENT_ID}.jws", statement)


def drafted() -> ConsentRecord:
    """Return an electronic consent that waits for the person."""
    key = b64u(new_identity(RECIPIENT).card.ed25519)
    written = changed(CONSENT, form="electronic", person_key=key)
    written.pop("evidence")
    return read_payload(written, Kind.CONSENT_ELECTRONIC, digest="")


def rows(conn: Connection) -> int:
    return sum(conn.execute(select(func.count()).select_from(t)).scalar_one() for t in EVIDENCE)


async def looked(network: Network, agency: str) -> int:
    """Forget at an agency what is over; return how many rows of evidence are left."""
    async with network.gateway(agency) as gateway:
        await forget(gateway)
        return await gateway.state.read(rows)


def statements(home: Home) -> set[str]:
    """Return which statements about consents lie here."""
    kinds = ("consent", "withdrawal", "draft")
    return {path.name for kind in kinds for path in home.statements.glob(f"{kind}-*")}


@pytest.mark.parametrize("agency", [SENDER, RECIPIENT])
async def test_evidence_is_kept_to_the_end_of_the_third_year_and_not_longer(
    network: Network, agency: str
) -> None:
    await exchanged(network)
    home = network.offices[agency].home
    consent = network.double.consents[CONSENT_ID]
    signed.keep(home, f"consent-{CONSENT_ID}.jws", consent.statement.encode())

    network.now = BEFORE
    assert await looked(network, agency) >= 3
    assert statements(home) == {f"consent-{CONSENT_ID}.jws"}
    prove.keep_receipt(home, RECORDED, CONSENT_ID, b"receipt")
    prove.keep_receipt(home, RECORDED, ANOTHER, b"receipt of another consent")

    network.now = AFTER
    with capture_logs() as lines:
        assert await looked(network, agency) == 0
    assert statements(home) == set()
    assert [file.name for file in home.receipts.iterdir()] == [f"consent-{ANOTHER}.tlog-proof"]
    assert [line["count"] for line in lines if line["event"] == "forgotten"] == [1]
    for file in home.state.iterdir():
        assert SUBJECT["family_name"].encode() not in file.read_bytes()


async def test_an_agreement_may_shorten_the_years(network: Network) -> None:
    words = {"de": "ein Jahr", "de-simple": "1 Jahr", "en": "one year"}
    network.double.agreements = [network.signed_agreement(retention={"years": 1, "words": words})]
    consent = network.signed_consent()
    network.double.consents = {consent.id: consent}
    await exchanged(network)

    network.now = begin_of(date(2028, 1, 1)) - timedelta(seconds=1)
    assert await looked(network, SENDER) > 0
    network.now = begin_of(date(2028, 1, 1))
    assert await looked(network, SENDER) == 0


async def test_an_agreement_out_of_reach_leaves_three_years(network: Network) -> None:
    await exchanged(network)
    network.double.agreements = []

    network.now = BEFORE
    assert await looked(network, SENDER) > 0
    network.now = AFTER
    assert await looked(network, SENDER) == 0


@pytest.mark.parametrize("known", ["taken down here", "erased on request"])
async def test_years_count_from_a_withdrawal_that_is_known_here(
    network: Network, known: str
) -> None:
    until = write_time(begin_of(date(2027, 2, 1)))
    consent = network.signed_consent(valid_until=until)
    network.double.consents = {consent.id: consent}
    await exchanged(network)
    if known == "taken down here":
        withdrawn(network, RECIPIENT)
    else:
        network.double.end_consent(CONSENT_ID, network.withdrawal(consent))
        network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)
        async with network.gateway(RECIPIENT) as gateway:
            await erase.erase(gateway)

    network.now = BEFORE
    assert await looked(network, RECIPIENT) > 0
    network.now = AFTER
    assert await looked(network, RECIPIENT) == 0
    assert statements(network.offices[RECIPIENT].home) == set()


async def test_no_word_of_the_hub_shortens_what_is_kept(network: Network) -> None:
    until = write_time(begin_of(date(2027, 2, 1)))
    consent = network.signed_consent(valid_until=until)
    network.double.consents = {consent.id: consent}
    await exchanged(network)
    network.double.end_consent(CONSENT_ID, by_code(consent.consent, at=network.now))
    network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)
    async with network.gateway(RECIPIENT) as gateway:
        await erase.erase(gateway)  # waits for people: nobody has signed

    network.now = AFTER
    assert await looked(network, RECIPIENT) > 0


async def test_a_withdrawal_of_a_consent_that_never_lay_here_goes_with_its_own_year(
    network: Network,
) -> None:
    withdrawn(network, RECIPIENT)
    home = network.offices[RECIPIENT].home

    network.now = BEFORE
    await looked(network, RECIPIENT)
    assert statements(home) == {f"withdrawal-{CONSENT_ID}.jws"}
    network.now = AFTER
    await looked(network, RECIPIENT)
    assert statements(home) == set()


async def test_a_consent_still_used_is_not_forgotten_with_one_that_is_over(
    network: Network,
) -> None:
    await exchanged(network)
    other = network.signed_consent(
        id=str(uuid4()), valid_until=write_time(begin_of(date(2027, 2, 1)))
    )
    network.double.consents[other.id] = other
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft(consent=other.id))

    network.now = AFTER
    async with network.gateway(SENDER) as gateway:
        await forget(gateway)
        (left,) = await gateway.state.read(state.list_sent)
    assert left.id == sent.id


async def test_a_draft_that_nobody_signed_lies_here_for_thirty_days(network: Network) -> None:
    home = network.offices[RECIPIENT].home
    given = drafted()
    name = f"draft-{given.id}.json"
    signed.keep(home, name, draft_of(given))

    network.now = given.collected_at + timedelta(days=30)
    await looked(network, RECIPIENT)
    assert statements(home) == {name}
    network.sleep(seconds=1)
    await looked(network, RECIPIENT)
    assert statements(home) == set()


async def test_what_is_set_aside_lies_here_for_thirty_days(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        wrong = Outgoing("x.pdf", "application/pdf", b"no PDF")
        await send.send(gateway, draft(files=(wrong,)))
    home = network.offices[RECIPIENT].home
    for days, left in ((0, 1), (29, 1), (1, 0)):
        network.sleep(days=days)
        async with network.receiving() as (gateway, reception):
            await poll.fetch(gateway, reception)
            assert len(await gateway.state.read(arrivals.quarantined, network.now)) == left
        assert len(list(home.quarantine.glob("[0-9a-f]*"))) == left


async def test_a_running_gateway_forgets_by_itself(network: Network) -> None:
    home = network.offices[RECIPIENT].home
    given = drafted()
    signed.keep(home, f"draft-{given.id}.json", draft_of(given))
    network.now = given.collected_at + timedelta(days=31)

    async with network.receiving() as (gateway, reception):
        stop = asyncio.Event()
        running = asyncio.create_task(poll.run(gateway, reception, stop))
        async with asyncio.timeout(60):
            while statements(home):  # noqa: ASYNC110  # a file tells nobody that it is gone
                await asyncio.sleep(0.05)
        stop.set()
        await running
