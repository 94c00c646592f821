"""A39: the whole construction, end to end between two gateways and the hub; who refuses, and where.

Steps are those of docs/formats.md. What only an evil hub could do is in tests/evil_hub/; here the
hub is honest and senders, recipients and third parties are not.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exchange import canonical
from exchange.agency import erase, poll, send
from exchange.agency.receive import Outcome
from exchange.canonical import b64u
from exchange.envelope.age.decrypt import Decryptor
from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridIdentity, HybridRecipient
from exchange.keyring.ceremony import new_document_key
from exchange.statement import Kind, sign
from exchange.wire import routes
from tests.agency.double import payload_of
from tests.agency.network import files_below
from tests.attacks.whole import LETTER, Whole
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Given, Letter, office

pytestmark = pytest.mark.gate


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    found = Whole(tmp_path)
    async with found.running():
        yield found


async def received(whole: Whole) -> dict[Outcome, int]:
    async with whole.receiving() as (gateway, reception):
        return dict((await poll.fetch(gateway, reception)).outcomes)


def spooled(whole: Whole) -> dict[str, bytes]:
    return files_below(whole.offices[RECIPIENT].home.spool)


async def crossed(whole: Whole) -> Letter:
    """Send a real letter and return it as the hub holds it."""
    given = await whole.consent()
    async with whole.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, whole.draft(given))
    (row,) = await whole.sim.rows("SELECT header FROM headers")
    found = (await whole.sim.call(SENDER, routes.GET_DISCLOSURE, id=sent.id)).json
    payload = await whole.sim.call(RECIPIENT, routes.PAYLOAD_OF, id=sent.id)
    sealed = row[0] + payload.body
    return Letter(sent.id, found["statement"].encode(), sealed, given.digest, len(row[0]))


async def refused(whole: Whole, manifest: bytes, sealed: bytes, agency: str = SENDER) -> int:
    answer = await whole.sim.call(
        agency,
        routes.DISCLOSE,
        body=manifest + b"\n" + sealed,
        headers={"Content-Type": routes.DISCLOSURE},
    )
    assert answer.status >= 400, answer.body
    return answer.status


async def test_the_honest_way_is_open(whole: Whole) -> None:
    await crossed(whole)
    assert await received(whole) == {Outcome.ACCEPTED: 1}
    assert LETTER in spooled(whole).values()


async def test_swapped_ciphertext_is_refused_at_storing_step_9(whole: Whole) -> None:
    letter = await crossed(whole)
    other = whole.sim.letter(letter.consent)
    assert await refused(whole, other.manifest, letter.sealed[: len(other.sealed)]) in {400, 422}


async def test_a_stripped_and_replaced_signature_is_refused_at_storing_step_2(
    whole: Whole,
) -> None:
    letter = await crossed(whole)
    again = sign(Kind.MANIFEST, payload_of(letter.manifest), whole.offices[RECIPIENT].identity)
    for agency in (SENDER, RECIPIENT):
        assert await refused(whole, again, letter.sealed, agency) == 422


async def test_each_signature_stripped_doubled_or_of_another_is_refused_at_storing_step_2(
    whole: Whole,
) -> None:
    letter = await crossed(whole)
    outer: dict[str, Any] = canonical.loads(letter.manifest, limit=1 << 16)
    other: dict[str, Any] = canonical.loads(
        sign(Kind.MANIFEST, payload_of(letter.manifest), office(OUTSIDER).identity), limit=1 << 16
    )
    first, second = outer["signatures"]
    for signatures in (
        [],
        [first],
        [second],
        [first, first],
        [second, first],
        [first, second, second],
        [first, other["signatures"][1]],
        [other["signatures"][0], second],
        [first, {**second, "signature": second["signature"][:-4] + "AAAA"}],
    ):
        forged = canonical.encode({**outer, "signatures": signatures})
        assert await refused(whole, forged, letter.sealed) == 422


async def test_an_edited_manifest_is_refused_at_storing_step_2(whole: Whole) -> None:
    letter = await crossed(whole)
    outer: dict[str, Any] = canonical.loads(letter.manifest, limit=1 << 16)
    payload = payload_of(letter.manifest)
    payload["sealed"]["size"] += 1
    edited = canonical.encode({**outer, "payload": b64u(canonical.encode(payload))})
    assert await refused(whole, edited, letter.sealed) == 422


async def test_another_kind_of_statement_is_no_manifest_at_storing_step_2(whole: Whole) -> None:
    letter = await crossed(whole)
    identity = whole.offices[SENDER].identity
    for kind in (Kind.ACKNOWLEDGEMENT, Kind.WITHDRAWAL, Kind.CONSENT, Kind.ERASURE):
        other = sign(kind, payload_of(letter.manifest), identity)
        assert await refused(whole, other, letter.sealed) == 422


async def test_a_recipient_that_reencrypts_cannot_forward_the_old_manifest_step_5_and_9(
    whole: Whole,
) -> None:
    letter = await crossed(whole)
    assert await received(whole) == {Outcome.ACCEPTED: 1}
    plain = opened(letter.sealed, whole)
    again = Encryptor([HybridRecipient(whole.sim.offices[RECIPIENT].key.recipient)])
    sealed = again.update(plain) + again.finalize()
    assert await refused(whole, letter.manifest, sealed, RECIPIENT) == 422
    answer = await whole.sim.call(
        SENDER,
        routes.DISCLOSE,
        body=letter.manifest + b"\n" + sealed,
        headers={"Content-Type": routes.DISCLOSURE},
    )
    assert answer.status == 201  # known already: the new bytes are not even read
    assert len(await whole.sim.log("disclosure-stored")) == 1


def opened(sealed: bytes, whole: Whole) -> bytes:
    decryptor = Decryptor([HybridIdentity(whole.sim.offices[RECIPIENT].key)])
    return decryptor.update(sealed) + decryptor.finalize()


async def test_a_new_manifest_over_the_old_document_is_refused_at_receiving_step_13(
    whole: Whole,
) -> None:
    letter = await crossed(whole)
    stolen = whole.sim.letter(letter.consent, sealed=letter.sealed, category="tenancy-termination")
    assert (await whole.sim.send(stolen)).status == 201

    outcomes = await received(whole)

    assert outcomes == {Outcome.ACCEPTED: 1, Outcome.REJECTED: 1}
    found = (await whole.sim.call(SENDER, routes.GET_DISCLOSURE, id=stolen.id)).json
    answer = payload_of(found["recipients"][0]["acknowledgement"].encode())
    assert (answer["result"], answer["reason"]) == ("rejected", "unreadable")


async def test_another_consent_is_refused_at_storing_step_7(whole: Whole) -> None:
    await crossed(whole)
    other = await whole.consent(
        categories=["tenancy-termination"],
    )
    assert (await whole.sim.send(whole.sim.letter(other.digest))).status == 403
    assert (await whole.sim.send(whole.sim.letter("A" * 43))).status == 403


async def test_a_key_nobody_announced_is_refused_at_storing_step_6(whole: Whole) -> None:
    given = await whole.consent()
    for key in (
        new_document_key().recipient.fingerprint,
        whole.sim.offices[SENDER].key.recipient.fingerprint,
        "A" * 43,
    ):
        assert (await whole.sim.send(whole.sim.letter(given.digest, key=key))).status == 422


async def test_a_replay_changes_nothing_at_storing_step_5(whole: Whole) -> None:
    letter = await crossed(whole)
    assert await received(whole) == {Outcome.ACCEPTED: 1}
    before = files_below(whole.offices[RECIPIENT].home.spool)

    assert (await whole.sim.send(letter)).status == 201
    assert await received(whole) == {}

    assert spooled(whole) == before
    assert len(await whole.sim.log("disclosure-stored")) == 1


async def test_somebody_who_is_no_recipient_gets_nothing_at_releasing(whole: Whole) -> None:
    letter = await crossed(whole)
    assert (await whole.sim.collect(letter, SENDER)).status == 404
    assert (await whole.sim.payload(letter, SENDER)).status == 404


async def test_withdrawn_between_payload_and_collection_no_header_is_released(
    whole: Whole,
) -> None:
    letter = await crossed(whole)
    payload = await whole.sim.payload(letter)
    assert payload.body == letter.payload
    (given,) = (await whole.sim.call(SENDER, routes.CONSENTS)).json["consents"]
    await withdrawn(whole, given)

    assert (await whole.sim.collect(letter)).status == 404
    assert await received(whole) == {}
    assert spooled(whole) == {}


async def withdrawn(whole: Whole, given: dict[str, Any]) -> None:
    known = Given(given["id"], given["consent"], given["statement"].encode(), b"")
    assert (await whole.sim.withdraw(known)).status == 200


async def test_withdrawn_after_the_hand_over_everything_is_removed_and_confirmed(
    whole: Whole,
) -> None:
    await crossed(whole)
    assert await received(whole) == {Outcome.ACCEPTED: 1}
    (given,) = (await whole.sim.call(SENDER, routes.CONSENTS)).json["consents"]
    await withdrawn(whole, given)

    async with whole.gateway(RECIPIENT) as gateway:
        assert (await erase.erase(gateway)).troubles == []

    (erasure,) = (await whole.sim.call(SENDER, routes.ERASURES)).json["erasures"]
    assert erasure["state"] == "erased"
    assert LETTER not in spooled(whole).values()


async def test_a_rolled_back_or_foreign_key_statement_is_refused_by_the_hub(
    whole: Whole,
) -> None:
    ring = whole.offices[RECIPIENT].ring
    first = (await whole.sim.call(SENDER, routes.AGENCY, id=RECIPIENT)).json["key_statement"]
    newest = ring.rotate(now=whole.sim.now)
    body = {"statement": newest.statement.decode()}
    put = await whole.sim.call(RECIPIENT, routes.PUT_KEY_STATEMENT, id=RECIPIENT, json=body)
    assert put.status == 200
    for agency, statement, status in (
        (RECIPIENT, first, 409),
        (SENDER, body["statement"], 422),
    ):
        again = await whole.sim.call(
            agency, routes.PUT_KEY_STATEMENT, id=agency, json={"statement": statement}
        )
        assert again.status == status
