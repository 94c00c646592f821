"""What a person has typed or pressed: one form, read strictly, sent by a page of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from exchange.errors import Malformed, NotPermitted
from exchange.hub.http.call import FRONT
from exchange.hub.pages.shell import LANG, SHELL, language
from exchange.pages.own_page import from_own_page
from exchange.serving import bodies
from exchange.statement import LARGEST_RECORD

FIELDS: Final = frozenset(
    {"code", "do", "lang", "names", "after", "at", "seen", "key", "to_sign", "signature"}
)
"""Fields any form of ours has; ticks have no name and are never sent."""
SIGNED: Final = bodies.Longer(b"do=sign&", bodies.FORM_LIMIT + LARGEST_RECORD)
"""The one long form: it brings back a whole consent with its signature, and says so first."""


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
    def wish(self) -> str:
        """What is asked for: a name in `exchange.hub.pages.site.WISHES`, or anything."""
        return self.fields.get("do", "show")

    @property
    def named(self) -> bool:
        """Whether the full names of offices were asked for."""
        return self.fields.get("names") == "yes"

    @property
    def after(self) -> str | None:
        """Cursor of the page of events that was asked for."""
        return self.fields.get("after")


async def enter(request: web.Request) -> Entry:
    """Return the form somebody has sent with a POST; nothing of its body was read.

    Raises:
        NotPermitted: another site sent it.
        Malformed: not a form, or a field that no page of ours has.
        TooLarge: more than a form of ours has.
    """
    front = request.app[FRONT]
    if not from_own_page(request, front.hub.origin):
        raise NotPermitted
    fields = await bodies.form(request, seconds=front.settings.body_s, longer=SIGNED)
    shell, lang = request.app[SHELL], language(fields, request)
    request[LANG] = lang
    if not fields.keys() <= FIELDS:
        raise Malformed("the form has an unknown field")
    # A closed page looks up what opens nothing: it differs from a wrong code in no way.
    code = fields.get("code", "") if shell.settings.open else ""
    return Entry(fields, lang, front.address(request), code)


async def nothing(request: web.Request, entry: Entry) -> web.Response:
    """Say that there is nothing to show: the same bytes whatever the reason.

    Raises:
        TooMany: see `exchange.hub.pages.pace`.
    """
    shell = request.app[SHELL]
    await shell.pace.missed(entry.address)
    return shell.render("start.html", entry.lang, missed=True)
