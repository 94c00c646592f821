"""exchange.agency.agree: what a party never signs, whatever its partner has proposed."""

from typing import Any

import pytest

from exchange.agency import agree
from exchange.errors import LintRefused
from tests.agency.network import RECIPIENT, SENDER, Network
from tests.samples import AGREEMENT, with_text

CONDITIONAL: dict[str, Any] = {
    "notices": with_text("== refusal\n", "== refusal when=once\n", version="2.0")
}
"""Texts that tell only some that refusing has no consequences."""


async def test_a_partners_agreement_with_a_text_that_breaks_a_rule_is_not_signed(
    network: Network,
) -> None:
    network.double.agreements = [network.signed_agreement(**CONDITIONAL)]

    async with network.gateway(RECIPIENT) as gateway:
        proposal = await agree.examine(gateway, AGREEMENT["id"])
        with pytest.raises(LintRefused, match="N01"):
            await agree.sign_agreement(gateway, proposal.agreement)

    assert not list(network.offices[RECIPIENT].home.root.rglob("agreement-signature-*"))


async def test_an_agreement_with_a_text_that_breaks_a_rule_is_not_proposed(
    network: Network,
) -> None:
    drafted = {
        name: value for name, value in AGREEMENT.items() if name not in ("iat", "drafted_by")
    }
    kids = {agency: office.identity.kid for agency, office in network.offices.items()}
    parties = [{**party, "kid": kids[party["agency"]]} for party in AGREEMENT["parties"]]

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(LintRefused, match="N01"):
            await agree.propose(gateway, {**drafted, **CONDITIONAL, "parties": parties})

    assert not list(network.offices[SENDER].home.root.rglob("agreement-*"))
