"""A hub's double: honest by default, in memory, on a real socket; tests make it lie.

It answers with the shapes of `exchange.wire` and checks nothing: what the gateway must not believe
is for the gateway to find out. The real hub is tested in `tests/hub`.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from exchange import canonical, jws
from exchange.audit import event
from exchange.audit.spelling import write_base64
from exchange.audit.tiles import Bundle, Tile, read_path
from exchange.canonical import b64u
from exchange.errors import ExchangeError, NotFound
from exchange.keyid import IdentityCard
from exchange.members import read_time
from exchange.wire import problems, routes, shapes
from exchange.wire.operations import OPERATIONS
from tests.agency.ledger import Ledger

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


LISTS = {
    name: f"list_{name}" for name in ("agencies", "agreements", "consents", "erasures", "requests")
}
"""Methods whose operation has the name of what the double keeps."""


def payload_of(statement: bytes) -> dict[str, Any]:
    """Return what a statement says, verified by nobody."""
    found: dict[str, Any] = canonical.loads(
        canonical.unb64u(jws.read(statement).payload), limit=1 << 20
    )
    return found


def context_of(manifest: bytes) -> dict[str, Any]:
    """Return the context in a manifest, verified by nobody."""
    found: dict[str, Any] = canonical.loads(
        canonical.unb64u(payload_of(manifest)["context"]), limit=1 << 20
    )
    return found


@dataclass
class Kept:
    """A disclosure at the double."""

    manifest: bytes
    consent_id: str
    sealed: bytes = b""
    state: shapes.DisclosureState = "announced"
    collected: dict[str, datetime] = field(default_factory=dict)
    answers: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    offered_to: set[str] = field(default_factory=set)

    @property
    def split(self) -> tuple[bytes, bytes]:
        """Header and payload."""
        end = self.sealed.index(b"\n", self.sealed.index(b"\n--- ") + 1) + 1
        return self.sealed[:end], self.sealed[end:]


class Double:
    """The hub's double. `replaced[operation]` answers instead of the method of that name."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.origin = ""
        self.agencies: dict[str, shapes.Agency] = {}
        self.agreements: list[shapes.Agreement] = []
        self.consents: dict[str, shapes.Consent] = {}
        self.kept: dict[str, Kept] = {}
        self.erasures: dict[str, shapes.Erasure] = {}
        self.requests: dict[str, shapes.DocumentRequest] = {}
        self.replaced: dict[str, Handler] = {}
        self.calls: list[str] = []
        self.ledger = Ledger(clock)
        self.headers: dict[str, str] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Double"]:
        """Serve on a free port of this machine."""
        app = web.Application(client_max_size=1 << 30, middlewares=[self._honest_errors])
        for operation in OPERATIONS:
            path = operation.path.replace("{bundle}", "{bundle:.+}").replace("{tile}", "{tile:.+}")
            app.router.add_route(operation.method, path, self._named(operation.name))
        app.router.add_route("HEAD", routes.UPLOAD.path, self._named("upload"))
        app.on_response_prepare.append(self._date)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        self.origin = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _named(self, name: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.calls.append(name)
            handler: Handler = self.replaced.get(name) or getattr(self, LISTS.get(name, name))
            return await handler(request)

        return handle

    @staticmethod
    @web.middleware
    async def _honest_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ExchangeError as error:
            found = problems.to_problem(error)
            return web.Response(
                status=found["status"],
                body=canonical.encode(found),
                content_type=problems.MEDIA_TYPE,
            )

    async def _date(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = format_datetime(self.clock(), usegmt=True)
        response.headers.update(self.headers)

    # Arrangements

    def admit(self, card: IdentityCard) -> None:
        """Put an agency into the directory."""
        self.agencies[card.agency] = shapes.Agency(
            id=card.agency, state="active", kid=card.kid, card=shape_of(card)
        )

    def change_agency(self, agency: str, **members: object) -> None:
        """Change what the directory says of an agency; a key statement goes into the log."""
        if isinstance(stated := members.get("key_statement"), str):
            logged = self.ledger.document(f"key-statement/{agency}", stated.encode())
            members = {"key_statement_receipt": logged, **members}
        self.agencies[agency] = self.agencies[agency].model_copy(update=members)

    def end_consent(self, consent_id: str, withdrawal: bytes | None = None) -> None:
        """Say that a consent was withdrawn."""
        self.consents[consent_id] = self.consents[consent_id].model_copy(
            update={
                "state": "ended",
                "reason": "withdrawn",
                "ended_at": self.clock(),
                "withdrawal": None if withdrawal is None else withdrawal.decode(),
            }
        )

    def recorded(self, consent: shapes.Consent) -> str:
        """Return the path of the receipt of a consent, which is logged when it is first named."""
        payload = payload_of(consent.statement.encode())
        return self.ledger.event(
            consent.consent,
            event.consent_recorded(
                at=self.clock(),
                by=payload["collected_by"],
                agreement=payload["agreement"],
                consent=consent.consent,
            ),
        )

    def stored(self, kept: Kept) -> str:
        """Return the path of the receipt of a disclosure, which is logged when it is stored."""
        context, manifest = context_of(kept.manifest), canonical.digest(kept.manifest)
        return self.ledger.event(
            manifest,
            event.disclosure_stored(
                at=self.clock(),
                by=context["sender"],
                consent=context["consent"],
                manifest=manifest,
                to=[entry["agency"] for entry in context["recipients"]],
                subject=(context["purpose"], context["category"]),
            ),
        )

    def vouched(self, response: web.Response, consent: shapes.Consent) -> web.Response:
        """Add the word that a consent is active, if it is."""
        if consent.state == "valid":
            note = self.ledger.status(consent.consent)
            response.headers[routes.CONSENT_STATUS] = write_base64(note)
        return response

    def shown(self, kept: Kept) -> shapes.Disclosure:
        """Return a disclosure as its parties see it."""
        context = context_of(kept.manifest)
        _, payload = kept.split if kept.sealed else (b"", b"")
        consent = self.consents.get(kept.consent_id)
        return shapes.Disclosure(
            consent_receipt=None if consent is None else self.recorded(consent),
            receipt=self.stored(kept) if kept.sealed else None,
            id=context["id"],
            manifest=canonical.digest(kept.manifest),
            statement=kept.manifest.decode(),
            consent_id=kept.consent_id,
            state=kept.state,
            stored_at=self.clock(),
            payload_size=len(payload),
            payload_sha256=hashlib.sha256(payload).hexdigest(),
            recipients=tuple(
                shapes.RecipientState(
                    agency=entry["agency"],
                    collected_at=kept.collected.get(entry["agency"]),
                    result=kept.answers.get(entry["agency"], (None, b""))[0],  # type: ignore[arg-type]
                    acknowledgement=kept.answers.get(entry["agency"], (None, b""))[1].decode()
                    or None,
                )
                for entry in context["recipients"]
            ),
        )

    # Operations

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        assertion = str(form["client_assertion"]).split(".")[1]
        agency = canonical.loads(canonical.unb64u(assertion), limit=4096)["sub"]
        if agency not in self.agencies:
            return web.json_response({"error": "invalid_client"}, status=401)
        return answer(shapes.Token(access_token=agency, token_type="Bearer", expires_in=600))

    async def agency(self, request: web.Request) -> web.StreamResponse:
        return answer(found(self.agencies, request.match_info["id"]))

    async def list_agencies(self, _request: web.Request) -> web.StreamResponse:
        return answer(shapes.Agencies(agencies=tuple(self.agencies.values())))

    async def put_key_statement(self, request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"]
        agency = request.match_info["id"]
        self.change_agency(agency, key_statement=statement)
        return answer(
            shapes.KeyStatementStored(
                agency=agency,
                seq=payload_of(statement.encode())["seq"],
                digest=canonical.digest(statement.encode()),
            )
        )

    async def put_capabilities(self, request: web.Request) -> web.StreamResponse:
        given = shapes.Capabilities.model_validate_json(await request.read())
        self.change_agency(request.match_info["id"], capabilities=given)
        return answer(given)

    async def list_agreements(self, _request: web.Request) -> web.StreamResponse:
        return answer(shapes.Agreements(agreements=tuple(self.agreements)))

    async def agreement(self, request: web.Request) -> web.StreamResponse:
        return answer(found({one.id: one for one in self.agreements}, request.match_info["id"]))

    async def list_consents(self, request: web.Request) -> web.StreamResponse:
        wanted = request.query.get("consent")
        return answer(
            shapes.Consents(
                consents=tuple(
                    one for one in self.consents.values() if wanted in {None, one.consent}
                )
            )
        )

    async def consent(self, request: web.Request) -> web.StreamResponse:
        consent = found(self.consents, request.match_info["id"])
        return self.vouched(answer(consent), consent)

    async def disclose(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        manifest, _, sealed = data.partition(b"\n")
        context = context_of(manifest)
        by_digest = {one.consent: one.id for one in self.consents.values()}
        kept = self.kept.setdefault(
            context["id"], Kept(manifest, by_digest.get(context["consent"], context["id"]))
        )
        consent = self.consents.get(kept.consent_id)
        if consent is not None:
            self.recorded(consent)
        if sealed:
            kept.sealed = sealed
            kept.state = "stored"
            kept.offered_to = {entry["agency"] for entry in context["recipients"]}
        return answer(
            shapes.DisclosureStored(
                id=context["id"],
                manifest=canonical.digest(kept.manifest),
                state="stored" if kept.state != "announced" else "announced",
                receipt=self.stored(kept) if kept.state != "announced" else None,
            ),
            status=201,
        )

    async def upload(self, request: web.Request) -> web.StreamResponse:
        kept = found(self.kept, request.match_info["id"])
        size = payload_of(kept.manifest)["sealed"]["size"]
        if request.method == "PATCH":
            kept.sealed += await request.read()
        if len(kept.sealed) == size:
            kept.state = "stored"
            kept.offered_to = {entry["agency"] for entry in context_of(kept.manifest)["recipients"]}
        return web.Response(
            status=200 if request.method == "HEAD" else 204,
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Offset": str(len(kept.sealed)),
                "Upload-Length": str(size),
            },
        )

    async def inbox(self, request: web.Request) -> web.StreamResponse:
        entries = [
            shapes.Waiting(cursor=f"c{number}", disclosure=self.shown(kept))
            for number, kept in enumerate(self.kept.values(), start=1)
            if caller(request) in kept.offered_to
        ]
        entries += [
            shapes.Waiting(cursor=f"c{number}", request=made)
            for number, made in enumerate(self.requests.values(), start=len(self.kept) + 1)
            if made.to == caller(request)
        ]
        after = int(request.query.get("after", "c0")[1:])
        entries = [entry for entry in entries if int(entry.cursor[1:]) > after]
        last = entries[-1].cursor if entries else request.query.get("after")
        return answer(shapes.Inbox(entries=tuple(entries), next=last))

    async def disclosure(self, request: web.Request) -> web.StreamResponse:
        return answer(self.shown(found(self.kept, request.match_info["id"])))

    async def payload(self, request: web.Request) -> web.StreamResponse:
        _, payload = found(self.kept, request.match_info["id"]).split
        first = request.http_range.start or 0
        headers = {}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(payload) - 1}/{len(payload)}"
        return web.Response(
            status=206 if first else 200,
            body=payload[first:],
            headers=headers,
            content_type=routes.PAYLOAD,
        )

    async def collect(self, request: web.Request) -> web.StreamResponse:
        kept = found(self.kept, request.match_info["id"])
        consent = self.consents[kept.consent_id]
        if consent.state == "ended":
            raise NotFound
        at = kept.collected.setdefault(caller(request), self.clock())
        kept.state = "collected"
        header, _ = kept.split
        manifest = canonical.digest(kept.manifest)
        collected = event.disclosure_collected(at=at, by=caller(request), manifest=manifest)
        released = shapes.Collected(
            id=request.match_info["id"],
            header=b64u(header),
            collected_at=at,
            receipt=self.ledger.event(f"{manifest} {caller(request)}", collected),
        )
        return self.vouched(answer(released), consent)

    async def acknowledge(self, request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"].encode()
        kept = found(self.kept, request.match_info["id"])
        result = payload_of(statement)["result"]
        kept.answers.setdefault(caller(request), (result, statement))
        kept.state = "acknowledged"
        kept.offered_to.discard(caller(request))
        _, answered = kept.answers[caller(request)]
        manifest = canonical.digest(kept.manifest)
        logged = event.disclosure_acknowledged(
            at=self.clock(),
            by=caller(request),
            manifest=manifest,
            statement=canonical.digest(answered),
            result=result,
        )
        return answer(
            shapes.Acknowledged(
                id=request.match_info["id"],
                state=kept.state,
                result=result,
                receipt=self.ledger.event(f"{manifest} {caller(request)}", logged),
            )
        )

    async def recall(self, request: web.Request) -> web.StreamResponse:
        kept = found(self.kept, request.match_info["id"])
        kept.state = "ended"
        kept.offered_to.clear()
        return answer(shapes.Recalled(id=request.match_info["id"], state="ended"))

    async def post_request(self, request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"]
        asked = payload_of(statement.encode())
        made = shapes.DocumentRequest(
            id=asked["id"],
            request=canonical.digest(statement.encode()),
            agency=asked["agency"],
            to=asked["to"],
            agreement=asked["agreement"],
            purpose=asked["purpose"],
            categories=tuple(asked["categories"]),
            consent=asked.get("consent"),
            asked_at=self.clock(),
            deadline=read_time(asked["deadline"]),
            state="open",
            statement=statement,
        )
        self.requests.setdefault(made.id, made)
        return answer(made.model_copy(update={"statement": None}), status=201)

    async def list_requests(self, _request: web.Request) -> web.StreamResponse:
        return answer(shapes.Requests(requests=tuple(self.requests.values())))

    async def list_erasures(self, _request: web.Request) -> web.StreamResponse:
        return answer(shapes.Erasures(erasures=tuple(self.erasures.values())))

    async def confirm_erasure(self, request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"]
        asked = found(self.erasures, request.match_info["id"])
        result = payload_of(statement.encode())["result"]
        logged = event.erasure_confirmed(
            at=self.clock(),
            by=caller(request),
            erasure=asked.id,
            statement=canonical.digest(statement.encode()),
            result=result,
        )
        self.erasures[asked.id] = asked.model_copy(
            update={
                "state": result,
                "confirmation": statement,
                "receipt": self.ledger.event(asked.id, logged),
            }
        )
        return answer(self.erasures[asked.id])

    # The log

    async def log_checkpoint(self, _request: web.Request) -> web.StreamResponse:
        return text(self.ledger.log().note())

    async def log_candidate(self, request: web.Request) -> web.StreamResponse:
        return await self.log_checkpoint(request)

    async def log_receipt(self, request: web.Request) -> web.StreamResponse:
        index = self.ledger.find(request.match_info["id"])
        if index is None:
            raise NotFound
        return text(self.ledger.receipt(index))

    async def log_tile(self, request: web.Request) -> web.StreamResponse:
        tile = read_path(request.match_info["tile"])
        assert isinstance(tile, Tile)
        return octets(self.ledger.tile(tile))

    async def log_entries(self, request: web.Request) -> web.StreamResponse:
        bundle = read_path(f"entries/{request.match_info['bundle']}")
        assert isinstance(bundle, Bundle)
        return octets(self.ledger.bundle(bundle))

    async def log_document(self, request: web.Request) -> web.StreamResponse:
        return octets(self.ledger.documents.get(request.match_info["sha256"]))

    async def log_cosignatures(self, request: web.Request) -> web.StreamResponse:
        self.ledger.handed_in.append(await request.read())
        return text(b"")

    def ask_erasure(self, erasure_id: str, consent_id: str, to: str) -> None:
        """Ask a recipient to erase what it collected under a consent."""
        consent = self.consents[consent_id]
        self.erasures[erasure_id] = shapes.Erasure(
            id=erasure_id,
            consent=consent.consent,
            consent_id=consent_id,
            manifests=tuple(
                sorted(
                    canonical.digest(kept.manifest)
                    for kept in self.kept.values()
                    if kept.consent_id == consent_id
                )
            ),
            to=to,
            reason="withdrawn",
            asked_at=self.clock(),
            due=self.clock() + timedelta(days=14),
            state="open",
            confirmation=None,
        )


def answer(shape: shapes.Shape, *, status: int = 200) -> web.Response:
    """Return a shape as JSON."""
    return web.Response(
        status=status, body=shape.model_dump_json().encode(), content_type=routes.JSON
    )


def text(content: bytes) -> web.Response:
    """Return a note or a receipt."""
    return web.Response(body=content, content_type=routes.TEXT, charset="utf-8")


def octets(content: bytes | None) -> web.Response:
    """Return a part of the log, or answer 404."""
    if content is None:
        raise NotFound
    return web.Response(body=content, content_type=routes.PAYLOAD)


def found(known: Mapping[str, Any], name: str) -> Any:
    """Return the entry, or answer 404."""
    if name not in known:
        raise NotFound
    return known[name]


async def body(request: web.Request) -> dict[str, Any]:
    """Return a JSON body."""
    read: dict[str, Any] = canonical.loads(await request.read(), limit=1 << 20)
    return read


def caller(request: web.Request) -> str:
    """Return who calls: the double's tokens are the agencies' ids."""
    return request.headers["Authorization"].removeprefix("Bearer ")


def shape_of(card: IdentityCard) -> shapes.Card:
    """Return a card as it crosses the wire."""
    return shapes.Card.model_validate(card.payload())
