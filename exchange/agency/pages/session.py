"""Who looks at the pages: somebody who has entered the token of one office, for a while.

Sessions live in memory alone. A restart, an hour without a click, twelve hours in all, or leaving
ends them; what was prepared and not sent ends with them.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, TypeAlias

from aiohttp import web

from exchange.agency.http.keys import Offices
from exchange.agency.office import Office
from exchange.agency.pages.parcel import Parcel
from exchange.errors import NotFound
from exchange.forms.paper import Paper

IDLE_S: Final = 3600.0
"""Seconds without a request after which a session is over."""
LONGEST_S: Final = 12 * 3600.0
"""Seconds after which it is over in any case."""
MOST: Final = 64
"""Sessions at a time; one more ends the oldest."""
MOST_PARCELS: Final = 8
"""Documents prepared and not sent, of one session; one more drops the oldest."""
MOST_FILES: Final = 2_000
"""Files of these documents, each of them open; one document has 1,000 at most."""
COOKIE: Final = "exchange-gateway"

Ticks: TypeAlias = Callable[[], float]
"""Returns monotonic seconds."""


@dataclass(slots=True, kw_only=True)
class Session:
    """One browser that has shown the token of an office."""

    office: Office
    lang: str
    """Language of the pages, `de` or `en`."""
    seal: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """Stands in every form: no other site can know it."""
    begun: float
    seen: float
    note: str | None = None
    """Key of what the next page says was done."""
    parcels: dict[str, Parcel] = field(default_factory=dict, repr=False)
    """Prepared and not sent, by id, oldest first."""
    receipt: tuple[str, Paper] | None = field(default=None, repr=False)
    """A person's receipt that was just made, and of which consent; gone when it was shown."""
    over: bool = False
    """Whether it has ended; a request that was begun before may still be under way."""

    def put(self, parcel: Parcel) -> None:
        """Keep what was prepared.

        Raises:
            NotFound: the session has ended meanwhile; nothing of it is kept.
        """
        if self.over:
            parcel.close()
            raise NotFound("the session has ended; enter again")
        while self.parcels and not self._has_room_for(parcel):
            self.drop(next(iter(self.parcels)))
        self.parcels[parcel.id] = parcel

    def _has_room_for(self, parcel: Parcel) -> bool:
        files = sum(len(each.files) for each in (*self.parcels.values(), parcel))
        return len(self.parcels) < MOST_PARCELS and files <= MOST_FILES

    def drop(self, parcel_id: str) -> None:
        """Forget what was prepared, and close its files; they have no name any more."""
        parcel = self.parcels.pop(parcel_id, None)
        if parcel is not None:
            parcel.close()

    def close(self) -> None:
        """Forget everything that was prepared, and keep nothing more."""
        self.over = True
        self.receipt = None
        for parcel_id in list(self.parcels):
            self.drop(parcel_id)


class Sessions:
    """All sessions of a running gateway, whatever their office."""

    def __init__(self, offices: Offices, ticks: Ticks) -> None:
        """Remember whose tokens open what; nobody has entered yet."""
        self._offices = offices
        self._ticks = ticks
        self._open: dict[bytes, Session] = {}

    def enter(self, token: str, lang: str) -> str | None:
        """Return the cookie of a fresh session; None where the token opens no office."""
        office = self._offices.by_token(token)
        if office is None:
            return None
        self._end_old()
        while len(self._open) >= MOST:
            self._end(next(iter(self._open)))
        now, cookie = self._ticks(), secrets.token_urlsafe(32)
        self._open[_named(cookie)] = Session(office=office, lang=lang, begun=now, seen=now)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie, which lives on by that; None where there is none."""
        self._end_old()
        found = self._open.get(_named(cookie))
        if found is not None:
            found.seen = self._ticks()
        return found

    def leave(self, cookie: str) -> None:
        """End the session of a cookie; harmless where there is none."""
        self._end(_named(cookie))

    def close(self) -> None:
        """End every session."""
        for name in list(self._open):
            self._end(name)

    def _end_old(self) -> None:
        now = self._ticks()
        for name, session in list(self._open.items()):
            if now - session.seen >= IDLE_S or now - session.begun >= LONGEST_S:
                self._end(name)

    def _end(self, name: bytes) -> None:
        session = self._open.pop(name, None)
        if session is not None:
            session.close()


def _named(cookie: str) -> bytes:
    """Return what a cookie is known by: memory that leaks opens nothing."""
    return sha256(cookie.encode("utf-8", "replace")).digest()


SESSIONS = web.AppKey("sessions", Sessions)
