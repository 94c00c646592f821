"""What installed plugins say of themselves, for the record of processing (Art. 30 GDPR)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from exchange import registry
from exchange.canonical import Json
from exchange.errors import Misconfigured
from exchange.hookspecs import AGENCY_GROUP, HUB_GROUP, Declaration
from exchange.registry import Installed

ADAPTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "register_intake_formats": "intake",
        "register_deliveries": "delivery",
        "register_outgoing_formats": "outgoing",
        "register_evidence_verifiers": "evidence",
        "register_channels": "channel",
        "register_gate_vetoes": "gate",
    }
)
"""What a plugin provides that implements a hook."""


@dataclass(frozen=True, slots=True)
class Said:
    """An installed plugin, and what it says of itself."""

    offer: Installed
    declared: Declaration | None
    """None where it cannot be loaded."""
    hooks: frozenset[str] = frozenset()
    """Names of those it implements."""
    complaint: str = ""
    """Why it cannot be loaded."""

    @property
    def side(self) -> str:
        """`agency` or `hub`."""
        return "agency" if self.offer.group == AGENCY_GROUP else "hub"

    @property
    def provides(self) -> tuple[str, ...]:
        """Kinds of adapters, in the order of the contract; what it registers, settings decide."""
        return tuple(kind for hook, kind in ADAPTERS.items() if hook in self.hooks)


def installed() -> Iterator[Said]:
    """Yield what each installed plugin says, those of agencies first; nothing is enabled by it."""
    for group in (AGENCY_GROUP, HUB_GROUP):
        for offer in registry.installed(group):
            named = registry.Named(name=offer.name, distribution=offer.distribution)
            try:
                loaded = registry.load(group, [named])
            except Misconfigured as error:
                yield Said(offer, None, complaint=str(error))
                continue
            declared = loaded.declarations[offer.name]
            yield Said(offer, declared, registry.hooks_of(loaded, offer.name))


def record(said: Said) -> dict[str, Json]:
    """Return the entry of a plugin in a record of processing.

    Raises:
        Misconfigured: it does not say what the record needs.
    """
    if said.declared is None:
        raise Misconfigured(said.complaint)
    apart = "a process of its own, without keys and without network"
    return {
        "name": said.offer.name,
        "distribution": said.offer.distribution,
        "version": said.offer.version,
        "side": said.side,
        "provides": list(said.provides),
        "sees_plaintext": said.declared.sees_plaintext,
        "runs_in": apart if said.side == "agency" else "the process of the hub",
        "endpoints": list(said.declared.endpoints),
        "stores": said.declared.stores or "nothing",
        "retention": said.declared.retention,
        "licence": said.declared.licence,
    }
