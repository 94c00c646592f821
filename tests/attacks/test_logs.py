"""A57: text of strangers in the log. Every line is one JSON object with nothing of theirs in it."""

import asyncio
import io
import logging
import warnings

import pytest
import structlog
from sqlalchemy.exc import IntegrityError

from exchange.cli import events
from exchange.wire import routes
from tests.attacks import clients
from tests.attacks.served import CANARY, Served
from tests.simulator import SENDER

pytestmark = pytest.mark.injection

HOSTILE = {
    "line feed": f"a\n{CANARY}",
    "carriage return": f"a\r{CANARY}",
    "escape": f"\x1b[2J{CANARY}\x1b[0m",
    "bidi": f"\u202e{CANARY}\u2066",
    "separator": f"\u2028{CANARY}\u2029",
    "fragment": f'","event":"{CANARY}","x":"',
    "record": f'{{"event":"{CANARY}"}}',
    "format": f"%s {{0}} ${{jndi:ldap://{CANARY}}}",
    "nul": f"a\x00{CANARY}",
    "large": CANARY * 60_000,
}
FIELDS = {
    "agency",
    "duration_ms",
    "event",
    "level",
    "logger",
    "method",
    "request_id",
    "route",
    "status",
    "step",
    "timestamp",
}


def requests(hub: Served, text: str) -> list[bytes]:
    """Return requests that carry `text` wherever one can, as far as a head has room for it."""
    short = text[:4000]
    quoted = "".join(char if char.isalnum() else f"%{ord(char) % 256:02x}" for char in short)
    body = text.encode()
    return [
        hub.head(f"GET /v1/disclosures/{quoted} HTTP/1.1", hub.token()),
        hub.head(f"GET /v1/inbox?after={quoted} HTTP/1.1", hub.token()),
        hub.head("GET /v1/inbox HTTP/1.1", f"Authorization: Bearer {quoted}"),
        hub.head("GET /v1/inbox HTTP/1.1", hub.token(), f"User-Agent: {quoted}"),
        hub.head("GET /v1/inbox HTTP/1.1", hub.token(), f"Referer: {quoted}"),
        hub.head("GET /v1/inbox HTTP/1.1", hub.token(), f"X-Request-Id: {quoted}"),
        hub.head(f"{short} /v1/inbox HTTP/1.1"),
        hub.head("GET /v1/inbox HTTP/1.1", f"X-A: {short}").replace(b"?", b""),
        hub.head("GET /v1/inbox HTTP/1.1", host=short),
        hub.post("/v1/decisions", body, hub.token(), f"Content-Type: {routes.JSON}"),
        hub.post(
            "/v1/disclosures", body + b"\n", hub.token(), f"Content-Type: {routes.DISCLOSURE}"
        ),
        hub.post("/oauth2/token", body[:4000], f"Content-Type: {routes.FORM}"),
    ]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_a_stranger_sends_is_logged(hub: Served, text: str) -> None:
    for sent in requests(hub, text.encode("latin-1", "replace").decode("latin-1")):
        with hub.line() as line:
            line.send(sent)
            try:
                reply = line.reply()
            except ConnectionError:
                continue
            assert reply.status < 500
            assert CANARY.encode() not in reply.raw

    assert CANARY not in hub.log_text
    assert "\x1b" not in hub.log_text
    assert all(line.keys() <= FIELDS for line in hub.log)
    assert all(line["event"] in {"request", "unreadable", "statement-refused"} for line in hub.log)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_in_a_signed_statement_is_logged(hub: Served, text: str) -> None:
    short = text[:1000].replace("\x00", "")
    consent = hub.sim.signed_consent(purposes=[short])

    recorded = hub.do(hub.sim.record(consent))

    assert recorded.status == 422
    assert CANARY not in hub.log_text
    assert CANARY.encode() not in recorded.body


def test_a_token_leaves_no_secret_behind(hub: Served) -> None:
    assertion = clients.good(hub)

    reply = clients.asked(hub, assertion)

    assert reply.json["access_token"] not in hub.log_text
    assert assertion not in hub.log_text
    assert hub.sim.offices[SENDER].identity.kid not in hub.log_text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_libraries_log_and_raise_is_reduced_to_where_it_happened(
    hub: Served, text: str
) -> None:
    foreign = logging.getLogger("aiohttp.server")
    foreign.error("Error handling request from %s", text)
    foreign.error(text, extra={"path": text})
    failed = IntegrityError(f"INSERT {text}", {"a": text}, ValueError(text))
    foreign.error(text, exc_info=failed)
    logging.getLogger("sqlalchemy.engine").warning(text, stack_info=True)

    assert CANARY not in hub.log_text
    assert len(hub.log) == 4
    assert all(
        set(line) <= {"event", "level", "logger", "positions", "timestamp"} for line in hub.log
    )


def test_fields_and_context_nobody_has_allowed_are_dropped(hub: Served) -> None:
    log = structlog.get_logger("exchange.test")
    with structlog.contextvars.bound_contextvars(path=CANARY, subject=CANARY):
        log.info("request", status=200, path=CANARY, consent=CANARY, reason=CANARY)

    (line,) = hub.log
    assert line["status"] == 200
    assert CANARY not in hub.log_text


def test_a_warning_is_one_line_without_its_text() -> None:
    kept, stream = logging.getLogger().handlers[:], io.StringIO()
    events.configure(stream)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=True)
            warnings.warn(f"a\n{CANARY}", stacklevel=1)
    finally:
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = kept

    assert stream.getvalue().count("\n") <= 1
    assert CANARY not in stream.getvalue()


def test_an_error_in_the_loop_is_logged_without_its_text(hub: Served) -> None:
    async def fail() -> None:
        asyncio.get_running_loop().call_exception_handler(
            {"message": CANARY, "exception": ValueError(CANARY)}
        )

    hub.do(fail())

    assert CANARY not in hub.log_text
    assert len(hub.log) == 1
