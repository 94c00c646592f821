"""exchange.agency.lint_consent: ages are asked where the birth date is known, and go nowhere."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from exchange.agency.record_consent import ConsentDraft, lint_draft, record_consent, text_of
from exchange.canonical import digest, sha256_hex, unb64u
from exchange.consent.record import Evidence, ShownNotice, Signer
from exchange.consent.subject import SubjectFacts
from exchange.consent.words import (
    Capacity,
    CapacityBasis,
    EvidenceKind,
    Form,
    Identified,
    Interpreter,
    Role,
)
from exchange.days import end_of
from exchange.errors import Conflict, LintRefused
from exchange.wire import routes, shapes
from tests.agency.double import answer, body, payload_of
from tests.agency.network import NOW, RECIPIENT, SENDER, Network
from tests.samples import AGREEMENT

BORN = date(1987, 6, 5)
FACTS = SubjectFacts(family_name="CANARY-NAME", given_name="Somebody", born=BORN)
DRAFT = ConsentDraft(
    id="5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9b77",
    agreement=AGREEMENT["id"],
    releasers=frozenset({RECIPIENT}),
    recipients=frozenset({SENDER}),
    onward_from=frozenset(),
    categories=frozenset({"rent-arrears-letter"}),
    secrecy=None,
    purpose="housing-loss",
    uses=1,
    valid_from=NOW,
    valid_until=end_of(date(2026, 8, 31)),
    form=Form.WRITTEN,
    form_reason=None,
    capacity=Capacity.SELF,
    capacity_basis=CapacityBasis.RULE,
    signers=(Signer(role=Role.SUBJECT, at=NOW, identified=Identified.KNOWN),),
    notice=ShownNotice(
        id="consent-form",
        version="1.0",
        lang="de",
        sha256="00" * 32,
        interpreter=Interpreter.NONE,
    ),
    evidence=Evidence(sha256="ef" * 32, kind=EvidenceKind.SCAN, pages=1),
    collected_at=NOW,
    subject=FACTS,
    as_of=NOW,
)


@asynccontextmanager
async def tapped(network: Network) -> AsyncIterator[bytearray]:
    """Yield every byte the collector's gateway sends while the block runs."""
    heard, hub = bytearray(), urlsplit(network.double.origin)

    async def forward(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None
    ) -> None:
        while data := await reader.read(65_536):
            if kept is not None:
                kept += data
            writer.write(data)
            await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, on = await asyncio.open_connection(hub.hostname, hub.port)
        await asyncio.gather(forward(reader, on, heard), forward(back, writer, None))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = network.offices[RECIPIENT].home.settings_file
    before = settings.read_text()
    settings.write_text(before.replace(network.double.origin, f"http://127.0.0.1:{port}"))
    try:
        yield heard
    finally:
        settings.write_text(before)
        server.close()


async def shown(network: Network, **members: Any) -> ConsentDraft:
    """Return the draft with other members, whose text was really shown."""
    draft = replace(DRAFT, **members)
    async with network.gateway(RECIPIENT) as gateway:
        text = await text_of(gateway, draft)
    return replace(draft, notice=replace(draft.notice, sha256=sha256_hex(text.encode())))


@pytest.fixture(autouse=True)
def recording(network: Network) -> None:
    """Let the hub's double record whatever it is given."""

    async def record(request: web.Request) -> web.StreamResponse:
        statement = (await body(request))["statement"]
        recorded = shapes.ConsentRecorded(
            id=payload_of(statement.encode())["id"],
            consent=digest(statement.encode()),
            recorded_at=network.now,
        )
        return answer(recorded, status=201)

    network.double.replaced[routes.POST_CONSENT.name] = record


async def test_the_birth_date_is_in_no_request(network: Network) -> None:
    draft = await shown(network)
    async with tapped(network) as heard, network.gateway(RECIPIENT) as gateway:
        assert await lint_draft(gateway, draft) == ()
        await record_consent(gateway, draft)

    said = bytes(heard)
    assert b"POST /v1/consents" in said
    payloads = re.findall(rb"payload\W+([\w-]+)", said)
    decoded = b"".join(unb64u(payload.decode()) for payload in payloads)
    assert b"rent-arrears-letter" in decoded
    for canary in (b"1987", b"CANARY-NAME", b"Somebody"):
        assert canary not in said + decoded


async def test_a_void_draft_is_never_sent(network: Network) -> None:
    draft = await shown(network, subject=replace(FACTS, born=date(2015, 6, 5)))
    async with tapped(network) as heard, network.gateway(RECIPIENT) as gateway:
        with pytest.raises(LintRefused) as refused:
            await record_consent(gateway, draft)

    assert [finding.id for finding in refused.value.findings] == ["L35"]
    assert b"POST /v1/consents" not in bytes(heard)


@pytest.mark.parametrize(
    "members",
    [
        {"subject": replace(FACTS, born=date(1987, 6, 6))},
        {"subject": replace(FACTS, particulars="another flat")},
        {"valid_from": NOW.replace(hour=23)},
        {"collected_at": NOW.replace(hour=9)},
        {"valid_until": end_of(date(2026, 8, 30))},
        {"signers": (replace(DRAFT.signers[0], at=NOW.replace(hour=9)),)},
        {"evidence": replace(Evidence(sha256="ef" * 32, kind=EvidenceKind.SCAN, pages=1), pages=2)},
    ],
)
async def test_an_edited_draft_under_a_signed_id_is_another_one(
    network: Network, members: dict[str, Any]
) -> None:
    draft = await shown(network)
    async with network.gateway(RECIPIENT) as gateway:
        await record_consent(gateway, draft)
        with pytest.raises(Conflict, match="new id"):
            await record_consent(gateway, replace(draft, **members))


async def test_the_same_draft_read_later_is_the_same(network: Network) -> None:
    draft = await shown(network)
    async with network.gateway(RECIPIENT) as gateway:
        first = await record_consent(gateway, draft)
        network.sleep(hours=5)
        later = network.now
        signers = tuple(replace(signer, at=later) for signer in draft.signers)
        again = replace(draft, as_of=later, collected_at=later, valid_from=later, signers=signers)
        assert (await record_consent(gateway, again)).digest == first.digest
