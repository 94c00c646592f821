"""Figures that are due, published behind a log that holds all that happened."""

from exchange.hub.publish_figures import publish_figures
from tests.simulator import Simulator


async def published(sim: Simulator) -> None:
    """Publish what is due; what the log does not hold yet would let it wait."""
    await sim.settled()
    await publish_figures(sim.hub)
