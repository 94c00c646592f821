"""Erasing on request, publishing keys, following what was sent."""

import asyncio
from datetime import date

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from exchange.agency import arrivals, erase, follow, poll, send, spool, state
from exchange.agency.publish import publish
from exchange.agency.state import Erasing, Receiving, Sending
from exchange.cli.tell import in_words
from exchange.consent.withdrawal import by_code
from exchange.envelope.contents import Onward
from exchange.errors import (
    Held,
    Malformed,
    NotFound,
    StatementNotAcceptable,
    Unauthenticated,
    Unavailable,
)
from exchange.keyring.ceremony import new_identity
from exchange.statement import Kind, sign
from exchange.vocabulary import Secrecy
from exchange.wire.erasure import Ground
from exchange.wire.erasure import Kept as Retained
from tests.agency.double import Kept, payload_of
from tests.agency.network import (
    CONSENT_ID,
    RECIPIENT,
    SENDER,
    Network,
    draft,
    files_below,
)
from tests.evil_hub.forging import disclose_by_hand, letter, notice

ERASURE = "1d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a10"


async def delivered(network: Network) -> Kept:
    """Send and receive one document."""
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
    return network.double.kept[sent.id]


def withdraw(network: Network) -> None:
    consent = network.double.consents[CONSENT_ID]
    network.double.end_consent(CONSENT_ID, network.withdrawal(consent))
    network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)


async def test_a_withdrawal_erases_every_own_copy_before_it_is_confirmed(network: Network) -> None:
    kept = await delivered(network)
    withdraw(network)
    home = network.offices[RECIPIENT].home
    honest = network.double.confirm_erasure

    async def confirmed(request: web.Request) -> web.StreamResponse:
        assert files_below(home.spool) == {}
        return await honest(request)

    network.double.replaced["confirm_erasure"] = confirmed
    async with network.gateway(RECIPIENT) as gateway:
        assert (await erase.erase(gateway)).troubles == []
        consent = network.double.consents[CONSENT_ID].consent
        assert await gateway.records.subject(consent) is None
        (light,) = await gateway.state.read(arrivals.list_received)
        received = await gateway.state.read(arrivals.whole, light)

    asked = network.double.erasures[ERASURE]
    answer = payload_of((asked.confirmation or "").encode())
    assert (answer["result"], answer["erasure"]) == ("erased", ERASURE)
    assert answer["manifests"] == [network.double.shown(kept).manifest]
    assert (received.state, received.contents) == (Receiving.ERASED, None)
    for name, data in files_below(home.root).items():
        for canary in (b"CANARY-LETTER", b"CANARY-NAME", b"CANARY-REMARK", b"CANARY-REFERENCE"):
            assert canary not in data, name


async def test_what_the_back_office_took_it_must_confirm_itself(network: Network) -> None:
    await delivered(network)
    home = network.offices[RECIPIENT].home
    (folder,) = home.spool.iterdir()
    folder.rename(home.root.parent / "taken")
    withdraw(network)

    async with network.gateway(RECIPIENT) as gateway:
        assert (await erase.erase(gateway)).troubles == []
        assert network.double.erasures[ERASURE].state == "open"
        assert len(await gateway.state.read(state.list_erasures, Erasing.ASKED)) == 1
        assert (await erase.erase(gateway)).troubles == []  # asking again changes nothing
        assert network.double.erasures[ERASURE].state == "open"

        await erase.confirm(gateway, ERASURE)

        assert network.double.erasures[ERASURE].state == "erased"
        with pytest.raises(NotFound):
            await erase.confirm(gateway, ERASURE)


def withdraw_by_code(network: Network) -> None:
    """Say, as a hub does, that the person has withdrawn with her code: nobody has signed it."""
    consent = network.double.consents[CONSENT_ID].consent
    network.double.end_consent(CONSENT_ID, by_code(consent, at=network.now))
    network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)


async def test_on_the_word_of_the_hub_alone_nothing_is_erased_before_people_looked(
    network: Network,
) -> None:
    await delivered(network)
    home = network.offices[RECIPIENT].home
    before = files_below(home.spool)
    withdraw_by_code(network)

    async with network.gateway(RECIPIENT) as gateway:
        for _ in range(2):
            assert (await erase.erase(gateway)).troubles == []
            assert files_below(home.spool) == before != {}
            assert network.double.erasures[ERASURE].state == "open"
        assert len(await gateway.state.read(state.list_erasures, Erasing.ASKED)) == 1

        await erase.confirm(gateway, ERASURE)

        assert network.double.erasures[ERASURE].state == "erased"
        assert files_below(home.spool) == {}
        for name, data in files_below(home.root).items():
            assert b"CANARY-LETTER" not in data, name


async def test_what_people_keep_after_a_withdrawal_by_code_stays(network: Network) -> None:
    await delivered(network)
    home = network.offices[RECIPIENT].home
    withdraw_by_code(network)

    async with network.gateway(RECIPIENT) as gateway:
        await erase.erase(gateway)
        kept = Retained(Ground.LEGAL_CLAIMS, date(2030, 12, 31))
        await erase.confirm(gateway, ERASURE, kept=kept)

    assert network.double.erasures[ERASURE].state == "kept"
    assert files_below(home.spool) != {}


async def test_a_code_of_another_consent_is_no_withdrawal(network: Network) -> None:
    await delivered(network)
    network.double.end_consent(CONSENT_ID, by_code("W" * 42 + "A", at=network.now))
    network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)

    async with network.gateway(RECIPIENT) as gateway:
        (trouble,) = (await erase.erase(gateway)).troubles

    assert isinstance(trouble, StatementNotAcceptable)
    assert network.double.erasures[ERASURE].state == "open"


async def taken(network: Network, **changed: object) -> None:
    """Receive a document, take it out of the spool, and ask for its erasure."""
    await delivered(network)
    home = network.offices[RECIPIENT].home
    (folder,) = home.spool.iterdir()
    folder.rename(home.root.parent / "taken")
    withdraw(network)
    asked = network.double.erasures[ERASURE]
    network.double.erasures[ERASURE] = asked.model_copy(update=changed)


async def test_what_a_lawful_ground_forbids_to_erase_is_kept_and_fenced_off(
    network: Network,
) -> None:
    await taken(network)
    kept = Retained(Ground.STATUTORY_FILE_RULE, date(2030, 12, 31))

    async with network.gateway(RECIPIENT) as gateway:
        await erase.erase(gateway)
        with pytest.raises(Malformed, match="passed"):
            await erase.confirm(
                gateway, ERASURE, kept=Retained(Ground.LEGAL_CLAIMS, date(2026, 3, 2))
            )
        await erase.confirm(gateway, ERASURE, kept=kept, passed_on=frozenset({SENDER}))

    answer = payload_of((network.double.erasures[ERASURE].confirmation or "").encode())
    told = {name: answer.get(name) for name in ("result", "ground", "restricted", "until")}
    assert told == {
        "result": "kept",
        "ground": "statutory-file-rule",
        "restricted": True,
        "until": "2030-12-31",
    }
    assert answer["passed_on"] == [SENDER]


async def test_what_was_disclosed_unlawfully_is_kept_for_legal_claims_alone(
    network: Network,
) -> None:
    await taken(network, reason="unlawful")
    until = date(2030, 12, 31)

    async with network.gateway(RECIPIENT) as gateway:
        await erase.erase(gateway)
        with pytest.raises(Malformed, match="unlawfully"):
            await erase.confirm(gateway, ERASURE, kept=Retained(Ground.PERSON_ASKED, until))
        await erase.confirm(gateway, ERASURE, kept=Retained(Ground.LEGAL_CLAIMS, until))

    assert network.double.erasures[ERASURE].state == "kept"


async def test_what_it_got_onward_an_office_looks_for_itself(network: Network) -> None:
    await delivered(network)
    withdraw(network)
    asked = network.double.erasures[ERASURE]
    network.double.erasures[ERASURE] = asked.model_copy(update={"passed_on_by": SENDER})
    before = files_below(network.offices[RECIPIENT].home.spool)

    async with network.gateway(RECIPIENT) as gateway:
        assert (await erase.erase(gateway)).troubles == []
        assert network.double.erasures[ERASURE].state == "open"
        assert files_below(network.offices[RECIPIENT].home.spool) == before
        await erase.confirm(gateway, ERASURE)

    assert network.double.erasures[ERASURE].state == "erased"


async def test_a_lost_answer_is_sent_again_with_the_same_bytes(network: Network) -> None:
    await delivered(network)
    withdraw(network)

    async def away(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    network.double.replaced["confirm_erasure"] = away
    async with network.gateway(RECIPIENT) as gateway:
        with pytest.raises(Unavailable):
            await erase.erase(gateway)
        (waiting,) = await gateway.state.read(state.list_erasures, Erasing.CONFIRMED)
    del network.double.replaced["confirm_erasure"]

    async with network.gateway(RECIPIENT) as gateway:
        assert (await erase.erase(gateway)).troubles == []

    assert waiting.statement is not None
    assert network.double.erasures[ERASURE].confirmation == waiting.statement.decode()


async def test_a_withdrawal_of_another_consent_erases_nothing(network: Network) -> None:
    await delivered(network)
    other = network.signed_consent(id="9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09")
    network.double.end_consent(CONSENT_ID, network.withdrawal(other))
    network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)
    before = files_below(network.offices[RECIPIENT].home.spool)

    async with network.gateway(RECIPIENT) as gateway:
        troubles = (await erase.erase(gateway)).troubles

    assert [type(trouble) for trouble in troubles] == [StatementNotAcceptable]
    assert files_below(network.offices[RECIPIENT].home.spool) == before


async def test_requests_to_others_and_answered_ones_are_left_alone(network: Network) -> None:
    await delivered(network)
    withdraw(network)
    asked = network.double.erasures[ERASURE]
    network.double.erasures[ERASURE] = asked.model_copy(update={"to": SENDER})

    async with network.gateway(RECIPIENT) as gateway:
        assert (await erase.erase(gateway)).troubles == []

    assert network.double.erasures[ERASURE].confirmation is None


async def test_following_learns_that_a_document_ended(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())
        network.double.kept[sent.id].state = "expired"
        assert await follow.follow(gateway) == []
        found = await gateway.state.read(state.find_sent, sent.id)

    assert found is not None
    assert found.state is Sending.EXPIRED


async def test_following_keeps_the_signed_receipt(network: Network) -> None:
    kept = await delivered(network)

    async with network.gateway(SENDER) as gateway:
        await follow.follow(gateway)
        (sent,) = await gateway.state.read(state.list_sent)
        assert await gateway.state.read(state.answered, sent.id) == {RECIPIENT}

    assert sent.collected_at == kept.collected[RECIPIENT]


async def test_a_disclosure_the_hub_does_not_know_any_more_is_told(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await send.send(gateway, draft())
        network.double.kept = {}
        troubles = await follow.follow(gateway)
        (sent,) = await gateway.state.read(state.list_sent)

    assert [trouble.code for trouble in troubles] == ["not-found"]
    assert f"no longer knows disclosure {sent.id}" in in_words(troubles[0])
    assert "send the document again" in in_words(troubles[0])


async def test_the_first_key_statement_is_published_and_repeated_every_week(
    network: Network,
) -> None:
    async with network.gateway(SENDER) as gateway:
        await publish(gateway)
        assert "put_key_statement" not in network.double.calls
        network.sleep(days=7)
        await publish(gateway)
        await publish(gateway)

    assert network.double.calls.count("put_key_statement") == 1
    published = network.double.agencies[SENDER].key_statement
    assert payload_of((published or "").encode())["seq"] == 2


async def test_an_agency_nobody_admitted_is_told(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        network.double.agencies.pop(SENDER)
        with pytest.raises(Unauthenticated):
            await publish(gateway)


async def test_a_key_statement_of_ours_that_we_did_not_make_stops(network: Network) -> None:
    office = network.offices[SENDER]
    for file in office.home.statements.iterdir():
        file.unlink()

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Held):
            await publish(gateway)


async def test_a_withdrawal_signed_by_a_stranger_erases_nothing(network: Network) -> None:
    await delivered(network)
    consent = network.double.consents[CONSENT_ID]
    honest = payload_of(network.withdrawal(consent))
    forged = sign(Kind.WITHDRAWAL, honest, new_identity(SENDER))
    network.double.end_consent(CONSENT_ID, forged)
    network.double.ask_erasure(ERASURE, CONSENT_ID, RECIPIENT)
    before = files_below(network.offices[RECIPIENT].home.spool)

    async with network.gateway(RECIPIENT) as gateway:
        troubles = (await erase.erase(gateway)).troubles

    assert [type(trouble) for trouble in troubles] == [Held]
    assert files_below(network.offices[RECIPIENT].home.spool) == before


BESIDE = "-NICHT-VERWENDEN.txt"


def unlawful(network: Network, **changed: object) -> None:
    withdraw(network)
    asked = network.double.erasures[ERASURE]
    change = {"reason": "unlawful", **changed}
    network.double.erasures[ERASURE] = asked.model_copy(update=change)


async def test_what_was_disclosed_unlawfully_is_marked_where_it_stood(network: Network) -> None:
    await taken(network)
    unlawful(network)
    spool_ = network.offices[RECIPIENT].home.spool

    with capture_logs() as lines:
        async with network.gateway(RECIPIENT) as gateway:
            assert (await erase.erase(gateway)).troubles == []

    ((name, text),) = files_below(spool_).items()
    assert name.endswith(BESIDE)
    assert "darf sie verwenden" in text.decode()
    assert name.removesuffix(BESIDE) in text.decode()
    asked = [line for line in lines if line["event"] == "erasure.asked"]
    assert [(line["count"], line["code"]) for line in asked] == [(1, "unlawful")]

    async with network.gateway(RECIPIENT) as gateway:
        await erase.confirm(gateway, ERASURE)

    assert files_below(spool_) == {}


async def test_it_is_marked_before_its_withdrawal_is_verified(network: Network) -> None:
    await delivered(network)
    unlawful(network)
    network.double.end_consent(CONSENT_ID)  # the hub shows no withdrawal

    async with network.gateway(RECIPIENT) as gateway:
        (trouble,) = (await erase.erase(gateway)).troubles

    assert isinstance(trouble, StatementNotAcceptable)
    spool_ = files_below(network.offices[RECIPIENT].home.spool)
    assert [name.rpartition("/")[2] for name in spool_ if "VERWENDEN" in name] == [spool.MARK]
    assert b"CANARY-LETTER" in b"".join(spool_.values())


async def test_what_passes_it_on_is_marked_too_and_nothing_else(network: Network) -> None:
    origin = "9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09"
    consent = network.signed_consent(onward_from=["health-c"])
    network.double.consents = {consent.id: consent}
    for onward in ((), (Onward(origin, "health-c", Secrecy.SOCIAL),)):
        disclose_by_hand(network, files=(notice(), letter()), onward_of=onward)
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
    unlawful(network, consent="D" * 42 + "A", disclosures=(origin,), passed_on_by=SENDER)

    async with network.gateway(RECIPIENT) as gateway:
        assert (await erase.erase(gateway)).troubles == []

    folders = list(network.offices[RECIPIENT].home.spool.iterdir())
    marked = [folder for folder in folders if (folder / spool.MARK).exists()]
    assert (len(folders), len(marked)) == (2, 1)


async def test_a_lawful_withdrawal_marks_nothing(network: Network) -> None:
    await taken(network)

    async with network.gateway(RECIPIENT) as gateway:
        await erase.erase(gateway)

    assert files_below(network.offices[RECIPIENT].home.spool) == {}


async def test_of_two_answers_at_the_same_moment_one_is_signed_and_sent(network: Network) -> None:
    await delivered(network)
    home = network.offices[RECIPIENT].home
    (folder,) = home.spool.iterdir()
    folder.rename(home.root.parent / "taken")
    withdraw(network)

    async with network.gateway(RECIPIENT) as gateway:
        await erase.erase(gateway)
        ends = await asyncio.gather(
            *(erase.confirm(gateway, ERASURE) for _ in range(2)), return_exceptions=True
        )
        stored = await gateway.state.read(state.find_erasure, ERASURE)

    assert [type(end) for end in ends if end is not None] == [NotFound]
    assert stored is not None
    assert (stored.statement or b"").decode() == network.double.erasures[ERASURE].confirmation
