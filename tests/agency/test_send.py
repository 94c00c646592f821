"""Sending: what is refused before anything is sealed, and what is gone on with."""

from pathlib import Path

import pytest
from aiohttp import web

from exchange.agency import send, state
from exchange.agency.send import Watched
from exchange.agency.state import Sending
from exchange.canonical import digest
from exchange.envelope.sealing import Outgoing
from exchange.errors import (
    HubMisbehaves,
    Malformed,
    NotCovered,
    NotFound,
    NotPermitted,
    StorageFull,
    Unavailable,
)
from exchange.vocabulary import Secrecy
from exchange.wire import shapes
from tests.agency.double import answer, payload_of
from tests.agency.network import (
    CONSENT_ID,
    RECIPIENT,
    SENDER,
    Network,
    draft,
    files_below,
)


def nothing_was_sealed(network: Network) -> None:
    assert files_below(network.offices[SENDER].home.outgoing) == {}
    assert network.double.kept == {}


async def reasons(network: Network, **members: object) -> tuple[str, ...]:
    """Return why the sender's own records say no."""
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(NotCovered) as refused:
            await send.send(gateway, draft(**members))
    nothing_was_sealed(network)
    assert "disclose" not in network.double.calls
    return refused.value.reasons


async def test_what_the_consent_does_not_cover_is_told_with_every_reason(network: Network) -> None:
    assert await reasons(network, category="energy-bill") == ("category",)
    assert await reasons(network, secrecy=Secrecy.PROFESSIONAL) == ("agreement", "secrecy")
    assert await reasons(network, category="no-such-kind") == ("category",)


async def test_an_ended_consent_is_told(network: Network) -> None:
    network.double.end_consent(CONSENT_ID)

    assert await reasons(network) == ("ended",)


async def test_an_expired_consent_is_told(network: Network) -> None:
    network.sleep(days=182)
    ring = network.offices[RECIPIENT].ring
    network.double.change_agency(
        RECIPIENT, key_statement=ring.announce(now=network.now).statement.decode()
    )

    assert "ended" in await reasons(network)


async def test_a_used_up_consent_is_told(network: Network) -> None:
    once = network.signed_consent(id="9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09", uses="once")
    network.double.consents[once.id] = once.model_copy(update={"used": 1})

    assert await reasons(network, consent=once.id) == ("used-up",)


async def test_an_agreement_this_agency_never_signed_covers_nothing(network: Network) -> None:
    network.double.agreements = []

    assert await reasons(network) == ("agreement",)


async def test_an_unknown_consent_is_not_found(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(NotFound):
            await send.send(gateway, draft(consent="9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09"))


async def test_a_disclosure_never_outlives_its_consent(network: Network) -> None:
    network.sleep(days=176)
    ring = network.offices[RECIPIENT].ring
    network.double.change_agency(
        RECIPIENT, key_statement=ring.announce(now=network.now).statement.decode()
    )

    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())

    assert sent.exp.isoformat() == "2026-08-31T22:00:00+00:00"


async def test_the_person_must_have_seen_what_the_agreement_wants_seen(network: Network) -> None:
    flows = [dict(flow) for flow in payload_of(_agreement(network))["flows"]]
    flows[0]["release"] = "each"
    network.double.agreements = [network.signed_agreement(flows=flows)]
    consent = network.signed_consent()
    network.double.consents = {consent.id: consent}

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Malformed, match="seen"):
            await send.send(gateway, draft())
        nothing_was_sealed(network)
        (sent,) = await send.send(gateway, draft(seen_by_person=True))

    assert sent.state is Sending.STORED


def _agreement(network: Network) -> bytes:
    return network.double.agreements[0].statement.encode()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"media_types": ("image/png", "image/jpeg")},
            r"media-type \(it accepts image/jpeg image/png",
        ),
        ({"media_types": ("a/b", "\x1b[2J/x", "x y/z")}, r"\(it accepts a/b\)"),
        ({"media_types": ("\x1b[2J",)}, r"\(it accepts none that can be shown\)"),
        ({"max_size": 10}, "size"),
        ({"name_alphabet": "abc"}, "name"),
    ],
)
async def test_what_the_recipient_cannot_take_is_told_before_sealing(
    network: Network, given: dict[str, object], reason: str
) -> None:
    capabilities = shapes.Capabilities.model_validate({"max_size": 1 << 30, **given})
    network.double.change_agency(RECIPIENT, capabilities=capabilities)

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Malformed, match=reason):
            await send.send(gateway, draft())

    nothing_was_sealed(network)


async def test_a_draft_without_files_or_recipients_is_none(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        for missing in ({"files": ()}, {"recipients": ()}):
            with pytest.raises(Malformed):
                await send.send(gateway, draft(**missing))


async def test_a_file_without_a_byte_is_told_before_sealing(
    network: Network, tmp_path: Path
) -> None:
    empty = tmp_path / "scan.pdf"
    empty.touch()
    files = (draft().files[0], Outgoing("scan.pdf", "application/pdf", empty))
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Malformed, match=r"1 of 2 files are empty \(0 bytes\)"):
            await send.send(gateway, draft(files=files))
    nothing_was_sealed(network)


async def test_no_from_the_gate_leaves_nothing_and_is_remembered(network: Network) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise NotPermitted

    network.double.replaced["disclose"] = refuse
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(NotPermitted):
            await send.send(gateway, draft())
        (known,) = await gateway.state.read(state.list_sent)

    assert (known.state, known.reason) == (Sending.REFUSED, "not-permitted")
    assert files_below(network.offices[SENDER].home.outgoing) == {}


@pytest.mark.parametrize("trouble", [Unavailable, StorageFull])
async def test_what_could_not_be_sent_now_is_sent_later_with_the_same_bytes(
    network: Network, trouble: type[Exception]
) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise trouble

    network.double.replaced["disclose"] = refuse
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(trouble) as told:
            await send.send(gateway, draft())
        (waiting,) = await gateway.state.read(state.list_sent)
        (sealed,) = files_below(network.offices[SENDER].home.outgoing).values()
    del network.double.replaced["disclose"]
    (note,) = told.value.__notes__
    assert note.startswith(f"{waiting.id} for {RECIPIENT} is sealed")
    assert "do not send it again" in note

    async with network.gateway(SENDER) as gateway:
        await send.sweep_outgoing(gateway)
        assert await send.resume(gateway) == []
        (known,) = await gateway.state.read(state.list_sent)

    assert network.double.kept[known.id].sealed == sealed
    assert digest(network.double.kept[known.id].manifest) == known.digest
    assert known.state is Sending.STORED
    assert files_below(network.offices[SENDER].home.outgoing) == {}


async def test_what_nobody_could_send_in_time_expires(network: Network) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    network.double.replaced["disclose"] = refuse
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Unavailable):
            await send.send(gateway, draft())
        network.sleep(days=14)
        assert await send.resume(gateway) == []
        (known,) = await gateway.state.read(state.list_sent)

    assert known.state is Sending.EXPIRED
    assert files_below(network.offices[SENDER].home.outgoing) == {}


async def test_a_hub_that_confirms_another_disclosure_is_not_believed(network: Network) -> None:
    async def other(_request: web.Request) -> web.StreamResponse:
        return answer(
            shapes.DisclosureStored(
                id="9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09", manifest="D" * 42 + "A", state="stored"
            )
        )

    network.double.replaced["disclose"] = other
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(HubMisbehaves):
            await send.send(gateway, draft())
        (known,) = await gateway.state.read(state.list_sent)

    assert known.state is Sending.SEALED


async def test_several_recipients_get_a_disclosure_each_unless_joint(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await send.send(gateway, draft(), joint=True)
        await send.send(gateway, draft(recipients=(RECIPIENT, RECIPIENT)))

    assert len(network.double.kept) == 3


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(StorageFull, ["lodged", "sealed", "sealed"]), (NotPermitted, ["lodged", "sealed"])],
)
async def test_an_error_midway_tells_of_each_disclosure_not_to_be_sent_again(
    network: Network, trouble: type[Exception], said: list[str]
) -> None:
    honest = network.double.disclose

    async def second(request: web.Request) -> web.StreamResponse:
        if network.double.kept:
            raise trouble
        return await honest(request)

    network.double.replaced["disclose"] = second
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(trouble) as told:
            await send.send(gateway, draft(recipients=(RECIPIENT,) * 3))
        known = {sent.id: sent.state.value for sent in await gateway.state.read(state.list_sent)}

    notes = told.value.__notes__
    assert [known[note.split()[0]] for note in notes] == said
    assert all(f"is {word} " in note for word, note in zip(said, notes, strict=True))


async def test_a_large_document_is_decided_first_and_resumed_where_it_broke(
    network: Network,
) -> None:
    content = b"%PDF-1.7 " + bytes(6 * 1024 * 1024)
    seen: list[tuple[int, int]] = []
    honest = network.double.upload
    broken: list[int] = []

    async def breaking(request: web.Request) -> web.StreamResponse:
        if request.method == "PATCH" and len(broken) < 2:
            kept = network.double.kept[request.match_info["id"]]
            kept.sealed += await request.content.readexactly(1_000_000)
            broken.append(len(kept.sealed))
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)  # nobody hears it
        return await honest(request)

    network.double.replaced["upload"] = breaking
    async with network.gateway(SENDER, attempts=4) as gateway:
        files = (Outgoing("scan.pdf", "application/pdf", content),)
        watched = Watched(uploading=lambda done, total: seen.append((done, total)))
        (sent,) = await send.send(gateway, draft(files=files), watched=watched)

    kept = network.double.kept[sent.id]
    assert broken == [1_000_000, 2_000_000]
    assert len(kept.sealed) == sent.size
    assert seen[-1] == (sent.size, sent.size)
    assert network.double.calls.index("disclose") < network.double.calls.index("upload")


async def test_an_orphan_of_a_crash_is_swept(network: Network) -> None:
    orphan = network.offices[SENDER].home.outgoing / "9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09.age"
    orphan.write_bytes(b"sealed and never signed")

    async with network.gateway(SENDER) as gateway:
        await send.sweep_outgoing(gateway)

    assert not orphan.exists()


async def test_no_plaintext_of_what_is_sent_is_written(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await send.send(gateway, draft())

    for name, data in files_below(network.offices[SENDER].home.root).items():
        for canary in (b"CANARY-LETTER", b"CANARY-REMARK", b"CANARY-REFERENCE", b"Mahnung"):
            assert canary not in data, name
