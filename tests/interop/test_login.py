"""exchange.hub.officers.oidc with a certified provider of logins, as it is used in offices."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import Connection, text

from exchange.hub.officers import accounts, oidc, sessions
from exchange.hub.officers.accounts import Login
from exchange.hub.settings import Officers
from tests import needs
from tests.login import CLIENT, SECRET, SUBJECT, Browser, browsing, nothing_opened, refused_for
from tests.simulator import Answer, Simulator

SCRIPT: Final = needs.FOREIGN.parent / "provider.mjs"
ACTION = re.compile(r'<form[^>]* action="([^"]+)"')
PROMPT = re.compile(r'name="prompt" value="([a-z]+)"')

pytestmark = [
    needs.node(),
    needs.foreign("oidc-provider"),
    pytest.mark.xdist_group("login"),  # one provider for all
    pytest.mark.asyncio(loop_scope="module"),
]


class Live(Simulator):
    """A hub with the clock of the machine: the provider has no other."""

    @property
    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)

    @now.setter
    def now(self, _: datetime) -> None:
        """Leave the clock alone."""


class Person:
    """Somebody in front of the provider's pages, with her browser's cookies for it."""

    def __init__(self, http: aiohttp.ClientSession, back: str) -> None:
        self._http = http
        self._back = back
        self.prompts: list[str] = []
        """What she was asked: to log in, to agree."""

    def forget(self) -> None:
        """Come to the provider as if for the first time."""
        self._http.cookie_jar.clear()

    async def agree(self, location: str) -> dict[str, str]:
        """Do what the provider asks for, and return with what it sends her back."""
        self.prompts.clear()
        form: dict[str, str] | None = None
        while not location.startswith(self._back):
            method = "GET" if form is None else "POST"
            async with self._http.request(
                method, location, data=form, allow_redirects=False
            ) as answer:
                page = await answer.text()
                assert answer.status in {200, 302, 303}, page
                form = None
                if answer.status == 200:
                    action, prompt = ACTION.search(page), PROMPT.search(page)
                    assert action is not None
                    assert prompt is not None
                    self.prompts.append(prompt[1])
                    location = urljoin(location, action[1])
                    form = {"prompt": prompt[1], "login": SUBJECT, "password": "any"}
                else:
                    location = urljoin(location, answer.headers["Location"])
        return dict(parse_qsl(urlsplit(location).query, strict_parsing=True))


@contextmanager
def provider(back: str, *secret: str) -> Iterator[str]:
    """Run the provider while the block runs; yield its address."""
    command = ["node", str(SCRIPT), back, *secret]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as found:
        try:
            assert found.stdout is not None
            yield found.stdout.readline().strip()
        finally:
            found.kill()


@dataclass
class Office:
    """A hub with a provider of logins, and an officer in front of her browser."""

    sim: Simulator
    browser: Browser
    person: Person

    async def log_in(self, query: str = "", **changes: str) -> Answer:
        """Go there, do what is asked for, and come back."""
        answer = await self.person.agree(await self.browser.begin(query))
        return await self.browser.come_back({**answer, **changes})

    async def proved_at(self) -> datetime:
        found = await sessions.find(self.sim.hub, self.browser.session)
        assert found is not None
        return found.proved_at


@asynccontextmanager
async def office(root: Path, *secret: str) -> AsyncIterator[Office]:
    sim = Live(root)
    back = sim.origin + oidc.BACK
    with provider(back, *secret) as issuer:
        told = {"issuer": issuer, "client_id": CLIENT, "secret": "".join(secret)}
        sim.settings = sim.settings.model_copy(update={"officers": Officers(**told)})
        jar = aiohttp.CookieJar(unsafe=True)
        async with (
            sim.running(),
            browsing(sim.origin) as browser,
            aiohttp.ClientSession(cookie_jar=jar) as http,
        ):
            login = Login(issuer=issuer, subject=SUBJECT)
            await accounts.add(sim.hub, role="auditor", agency=None, login=login)
            yield Office(sim, browser, Person(http, back))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with office(tmp_path_factory.mktemp("office"), SECRET) as found:
        yield found


@pytest.fixture
def here(opened: Office) -> Office:
    """Return the office with browsers that have been nowhere yet."""
    opened.browser.cookies.clear()
    opened.person.forget()
    return opened


async def test_an_officer_logs_in_and_proves_later_who_she_is(here: Office) -> None:
    assert (await here.log_in()).status == 303
    assert here.person.prompts[0] == "login"
    assert (await here.browser.get("/officer/")).status == 200
    first = await here.proved_at()

    await asyncio.sleep(1.1)  # auth_time has whole seconds
    assert (await here.log_in()).status == 303
    assert here.person.prompts == []
    assert await here.proved_at() == first

    assert (await here.log_in("?again=yes")).status == 303
    assert here.person.prompts[0] == "login"
    assert await here.proved_at() > first


async def test_a_client_without_a_secret_logs_in_by_pkce_alone(tmp_path: Path) -> None:
    async with office(tmp_path) as public:
        assert (await public.log_in()).status == 303


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "other"}, "state"),
        ({"iss": "https://other.example"}, "issuer"),
        ({"code": "other"}, "token"),
    ],
)
async def test_an_answer_that_was_changed_is_refused(
    here: Office, changes: dict[str, str], reason: str
) -> None:
    with refused_for(reason):
        nothing_opened(here.browser, await here.log_in(**changes))


@pytest.mark.parametrize(("column", "reason"), [("verifier", "token"), ("nonce", "nonce")])
async def test_what_the_provider_was_not_told_is_refused(
    here: Office, column: str, reason: str
) -> None:
    def change(conn: Connection) -> None:
        conn.execute(text(f"UPDATE officer_logins SET {column} = '{'a' * 43}'"))  # noqa: S608

    answer = await here.person.agree(await here.browser.begin())
    await here.sim.hub.db.write(change)

    with refused_for(reason):
        nothing_opened(here.browser, await here.browser.come_back(answer))


async def test_a_code_is_good_for_one_login(here: Office) -> None:
    first = await here.person.agree(await here.browser.begin())
    assert (await here.browser.come_back(first)).status == 303
    here.browser.cookies.clear()

    with refused_for("token"):
        nothing_opened(here.browser, await here.log_in(code=first["code"]))
