"""Passing on what came from another agency: said, covered, in no lower class, checked twice."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from exchange.agency import arrivals, aside_words, poll, send
from exchange.agency.parts import Gateway
from exchange.agency.plan import Draft
from exchange.agency.receive import Outcome
from exchange.agency.state import Delivered, Received, Receiving
from exchange.canonical import digest, sha256_hex
from exchange.envelope.contents import Onward, read_contents
from exchange.envelope.manifest import Addressee, Terms, manifest_payload, new_context
from exchange.envelope.sealing import Outgoing
from exchange.errors import Malformed, NotCovered
from exchange.keyring.ceremony import new_identity
from exchange.statement import Kind, seconds, sign
from exchange.vocabulary import Secrecy
from tests import samples
from tests.agency.double import context_of, payload_of
from tests.agency.network import LETTER, NOW, RECIPIENT, SENDER, Network, draft, files_below
from tests.evil_hub.forging import disclose_by_hand, letter, notice

HEALTH = "health-c"
FIRST, SECOND = "9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09", "9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a10"


@pytest.fixture(autouse=True)
def wide(network: Network) -> None:
    """Let the agreement and the consent admit every class, and documents of `HEALTH`."""
    flows = [flow | {"secrecy": "entrusted"} for flow in samples.AGREEMENT["flows"]]
    network.double.agreements = [network.signed_agreement(flows=flows)]
    allow(network, onward_from=[HEALTH], secrecy="entrusted")


def allow(network: Network, **members: Any) -> None:
    consent = network.signed_consent(**members)
    network.double.consents = {consent.id: consent}


async def came(
    gateway: Gateway, disclosure: str = FIRST, *, state: Receiving = Receiving.DONE, **terms: Any
) -> None:
    """Let the sender's gateway have accepted `LETTER` from `HEALTH` before."""
    identity = new_identity(HEALTH)
    stated: Mapping[str, Any] = {
        "id": disclosure,
        "sender": HEALTH,
        "kid": identity.kid,
        "consent": "D" * 42 + "A",
        "purpose": "housing-loss",
        "category": "rent-arrears-letter",
        "secrecy": Secrecy.PROFESSIONAL,
        "iat": seconds(NOW),
        "exp": seconds(NOW) + 3600,
        **terms,
    }
    context = new_context(Terms(**stated), [Addressee(SENDER, "E" * 42 + "A")], "00" * 32)
    manifest = sign(
        Kind.MANIFEST, manifest_payload(context.raw, sha256="00" * 32, size=5211), identity
    )
    row = Received(
        digest=digest(manifest),
        id=disclosure,
        sender=HEALTH,
        consent="D" * 42 + "A",
        consent_id=str(uuid4()),
        size=1,
        state=state,
        seen_at=NOW,
        keep_until=NOW,
        result="accepted",
        manifest=manifest,
    )
    file = Delivered(
        sha256=sha256_hex(LETTER),
        size=len(LETTER),
        id=disclosure,
        sender=HEALTH,
        secrecy=stated["secrecy"].code,
    )
    await gateway.state.write(arrivals.put_received, row, "manifest")
    await gateway.state.write(arrivals.add_delivered, [file])


async def reasons(gateway: Gateway, what: Draft) -> tuple[str, ...]:
    """Return why the sender's own records say no."""
    with pytest.raises(NotCovered) as refused:
        await send.send(gateway, what)
    return refused.value.reasons


async def test_a_file_of_another_agency_is_not_sent_on_unsaid(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await came(gateway)
        await came(gateway, SECOND)
        renamed = (Outgoing("mine.pdf", "application/pdf", LETTER),)
        with pytest.raises(Malformed, match=f"--onward-of {SECOND}$"):
            await send.send(gateway, draft(files=renamed, onward_of=(FIRST,)))

    assert files_below(network.offices[SENDER].home.outgoing) == {}
    assert network.double.kept == {}


async def test_another_file_of_the_same_size_is_sent(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await came(gateway)
        other = (Outgoing("mine.pdf", "application/pdf", LETTER[::-1]),)
        await send.send(gateway, draft(files=other))

    assert len(network.double.kept) == 1


async def test_said_and_allowed_it_goes_in_the_class_it_came_with(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await came(gateway)
        (sent,) = await send.send(gateway, draft(onward_of=(FIRST, FIRST)))
    async with network.receiving() as (gateway, reception):
        done = await poll.fetch(gateway, reception)
        (light,) = await gateway.state.read(arrivals.list_received)
        received = await gateway.state.read(arrivals.whole, light)

    assert done.outcomes == {Outcome.ACCEPTED: 1}
    assert context_of(network.double.kept[sent.id].manifest)["secrecy"] == "professional"
    contents = read_contents(received.contents or b"")
    assert contents.onward_of == (Onward(FIRST, HEALTH, Secrecy.PROFESSIONAL),)


async def test_an_excerpt_is_passed_on_when_the_sender_says_so(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await came(gateway)
        excerpt = (Outgoing("excerpt.pdf", "application/pdf", LETTER + b"!"),)
        (sent,) = await send.send(gateway, draft(files=excerpt, onward_of=(FIRST,)))

    assert context_of(network.double.kept[sent.id].manifest)["secrecy"] == "professional"


async def test_a_consent_that_does_not_name_the_agency_covers_nothing_of_it(
    network: Network,
) -> None:
    allow(network, secrecy="entrusted")
    async with network.gateway(SENDER) as gateway:
        await came(gateway)
        assert await reasons(gateway, draft(onward_of=(FIRST,))) == ("onward",)


async def test_what_was_never_accepted_or_is_erased_cannot_be_passed_on(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await came(gateway, SECOND, state=Receiving.ERASED)
        await came(gateway, FIRST)
        for stranger in (str(uuid4()), "no id at all"):
            given = draft(onward_of=(FIRST, SECOND, stranger))
            assert await reasons(gateway, given) == ("onward",)
        assert await reasons(gateway, draft(onward_of=(FIRST, SECOND))) == ("onward",)


async def test_the_class_is_never_lowered_on_the_way(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await came(gateway)
        lowered = draft(onward_of=(FIRST,), secrecy=Secrecy.SOCIAL)
        assert await reasons(gateway, lowered) == ("onward",)
        raised = draft(onward_of=(FIRST,), secrecy=Secrecy.ENTRUSTED)
        (sent,) = await send.send(gateway, raised)

    assert context_of(network.double.kept[sent.id].manifest)["secrecy"] == "entrusted"


async def test_what_was_entrusted_goes_only_where_it_was_meant_to_go(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await came(gateway, SECOND, secrecy=Secrecy.ENTRUSTED, purpose="energy-debt")
        assert await reasons(gateway, draft(onward_of=(SECOND,))) == ("onward",)

    async with network.gateway(SENDER) as gateway:
        await gateway.state.write(arrivals.mark_erased, "D" * 42 + "A")
        await came(gateway, FIRST, secrecy=Secrecy.ENTRUSTED)
        await send.send(gateway, draft(onward_of=(FIRST,)))


async def test_the_digests_of_files_are_forgotten_after_two_years(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await came(gateway)
        for days, known in ((2 * 365, {len(LETTER)}), (2 * 365 + 1, set())):
            network.now = NOW
            network.sleep(days=days)
            await gateway.state.write(arrivals.forget_seen, network.now)
            assert await gateway.state.read(arrivals.sizes_delivered) == known


FALSE = {
    "from an agency the consent does not name": Onward(FIRST, "youth-d", Secrecy.SOCIAL),
    "of a higher class than the whole": Onward(FIRST, HEALTH, Secrecy.PROFESSIONAL),
}


@pytest.mark.parametrize("case", FALSE)
async def test_a_chain_that_does_not_hold_goes_to_quarantine(network: Network, case: str) -> None:
    kept = disclose_by_hand(
        network, files=(notice(), letter()), onward_of=(FALSE[case],), secrecy=Secrecy.SOCIAL
    )
    async with network.receiving() as (gateway, reception):
        done = await poll.fetch(gateway, reception)

    home = network.offices[RECIPIENT].home
    answer = payload_of(kept.answers[RECIPIENT][1])
    assert done.outcomes == {Outcome.QUARANTINED: 1}
    assert (answer["result"], answer["reason"]) == ("quarantined", "not-accepted")
    assert files_below(home.spool) == {}
    papers = [aside_words.read(one)[0] for one in files_below(home.quarantine).values()]
    assert papers.count("onward") == 1


async def test_a_chain_that_holds_is_accepted(network: Network) -> None:
    kept = disclose_by_hand(
        network,
        files=(notice(), letter()),
        onward_of=(Onward(FIRST, HEALTH, Secrecy.SOCIAL),),
        secrecy=Secrecy.SOCIAL,
    )
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)

    assert kept.answers[RECIPIENT][0] == "accepted"
