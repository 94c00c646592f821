"""What a compromise surrenders, and what not: the lines that exist, each with what a thief has."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.agency import poll, send
from exchange.agency.receive import Outcome
from exchange.canonical import digest
from exchange.envelope.age.decrypt import Decryptor
from exchange.envelope.age.hybrid import HybridIdentity
from exchange.errors import ExchangeError
from exchange.keyring.ceremony import new_document_key, new_identity
from exchange.keyring.decryption import SEED_SIZE, DocumentKey
from exchange.statement import Kind, sign
from exchange.wire import routes
from tests.agency.double import payload_of
from tests.attacks.whole import LETTER, Whole
from tests.simulator import RECIPIENT, SENDER

pytestmark = pytest.mark.gate


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    found = Whole(tmp_path)
    async with found.running():
        yield found


async def sent(whole: Whole) -> str:
    given = await whole.consent({"family_name": "KANARIENVOGEL"})
    async with whole.gateway(SENDER) as gateway:
        (one,) = await send.send(gateway, whole.draft(given, remark="KANARI-REMARK"))
    return one.id


async def sealed(whole: Whole, disclosure: str) -> bytes:
    (row,) = await whole.sim.rows("SELECT header FROM headers")
    payload = await whole.sim.call(RECIPIENT, routes.PAYLOAD_OF, id=disclosure)
    return bytes(row[0]) + payload.body


async def test_the_hubs_whole_directory_opens_no_document(whole: Whole) -> None:
    document = await sealed(whole, await sent(whole))
    files = {path: path.read_bytes() for path in whole.sim.home.rglob("*") if path.is_file()}

    for path, data in files.items():
        for canary in (LETTER, b"Mahnung.pdf", b"KANARIENVOGEL", b"KANARI-REMARK"):
            assert canary not in data, path
        for office in whole.offices.values():
            for key in office.home.keys.rglob("*"):
                if key.is_file() and len(secret := key.read_bytes()) >= SEED_SIZE:
                    assert secret not in data, path
    # Every key the hub holds, tried as what it is not.
    seeds = {data for path, data in files.items() if len(data) == SEED_SIZE}
    seeds |= {data[:SEED_SIZE] for path, data in files.items() if "key" in path.name}
    for seed in seeds:
        if len(seed) == SEED_SIZE:
            with pytest.raises(ExchangeError):
                decrypted(document, DocumentKey(seed))
    assert LETTER in decrypted(document, whole.sim.offices[RECIPIENT].key)


def decrypted(document: bytes, key: DocumentKey) -> bytes:
    decryptor = Decryptor([HybridIdentity(key)])
    return decryptor.update(document) + decryptor.finalize()


async def test_the_hubs_token_key_makes_calls_and_no_statements(whole: Whole) -> None:
    disclosure = await sent(whole)
    # A thief of the key calls in any name: `sim.call` does just that.
    collected = await whole.sim.call(RECIPIENT, routes.COLLECT, id=disclosure)
    assert collected.status == 200
    thief = new_identity(RECIPIENT)
    found = (await whole.sim.call(SENDER, routes.GET_DISCLOSURE, id=disclosure)).json
    payload = {
        "id": "2b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09",
        "iat": payload_of(found["statement"].encode()).get("iat", 1772532000),
        "agency": RECIPIENT,
        "manifest": found["manifest"],
        "result": "accepted",
    }
    statement = sign(Kind.ACKNOWLEDGEMENT, payload, thief).decode()
    answer = await whole.sim.call(
        RECIPIENT, routes.ACKNOWLEDGE, id=disclosure, json={"statement": statement}
    )
    assert answer.status == 422


async def test_one_agencys_token_reaches_what_is_that_agencys(whole: Whole) -> None:
    disclosure = await sent(whole)
    for operation in (routes.COLLECT, routes.PAYLOAD_OF):
        assert (await whole.sim.call(SENDER, operation, id=disclosure)).status == 404
    header = (await whole.sim.call(RECIPIENT, routes.COLLECT, id=disclosure)).json["header"]
    assert header  # marked as collected; opened by nobody without the document key
    with pytest.raises(ExchangeError):
        decrypted(await sealed(whole, disclosure), new_document_key())


async def test_another_document_key_of_the_same_agency_opens_nothing(whole: Whole) -> None:
    disclosure = await sent(whole)
    document = await sealed(whole, disclosure)
    before = whole.offices[RECIPIENT].ring.current().key
    whole.sleep(days=1)
    whole.offices[RECIPIENT].ring.rotate(now=whole.sim.now)
    after = whole.offices[RECIPIENT].ring.current().key

    assert LETTER in decrypted(document, before)
    with pytest.raises(ExchangeError):
        decrypted(document, after)


async def test_a_revoked_key_takes_every_waiting_header_with_it(whole: Whole) -> None:
    disclosure = await sent(whole)
    ring = whole.offices[RECIPIENT].ring
    lost = ring.current().key.recipient.fingerprint
    newest = ring.revoke(lost, now=whole.sim.now)
    body = {"statement": newest.statement.decode()}
    put = await whole.sim.call(RECIPIENT, routes.PUT_KEY_STATEMENT, id=RECIPIENT, json=body)
    assert put.status == 200

    assert await whole.sim.count("headers") == 0
    assert (await whole.sim.call(RECIPIENT, routes.COLLECT, id=disclosure)).status == 404


async def test_an_identity_key_signs_what_is_attributable_and_opens_nothing(
    whole: Whole,
) -> None:
    # A stolen identity mints a "written" consent; it is recorded, in its agency's name, for ever.
    given = await whole.consent()
    found = (await whole.sim.call(SENDER, routes.GET_CONSENT, id=given.id)).json
    assert digest(found["statement"].encode()) == given.digest
    assert payload_of(found["statement"].encode())["collected_by"] == SENDER
    (event,) = await whole.sim.log("consent-recorded")
    assert event["by"] == SENDER


async def test_an_outgoing_document_leaves_no_plaintext_at_the_sender(whole: Whole) -> None:
    await sent(whole)
    for path in whole.offices[SENDER].home.root.rglob("*"):
        if path.is_file():
            assert LETTER not in path.read_bytes(), path
    async with whole.receiving() as (gateway, reception):
        done = await poll.fetch(gateway, reception)
    assert done.outcomes == {Outcome.ACCEPTED: 1}
    at_the_other = [
        path
        for path in whole.offices[RECIPIENT].home.root.rglob("*")
        if path.is_file() and LETTER in path.read_bytes()
    ]
    assert {path.is_relative_to(whole.offices[RECIPIENT].home.spool) for path in at_the_other} == {
        True
    }
