"""What every page shares: templates, languages and headers.

A page holds nothing that an address, a title, a header or a status could tell. The code travels in
the body of a POST and nowhere else.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from jinja2 import Environment

from exchange.hub.http.limits import Ticks
from exchange.hub.pages.assets import read_assets
from exchange.hub.pages.pace import Pace
from exchange.hub.pages.words import LANGUAGES, read_words
from exchange.hub.settings import Person
from exchange.pages.assets import Asset
from exchange.pages.templates import read_templates
from exchange.pages.words import Words, preferred

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere, no connection a script could open."""
SIGNING_POLICY: Final = {"Content-Security-Policy": f"{POLICY}; connect-src 'self'"}
"""On pages where her own key signs: its script asks this host what there is to sign."""
CLEAR: Final = {"Clear-Site-Data": '"cache"'}
"""On the page that ends a visit: what the browser kept for "back" goes too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The parts of the pages, made once by `make_shell`."""

    settings: Person
    pace: Pace
    words: Mapping[str, Words]
    """By language."""
    assets: Mapping[str, Asset]
    """By file name."""
    templates: Environment = field(repr=False)
    press: asyncio.Semaphore = field(repr=False)
    """Held while everything about a consent becomes paper: a long one needs a lot of memory."""

    def render(
        self,
        template: str,
        lang: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> web.Response:
        """Return a page in the language `lang`, one of `LANGUAGES`.

        Args:
            template: file name in `templates`.
            lang: language of every word of ours on it.
            status: of the answer.
            headers: beside the constant ones.
            values: what the template names; all of it is text to it, never markup.
        """
        say = self.words[lang]
        given = {"sensitive": False, **values}
        body = self.templates.get_template(template).render(
            say=say,
            lang=lang,
            languages=[(other, self.words[other]("page.language")) for other in LANGUAGES],
            leave_to=self.settings.leave_to,
            assets=self.assets,
            **given,
        )
        return web.Response(
            status=status,
            body=body.encode(),
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": POLICY, **(headers or {})},
        )


SHELL = web.AppKey("shell", Shell)
LANG = web.RequestKey("lang", str)
"""Language chosen in the form; set as soon as the form is read."""


def make_shell(settings: Person, ticks: Ticks) -> Shell:
    """Return the parts of the pages; texts, templates and assets are read once, here.

    Args:
        settings: validated.
        ticks: monotonic seconds, for the pace of codes.
    """
    return Shell(
        settings=settings,
        pace=Pace(settings, ticks),
        words={lang: read_words(lang) for lang in LANGUAGES},
        assets=read_assets(),
        templates=read_templates("exchange.hub.pages"),
        press=asyncio.Semaphore(1),
    )


def language(given: Mapping[str, str], request: web.Request) -> str:
    """Return the language somebody has chosen with `lang`, or the one her browser asks for."""
    chosen = given.get("lang", "")
    return chosen if chosen in LANGUAGES else preferred(request.headers.get("Accept-Language", ""))
