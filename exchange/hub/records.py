"""Agreements and consents as values, parsed once: signed records never change.

Keyed by the digest of the signed bytes. What is kept is what was signed, never what happened to
it since, and never a decision: standing is read anew in every unit of work.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from sqlalchemy import Connection

from exchange import jws
from exchange.agreement.reading import read_agreement
from exchange.agreement.record import Agreement
from exchange.agreement.term import Term
from exchange.consent.record import ConsentRecord, read_consent
from exchange.errors import ExchangeError, Unavailable
from exchange.hub.storage import agencies
from exchange.statement import Kind, Verified, verify
from exchange.vocabulary import Scope

KEPT_CONSENTS = 20_000
"""Parsed consents kept; one takes about 4 kB."""
KEPT_AGREEMENTS = 500
"""Parsed agreements kept; one takes about 100 kB."""
KEPT_TERMS = 100_000
"""Terms of agreements kept, of every one in a large state: the sweeper asks for each in turn."""
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""An identity that has been succeeded since still made the records it signed."""

T = TypeVar("T")


class Records:
    """Parsed records; used by the writer's thread and by readers."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._consents = _Kept[ConsentRecord](KEPT_CONSENTS)
        self._agreements = _Kept[tuple[Agreement, Scope]](KEPT_AGREEMENTS)
        self._terms = _Kept[Term](KEPT_TERMS)
        self._years = _Kept[int](KEPT_TERMS)

    def consent(self, conn: Connection, digest: str, statement: bytes) -> ConsentRecord:
        """Return a stored consent, verified again when it is first read by this process.

        Raises:
            Unavailable: the database no longer holds what was signed.
        """

        def parse() -> ConsentRecord:
            allowed = (Kind.CONSENT, Kind.CONSENT_ELECTRONIC)
            return read_consent(self._verified(conn, digest, statement, allowed))

        return self._consents.get(digest, parse)

    def agreement(self, conn: Connection, digest: str, statement: bytes) -> tuple[Agreement, Scope]:
        """Return a stored agreement and what it admits; see `consent`."""

        def parse() -> tuple[Agreement, Scope]:
            found = read_agreement(self._verified(conn, digest, statement, (Kind.AGREEMENT,)))
            return found, found.scope()

        return self._agreements.get(digest, parse)

    def term(self, conn: Connection, digest: str, statement: bytes) -> Term:
        """Return when a stored agreement holds, of which little must be kept; see `consent`."""
        return self._terms.get(digest, lambda: self.agreement(conn, digest, statement)[0].term)

    def term_known(self, digest: str) -> Term | None:
        """Return the term of an agreement that was parsed before."""
        return self._terms.peek(digest)

    def years(self, conn: Connection, digest: str, statement: bytes) -> int:
        """Return how many years evidence is kept under a stored agreement; see `term`."""
        return self._years.get(
            digest, lambda: self.agreement(conn, digest, statement)[0].retention.years
        )

    def years_known(self, digest: str) -> int | None:
        """Return the years of an agreement that was parsed before."""
        return self._years.peek(digest)

    def forget(self, digest: str) -> None:
        """Forget a consent that was erased."""
        self._consents.drop(digest)

    def agreement_known(self, digest: str) -> tuple[Agreement, Scope] | None:
        """Return an agreement that was parsed before, so that its bytes need not be fetched."""
        return self._agreements.peek(digest)

    def consent_known(self, digest: str) -> ConsentRecord | None:
        """Return a consent that was parsed before, so that its bytes need not be fetched."""
        return self._consents.peek(digest)

    def _verified(
        self, conn: Connection, digest: str, statement: bytes, allowed: tuple[Kind, ...]
    ) -> Verified:
        try:
            kid = jws.read(statement).signatures[0].kid
            signer = agencies.identity(conn, kid, now=_ANY_TIME)
            known = {} if signer is None else {kid: signer.card}
            found = verify(statement, allowed, known, now=self._now())
        except ExchangeError as error:
            raise Unavailable("a stored record does not verify any more") from error
        if found.digest != digest:
            raise Unavailable("a stored record is not the one its digest names")
        return found


class _Kept(Generic[T]):
    """The values used last, at most so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def peek(self, name: str) -> T | None:
        with self._lock:
            found = self._values.get(name)
            if found is not None:
                self._values.move_to_end(name)
            return found

    def drop(self, name: str) -> None:
        with self._lock:
            self._values.pop(name, None)

    def get(self, name: str, parse: Callable[[], T]) -> T:
        found = self.peek(name)
        if found is None:
            found = parse()  # outside the lock: two threads may do it twice, nobody waits
            with self._lock:
                self._values[name] = found
                if len(self._values) > self._most:
                    self._values.popitem(last=False)
        return found
