"""exchange.cli.consent_person: receipts and electronic consents, with a person at her page."""

import asyncio
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from exchange.agency.app import open_gateway
from exchange.agency.client import HubClient
from exchange.agency.hand_in import kept
from exchange.agency.invite import complete
from exchange.canonical import b64u, encode
from exchange.cli import consent_draft
from exchange.consent import own_key
from exchange.consent.credential import Purpose, read
from exchange.errors import HubMisbehaves, StatementNotAcceptable
from exchange.statement import Kind
from exchange.wire import person as shapes
from tests.cli.network import FAMILY_NAME, A, B, Network, draft, recorded
from tests.person import WRONG, OwnKey

pytestmark = pytest.mark.xdist_group("cli-network")
UNKNOWN = "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"


@dataclass(frozen=True)
class Page:
    """The person's page at the running hub, worked with as a browser does."""

    network: Network

    def post(self, **fields: str) -> str:
        # In the order of the page: of a signature the hub looks at the first field.
        form = urllib.parse.urlencode({**fields, "lang": "de"}).encode()
        asked = urllib.request.Request(  # noqa: S310 - the hub of this test
            f"{self.network.origin}/p/",
            data=form,
            headers={"Origin": self.network.origin, "Sec-Fetch-Site": "same-origin"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
            text: str = answer.read().decode()
        return text

    def opens(self, code: str) -> bool:
        return 'value="ask"' in self.post(code=code)

    def sign(self, invitation: str, key: OwnKey) -> None:
        shown = self.post(code=invitation)
        fixed = dict(re.findall(r'name="(at|seen)" value="([^"]+)"', shown))
        assert len(fixed) == 2, shown
        asked = {"do": "prepare-signature", **fixed, "key": b64u(key.public)}
        to_sign = self.post(code=invitation, **asked)
        assert to_sign
        self.post(do="sign", code=invitation, to_sign=to_sign, signature=key.sign(to_sign))


@pytest.fixture
def page(network: Network) -> Page:
    return Page(network)


def electronic(network: Network, agreement: str, name: str) -> None:
    draft(network, agreement, name, "--form", "electronic")


# Receipts


def test_a_receipt_with_the_record_opens_the_page(
    network: Network, agreed: str, page: Page
) -> None:
    draft(network, agreed, "with-receipt.toml")

    done = network.must("consent", "sign", "with-receipt.toml", "--receipt", home=B)

    assert page.opens(done.fact("code"))
    assert not page.opens(done.fact("log key"))
    kept = "".join(path.name for path in (network.root / B / "statements").iterdir())
    assert f"consent-{done.fact('recorded')}.key" not in kept


def test_a_new_receipt_replaces_the_code_and_shows_the_same_log_key(
    network: Network, agreed: str, page: Page
) -> None:
    draft(network, agreed, "again.toml")
    first = network.must("consent", "sign", "again.toml", "--receipt", home=B)

    second = network.must("consent", "receipt", first.fact("recorded"), home=B)

    assert second.fact("log key") == first.fact("log key")
    assert second.fact("Code:") != first.fact("code")
    assert page.opens(second.fact("Code:"))
    assert not page.opens(first.fact("code"))
    assert FAMILY_NAME not in second.shown


def test_a_receipt_that_cannot_be_printed_replaces_no_code(
    network: Network, agreed: str, page: Page
) -> None:
    draft(network, agreed, "unprinted.toml")
    first = network.must("consent", "sign", "unprinted.toml", "--receipt", home=B)
    network.write("there.html", "mine")

    for wrong in (
        ("there.html",),
        ("nowhere/receipt.html",),
        ("receipt.html", "--lang", "fr"),
        ("receipt.docx",),
    ):
        network.refused("consent", "receipt", first.fact("recorded"), "--out", *wrong, home=B)

    assert page.opens(first.fact("code"))


def test_a_receipt_without_a_code_changes_nothing(
    network: Network, agreed: str, page: Page
) -> None:
    draft(network, agreed, "no-code.toml")
    first = network.must("consent", "sign", "no-code.toml", "--receipt", home=B)

    shown = network.must(
        "consent", "receipt", first.fact("recorded"), "--no-code", "--lang", "en", home=B
    ).shown

    assert re.search(r"\bC\w{3}-\w{4}-", shown) is None
    assert "log key" not in shown
    assert page.opens(first.fact("code"))


def test_a_language_without_a_text_costs_nobody_her_code(
    network: Network, agreed: str, page: Page
) -> None:
    draft(network, agreed, "language.toml")
    first = network.must("consent", "sign", "language.toml", "--receipt", home=B)

    network.refused("consent", "receipt", first.fact("recorded"), "--lang", "fr", home=B)

    assert page.opens(first.fact("code"))


def test_a_revoked_code_opens_nothing(network: Network, agreed: str, page: Page) -> None:
    draft(network, agreed, "revoked.toml")
    first = network.must("consent", "sign", "revoked.toml", "--receipt", home=B)

    network.must("consent", "revoke-code", first.fact("recorded"), home=B)

    assert not page.opens(first.fact("code"))
    assert network.must("consent", "show", first.fact("recorded"), home=B).fact("state") == "valid"


def test_only_who_collected_it_makes_a_code(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "theirs.toml")

    for command in ("receipt", "revoke-code"):
        network.refused("consent", command, consent, home=A)
        network.refused("consent", command, UNKNOWN, home=B)


# Electronic consents


def test_from_an_invitation_to_a_consent_in_force(
    network: Network, agreed: str, page: Page
) -> None:
    electronic(network, agreed, "electronic.toml")
    written = (network.root / "electronic.toml").read_text(encoding="utf-8")
    assert "exchange consent invite electronic.toml" in written
    assert "[evidence]" not in written

    invited = network.must("consent", "invite", "electronic.toml", home=B)
    waits = network.must("consent", "complete", "electronic.toml", home=B)
    assert waits.fact("waits") == "the person has not signed yet"
    page.sign(invited.fact("invitation"), OwnKey())
    done = network.must("consent", "complete", "electronic.toml", "--receipt", home=B)

    consent = done.fact("recorded")
    shown = network.must("consent", "show", consent, home=B)
    assert shown.fact("state") == "valid"
    assert shown.fact("form").startswith("electronic")
    assert page.opens(done.fact("code"))
    assert FAMILY_NAME not in shown.shown + invited.shown + done.shown
    again = network.must("consent", "complete", "electronic.toml", "--receipt", home=B)
    assert again.fact("digest") == done.fact("digest")
    assert again.fact("receipt").startswith("was printed when it was recorded")
    assert "code  " not in again.shown


def test_a_new_invitation_replaces_the_one_before(
    network: Network, agreed: str, page: Page
) -> None:
    electronic(network, agreed, "twice.toml")
    first = network.must("consent", "invite", "twice.toml", home=B).fact("invitation")
    second = network.must("consent", "invite", "twice.toml", home=B).fact("invitation")

    assert 'value="sign"' not in page.post(code=first)
    page.sign(second, OwnKey())
    network.must("consent", "complete", "twice.toml", home=B)


def test_a_forgotten_draft_is_gone_for_both(network: Network, agreed: str, page: Page) -> None:
    electronic(network, agreed, "forgotten-draft.toml")
    invitation = network.must("consent", "invite", "forgotten-draft.toml", home=B)

    network.must("consent", "forget", "forgotten-draft.toml", home=B)

    assert read(invitation.fact("invitation"), Purpose.INVITATION) is not None
    gone = page.post(code=invitation.fact("invitation"))
    assert 'value="sign"' not in gone
    assert gone == page.post(code=WRONG)
    assert "no draft" in network.refused("consent", "complete", "forgotten-draft.toml", home=B)
    network.must("consent", "forget", "forgotten-draft.toml", home=B)


def test_a_paper_form_is_not_sent_to_the_page(network: Network, agreed: str) -> None:
    draft(network, agreed, "paper.toml")

    assert "electronic" in network.refused("consent", "invite", "paper.toml", home=B)


def test_an_electronic_form_is_not_signed_by_the_agency_alone(
    network: Network, agreed: str
) -> None:
    electronic(network, agreed, "alone.toml")

    assert "person" in network.refused("consent", "sign", "alone.toml", home=B)


def test_a_draft_that_breaks_a_rule_is_not_sent(network: Network, agreed: str) -> None:
    electronic(network, agreed, "broken-draft.toml")
    text = (network.root / "broken-draft.toml").read_text(encoding="utf-8")
    network.write("broken-draft.toml", text.replace("2027-01-31", "2031-01-31"))

    assert "L15" in network.refused("consent", "invite", "broken-draft.toml", home=B)
    assert "no draft" in network.refused("consent", "complete", "broken-draft.toml", home=B)


# A hub that lies


class Lying:
    """The client of a hub that delivers another draft than the one it has."""

    def __init__(self, client: HubClient, **lie: Any) -> None:
        self._client, self._lie = client, lie

    def __getattr__(self, name: str) -> Any:
        if name != "draft":
            return getattr(self._client, name)

        async def lying(draft_id: str) -> shapes.Draft:
            return (await self._client.draft(draft_id)).model_copy(update=self._lie)

        return lying


def test_nothing_is_recorded_that_the_person_has_not_signed(
    network: Network, agreed: str, page: Page
) -> None:
    key = OwnKey()
    for name in ("mine.toml", "other.toml"):
        electronic(network, agreed, name)
        page.sign(network.must("consent", "invite", name, home=B).fact("invitation"), key)
    draft_id = consent_draft.id_of(network.root / "mine.toml")

    async def story() -> None:
        async with open_gateway(network.root / B) as gateway:
            other = await gateway.client.draft(consent_draft.id_of(network.root / "other.toml"))
            mine = await gateway.client.draft(draft_id)
            assert mine.signed is not None
            payload = own_key.payload_of(mine.signed)
            weak = {**payload, "person_key": b64u(b"\x01" + bytes(31))}
            later = own_key.to_sign(
                Kind.CONSENT_ELECTRONIC, {**payload, "uses": "once"}, key.public
            )
            lies: list[dict[str, Any]] = [
                {"signed": other.signed, "signature": other.signature},
                {"signature": OwnKey().sign(mine.signed)},
                {"signature": None},
                {"signed": None},
                {"signed": "e30.e30"},
                {"signed": f"e30.{b64u(encode(weak))}", "signature": "A" * 86},
                {"signed": later, "signature": key.sign(later)},
            ]
            for lie in lies:
                lying = cast("HubClient", Lying(gateway.client, **lie))
                with pytest.raises(HubMisbehaves):
                    await complete(replace(gateway, client=lying), draft_id)
                assert kept(gateway.home, draft_id) is None
            assert await complete(gateway, draft_id) is not None

    asyncio.run(story())


def test_what_she_took_back_since_it_was_fetched_waits_again(
    network: Network, agreed: str, page: Page
) -> None:
    electronic(network, agreed, "regret.toml")
    invitation = network.must("consent", "invite", "regret.toml", home=B).fact("invitation")
    page.sign(invitation, OwnKey())
    draft_id = consent_draft.id_of(network.root / "regret.toml")

    async def story() -> None:
        async with open_gateway(network.root / B) as gateway:
            fetched = await gateway.client.draft(draft_id)
            page.post(do="take-back", code=invitation)
            stale = cast("HubClient", Lying(gateway.client, **fetched.model_dump()))
            with pytest.raises(StatementNotAcceptable):  # this client says "signed" for ever
                await complete(replace(gateway, client=stale), draft_id)
            assert await complete(gateway, draft_id) is None

    asyncio.run(story())
    page.sign(invitation, OwnKey())
    network.must("consent", "complete", "regret.toml", home=B)
