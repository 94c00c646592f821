"""A hub whose consents have a party for every relation, and ways to compare what each is told.

`housing-c` collects, `women-b` releases, `jobcentre-a` receives, `debt-d` is a party of the same
agreement and of nothing under it, `youth-c` is a party of nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from exchange.hub import sweep
from exchange.hub.http.uploads import OFFSET
from exchange.members import write_time
from exchange.statement import Kind, seconds, sign
from exchange.wire import officer_routes, routes
from exchange.wire.routes import Operation
from tests import person
from tests.asking import ask
from tests.simulator import (
    OUTSIDER,
    RECIPIENT,
    SENDER,
    Answer,
    Given,
    Letter,
    Simulator,
    office,
    statements,
)

COLLECTOR, PARTY = "housing-c", "debt-d"
NOBODY = "nobody"
"""A caller without a token."""
GROWING = {
    *("log_pending", "log_entry", "log_tile", "log_tree", "log_checkpoint", "log_cosignature"),
    *("log_reader", "log_reader_size"),
}
"""Tables that the loops of the log fill by themselves, at moments of their own."""
RELATIONS = {
    "collector": COLLECTOR,
    "releaser": SENDER,
    "recipient": RECIPIENT,
    "party": PARTY,
    "outsider": OUTSIDER,
    "nobody": NOBODY,
}
TUS = {"Tus-Resumable": "1.0.0"}


@dataclass(frozen=True)
class World:
    """A consent and what came of it: a disclosure, an upload, a request to erase, a request for
    documents, a draft; or ids that do not exist.
    """

    consent: Given
    letter: Letter
    erasure: str
    agreement: str
    request: str = field(default_factory=lambda: str(uuid4()))
    draft: str = field(default_factory=lambda: str(uuid4()))
    receipt: str = field(default_factory=lambda: str(uuid4()))
    """Of the disclosure where it was stored, else of the consent."""


class Parties(Simulator):
    """See the module."""

    def __init__(self, root: Path, **settings: Any) -> None:
        super().__init__(root, **settings)
        self.offices = {
            agency: office(agency) for agency in (SENDER, RECIPIENT, OUTSIDER, COLLECTOR, PARTY)
        }

    def agreement_payload(self, **members: Any) -> dict[str, Any]:
        payload = super().agreement_payload(collectors=[COLLECTOR], **members)
        example = next(one for one in payload["parties"] if one["agency"] == RECIPIENT)
        for agency in (COLLECTOR, PARTY):
            kid = self.offices[agency].identity.kid
            payload["parties"].append({**deepcopy(example), "agency": agency, "kid": kid})
        payload["parties"].sort(key=lambda party: str(party["agency"]))
        return payload

    async def agree(self, **members: Any) -> str:
        """Record an agreement that all four parties have signed; return its digest."""
        await self.propose(**members)
        for agency in (SENDER, COLLECTOR):
            await self.sign_agreement(agency)
        signed = await self.sign_agreement(PARTY)
        assert signed.json["state"] == "in-force", signed.body
        return self.agreement

    async def consent(self, **members: Any) -> Given:
        """Record a consent that `housing-c` collected: `women-b` may disclose to `jobcentre-a`."""
        given = self.signed_consent(**{"collected_by": COLLECTOR, **members})
        recorded = await self.record(given, given_by(members))
        assert recorded.status == 201, recorded.body
        return given

    async def world(self, state: str) -> World:
        """Return a consent whose disclosure has come to `state`, or what came before a consent.

        `invited` waits for the person's signature, `declined` is deleted since; `asked` is
        recorded, and `jobcentre-a` asks for documents without knowing of it.
        """
        match state:
            case "invited" | "declined":
                return await self._unsigned(declined=state == "declined")
            case "expired":
                return await self._expired()
            case "recorded" | "asked":
                return await self._unsent(asked=state == "asked")
            case _:
                return await self._sent(state)

    async def _sent(self, state: str) -> World:
        consent = await self.consent()
        letter = self.letter(consent.digest)
        if state == "announced":
            await self.announce(letter)
        else:
            assert (await self.send(letter)).status == 201
        if state in {"collected", "acknowledged", "withdrawn, collected"}:
            assert (await self.collect(letter)).status == 200
        if state == "acknowledged":
            assert (await self.acknowledge(letter)).status == 200
        if state == "recalled":
            assert (await self.call(SENDER, routes.RECALL, id=letter.id)).status == 200
        erasure = str(uuid4())
        if state.startswith("withdrawn"):
            assert (await self.withdraw(consent, COLLECTOR)).status == 200
            asked = (await self.call(RECIPIENT, routes.ERASURES, query="?limit=200")).json
            mine = [one for one in asked["erasures"] if one["consent_id"] == consent.id]
            erasure = mine[0]["id"] if mine else erasure
        receipt = await self._receipt(consent, letter)
        return World(consent, letter, erasure, self.agreement_id, receipt=receipt)

    async def _receipt(self, consent: Given, letter: Letter) -> str:
        query = (
            "SELECT coalesce((SELECT receipt FROM disclosures WHERE id = :letter), receipt) "
            "FROM consents WHERE id = :consent"
        )
        (row,) = await self.rows(query, letter=letter.id, consent=consent.id)
        return str(row[0])

    async def _unsent(self, *, asked: bool) -> World:
        consent = await self.consent()
        name = (await ask(self))["id"] if asked else str(uuid4())
        letter = self.letter(consent.digest)
        receipt = await self._receipt(consent, letter)
        return World(consent, letter, str(uuid4()), self.agreement_id, name, receipt=receipt)

    async def _expired(self) -> World:
        """Return a consent and its disclosure whose time is over; the clock has moved."""
        until = self.now + timedelta(hours=1)
        consent = await self.consent(valid_until=write_time(until), uses="once")
        letter = self.letter(consent.digest, exp=seconds(until))
        assert (await self.send(letter)).status == 201
        self.later(hours=2)
        await sweep.sweep(self.hub, leftovers=False)
        receipt = await self._receipt(consent, letter)
        return World(consent, letter, str(uuid4()), self.agreement_id, receipt=receipt)

    async def _unsigned(self, *, declined: bool) -> World:
        """Return a consent of which there is a draft, or was one until the person said no."""
        payload = person.draft(self, collected_by=COLLECTOR)
        uploaded, _ = await person.upload(self, payload, agency=COLLECTOR)
        assert uploaded.status == 201, uploaded.body
        name = payload["id"]
        if declined:
            gone = await self.call(COLLECTOR, routes.DELETE_DRAFT, id=name)
            assert gone.status == 200, gone.body
        never = self.signed_consent(id=name, collected_by=COLLECTOR)
        letter = self.letter(never.digest)
        return World(never, letter, str(uuid4()), self.agreement_id, draft=name)

    def absent(self, world: World) -> World:
        """Return the same world under ids that nothing has."""
        consent, letter = world.consent, world.letter
        return World(
            Given(str(uuid4()), consent.digest, consent.statement, consent.log_key),
            Letter(
                str(uuid4()), letter.manifest, letter.sealed, letter.consent, letter.header_size
            ),
            str(uuid4()),
            str(uuid4()),
        )

    async def announce(self, letter: Letter, agency: str = SENDER, **options: Any) -> Answer:
        return await self.call(
            agency,
            routes.DISCLOSE,
            body=letter.manifest,
            headers={"Content-Type": routes.MANIFEST, **options.pop("headers", {})},
            **options,
        )

    async def patch(
        self, letter: Letter, start: int, body: bytes, agency: str = SENDER, **headers: str
    ) -> Answer:
        """Send the piece of an upload that begins at `start`."""
        given = {**TUS, "Upload-Offset": str(start), "Content-Type": routes.OFFSET_STREAM}
        renamed = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.call(
            agency, routes.UPLOAD, id=letter.id, body=body, headers={**given, **renamed}
        )

    async def offset(self, letter: Letter, agency: str = SENDER) -> Answer:
        return await self.call(agency, OFFSET, id=letter.id, headers=TUS)

    def confirmation(self, world: World, agency: str = RECIPIENT, **members: Any) -> bytes:
        """Return the statement that everything under the consent of `world` is erased."""
        payload = {
            "id": str(uuid4()),
            "iat": seconds(self.now),
            "agency": agency,
            "erasure": world.erasure,
            "consent": world.consent.digest,
            "manifests": [world.letter.digest],
            "result": "erased",
            "passed_on": [],
            **members,
        }
        return sign(Kind.ERASURE, payload, self.offices[agency].identity)

    async def ask_about(self, operation: Operation, world: World, caller: str) -> Answer:
        """Ask `operation` about `world` as `caller`, in a form that is right for it."""
        agency = None if caller == NOBODY else caller
        signer = RECIPIENT if agency is None else agency
        options: dict[str, Any] = {"id": self._id(operation, world)}
        if operation.path.startswith("/v1/agencies/"):
            options["id"] = SENDER
        if operation is officer_routes.FIGURES:
            options["period"] = "2026-03"
        if operation.body is not None:
            options["json"] = self._body(operation, world, signer)
        if operation.path == routes.UPLOAD.path:
            options["headers"] = TUS
        if operation is routes.UPLOAD:
            options["headers"] = {
                **TUS,
                "Upload-Offset": "0",
                "Content-Type": routes.OFFSET_STREAM,
            }
            options["body"] = world.letter.sealed[:5]
        return await self.call(agency, operation, **options)

    def _id(self, operation: Operation, world: World) -> str:
        place = operation.path.partition("/{id}")[0].split("/")[-1]
        place = place if operation.scope else operation.path.split("/")[2]
        return {
            "agreements": world.agreement,
            "art30": world.agreement,
            "figures": world.agreement,
            "consents": world.consent.id,
            "erasures": world.erasure,
            "requests": world.request,
            "drafts": world.draft,
            "receipts": world.receipt,
        }.get(place, world.letter.id)

    def _body(self, operation: Operation, world: World, signer: str) -> dict[str, Any]:
        if operation is routes.PUT_CAPABILITIES:
            return {"max_size": 5000}
        if operation is routes.POST_CREDENTIAL:
            return {}
        if operation is routes.WITHDRAW:
            statement = self.withdrawal(world.consent, signer)
        elif operation is routes.CONFIRM_ERASURE:
            statement = self.confirmation(world, signer)
        elif operation is routes.ACKNOWLEDGE:
            statement = self.acknowledgement(world.letter, signer, "rejected", reason="unreadable")
        else:
            statement = self.acknowledgement(world.letter, signer)
        return {"statement": statement.decode()}

    async def question(self, agency: str | None, consent: str, to: str = RECIPIENT) -> Answer:
        """Ask the gate beforehand, with or without a token."""
        if agency is not None:
            return await self.ask(agency, consent, recipients=[to])
        return await self.call(None, routes.DECIDE, json={"consent": consent})

    # What an answer costs

    async def leaves(self) -> list[int]:
        """Return the length of every leaf, those that wait for the tree last."""
        query = (
            "SELECT size FROM (SELECT 0 AS late, idx AS place, length(leaf) AS size FROM log_entry "
            "UNION ALL SELECT 1, id, length(leaf) FROM log_pending) AS every ORDER BY late, place"
        )
        return [row[0] for row in await self.rows(query)]

    async def traced(self, ask: Any) -> "Traced":
        """Return an answer, how many statements it took, and the lengths of the leaves it left."""
        (found,) = await self.traces([ask])
        return found

    async def traces(self, asks: Sequence[Callable[[], Awaitable[Answer]]]) -> list["Traced"]:
        """Return `traced` of each, with one look for all connections: they are open by then."""
        for one in asks:
            await one()  # what is read for the first time is verified once more
        found = []
        async with self.still():
            with statements(self.home) as seen:
                for one in asks:
                    before = len(await self.leaves())
                    count = len(seen)
                    answer = await one()
                    count = len(seen) - count
                    leaves = tuple((await self.leaves())[before:])
                    found.append(Traced(answer, count, leaves))
        return found

    async def tables(self) -> dict[str, int]:
        """Return the number of rows of every table that has some.

        Leaves are one number, wherever the sequencer has put them by now; the tree grows from
        them and is not counted.
        """
        names = set(await self.table_names()) - GROWING
        found = {name: await self.count(name) for name in sorted(names)}
        found["leaves"] = len(await self.leaves())
        return {name: count for name, count in found.items() if count}


def given_by(members: dict[str, Any]) -> str:
    collector: str = members.get("collected_by", COLLECTOR)
    return collector


@dataclass(frozen=True)
class Traced:
    """An answer and everything about it that somebody could tell two refusals apart by."""

    answer: Answer
    statements: int
    leaves: tuple[int, ...]

    @property
    def face(self) -> tuple[object, int, tuple[int, ...]]:
        return self.answer.face, self.statements, self.leaves
