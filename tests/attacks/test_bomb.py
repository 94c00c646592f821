"""A12: a body that grows when it is decoded. Nothing here is ever decoded."""

import zlib

import pytest

from exchange.wire import routes
from tests.attacks.served import Served

pytestmark = pytest.mark.http


@pytest.mark.parametrize(
    "coding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity", "x-gzip", "gzip, gzip", ""]
)
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/decisions", routes.JSON),
        ("/v1/disclosures", routes.DISCLOSURE),
        ("/oauth2/token", routes.FORM),
        ("/v1/nothing-here", routes.JSON),
    ],
)
def test_any_content_coding_is_refused_unread(
    hub: Served, path: str, kind: str, coding: str
) -> None:
    bomb = zlib.compress(b"[" * 10_000_000, 9, wbits=31)
    lines = (hub.token(), f"Content-Type: {kind}", f"Content-Encoding: {coding}")

    hub.refused(hub.post(path, bomb, *lines), 415)


def test_compressed_bytes_without_a_word_about_it_are_no_json(hub: Served) -> None:
    bomb = zlib.compress(b"[" * 10_000_000, 9, wbits=31)
    lines = (hub.token(), "Content-Type: application/json")

    with hub.no_trace():
        assert hub.ask(hub.post("/v1/decisions", bomb, *lines)).status == 400


def test_answers_are_not_compressed(hub: Served) -> None:
    """What is secret and what a stranger wrote never share a compressed answer."""
    reply = hub.ask(hub.head("GET /openapi.json HTTP/1.1", "Accept-Encoding: gzip, br"))

    assert reply.status == 200
    assert reply.header("Content-Encoding") is None
