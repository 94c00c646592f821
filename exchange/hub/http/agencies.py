"""The directory: agencies, their keys and capabilities."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from exchange import canonical
from exchange.canonical import digest
from exchange.errors import NotFound
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.publish_capabilities import LARGEST, publish_capabilities
from exchange.hub.publish_keys import publish_key_statement, publish_succession
from exchange.hub.storage import agencies, keys, log
from exchange.keyid import IdentityCard
from exchange.wire import log_routes, routes, shapes


def directory_routes() -> Routes:
    """Return the handlers of the directory."""
    bound = Routes()
    bound.handles(routes.AGENCIES)(list_agencies)
    bound.handles(routes.AGENCY)(get_agency)
    bound.handles(routes.PUT_KEY_STATEMENT)(put_key_statement)
    bound.handles(routes.PUT_SUCCESSION)(put_succession)
    bound.handles(routes.PUT_CAPABILITIES)(put_capabilities)
    return bound


async def list_agencies(call: Call, *, query: shapes.Page) -> shapes.Agencies:
    """Return a page of the directory; every agency may read all of it."""
    page = await call.hub.db.read(_page, call.agency, query, call.hub.clock())
    return shapes.Agencies(agencies=page, next=page[-1].id if len(page) == query.limit else None)


async def get_agency(call: Call, *, path: shapes.AgencyPath) -> shapes.Agency:
    """Return one agency."""
    return await call.hub.db.read(_one, call.agency, path.id, call.hub.clock())


async def put_key_statement(
    call: Call, *, path: shapes.AgencyPath, body: shapes.Given
) -> shapes.KeyStatementStored:
    """Publish the caller's next key statement."""
    _own(call, path)
    stored = await publish_key_statement(call.hub, call.agency, body.statement.encode())
    receipt = await call.hub.db.read(log.document_receipt, stored.digest)
    return shapes.KeyStatementStored(
        agency=stored.agency,
        seq=stored.seq,
        digest=stored.digest,
        receipt=log_routes.receipt_at(receipt),
    )


async def put_succession(
    call: Call, *, path: shapes.AgencyPath, body: shapes.Given
) -> shapes.SuccessionStored:
    """Register the caller's next identity."""
    _own(call, path)
    stored = await publish_succession(call.hub, call.agency, body.statement.encode())
    receipt = await call.hub.db.read(log.document_receipt, digest(stored.statement))
    return shapes.SuccessionStored(
        agency=stored.agency,
        kid=stored.new.kid,
        until=moment(stored.until),
        receipt=log_routes.receipt_at(receipt),
    )


async def put_capabilities(
    call: Call, *, path: shapes.AgencyPath, body: shapes.Capabilities
) -> shapes.Capabilities:
    """Publish what the caller can receive."""
    _own(call, path)
    await publish_capabilities(call.hub, call.agency, body.model_dump(mode="json"))
    return body


def _own(call: Call, path: shapes.AgencyPath) -> None:
    if path.id != call.agency:  # of others nothing can be published; they look absent
        raise NotFound


def _page(
    conn: Connection, caller: str, query: shapes.Page, now: datetime
) -> tuple[shapes.Agency, ...]:
    page = agencies.listed(conn, after=query.after, limit=query.limit)
    return tuple(_shape(conn, caller, agency, now) for agency in page)


def _one(conn: Connection, caller: str, agency: str, now: datetime) -> shapes.Agency:
    found = agencies.find(conn, agency)
    if found is None:
        raise NotFound
    return _shape(conn, caller, found, now)


def _shape(conn: Connection, caller: str, agency: agencies.Agency, now: datetime) -> shapes.Agency:
    present, *before = agencies.identities_of(conn, agency.id)
    previous = next((one for one in before if one.until is not None and now < one.until), None)
    newest = keys.newest(conn, agency.id)
    return shapes.Agency(
        id=agency.id,
        state=agency.state,
        kid=present.card.kid,
        card=_card(present.card),
        previous=None if previous is None else _card(previous.card),
        succession_receipt=_receipt(conn, present.succession),
        succession=None if present.succession is None else present.succession.decode("ascii"),
        key_statement_receipt=_receipt(conn, None if newest is None else newest.statement),
        key_statement=None if newest is None else newest.statement.decode("ascii"),
        capabilities=_capabilities(agency.capabilities, own=agency.id == caller),
    )


def _receipt(conn: Connection, statement: bytes | None) -> str | None:
    if statement is None:
        return None
    return log_routes.receipt_at(log.document_receipt(conn, digest(statement)))


def _card(card: IdentityCard) -> shapes.Card:
    return shapes.Card.model_validate(card.payload())


def _capabilities(stored: bytes | None, *, own: bool) -> shapes.Capabilities | None:
    if stored is None:
        return None
    canonical.loads(stored, limit=LARGEST)
    found = shapes.Capabilities.model_validate_json(stored)
    # Which version of what it runs is for its partners' records, not for everybody.
    return found if own else found.model_copy(update={"plugins": None})


def moment(seconds: int) -> datetime:
    """Return seconds since 1970 as an aware moment."""
    return datetime.fromtimestamp(seconds, UTC)
