"""Raw HTTP to the hub: what anybody could send who has an agency's token.

The SDK would turn an answer into an error; here the bytes of the answer are what is looked at.
"""

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from exchange import canonical
from exchange.canonical import Json

ANSWER_S = 30.0
"""Seconds to wait for an answer."""
LARGEST = 64 * 1024 * 1024
"""Bytes of an answer; the scan of the demo has 35 MB."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and exact bytes of one answer of the hub."""

    status: int
    body: bytes

    @property
    def value(self) -> dict[str, Json]:
        """The JSON object in the body."""
        found: dict[str, Json] = canonical.loads(self.body, limit=LARGEST)
        return found


def call(
    origin: str, token: str, method: str, path: str, body: dict[str, Json] | None = None
) -> Answer:
    """Send one request with a bearer token and return the answer, whatever it is.

    Args:
        origin: of the hub, such as http://127.0.0.1:8700.
        token: an access token of the caller.
        method: of HTTP.
        path: below the origin.
        body: sent as JSON, if there is one.
    """
    connection = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=ANSWER_S)
    headers = {"Authorization": f"Bearer {token}"}
    content = None
    if body is not None:
        content = canonical.encode(body)
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, body=content, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(LARGEST))
    finally:
        connection.close()
