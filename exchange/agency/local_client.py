"""Asks a running gateway of this machine, through its local API, for commands given beside it.

One process at a time uses a home. While `exchange gateway run` does, its local API does what a
command wants, with the same words when it says no.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
from pydantic import ValidationError

from exchange import canonical
from exchange.agency import api_token
from exchange.agency.home import Home
from exchange.agency.settings import read_settings
from exchange.envelope.sealing import Outgoing
from exchange.errors import ExchangeError, HubMisbehaves, Misconfigured, Unavailable
from exchange.wire import local_routes, local_shapes
from exchange.wire.local_problems import from_problem
from exchange.wire.problems import MEDIA_TYPE
from exchange.wire.routes import Operation
from exchange.wire.shapes import Shape

LARGEST_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of an answer; a page of 200 documents with many files has fewer."""
DEPTH: Final = 8
PATIENCE: Final = aiohttp.ClientTimeout(total=None, sock_connect=5)
"""A long upload through the gateway takes as long as it takes."""

S = TypeVar("S", bound=Shape)


class LocalClient:
    """Speaks for one agency to the gateway that runs it; made by `beside`."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin

    async def submit(
        self, submission: local_shapes.Submission, files: Sequence[Outgoing]
    ) -> local_shapes.Disclosures:
        """Send files; one disclosure per recipient, as far as each has come.

        Raises:
            NotCovered, Held, Malformed, ...: as `exchange.agency.submit`.
        """
        async with AsyncExitStack() as opened:
            form = aiohttp.MultipartWriter("form-data")
            text = submission.model_dump_json(exclude_none=True).encode()
            part = form.append(text, {"Content-Type": "application/json"})
            part.set_content_disposition("form-data", name="submission")
            for file in files:
                source = opened.enter_context(await asyncio.to_thread(_opened, file))
                part = form.append(source, {"Content-Type": file.media_type})
                part.set_content_disposition("form-data", name="file", filename=file.name)
            return await self._ask(local_routes.SUBMIT, local_shapes.Disclosures, data=form)

    async def recall(self, disclosure_id: str) -> local_shapes.Disclosure:
        """Take a disclosure back."""
        return await self._ask(
            local_routes.RECALL, local_shapes.Disclosure, path={"id": disclosure_id}
        )

    async def confirm(
        self, erasure_id: str, confirmation: local_shapes.Confirmation
    ) -> local_shapes.Confirmed:
        """Say what became of what had been taken out of the spool."""
        return await self._ask(
            local_routes.CONFIRM,
            local_shapes.Confirmed,
            path={"id": erasure_id},
            json=confirmation,
        )

    async def look_now(self) -> None:
        """Let the next round begin at once."""
        await self._answered(local_routes.ROUND)

    async def status(self) -> local_shapes.Status:
        """Return how the gateway stands."""
        return await self._ask(local_routes.STATUS, local_shapes.Status)

    async def _ask(
        self,
        operation: Operation,
        shape: type[S],
        *,
        path: Mapping[str, str] | None = None,
        json: Shape | None = None,
        data: Any = None,
    ) -> S:
        answered = await self._answered(operation, path=path, json=json, data=data)
        try:
            return shape.model_validate_json(answered)
        except ValidationError:
            raise HubMisbehaves("the gateway answers in words this program does not know") from None

    async def _answered(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        json: Shape | None = None,
        data: Any = None,
    ) -> bytes:
        url = self._origin + operation.path.format(**(path or {}))
        headers = {}
        if json is not None:
            data, headers = json.model_dump_json().encode(), {"Content-Type": "application/json"}
        try:
            async with self._session.request(
                operation.method, url, data=data, headers=headers, allow_redirects=False
            ) as answer:
                body = await answer.read()
                if answer.status != operation.status:
                    raise _problem(answer.content_type, body)
                return body
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise Unavailable(
                "another process uses this home, and its local API does not answer; "
                "look at `exchange gateway run`"
            ) from None


@asynccontextmanager
async def beside(home: Home) -> AsyncIterator[LocalClient]:
    """Yield a client for the gateway that runs the agency of this home.

    Raises:
        Misconfigured: the home has no token, or its settings switch the local API off.
    """
    address = read_settings(home.settings_file).api.address
    if address is None:
        raise Misconfigured(
            "another process uses this home, and its settings serve no local API; stop "
            "`exchange gateway run` first, or name an address in [api] listen"
        )
    host, port = address
    literal = f"[{host}]" if ":" in host else host
    headers = {"Authorization": f"Bearer {api_token.read(home)}"}
    async with aiohttp.ClientSession(
        headers=headers, timeout=PATIENCE, trust_env=False, auto_decompress=False
    ) as session:
        yield LocalClient(session, f"http://{literal}:{port}")


def _problem(content_type: str, body: bytes) -> ExchangeError:
    if content_type != MEDIA_TYPE:
        return HubMisbehaves("what answers at the address of [api] listen is no gateway")
    problem = canonical.loads(body, limit=LARGEST_ANSWER, depth=DEPTH)
    return from_problem(problem if isinstance(problem, dict) else {})


def _opened(file: Outgoing) -> io.BufferedIOBase:
    if isinstance(file.source, bytes):
        return io.BytesIO(file.source)
    return Path(file.source).open("rb")
