"""Who may call and whose signatures count: the agencies' rows, mirrored in this process.

A mirror and not a cache: it is replaced after every commit that changes an agency, before that
change is answered. Where other replicas change agencies as well, its version is compared every
second, and a mirror that could not be compared is not trusted (`exchange.hub.listen`). It serves
authentication and the verification of signatures. What decides about a document reads the rows
in its own transaction.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from joserfc import jwk

from exchange.canonical import b64u
from exchange.errors import Unavailable
from exchange.keyid import IdentityCard
from exchange.statement import Identities, VerifyingKeys, seconds, verifying_keys

TRUSTED_S = 5.0
"""Seconds after which a mirror that was not compared is not used: a replica that was paused, or
has lost the database, may have missed a suspension."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One identity of one agency, as registered."""

    card: IdentityCard
    until: datetime | None
    """When an old identity stops counting after a succession; None for the present one."""
    active: bool
    """False while its agency is suspended: it cannot call."""


@dataclass(frozen=True, slots=True)
class _Known:
    keys: VerifyingKeys
    client: jwk.OKPKey = field(repr=False)
    until: int | None
    active: bool

    def counts(self, now: int) -> bool:
        return self.until is None or now < self.until


class Directory:
    """The registered identities by `kid`; keys are loaded once."""

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        """Begin with nobody.

        Args:
            ticks: monotonic seconds.
        """
        self.turn = asyncio.Lock()
        """Held while rows are read and taken over: an older reading never comes last."""
        self.version: tuple[int, int] | None = None
        """Of the rows taken over; see `exchange.hub.storage.watching`."""
        self.ticks = ticks
        self._trusted_until: float | None = None
        self._known: dict[str, _Known] = {}
        self._of: dict[str, list[_Known]] = {}

    def confirm(self, at: float) -> None:
        """Note that at moment `at` (ticks) the mirror was compared with the rows.

        From the first time on it has to be done again and again.
        """
        self._trusted_until = at + TRUSTED_S

    def replace(self, identities: Iterable[Identity], *, version: tuple[int, int]) -> None:
        """Take over what a commit has made true."""
        known: dict[str, _Known] = {}
        for identity in identities:
            before = self._known.get(identity.card.kid)
            keys = before.keys if before is not None else verifying_keys(identity.card)
            client = before.client if before is not None else client_key(identity.card.ed25519)
            until = None if identity.until is None else seconds(identity.until)
            known[keys.kid] = _Known(keys, client, until, identity.active)
        self.version = version
        self._known = known
        self._of = {}
        for entry in known.values():
            self._of.setdefault(entry.keys.card.agency, []).append(entry)

    def accepts(self, agency: str, kid: str, *, now: datetime) -> bool:
        """Tell whether `agency` may call now, having authenticated with identity `kid`.

        Raises:
            Unavailable: the mirror could not be compared for too long; so everywhere here.
        """
        known = self._trusted().get(kid)
        return (
            known is not None
            and known.active
            and known.keys.card.agency == agency
            and known.counts(seconds(now))
        )

    def client(self, kid: object, *, now: int) -> tuple[str, jwk.OKPKey]:
        """Return the agency and the key a client assertion of identity `kid` is signed with.

        Raises:
            KeyError: not registered, no longer valid, or suspended.
        """
        known = self._trusted()[kid] if isinstance(kid, str) else None
        if known is None or not known.active or not known.counts(now):
            raise KeyError
        return known.keys.card.agency, known.client

    def identities(self, agency: str, *, now: datetime) -> Identities:
        """Return the identities whose signatures count as those of `agency` now, by `kid`."""
        self._trusted()
        moment = seconds(now)
        found = self._of.get(agency, ())
        return {known.keys.kid: known.keys for known in found if known.counts(moment)}

    def check(self) -> None:
        """Return if the mirror may be used.

        Raises:
            Unavailable: it could not be compared for too long.
        """
        self._trusted()

    def _trusted(self) -> dict[str, _Known]:
        if self._trusted_until is not None and self.ticks() > self._trusted_until:
            raise Unavailable("who may call was not compared with the database for too long")
        return self._known


def client_key(ed25519: bytes) -> jwk.OKPKey:
    """Return a raw public key as the one that client assertions are verified with."""
    return jwk.OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64u(ed25519)})
