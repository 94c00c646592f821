"""What somebody asks about something that is in the wrong hands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from exchange.audit.event import GATEWAY
from exchange.errors import Malformed

Kind: TypeAlias = Literal["document", "identity", "account", "log", "code"]

TICK: Final = timedelta(seconds=1)
"""Events state whole seconds: what happened in this one has happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The question."""

    kind: Kind
    key: str
    """Fingerprint of a document key, name of an identity key, id of an account, or `gateway` for
    what the agency's own programs look at; of a code the id of the consent it opens; of the log's
    key nothing: this hub has one."""
    since: datetime
    until: datetime | None
    """Of all but a document key: when it was stopped; None is now."""
    noticed_at: datetime
    """When it became known: the time to report begins."""

    def __post_init__(self) -> None:
        if (self.kind == "log") is not (self.key == ""):
            raise Malformed("every key but the log's is asked about by its name")
        if self.key == GATEWAY and self.kind != "account":
            raise Malformed("programs have no key of this kind: ask about the account gateway")
