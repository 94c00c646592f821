"""What is wrong with a request before anybody asks what it wants: framing, host, path, query.

Stricter than HTTP allows where leniency lets two programs read one request differently, or
lets an id be spelt in two ways. Never looks at an object, so a refusal here tells nothing.
"""

import re
from collections.abc import Collection, Container
from urllib.parse import parse_qsl

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web

from exchange.errors import Malformed

HEAD_LIMIT = 32 * 1024
"""Bytes of all header lines together."""
HEAD_LINES = 64
"""Header lines of a request; twice what a browser behind two proxies sends."""
PATH_LIMIT = 512
"""Bytes of a path; our longest has 90."""
QUERY_LIMIT = 2048
"""Bytes of a query; our longest has 200."""
FOREIGN_QUERY_LIMIT = 4096
"""Bytes of a query that a foreign program has written; some codes have more than a thousand."""

SINGLE = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "idempotency-key",
        "if-match",
        "if-range",
        "range",
        "transfer-encoding",
        "tus-resumable",
        "upload-length",
        "upload-offset",
    }
)
"""Headers that decide something: of two, one program would take the first, another the last."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods any route may have; CONNECT, TRACE and all others are refused whatever they ask for."""
REFUSED = frozenset(
    {
        "trailer",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
    }
)
"""Headers that would make a request mean another one, or announce more of them behind the body."""

_PATH = re.compile(r"/[A-Za-z0-9._/-]*", re.ASCII)
_QUERY = re.compile(r"[A-Za-z0-9_=&-]*", re.ASCII)
_FOREIGN_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$'()*+,;:@/?=&-]|%[0-9A-Fa-f]{2})*", re.ASCII)
"""All that a query may be made of (RFC 3986, section 3.4)."""


class HeadTooLarge(web.HTTPClientError):
    """The request head is too large."""

    status_code = 431


class Misdirected(web.HTTPClientError):
    """The host in the request is not ours."""

    status_code = 421


class BadFraming(web.HTTPBadRequest):
    """Where this request ends is not certain: the connection must not be used again."""


def check(
    request: web.Request, *, hosts: Container[str], led_to: Collection[str] = frozenset()
) -> None:
    """Refuse a request whose head is malformed, ambiguous, too large or meant for another host.

    Args:
        request: as parsed; nothing of its body was read.
        hosts: values of `Host` this process answers, in lower case.
        led_to: paths to which a foreign program sends browsers, with a query of its spelling.

    Raises:
        web.HTTPException: 400, 404, 405, 415, 421 or 431.
    """
    _check_lines(request)
    _check_framing(request)
    if request.method not in METHODS:
        raise web.HTTPMethodNotAllowed("", METHODS)
    if request.raw_path[:1] != "/" or request.headers[hdrs.HOST].lower() not in hosts:
        raise Misdirected
    _check_target(request.raw_path, led_to)
    if hdrs.CONTENT_ENCODING in request.headers:
        raise web.HTTPUnsupportedMediaType


def _check_lines(request: web.Request) -> None:
    names, total = list[str](), 0
    for name, value in request.raw_headers:
        names.append(name.decode("latin-1").lower())
        total += len(name) + len(value) + 4
    if total > HEAD_LIMIT or len(names) > HEAD_LINES:
        raise HeadTooLarge
    seen = frozenset(names)
    if not REFUSED.isdisjoint(seen) or "_" in "".join(seen):
        raise BadFraming
    doubled = len(seen) < len(names) and any(names.count(name) > 1 for name in SINGLE & seen)
    if doubled or "host" not in seen:
        raise BadFraming


def _check_framing(request: web.Request) -> None:
    if request.version not in {HttpVersion10, HttpVersion11}:
        raise BadFraming
    coding = request.headers.get(hdrs.TRANSFER_ENCODING)
    length = request.headers.get(hdrs.CONTENT_LENGTH)
    if coding is not None and (
        coding.lower() != "chunked" or request.version != HttpVersion11 or length is not None
    ):
        raise BadFraming
    if length is not None and not (length.isascii() and length.isdigit()):
        raise BadFraming
    if request.method in {hdrs.METH_GET, hdrs.METH_HEAD} and (
        coding is not None or (length is not None and int(length) > 0)
    ):
        raise BadFraming


def _check_target(target: str, led_to: Collection[str]) -> None:
    path, _, query = target.partition("?")
    # Ours never need a percent sign: what decodes to a slash or a NUL is no id of ours.
    if len(path) > PATH_LIMIT or _PATH.fullmatch(path) is None:
        raise web.HTTPNotFound
    if path in led_to:
        fits = len(query) <= FOREIGN_QUERY_LIMIT and _FOREIGN_QUERY.fullmatch(query)
    else:
        fits = len(query) <= QUERY_LIMIT and _QUERY.fullmatch(query)
    if not fits:
        raise Malformed("the query holds characters that no parameter has")


def parameters(request: web.Request) -> dict[str, str]:
    """Return the query as text, each key once.

    Raises:
        Malformed: a key twice, or a part without a value.
    """
    query = request.raw_path.partition("?")[2]
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise Malformed("the query cannot be parsed") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a parameter occurs twice in the query")
    return found
