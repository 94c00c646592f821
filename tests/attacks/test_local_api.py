"""A79: the gateway's local API from browsers, other users of the machine, and hostile bodies."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exchange.agency import api_token
from exchange.serving.middleware import HEADERS
from exchange.wire import local_routes as api
from exchange.wire.local_routes import OPERATIONS
from tests.agency.local import Local, fresh_id, local_api, submission
from tests.agency.network import LETTER, RECIPIENT, SENDER, Network, files_below

SUBMISSION = json.dumps(submission()).encode()
BOUNDARY = "----canary"


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    network = Network(tmp_path)
    async with network.double.running():
        network.arrange()
        yield network


@pytest.fixture
async def local(network: Network) -> AsyncIterator[Local]:
    async with local_api(network, SENDER) as local:
        yield local


def part(head: bytes, content: bytes) -> bytes:
    return b"--" + BOUNDARY.encode() + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def multipart(*parts: bytes, end: bytes = b"--" + BOUNDARY.encode() + b"--\r\n") -> bytes:
    return b"".join(parts) + end


FIRST = part(
    b'Content-Disposition: form-data; name="submission"\r\nContent-Type: application/json',
    SUBMISSION,
)
FILE = part(b'Content-Disposition: form-data; name="file"; filename="a.pdf"', LETTER)


async def posted(local: Local, body: Any, **headers: str) -> tuple[int, str]:
    """Return status and code of the answer to a multipart body."""
    sent = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **headers}
    answer = await local.call(api.SUBMIT, data=body, headers=sent)
    return answer.status, "" if answer.status == 201 else answer.code


def nothing_was_kept(network: Network) -> None:
    assert network.double.kept == {}
    assert files_below(network.offices[SENDER].home.outgoing) == {}


async def test_nothing_is_told_or_done_without_the_token(local: Local) -> None:
    token = local.token
    for operation in (one for one in OPERATIONS if one.authenticated):
        body: Any = None if operation.body is None else {}
        for given in ("", token[:-1], f"{token}x", "é" * 20, "x" * 300):
            local.token = given
            answer = await local.call(operation, json=body, id=fresh_id(), n=0)
            assert (answer.status, answer.code) == (401, "unauthenticated"), operation.name
        basic = {"Authorization": f"Basic {token}"}
        answer = await local.call(operation, json=body, headers=basic, id=fresh_id(), n=0)
        assert answer.status == 401, operation.name


async def test_a_cookie_is_no_token(local: Local) -> None:
    url = local.origin + api.STATUS.path
    cookies = {"Cookie": f"token={local.token}; session={local.token}"}
    async with local.session.get(url, headers=cookies) as answer:
        assert answer.status == 401


async def test_a_name_that_was_bound_to_this_machine_reaches_nothing(local: Local) -> None:
    port = local.origin.rpartition(":")[2]
    for host in (
        *(f"evil.example:{port}", f"127.0.0.1.evil.example:{port}"),
        *("127.0.0.1", "127.0.0.1:1"),
    ):
        for operation in (api.STATUS, api.HEALTHZ, api.SUBMIT):
            answer = await local.call(operation, headers={"Host": host})
            assert (answer.status, answer.code) == (421, "misdirected-request"), host


async def test_the_names_of_this_machine_are_answered(local: Local) -> None:
    port = local.origin.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"LOCALHOST:{port}"):
        assert (await local.call(api.STATUS, headers={"Host": host})).status == 200


async def test_a_page_of_another_site_is_refused_even_with_the_token(
    local: Local, network: Network
) -> None:
    port = local.origin.rpartition(":")[2]
    for origin in (
        *("https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://", ""),
        f"https://127.0.0.1:{port}",
    ):
        answer = await local.call(api.STATUS, headers={"Origin": origin})
        assert (answer.status, answer.code) == (403, "not-permitted"), origin
        status, code = await posted(local, multipart(FIRST, FILE), Origin=origin)
        assert (status, code) == (403, "not-permitted"), origin
    nothing_was_kept(network)


async def test_no_answer_lets_another_site_read_it(local: Local) -> None:
    preflight = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    url = local.origin + api.SUBMIT.path
    async with local.session.options(url, headers=preflight) as answer:
        assert answer.status >= 400
        told = list(answer.headers)
    ours = await local.call(api.STATUS, headers={"Origin": local.origin})
    assert ours.status == 200
    for name in (*told, *ours.headers):
        assert not name.lower().startswith("access-control-")


async def test_a_simple_post_is_refused(local: Local, network: Network) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        for operation in (api.SUBMIT, api.RECORD, api.ASK, api.WITHDRAW):
            answer = await local.call(
                operation, data=SUBMISSION, headers={"Content-Type": kind}, id=fresh_id()
            )
            assert answer.status == 415, operation.name
    nothing_was_kept(network)


async def test_every_answer_has_the_headers_that_protect_browsers(local: Local) -> None:
    async with local.session.get(f"{local.origin}/nowhere") as missing:
        found: list[Mapping[str, str]] = [missing.headers]
    found += [(await local.call(one)).headers for one in (api.STATUS, api.HEALTHZ)]
    async with local.session.get(f"{local.origin}/docs") as docs:
        assert docs.status == 200
        found.append(docs.headers)
    for headers in found:
        assert HEADERS.keys() <= set(headers)
        assert headers["Server"] == "exchange"


async def test_parts_are_bounded_in_number(local: Local, network: Network) -> None:
    empty = part(b'Content-Disposition: form-data; name="file"; filename="x"', b"")
    status, code = await posted(local, multipart(FIRST, *[empty] * 10_000))
    assert (status, code) == (413, "too-large")
    nothing_was_kept(network)


async def test_the_head_of_a_part_is_bounded(local: Local, network: Network) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield FIRST + b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="'
        for _ in range(64):
            yield b"a" * 1024

    assert await posted(local, endless()) == (413, "too-large")
    long = part(
        b'Content-Disposition: form-data; name="file"; filename="' + b"a" * 9000 + b'"', b""
    )
    assert await posted(local, multipart(FIRST, long)) == (413, "too-large")
    nothing_was_kept(network)


async def test_all_files_together_are_bounded(
    local: Local, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.agency.http.disclosures.MOST_BYTES", len(LETTER) + 1)
    assert await posted(local, multipart(FIRST, FILE, FILE)) == (413, "too-large")
    nothing_was_kept(network)
    assert (await posted(local, multipart(FIRST, FILE)))[0] == 201


async def test_a_body_is_bounded_before_it_is_taken_in(
    local: Local, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.agency.http.disclosures.BODY_LIMIT", 4096)
    long = part(b'Content-Disposition: form-data; name="file"; filename="a"', b"a" * 8192)
    assert await posted(local, multipart(FIRST, long)) == (413, "too-large")
    nothing_was_kept(network)


BODIES = {
    "nothing": b"",
    "no parts": multipart(),
    "no file": multipart(FIRST),
    "no submission": multipart(FILE),
    "another order": multipart(FILE, FIRST),
    "the submission twice": multipart(FIRST, FIRST, FILE),
    "an unknown part": multipart(FIRST, FILE, FILE.replace(b'"file"', b'"note"')),
    "no end": multipart(FIRST, FILE, end=b""),
    "half an end": multipart(FIRST, FILE, end=b"--" + BOUNDARY.encode()),
    "something behind": multipart(FIRST, FILE) + b"more",
    "something before": b"preamble\r\n" + multipart(FIRST, FILE),
    "a foreign header": multipart(FIRST, part(b"X-Other: 1", b"")),
    "an encoding": multipart(
        FIRST,
        part(
            b'Content-Disposition: form-data; name="file"\r\nContent-Transfer-Encoding: base64',
            b"YQ==",
        ),
    ),
    "a head twice": multipart(
        FIRST, part(b'Content-Disposition: form-data; name="file"\r\n' * 2, b"")
    ),
    "two names": multipart(
        FIRST, part(b'Content-Disposition: form-data; name="file"; name="x"', b"")
    ),
    "no form-data": multipart(FIRST, part(b'Content-Disposition: attachment; name="file"', b"")),
    "no name": multipart(FIRST, part(b"Content-Disposition: form-data", b"")),
    "no UTF-8": multipart(
        FIRST, part(b'Content-Disposition: form-data; name="file"; filename="\xff"', b"")
    ),
    "JSON twice": multipart(FIRST.replace(b'{"consent"', b'{"joint": false, "joint"'), FILE),
    "an unknown member": multipart(FIRST.replace(b'{"consent"', b'{"evil": 1, "consent"'), FILE),
}


async def test_a_body_that_is_not_of_the_form_is_refused(local: Local, network: Network) -> None:
    for name, body in BODIES.items():
        assert await posted(local, body) == (400, "malformed-request"), name
    nothing_was_kept(network)


NAMES = (
    *("../../gateway.toml", "/etc/passwd", "C:\\x.pdf", "a/../b.pdf", "..", ".", "CON.pdf"),
    *("a\tb.pdf", "%2e%2e%2fx.pdf", "\u202egpj.pdf", "-rf", "a" * 250 + ".pdf"),
)


async def test_the_name_of_a_file_leads_nowhere(
    local: Local, network: Network, tmp_path: Path
) -> None:
    before = set(files_below(tmp_path))
    for name in NAMES:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("submission", SUBMISSION.decode(), content_type="application/json")
        form.add_field("file", io.BytesIO(LETTER), filename=name, content_type="application/pdf")

        answer = await local.call(api.SUBMIT, data=form)

        assert answer.status == 201, (name, answer.body)
    new = {path for path in set(files_below(tmp_path)) - before if "/state/" not in path}
    assert {Path(path).suffix for path in new} <= {".tlog-proof"}
    assert len(network.double.kept) == len(NAMES)


async def test_a_client_that_goes_away_leaves_nothing(local: Local, network: Network) -> None:
    host, port = local.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST {api.SUBMIT.path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {local.token}\r\nContent-Length: 100000\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    writer.write(head.encode() + FIRST + FILE)
    await writer.drain()
    writer.close()
    await asyncio.gather(reader.read(), return_exceptions=True)

    assert (await local.call(api.STATUS)).json["sent"] == {}
    nothing_was_kept(network)


async def test_the_token_of_one_agency_sees_nothing_of_another(
    local: Local, network: Network
) -> None:
    of = (await local.submit()).json["disclosures"][0]["id"]
    async with local_api(network, RECIPIENT) as other:
        assert (await other.call(api.DISCLOSURE, id=of)).status == 404
        assert (await other.call(api.DISCLOSURES)).json["disclosures"] == []
        assert (await other.call(api.RECALL, id=of)).status == 404
        mine = other.token
        other.token = api_token.read(network.offices[SENDER].home)
        assert (await other.call(api.STATUS)).status == 401
        assert mine != other.token
