"""Contract tests for authors of plugins: subclass one, name your plugin, run pytest.

Each contract loads the plugin as the exchange does, by distribution and entry point, and checks
what the exchange will rely on. Registered as a pytest plugin, so that a failing contract shows
the values that differ. The product never imports it.
"""

from exchange.testkit.channel import ChannelContract
from exchange.testkit.delivery import DeliveryContract
from exchange.testkit.evidence import EvidenceVerifierContract
from exchange.testkit.intake import IntakeFormatContract
from exchange.testkit.outgoing import OutgoingFormatContract
from exchange.testkit.receiver import HangsUp, Nobody, Receiver
from exchange.testkit.samples import asked_of, delivered_of, exported_of, package_of
from exchange.testkit.veto import GateVetoContract
from exchange.testkit.watch import watched

__all__ = [  # what authors import, and the only module they import it from
    "ChannelContract",
    "DeliveryContract",
    "EvidenceVerifierContract",
    "GateVetoContract",
    "HangsUp",
    "IntakeFormatContract",
    "Nobody",
    "OutgoingFormatContract",
    "Receiver",
    "asked_of",
    "delivered_of",
    "exported_of",
    "package_of",
    "watched",
]
