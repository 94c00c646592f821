"""Delivers converted documents to systems of the agency: each until it has it, once for all."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from exchange.agency.parts import Gateway
from exchange.hookspecs import DeliveredFolder


class Destination(Protocol):
    """One system that documents are handed to: a delivery plugin, or what the gateway has."""

    @property
    def key(self) -> str:
        """Name in the state database; constant."""
        ...

    async def hand(self, delivered: DeliveredFolder) -> None:
        """Hand over one document; return when the system has it for good.

        Raises:
            Unavailable: not now; repeated later.
            Undeliverable: never.
        """
        ...


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Where converted documents are handed to."""

    destinations: Mapping[str, Destination]
    """By key."""


@asynccontextmanager
async def open_deliveries(
    gateway: Gateway, built_in: Sequence[Destination] = ()
) -> AsyncIterator[Deliveries | None]:
    """Yield where documents are handed to; None when the settings name no delivery.

    Args:
        gateway: the parts.
        built_in: destinations that are no plugins, such as a watched folder.

    Raises:
        Misconfigured: the delivery plugin of the settings cannot be loaded.
    """
    raise NotImplementedError
    yield None


async def run(gateway: Gateway, deliveries: Deliveries, stop: asyncio.Event) -> None:
    """Hand over what waits until `stop` is set; a delivery being made is finished first."""
    raise NotImplementedError


async def fetched(gateway: Gateway, disclosure_id: str) -> None:
    """Note that the back office has a document: its folder may go a day later.

    Raises:
        NotFound: no such document lies in the spool.
    """
    raise NotImplementedError


async def again(gateway: Gateway, disclosure_id: str) -> None:
    """Try a parked delivery once more, now.

    Raises:
        NotFound: none of this document is parked.
    """
    raise NotImplementedError
