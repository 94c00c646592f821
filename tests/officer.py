"""Somebody at the officers' desk, as a browser sends it: cookies, and where a form comes from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from exchange.hub.desk.shell import make_shell
from exchange.hub.desk.site import OPEN, PLACES
from exchange.hub.officers import accounts, links
from exchange.hub.officers.accounts import Officer
from exchange.hub.officers.sessions import COOKIE
from exchange.hub.settings import Person
from exchange.hub.storage.officers import Role
from exchange.wire.routes import FORM
from tests.simulator import RECIPIENT, Answer, Simulator

OWN = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a form on a page of ours."""

NOBODY = "00000000-0000-4000-8000-000000000000"
"""An id of nothing."""
_PLACE = re.compile(r"{(\w+)(?::([^{}]*(?:{[0-9]+}[^{}]*)*))?}")


def address(pattern: str, named: Mapping[str, str] | None = None) -> str:
    """Return an address of a route.

    Args:
        pattern: of the route.
        named: what stands in its places, by their names; else the first word a place takes, or
            the id of nothing.
    """

    def one(place: re.Match[str]) -> str:
        form = place[2] or ""
        word = form.partition("|")[0] if "|" in form and "[" not in form else NOBODY
        word = "1" if form == "[0-9]+" else word
        return (named or {}).get(place[1], word)

    return _PLACE.sub(one, pattern)


def served() -> list[tuple[str, str]]:
    """Return method and path of all that the pages serve without a provider, as aiohttp says it."""
    shell = make_shell(PLACES, provider=False, person=Person())
    routes = [(method, path) for method, path, _ in OPEN]
    routes += [(place.method, place.path) for place in PLACES]
    routes += [("GET", path) for path in ("/officer", *(one.path for one in shell.assets.values()))]
    return [(method, _PLACE.sub(r"{\1}", path)) for method, path in routes]


@dataclass
class Desk:
    """One browser; follows no redirect by itself."""

    sim: Simulator
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)
    """Headers of the last answer, as they came."""

    @property
    def cookie(self) -> str:
        """Value of the cookie of the session; empty if there is none."""
        return self.cookies.get(COOKIE, "")

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._ask("GET", path, None, headers or {})

    async def post(
        self, path: str, headers: Mapping[str, str] | None = None, **fields: str
    ) -> Answer:
        sent = {"Content-Type": FORM, **(OWN if headers is None else headers)}
        return await self._ask("POST", path, urlencode(fields), sent)

    async def enter(self, secret: str) -> Answer:
        """Press the button of a link's page."""
        return await self.post("/officer/link", secret=secret)

    async def _ask(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Accept-Language": "en", **({"Cookie": kept} if kept else {}), **headers}
        async with self.sim.http.request(
            method, self.sim.origin + path, data=body, headers=sent, allow_redirects=False
        ) as found:
            self.set_cookies = found.headers.getall("Set-Cookie", [])
            for name, morsel in found.cookies.items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
            return Answer(found.status, dict(found.headers.items()), await found.read())


async def account(
    sim: Simulator, role: Role = "officer", agency: str | None = RECIPIENT
) -> Officer:
    """Make an account; of an officer, unless told otherwise."""
    return await accounts.add(sim.hub, role=role, agency=agency if role == "officer" else None)


async def logged_in(
    sim: Simulator, role: Role = "officer", agency: str | None = RECIPIENT
) -> tuple[Desk, Officer]:
    """Return a browser that has logged in with a one-time link, and who sits before it."""
    officer = await account(sim, role, agency)
    return await entered(sim, officer), officer


async def entered(sim: Simulator, officer: Officer) -> Desk:
    """Return one more browser in which an account has logged in."""
    desk = Desk(sim)
    link = await links.make(sim.hub, officer.id)
    answer = await desk.enter(link.secret)
    assert answer.status == 303, answer.body
    return desk
