"""The SDK: repetition, tokens, pages, and how broken connections end."""

import asyncio

import pytest
from aiohttp import web

from exchange.agency import client, content, poll, send
from exchange.agency.app import open_gateway
from exchange.errors import (
    ClockWrong,
    Conflict,
    HubMisbehaves,
    LintRefused,
    Misconfigured,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from exchange.rules import broken
from exchange.wire import shapes
from tests.agency.double import Double, answer
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, Network, draft


async def refuse_once(double: Double, operation: str, trouble: Exception) -> list[bool]:
    """Let an operation fail once, and be honest from then on."""
    honest = getattr(double, operation)
    asked: list[bool] = []

    async def refusing(request: web.Request) -> web.StreamResponse:
        asked.append(True)
        if len(asked) == 1:
            raise trouble
        response: web.StreamResponse = await honest(request)
        return response

    double.replaced[operation] = refusing
    return asked


@pytest.mark.parametrize("trouble", [Unavailable(), TooMany()])
async def test_what_may_pass_is_tried_again(network: Network, trouble: Exception) -> None:
    asked = await refuse_once(network.double, "consent", trouble)

    async with network.gateway(SENDER, attempts=2) as gateway:
        found = await gateway.client.consent(CONSENT_ID)

    assert found.id == CONSENT_ID
    assert len(asked) == 2


@pytest.mark.parametrize(
    "trouble",
    [NotFound(), Conflict(), LintRefused(findings=(broken("L01", "releasers"),)), ClockWrong()],
)
async def test_the_hubs_error_arrives_as_its_own_class(
    network: Network, trouble: Exception
) -> None:
    await refuse_once(network.double, "consent", trouble)
    expected = Unavailable if isinstance(trouble, ClockWrong) else type(trouble)

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(expected):
            await gateway.client.consent(CONSENT_ID)


async def test_an_answer_in_other_bytes_is_read_anew(network: Network) -> None:
    """Answers in the same bytes are one value; what has changed at the hub is seen at once."""
    async with network.gateway(SENDER) as gateway:
        before = await gateway.client.consent(CONSENT_ID)
        assert await gateway.client.consent(CONSENT_ID) is before

        changed = before.model_copy(update={"state": "ended"})

        async def ended(_request: web.Request) -> web.StreamResponse:
            return answer(changed)

        network.double.replaced["consent"] = ended
        assert (await gateway.client.consent(CONSENT_ID)).state == "ended"
        del network.double.replaced["consent"]
        assert await gateway.client.consent(CONSENT_ID) == before


async def test_a_token_is_used_again_until_its_last_minute(network: Network) -> None:
    async with network.gateway(SENDER) as gateway:
        await asyncio.gather(*(gateway.client.consent(CONSENT_ID) for _ in range(5)))
        network.sleep(minutes=8)
        await gateway.client.consent(CONSENT_ID)
        assert network.double.calls.count("token") == 1
        network.sleep(minutes=1)
        await gateway.client.consent(CONSENT_ID)

    assert network.double.calls.count("token") == 2


async def test_a_token_that_ended_early_is_renewed_once(network: Network) -> None:
    await refuse_once(network.double, "consent", Unauthenticated())

    async with network.gateway(SENDER) as gateway:
        assert (await gateway.client.consent(CONSENT_ID)).id == CONSENT_ID
        assert network.double.calls.count("token") == 2

        async def never(_request: web.Request) -> web.StreamResponse:
            raise Unauthenticated

        network.double.replaced["consent"] = never
        with pytest.raises(Unauthenticated):
            await gateway.client.consent(CONSENT_ID)

    assert network.double.calls.count("token") == 3


async def test_an_agency_the_hub_does_not_know_gets_no_token(network: Network) -> None:
    network.double.agencies.clear()

    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Unauthenticated, match="does not know"):
            await gateway.client.consent(CONSENT_ID)


async def test_texts_and_forms_arrive_as_they_are(network: Network) -> None:
    asked: list[str] = []

    async def shown(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        kind = request.query.get("as")
        return web.Response(
            body=b"%PDF", content_type=f"application/{kind}" if kind else "text/plain"
        )

    network.double.replaced.update(consent_notice=shown, consent_form=shown)
    async with network.gateway(SENDER) as gateway:
        assert await gateway.client.consent_notice(CONSENT_ID) == b"%PDF"
        assert await gateway.client.consent_form(CONSENT_ID, kind="pdf", lang="en") == b"%PDF"
        assert await gateway.client.consent_form(CONSENT_ID, kind="pdf") == b"%PDF"

    address = f"/v1/consents/{CONSENT_ID}"
    assert asked == [
        f"{address}/notice",
        f"{address}/form?as=pdf&lang=en",
        f"{address}/form?as=pdf",
    ]


@pytest.mark.parametrize(
    ("media_type", "size"), [("application/json", 1), ("text/html", client.LARGEST_FORM + 1)]
)
async def test_a_form_of_another_type_or_without_end_is_not_taken(
    network: Network, media_type: str, size: int
) -> None:
    async def other(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(size), content_type=media_type)

    network.double.replaced["consent_form"] = other
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(HubMisbehaves):
            await gateway.client.consent_form(CONSENT_ID)


async def test_pages_are_followed_to_their_end(network: Network) -> None:
    everybody = list(network.double.agencies.values())

    async def paged(request: web.Request) -> web.StreamResponse:
        at = int(request.query.get("after", "0"))
        following = str(at + 1) if at + 1 < len(everybody) else None
        return answer(shapes.Agencies(agencies=(everybody[at],), next=following))

    network.double.replaced["agencies"] = paged
    async with network.gateway(SENDER) as gateway:
        found = [agency.id async for agency in gateway.client.every_agency()]

    assert found == [SENDER, RECIPIENT]


async def test_pages_in_a_circle_are_left(network: Network) -> None:
    async def circle(_request: web.Request) -> web.StreamResponse:
        everybody = tuple(network.double.agencies.values())
        return answer(shapes.Agencies(agencies=everybody, next="again"))

    network.double.replaced["agencies"] = circle
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(HubMisbehaves):
            async for _ in gateway.client.every_agency():
                pass


async def test_an_inbox_without_end_ends(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll, "MOST_PAGES", 3)
    async with network.gateway(SENDER) as gateway:
        await send.send(gateway, draft())
    (kept,) = network.double.kept.values()

    async def endless(_request: web.Request) -> web.StreamResponse:
        shown = shapes.Waiting(cursor="c1", disclosure=network.double.shown(kept))
        return answer(shapes.Inbox(entries=(shown,), next="c1"))

    network.double.replaced["inbox"] = endless
    async with network.receiving() as (gateway, reception):
        with pytest.raises(HubMisbehaves):
            await poll.fetch(gateway, reception)


async def test_an_upload_that_gets_nowhere_is_given_up_for_now(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "RESUMPTIONS", 2)
    monkeypatch.setattr("exchange.agency.client.ONE_SHOT_SIZE", 100)

    async def stuck(request: web.Request) -> web.StreamResponse:
        if request.method == "PATCH":
            raise Unavailable
        return await network.double.upload(request)

    network.double.replaced["upload"] = stuck
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(Unavailable, match="again and again"):
            await send.send(gateway, draft())


@pytest.mark.parametrize("offset", ["", "-1", "x", "9" * 20])
async def test_an_upload_whose_offset_makes_no_sense_is_misbehaviour(
    network: Network, monkeypatch: pytest.MonkeyPatch, offset: str
) -> None:
    monkeypatch.setattr("exchange.agency.client.ONE_SHOT_SIZE", 100)

    async def lying(_request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"Upload-Offset": offset, "Upload-Length": "6779"})

    network.double.replaced["upload"] = lying
    async with network.gateway(SENDER) as gateway:
        with pytest.raises(HubMisbehaves):
            await send.send(gateway, draft())


async def test_a_home_that_others_can_look_into_does_not_start(network: Network) -> None:
    home = network.offices[SENDER].home
    home.keys.chmod(0o750)

    with pytest.raises(Misconfigured, match="chmod"):
        async with open_gateway(home.root):
            pass


async def test_a_home_without_one_of_its_folders_does_not_start(network: Network) -> None:
    home = network.offices[SENDER].home
    home.outgoing.rmdir()

    with pytest.raises(Misconfigured, match="missing"):
        async with open_gateway(home.root):
            pass


@pytest.mark.parametrize("text", ["{", '{"agency": "women-b"}', "[]"])
async def test_a_damaged_pin_does_not_start(network: Network, text: str) -> None:
    home = network.offices[SENDER].home
    (home.pins / "women-b.json").write_text(text)

    with pytest.raises(Misconfigured, match="pin"):
        async with open_gateway(home.root):
            pass


async def test_a_pin_under_another_name_does_not_start(network: Network) -> None:
    home = network.offices[SENDER].home
    (home.pins / "women-b.json").rename(home.pins / "health-c.json")

    with pytest.raises(Misconfigured, match="another agency"):
        async with open_gateway(home.root):
            pass


async def test_settings_of_another_agency_than_the_keys_do_not_start(network: Network) -> None:
    home = network.offices[SENDER].home
    home.settings_file.write_text('agency = "other"\n[hub]\norigin = "https://hub.example"\n')

    with pytest.raises(Misconfigured, match="keys are those of"):
        async with open_gateway(home.root):
            pass
