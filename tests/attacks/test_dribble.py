"""A17: clients that send or read as slowly as they can, and trailers behind a body."""

import io
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import pytest

from exchange.envelope.padme import padme
from exchange.wire import routes
from tests.attacks.served import CANARY, Line, Reply, Served
from tests.simulator import RECIPIENT, SENDER, Letter, sealed_to

pytestmark = pytest.mark.http

DEADLINE_S = 0.5
"""Every deadline of the impatient hub."""
SMALL, LARGE = padme(200_192), padme(8_000_000 // 512 * 512)
"""Bytes of packages."""
SOON_S = 8.0
"""Seconds until it must have hung up, on a busy machine."""
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a hub whose deadlines are short."""
    deadlines = dict.fromkeys(("head_s", "body_s", "idle_s", "stall_s"), DEADLINE_S)
    served = Served(
        tmp_path_factory.mktemp("impatient"),
        http={**deadlines, "slowest_body": 20_000, "slowest_window_s": DEADLINE_S},
    )
    with served.running(), served.listening():
        yield served
        assert [line for line in served.log if line["event"] == "bug"] == []


def dribbled(line: Line, parts: Iterable[bytes], *, pause: float = 0.05) -> bool:
    """Send part after part; tell whether the hub answers or hangs up before `SOON_S` are over."""
    begun = time.monotonic()
    line.socket.settimeout(0)
    try:
        for part in parts:
            if time.monotonic() - begun > SOON_S:
                return False
            line.socket.send(part)
            time.sleep(pause)
            with suppress(BlockingIOError):
                line.socket.recv(1, socket.MSG_PEEK)
                return True
    except ConnectionError:
        return True
    finally:
        line.socket.settimeout(SOON_S)
    return False


def bytewise(sent: bytes) -> Iterator[bytes]:
    return (bytes([byte]) for byte in sent)


def answered_or_cut(line: Line) -> Reply | None:
    try:
        return line.reply()
    except ConnectionError:
        return None


def test_a_silent_connection_is_closed(impatient: Served) -> None:
    with impatient.line() as line:
        assert line.closed(seconds=SOON_S)


def test_a_head_that_dribbles_is_cut(impatient: Served) -> None:
    with impatient.line() as line:
        line.send(b"GET /healthz HTTP/1.1\r\n")
        assert dribbled(line, bytewise(b"X-A: " + b"b" * 5000))
        assert line.closed(seconds=SOON_S)


def test_the_second_head_on_a_connection_has_the_same_deadline(impatient: Served) -> None:
    with impatient.line() as line:
        assert impatient.alive(line)
        line.send(b"GET /healthz HT")
        assert line.closed(seconds=SOON_S)


def test_an_idle_connection_is_closed(impatient: Served) -> None:
    with impatient.line() as line:
        assert impatient.alive(line)
        assert line.closed(seconds=SOON_S)


def test_line_feeds_in_front_of_a_head_do_not_extend_its_deadline(impatient: Served) -> None:
    with impatient.line() as line:
        assert dribbled(line, bytewise(b"\r\n" * 5000))
        assert line.closed(seconds=SOON_S)


@pytest.mark.parametrize(
    ("path", "kind"), [("/v1/decisions", routes.JSON), ("/oauth2/token", routes.FORM)]
)
def test_a_body_that_dribbles_is_408_and_closes(impatient: Served, path: str, kind: str) -> None:
    lines = (impatient.token(), f"Content-Type: {kind}", "Content-Length: 500")
    with impatient.no_trace(), impatient.line() as line:
        line.send(impatient.head(f"POST {path} HTTP/1.1", *lines))
        assert dribbled(line, bytewise(b"[" * 400))
        assert line.reply().status == 408
        assert line.closed(seconds=SOON_S)


@pytest.mark.parametrize(
    "chunks",
    [b"2;" + b"a" * 60_000 + b"\r\n{}\r\n0\r\n\r\n", b"1;a\r\n[\r\n" * 60_000],
    ids=["extension", "one byte each"],
)
def test_much_around_few_bytes_of_json_is_refused(impatient: Served, chunks: bytes) -> None:
    head = impatient.head("POST /v1/decisions HTTP/1.1", impatient.token(), JSON, CHUNKED)
    with impatient.no_trace(), impatient.line() as line:
        line.send(head + chunks)
        reply = answered_or_cut(line)

    assert reply is None or reply.status in {400, 408, 413}


def one_shot(served: Served) -> tuple[Letter, bytes]:
    letter = served.sim.letter(
        served.do(served.sim.consent()).digest, sealed=sealed_to(RECIPIENT, bytes(SMALL))
    )
    lines = (served.token(), f"Content-Type: {routes.DISCLOSURE}", CHUNKED)
    return letter, served.head("POST /v1/disclosures HTTP/1.1", *lines)


def chunk(content: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(content), extension, content)


@pytest.mark.parametrize("extension", [b"", b";" + b"a" * 2000], ids=["bytes", "extensions"])
def test_a_stream_slower_than_the_rate_ends_and_is_not_stored(
    impatient: Served, extension: bytes
) -> None:
    """What is counted are bytes of the payload: extensions of chunks keep nothing alive."""
    letter, head = one_shot(impatient)
    before = impatient.traces()
    with impatient.line(seconds=SOON_S) as line:
        line.send(head + chunk(letter.manifest + b"\n" + letter.sealed[:20_000]))
        pieces = (letter.sealed[at : at + 10] for at in range(20_000, SMALL, 10))
        assert dribbled(line, (chunk(piece, extension) for piece in pieces), pause=0.02)
        reply = answered_or_cut(line)

    assert reply is None or reply.status in {400, 408, 422}
    assert impatient.traces()["payloads"] == before["payloads"]
    assert impatient.traces()["disclosures"] == before["disclosures"]


def test_a_stream_that_falls_silent_ends_and_is_not_stored(impatient: Served) -> None:
    letter, head = one_shot(impatient)
    before = impatient.traces()
    with impatient.line(seconds=SOON_S) as line:
        line.send(head + chunk(letter.manifest + b"\n" + letter.sealed[:20_000]))
        reply = answered_or_cut(line)

    assert reply is None or reply.status in {400, 408, 422}
    assert impatient.traces()["disclosures"] == before["disclosures"]


def small_reader(served: Served, sent: bytes) -> socket.socket:
    """Connect with a small window, send, and never read."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    found.settimeout(SOON_S)
    found.connect(("127.0.0.1", served.sim.port))
    found.sendall(sent)
    return found


def large_payload(served: Served) -> bytes:
    """Store a document of 8 MB; return a request for its payload."""
    sealed = sealed_to(RECIPIENT, bytes(LARGE))
    letter = served.sim.letter(served.do(served.sim.consent()).digest, sealed=sealed)
    stored = served.do(
        served.sim.call(
            SENDER,
            routes.DISCLOSE,
            body=io.BytesIO(letter.one_shot),
            headers={"Content-Type": routes.DISCLOSURE},
        )
    )
    assert stored.status == 201
    path = routes.PAYLOAD_OF.path.replace("{id}", letter.id)
    return served.head(f"GET {path} HTTP/1.1", served.token(RECIPIENT))


def was_cut(found: socket.socket) -> bool:
    """Tell whether writing to the hub fails before `SOON_S` are over."""
    begun = time.monotonic()
    while time.monotonic() - begun < SOON_S:
        try:
            found.send(b"\r\n")
        except ConnectionError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_an_answer_nobody_reads_is_cut(impatient: Served, connection: str) -> None:
    lines = (f"Connection: {connection}",)
    sent = impatient.head("GET /docs/swagger-ui-bundle.js HTTP/1.1", *lines)
    with small_reader(impatient, sent * (1 if connection == "close" else 20)) as found:
        assert was_cut(found)


def test_a_payload_nobody_reads_is_cut(impatient: Served) -> None:
    sent = large_payload(impatient)
    with small_reader(impatient, sent) as found:
        assert was_cut(found)


def test_a_reader_that_hangs_up_in_the_middle_is_no_bug(impatient: Served) -> None:
    sent = large_payload(impatient)
    for linger in (b"\1\0\0\0\0\0\0\0", b"\0\0\0\0\0\0\0\0"):
        with small_reader(impatient, sent) as found:
            assert found.recv(100)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    time.sleep(2 * DEADLINE_S)

    assert [line for line in impatient.log if line["event"] == "bug"] == []
    assert impatient.ask(impatient.head("GET /healthz HTTP/1.1")).status == 200


@pytest.mark.parametrize(
    "trailer",
    [
        "X-Original-URL: /v1/inbox",
        "Authorization: Bearer a",
        "Idempotency-Key: a",
        "Content-Length: 100",
        "Transfer-Encoding: chunked",
        "Host: evil.example",
        f"X-Mark: {CANARY}",
    ],
)
def test_no_trailer_becomes_a_header_of_the_next_request(hub: Served, trailer: str) -> None:
    """aiohttp's parser keeps trailers for the next request of the connection."""
    head = hub.head("POST /v1/decisions HTTP/1.1", hub.token(), JSON, CHUNKED)
    next_one = hub.head("GET /v1/inbox HTTP/1.1")
    with hub.no_trace(), hub.line() as line:
        line.send(head + b"2\r\n{}\r\n0\r\n" + trailer.encode() + b"\r\n\r\n", next_one)
        first = answered_or_cut(line)
        assert first is None or first.status == 400
        assert line.closed()

    assert "/v1/inbox" not in [found.get("route") for found in hub.log]


def test_announced_trailers_are_refused_and_close(hub: Served) -> None:
    lines = (hub.token(), JSON, CHUNKED, "Trailer: X-A")

    hub.refused(
        hub.head("POST /v1/decisions HTTP/1.1", *lines) + b"2\r\n{}\r\n0\r\nX-A: b\r\n\r\n",
        400,
        closed=True,
    )
