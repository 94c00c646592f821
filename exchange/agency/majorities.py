"""When guardians stop speaking for the persons of consents collected here.

Plain functions on the connection of a unit of work, like those of `state`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, or_, select, update

from exchange.agency import tables
from exchange.agency.built import added_once


@dataclass(frozen=True, slots=True)
class Majority:
    """A consent of guardians whose person comes of age."""

    consent: str
    """Id of the consent."""
    ends: datetime
    """When representation ends: the first of the month of majority."""
    looked: datetime | None = None
    """When the hub last said that the consent stands; None before people were reminded."""


def add_majority(conn: Connection, majority: Majority) -> None:
    """Remember one; a second time changes nothing."""
    values = {name: getattr(majority, name) for name in Majority.__slots__}
    added_once(tables.majorities).changed(conn, values)


def list_unlooked(conn: Connection, *, until: datetime, before: datetime) -> list[Majority]:
    """Return those that end until a moment and were not looked at since another."""
    looked = tables.majorities.c.looked
    query = select(tables.majorities).where(
        tables.majorities.c.ends <= until, or_(looked.is_(None), looked < before)
    )
    return [Majority(**row) for row in conn.execute(query).mappings()]


def list_ahead(conn: Connection, now: datetime) -> list[Majority]:
    """Return those that people are reminded of at `now`, the next first."""
    query = select(tables.majorities).where(
        tables.majorities.c.looked.is_not(None), tables.majorities.c.ends > now
    )
    ordered = query.order_by(tables.majorities.c.ends, tables.majorities.c.consent)
    return [Majority(**row) for row in conn.execute(ordered).mappings()]


def note_look(conn: Connection, consent: str, now: datetime) -> None:
    """Remember that a consent stands at `now`."""
    conn.execute(
        update(tables.majorities).where(tables.majorities.c.consent == consent).values(looked=now)
    )


def forget_majority(conn: Connection, consent: str) -> None:
    """Forget one: nobody has to be reminded any more."""
    conn.execute(delete(tables.majorities).where(tables.majorities.c.consent == consent))
