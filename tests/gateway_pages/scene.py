"""Two offices with everything their pages show: documents, quarantine, requests, erasures.

`jobcentre-a` sends and is asked; `women-b` receives, collects consents and has to erase.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from exchange import canonical
from exchange.agency import ask, poll, send, spool
from exchange.agency.quarantine import list_quarantine
from exchange.envelope.sealing import Outgoing
from exchange.wire import shapes
from tests.agency.double import answer, body, payload_of
from tests.agency.local import Local, local_api
from tests.agency.network import RECIPIENT, SENDER, Network, draft
from tests.agency.test_requests import wanted

HOSTILE = '<img src=x onerror="alert(1)">&{{ 7 * 7 }}.pdf'
"""Name of a file that a partner has chosen with care (A54)."""
REMARK = "<script>alert('remark')</script>"
ENDED = "6b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a06"
"""A second consent, which ends."""
ERASURE = "8b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a08"
SEEK = "3d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a13"
"""A request without a consent."""
SUBJECT = {"family_name": "Muster", "given_name": "Erika <b>", "born": "1990-01-01"}


@dataclass
class Scene:
    """Both offices at work."""

    network: Network
    sender: Local
    recipient: Local
    sent: str
    """Id of the document that arrived."""
    aside: str
    """Id of the one in quarantine."""

    async def round_of(self, local: Local) -> None:
        done = await poll.fetch(local.office.gateway, local.office.reception)
        assert done.troubles == []


@asynccontextmanager
async def opened(root: Path) -> AsyncIterator[Scene]:
    """Let two offices work below `root`, and everything happen that their pages show."""
    network = Network(root)
    async with network.double.running():
        network.arrange()
        async with played(network) as found:
            yield found


@asynccontextmanager
async def played(network: Network) -> AsyncIterator[Scene]:
    """Let everything happen that the pages show."""
    double = network.double
    double.replaced["post_consent"] = lambda request: _recorded(network, request)
    double.replaced["withdraw"] = lambda request: _withdrawn(network, request)
    other = network.signed_consent(id=ENDED)
    double.consents[other.id] = other
    async with AsyncExitStack() as open_:
        sender = await open_.enter_async_context(local_api(network, SENDER))
        recipient = await open_.enter_async_context(local_api(network, RECIPIENT))
        gateway = sender.office.gateway
        letter = Outgoing(HOSTILE, "application/pdf", b"%PDF-1.7 letter")
        (good,) = await send.send(gateway, draft(files=(letter,), remark=REMARK))
        broken = Outgoing(HOSTILE, "application/pdf", b"no PDF")
        (bad,) = await send.send(gateway, draft(files=(broken,), remark=REMARK))
        await send.send(gateway, draft(consent=ENDED))
        scene = Scene(network, sender, recipient, good.id, bad.id)
        await scene.round_of(recipient)
        await _ended(scene)
        for request in (wanted(), wanted(id=SEEK, consent=None)):
            await ask.ask(recipient.office.gateway, request)
        await scene.round_of(sender)
        await scene.round_of(recipient)
        assert [one.id for one in await list_quarantine(recipient.office.gateway)] == [bad.id]
        yield scene


async def _ended(scene: Scene) -> None:
    """Let a consent end under which the recipient's people have taken a document over."""
    network, home = scene.network, scene.network.offices[RECIPIENT].home
    consent = network.double.consents[ENDED]
    (kept,) = [one for one in network.double.kept.values() if one.consent_id == ENDED]
    (folder,) = home.spool.glob(f"*_{context_id(kept.manifest)[:8]}")
    spool.remove_delivered(home, folder.name)
    network.double.end_consent(ENDED, network.withdrawal(consent))
    network.double.ask_erasure(ERASURE, ENDED, RECIPIENT)


def context_id(manifest: bytes) -> str:
    context = canonical.loads(canonical.unb64u(payload_of(manifest)["context"]), limit=10**6)
    return str(context["id"])


async def _recorded(network: Network, request: web.Request) -> web.StreamResponse:
    statement = (await body(request))["statement"]
    payload = payload_of(statement.encode())
    consent = shapes.Consent(
        id=payload["id"],
        consent=canonical.digest(statement.encode()),
        statement=statement,
        state="valid",
        used=0,
    )
    network.double.consents[consent.id] = consent
    path = network.double.recorded(consent)
    return answer(
        shapes.ConsentRecorded(
            id=consent.id, consent=consent.consent, recorded_at=network.now, receipt=path
        ),
        status=201,
    )


async def _withdrawn(network: Network, request: web.Request) -> web.StreamResponse:
    statement = (await body(request))["statement"]
    consent_id = request.match_info["id"]
    network.double.end_consent(consent_id, statement.encode())
    consent = network.double.consents[consent_id]
    return answer(
        shapes.Withdrawn(
            id=consent_id, consent=consent.consent, state="ended", ended_at=network.now
        )
    )
