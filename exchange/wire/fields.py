"""What members of shapes are made of: identifiers, digests, codes, moments, with their patterns."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PlainSerializer

from exchange.errors import Malformed
from exchange.members import words

_COMPACT = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1900, 8999
"""Of days and moments that are asked about."""
Reached = TypeVar("Reached", date, datetime)


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _day(given: object) -> object:
    """Return the day in a text as the calendar writes it; pydantic also takes seconds for one."""
    if not isinstance(given, str):
        return given
    found = date.fromisoformat(given)
    if found.isoformat() != given:
        raise ValueError("a day is written YYYY-MM-DD")
    return _in_reach(found)


def _compact(given: object) -> object:
    """Return the moment in a text of digits: no query of ours has a colon or a percent sign."""
    if not isinstance(given, str) or _COMPACT.fullmatch(given) is None:
        raise ValueError("a moment in a query is written YYYYMMDDTHHMMSSZ")
    return _in_reach(datetime.fromisoformat(given))


def _in_reach(day: Reached) -> Reached:
    """Return a day or moment from which others can be counted without leaving the calendar."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"a year lies between {FIRST_YEAR} and {LAST_YEAR}")
    return day


def _shown(text: str) -> str:
    """Return a text that may be shown to people: without signs that make it look like another."""
    try:
        return words(text, size=len(text)) if text else text
    except Malformed as wrong:
        raise ValueError(str(wrong)) from None


UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
AGENCY_PATTERN = "^[a-z0-9][a-z0-9-]{1,62}$"
DIGEST_PATTERN = "^[A-Za-z0-9_-]{43}$"
CODE_PATTERN = "^([a-z0-9][a-z0-9-]{1,62}/)?[a-z][a-z0-9]*(-[a-z0-9]+)*$"

Id = Annotated[str, Field(pattern=UUID_PATTERN)]
"""Version 4 UUID in lower case."""
AgencyId = Annotated[str, Field(pattern=AGENCY_PATTERN, max_length=63)]
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
"""Digest of a statement or labelled digest: 43 characters of base64url."""
Code = Annotated[str, Field(pattern=CODE_PATTERN, max_length=112)]
"""Purpose, category or secrecy class: ours, or `owner-agency/code`."""
Lang = Annotated[str, Field(pattern="^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$", max_length=35)]
"""Language tag (BCP 47), such as `de-simple`."""
Shown = Annotated[str, AfterValidator(_shown)]
"""A text of one line, NFC, without control and formatting characters; may be empty."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Cursor = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
"""Opaque; from an earlier answer."""
Moment = Annotated[AwareDatetime, PlainSerializer(_in_utc, return_type=str)]
"""RFC 3339, UTC."""
Compact = Annotated[AwareDatetime, BeforeValidator(_compact)]
"""A moment in a query: ISO 8601 without separators, UTC, such as `20260501T090000Z`."""
Day = Annotated[date, BeforeValidator(_day)]
"""A day as `YYYY-MM-DD`."""
Statement = Annotated[str, Field(min_length=1, max_length=262_144)]
"""Exact text of a signed statement (JWS General JSON, one line, ASCII)."""
ReceiptPath = Annotated[
    str, Field(pattern=UUID_PATTERN.replace("^", "^/log/receipts/"), max_length=50)
]
"""Where the receipt of a log entry is; there it is a C2SP tlog-proof, once a head covers it."""
LogKey = Annotated[str, Field(pattern=DIGEST_PATTERN)]
"""32 random bytes in base64url: the key of the consent's log entries."""
