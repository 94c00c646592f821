"""One call to the hub: token, deadline, bounded answer, strict reading, the hub's own errors.

Knows HTTP and nothing of what is exchanged. Whatever an honest hub would not answer, a redirect,
a cookie, a compressed, endless or ambiguous body, ends as `HubMisbehaves` and is used for nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, TypeVar

import aiohttp
import stamina
from pydantic import ValidationError

from exchange import canonical
from exchange.errors import (
    ClockWrong,
    ExchangeError,
    Held,
    HubMisbehaves,
    Malformed,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from exchange.wire import problems, routes
from exchange.wire.routes import Operation
from exchange.wire.shapes import Shape, Token

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far this clock and the hub's `Date` may lie apart; beyond it nothing is judged by time."""
ANSWER_LIMIT: Final = 64 * 1024
"""Bytes of a JSON answer without a large statement."""
STATEMENTS_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a JSON answer that carries statements: a page of records, a manifest with answers."""
PROBLEM_LIMIT: Final = 16 * 1024
"""Bytes of a problem; a lint report of 40 findings has about 4 kB."""
DEADLINE_S: Final = 30.0
"""Seconds for a whole call with a bounded answer, besides the time a long poll asked for."""
CONNECT_S: Final = 10.0
FIRST_PAUSE_S: Final = 0.2
"""Pause before the first repetition; each further one is longer."""
SILENCE_S: Final = 60.0
"""Longest silence of the peer while content streams."""
TOKEN_MARGIN: Final = timedelta(seconds=60)
"""A token this close to its end is renewed before it is used."""
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523, section 2.2."""

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOREIGN: Final = (aiohttp.ClientError, TimeoutError, ConnectionError)
"""What goes wrong on the way to the hub and back."""
_CARRIES_STATEMENTS: Final = frozenset(
    {
        *("agencies", "agency", "agreements", "agreement", "post_agreement", "sign_agreement"),
        *("give_notice", "consents", "consent", "inbox", "disclosure", "erasures"),
        *("confirm_erasure", "collect", "log_openings", "officer_disclosures", "officer_erasures"),
        *("officer_breach", "officer_consent", "officer_agreements", "officer_partners"),
        *("officer_art30", "officer_processor", "officer_events", "audit_agreements"),
    }
)

R = TypeVar("R")
S = TypeVar("S", bound=Shape)
Headers = Mapping[str, str]
Body = bytes | AsyncIterator[bytes] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What proves to the hub who calls: a maker of signed client assertions."""

    assertion: Callable[[str, datetime], str]
    """Called with the issuer and the moment; a compact JWT for one use (RFC 7523)."""
    issuer: str
    """The hub's issuer identifier, the only audience of the assertion."""
    refused: str = "the hub does not know this agency, or has suspended it"
    """What it means when the hub takes no assertion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often a call is tried."""

    attempts: int = 4
    """In all, when the hub cannot be reached."""
    deadline_s: float = DEADLINE_S
    """Seconds for one call with a bounded answer."""


class Calls:
    """Calls to one hub as one agency over one kept-alive session."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        origin: str,
        credentials: Credentials,
        *,
        clock: Callable[[], datetime],
        patience: Patience,
    ) -> None:
        """Take the parts.

        Args:
            session: made by `exchange.agency.session`; closed by its maker.
            origin: scheme, host and port of the hub, without a trailing slash.
            credentials: proves who calls.
            clock: aware moment of now.
            patience: how long and how often a call is tried.
        """
        self.origin = origin
        self._session = session
        self._credentials = credentials
        self._clock = clock
        self._patience = patience
        # A bounded answer ends by the deadline; a watch over silence beside it costs at each read.
        self._bounded = aiohttp.ClientTimeout(total=patience.deadline_s, sock_connect=CONNECT_S)
        self._streaming = aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=SILENCE_S)
        self._read: dict[str, tuple[bytes, Shape]] = {}
        self._tokens: dict[str, tuple[str, datetime]] = {}
        """Each with its end, by scope."""
        self._said, self._theirs = "never", _LONG_AGO
        self._renewing = asyncio.Lock()
        self._halted: str | None = None

    def halt(self, reason: str = "log-split-view") -> None:
        """Let nothing more be asked of this hub: each further call is Held for this reason."""
        self._halted = reason

    async def call(
        self,
        operation: Operation,
        returns: type[S],
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
        body: Shape | None = None,
    ) -> S:
        """Call `operation` with a JSON body or none, and return its answer.

        See `call_vouched`, whose header it drops.
        """
        found = await self.call_vouched(operation, returns, path=path, query=query, body=body)
        return found[0]

    async def call_vouched(
        self,
        operation: Operation,
        returns: type[S],
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
        body: Shape | None = None,
    ) -> tuple[S, str | None]:
        """Call `operation` with a JSON body or none; return its answer and `Consent-Status`.

        Tried again when the hub cannot be reached or says 503: every operation may be
        repeated, because a record's own id makes the repetition harmless.

        Raises:
            ExchangeError: the class the hub answered with; `Unavailable` when it cannot be
                reached, `HubMisbehaves` and `ClockWrong` when it must not be believed.
        """
        data = None if body is None else _encoded(body)
        headers = {} if body is None else {"Content-Type": routes.JSON}

        async def attempt() -> tuple[S, str | None]:
            async with self.open(
                operation, path=path, query=query, headers=headers, body=data
            ) as response:
                vouched = response.headers.get(routes.CONSENT_STATUS)
                return await self._answer(response, operation, returns), vouched

        return await self.persist(attempt)

    async def fetch(
        self,
        operation: Operation,
        *,
        limit: int,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> bytes:
        """Call an `operation` that answers with a text or a file, and return its bytes.

        Raises:
            ExchangeError: as `call`; `HubMisbehaves` for more than `limit` bytes.
        """
        found = await self.fetch_ready(operation, limit=limit, path=path, query=query)
        if found is None:
            raise HubMisbehaves("the hub puts off what it has")
        return found

    async def fetch_ready(
        self,
        operation: Operation,
        *,
        limit: int,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> bytes | None:
        """Do as `fetch` does; None while the hub says that it is not there yet (202)."""

        async def attempt() -> bytes | None:
            async with self.open(operation, path=path, query=query) as response:
                if response.status == HTTPStatus.ACCEPTED:
                    return None
                if response.content_type not in (operation.answers, *operation.also_answers):
                    raise HubMisbehaves("the hub answered in another media type")
                return await bounded(response, limit)

        return await self.persist(attempt)

    async def hand_in(self, operation: Operation, content: bytes) -> None:
        """Send a text, once; what is answered beside success or a refusal does not matter."""
        headers = {"Content-Type": routes.TEXT}
        async with self.open(operation, headers=headers, body=content) as response:
            await bounded(response, ANSWER_LIMIT)

    async def once(
        self,
        operation: Operation,
        returns: type[S],
        *,
        headers: Headers,
        body: Body,
    ) -> S:
        """Call `operation` with a streamed body, once: the caller repeats with a new stream."""
        streams = not isinstance(body, bytes)
        async with self.open(operation, headers=headers, body=body, streams=streams) as response:
            return await self._answer(response, operation, returns)

    async def persist(self, attempt: Callable[[], Awaitable[R]]) -> R:
        """Return what `attempt` returns; repeat it, ever later, while the hub is away or busy."""
        try:
            return await attempt()  # almost always; what follows has its price
        except (Unavailable, TooMany) as trouble:
            if not _may_pass(trouble) or self._patience.attempts == 1:
                raise
        await asyncio.sleep(FIRST_PAUSE_S)
        async for again in stamina.retry_context(
            on=_may_pass,
            attempts=self._patience.attempts - 1,
            timeout=60.0,
            wait_initial=2 * FIRST_PAUSE_S,
            wait_max=5.0,
        ):
            with again:
                return await attempt()
        raise Unavailable  # the loop returns or raises

    @asynccontextmanager
    async def open(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
        headers: Headers | None = None,
        body: Body = None,
        streams: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request and yield its successful answer; the content is not yet read.

        Args:
            operation: which route.
            path: values for the path; they are ids and never need quoting.
            query: values for the query.
            headers: further request headers.
            body: bytes, a stream, or None.
            streams: content of any length goes one way; it ends by silence, not by a deadline.
        """
        if self._halted is not None:
            raise Held(self._halted)
        url = self.origin + operation.path.format_map(path or {})
        waiting = float(query["wait"]) if query and "wait" in query else 0.0
        for renewed in (False, True):
            accepted = ", ".join((operation.answers, *operation.also_answers))
            sent = {"Accept": accepted, **(headers or {})}
            if operation.authenticated:
                sent["Authorization"] = f"Bearer {await self.bearer(operation.scope)}"
            try:
                async with self._session.request(
                    operation.method,
                    url,
                    params=query,
                    headers=sent,
                    data=body,
                    timeout=self._timeout(waiting, streams=streams),
                    allow_redirects=False,
                ) as response:
                    self._check_head(response)
                    # A token can end early when the hub's keys change: once, a fresh one may help.
                    unknown = response.status == HTTPStatus.UNAUTHORIZED and operation.authenticated
                    if unknown and not renewed and not isinstance(body, AsyncIterator):
                        self._tokens.pop(operation.scope, None)
                        continue
                    if response.status >= HTTPStatus.BAD_REQUEST:
                        raise await _refusal(response)
                    yield response
                    return
            except _FOREIGN as trouble:
                # The text of a foreign error is dropped: it can quote addresses and input.
                raise _named(trouble) from None

    def _timeout(self, waiting: float, *, streams: bool) -> aiohttp.ClientTimeout:
        if streams:
            return self._streaming
        if not waiting:
            return self._bounded
        return aiohttp.ClientTimeout(
            total=self._patience.deadline_s + waiting, sock_connect=CONNECT_S
        )

    async def _answer(
        self, response: aiohttp.ClientResponse, operation: Operation, returns: type[S]
    ) -> S:
        limit = STATEMENTS_LIMIT if operation.name in _CARRIES_STATEMENTS else ANSWER_LIMIT
        if response.content_type != routes.JSON:
            raise HubMisbehaves("the hub answered in another media type")
        data = await bounded(response, limit)
        if operation.method != "GET" or len(data) > ANSWER_LIMIT:
            return _understood(data, limit, returns)
        # A record asked for again comes in the same bytes; values are frozen, so one serves both.
        before, value = self._read.get(operation.name, (b"", None))
        if data != before or not isinstance(value, returns):
            value = _understood(data, limit, returns)
            self._read[operation.name] = (data, value)
        return value

    def _check_head(self, response: aiohttp.ClientResponse) -> None:
        if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
            raise HubMisbehaves("the hub redirects, which it never does")
        if "Set-Cookie" in response.headers or "Trailer" in response.headers:
            raise HubMisbehaves("the hub sent a header it never sends")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise HubMisbehaves("the hub compressed an answer, which it never does")
        said = response.headers.get("Date", "")
        if said != self._said:  # it changes once a second
            try:
                self._theirs = parsedate_to_datetime(said).astimezone(UTC)
            except (ValueError, TypeError):
                raise HubMisbehaves("the hub does not say what time it is") from None
            self._said = said
        ours = self._clock()
        if abs(self._theirs - ours) > CLOCK_SKEW:
            raise ClockWrong(_both_times(ours, self._theirs))

    async def bearer(self, scope: str = "") -> str:
        """Return an access token for `scope` that is valid for at least another minute."""
        token, until = self._tokens.get(scope, ("", _LONG_AGO))
        if self._clock() < until - TOKEN_MARGIN:
            return token
        async with self._renewing:  # one asks, whoever comes meanwhile waits for the answer
            token, until = self._tokens.get(scope, ("", _LONG_AGO))
            if self._clock() >= until - TOKEN_MARGIN:
                token, until = await self._renewed(scope)
                self._tokens[scope] = token, until
            return token

    async def _renewed(self, scope: str) -> tuple[str, datetime]:
        now = self._clock()
        asked = {"scope": scope} if scope else {}
        form = aiohttp.FormData(
            {
                **asked,
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                # A new one for each attempt: the hub refuses an assertion it has seen.
                "client_assertion": self._credentials.assertion(self._credentials.issuer, now),
            }
        )
        try:
            async with self._session.post(
                self.origin + routes.TOKEN.path,
                data=form,
                timeout=self._timeout(0, streams=False),
                allow_redirects=False,
            ) as response:
                self._check_head(response)
                if response.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
                    raise Unauthenticated(self._credentials.refused)
                if response.status != HTTPStatus.OK:
                    raise await _refusal(response)
                token = await self._answer(response, routes.TOKEN, Token)
        except _FOREIGN as trouble:
            raise _named(trouble) from None
        return token.access_token, now + timedelta(seconds=token.expires_in)


def _named(trouble: Exception) -> ExchangeError:
    """Return one of our own errors for what went wrong on the way."""
    for kinds, error in (
        (
            aiohttp.ClientHttpProxyError,
            Unavailable(
                "the proxy does not let this through; look at [hub] proxy, or ask whoever "
                "runs the proxy"
            ),
        ),
        (aiohttp.ClientProxyConnectionError, Unavailable("the proxy cannot be reached")),
        (aiohttp.ConnectionTimeoutError, Unavailable("the hub cannot be reached")),
        (TimeoutError, HubMisbehaves("the hub did not finish its answer in time")),
        (
            aiohttp.ClientConnectorCertificateError,
            HubMisbehaves("the hub's certificate is not trusted here"),
        ),
        (
            (aiohttp.ClientConnectionError, ConnectionError),
            Unavailable("the hub cannot be reached"),
        ),
        (aiohttp.ClientPayloadError, Unavailable("the connection to the hub broke")),
    ):
        if isinstance(trouble, kinds):
            return error
    return HubMisbehaves("the hub does not speak HTTP as it should")


def _both_times(ours: datetime, theirs: datetime) -> str:
    return (
        f"the clock of this machine says {ours.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, the hub's "
        f"{theirs:%Y-%m-%d %H:%M:%S} UTC; set the wrong one right, then try again"
    )


def _may_pass(error: Exception) -> bool:
    return isinstance(error, Unavailable | TooMany) and not isinstance(error, ClockWrong)


def _encoded(body: Shape) -> bytes:
    return body.model_dump_json(exclude_none=True).encode("utf-8")


def _understood(data: bytes, limit: int, returns: type[S]) -> S:
    try:
        # pydantic's own reader takes the last of two equal members: ours refuses the text first.
        canonical.loads(data, limit=limit)
        return returns.model_validate_json(data)
    except (Malformed, TooLarge, ValidationError):
        raise HubMisbehaves("the hub's answer has another shape") from None


async def bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the whole content, at most `limit` bytes, or raise HubMisbehaves."""
    if response.content_length is not None and response.content_length <= limit:
        return await response.read()
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > limit:
            raise HubMisbehaves("the hub's answer does not end where it should")
    return bytes(found)


async def _refusal(response: aiohttp.ClientResponse) -> ExchangeError:
    if response.content_type == problems.MEDIA_TYPE:
        try:
            found = canonical.loads(await bounded(response, PROBLEM_LIMIT), limit=PROBLEM_LIMIT)
        except (Malformed, TooLarge):
            return HubMisbehaves("the hub's refusal has another shape")
        if isinstance(found, dict):
            return problems.from_problem(found)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # a proxy in between
        return Unavailable("the hub cannot answer at the moment")
    return HubMisbehaves("the hub refused in a way it never does")
