"""A45: malformed one-shot disclosures: refused early, no row, no blob, no use, no leaf."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from exchange.canonical import encode
from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.hub.sweep import sweep
from exchange.keyring import bech32
from exchange.wire import routes
from tests.attacks.parties import Parties
from tests.simulator import PLAINTEXT, RECIPIENT, SENDER, Letter, office, sealed_to
from tests.x25519 import X25519Recipient

pytestmark = pytest.mark.gate

LARGE = bytes(3 * 64 * 1024)
CLASSICAL = bech32.encode("age", X25519PrivateKey.generate().public_key().public_bytes_raw())


async def nothing_left(parties: Parties, before: dict[str, int]) -> None:
    after = await parties.tables()
    assert after == before
    await sweep(parties.hub, leftovers=True)
    assert [path for path in (parties.home / "payloads").rglob("*") if path.is_file()] == []


@pytest.fixture
async def letter(parties: Parties) -> Letter:
    return parties.letter((await parties.consent()).digest)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("no line feed", 400),
        ("no line feed, long", 413),
        ("line too long", 413),
        ("carriage return", 422),
        ("leading blank", 422),
        ("two lines", 400),
        ("empty", 400),
        ("only a line feed", 422),
        ("shorter", 400),
        ("longer", 400),
        ("one bit", 422),
        ("header only", 400),
        ("payload only", 400),
        ("armored", 400),
    ],
)
async def test_a_body_that_is_not_the_line_and_the_document_is_refused(
    parties: Parties, letter: Letter, name: str, status: int
) -> None:
    line, sealed = letter.manifest, letter.sealed
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    body = {
        "no line feed": line + sealed.replace(b"\n", b""),
        "no line feed, long": line + b"x" * 40_000,
        "line too long": b"x" * 32_769 + b"\n" + sealed,
        "carriage return": line + b"\r\n" + sealed,
        "leading blank": b" " + line + b"\n" + sealed,
        "two lines": line + b"\n" + line + b"\n" + sealed,
        "empty": b"",
        "only a line feed": b"\n" + sealed,
        "shorter": line + b"\n" + sealed[:-1],
        "longer": line + b"\n" + sealed + b"\0",
        "one bit": line + b"\n" + flipped,
        "header only": line + b"\n" + letter.header,
        "payload only": line + b"\n" + letter.payload,
        "armored": line + b"\n" + b"-----BEGIN AGE ENCRYPTED FILE-----\n" + sealed,
    }[name]
    before = await parties.tables()

    answer = await parties.call(
        SENDER, routes.DISCLOSE, body=body, headers={"Content-Type": routes.DISCLOSURE}
    )

    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    await nothing_left(parties, before)


@pytest.mark.parametrize("chunked", ["shorter", "longer", "one bit"])
async def test_a_body_without_a_length_is_held_to_the_manifest_too(
    parties: Parties, letter: Letter, chunked: str
) -> None:
    whole = letter.one_shot
    body = {
        "shorter": whole[:-1],
        "longer": whole + b"\0",
        "one bit": whole[:-1] + bytes([whole[-1] ^ 1]),
    }[chunked]

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    before = await parties.tables()
    answer = await parties.call(
        SENDER, routes.DISCLOSE, body=pieces(), headers={"Content-Type": routes.DISCLOSURE}
    )

    assert answer.status in {400, 411, 413, 422}
    await nothing_left(parties, before)


def sealed_badly(how: str) -> bytes:
    recipient = HybridRecipient(office(RECIPIENT).key.recipient)
    good = sealed_to(RECIPIENT)
    if how == "classical":
        encryptor = Encryptor([X25519Recipient(CLASSICAL)])
    elif how == "two stanzas":
        encryptor = Encryptor([recipient, recipient])
    elif how == "not padded":
        encryptor = Encryptor([recipient])
        return encryptor.update(PLAINTEXT + b"x") + encryptor.finalize()
    elif how == "unknown version":
        return good.replace(b"v1\n", b"v2\n", 1)
    elif how == "no mac":
        return good.replace(b"\n--- ", b"\n-- ", 1)
    elif how == "crlf":
        return good.replace(b"\n", b"\r\n", 1)
    else:
        return b"-> X25519 AAAA\n".join(good.split(b"-> ", 1))
    return encryptor.update(PLAINTEXT) + encryptor.finalize()


@pytest.mark.parametrize(
    "how",
    ["classical", "two stanzas", "not padded", "unknown version", "no mac", "crlf", "extra stanza"],
)
async def test_a_header_that_is_not_ours_is_refused_though_it_is_signed(
    parties: Parties, how: str
) -> None:
    consent = await parties.consent()
    letter = parties.letter(consent.digest, sealed=sealed_badly(how))
    before = await parties.tables()

    assert (await parties.send(letter)).status in {400, 413, 422}
    await nothing_left(parties, before)
    announced = await parties.announce(letter)
    if announced.status == 201:  # the size fits; the form is seen when the last piece is there
        assert (await parties.patch(letter, 0, letter.sealed)).status in {400, 413, 422}
        assert (await parties.offset(letter)).status == 404
    assert await parties.count("headers") == 0


async def test_without_a_permit_the_body_is_not_read(parties: Parties) -> None:
    sealed = sealed_to(RECIPIENT, LARGE)
    letter = parties.letter("A" * 43, sealed=sealed)
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        yield letter.manifest + b"\n"
        for start in range(0, len(sealed), 4096):
            read += 1
            yield sealed[start : start + 4096]
            await asyncio.sleep(0.02)

    headers = {
        "Content-Type": routes.DISCLOSURE,
        "Content-Length": str(len(letter.one_shot)),
        "Authorization": f"Bearer {parties.token(SENDER)}",
    }
    try:
        async with parties.http.post(
            parties.origin + "/v1/disclosures", data=body(), headers=headers
        ) as answer:
            assert answer.status == 403
    except (aiohttp.ClientConnectionError, ConnectionResetError):
        pass  # the hub has answered and hung up before the body was there
    assert read < len(sealed) // 4096
    assert (await parties.log("disclosure-refused"))[-1]["by"] == SENDER


@pytest.mark.parametrize("cut", [0, 1, 64 * 1024, 2 * 64 * 1024, 3 * 64 * 1024])
async def test_a_connection_cut_in_the_middle_leaves_nothing(parties: Parties, cut: int) -> None:
    consent = await parties.consent(uses="once")
    letter = parties.letter(consent.digest, sealed=sealed_to(RECIPIENT, LARGE))
    before = await parties.tables()
    reader, writer = await asyncio.open_connection("127.0.0.1", parties.port)
    head = (
        f"POST /v1/disclosures HTTP/1.1\r\nHost: 127.0.0.1:{parties.port}\r\n"
        f"Authorization: Bearer {parties.token(SENDER)}\r\nContent-Type: {routes.DISCLOSURE}\r\n"
        f"Content-Length: {len(letter.one_shot)}\r\n\r\n"
    )
    writer.write(head.encode() + letter.manifest + b"\n" + letter.sealed[:cut])
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await reader.read()
    for _ in range(400):  # the hub sees the cut when it sees it
        with suppress(AssertionError):
            await nothing_left(parties, before)
            break
        await asyncio.sleep(0.05)

    await nothing_left(parties, before)
    assert (await parties.send(letter)).status == 201


@pytest.mark.parametrize(
    ("media", "status"),
    [
        (None, 415),
        ("application/json", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/octet-stream", 415),
        ("application/vnd.xch.disclosure; charset=utf-16", 415),
    ],
)
async def test_another_media_type_is_refused(
    parties: Parties, letter: Letter, media: str | None, status: int
) -> None:
    headers = {"Content-Type": media or ""}
    answer = await parties.call(SENDER, routes.DISCLOSE, body=letter.one_shot, headers=headers)
    assert answer.status == status


async def test_a_manifest_that_is_any_json_is_refused(parties: Parties, letter: Letter) -> None:
    before = await parties.tables()
    for line in (b"{}", b"[]", b"null", b"1", encode({"payload": "", "signatures": []})):
        answer = await parties.call(
            SENDER,
            routes.DISCLOSE,
            body=line + b"\n" + letter.sealed,
            headers={"Content-Type": routes.DISCLOSURE},
        )
        assert answer.status == 422
    await nothing_left(parties, before)
