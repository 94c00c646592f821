"""Document requests at the simulator's hub: signed as a gateway signs them, sealed to nobody."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from exchange import canonical
from exchange.members import write_time
from exchange.statement import Kind, seconds, sign
from exchange.wire import routes
from tests.samples import ABSENT
from tests.simulator import RECIPIENT, SENDER, Answer, Simulator

DAYS = 14


def request(sim: Simulator, agency: str = RECIPIENT, **members: Any) -> bytes:
    """Return what `agency` asks of `women-b`: to seek a consent, unless told otherwise."""
    payload = {
        "id": str(uuid4()),
        "iat": seconds(sim.now),
        "agency": agency,
        "to": SENDER,
        "agreement": sim.agreement,
        "purpose": "housing-loss",
        "categories": ["rent-arrears-letter"],
        "deadline": write_time(sim.now + timedelta(days=DAYS)),
        "sealed": canonical.b64u(b"CANARY-SEALED-PART" * 60),
        **members,
    }
    payload = {name: value for name, value in payload.items() if value is not ABSENT}
    return sign(Kind.DOCUMENT_REQUEST, payload, sim.offices[agency].identity)


async def post(sim: Simulator, statement: bytes, agency: str = RECIPIENT, **options: Any) -> Answer:
    """Hand a request in."""
    given = {"statement": statement.decode()}
    return await sim.call(agency, routes.POST_REQUEST, json=given, **options)


async def ask(sim: Simulator, agency: str = RECIPIENT, **members: Any) -> Any:
    """Ask `women-b`, and return the request as its asker sees it."""
    made = await post(sim, request(sim, agency, **members), agency)
    assert made.status == 201, made.body
    return made.json


async def seen(sim: Simulator, asked: Any, agency: str = RECIPIENT) -> Answer:
    """Look at one request."""
    return await sim.call(agency, routes.GET_REQUEST, id=asked["id"])


async def listed(sim: Simulator, agency: str, query: str = "") -> Any:
    """Return the requests of one page."""
    return (await sim.call(agency, routes.REQUESTS, query=query)).json["requests"]
