"""Rows of a federal state: a SQLite database filled in bulk beside a few real records.

Every row is a copy of a real one with other names, so that whatever the tables hold today is
there. Names rise evenly: an insert in order costs a tenth of one at random. What that leaves out:
the trees are packed more densely than those of a database that grew, by a third.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange import canonical
from exchange.keyid import IdentityCard
from exchange.statement import Kind, sign
from tests.bench.figures import Report
from tests.bench.place import RECIPIENT, SENDER, Place

CUT = 600
"""Bytes kept of a statement that is shortened: about what SQLite keeps of it in the row itself."""
OWN_SHARE = 100
"""Every so manieth consent, with its disclosures, belongs to the two real agencies."""
EVENTS = 3
"""Events of a disclosure that was stored, collected and acknowledged."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is filled in."""

    agencies: int
    consents: int
    disclosures: int
    full: bool = False
    """Whether statements keep all their bytes."""

    @property
    def agreements(self) -> int:
        """Of two parties each."""
        return max(1, self.agencies // 2)


@dataclass(frozen=True, slots=True)
class Names:
    """So many names of one kind, in rising order, none of them stored."""

    kind: int
    count: int

    def uuid(self, number: int) -> str:
        """Return the name of a row as a UUID of version 4."""
        text = f"{self._at(number, 92):023x}"
        return f"{text[:8]}-{text[8:12]}-4{text[12:15]}-a{text[15:18]}-{self.kind:07x}{text[18:]}"

    def digest(self, number: int) -> str:
        """Return the name of a row in the form of a digest: 43 characters."""
        return f"{self._at(number, 160):040x}{self.kind:03x}"

    def _at(self, number: int, bits: int) -> int:
        return (number << bits) // self.count


def fill(place: Place, size: Size, report: Report) -> None:
    """Fill the database of a hub that is not running.

    It holds one real consent at least, and one disclosure that was acknowledged.
    """
    with closing(sqlite3.connect(place.home / "hub.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF")  # a crash spoils the file: fill a new one
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-400000")
        indexes = _without_indexes(connection)
        filling = _Filling(connection, place, size, report)
        connection.execute("BEGIN")
        filling.agencies()
        filling.agreements()
        filling.consents()
        filling.disclosures()
        for statement in indexes:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
        report(f"{size.consents:,} consents and {size.disclosures:,} disclosures filled in")


def _without_indexes(connection: sqlite3.Connection) -> list[str]:
    """Drop the indexes that can be made anew, and return how."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    return [statement for _, statement in found]


class _Filling:
    """One run of `fill`."""

    def __init__(
        self, connection: sqlite3.Connection, place: Place, size: Size, report: Report
    ) -> None:
        self._connection, self._place, self._size, self._report = connection, place, size, report
        self._start = time.monotonic()
        self._offices = [f"office-{number:05d}" for number in range(size.agencies)]
        self._agreed = Names(1, size.agreements)
        self._given = Names(2, size.consents)
        self._chains = Names(3, size.consents)
        self._sent = Names(4, size.disclosures)
        self._agreements: list[str] = []
        self._own = str(self._model("consents", "collected_by = ?", SENDER)["agreement"])
        self._places = dict.fromkeys([*self._offices, RECIPIENT], 0)

    # Tables in the order in which they need each other

    def agencies(self) -> None:
        """Admit offices; of their two public keys one is their own, so that their names differ."""
        agency, identity = self._model("agencies", "id = ?", SENDER), self._model("identities")
        stated = self._model("key_statements")
        chains, digests = Names(5, len(self._offices)), Names(6, len(self._offices))
        cards = [
            IdentityCard(office, _ed25519(), identity["ml_dsa_65"]) for office in self._offices
        ]
        self._add(
            "agencies",
            ({**agency, "id": o, "chain": chains.uuid(n)} for n, o in enumerate(self._offices)),
        )
        self._add(
            "identities",
            ({**identity, "kid": c.kid, "agency": c.agency, "ed25519": c.ed25519} for c in cards),
        )
        self._add(
            "key_statements",
            (
                {**stated, "agency": office, "digest": digests.digest(n), "fingerprint": "f" * 43}
                for n, office in enumerate(self._offices)
            ),
        )
        self._add("log_chain", self._begun("agency", chains, len(self._offices), 1))

    def agreements(self) -> None:
        """Agree between neighbours; every statement is signed, as the sweeper reads it."""
        model = self._model("agreements")
        signature = self._model("agreement_signatures")
        rows = []
        for number in range(self._size.agreements):
            payload = self._place.agreement_payload()
            signed = sign(Kind.AGREEMENT, payload, self._place.offices[RECIPIENT].identity)
            chain = self._agreed.uuid(number)
            digest = canonical.digest(signed)
            rows.append(
                {
                    **model,
                    "digest": digest,
                    "id": payload["id"],
                    "chain": chain,
                    "statement": signed,
                    "ended_at": None,
                }
            )
        self._agreements = [str(row["digest"]) for row in rows]
        self._add("agreements", rows)
        self._add(
            "agreement_parties",
            (
                {"agreement": digest, "agency": agency}
                for number, digest in enumerate(self._agreements)
                for agency in self._pair(number)
            ),
        )
        self._add(
            "agreement_signatures",
            (
                {**signature, "agreement": digest, "agency": agency, "statement": b""}
                for number, digest in enumerate(self._agreements)
                for agency in self._pair(number)
            ),
        )
        self._add("log_chain", self._begun("agreement", self._agreed, len(rows), 1))

    def consents(self) -> None:
        """Give consents under the agreements in turn; most are over, one in twenty withdrawn."""
        count, per = self._size.consents, self._per_consent()
        model = self._model("consents", "ended_at IS NULL")
        withdrawn = self._model("consents", "ended_why = 'withdrawn'")
        statement = self._kept(model["statement"])
        withdrawal = self._kept(withdrawn["withdrawal"])

        def row(number: int) -> Row:
            gone = number % 20 == 1
            return {
                **(withdrawn if gone else model),
                "digest": self._given.digest(number),
                "id": self._given.uuid(number),
                "chain": self._chains.uuid(number),
                "agreement": self._agreement(number),
                "collected_by": self._parties(number)[0],
                "used": per,
                "statement": statement,
                "withdrawal": withdrawal if gone else None,
            }

        self._add("consents", map(row, range(count)))
        self._add(
            "consent_parties",
            (
                {"consent": self._given.digest(number), "agency": agency, "role": role}
                for number in range(count)
                for agency, role in zip(
                    self._parties(number), ("releaser", "recipient"), strict=True
                )
            ),
        )
        codes = Names(7, count)
        self._add(
            "credentials",
            (
                {"consent": self._given.digest(number), "digest": codes.digest(number)}
                for number in range(count)
            ),
        )
        self._add("log_chain", self._begun("consent", self._chains, count, 1 + EVENTS * per))
        self._log(self._model("log_event", "kind = 'consent-recorded'"), 1, Names(8, count))
        erasure = self._model("erasures", "result IS NOT NULL")
        kept = {**erasure, "confirmation": self._kept(erasure["confirmation"])}
        asked = Names(9, count)
        self._add(
            "erasures",
            (
                {
                    **kept,
                    "id": asked.uuid(number),
                    "consent": self._given.digest(number),
                    "recipient": self._parties(number)[1],
                }
                for number in range(1, count, 20)
            ),
        )

    def disclosures(self) -> None:
        """Disclose under every consent in turn: nearly all acknowledged, some over unread."""
        count = self._size.disclosures
        model = self._model("disclosures", "state = 'acknowledged'")
        reached = self._model("disclosure_recipients", "result = 'accepted'")
        shared = {
            **model,
            "blob": None,
            "manifest": self._kept(model["manifest"]),
        }
        answered = {**reached, "acknowledgement": self._kept(reached["acknowledgement"])}
        unanswered = {
            **reached,
            "acknowledgement": None,
            "acknowledged_at": None,
            "result": None,
            "collected_at": None,
        }
        digests = Names(10, count)

        def row(number: int) -> Row:
            consent = number % self._size.consents
            return {
                **shared,
                "id": self._sent.uuid(number),
                "digest": digests.digest(number),
                "sender": self._parties(consent)[0],
                "consent": self._given.digest(consent),
                "state": _state(number),
            }

        def recipient(number: int) -> Row:
            agency = self._parties(number % self._size.consents)[1]
            self._places[agency] += 1
            known = answered if _state(number) == "acknowledged" else unanswered
            taken = known if _state(number) != "collected" else {**known, "collected_at": _AT}
            return {
                **taken,
                "disclosure": self._sent.uuid(number),
                "agency": agency,
                "fingerprint": "f" * 43,
                "number": self._places[agency],
            }

        # What really waits for the real agency came last.
        self._connection.execute(
            "UPDATE disclosure_recipients SET number = number + ? WHERE agency = ?",
            (count, RECIPIENT),
        )
        self._connection.execute(
            "UPDATE agencies SET inbox_last = inbox_last + ? WHERE id = ?", (count, RECIPIENT)
        )
        self._add("disclosures", map(row, range(count)))
        self._add("disclosure_recipients", map(recipient, range(count)))
        event = self._model("log_event", "kind = 'disclosure-acknowledged'")
        self._log(event, EVENTS * self._per_consent(), Names(11, EVENTS * count))
        self._connection.executemany(
            "UPDATE agencies SET inbox_last = inbox_last + ? WHERE id = ?",
            [(last, agency) for agency, last in self._places.items() if agency != RECIPIENT],
        )
        self._notices()

    def _notices(self) -> None:
        """Leave a month's notices in the outbox, delivered: of ten years', one in 120."""
        count = self._size.disclosures // 120
        agencies = [*self._offices, RECIPIENT]
        names = Names(12, max(1, count))
        self._add(
            "notices",
            (
                {
                    "id": names.uuid(number),
                    "agency": agencies[-1 if number % OWN_SHARE == 0 else number % len(agencies)],
                    "kind": "disclosure",
                    "consent": None,
                    "disclosure": None,
                    "state": "sent",
                    "attempts": 0,
                    "created_at": _AT,
                    "due_at": _AT,
                    "done_at": _AT,
                }
                for number in range(count)
            ),
        )

    # What rows have in common

    def _per_consent(self) -> int:
        return -(-self._size.disclosures // self._size.consents)

    def _parties(self, number: int) -> tuple[str, str]:
        """Return who discloses under a consent, and to whom."""
        if number % OWN_SHARE == 0:
            return SENDER, RECIPIENT
        return self._pair(number % self._size.agreements)

    def _pair(self, agreement: int) -> tuple[str, str]:
        return self._offices[2 * agreement], self._offices[2 * agreement + 1]

    def _agreement(self, number: int) -> str:
        own = number % OWN_SHARE == 0
        return self._own if own else self._agreements[number % self._size.agreements]

    def _kept(self, statement: bytes) -> bytes:
        return statement if self._size.full else statement[:CUT]

    def _begun(self, kind: str, chains: Names, count: int, events: int) -> Iterator[Row]:
        return (
            {"chain": chains.uuid(number), "kind": kind, "next_n": events, "deferred": 0}
            for number in range(count)
        )

    def _log(self, model: Row, per_chain: int, names: Names) -> None:
        """Record so many events on the chain of each consent; the log's loop has had them."""
        first = 0 if per_chain == 1 else 1
        self._add(
            "log_event",
            (
                {
                    **model,
                    "rid": names.uuid(number),
                    "chain": self._chains.uuid(number // per_chain),
                    "n": first + number % per_chain,
                }
                for number in range(names.count)
            ),
        )

    def _model(self, table: str, where: str = "true", *given: object) -> dict[str, Any]:
        found = self._connection.execute(
            f"SELECT * FROM {table} WHERE {where} LIMIT 1",  # noqa: S608 - ours
            given,
        )
        columns = [column[0] for column in found.description]
        return dict(zip(columns, found.fetchone(), strict=True))

    def _add(self, table: str, rows: Iterable[Row]) -> None:
        every = iter(rows)
        first = next(every, None)
        if first is None:
            return
        columns = list(first)
        statement = (
            f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - ours
            f"VALUES ({', '.join('?' * len(columns))})"
        )
        self._connection.execute(statement, _values(first, columns))
        self._connection.executemany(statement, (_values(row, columns) for row in every))
        self._report(f"{table} filled after {time.monotonic() - self._start:.0f} s")


_AT = "2026-01-02 10:00:00.000000"
"""A moment long past, as the dialect writes it."""


def _state(number: int) -> str:
    """Return how a disclosure went: of 97 three expired, two were cut, one was not answered."""
    ended = {0: "expired", 1: "expired", 2: "expired", 3: "ended", 4: "ended", 5: "collected"}
    return ended.get(number % 97, "acknowledged")


def _ed25519() -> bytes:
    return Ed25519PrivateKey.generate().public_key().public_bytes_raw()


def _values(row: Row, columns: Sequence[str]) -> list[object]:
    return [row[column] for column in columns]
