"""Whom this gateway trusts: pinned identities, their cards, and the keys it seals to.

The directory only delivers; what it says counts if it hashes to a pin or is signed by a pinned
identity. What was accepted once is remembered, so that no restart allows a step back.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from exchange import canonical, jws, statement
from exchange.agency import tables
from exchange.agency.client import HubClient
from exchange.agency.log import MISSING, Log
from exchange.agency.log_points import shows_document
from exchange.audit.proof import Proven
from exchange.database import Database
from exchange.errors import Held, Malformed, NotFound, StatementNotAcceptable
from exchange.keyid import IdentityCard, identity_card
from exchange.keyring.directory import Accepted, Pin, Seen, accept
from exchange.statement import Kind, Verified, VerifyingKeys, verifying_keys
from exchange.wire import shapes

FRESH: Final = timedelta(hours=1)
"""A key statement older than this in the cache is fetched again before anything is sealed."""
_UNKNOWN_KEY: Final = 4
"""Step of verifying a statement that needs the signer's key."""
WAIT_S: Final = 5
"""Seconds to wait for the receipt of a key statement that was published a moment ago."""
TOPIC: Final = "key-statement/"
"""Topic of an agency's key statements in the log, before its id."""
CARD_LIMIT: Final = 4 * 1024
"""Bytes of a stored identity card; it has 2.7 kB."""


class Partners:
    """The pinned agencies of one gateway, this agency among them."""

    def __init__(
        self,
        pins: Mapping[str, Pin],
        own: IdentityCard,
        client: HubClient,
        state: Database,
        log: Log,
    ) -> None:
        """Take the parts; `load` reads what was believed before.

        Args:
            pins: by agency, as persons confirmed them.
            own: this agency's identity card.
            client: of the hub, whose directory delivers.
            state: remembers.
            log: has every key statement that counts.
        """
        self.pins = pins
        self._own = own
        self._client = client
        self._state = state
        self._log = log
        self._pinned = {pin.kid for pin in pins.values()}
        self._now: dict[str, VerifyingKeys] = {own.kid: verifying_keys(own)}
        self._ever: dict[str, VerifyingKeys] = dict(self._now)
        self._accepted: dict[str, tuple[Accepted, datetime]] = {}
        self._capabilities: dict[str, shapes.Capabilities | None] = {}

    async def load(self) -> None:
        """Read the cards that were once pinned; ask the hub for nothing."""
        cards = await self._state.read(_cards)
        for card in cards:
            self._believe(card)
        if self._own not in cards:  # what it signed still counts after a succession
            await self._state.write(_add_card, self._own)

    async def verify(
        self, data: bytes, allowed: Iterable[Kind], *, now: datetime, before: bool = False
    ) -> Verified:
        """Verify a statement of a pinned agency, or of this one.

        Args:
            data: exact bytes.
            allowed: kinds that can be used here.
            now: aware moment.
            before: whether it was verified here before, so that identities count which were
                pinned then and have been succeeded since.

        Raises:
            Held: `key-not-pinned`, when nobody pinned has signed it.
            StatementNotAcceptable: anything else about it.
        """
        kinds = frozenset(allowed)
        known = self._ever if before else self._now
        try:
            return statement.verify(data, kinds, known, now=now)
        except StatementNotAcceptable as refused:
            if refused.step != _UNKNOWN_KEY:
                raise
        kid = jws.read(data).signatures[0].kid  # names a key and is trusted for nothing else
        if kid not in known and kid in self._pinned:
            await self._fetch_cards()
        if kid not in known:
            raise Held("key-not-pinned")
        return statement.verify(data, kinds, known, now=now)

    async def card(self, agency: str, kid: str) -> VerifyingKeys:
        """Return the keys that hash to `kid`, which the caller trusts for a reason of its own.

        Raises:
            Held: the directory has no such card.
        """
        if kid not in self._ever:
            await self._fetch_card(agency, kid)
        return self._ever[kid]

    async def key_of(self, agency: str, *, now: datetime) -> Accepted:
        """Return the document key to seal to, from a key statement at most an hour old here.

        Raises:
            Held: with the reason of the check that refused; see `keyring.directory.accept`.
        """
        pin = self.pins.get(agency)
        if pin is None:
            raise Held("key-not-pinned")
        cached = self._accepted.get(agency)
        if cached is not None and self._is_fresh(*cached, now=now):
            return cached[0]
        try:
            entry = await self._client.agency(agency)
        except NotFound:
            raise Held("agency-unknown") from None
        if entry.key_statement is None:
            raise Held("key-missing")
        receipt = await self._receipt(entry)
        proven: Proven | None = None

        def in_log(data: bytes) -> str:
            nonlocal proven
            if receipt is None:
                raise Held(MISSING)
            proven = self._log.proven(receipt)
            shows_document(proven, f"{TOPIC}{agency}", data)
            return f"entry {proven.index} of {self._log.trusted.origin}"

        accepted = accept(
            pin,
            _card(entry.card),
            entry.key_statement.encode("utf-8"),
            seen=await self._state.read(_seen, agency),
            now=now,
            verify_receipt=in_log,
        )
        if proven is not None:  # as `accept` has seen to
            await self._log.agree(proven.head)
        # Remembered before it is used: after a crash an older statement is still a step back.
        await self._state.write(_remember, agency, accepted)
        self._accepted[agency] = (accepted, now)
        self._capabilities[agency] = entry.capabilities
        return accepted

    async def _receipt(self, entry: shapes.Agency) -> bytes | None:
        """Return the log receipt of an agency's key statement, judged when its turn comes."""
        try:
            return await self._log.receipt(entry.key_statement_receipt, wait=WAIT_S)
        except Held:
            return None

    def capabilities_of(self, agency: str) -> shapes.Capabilities | None:
        """Return what an agency can receive, as of the last `key_of`; None if it never said."""
        return self._capabilities.get(agency)

    def _is_fresh(self, accepted: Accepted, since: datetime, *, now: datetime) -> bool:
        ends = datetime.fromtimestamp(accepted.statement.exp, UTC)
        return since <= now < min(since + FRESH, ends)

    async def _fetch_cards(self) -> None:
        for pin in self.pins.values():
            if pin.kid not in self._now:
                try:
                    await self._fetch_card(pin.agency, pin.kid)
                except Held:
                    continue  # another partner's trouble; this one's shows where it is used

    async def _fetch_card(self, agency: str, kid: str) -> None:
        try:
            entry = await self._client.agency(agency)
        except NotFound:
            raise Held("agency-unknown") from None
        for given in (entry.card, entry.previous):
            card = None if given is None else _card(given)
            if card is not None and (card.agency, card.kid) == (agency, kid):
                self._believe(card)
                await self._state.write(_add_card, card)
                return
        raise Held("key-not-pinned")

    def _believe(self, card: IdentityCard) -> None:
        keys = verifying_keys(card)
        self._ever[card.kid] = keys
        pin = self.pins.get(card.agency)
        if pin is not None and pin.kid == card.kid:
            self._now[card.kid] = keys


def _card(given: shapes.Card) -> IdentityCard:
    try:
        return identity_card(given.model_dump(by_alias=True))
    except Malformed:
        raise Held("key-not-pinned") from None


def _cards(conn: Connection) -> list[IdentityCard]:
    rows = conn.execute(select(tables.cards.c.card)).scalars()
    return [identity_card(canonical.loads(row, limit=CARD_LIMIT)) for row in rows]


def _add_card(conn: Connection, card: IdentityCard) -> None:
    values = {"kid": card.kid, "card": canonical.encode(card.payload())}
    conn.execute(insert(tables.cards).values(values).on_conflict_do_nothing())


def _seen(conn: Connection, agency: str) -> Seen | None:
    query = select(tables.key_statements).where(tables.key_statements.c.agency == agency)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    fingerprints = select(tables.revoked.c.fingerprint).where(tables.revoked.c.agency == agency)
    return Seen(row.seq, row.digest, frozenset(conn.execute(fingerprints).scalars()))


def _remember(conn: Connection, agency: str, accepted: Accepted) -> None:
    values = {
        "agency": agency,
        "seq": accepted.seen.seq,
        "digest": accepted.seen.digest,
        "statement": accepted.statement.statement,
    }
    conn.execute(
        insert(tables.key_statements)
        .values(values)
        .on_conflict_do_update(index_elements=["agency"], set_=values)
    )
    for fingerprint in accepted.seen.revoked:
        row = {"agency": agency, "fingerprint": fingerprint}
        conn.execute(insert(tables.revoked).values(row).on_conflict_do_nothing())
