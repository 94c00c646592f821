"""An evil hub in front of a recipient: nothing wrong is accepted, and the sender is not blamed.

Each row ends with its own code: held at the hub, or a signed rejection.
"""

from typing import Any

from aiohttp import web

from exchange.agency.receive import Outcome
from exchange.canonical import b64u, digest, encode
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.keyring.ceremony import new_document_key, new_identity
from exchange.statement import Kind, sign
from exchange.wire import routes, shapes
from tests.agency.double import Handler, Kept, answer, payload_of
from tests.agency.network import (
    CONSENT_ID,
    RECIPIENT,
    SENDER,
    Network,
    files_below,
)
from tests.evil_hub.forging import (
    answer_of,
    disclose_by_hand,
    held,
    nothing_is_delivered,
    received,
    sent,
)


async def rejected(network: Network, kept: Kept) -> str:
    """Make a round in which something is rejected; return the signed reason."""
    done = await received(network)
    assert done.outcomes == {Outcome.REJECTED: 1}
    nothing_is_delivered(network)
    answer = answer_of(kept)
    assert answer["manifest"] == digest(kept.manifest)
    assert answer["result"] == "rejected"
    return str(answer["reason"])


async def test_h8_edited_manifest(network: Network) -> None:
    kept = await sent(network)
    payload = payload_of(kept.manifest)
    edited = sign(Kind.MANIFEST, payload, network.offices[SENDER].identity)
    # Signatures of one manifest under the payload of another.
    other = disclose_by_hand(network)
    kept.manifest = edited.replace(
        b64u(_bytes(payload)).encode(), b64u(_bytes(payload_of(other.manifest))).encode()
    )
    network.double.kept = {"x": kept}

    assert await held(network) == ["statement-not-acceptable"]
    assert "collect" not in network.double.calls


def _bytes(payload: dict[str, Any]) -> bytes:
    return encode(payload)


async def test_h8_manifest_signed_by_somebody_nobody_pinned(network: Network) -> None:
    kept = await sent(network)
    stranger = new_identity(SENDER)
    kept.manifest = sign(Kind.MANIFEST, payload_of(kept.manifest), stranger)

    assert await held(network) == ["key-not-pinned"]


async def test_h9_payloads_of_two_disclosures_swapped(network: Network) -> None:
    kept, other = await sent(network), await sent(network)
    (header, _), (_, payload) = kept.split, other.split
    kept.sealed = header + payload
    other.offered_to = set()

    assert await rejected(network, kept) == "unreadable"


async def test_h10_last_chunk_missing(network: Network) -> None:
    kept = await sent(network)
    honest = network.double.shown(kept)
    header, payload = kept.split
    kept.sealed = header + payload[:-16]
    network.double.replaced["inbox"] = _offering(honest)

    assert await held(network) == ["payload-damaged"]
    assert "collect" not in network.double.calls


async def test_h10_payload_longer_than_signed(network: Network) -> None:
    kept = await sent(network)
    honest = network.double.shown(kept)
    kept.sealed += b"\0"
    network.double.replaced["inbox"] = _offering(honest)

    assert await held(network) == ["payload-damaged"]


async def test_h10_payload_without_end(network: Network) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": routes.PAYLOAD})
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(1 << 16))
        except ConnectionError:
            return response

    await sent(network)
    network.double.replaced["payload"] = endless

    assert await held(network) == ["payload-damaged"]
    assert sum(map(len, files_below(network.offices[RECIPIENT].home.incoming).values())) < 1 << 17


async def test_h10_another_size_than_signed_is_not_even_fetched(network: Network) -> None:
    kept = await sent(network)
    header, payload = kept.split
    kept.sealed = header + payload + payload

    assert await held(network) == ["hub-misbehaves"]
    assert "payload" not in network.double.calls


async def test_h11_header_of_another_disclosure(network: Network) -> None:
    kept, other = await sent(network), await sent(network)
    (_, payload), (header, _) = kept.split, other.split
    kept.sealed = header + payload
    other.offered_to = set()

    assert await rejected(network, kept) == "unreadable"


async def test_h12_header_with_one_stanza_more(network: Network) -> None:
    kept = await sent(network)
    header, payload = kept.split
    stanza = HybridRecipient(new_document_key().recipient).wrap(bytes(16))
    version, _, rest = header.partition(b"\n")
    kept.sealed = version + b"\n" + stanza.encode() + rest + payload

    assert await rejected(network, kept) == "unreadable"


async def test_h13_disclosure_for_somebody_else(network: Network) -> None:
    kept = disclose_by_hand(network, to="health-c")

    assert await rejected(network, kept) == "not-for-us"
    assert "collect" not in network.double.calls


async def test_h14_other_purpose(network: Network) -> None:
    kept = disclose_by_hand(network, purpose="energy-debt")

    assert await rejected(network, kept) == "not-permitted"
    assert "collect" not in network.double.calls


async def test_h14_other_consent(network: Network) -> None:
    other = network.signed_consent(
        id="9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09", categories=["energy-bill"]
    )
    network.double.consents[other.id] = other
    kept = disclose_by_hand(network, consent=other.consent)
    kept.consent_id = other.id

    assert await rejected(network, kept) == "not-permitted"


async def test_h14_another_consent_delivered_than_the_manifest_names(network: Network) -> None:
    kept = disclose_by_hand(network, consent="D" * 42 + "A")

    assert await rejected(network, kept) == "not-permitted"


async def test_h14_agreement_that_this_agency_never_signed(network: Network) -> None:
    kept = await sent(network)
    agreement = network.double.agreements[0]
    network.double.agreements = [agreement.model_copy(update={"signatures": ()})]

    assert await rejected(network, kept) == "not-permitted"


async def test_h15_consent_has_ended_and_is_offered_still(network: Network) -> None:
    await sent(network)
    network.double.end_consent(CONSENT_ID)

    assert await held(network) == ["consent-ended"]
    assert "payload" not in network.double.calls


async def test_h15_consent_is_hidden_and_is_offered_still(network: Network) -> None:
    await sent(network)
    network.double.consents = {}

    assert await held(network) == ["consent-ended"]


async def test_h16_old_disclosure_again_gets_the_stored_answer(network: Network) -> None:
    kept = await sent(network)
    await received(network)
    first = kept.answers.pop(RECIPIENT)
    before = files_below(network.offices[RECIPIENT].home.spool)
    kept.offered_to = {RECIPIENT}

    done = await received(network)

    assert done.outcomes == {Outcome.KNOWN: 1}
    assert kept.answers[RECIPIENT] == first
    assert files_below(network.offices[RECIPIENT].home.spool) == before


async def test_h16_same_id_with_new_content(network: Network) -> None:
    kept = await sent(network)
    await received(network)
    before = files_below(network.offices[RECIPIENT].home.spool)
    (disclosure_id,) = network.double.kept
    again = disclose_by_hand(network, id=disclosure_id)
    network.double.kept = {disclosure_id: again}

    done = await received(network)

    assert done.outcomes == {Outcome.REJECTED: 1}
    assert answer_of(again)["reason"] == "replay"
    assert again.manifest != kept.manifest
    assert files_below(network.offices[RECIPIENT].home.spool) == before


async def test_h17_same_entry_twice_and_reordered(network: Network) -> None:
    first, second = await sent(network), await sent(network)
    entries = [network.double.shown(kept) for kept in (second, first, second, second, first)]

    async def shuffled(request: web.Request) -> web.StreamResponse:
        waiting = [
            shapes.Waiting(cursor=f"c{9 - number}", disclosure=entry)
            for number, entry in enumerate(entries)
        ]
        given = [] if "after" in request.query else waiting
        return answer(shapes.Inbox(entries=tuple(given), next="c1"))

    network.double.replaced["inbox"] = shuffled

    done = await received(network)

    assert done.outcomes == {Outcome.ACCEPTED: 2, Outcome.KNOWN: 3}
    assert len(list(network.offices[RECIPIENT].home.spool.iterdir())) == 2


async def test_h29_unknown_suite(network: Network) -> None:
    kept = disclose_by_hand(network, suite="2")

    assert await rejected(network, kept) == "malformed"


async def test_h29_unknown_typ(network: Network) -> None:
    kept = await sent(network)
    _offer_consent_as_manifest(network, kept)

    assert await held(network) == ["statement-not-acceptable"]


def _offer_consent_as_manifest(network: Network, kept: Kept) -> None:
    consent = network.double.consents[CONSENT_ID].statement.encode()
    shown = network.double.shown(kept).model_copy(update={"statement": consent.decode()})
    network.double.replaced["inbox"] = _offering(shown)


def _offering(shown: shapes.Disclosure) -> Handler:
    async def offering(request: web.Request) -> web.StreamResponse:
        given = () if "after" in request.query else (shapes.Waiting(cursor="c1", disclosure=shown),)
        return answer(shapes.Inbox(entries=given, next="c1"))

    return offering


async def test_h30_every_failure_after_the_collection_is_one_word(network: Network) -> None:
    reasons = set()
    for place in (-1, 0, 16, 40):
        kept = await sent(network)
        header, payload = kept.split
        damaged = bytearray(payload)
        damaged[place] ^= 1
        kept.sealed = header + bytes(damaged)
        await received(network)
        reasons.add(answer_of(kept)["reason"])

    assert reasons == {"unreadable"}
