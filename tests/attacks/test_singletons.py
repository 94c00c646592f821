"""A8: two headers where only one decides: of two, one program takes the first, another the last."""

import pytest

from tests.attacks.served import CANARY, Served

pytestmark = pytest.mark.http


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Authorization: Bearer a", "Authorization: Bearer b"),
        ("Authorization: Bearer a", "authorization: Bearer a"),
        ("Content-Type: application/json", "Content-Type: text/plain"),
        ("Idempotency-Key: a", "Idempotency-Key: b"),
        ("Range: bytes=0-1", "Range: bytes=2-3"),
        ("If-Range: a", "If-Range: b"),
        ("If-Match: a", "If-Match: b"),
        ("Upload-Offset: 0", "Upload-Offset: 1"),
        ("Upload-Length: 1", "Upload-Length: 2"),
        ("Tus-Resumable: 1.0.0", "Tus-Resumable: 0.2.2"),
        ("Cookie: a=b", "Cookie: a=c"),
        ("Content-Encoding: identity", "Content-Encoding: gzip"),
        ("Expect: 100-continue", "Expect: 200-ok"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/inbox", "/healthz"])
def test_a_header_that_decides_comes_once(hub: Served, path: str, first: str, second: str) -> None:
    mark = f"X-Mark: {CANARY}"

    hub.refused(hub.head(f"GET {path} HTTP/1.1", first, mark, second), 400, closed=True)
