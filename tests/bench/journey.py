"""Complete journeys of documents through real HTTP: from the sealed bytes to the answer.

Everything an agency signs or seals is made beforehand, so that what is measured is the hub, and
the client's own cryptography takes no processor from it.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import aiohttp

from exchange import canonical
from exchange.wire import routes
from tests.bench.arrivals import Histogram
from tests.bench.place import RECIPIENT, SENDER, Place
from tests.simulator import Given, Letter

Way: TypeAlias = Literal["one-shot", "tus", "withdraw"]
WAYS: tuple[Way, ...] = ("one-shot", "tus", "withdraw")
TUS = {"Tus-Resumable": "1.0.0"}
SHED = 503
WAIT_S = 20
"""Of the recipient's long poll."""
ARRIVES_S = 60.0
"""How long a stored document may take to show in the inbox before the run fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A document ready to be sent, and everything that will be signed about it."""

    way: Way
    letter: Letter
    acknowledgement: bytes
    given: Given
    withdrawal: bytes | None
    """Ends the consent, which is this document's own; None where the journey ends before."""


class Travels:
    """Runs journeys between two agencies and keeps how long each step took."""

    def __init__(self, sender: aiohttp.ClientSession, recipient: aiohttp.ClientSession) -> None:
        self._sender, self._recipient = sender, recipient
        self._arriving: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.took: dict[str, Histogram] = defaultdict(Histogram)
        """By step; `journey` is all of it, from the intended moment on."""

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        """Keep the recipient's long poll open while the block runs, as its gateway does."""
        polling = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling

    async def go(self, sealed: Sealed, intended: float) -> None:
        """Bring one document all the way.

        Args:
            sealed: sent once only.
            intended: when it should have begun, on the clock of `time.perf_counter`.
        """
        letter, moment = sealed.letter, intended
        moment = await self._send(sealed, moment)
        await asyncio.wait_for(self._arriving[letter.id].wait(), ARRIVES_S)
        del self._arriving[letter.id]
        moment = self._note("arrive", moment)
        await self._get(f"/v1/disclosures/{letter.id}")
        moment = self._note("manifest", moment)
        assert len(await self._get(f"/v1/disclosures/{letter.id}/payload")) == len(letter.payload)
        moment = self._note("payload", moment)
        await self._post(self._recipient, f"/v1/disclosures/{letter.id}/collection", None)
        moment = self._note("collect", moment)
        if sealed.withdrawal is not None:
            await self._post(
                self._sender, f"/v1/consents/{sealed.given.id}/withdrawal", sealed.withdrawal
            )
            moment = self._note("withdraw", moment)
        await self._post(
            self._recipient, f"/v1/disclosures/{letter.id}/acknowledgement", sealed.acknowledgement
        )
        self._note("acknowledge", moment)
        self._note("journey", intended)

    async def disclose(self, letter: Letter, intended: float) -> None:
        """Send one document in one shot and leave it there."""
        await self._one_shot(letter)
        self._note("disclose", intended)

    async def offer(self, letter: Letter) -> bool:
        """Send one document in one shot; False if the hub is too busy to take it."""
        headers = {"Content-Type": routes.DISCLOSURE}
        sending = self._sender.post("/v1/disclosures", data=letter.one_shot, headers=headers)
        async with sending as answer:
            if answer.status != SHED:
                await _read(answer, 201)
            return answer.status != SHED

    async def withdraw(self, given: Given, statement: bytes, intended: float) -> None:
        """End a consent."""
        await self._post(self._sender, f"/v1/consents/{given.id}/withdrawal", statement)
        self._note("withdraw", intended)

    async def sip(
        self, letter: Letter, size: int, pause_s: float, running: asyncio.Semaphore
    ) -> None:
        """Download a payload in small pieces with pauses; released once it runs."""
        async with self._recipient.get(f"/v1/disclosures/{letter.id}/payload") as answer:
            assert answer.status == 200, await answer.read()
            running.release()
            async for _ in answer.content.iter_chunked(size):
                await asyncio.sleep(pause_s)

    async def _send(self, sealed: Sealed, moment: float) -> float:
        if sealed.way != "tus":
            await self._one_shot(sealed.letter)
            return self._note("disclose", moment)
        await self._announce(sealed.letter)
        moment = self._note("announce", moment)
        await self._upload(sealed.letter)
        return self._note("upload", moment)

    async def _one_shot(self, letter: Letter) -> None:
        headers = {"Content-Type": routes.DISCLOSURE}
        sending = self._sender.post("/v1/disclosures", data=letter.one_shot, headers=headers)
        async with sending as answer:
            await _read(answer, 201)

    async def _announce(self, letter: Letter) -> None:
        headers = {"Content-Type": routes.MANIFEST}
        sending = self._sender.post("/v1/disclosures", data=letter.manifest, headers=headers)
        async with sending as answer:
            await _read(answer, 201)
        headers = {**TUS, "Upload-Length": str(len(letter.sealed))}
        creating = self._sender.post(f"/v1/disclosures/{letter.id}/upload", headers=headers)
        async with creating as answer:
            await _read(answer, 201)

    async def _upload(self, letter: Letter) -> None:
        half = len(letter.sealed) // 2
        for start, piece in ((0, letter.sealed[:half]), (half, letter.sealed[half:])):
            headers = {
                **TUS,
                "Upload-Offset": str(start),
                "Content-Type": routes.OFFSET_STREAM,
            }
            path = f"/v1/disclosures/{letter.id}/upload"
            async with self._sender.patch(path, data=piece, headers=headers) as answer:
                await _read(answer, 204)

    async def _get(self, path: str) -> bytes:
        async with self._recipient.get(path) as answer:
            return await _read(answer, 200)

    async def _post(
        self, session: aiohttp.ClientSession, path: str, statement: bytes | None
    ) -> None:
        body: Mapping[str, Any] = (
            {}
            if statement is None
            else {
                "data": canonical.encode({"statement": statement.decode()}),
                "headers": {"Content-Type": routes.JSON},
            }
        )
        async with session.post(path, **body) as answer:
            await _read(answer, 200)

    async def _poll(self) -> None:
        after = ""
        while True:
            path = f"/v1/inbox?wait={WAIT_S}{after}"
            async with self._recipient.get(path) as answer:
                page = canonical.loads(await _read(answer, 200), limit=10**7, depth=12)
            for entry in page["entries"]:
                self._arriving[entry["disclosure"]["id"]].set()
            if page["next"] is not None:
                after = f"&after={page['next']}"

    def _note(self, step: str, since: float) -> float:
        moment = time.perf_counter()
        self.took[step].record(moment - since)
        return moment


async def _read(answer: aiohttp.ClientResponse, status: int) -> bytes:
    body = await answer.read()
    assert answer.status == status, (answer.status, answer.url.path, body)
    return body


@asynccontextmanager
async def travelling(place: Place, url: str | None = None) -> AsyncIterator[Travels]:
    """Open the sessions of both agencies.

    Args:
        place: a hub that is served.
        url: where requests go instead, such as to a proxy in front of it.
    """
    async with (
        place.session(SENDER, url) as sender,
        place.session(RECIPIENT, url) as recipient,
    ):
        yield Travels(sender, recipient)
