"""What a person has typed or pressed: one form, read strictly, sent by a page of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from exchange.errors import Malformed, NotPermitted
from exchange.hub.http import bodies
from exchange.hub.http.call import FRONT
from exchange.hub.pages.own_page import from_own_page
from exchange.hub.pages.shell import LANG, SHELL, language
from exchange.statement import LARGEST_RECORD

FIELDS: Final = frozenset({"code", "lang", "names", "after", "at", "key", "to_sign", "signature"})
"""Fields any form of ours has; ticks have no name and are never sent."""
LARGEST_SIGNED: Final = bodies.FORM_LIMIT + LARGEST_RECORD
"""Bytes of a form that brings back what was signed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One form. Its representation shows nothing of it."""

    fields: Mapping[str, str] = field(repr=False)
    """By name, each one of `FIELDS`."""
    lang: str
    """Chosen language, one of `LANGUAGES`."""
    address: str = field(repr=False)
    """Where it came from."""
    code: str = field(repr=False)
    """As typed, of any length; empty where the field is missing or the page is closed."""

    @property
    def named(self) -> bool:
        """Whether the full names of offices were asked for."""
        return self.fields.get("names") == "yes"

    @property
    def after(self) -> str | None:
        """Cursor of the page of events that was asked for."""
        return self.fields.get("after")


async def enter(request: web.Request, *, limit: int = bodies.FORM_LIMIT) -> Entry:
    """Return the form somebody has sent, after a pause where too many opened nothing.

    Args:
        request: a POST; nothing of its body was read.
        limit: bytes of the form.

    Raises:
        NotPermitted: another site sent it.
        Malformed: not a form, or a field that no page of ours has.
        TooLarge: more than `limit` bytes.
        TooMany: see `exchange.hub.pages.pace`.
    """
    front = request.app[FRONT]
    if not from_own_page(request, front.hub.origin):
        raise NotPermitted
    fields = await bodies.form(request, seconds=front.settings.body_s, limit=limit)
    shell, lang = request.app[SHELL], language(fields, request)
    request[LANG] = lang
    if not fields.keys() <= FIELDS:
        raise Malformed("the form has an unknown field")
    address = front.address(request)
    await shell.pace.keep(address)
    # A closed page looks up what opens nothing: it differs from a wrong code in no way.
    code = fields.get("code", "") if shell.settings.open else ""
    return Entry(fields, lang, address, code)


def nothing(request: web.Request, entry: Entry) -> web.Response:
    """Say that there is nothing to show, and count it: the same bytes whatever the reason."""
    shell = request.app[SHELL]
    shell.pace.missed(entry.address)
    return shell.render("start.html", entry.lang, missed=True)
