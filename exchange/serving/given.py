"""What a request gives, parsed by the shapes of its operation, and answers rendered by them."""

import hashlib
import re
from dataclasses import dataclass

from aiohttp import web
from pydantic import BaseModel

from exchange.canonical import labelled
from exchange.errors import Malformed, NotFound
from exchange.serving import bodies, front
from exchange.wire.routes import JSON, Operation
from exchange.wire.shapes import Shape, Text

_KEY = re.compile(r'"?[\x21\x23-\x7e]{1,128}"?', re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """An `Idempotency-Key`, and what it is used for."""

    key: str
    request: bytes
    """Labelled digest of method, route, id and body, 32 bytes."""


async def given(
    request: web.Request, operation: Operation, *, seconds: float
) -> tuple[dict[str, BaseModel], bytes]:
    """Return the parsed parts of a request (`path`, `query`, `body`), and a digest of its body.

    A body of one of the operation's streams is left for the handler to read.

    Args:
        request: nothing of its body was read.
        operation: what it asks for.
        seconds: in which a JSON body has to arrive.

    Raises:
        NotFound: its path cannot be one of ours.
        Malformed: a part is missing, unknown or out of range.
    """
    found: dict[str, BaseModel] = {}
    digest = b""
    if operation.path_shape is not None:
        found["path"] = _path(request, operation.path_shape)
    parameters = front.parameters(request)
    if operation.query is not None:
        found["query"] = bodies.parsed(operation.query, parameters)
    elif parameters:
        raise Malformed("this route has no parameters")
    if operation.body is not None and not _streamed(request, operation):
        body = await bodies.json_body(
            request, operation.body, limit=operation.body_limit, seconds=seconds
        )
        found["body"] = body
        digest = hashlib.sha256(body.model_dump_json().encode()).digest()
    elif not operation.streams and request.can_read_body:
        await _nothing(request, seconds=seconds)
    return found, digest


def key_of(request: web.Request, operation: Operation, digest: bytes) -> Key | None:
    """Return the caller's `Idempotency-Key`, tied to this request; None if it gave none.

    Raises:
        Malformed: it is no such key.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None or not operation.creates:
        return None
    if _KEY.fullmatch(key) is None:
        raise Malformed("an Idempotency-Key has 1 to 128 visible characters")
    name = f"{operation.name}\n{request.path}\n".encode("ascii")
    asked = labelled("xch-idempotent-request-v1", hashlib.sha256(name).digest(), digest)
    return Key(key.strip('"'), asked)


def rendered(operation: Operation, shape: Shape) -> web.Response:
    """Return the success answer of `operation`."""
    return web.Response(
        status=operation.status,
        body=shape.model_dump_json().encode(),
        content_type=JSON,
    )


def _streamed(request: web.Request, operation: Operation) -> bool:
    claimed = request.headers.get("Content-Type", "").partition(";")[0]
    return claimed.strip().lower() in operation.streams


def _path(request: web.Request, shape: type[Text]) -> BaseModel:
    try:
        return bodies.parsed(shape, dict(request.match_info))
    except Malformed:  # an id that cannot exist does not exist
        raise NotFound from None


async def _nothing(request: web.Request, *, seconds: float) -> None:
    """Read a body where none belongs: only an empty JSON object passes, as lenient clients send."""
    text = await bodies.whole(request, limit=16, seconds=seconds)
    if text.strip() not in {b"", b"{}"}:
        raise Malformed("this route reads no body")
