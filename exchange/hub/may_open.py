"""Who may open which entry of the log: the table of docs/transparency-log.md as one function.

Pure. What is hidden from an agency elsewhere is hidden from it here, whatever the log holds: an
entry about a disclosure that ended before its recipient collected it opens to its sender alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from exchange.hub.storage.openings import Recorded, Role, Standing

NOBODY = Role(collected=False, reads=False, erases=False)


@dataclass(frozen=True, slots=True)
class Access:
    """What of an entry an agency may have."""

    opening: bool
    detail: bool
    """Also why something was refused or has ended."""


CLOSED = Access(opening=False, detail=False)


@dataclass(frozen=True, slots=True)
class _Case:
    """One agency in front of one event."""

    caller: str
    event: Mapping[str, Any]
    chain: str
    role: Role
    """In the consent of the chain, if it is one's."""
    standing: Standing

    @property
    def did(self) -> bool:
        """It did what the event says."""
        return bool(self.event["by"] == self.caller)

    @property
    def asked(self) -> bool:
        """It is the one agency that was asked."""
        return bool(self.event["to"] == self.caller)

    @property
    def sent(self) -> bool:
        """It sent the disclosure."""
        return (self.chain, self.event["manifest"]) in self.standing.sent

    @property
    def received(self) -> bool:
        """The disclosure exists for it as a recipient."""
        return (self.chain, self.event["manifest"]) in self.standing.received

    @property
    def party(self) -> bool:
        """It is a party of the agreement."""
        return self.event["agreement"] in self.standing.agreements

    @property
    def owed(self) -> bool:
        """It must answer the erasure or may see the answer."""
        return self.event["erasure"] in self.standing.erasures

    @property
    def knows(self) -> bool:
        """It may know why the consent has ended."""
        return self.role.collected or self.role.erases


def _nobody(_: _Case) -> bool:
    return False


_OPENS: Mapping[str, Callable[[_Case], bool]] = MappingProxyType(
    {
        "agreement-signed": lambda one: one.party,
        "agreement-notice": lambda one: one.party,
        "agreement-ended": lambda one: one.party,
        "consent-recorded": lambda one: one.role.reads,
        "consent-withdrawn": lambda one: one.did or one.knows,
        "receipt-reissued": lambda one: one.role.collected,
        "request-made": lambda one: one.did or one.asked,
        "disclosure-stored": lambda one: one.did or one.received,
        "disclosure-refused": lambda one: one.did or one.role.collected,
        "disclosure-collected": lambda one: one.did or one.sent,
        "disclosure-acknowledged": lambda one: one.did or one.sent,
        "disclosure-ended": lambda one: one.sent or one.received,
        "erasure-asked": lambda one: one.owed,
        "erasure-confirmed": lambda one: one.owed,
        "officer-read": lambda one: one.did,
        "officer-export": lambda one: one.did,
        "erased": lambda _: True,
    }
)
_DETAILS: Mapping[str, Callable[[_Case], bool]] = MappingProxyType(
    {
        "disclosure-refused": lambda one: one.role.collected,
        "disclosure-ended": lambda one: one.knows,
    }
)


def may_open(caller: str, found: Recorded, standing: Standing) -> Access:
    """Return what `caller` may have of an entry; a kind that is not in the table opens to nobody.

    Args:
        caller: an agency.
        found: the event, or a public document: that is everybody's.
        standing: of the caller to what the event is about.
    """
    if found.chain is None:
        return Access(opening=True, detail=False)
    role = standing.consents.get(found.chain, NOBODY)
    case = _Case(caller, found.event(), found.chain, role, standing)
    if not _OPENS.get(found.kind, _nobody)(case):
        return CLOSED
    return Access(opening=True, detail=_DETAILS.get(found.kind, _nobody)(case))
