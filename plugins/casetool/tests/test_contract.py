"""The delivery `casetool` keeps the contract of deliveries."""

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
import trustme

from exchange.canonical import Json
from exchange.testing import DeliveryContract, Receiver
from plugins.casetool.tests.conftest import KEY, SERVER


class Store:
    """A case tool of a few lines: files aside by their path, documents by their event."""

    def __init__(self) -> None:
        self.aside: dict[str, bytes] = {}
        self.documents: dict[str, list[bytes]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        (size,) = re.findall(r"Content-Length: (\d+)", head)
        body = await reader.readexactly(int(size))
        method, path, _ = head.split(" ", 2)
        if method == "PUT":
            self.aside[path] = body
        else:
            found = json.loads(body)["data"]
            self.documents[found["id"]] = [
                self.aside[f"{path}/{found['id']}/{file['number']}"] for file in found["files"]
            ]
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()


class TestCasetool(DeliveryContract):
    plugin = "casetool"
    key = "casetool"

    @pytest.fixture
    def store(self) -> Store:
        return Store()

    @pytest.fixture
    def settings(self) -> Mapping[str, Json]:
        return {
            "server": SERVER,
            "path": "/exchange",
            "addresses": {"casetool": "10.0.0.5:443"},
        }

    @pytest.fixture
    def secrets(self, authority: trustme.CA) -> Mapping[str, str]:
        return {"key": KEY, "ca": authority.cert_pem.bytes().decode()}

    @pytest.fixture
    def connections(self, authority: trustme.CA, store: Store) -> Iterator[Receiver]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(SERVER).configure_cert(context)
        with Receiver(store.serve, tls=context) as receiver:
            yield receiver

    @pytest.fixture
    def received(self, store: Store) -> Callable[[], Mapping[str, Sequence[bytes]]]:
        return lambda: store.documents
