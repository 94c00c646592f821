"""Forms with files: read part by part, each with its bound; nothing of them is ever held whole."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from aiohttp import BodyPartReader, web

from exchange.agency.pages import forms
from exchange.agency.pages.fields import Fields
from exchange.agency.pages.shell import Visit
from exchange.envelope.contents import MOST_FILES
from exchange.errors import Malformed, TooLarge
from exchange.serving.bodies import LOST

LARGEST_TEXT: Final = 32 * 1024
"""Bytes of a field that is no file; a remark has 4000 characters."""
MOST_PARTS: Final = MOST_FILES + 200
SILENT_S: Final = 30.0
"""Seconds in which something of a body has to arrive."""
PIECE: Final = 256 * 1024
ANY: Final = "application/octet-stream"
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Upload(Generic[T]):
    """One file that came with a form."""

    name: str
    """As the browser says; any text."""
    media_type: str
    """As the browser says; `application/octet-stream` where that is no plain type."""
    taken: T
    """What became of it."""


async def receive(
    visit: Visit, take: Callable[[AsyncIterator[bytes]], Awaitable[T]]
) -> tuple[Fields, list[Upload[T]]]:
    """Return the fields of a form and the files that came with it.

    Args:
        visit: whose session has made the form; its secret is the first field.
        take: told the bytes of each file as they arrive.

    Raises:
        NotPermitted: no page of this session has sent it; no file was looked at.
        Malformed: it is no such form, or ended early.
        TooLarge: a field is longer than any of ours, or there are too many.
    """
    if not visit.request.content_type.startswith("multipart/form-data"):
        raise web.HTTPUnsupportedMediaType
    fields: dict[str, tuple[str, ...]] = {}
    uploads: list[Upload[T]] = []
    try:
        async for part in _parts(visit.request):
            if part.filename is None:
                _add(fields, part.name or "", await _text(part))
            # Before anything else of the form is looked at.
            forms.check_seal(visit.session, Fields(fields).one(forms.SEAL))
            if part.filename:  # a browser sends one without a name where no file was chosen
                taken = await take(_arriving(part))
                uploads.append(Upload(part.filename, _media_type(part), taken))
    except ValueError:  # aiohttp's word for a body that is no multipart; it quotes what it got
        raise Malformed("the form cannot be parsed") from None
    except LOST:
        raise Malformed("the form ended early") from None
    forms.check_seal(visit.session, Fields(fields).one(forms.SEAL))
    return Fields(fields), uploads


def _add(fields: dict[str, tuple[str, ...]], name: str, text: str) -> None:
    fields[name] = (*fields.get(name, ()), text)


async def _parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    reader = await request.multipart()
    for _ in range(MOST_PARTS):
        async with _soon():
            part = await reader.next()
        if part is None:
            return
        if not isinstance(part, BodyPartReader):
            raise Malformed("a form has no parts within parts")
        yield part
    raise TooLarge("the form has too many parts")


async def _arriving(part: BodyPartReader) -> AsyncIterator[bytes]:
    while True:
        async with _soon():
            chunk = await part.read_chunk(PIECE)
        if not chunk:
            return
        yield chunk


async def _text(part: BodyPartReader) -> str:
    gathered = bytearray()
    async for chunk in _arriving(part):
        gathered += chunk
        if len(gathered) > LARGEST_TEXT:
            raise TooLarge("a field of the form is too long")
    try:
        return gathered.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Malformed("the form is not UTF-8") from None


def _soon() -> asyncio.Timeout:
    return asyncio.timeout(SILENT_S)


def _media_type(part: BodyPartReader) -> str:
    claimed = part.headers.get("Content-Type", ANY).partition(";")[0].strip().lower()
    return claimed if _MEDIA_TYPE.fullmatch(claimed) else ANY
