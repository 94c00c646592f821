"""Reading what a request carries, each kind with its own bound and deadline.

aiohttp's own limits do not guard a stream, and its readers accept what `canonical` refuses. So
nothing else touches `request.content`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestPayloadError
from pydantic import ValidationError

from exchange import canonical
from exchange.errors import Malformed, TooLarge
from exchange.members import unknown
from exchange.serving.bounds import Deadlines
from exchange.wire.routes import FORM, JSON
from exchange.wire.shapes import Shape, Text

FORM_LIMIT = 8 * 1024
"""Bytes of a form; a client assertion has 500."""
FORM_FIELDS = 20
JSON_DEPTH = 8
LOST = (ConnectionError, RequestPayloadError)
"""What reading raises when the client has gone in the middle of a body."""

S = TypeVar("S", bound=Shape)
T = TypeVar("T", bound=Text)


@dataclass(frozen=True, slots=True)
class Longer:
    """A body that may be larger than others of its kind, known by how it begins."""

    beginning: bytes
    limit: int
    """Bytes of the whole."""


async def whole(
    request: web.Request, *, limit: int, seconds: float, longer: Longer | None = None
) -> bytes:
    """Return a body of at most `limit` bytes that arrives within `seconds`.

    Args:
        request: nothing of its body was read.
        limit: of every body but `longer`.
        seconds: in which the whole has to arrive.
        longer: the one body that may be larger.

    Raises:
        TooLarge: it is larger; reading stops within one chunk of the limit.
        web.HTTPRequestTimeout: it did not arrive in time.
        Malformed: it ended before its announced length.
    """
    announced = request.content_length or 0
    if announced > limit and (longer is None or announced > longer.limit):
        raise TooLarge(f"more than {limit} bytes")
    chunks = list[bytes]()
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while chunk := await request.content.readany():
                size += len(chunk)
                chunks.append(chunk)
                if size > limit:
                    # Once, with the chunk that passes the limit: now it shows which body this is.
                    limit = _limit_of(b"".join(chunks), longer, else_=limit)
                if size > limit:
                    raise TooLarge(f"more than {limit} bytes")
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except LOST:
        raise Malformed("the body ended early") from None
    return b"".join(chunks)


def _limit_of(begun: bytes, longer: Longer | None, *, else_: int) -> int:
    return longer.limit if longer and begun.startswith(longer.beginning) else else_


def media_type(request: web.Request, *known: str) -> str:
    """Return which of `known` the body claims to be, or refuse with 415.

    No parameter but `charset=utf-8` is admitted.
    """
    kind, _, parameter = request.headers.get("Content-Type", "").partition(";")
    kind = kind.strip().lower()
    if kind not in known or parameter.strip().lower() not in {"", "charset=utf-8"}:
        raise web.HTTPUnsupportedMediaType
    return kind


async def json_body(request: web.Request, shape: type[S], *, limit: int, seconds: float) -> S:
    """Return the JSON body as `shape`; strictly read first, because pydantic is lenient."""
    media_type(request, JSON)
    text = await whole(request, limit=limit, seconds=seconds)
    canonical.loads(text, limit=limit, depth=JSON_DEPTH)
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        raise Malformed(faults(error)) from None


def parsed(shape: type[T], given: dict[str, str]) -> T:
    """Return parameters of a path or query as `shape`.

    Raises:
        Malformed: one is missing, unknown or out of range.
    """
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        raise Malformed(faults(error)) from None


def faults(error: ValidationError) -> str:
    """Return which members are wrong and how: never their values, nor names unlike ours."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(
        unknown(each["loc"][-1]) if each["type"] == "extra_forbidden" else _place(each["loc"])
        for each in found[:10]
    )


def _place(place: tuple[int | str, ...]) -> str:
    return f"{'.'.join(str(part) for part in place) or 'body'}: missing or not valid"


async def form(
    request: web.Request, *, seconds: float, longer: Longer | None = None
) -> dict[str, str]:
    """Return the fields of an urlencoded form of at most `FORM_LIMIT` bytes, each once.

    Args:
        request: nothing of its body was read.
        seconds: in which it has to arrive.
        longer: the one form that may be larger.

    Raises:
        TooLarge: more bytes.
        Malformed: a field twice, or something that cannot be parsed.
    """
    media_type(request, FORM)
    text = await whole(request, limit=FORM_LIMIT, seconds=seconds, longer=longer)
    pairs = urlencoded(text, most=FORM_FIELDS)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("a field occurs twice in the form")
    return fields


def urlencoded(text: bytes, *, most: int) -> list[tuple[str, str]]:
    """Return the fields of an urlencoded form or query, in their order.

    Args:
        text: at most as long as its reader allows.
        most: fields.

    Raises:
        Malformed: more fields, or something that cannot be parsed.
    """
    try:
        return parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=most,
        )
    except ValueError:
        raise Malformed("the form cannot be parsed") from None


async def first_line(content: StreamReader, *, limit: int, seconds: float) -> bytes:
    """Return the line in front of a sealed document without its LF; the rest stays unread.

    Raises:
        TooLarge: no LF within `limit` bytes.
        Malformed: the body ended before the LF.
        web.HTTPRequestTimeout: the line did not arrive in time.
    """
    if content.at_eof():  # no body at all: aiohttp's stand-in for one reads no lines
        raise Malformed("the manifest line has no line feed")
    try:
        line = await _within(content, seconds, content.readuntil(b"\n", max_size=limit))
    except LineTooLong:  # its text quotes the line
        raise TooLarge(f"the manifest line has more than {limit} bytes") from None
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except LOST:
        raise Malformed("the body ended early") from None
    if not line.endswith(b"\n"):
        raise Malformed("the manifest line has no line feed")
    return line[:-1]


async def arriving(
    request: web.Request, *, limit: int, settings: Deadlines
) -> AsyncGenerator[bytes, None]:
    """Yield what arrives of a streamed body.

    A lost, silent or too slow connection ends the piece instead of failing it: what came
    counts, and whoever needs the whole compares sizes.

    Args:
        request: its content was not read, or only its first line.
        limit: largest number of bytes.
        settings: longest silence, and the slowest rate.

    Raises:
        TooLarge: more than `limit` bytes arrived.
    """
    seen = since = 0
    clock = asyncio.get_running_loop().time
    window = clock()
    while True:
        try:
            chunk = await _within(request.content, settings.body_s, request.content.readany())
        except (*LOST, TimeoutError):
            return
        if not chunk:
            return
        seen += len(chunk)
        since += len(chunk)
        if seen > limit:
            raise TooLarge(f"more than {limit} bytes")
        yield chunk
        if (passed := clock() - window) >= settings.slowest_window_s:
            if since < settings.slowest_body * passed:
                return
            window, since = clock(), 0


async def _within(content: StreamReader, seconds: float, read: Awaitable[bytes]) -> bytes:
    """Return what a read brings; a body that is here as a whole needs no deadline."""
    if content.is_eof():
        return await read
    async with asyncio.timeout(seconds):
        return await read
