"""What records of processing have in common: plugins, measures, what is deleted and when."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from exchange import canonical
from exchange.audit.policy import NONE
from exchange.hub.parts import Hub
from exchange.hub.publish_capabilities import LARGEST
from exchange.hub.running import Running

MEASURES: Final = (
    "end-to-end-encryption",
    "hub-without-keys",
    "consent-decides-each-disclosure",
    "signed-statements",
    "transparency-log",
    "deletion-on-schedule",
)


@dataclass(frozen=True, slots=True)
class Erasing:
    """When something is deleted."""

    cls: str
    """Class of retention, such as D05."""
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSeen:
    """A plugin of the hub, or one that a party's gateway says it runs."""

    name: str
    version: str
    side: Literal["hub", "agency"]
    agency: str | None
    """Whose gateway; None of the hub's."""
    provides: tuple[str, ...]
    """Kinds of work; of the hub's none: they tell of channels and vetoes by what they declare."""
    sees_plaintext: bool
    """Every plugin of an agency works on documents, whatever it says; none of the hub does."""
    runs_in: Literal["hub-process", "separate-process"]
    endpoints: tuple[str, ...] | None
    """Kinds of systems it speaks with. None, as in what follows: its gateway does not tell."""
    stores: str | None
    """Empty: nothing."""
    retention: str | None
    licence: str | None


def measures(hub: Hub) -> tuple[str, ...]:
    """Return what protects the data; that others watch the log only where some do."""
    watched = () if hub.signer.policy.quorum == NONE else ("log-cosigned",)
    return (*MEASURES, *watched)


def of_hub(hub: Hub) -> tuple[PluginSeen, ...]:
    """Return the plugins of the hub, as they declare themselves."""
    return tuple(_of_hub(one) for one in hub.plugins)


def _of_hub(one: Running) -> PluginSeen:
    declared = one.declared
    return PluginSeen(
        name=one.name,
        version=one.version,
        side="hub",
        agency=None,
        provides=(),
        sees_plaintext=declared.sees_plaintext,
        runs_in="hub-process",
        endpoints=declared.endpoints,
        stores=declared.stores,
        retention=declared.retention,
        licence=declared.licence,
    )


def of_gateways(published: Mapping[str, bytes | None]) -> tuple[tuple[PluginSeen, ...], list[str]]:
    """Return the plugins that parties' gateways say they run, and what is missing.

    Args:
        published: what each party has published of itself, by its id.

    Returns:
        The plugins, and findings, each with the id of an agency: `plugins-not-told`, its gateway
        says nothing of plugins; `declarations-at-agency`, it does not say of each with whom it
        speaks and what it keeps; `plaintext-denied`, one says that it sees no documents, which
        every kind of plugin of an agency is given.
    """
    seen: list[PluginSeen] = []
    findings = []
    for agency, stored in sorted(published.items()):
        told = None if stored is None else canonical.loads(stored, limit=LARGEST).get("plugins")
        if told is None:
            findings.append(f"plugins-not-told:{agency}")
            continue
        declared = [one.get("declared") for one in told]
        if None in declared:
            findings.append(f"declarations-at-agency:{agency}")
        if any(one is not None and not one["sees_plaintext"] for one in declared):
            findings.append(f"plaintext-denied:{agency}")
        seen += [_of_gateway(agency, one) for one in told]
    return tuple(seen), findings


def _of_gateway(agency: str, told: Mapping[str, Any]) -> PluginSeen:
    """Return a plugin as `exchange.wire.shapes.PluginTold` was stored."""
    declared: Mapping[str, Any] = told.get("declared") or {}
    return PluginSeen(
        name=told["name"],
        version=told["version"],
        side="agency",
        agency=agency,
        provides=tuple(told["provides"]),
        sees_plaintext=True,
        runs_in="separate-process",
        endpoints=tuple(declared["endpoints"]) if declared else None,
        stores=declared.get("stores"),
        retention=declared.get("retention"),
        licence=declared.get("licence"),
    )


def erasing_by_hub(hub: Hub) -> tuple[Erasing, ...]:
    """Return what the hub deletes by rules of its own: what nobody collects, the log, logins."""
    return (
        Erasing("D04", f"P{hub.rules.expiry.days}D"),
        Erasing("D06", "life-of-the-log"),
        Erasing("D11", "P1Y"),
    )
