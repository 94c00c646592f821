"""Prepared statements on PostgreSQL: the text goes to libpq once per connection, then values only.

What a statement costs this process is the length of the path in Python around libpq: 12
microseconds here, 47 through psycopg's cursors, 130 through SQLAlchemy (docs/decisions/0016).
Values travel in binary where that is their text anyway (text, bytes), rows always.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import psycopg
from psycopg import pq
from sqlalchemy import Boolean, Integer, LargeBinary, String
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from exchange.database import Moment, written
from exchange.prepared import Convert, Plan, Row, compiled, returned, row_of

DONE: Final = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""From which PostgreSQL counts microseconds."""


class Unlocked(PGCompiler_psycopg):
    """Leaves FOR UPDATE out, as SQLite's does: a snapshot that cannot write cannot lock either.

    So the function that decides under a lock also answers beforehand, where nothing rests on it.
    """

    def for_update_clause(self, select: Any, **kw: Any) -> str:
        """Return nothing."""
        return ""


class PostgresDriver:
    """One connection to the server, and which statements it knows already; of one thread."""

    __slots__ = ("known", "pgconn", "planned")

    planned: Callable[[Any, tuple[str, ...]], Plan]
    """See `exchange.prepared.Driver`."""

    def __init__(self, pgconn: pq.abc.PGconn, *, locks: bool) -> None:
        """Take a connection; `locks` is False of one that only reads."""
        self.pgconn = pgconn
        self.known: set[bytes] = set()
        self.planned = _planned if locks else _planned_unlocked

    def run(self, command: bytes) -> pq.abc.PGresult:
        """Run a command without parameters, such as BEGIN; the caller looks at its status."""
        return self.pgconn.exec_(command)


@dataclass(frozen=True, slots=True)
class _Parameter:
    """What stands at one place of a statement."""

    name: str | None
    """None where the statement brings the value along."""
    make: Convert
    """Makes the bytes of a value."""
    format: int
    constant: bytes | None = None


class _Plan:
    """How one statement runs on PostgreSQL."""

    __slots__ = ("_formats", "_name", "_parameters", "_reads", "_row", "_text")

    def __init__(self, text: str, parameters: Sequence[_Parameter], row: Row) -> None:
        """Take a statement with `$1`, `$2`...; `row` makes a row from its values."""
        self._text = text.encode()
        self._name = b"x" + sha256(self._text).hexdigest()[:24].encode()
        self._parameters = [(one.name, one.make, one.constant) for one in parameters]
        self._formats = [one.format for one in parameters]
        self._row = row
        self._reads: list[Convert] = []

    def rows(self, driver: PostgresDriver, given: Mapping[str, Any]) -> list[Any]:
        """See `exchange.prepared.Plan`."""
        found = self._run(driver, given)
        # What the server says of its columns is the same every time: asked once.
        reads = self._reads
        if not reads:
            reads = self._reads = [_READ[found.ftype(place)] for place in range(found.nfields)]
        value = found.get_value
        return [
            self._row(
                [
                    None if (octets := value(line, place)) is None else read(octets)
                    for place, read in enumerate(reads)
                ]
            )
            for line in range(found.ntuples)
        ]

    def changed(self, driver: PostgresDriver, given: Mapping[str, Any]) -> int:
        """See `exchange.prepared.Plan`."""
        return self._run(driver, given).command_tuples or 0

    def _run(self, driver: PostgresDriver, given: Mapping[str, Any]) -> pq.abc.PGresult:
        if self._name not in driver.known:
            self._check(driver.pgconn.prepare(self._name, self._text))
            driver.known.add(self._name)
        values: list[Any] = [
            constant if name is None else (None if (value := given[name]) is None else make(value))
            for name, make, constant in self._parameters
        ]
        result = driver.pgconn.exec_prepared(self._name, values, self._formats, pq.Format.BINARY)
        self._check(result)
        return result

    def _check(self, result: pq.abc.PGresult) -> None:
        if result.status in DONE:
            return
        # As the library would: callers know its classes. Without the server's words, which
        # quote the row that it refused.
        raised = DBAPIError.instance(
            self._text.decode(), None, refusal(result), psycopg.Error, hide_parameters=True
        )
        raise raised from None


def refusal(result: pq.abc.PGresult) -> psycopg.Error:
    """Return the error of a result: its class and state, never its text, which quotes values."""
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    try:
        kind = psycopg.errors.lookup(state)
    except KeyError:
        kind = psycopg.OperationalError  # without a state: the connection is lost
    return kind(state)


def _planned(statement: Any, names: tuple[str, ...]) -> Plan:
    return _plan(compiled(statement, _dialect(locks=True), names), statement)


def _planned_unlocked(statement: Any, names: tuple[str, ...]) -> Plan:
    return _plan(compiled(statement, _dialect(locks=False), names), statement)


def _plan(text: SQLCompiler, statement: Any) -> _Plan:
    parameters = []
    for name in text.positiontup or ():
        bind = text.binds[name]
        make, kind = _writing(bind.type)
        if bind.required:
            parameters.append(_Parameter(name, make, kind))
        else:
            brought = None if bind.value is None else make(bind.value)
            parameters.append(_Parameter(None, make, kind, brought))
    return _Plan(text.string, parameters, row_of(returned(statement)))


def _dialect(*, locks: bool) -> PGDialect_psycopg:
    dialect: PGDialect_psycopg = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    if not locks:
        dialect.statement_compiler = Unlocked
    return dialect


def _writing(kind: TypeEngine[Any]) -> tuple[Convert, int]:
    """Return what makes the bytes of a value of this type, and in which format they are."""
    if isinstance(kind, LargeBinary):
        return _octets, pq.Format.BINARY
    if isinstance(kind, String):
        return _text, pq.Format.BINARY
    if isinstance(kind, Boolean):
        return _flag, pq.Format.TEXT
    if isinstance(kind, Integer):
        return _number, pq.Format.TEXT
    if isinstance(kind, Moment):
        return _moment, pq.Format.TEXT
    raise TypeError(f"no prepared statement binds {type(kind).__qualname__}")


def _octets(value: bytes) -> bytes:
    return value


def _text(value: str) -> bytes:
    # The server would refuse it as well, but as a fault of the encoding.
    if "\0" in value:
        raise psycopg.DataError("a text with a NUL")
    return value.encode()


def _flag(value: bool) -> bytes:
    return b"t" if value else b"f"


def _number(value: int) -> bytes:
    return b"%d" % value


def _moment(value: datetime) -> bytes:
    return written(value).encode()


def _integer(octets: bytes) -> int:
    return int.from_bytes(octets, "big", signed=True)


def _time(octets: bytes) -> datetime:
    return _EPOCH + timedelta(microseconds=_integer(octets))


_READ: Final[Mapping[int, Convert]] = {
    16: lambda octets: octets == b"\x01",  # bool
    17: lambda octets: octets,  # bytea
    20: _integer,  # int8
    21: _integer,  # int2
    23: _integer,  # int4
    25: bytes.decode,  # text
    1043: bytes.decode,  # varchar
    1114: _time,  # timestamp without time zone
}
"""What reads a value in binary format, by the number of its type in every server."""
