"""One byte range of a payload (RFC 9110, section 14), or the whole."""

import re

from aiohttp import web

_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})", re.ASCII)


def byte_range(request: web.Request, *, size: int, etag: str) -> tuple[int, int] | None:
    """Return (first, end) of the payload to send, end exclusive; None for the whole.

    Malformed and several ranges are ignored, as RFC 9110 allows: no answer is larger than the
    payload.

    Args:
        request: the request.
        size: bytes of the payload.
        etag: entity tag of the payload, with its quotes.

    Raises:
        web.HTTPRequestRangeNotSatisfiable: the range lies outside the payload.
    """
    if request.headers.get("If-Range", etag) != etag:
        return None
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or asked[1] == asked[2] == "":
        return None
    if asked[1] == "":  # the last so many bytes
        first, end = max(0, size - int(asked[2])), size
    else:
        first, end = int(asked[1]), size if asked[2] == "" else min(size, int(asked[2]) + 1)
        if asked[2] != "" and int(asked[2]) < int(asked[1]):
            return None  # reversed: not a valid range
    if first >= end:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    return first, end


def precondition(request: web.Request, *, etag: str) -> None:
    """Refuse with 412 unless `If-Match` is absent, `*` or names the payload."""
    asked = request.headers.get("If-Match")
    if asked is None or asked.strip() == "*":
        return
    if etag not in {tag.strip() for tag in asked.split(",")}:
        raise web.HTTPPreconditionFailed
