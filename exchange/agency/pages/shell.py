"""What every page of the gateway shares: templates, languages, headers, and who looks at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final

from aiohttp import web
from jinja2 import Environment

from exchange.agency.pages.book import Books
from exchange.agency.pages.fields import Fields
from exchange.agency.pages.session import Session
from exchange.agency.parts import Gateway
from exchange.pages.assets import DESK, Asset, read_assets, shared
from exchange.pages.templates import read_templates
from exchange.pages.words import USUAL, Words, preferred, read_words

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere, and no script at all."""
STATIC: Final = "/static/"
PARTS: Final = (
    ("", "start"),
    ("documents", "documents"),
    ("sent", "sent"),
    ("consents", "consents"),
    ("requests", "requests"),
    ("erasures", "erasures"),
    ("quarantine", "quarantine"),
)
"""First part of the path, and key of the words, of what the navigation leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The parts of the pages, made once by `make_shell`."""

    words: Mapping[str, Words]
    """By language."""
    assets: Mapping[str, Asset]
    """By file name."""
    templates: Environment = field(repr=False)
    books: Books
    """What the agreements call offices, purposes and kinds of documents."""

    def render(
        self,
        template: str,
        lang: str,
        *,
        status: int = 200,
        path: str = "/",
        session: Session | None = None,
        **values: object,
    ) -> web.Response:
        """Return a page in one of `USUAL`; all values are text to it, never markup.

        Args:
            template: file name in `templates`.
            lang: language of every word of ours on it.
            status: of the answer.
            path: of the page, for the navigation and the switch of languages.
            session: whoever looks at it; None before she has entered.
            values: what the template names.
        """
        note = None if session is None else session.note
        if session is not None:
            session.note = None
        given: dict[str, object] = {"query": {}, **values}
        body = self.templates.get_template(template).render(
            say=self.words[lang],
            lang=lang,
            languages=[(other, self.words[other]("page.language")) for other in USUAL],
            assets=self.assets,
            parts=PARTS,
            path=path,
            here=path.split("/")[1],
            agency=None if session is None else self.books.name_of(session.office.agency),
            seal="" if session is None else session.seal,
            note=note,
            **given,
        )
        return web.Response(
            status=status,
            body=body.encode(),
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": POLICY},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of somebody who has entered."""

    request: web.Request = field(repr=False)
    session: Session
    shell: Shell
    fields: Fields
    """Of the query, or of the form that was sent; empty where the form brings files."""

    @property
    def gateway(self) -> Gateway:
        """The office's gateway."""
        return self.session.office.gateway

    @property
    def say(self) -> Words:
        """Words of the language chosen."""
        return self.shell.words[self.session.lang]

    def id_in_path(self) -> str:
        """Return the id in the path of the page."""
        return self.request.match_info["id"]

    def page(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        """Return a page for this visit; see `Shell.render`."""
        query = self.fields.first() if self.request.method == "GET" else {}
        return self.shell.render(
            template,
            self.session.lang,
            status=status,
            path=self.request.path,
            session=self.session,
            query=query,
            **values,
        )

    def go(self, path: str, note: str | None = None) -> web.Response:
        """Return the way to another page, so that loading it again repeats nothing.

        Args:
            path: of the page.
            note: key of what it says was done.
        """
        self.session.note = note
        return web.Response(status=303, headers={"Location": path})


SHELL = web.AppKey("shell", Shell)


def make_shell() -> Shell:
    """Return the parts of the pages; texts, templates and assets are read once, here."""
    here = files("exchange.agency.pages")
    return Shell(
        words={lang: read_words(here.joinpath("texts"), lang) for lang in USUAL},
        assets=read_assets(STATIC, shared(DESK)),
        templates=read_templates("exchange.agency.pages"),
        books=Books(),
    )


def language(request: web.Request, chosen: str) -> str:
    """Return the language somebody has chosen, or the one her browser asks for."""
    return chosen if chosen in USUAL else preferred(request.headers.get("Accept-Language", ""))
