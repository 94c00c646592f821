"""A hub with real files and real HTTP on loopback, three agencies, a person, and a clock.

`women-b` releases, `jobcentre-a` receives; `youth-c` is admitted and party of nothing. Arrange
with `consent` and `withdraw`, act with `call`, `send` and `collect`, assert with `log` and
`notices`. Everything an agency sends is signed with real keys and arrives through real sockets.
"""

import asyncio
import gc
import io
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import Connection, Engine, event, inspect, text

from exchange import canonical
from exchange.agreement.reading import read_agreement
from exchange.canonical import b64u, sha256_hex
from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.envelope.manifest import Addressee, Terms, manifest_payload, new_context
from exchange.hub import app, publish, sequence
from exchange.hub.admit import admit
from exchange.hub.heads import CHECKING
from exchange.hub.http.call import Front
from exchange.hub.http.tokens import Bearer
from exchange.hub.parts import Hub
from exchange.hub.serve import looping
from exchange.hub.settings import HubSettings
from exchange.hub.storage import postgres_statements, reaches
from exchange.hub.storage.engine import HubDatabase
from exchange.hub.storage.reaches import Destination, Reach
from exchange.keyring.ceremony import announce, new_document_key, new_identity
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.directory import KeyStatement, read_key_statement
from exchange.keyring.signing import IdentityKey
from exchange.members import write_time
from exchange.serving.connection import Runner
from exchange.statement import Kind, seconds, sign, verify
from exchange.vocabulary import Scope, Secrecy
from exchange.wire import routes
from exchange.wire.routes import Operation
from tests.ports import free_port
from tests.samples import AGREEMENT, CONSENT, changed, noticed

NOW = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
SENDER, RECIPIENT, OUTSIDER = "women-b", "jobcentre-a", "youth-c"
AGENCIES = (SENDER, RECIPIENT, OUTSIDER)
PLAINTEXT = bytes(3584)
"""The smallest package; the hub cannot tell it from a real one."""
SOON_S = 20.0
"""Seconds within which even a busy machine has done what is to come."""
NOTHING = object()
TICKS: dict[str, Any] = {"tick_ms": 10, "tick_idle_ms": 50}
"""Settings of a log that signs soon."""
GENEROUS = {"rate": 10_000, "burst": 100_000, "denials_per_minute": 10_000}
"""Limits that a test never hits unless it wants to."""


@dataclass(frozen=True)
class Office:
    """One agency: its identity and its document key."""

    agency: str
    identity: IdentityKey
    key: DocumentKey


@dataclass(frozen=True)
class Letter:
    """A sealed document and the manifest about it."""

    id: str
    manifest: bytes
    sealed: bytes
    consent: str
    header_size: int

    @property
    def digest(self) -> str:
        return canonical.digest(self.manifest)

    @property
    def one_shot(self) -> bytes:
        return self.manifest + b"\n" + self.sealed

    @property
    def header(self) -> bytes:
        return self.sealed[: self.header_size]

    @property
    def payload(self) -> bytes:
        return self.sealed[self.header_size :]


@dataclass(frozen=True)
class Given:
    """A consent as its collector keeps it."""

    id: str
    digest: str
    statement: bytes
    log_key: bytes


@dataclass(frozen=True)
class Answer:
    """What the hub answered, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return canonical.loads(self.body, limit=10**7, depth=12)

    @property
    def face(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """Everything a caller can tell answers apart by, but the date."""
        kept = ((name, value) for name, value in self.headers.items() if name != "Date")
        return self.status, tuple(sorted(kept)), self.body


@cache
def office(agency: str) -> Office:
    """Return an agency with fresh keys, the same in every test of a run."""
    return Office(agency, new_identity(agency), new_document_key())


@cache
def sealed_to(agency: str, plaintext: bytes = PLAINTEXT) -> bytes:
    encryptor = Encryptor([HybridRecipient(office(agency).key.recipient)])
    return encryptor.update(plaintext) + encryptor.finalize()


class Simulator:
    """See the module."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.now = NOW
        self.ticks = 0.0
        self.home = root / "hub"
        self.port = free_port()
        self.settings = HubSettings(
            home=self.home,
            origin=f"http://127.0.0.1:{self.port}",
            disk={"reserve": 1024},
            **{
                "log": TICKS,
                "agency": {"rate": 10_000, "burst": 100_000, "denials_per_minute": 10_000},
                **settings,
            },
        )
        self.offices = {agency: office(agency) for agency in AGENCIES}
        self.stated: dict[str, KeyStatement] = {}
        self.scope: Scope
        self.hub: Hub
        self.front: Front
        self.database: HubDatabase
        self.http: aiohttp.ClientSession
        self.runner: Runner

    @property
    def origin(self) -> str:
        return self.settings.origin

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Simulator"]:
        """Serve the hub as `exchange hub serve` does: our runner, not aiohttp's test server."""
        if not self.home.exists():
            app.make_home(self.home)
        opened = app.opened(self.settings, clock=lambda: self.now, on_failure=lambda: None)
        async with opened as found:
            self.hub, self.database = self.changed(found.hub), found.database
            self.front = app.front(self.hub, self.settings, ticks=lambda: self.ticks)
            runner = self.runner = Runner(
                app.site(self.front, self.settings, ticks=lambda: self.ticks),
                self.settings.listen,
                self.settings.http,
            )
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            connector = aiohttp.TCPConnector(limit=0)
            try:
                async with (
                    aiohttp.ClientSession(connector=connector) as self.http,
                    AsyncExitStack() as self.sequencing,
                ):
                    await self._sequence()
                    yield self
            finally:
                self.hub.heads.end()
                await runner.cleanup()

    async def _sequence(self) -> None:
        await self.sequencing.enter_async_context(sequenced(self.hub, self.settings))

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Let the log rest while the block runs: each statement is of what is asked meanwhile."""
        await self.settled()
        await self.sequencing.aclose()
        yield
        await self._sequence()

    async def settled(self) -> None:
        """Wait until a signed head covers every leaf that is not deferred."""
        waits = "SELECT count(*) FROM log_pending WHERE leaf IS NOT NULL"
        unsigned = "SELECT count(*) FROM log_entry WHERE idx >= :signed"
        async with asyncio.timeout(SOON_S):
            while True:
                newest = self.hub.heads.newest
                signed = 0 if newest is None else newest.size
                left = await self.rows(waits) + await self.rows(unsigned, signed=signed)
                if not any(row[0] for row in left):
                    return
                await asyncio.sleep(0.005)

    def changed(self, hub: Hub) -> Hub:
        """Return the hub to serve; a subclass may put other parts into it."""
        return hub

    # Arrange

    async def arrange(self) -> None:
        """Admit everybody, publish keys, agree."""
        for one in self.offices.values():
            await admit(self.hub, one.identity.card, Reach())
            await self.publish(one.agency)
        await self.agree()

    async def publish(
        self, agency: str, key: DocumentKey | None = None, revoked: frozenset[str] = frozenset()
    ) -> Answer:
        """Publish the next key statement: the first, a re-issue, a rotation or a revocation."""
        one = self.offices[agency]
        document = (key or one.key).recipient
        statement = announce(
            one.identity,
            document,
            previous=self.stated.get(agency),
            now=self.now,
            revoked=revoked,
        )
        card = one.identity.card
        verified = verify(statement, (Kind.KEY_STATEMENT,), {card.kid: card}, now=self.now)
        self.stated[agency] = read_key_statement(verified)
        return await self.call(
            agency, routes.PUT_KEY_STATEMENT, id=agency, json={"statement": statement.decode()}
        )

    async def reach(self, agency: str, channel: str = "post") -> None:
        """Give `agency` a channel for its notices."""
        await self.told(agency, Reach(channels=(Destination(channel, f"{agency}@example.test"),)))

    async def told(self, agency: str, reach: Reach) -> None:
        """Let `agency` be told of what waits in this way."""
        await self.hub.db.write(reaches.change_reach, agency, reach)

    def agreement_payload(self, **members: Any) -> dict[str, Any]:
        payload = changed(AGREEMENT, **{"id": str(uuid4()), **members})
        for party in payload["parties"]:
            party["kid"] = self.offices[party["agency"]].identity.kid
        return payload

    async def propose(self, **members: Any) -> None:
        """Record an agreement that only `jobcentre-a`, which drafted it, has signed."""
        payload = self.agreement_payload(**members)
        statement = sign(Kind.AGREEMENT, payload, self.offices[RECIPIENT].identity)
        posted = await self.call(
            RECIPIENT, routes.POST_AGREEMENT, json={"statement": statement.decode()}
        )
        assert posted.status == 201, posted.body
        self.agreement = canonical.digest(statement)
        card = self.offices[RECIPIENT].identity.card
        verified = verify(statement, (Kind.AGREEMENT,), {card.kid: card}, now=self.now)
        self.scope = read_agreement(verified).scope()
        self.agreement_id = payload["id"]

    async def agree(self, **members: Any) -> str:
        """Record an agreement that both parties have signed; return its digest."""
        await self.propose(**members)
        signed = await self.sign_agreement(SENDER)
        assert signed.json["state"] == "in-force", signed.body
        return self.agreement

    async def sign_agreement(self, agency: str, **members: Any) -> Answer:
        payload = {
            "id": str(uuid4()),
            "iat": seconds(self.now),
            "agency": agency,
            "agreement": self.agreement,
            **members,
        }
        statement = sign(Kind.AGREEMENT_SIGNATURE, payload, self.offices[agency].identity)
        return await self.call(
            agency,
            routes.SIGN_AGREEMENT,
            id=self.agreement_id,
            json={"statement": statement.decode()},
        )

    def signed_consent(self, **members: Any) -> Given:
        """Return a consent that `women-b` has collected, not yet sent."""
        at = write_time(self.now)
        given = {
            "id": str(uuid4()),
            "iat": seconds(self.now),
            "agreement": self.agreement,
            "subject": {"ref": str(uuid4()), "sealed": "YWdlLWVuY3J5cHRpb24"},
            "valid_from": at,
            "collected_at": at,
            "signers": [{"role": "subject", "at": at, "identified": "in-person"}],
            **members,
        }
        payload = noticed(changed(CONSENT, **given), self.scope)
        statement = sign(Kind.CONSENT, payload, self.offices[payload["collected_by"]].identity)
        return Given(payload["id"], canonical.digest(statement), statement, secrets.token_bytes(32))

    async def consent(self, **members: Any) -> Given:
        """Record a consent under which `women-b` may disclose to `jobcentre-a`."""
        given = self.signed_consent(**members)
        recorded = await self.record(given)
        assert recorded.status == 201, recorded.body
        return given

    async def record(self, given: Given, agency: str = SENDER, **options: Any) -> Answer:
        body = {"statement": given.statement.decode(), "log_key": b64u(given.log_key)}
        return await self.call(agency, routes.POST_CONSENT, json=body, **options)

    def letter(
        self,
        consent: str,
        *,
        sender: str = SENDER,
        recipient: str = RECIPIENT,
        signer: str | None = None,
        sealed: bytes | None = None,
        **terms: Any,
    ) -> Letter:
        """Return a sealed document with its manifest, not yet sent."""
        sealed = sealed_to(recipient) if sealed is None else sealed
        identity = self.offices[signer or sender].identity
        stated = {
            "id": str(uuid4()),
            "sender": sender,
            "kid": identity.kid,
            "consent": consent,
            "purpose": "housing-loss",
            "category": "rent-arrears-letter",
            "secrecy": Secrecy.PROFESSIONAL,
            "iat": seconds(self.now),
            "exp": seconds(self.now) + 86_400,
            **terms,
        }
        key = stated.pop("key", self.offices[recipient].key.recipient.fingerprint)
        size = stated.pop("size", len(sealed))
        addressee = Addressee(recipient, key)
        context = new_context(Terms(**stated), [addressee], sha256_hex(b"contents"))
        payload = manifest_payload(context.raw, sha256=sha256_hex(sealed), size=size)
        manifest = sign(Kind.MANIFEST, payload, identity)
        end = sealed.find(b"\n", sealed.find(b"\n--- ") + 1) + 1
        return Letter(context.id, manifest, sealed, consent, end)

    # Act

    def token(self, agency: str, scope: str = "") -> str:
        bearer = Bearer(agency, self.offices[agency].identity.kid, scope)
        return self.front.tokens.make(bearer, now=seconds(self.now))

    async def call(
        self,
        agency: str | None,
        operation: Operation,
        *,
        json: Any = NOTHING,
        body: Any = NOTHING,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        **path: str,
    ) -> Answer:
        """Ask the hub as `agency`, and read the answer to its end."""
        sent: dict[str, str] = {}
        if agency is not None:
            sent["Authorization"] = f"Bearer {self.token(agency, operation.scope)}"
        content: Any = None
        if json is not NOTHING:
            content = canonical.encode(json)
            sent["Content-Type"] = routes.JSON
        elif body is not NOTHING:
            content = io.BytesIO(body) if isinstance(body, bytes) and len(body) > 1 << 20 else body
        url = self.origin + operation.path
        for name, value in path.items():
            url = url.replace("{" + name + "}", value)
        async with self.http.request(
            operation.method,
            url + query,
            data=content,
            headers={**sent, **(headers or {})},
            allow_redirects=False,
        ) as found:
            answered = dict(found.headers.items())
            return Answer(found.status, answered, await found.read())

    async def send(self, letter: Letter, agency: str = SENDER, **options: Any) -> Answer:
        """Disclose in one shot."""
        headers = {"Content-Type": routes.DISCLOSURE, **options.pop("headers", {})}
        return await self.call(
            agency, routes.DISCLOSE, body=letter.one_shot, headers=headers, **options
        )

    async def sent(self, consent: Given | None = None, **terms: Any) -> Letter:
        """Store a letter, under a consent of its own if none is given."""
        letter = self.letter((consent or await self.consent()).digest, **terms)
        stored = await self.send(letter)
        assert stored.status == 201, stored.body
        return letter

    async def collect(self, letter: Letter, agency: str = RECIPIENT, **options: Any) -> Answer:
        return await self.call(agency, routes.COLLECT, id=letter.id, **options)

    async def payload(self, letter: Letter, agency: str = RECIPIENT, **options: Any) -> Answer:
        return await self.call(agency, routes.PAYLOAD_OF, id=letter.id, **options)

    async def inbox(self, agency: str = RECIPIENT, query: str = "") -> Any:
        """Return what waits for an agency once everything sent so far can be proven to it."""
        await self.settled()
        return (await self.call(agency, routes.INBOX, query=query)).json["entries"]

    def withdrawal(self, given: Given, agency: str = SENDER, **members: Any) -> bytes:
        payload = {
            "id": str(uuid4()),
            "iat": seconds(self.now),
            "agency": agency,
            "consent": given.digest,
            "by": "subject",
            "channel": "in-person",
            "received_at": write_time(self.now),
            **members,
        }
        return sign(Kind.WITHDRAWAL, payload, self.offices[agency].identity)

    async def withdraw(self, given: Given, agency: str = SENDER, **members: Any) -> Answer:
        statement = self.withdrawal(given, agency, **members)
        return await self.call(
            agency, routes.WITHDRAW, id=given.id, json={"statement": statement.decode()}
        )

    def acknowledgement(
        self, letter: Letter, agency: str = RECIPIENT, result: str = "accepted", **members: Any
    ) -> bytes:
        payload = {
            "id": str(uuid4()),
            "iat": seconds(self.now),
            "agency": agency,
            "manifest": letter.digest,
            "result": result,
            **members,
        }
        return sign(Kind.ACKNOWLEDGEMENT, payload, self.offices[agency].identity)

    async def acknowledge(
        self, letter: Letter, agency: str = RECIPIENT, result: str = "accepted", **members: Any
    ) -> Answer:
        statement = self.acknowledgement(letter, agency, result, **members)
        return await self.call(
            agency, routes.ACKNOWLEDGE, id=letter.id, json={"statement": statement.decode()}
        )

    async def confirm(
        self, erasure: Mapping[str, Any], agency: str = RECIPIENT, **members: Any
    ) -> Answer:
        """Answer an erasure: erased, unless told otherwise."""
        payload = {
            "id": str(uuid4()),
            "iat": seconds(self.now),
            "agency": agency,
            "erasure": erasure["id"],
            "consent": erasure["consent"],
            "manifests": sorted(erasure["manifests"]),
            "result": "erased",
            "passed_on": [],
            **members,
        }
        statement = sign(Kind.ERASURE, payload, self.offices[agency].identity)
        return await self.call(
            agency,
            routes.CONFIRM_ERASURE,
            id=erasure["id"],
            json={"statement": statement.decode()},
        )

    async def ask(self, agency: str, consent: str, **members: Any) -> Answer:
        """Ask the gate beforehand."""
        asked = {
            "consent": consent,
            "recipients": [RECIPIENT],
            "purpose": "housing-loss",
            "category": "rent-arrears-letter",
            "secrecy": "professional",
            "exp": seconds(self.now) + 3600,
            **members,
        }
        return await self.call(agency, routes.DECIDE, json=asked)

    def later(self, **difference: float) -> None:
        """Move the clock."""
        self.now += timedelta(**difference)

    # Assert

    async def rows(self, query: str, **values: Any) -> list[Any]:
        return list(await self.hub.db.read(lambda conn: conn.execute(text(query), values).all()))

    async def table_names(self) -> list[str]:
        """Return the names of every table of the hub's database."""
        return await self.hub.db.read(lambda conn: inspect(conn).get_table_names())

    async def dump(self) -> bytes:
        """Return whatever lies in the databases: the files of SQLite, the rows of PostgreSQL."""
        found = b"".join(path.read_bytes() for path in self.home.rglob("*.sqlite*"))
        if self.settings.database_url is not None:
            for table in await self.table_names():
                for row in await self.rows(f"SELECT * FROM {table}"):  # noqa: S608 - our tables
                    found += b"\0".join(
                        value if isinstance(value, bytes) else str(value).encode() for value in row
                    )
        return found

    async def count(self, table: str) -> int:
        (row,) = await self.rows("SELECT count(*) FROM " + table)  # noqa: S608 - our own tables
        return int(row[0])

    async def log(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the events of the log in their order, with what stands behind `detail`."""
        rows = await self.rows(
            "SELECT e.body, e.detail FROM log_event e LEFT JOIN log_entry t ON t.rid = e.rid "
            "LEFT JOIN log_pending p ON p.rid = e.rid "
            "WHERE e.chain IS NOT NULL ORDER BY t.idx IS NULL, t.idx, p.id"
        )
        events = []
        for row in rows:
            read = canonical.loads(row.body, limit=5000)
            if row.detail is not None:
                read["open"] = canonical.loads(row.detail, limit=5000)
            events.append(read)
        return [one for one in events if kind is None or one["kind"] == kind]

    async def notices(self) -> list[Any]:
        return await self.rows(
            "SELECT agency, kind, state FROM notices ORDER BY created_at, agency"
        )


@asynccontextmanager
async def sequenced(hub: Hub, settings: HubSettings) -> AsyncIterator[None]:
    """Sequence and sign the log of a hub while the block runs, as `exchange hub serve` does."""
    loops = {
        "sequence": lambda ending: sequence.run(hub, settings.log, ending),
        "publish": lambda ending: publish.run(hub, settings.log, ending),
    }
    async with looping(asyncio.Event(), loops):
        async with asyncio.timeout(SOON_S):
            while hub.heads.stopped == CHECKING:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.001)
        yield


@contextmanager
def statements(home: Path) -> Iterator[list[str]]:
    """Collect every statement that the hub in `home` runs, the vault's included.

    Of SQLite the drivers are asked: prepared statements do not pass through SQLAlchemy. Another
    hub of this process may look after its log meanwhile: its files are others. Of PostgreSQL the
    two places that hand a statement to the driver.
    """
    seen: list[str] = []
    drivers = [
        one
        for one in gc.get_objects()
        if isinstance(one, sqlite3.Connection) and _is_below(one, home)
    ]
    for driver in drivers:
        with suppress(sqlite3.ProgrammingError):  # closed
            driver.set_trace_callback(seen.append)
    try:
        with _on_postgresql(seen):
            yield seen
    finally:
        for driver in drivers:
            with suppress(sqlite3.ProgrammingError):
                driver.set_trace_callback(None)


def _is_below(driver: sqlite3.Connection, home: Path) -> bool:
    with suppress(sqlite3.ProgrammingError):  # closed
        files = [row[2] for row in driver.execute("PRAGMA database_list")]
        return any(Path(name).is_relative_to(home.resolve()) for name in files if name)
    return False


@contextmanager
def _on_postgresql(seen: list[str]) -> Iterator[None]:
    run = postgres_statements._Plan._run

    def tapped(plan: Any, driver: Any, given: Any) -> Any:
        seen.append(plan._text.decode())
        return run(plan, driver, given)

    def executed(conn: Connection, _cursor: object, statement: str, *_: object) -> None:
        if conn.dialect.name == "postgresql":
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", executed)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgres_statements._Plan, "_run", tapped)
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", executed)
