"""What a doctor sees of the plugins that the settings name: each is started as in earnest."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from exchange.agency.findings import Finding, fail, ok, warn
from exchange.agency.hired import hired, hirings
from exchange.agency.home import Home
from exchange.agency.settings import GatewaySettings
from exchange.agency.staff import Staff
from exchange.errors import ExchangeError
from exchange.hookspecs import AGENCY_GROUP
from exchange.registry import installed


async def plugins(home: Home, settings: GatewaySettings) -> AsyncIterator[Finding]:
    """Start a worker of each plugin, and say what it offers and which walls are missing."""
    missing = set[str]()
    there = {offer.name for offer in installed(AGENCY_GROUP)}
    # A room of its own: a running gateway empties its own when it starts.
    with tempfile.TemporaryDirectory(prefix=".doctor-", dir=home.root) as room:
        for kind, plugin in hirings(settings):
            check = f"plugin {plugin}"
            if plugin not in there:
                yield fail(
                    check,
                    "it is not installed",
                    "install it, or name another; `exchange plugin list` has those that are",
                )
                continue
            try:
                async with Staff(hired(settings, home, plugin, kind), Path(room)) as staff:
                    leash = await staff.start()
                    offers = ", ".join(sorted(leash.offers)) or "nothing"
                    missing.update(leash.missing)
            except ExchangeError as error:
                yield fail(check, str(error), f"look at [plugins.{plugin}] and what is installed")
            else:
                yield ok(check, f"{kind.value}: {offers}")
    for wall in sorted(missing):
        yield warn(
            "plugins",
            f"this machine cannot wall off plugins with {wall}",
            "use a newer kernel, or see docs/deployment.md for what its service needs",
        )
