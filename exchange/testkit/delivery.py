"""Contract tests for deliveries."""

import dataclasses
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from exchange import registry
from exchange.errors import Misconfigured, Unavailable
from exchange.hookspecs import Connections, DeliveredFolder, Delivery
from exchange.testkit.plugin import AgencyContract, wait
from exchange.testkit.receiver import HangsUp, Nobody
from exchange.testkit.samples import delivered_of
from exchange.testkit.watch import watched

OTHER = "0d0f6a1e-7f2c-4a43-8d1b-5a6f7c8d9e14"
"""Id of a second disclosure."""


class DeliveryContract(AgencyContract):
    """What every delivery keeps. A subclass names the plugin and brings three fixtures.

    `settings`: the plugin's table, with its `addresses`. `connections`: ways to a receiver that
    runs, such as a `Receiver`. `received`: a function that returns what the receiver has: the
    contents of the files by `disclosure_id`, in their order.
    """

    key: ClassVar[str]
    """Key of the delivery."""
    files: ClassVar[Mapping[str, bytes]] = {"letter.pdf": b"%PDF-1.7\n%%EOF\n"}
    """What is delivered: content by name."""

    @pytest.fixture
    def secrets(self) -> Mapping[str, str]:
        """Return the contents of the plugin's secret files; override it where there are any."""
        return {}

    @pytest.fixture
    def adapter(self, loaded: registry.Loaded, secrets: Mapping[str, str]) -> Delivery:
        """Return the delivery of this key."""
        return registry.deliveries(loaded, {self.plugin: secrets})[self.key]

    @pytest.fixture
    def delivered(self, tmp_path: Path) -> DeliveredFolder:
        """Return a folder as intake has made it."""
        (tmp_path / "folder").mkdir()
        return delivered_of(tmp_path / "folder", self.files)

    def _deliver(
        self, adapter: Delivery, delivered: DeliveredFolder, connections: Connections
    ) -> None:
        wait(adapter.deliver(delivered, connections))

    def test_what_is_delivered_arrives_whole(
        self,
        adapter: Delivery,
        delivered: DeliveredFolder,
        connections: Connections,
        received: Callable[[], Mapping[str, Sequence[bytes]]],
    ) -> None:
        assert adapter.key == self.key
        self._deliver(adapter, delivered, connections)
        arrived = {id_: list(contents) for id_, contents in received().items()}
        assert arrived == {delivered.disclosure_id: list(self.files.values())}

    def test_twice_is_once_and_another_is_another(
        self,
        adapter: Delivery,
        delivered: DeliveredFolder,
        connections: Connections,
        received: Callable[[], Mapping[str, Sequence[bytes]]],
    ) -> None:
        for id_ in (delivered.disclosure_id, delivered.disclosure_id, OTHER):
            again = dataclasses.replace(delivered, disclosure_id=id_)
            self._deliver(adapter, again, connections)
        arrived = {id_: list(contents) for id_, contents in received().items()}
        whole = list(self.files.values())
        assert arrived == {delivered.disclosure_id: whole, OTHER: whole}

    def test_it_connects_to_the_addresses_of_its_settings_only(
        self,
        named: registry.Named,
        adapter: Delivery,
        delivered: DeliveredFolder,
        connections: Connections,
    ) -> None:
        asked = _Asked(connections, named.addresses)
        self._deliver(adapter, delivered, asked)
        assert asked.names, "a delivery hands on through `connections`"
        assert set(asked.names) <= named.addresses.keys()

    def test_nobody_listening_is_temporary(
        self, adapter: Delivery, delivered: DeliveredFolder
    ) -> None:
        with pytest.raises(Unavailable):
            self._deliver(adapter, delivered, Nobody())

    def test_a_connection_that_ends_too_soon_is_temporary(
        self, adapter: Delivery, delivered: DeliveredFolder
    ) -> None:
        with pytest.raises(Unavailable):
            self._deliver(adapter, delivered, HangsUp())

    def test_nothing_is_written_or_started_and_nobody_else_is_asked(
        self, adapter: Delivery, delivered: DeliveredFolder, connections: Connections
    ) -> None:
        async def deliver() -> list[str]:
            with watched(Path("/nowhere")) as breaches:
                await adapter.deliver(delivered, connections)
            return breaches

        assert wait(deliver()) == []
        assert [file.path.read_bytes() for file in delivered.files] == list(self.files.values())


class _Asked:
    """Connections that note the names, and lead where the settings lead and no further."""

    def __init__(self, connections: Connections, addresses: Mapping[str, str]) -> None:
        self._connections, self._addresses = connections, addresses
        self.names = list[str]()

    async def connect(self, name: str) -> socket.socket:
        self.names.append(name)
        if name not in self._addresses:
            raise Misconfigured("the settings name no such address")
        return await self._connections.connect(name)
