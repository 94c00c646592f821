"""GET /readyz: whether a proxy may send requests here."""

from exchange.hub.directory import TRUSTED_S
from exchange.wire import routes
from tests import needs
from tests.simulator import SENDER, Simulator


@needs.sqlite()
async def test_a_hub_that_no_longer_knows_who_may_call_is_not_ready(sim: Simulator) -> None:
    """It would answer every request with 503: the proxy is to ask another replica."""
    now = sim.hub.directory.ticks()
    for compared, status in ((now - TRUSTED_S, 503), (now + 3600, 200)):
        sim.hub.directory.confirm(compared)
        assert (await sim.call(None, routes.READYZ)).status == status
        assert (await sim.call(SENDER, routes.INBOX)).status == status
