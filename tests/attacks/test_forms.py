"""A14: something else where a form is expected, and forms without measure."""

import pytest

from exchange.wire import problems, routes
from tests.attacks.served import CANARY, Served
from tests.simulator import SENDER

pytestmark = pytest.mark.http

PART = (
    b'--a\r\nContent-Disposition: form-data; name="client_assertion"; filename="x"\r\n\r\n'
    + CANARY.encode()
    + b"\r\n--a--\r\n"
)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=a", PART),
        ("multipart/mixed; boundary=a", PART),
        ("multipart/form-data", PART),
        ("application/json", b'{"grant_type":"client_credentials"}'),
        ("text/plain", b"grant_type=client_credentials"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"grant_type=client_credentials"),
        ("", b"grant_type=client_credentials"),
    ],
)
def test_another_media_type_is_refused(hub: Served, kind: str, body: bytes) -> None:
    hub.refused(hub.post("/oauth2/token", body, f"Content-Type: {kind}"), 415)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"&".join(b"a%d=b" % number for number in range(100_000)), 413),
        (b"a=" + b"b" * 9000, 413),
        (b"&".join(b"a%d=b" % number for number in range(21)), 400),
        (b"grant_type=client_credentials&grant_type=client_credentials", 400),
        (b"grant_type", 400),
        (b"&&&&", 400),
        (b"a=%ff", 400),
        (b"a=\xff", 400),
        (b"grant_type=%00", 400),
        (b"", 400),
    ],
    ids=range(10),
)
def test_a_form_is_small_and_exact(hub: Served, body: bytes, status: int) -> None:
    with hub.no_trace():
        reply = hub.ask(hub.post("/oauth2/token", body, f"Content-Type: {routes.FORM}"))

    assert reply.status == status


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=a", routes.FORM])
@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/disclosures", "/v1/consents"])
def test_no_route_of_agencies_reads_forms(hub: Served, path: str, kind: str) -> None:
    hub.refused(hub.post(path, PART, hub.token(), f"Content-Type: {kind}"), 415)


def test_refused_forms_leave_no_temporary_file(hub: Served) -> None:
    """Parts are written to files by aiohttp's own reader; ours never calls it."""
    before = sorted(path.name for path in hub.sim.home.rglob("*"))

    hub.ask(hub.post("/oauth2/token", PART, "Content-Type: multipart/form-data; boundary=a"))

    assert sorted(path.name for path in hub.sim.home.rglob("*")) == before


def test_an_oversized_field_is_told_without_its_text(hub: Served) -> None:
    fields = b"grant_type=client_credentials&client_assertion=" + CANARY.encode() * 400
    with hub.no_trace():
        reply = hub.ask(hub.post("/oauth2/token", fields, f"Content-Type: {routes.FORM}"))

    assert reply.status == 400
    assert reply.json["type"] == problems.TYPE_PREFIX + "malformed-request"
    assert CANARY.encode() not in reply.raw


def test_the_same_form_in_order_gets_a_token(hub: Served) -> None:
    assertion = hub.sim.offices[SENDER].identity.client_assertion(
        issuer=hub.sim.origin, now=int(hub.sim.now.timestamp()), jti="once-in-test-forms"
    )
    fields = (
        "grant_type=client_credentials&client_assertion_type="
        f"urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
    )
    reply = hub.ask(hub.post("/oauth2/token", fields.encode(), f"Content-Type: {routes.FORM}"))

    assert reply.status == 200
    assert reply.header("Cache-Control") == "no-store"
