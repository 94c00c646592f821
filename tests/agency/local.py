"""The local API of an office of the network, served as `exchange gateway run` serves it."""

import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp

from exchange.agency import api_token
from exchange.agency.listen import listening
from exchange.agency.office import Office, open_office
from exchange.wire import local_routes
from exchange.wire.routes import Operation
from tests.agency.network import CONSENT_ID, LETTER, RECIPIENT, Network
from tests.ports import free_port


@dataclass
class Answer:
    """What the gateway answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The last part of a problem's type."""
        return str(self.json["type"]).rpartition(":")[2]


@dataclass
class Local:
    """Speaks to the local API with one office's token."""

    office: Office
    origin: str
    token: str
    session: aiohttp.ClientSession

    async def call(
        self,
        operation: Operation,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        data: Any = None,
        **path: Any,
    ) -> Answer:
        url = self.origin + operation.path.format(**path) + query
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        async with self.session.request(
            operation.method, url, json=json, data=data, headers=sent, allow_redirects=False
        ) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def submit(
        self, *files: tuple[str, bytes], key: str | None = None, **members: Any
    ) -> Answer:
        """Send files as a stock client does."""
        form = aiohttp.FormData()
        form.add_field("submission", json.dumps(submission(**members)), content_type=JSON)
        for name, content in files or (("Mahnung März.pdf", LETTER),):
            form.add_field(
                "file", io.BytesIO(content), filename=name, content_type="application/pdf"
            )
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.call(local_routes.SUBMIT, data=form, headers=headers)


JSON = "application/json"


def submission(**members: Any) -> dict[str, Any]:
    given = {
        "consent": CONSENT_ID,
        "recipients": [RECIPIENT],
        "category": "rent-arrears-letter",
        "remark": "CANARY-REMARK",
    }
    return {**given, **members}


@asynccontextmanager
async def local_api(network: Network, agency: str) -> AsyncIterator[Local]:
    """Open an office of the network and serve its local API on a free port."""
    home = network.offices[agency].home
    address = ("127.0.0.1", free_port())
    listen = f'\n[api]\nlisten = "{address[0]}:{address[1]}"\n'
    text = home.settings_file.read_text()
    home.settings_file.write_text(text.partition("\n[api]")[0] + listen)
    async with (
        aiohttp.ClientSession() as session,
        open_office(home.root, clock=lambda: network.now) as office,
        listening(address, [office]),
    ):
        origin = f"http://{address[0]}:{address[1]}"
        yield Local(office, origin, api_token.read(home), session)


def fresh_id() -> str:
    return str(uuid4())
