"""What partners ask of this agency: verified, opened, and put where people read it.

One file for each request that waits, in `requests`. Nothing here answers: whether a document goes
out is for people to decide, and a request that nobody answers ends with its deadline.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from exchange import canonical
from exchange.agency.events import EventKind, happened_once, has_happened
from exchange.agency.home import Home
from exchange.agency.parts import Gateway
from exchange.canonical import Json
from exchange.consent.record import ConsentRecord
from exchange.durable import sync_directory, write_bytes_durably
from exchange.envelope.block import LARGEST_BLOCK, open_block
from exchange.errors import (
    Held,
    LintRefused,
    Malformed,
    NotFound,
    StatementNotAcceptable,
    Unreadable,
)
from exchange.members import Members, write_time
from exchange.statement import Kind
from exchange.wire import shapes
from exchange.wire.request import (
    MOST_CATEGORIES,
    DocumentRequest,
    Wanted,
    check_request,
    read_request,
    read_wanted,
    wanted_block,
)

NOT_ACCEPTABLE = "statement-not-acceptable"
"""Reason of a request that the partner did not sign like this."""
UNREADABLE = "request-unreadable"
"""Reason of a request whose sealed part no key of ours opens."""
_REFUSED = (LintRefused, Malformed, NotFound, StatementNotAcceptable)
_LARGEST_FILE = LARGEST_BLOCK + 8 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that a partner has signed, as people read it."""

    id: str
    digest: str
    """Of the signed request; the answering manifest names it."""
    agency: str
    """Who asks."""
    purpose: str
    categories: frozenset[str]
    deadline: datetime
    consent_id: str | None
    """The consent it is made under; None asks to seek one."""
    wanted: Wanted


async def take(gateway: Gateway, offered: shapes.DocumentRequest) -> bool:
    """Put a request from the inbox where people read it; False when it is there already.

    Raises:
        Held: nobody pinned has signed it, or not like this; or it cannot be opened.
    """
    if _file(gateway.home, offered.id).exists():
        # A crash after the file and before its event: only now somebody is told.
        if not await gateway.state.read(has_happened, EventKind.REQUEST_ASKED, offered.id):
            await _happened(gateway, EventKind.REQUEST_ASKED, offered.id)
        return False
    try:
        asked = await _verified(gateway, offered)
    except _REFUSED as refused:
        raise Held(NOT_ACCEPTABLE) from refused
    await asyncio.to_thread(_write, gateway.home, asked)
    await _happened(gateway, EventKind.REQUEST_ASKED, asked.id)
    log.info("asked", agency=asked.agency)
    return True


def list_asked(home: Home) -> list[Asked]:
    """Return the requests that wait here, the most urgent first."""
    found = [_read(path) for path in home.requests.glob("*.json")]
    return sorted(found, key=lambda asked: (asked.deadline, asked.id))


def find_asked(home: Home, request_id: str) -> Asked:
    """Return one request that waits here.

    Raises:
        NotFound: there is none with this id; perhaps it is answered, or its deadline has passed.
    """
    for path in home.requests.glob("*.json"):
        if path.stem == request_id:
            return _read(path)
    raise NotFound("no request with this id waits here; `exchange requests list` shows them")


async def keep_only(gateway: Gateway, offered: Collection[str]) -> None:
    """Remove what the hub no longer offers: it is answered, or its deadline has passed."""
    for request_id in await asyncio.to_thread(_over, gateway.home, offered):
        # A crash after this removes it in the next round, and tells nobody twice.
        await _happened(gateway, EventKind.REQUEST_ENDED, request_id)
        await asyncio.to_thread(_remove, gateway.home, request_id)


async def _happened(gateway: Gateway, kind: EventKind, request_id: str) -> None:
    await gateway.state.write(happened_once, kind, request_id, gateway.clock())


def _over(home: Home, offered: Collection[str]) -> list[str]:
    return [path.stem for path in home.requests.glob("*.json") if path.stem not in offered]


def _remove(home: Home, request_id: str) -> None:
    _file(home, request_id).unlink()
    sync_directory(home.requests)


async def _verified(gateway: Gateway, offered: shapes.DocumentRequest) -> Asked:
    now = gateway.clock()
    data = (offered.statement or "").encode("utf-8")
    verified = await gateway.partners.verify(data, {Kind.DOCUMENT_REQUEST}, now=now)
    request = read_request(verified)
    if (request.id, request.to) != (offered.id, gateway.agency) or now >= request.deadline:
        raise StatementNotAcceptable("not a request to this agency, or over")
    consent = await _consent(gateway, request, now)
    agreement = await gateway.records.agreement(request.agreement, now=now)
    if agreement is None:
        raise StatementNotAcceptable("it names an agreement that this agency has not signed")
    check_request(request, agreement.scope, consent, in_force=agreement.is_in_force(now))
    return Asked(
        id=request.id,
        digest=verified.digest,
        agency=request.agency,
        purpose=request.purpose,
        categories=request.categories,
        deadline=request.deadline,
        consent_id=None if consent is None else consent.id,
        wanted=_opened(gateway, request),
    )


async def _consent(
    gateway: Gateway, request: DocumentRequest, now: datetime
) -> ConsentRecord | None:
    if request.consent is None:
        return None
    return (await gateway.records.consent(now=now, digest=request.consent)).record


def _opened(gateway: Gateway, request: DocumentRequest) -> Wanted:
    for key in gateway.document_keys.values():
        try:
            block = open_block(request.sealed, key)
        except Unreadable:
            continue
        return read_wanted(block, request.id)
    raise Held(UNREADABLE)


def _file(home: Home, request_id: str) -> Path:
    return home.requests / f"{request_id}.json"


def _write(home: Home, asked: Asked) -> None:
    facts: dict[str, Json] = {
        "digest": asked.digest,
        "from": asked.agency,
        "purpose": asked.purpose,
        "categories": sorted(asked.categories),
        "deadline": write_time(asked.deadline),
        "wanted": wanted_block(asked.id, asked.wanted),
    }
    if asked.consent_id is not None:
        facts["consent"] = asked.consent_id
    write_bytes_durably(_file(home, asked.id), canonical.encode(facts) + b"\n")


def _read(path: Path) -> Asked:
    facts: Mapping[str, Json] = canonical.loads(path.read_bytes(), limit=_LARGEST_FILE)
    members = Members(facts, "request")
    found = Asked(
        id=path.stem,
        digest=members.digest("digest"),
        agency=members.agency("from"),
        purpose=members.code("purpose"),
        categories=members.codes("categories", 1, MOST_CATEGORIES),
        deadline=members.time("deadline"),
        consent_id=members.uuid("consent") if members.has("consent") else None,
        wanted=members.take("wanted", lambda value: read_wanted(value, path.stem)),
    )
    members.end()
    return found
