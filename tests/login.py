"""Logins with a provider: a browser by hand, and a provider that answers as a test wishes.

The browser keeps cookies and follows no redirect by itself: each step of a login is looked at.
"""

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
from aiohttp import web
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey
from structlog.testing import capture_logs
from yarl import URL

from exchange.canonical import b64u, encode
from exchange.hub.desk.provider import START
from exchange.hub.officers import accounts, oidc, sessions
from exchange.hub.officers.accounts import Login
from exchange.hub.officers.provider import WELL_KNOWN, Provider
from exchange.hub.settings import Officers
from exchange.statement import seconds
from tests.simulator import Answer, Simulator

CLIENT: Final = "hub"
SECRET: Final = "s e:c%r/et+&="
"""With every character that a form and a header spell differently."""
SUBJECT: Final = "officer-1"
Key = ECKey | RSAKey
Claims = dict[str, Any]


class Browser:
    """Cookies of one site, by hand: those with `Secure` too, though loopback has no TLS."""

    def __init__(self, origin: str, http: aiohttp.ClientSession) -> None:
        self.origin = origin
        self.cookies: dict[str, str] = {}
        self._http = http

    async def get(self, path: str) -> Answer:
        """Ask for a path of the site as a click on a link does."""
        return await self._ask("GET", path)

    async def begin(self, query: str = "") -> str:
        """Begin a login, and return where the provider is asked."""
        answer = await self.get(START + query)
        assert answer.status == 303, answer
        return answer.headers["Location"]

    async def come_back(self, query: dict[str, str]) -> Answer:
        """Come back from the provider."""
        return await self.get(f"{oidc.BACK}?{urlencode(query)}")

    def another(self) -> "Browser":
        """Return the browser of somebody else."""
        return Browser(self.origin, self._http)

    @property
    def session(self) -> str:
        """The cookie of the session, or nothing."""
        return self.cookies.get(sessions.COOKIE, "")

    async def _ask(self, method: str, path: str) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies} if cookies else {}
        url = URL(self.origin + path, encoded=True)
        async with self._http.request(
            method, url, headers=headers, allow_redirects=False
        ) as answer:
            found = Answer(answer.status, answer.headers.copy(), await answer.read())
            self._keep(answer.headers.getall("Set-Cookie", []))
        return found

    def _keep(self, lines: list[str]) -> None:
        for line in lines:
            for name, morsel in SimpleCookie(line).items():
                assert morsel["secure"]
                assert morsel["httponly"]
                assert (morsel["path"], morsel["domain"]) == ("/", "")
                assert morsel["samesite"] == "Lax"
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value


@asynccontextmanager
async def browsing(origin: str) -> AsyncIterator[Browser]:
    """Yield a browser that has been nowhere yet."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Browser(origin, http)


def asked(location: str) -> dict[str, str]:
    """Return what a browser is sent to the provider with."""
    return dict(parse_qsl(urlsplit(location).query, strict_parsing=True))


@dataclass
class Double:
    """A provider of logins. What a test changes lasts until `reset`."""

    now: Callable[[], int] = lambda: int(time.time())
    """Seconds since 1970, as its ID tokens say."""
    issuer: str = ""
    key: Key = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one"}))
    requests: list[str] = field(default_factory=list)
    """Paths it was asked for."""

    def __post_init__(self) -> None:
        self.first = self.key
        self.reset()

    def reset(self) -> None:
        """Be honest again."""
        self.key = self.first
        self.published: list[dict[str, Any]] | None = None
        self.metadata: Claims = {}
        self.claims: Claims = {}
        self.header: Claims = {}
        self.token: Callable[[Claims], object] = self.signed
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.forms: list[tuple[dict[str, str], str | None]] = []
        self.requests.clear()

    def approve(self, location: str, **changes: str | None) -> dict[str, str]:
        """Return the query with which somebody who has logged in comes back."""
        wanted = asked(location)
        code = f"code-{len(self.codes)}~+/%"
        self.codes[code] = wanted
        answer = {"code": code, "state": wanted["state"], "iss": self.issuer, **changes}
        return {name: value for name, value in answer.items() if value is not None}

    def signed(self, claims: Claims) -> object:
        """Return an ID token: a JWT, signed with the key of the moment."""
        algorithm = {"EC": "ES256", "RSA": "RS256"}[self.key.key_type]
        header = {"alg": algorithm, "kid": self.key.kid, **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
        return jwt.encode(header, claims, self.key, [header["alg"]], registry)

    def honest(self, wanted: dict[str, str]) -> Claims:
        """Return the claims of an ID token, with what the test has changed."""
        now = self.now()
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": SUBJECT,
            "iat": now,
            "exp": now + 300,
            "nonce": wanted["nonce"],
            "auth_time": now,
        }
        claims |= self.claims
        return {name: value for name, value in claims.items() if value is not None}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Double"]:
        """Answer on loopback while the block runs."""
        app = web.Application()
        app.router.add_get(WELL_KNOWN, self._discovery)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        self.issuer = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _discovery(self, request: web.Request) -> web.Response:
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }
        return self._answer(request, found)

    async def _authorize(self, request: web.Request) -> web.Response:
        """Send a real browser back: whoever it is has logged in."""
        query = urlencode(self.approve(str(request.url)))
        self.requests.append(request.path_qs)
        location = f"{request.query['redirect_uri']}?{query}"
        return web.Response(status=303, headers={"Location": location})

    async def _keys(self, request: web.Request) -> web.Response:
        keys = self.published
        if keys is None:
            keys = [{**self.key.as_dict(private=False), "use": "sig"}]
        return self._answer(request, {"keys": keys})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append((form, request.headers.get("Authorization")))
        wanted = self.codes.pop(form["code"], None)
        challenge = b64u(hashlib.sha256(form["code_verifier"].encode()).digest())
        if wanted is None or wanted.get("code_challenge") != challenge:
            return web.Response(status=400, body=b'{"error":"invalid_grant"}')
        if wanted["redirect_uri"] != form["redirect_uri"]:
            return web.Response(status=400, body=b'{"error":"invalid_grant"}')
        token = self.token(self.honest(wanted))
        return self._answer(request, {"id_token": token, "token_type": "Bearer", "expires_in": 9})

    def _answer(self, request: web.Request, found: dict[str, Any]) -> web.Response:
        self.requests.append(request.path)
        usual = 200, encode(found), dict[str, str]()
        status, body, headers = self.answers.get(request.path, usual)
        return web.Response(status=status, body=body, headers=headers)


@dataclass
class Logins:
    """A hub whose officers log in with a provider that does what a test wishes."""

    sim: Simulator
    provider: Double
    officer: str

    async def log_in(self, browser: Browser, query: str = "", **changes: str | None) -> Answer:
        """Go there and back."""
        location = await browser.begin(query)
        return await browser.come_back(self.provider.approve(location, **changes))

    def own(self, **settings: Any) -> Provider:
        """Return the provider as other settings see it."""
        named = {"issuer": self.provider.issuer, "client_id": CLIENT, **settings}
        return Provider(Officers(**named), ticks=lambda: self.sim.ticks)

    async def proof(self, provider: Provider, *, fresh: bool = False) -> oidc.Proof:
        """Log in at a provider, past the pages."""
        begun = await oidc.start(self.sim.hub, provider, fresh=fresh)
        query = self.provider.approve(begun.location)
        return await oidc.finish(self.sim.hub, provider, begun.cookie, query)


@asynccontextmanager
async def provided(root: Path) -> AsyncIterator[Logins]:
    """Yield a running hub, its provider, and one account that is known to it as `SUBJECT`."""
    async with Double().running() as provider:
        told = {"issuer": provider.issuer, "client_id": CLIENT, "secret": SECRET}
        sim = Simulator(root, officers=told)
        provider.now = lambda: seconds(sim.now)
        async with sim.running():
            login = Login(issuer=provider.issuer, subject=SUBJECT)
            officer = await accounts.add(sim.hub, role="auditor", agency=None, login=login)
            yield Logins(sim, provider, officer.id)


@contextmanager
def refused_for(reason: str) -> Iterator[None]:
    """Expect one refusal in the log, with this reason and nothing else in it."""
    with capture_logs() as lines:
        yield
    (line,) = [line for line in lines if line["event"] == "officer-login-refused"]
    assert line == {"event": line["event"], "log_level": "warning", "code": reason}


def nothing_opened(browser: Browser, answer: Answer) -> None:
    assert answer.status == 403, answer
    assert browser.cookies == {}
    assert "Set-Cookie" in answer.headers
    for told in (SUBJECT, CLIENT, "code-0", "nonce"):
        assert told not in answer.body.decode()


def with_another_key(logins: Logins, **header: Any) -> Callable[[Claims], object]:
    """Return what signs ID tokens with a key that the provider does not publish."""

    def forged(claims: Claims) -> object:
        provider = logins.provider
        provider.published = [provider.first.as_dict(private=False)]
        provider.key = ECKey.generate_key("P-256", {"kid": "one"})
        own = {"jwk": provider.key.as_dict(private=False)}
        provider.header = {**header, **(own if "jwk" in header else {})}
        return provider.signed(claims)

    return forged
