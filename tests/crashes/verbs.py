"""Every request that changes something, as a client makes it: the same as often as needed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from exchange.canonical import digest
from exchange.keyring.ceremony import announce, new_document_key
from exchange.statement import Kind, seconds, sign
from exchange.wire import routes
from exchange.wire.routes import Operation
from tests.asking import request
from tests.crashes.remote import Remote
from tests.simulator import RECIPIENT, SENDER, Answer

TUS = {"Tus-Resumable": "1.0.0"}


@dataclass(frozen=True)
class Verb:
    """One request: what comes before it, and how a client makes it, as often as needed."""

    prepare: Callable[[Remote], Awaitable[Any]]
    ask: Callable[[Remote, Any], Awaitable[Answer]]
    points: int
    """At least so many durable calls; fewer, and the shim does not see them."""
    torn: bool = True
    """Whether to die in the middle of writes, too."""


async def one_consent(sim: Remote) -> Any:
    return sim.letter((await sim.consent()).digest)


async def post(sim: Remote, asked: tuple[str, Operation, bytes, dict[str, str]]) -> Answer:
    """Send the very same statement again and again."""
    agency, operation, statement, path = asked
    given: dict[str, Any] = {"json": {"statement": statement.decode()}, **path}
    return await sim.call(agency, operation, **given)


async def to_record(sim: Remote) -> Any:
    return sim.signed_consent()


async def to_withdraw(sim: Remote) -> Any:
    consent = await sim.consent()
    await sim.sent(consent)
    await sim.collect(await sim.sent(consent))
    return SENDER, routes.WITHDRAW, sim.withdrawal(consent), {"id": consent.id}


async def to_acknowledge(sim: Remote) -> Any:
    letter = await sim.sent()
    await sim.collect(letter)
    return RECIPIENT, routes.ACKNOWLEDGE, sim.acknowledgement(letter), {"id": letter.id}


async def to_revoke(sim: Remote) -> Any:
    """The recipient's key is taken back; a document sealed to it waits."""
    await sim.sent()
    one = sim.offices[RECIPIENT]
    statement = announce(
        one.identity,
        new_document_key().recipient,
        previous=sim.stated[RECIPIENT],
        now=sim.now,
        revoked=frozenset({one.key.recipient.fingerprint}),
    )
    return RECIPIENT, routes.PUT_KEY_STATEMENT, statement, {"id": RECIPIENT}


async def to_sign(sim: Remote) -> Any:
    payload = sim.agreement_payload()
    statement = sign(Kind.AGREEMENT, payload, sim.offices[RECIPIENT].identity)
    posted = await sim.call(
        RECIPIENT, routes.POST_AGREEMENT, json={"statement": statement.decode()}
    )
    assert posted.status == 201, posted.body
    signature = {
        "id": payload["id"],
        "iat": seconds(sim.now),
        "agency": SENDER,
        "agreement": digest(statement),
    }
    signed = sign(Kind.AGREEMENT_SIGNATURE, signature, sim.offices[SENDER].identity)
    return SENDER, routes.SIGN_AGREEMENT, signed, {"id": payload["id"]}


async def upload(sim: Remote, letter: Any) -> Answer:
    """Announce, ask where it stands, send the rest in two pieces: what any tus client does."""
    announced = await sim.call(
        SENDER, routes.DISCLOSE, body=letter.manifest, headers={"Content-Type": routes.MANIFEST}
    )
    assert announced.status in {200, 201}, announced.body
    size = len(letter.sealed)
    offset = 0
    while offset < size:
        found = await at(sim, letter.id)
        offset = int(found["Upload-Offset"])
        if offset == size:
            break
        end = size // 2 if offset < size // 2 else size
        sent = await sim.call(
            SENDER,
            routes.UPLOAD,
            id=letter.id,
            body=letter.sealed[offset:end],
            headers={**TUS, "Upload-Offset": str(offset), "Content-Type": routes.OFFSET_STREAM},
        )
        assert sent.status == 204, (sent.status, sent.body)
        offset = end
    return await sim.call(SENDER, routes.GET_DISCLOSURE, id=letter.id)


async def at(sim: Remote, disclosure: str) -> Any:
    url = sim.origin + routes.UPLOAD.path.replace("{id}", disclosure)
    headers = {**TUS, "Authorization": f"Bearer {sim.token(SENDER)}"}
    async with sim.http.head(url, headers=headers) as answer:
        assert answer.status == 200, answer.status
        return answer.headers


async def to_recall(sim: Remote) -> Any:
    return await sim.sent()


async def recall(sim: Remote, letter: Any) -> Answer:
    return await sim.call(SENDER, routes.RECALL, id=letter.id, json={})


async def to_ask(sim: Remote) -> Any:
    return RECIPIENT, routes.POST_REQUEST, request(sim), {}


VERBS = {
    "record": Verb(to_record, lambda sim, given: sim.record(given), 4),
    "store": Verb(one_consent, lambda sim, letter: sim.send(letter), 6),
    "upload": Verb(one_consent, upload, 20, torn=False),  # pieces are written as payloads are
    "collect": Verb(to_recall, lambda sim, letter: sim.collect(letter), 2),
    "withdraw": Verb(to_withdraw, post, 2),
    "acknowledge": Verb(to_acknowledge, post, 2),
    "recall": Verb(to_recall, recall, 2),
    "revoke": Verb(to_revoke, post, 2),
    "sign": Verb(to_sign, post, 2),
    "ask": Verb(to_ask, post, 2),
}
