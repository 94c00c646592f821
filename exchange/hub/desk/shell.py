"""What every officers' page shares: templates, languages, headers, and who looks at it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final, Literal, TypeAlias

from aiohttp import web
from jinja2 import Environment

from exchange.hub.http.call import FRONT
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.sessions import Session
from exchange.hub.parts import Hub
from exchange.hub.settings import Person
from exchange.hub.storage.officers import Role
from exchange.pages.assets import DESK, Asset, read_assets, shared
from exchange.pages.templates import read_templates
from exchange.pages.words import USUAL, Words, preferred, read_words

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere, and no script at all."""
HOME: Final = "/officer/"
STATIC: Final = "/officer/static/"
TEXTS: Final = ("desk", "provider", "log", "answers", "figures", "files", "findings")
"""Folders of texts, one for each group of pages; no two of them have a key in common."""
LANGUAGE: Final = "__Host-language"
"""Cookie with the language somebody has chosen."""
READERS: Final = frozenset[Role]({"officer"})
"""Who reads the records of an agency."""
EVERYBODY: Final = frozenset[Role]({"officer", "auditor", "operator"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The parts of the pages, made once by `make_shell`."""

    provider: bool
    """Whether a provider of logins is configured; otherwise the operator makes links."""
    person: Person
    """Whom to tell of a barrier: the same as at the person's page."""
    parts: Sequence[tuple[str, str, frozenset[Role]]]
    """Path, key of the words and roles of what the navigation leads to, in its order."""
    pages: Sequence[str]
    """Pattern of every page: where a login may lead."""
    words: Mapping[str, Words]
    """By language."""
    assets: Mapping[str, Asset]
    """By file name."""
    templates: Environment = field(repr=False)
    press: asyncio.Semaphore = field(repr=False)
    """One paper is set at a time: each takes its memory and a second of one processor."""

    def render(
        self,
        template: str,
        lang: str,
        *,
        status: int = 200,
        path: str = HOME,
        asker: Officer | None = None,
        query: Mapping[str, str] | None = None,
        **values: object,
    ) -> web.Response:
        """Return a page in one of `USUAL`; all values are text to it, never markup.

        Args:
            template: file name in `templates`.
            lang: language of every word of ours on it.
            status: of the answer.
            path: of the page, for the navigation and the switch of languages.
            asker: whoever looks at it; None before she has logged in.
            query: what the switch of languages keeps of the address.
            values: what the template names.
        """
        body = self.templates.get_template(template).render(
            say=self.words[lang],
            lang=lang,
            languages=[(other, self.words[other]("page.language")) for other in USUAL],
            assets=self.assets,
            parts=[part for part in self.parts if asker is not None and asker.role in part[2]],
            path=path,
            asker=asker,
            query=query or {},
            provider=self.provider,
            **values,
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
    """One request of somebody who has logged in."""

    request: web.Request = field(repr=False)
    session: Session
    shell: Shell
    lang: str
    fields: Mapping[str, str] = field(repr=False)
    """Of the query, or of the form that was sent; each name once."""

    @property
    def hub(self) -> Hub:
        """The parts that verbs work with."""
        return self.request.app[FRONT].hub

    @property
    def asker(self) -> Officer:
        """Who asks: the first argument of every verb after the hub."""
        return self.session.officer

    @property
    def say(self) -> Words:
        """Words of the language chosen."""
        return self.shell.words[self.lang]

    def in_path(self, name: str = "id") -> str:
        """Return a part of the path that has a name in its pattern."""
        return self.request.match_info[name]

    def path_of(self, part: str) -> str:
        """Return the path of a part of the navigation; empty where her role has none."""
        of_hers = {key: path for path, key, roles in self.shell.parts if self.asker.role in roles}
        return of_hers.get(part, "")

    def page(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        """Return a page for this visit; see `Shell.render`."""
        looked = self.request.method == "GET"
        kept = {name: text for name, text in self.fields.items() if name != "lang" and looked}
        return self.shell.render(
            template,
            self.lang,
            status=status,
            path=self.request.path,
            asker=self.asker,
            query=kept,
            shown_at=self.say.moment(self.hub.clock()),
            hub=self.hub.origin,
            **values,
        )

    def go(self, path: str) -> web.Response:
        """Return the way to another page, so that loading it again repeats nothing."""
        return web.Response(status=303, headers={"Location": path})


Page: TypeAlias = Callable[[Visit], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address below `/officer/` that is for whoever has logged in, in one of some roles."""

    path: str
    """Pattern of the route."""
    page: Page
    method: Literal["GET", "POST"] = "GET"
    """With POST, what a page of ours has sent."""
    roles: frozenset[Role] = READERS
    """To all others the address does not exist."""
    fresh: bool = False
    """Whether she must have proved who she is a short while ago: for what is taken away."""
    part: str = ""
    """Key in the words' table `part` of its place in the navigation; empty: it has none."""


SHELL = web.AppKey("desk", Shell)


def make_shell(places: Sequence[Place], *, provider: bool, person: Person) -> Shell:
    """Return the parts of the pages; texts, templates and assets are read once, here.

    Args:
        places: every address of the pages, in the order of the navigation.
        provider: whether a provider of logins is configured.
        person: settings of the person's page.
    """
    here = files("exchange.hub.desk")
    return Shell(
        provider=provider,
        person=person,
        parts=[(place.path, place.part, place.roles) for place in places if place.part],
        pages=[place.path for place in places if place.method == "GET" and not place.fresh],
        words={lang: _words(lang) for lang in USUAL},
        assets=read_assets(STATIC, shared(DESK), here.joinpath("static", "officer.css")),
        templates=read_templates("exchange.hub.desk"),
        press=asyncio.Semaphore(1),
    )


def _words(lang: str) -> Words:
    folder = files("exchange.hub.desk").joinpath("texts")
    read = [read_words(folder.joinpath(name), lang).texts for name in TEXTS]
    return Words(lang, {key: text for texts in read for key, text in texts.items()})


def language(request: web.Request, chosen: str = "") -> str:
    """Return the language somebody has chosen, now or before, or the one her browser asks for."""
    for lang in (chosen, request.cookies.get(LANGUAGE, "")):
        if lang in USUAL:
            return lang
    return preferred(request.headers.get("Accept-Language", ""))


def remembered(answer: web.StreamResponse, chosen: str) -> web.StreamResponse:
    """Return an answer that also remembers the language somebody has chosen with it, if any."""
    if chosen in USUAL and not answer.prepared:
        answer.set_cookie(LANGUAGE, chosen, secure=True, httponly=True, samesite="Lax", path="/")
    return answer
