"""Keeps the rows that officers' lists are made of behind the log: a loop in every replica."""

import asyncio

import structlog

from exchange.errors import ExchangeError
from exchange.hub.follow_log import WINDOW, follow
from exchange.hub.parts import Hub
from exchange.hub.relay import pause

LOOK_S = 1.0
"""Seconds between two looks for what is new: what came meanwhile is asked about at once."""


async def run(hub: Hub, stop: asyncio.Event) -> None:
    """Follow until `stop` is set."""
    events = structlog.get_logger("exchange.hub.log")
    while not stop.is_set():
        try:
            if await follow(hub) == WINDOW:
                continue  # more waits than one window takes
        except ExchangeError as error:
            events.warning("follower-waits", code=type(error).__name__)
        await pause(stop, LOOK_S)
