"""What members of shapes are made of: identifiers, digests, codes, moments, with their patterns."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, PlainSerializer


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Cursor = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
"""Opaque; from an earlier answer."""
Moment = Annotated[AwareDatetime, PlainSerializer(_in_utc, return_type=str)]
"""RFC 3339, UTC."""
Statement = Annotated[str, Field(min_length=1, max_length=262_144)]
"""Exact text of a signed statement (JWS General JSON, one line, ASCII)."""
ReceiptPath = Annotated[
    str, Field(pattern=UUID_PATTERN.replace("^", "^/log/receipts/"), max_length=50)
]
"""Where the receipt of a log entry is; there it is a C2SP tlog-proof, once a head covers it."""
LogKey = Annotated[str, Field(pattern=DIGEST_PATTERN)]
"""32 random bytes in base64url: the key of the consent's log entries."""
