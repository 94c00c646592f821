"""What a prepared statement may be: text that is whole once it is compiled."""

import pytest
from sqlalchemy import String, bindparam, column, func, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from exchange.prepared import compiled

DIALECTS = [SQLiteDialect_pysqlite, PGDialect_psycopg]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "statement",
    [
        select(func.aggregate_strings(column("agency"), ",")),
        select(column("agency")).where(column("agency").in_(bindparam("of", expanding=True))),
    ],
    ids=["a literal", "a list"],
)
def test_a_statement_that_is_completed_at_each_run_is_refused(
    statement: object, dialect: type
) -> None:
    with pytest.raises(TypeError, match="at each run"):
        compiled(statement, dialect(), ())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_whole_statement_is_compiled(dialect: type) -> None:
    agency = column("agency", String)
    statement = select(agency).where(agency == bindparam("of"))

    assert str(compiled(statement, dialect(), ())).startswith("SELECT agency")
