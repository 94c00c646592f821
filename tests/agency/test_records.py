"""What a gateway believes about agreements: its own signature makes the keys in them count."""

import uuid
from typing import Any

import pytest

from exchange import canonical
from exchange.errors import Held, HubMisbehaves, StatementNotAcceptable
from exchange.keyring.ceremony import new_identity
from exchange.keyring.signing import IdentityKey
from exchange.statement import Kind, seconds, sign
from exchange.wire import shapes
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network, pin
from tests.samples import AGREEMENT, changed

THIRD = "zz-third"


def of_three(network: Network, third: IdentityKey, drafter: IdentityKey) -> shapes.Agreement:
    """Return an agreement of three parties, one of which nobody has pinned; signed by all."""
    party = {**AGREEMENT["parties"][1], "agency": THIRD, "kid": third.kid}
    payload = changed(AGREEMENT, drafted_by=drafter.agency)
    payload["parties"].append(party)
    signers = [office.identity for office in network.offices.values()] + [third]
    for entry in payload["parties"]:
        entry["kid"] = next(one.kid for one in signers if one.agency == entry["agency"])
    statement = sign(Kind.AGREEMENT, payload, drafter)
    digest = canonical.digest(statement)
    return shapes.Agreement(
        id=payload["id"],
        agreement=digest,
        statement=statement.decode(),
        state="in-force",
        signatures=tuple(
            shapes.Signature(
                agency=one.agency,
                statement=signature(one, digest).decode(),
                signed_at=network.now,
            )
            for one in signers
            if one is not drafter
        ),
        notices=(),
        ends_at=None,
    )


def signature(signer: IdentityKey, digest: str) -> bytes:
    return sign(
        Kind.AGREEMENT_SIGNATURE,
        {
            "id": str(uuid.uuid4()),
            "iat": AGREEMENT["iat"],
            "agency": signer.agency,
            "agreement": digest,
        },
        signer,
    )


def notice(network: Network, signer: IdentityKey, digest: str) -> shapes.TerminationNotice:
    ends = "2026-12-31T23:00:00Z"
    payload: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "iat": seconds(network.now),
        "agency": signer.agency,
        "agreement": digest,
        "ends": ends,
    }
    return shapes.TerminationNotice.model_validate_json(
        canonical.encode(
            {
                "agency": signer.agency,
                "statement": sign(Kind.AGREEMENT_NOTICE, payload, signer).decode(),
                "ends": ends,
            }
        )
    )


async def in_force(network: Network, agreement: shapes.Agreement) -> bool | None:
    network.double.agreements = [agreement]
    async with network.gateway(SENDER) as gateway:
        known = await gateway.records.agreement(agreement.agreement, now=network.now)
        return None if known is None else known.is_in_force(network.now)


async def test_a_party_nobody_pinned_counts_with_the_key_the_agreement_names(
    network: Network,
) -> None:
    third = new_identity(THIRD)
    network.double.admit(third.card)

    assert await in_force(network, of_three(network, third, third)) is True


async def test_a_missing_signature_is_not_in_force(network: Network) -> None:
    third = new_identity(THIRD)
    network.double.admit(third.card)
    agreement = of_three(network, third, network.offices[SENDER].identity)
    some = agreement.model_copy(update={"signatures": agreement.signatures[:1]})

    assert await in_force(network, some) is False


async def test_an_agreement_without_our_own_signature_is_none(network: Network) -> None:
    third = new_identity(THIRD)
    network.double.admit(third.card)
    agreement = of_three(network, third, third)
    others = tuple(one for one in agreement.signatures if one.agency != SENDER)

    assert await in_force(network, agreement.model_copy(update={"signatures": others})) is None


async def test_a_card_that_does_not_hash_to_the_named_key_is_not_believed(
    network: Network,
) -> None:
    third = new_identity(THIRD)
    network.double.admit(new_identity(THIRD).card)

    with pytest.raises(Held):
        await in_force(network, of_three(network, third, third))


async def test_a_party_the_directory_does_not_know_is_not_believed(network: Network) -> None:
    third = new_identity(THIRD)

    with pytest.raises(Held):
        await in_force(network, of_three(network, third, third))


async def test_a_signature_of_another_agreement_is_none(network: Network) -> None:
    agreement = network.double.agreements[0]
    other = signature(network.offices[RECIPIENT].identity, "D" * 42 + "A")
    forged = agreement.signatures[0].model_copy(update={"statement": other.decode()})

    with pytest.raises(Exception, match="signature"):
        await in_force(network, agreement.model_copy(update={"signatures": (forged,)}))


async def test_a_notice_counts_and_an_invented_one_does_not(network: Network) -> None:
    agreement = network.double.agreements[0]
    own = notice(network, network.offices[RECIPIENT].identity, agreement.agreement)
    given = agreement.model_copy(update={"notices": (own,)})
    assert await in_force(network, given) is True
    network.sleep(days=365)
    assert await in_force(network, given) is False

    stranger = notice(network, new_identity(RECIPIENT), agreement.agreement)
    with pytest.raises(Held):
        await in_force(network, agreement.model_copy(update={"notices": (stranger,)}))

    other = notice(network, network.offices[RECIPIENT].identity, "D" * 42 + "A")
    with pytest.raises(HubMisbehaves):
        await in_force(network, agreement.model_copy(update={"notices": (other,)}))


async def test_a_notice_of_a_party_nobody_pinned_counts(network: Network) -> None:
    third = new_identity(THIRD)
    network.double.admit(third.card)
    agreement = of_three(network, third, third)
    given = notice(network, third, agreement.agreement)

    assert await in_force(network, agreement.model_copy(update={"notices": (given,)})) is True


async def test_an_agreement_the_hub_says_has_ended_is_not_in_force(network: Network) -> None:
    ended = network.double.agreements[0].model_copy(update={"state": "ended"})

    assert await in_force(network, ended) is False


async def test_the_standing_of_an_agreement_is_asked_for_again_after_ten_minutes(
    network: Network,
) -> None:
    digest = network.double.agreements[0].agreement
    async with network.gateway(SENDER) as gateway:
        for _ in range(3):
            await gateway.records.agreement(digest, now=network.now)
        assert network.double.calls.count("agreements") == 1
        network.sleep(minutes=10)
        await gateway.records.agreement(digest, now=network.now)

    assert network.double.calls.count("agreement") == 1


async def test_another_agreement_than_asked_for_is_misbehaviour(network: Network) -> None:
    honest = network.double.agreements[0]
    other = network.signed_agreement(title="Eine andere")
    network.double.agreements = [other.model_copy(update={"agreement": honest.agreement})]

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(HubMisbehaves):
            await gateway.records.agreement(honest.agreement, now=network.now)


async def test_another_consent_than_asked_for_is_misbehaviour(network: Network) -> None:
    other = network.signed_consent(id="9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09")
    network.double.consents[CONSENT_ID] = other

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(HubMisbehaves):
            await gateway.records.consent(now=network.now, consent_id=CONSENT_ID)


async def test_a_consent_verified_once_counts_after_its_signer_changed_keys(
    network: Network,
) -> None:
    async with network.gateway(SENDER) as gateway:
        await gateway.records.consent(now=network.now, consent_id=CONSENT_ID)
    pin(network.offices[SENDER], new_identity(RECIPIENT))

    async with network.gateway(SENDER) as gateway:
        known = await gateway.records.consent(now=network.now, consent_id=CONSENT_ID)
        assert known.record.id == CONSENT_ID

        fresh = network.signed_consent(id="9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09")
        network.double.consents[fresh.id] = fresh
        with pytest.raises(Held):
            await gateway.records.consent(now=network.now, consent_id=fresh.id)


async def test_a_consent_with_a_damaged_signature_is_none(network: Network) -> None:
    consent = network.double.consents[CONSENT_ID]
    damaged = consent.statement.replace('"signature":"', '"signature":"A', 1)
    damaged = (
        damaged[: damaged.index('"signature":"A') + 14]
        + damaged[damaged.index('"signature":"A') + 15 :]
    )
    network.double.consents[CONSENT_ID] = consent.model_copy(
        update={"statement": damaged, "consent": canonical.digest(damaged.encode())}
    )

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(StatementNotAcceptable):
            await gateway.records.consent(now=network.now, consent_id=CONSENT_ID)
