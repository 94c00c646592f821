"""The notice on purpose and secrecy: first in the package, first in the spool, in the answer."""

import pytest

from exchange.agency import aside_words, poll, send
from exchange.agency.receive import Outcome
from exchange.canonical import sha256_hex
from exchange.consent import binding
from exchange.envelope.sealing import Outgoing
from exchange.errors import Malformed
from exchange.wire import shapes
from tests import samples
from tests.agency.double import Kept, payload_of
from tests.agency.network import LETTER, RECIPIENT, SENDER, Network, draft, files_below
from tests.evil_hub.forging import disclose_by_hand, letter, notice


async def crossed(network: Network) -> Kept:
    """Send and receive honestly."""
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())
    await received(network)
    return network.double.kept[sent.id]


async def received(network: Network) -> poll.Round:
    async with network.receiving() as (gateway, reception):
        return await poll.fetch(gateway, reception)


def answer(kept: Kept) -> dict[str, object]:
    return payload_of(kept.answers[RECIPIENT][1])


def in_spool(network: Network) -> dict[str, bytes]:
    (folder,) = network.offices[RECIPIENT].home.spool.iterdir()
    return files_below(folder)


def arrange(network: Network, **members: object) -> None:
    """Let another agreement be in force, and a consent under it."""
    network.double.agreements = [network.signed_agreement(**members)]
    consent = network.signed_consent()
    network.double.consents = {consent.id: consent}


async def test_it_lies_before_the_documents_and_its_digest_in_the_answer(network: Network) -> None:
    kept = await crossed(network)

    spool = in_spool(network)
    text = spool[binding.NAME]
    assert text == notice().source
    assert min(name for name in spool if name != "document.json") == binding.NAME
    assert answer(kept)["purpose_binding"] == sha256_hex(text)
    page = spool["index.html"].decode()
    assert page.index("Hinweis zur Zweckbindung") < page.index("Mahnung")
    assert binding.NAME not in page


async def test_the_office_that_sends_chooses_its_language(network: Network) -> None:
    settings = network.offices[SENDER].home.settings_file
    settings.write_text(f'language = "en"\n{settings.read_text()}')

    kept = await crossed(network)

    assert in_spool(network)[binding.NAME].startswith(b"Notice on purpose and secrecy")
    assert answer(kept)["result"] == "accepted"


async def test_a_body_bound_by_law_gets_none_and_confirms_none(network: Network) -> None:
    parties = [party | {"body": "sgb35"} for party in samples.AGREEMENT["parties"]]
    arrange(network, parties=parties, undertakings=[])

    kept = await crossed(network)

    assert binding.NAME not in in_spool(network)
    assert answer(kept)["result"] == "accepted"
    assert "purpose_binding" not in answer(kept)


async def test_without_a_text_in_the_agreement_nothing_is_sent(network: Network) -> None:
    texts = [text for text in samples.AGREEMENT["notices"] if text["id"] != "purpose-binding"]
    arrange(network, notices=texts)

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Malformed, match="no text purpose-binding"):
            await send.send(gateway, draft())

    assert network.double.kept == {}


async def test_a_back_office_that_takes_no_text_gets_it_all_the_same(network: Network) -> None:
    capabilities = shapes.Capabilities(
        profiles=("files/1",),
        max_size=len(LETTER),
        media_types=("application/pdf",),
        name_alphabet="Mahnung März.pdf",
    )
    network.double.change_agency(RECIPIENT, capabilities=capabilities)

    assert answer(await crossed(network))["result"] == "accepted"


OTHER = Outgoing(binding.NAME, binding.MEDIA_TYPE, b"Please be careful.\n")


@pytest.mark.parametrize(
    "files",
    [(letter(),), (OTHER, letter()), (letter(), notice()), (notice(),)],
    ids=["missing", "other words", "not first", "alone"],
)
async def test_a_package_without_it_is_set_aside(
    network: Network, files: tuple[Outgoing, ...]
) -> None:
    kept = disclose_by_hand(network, files=files)

    done = await received(network)

    home = network.offices[RECIPIENT].home
    assert done.outcomes == {Outcome.QUARANTINED: 1}
    assert answer(kept)["reason"] == "not-accepted"
    assert "purpose_binding" not in answer(kept)
    assert files_below(home.spool) == {}
    beside = [one for one in files_below(home.quarantine).values() if one != LETTER]
    assert [aside_words.read(one)[0] for one in beside].count("purpose-binding") == 1


async def test_the_notice_itself_is_no_document_of_the_sender(network: Network) -> None:
    await crossed(network)

    async with network.gateway(RECIPIENT) as gateway:
        text = in_spool(network)[binding.NAME]
        assert await gateway.origins.of([Outgoing("a.txt", "text/plain", text)]) == []
        assert len(await gateway.origins.of([letter()])) == 1
