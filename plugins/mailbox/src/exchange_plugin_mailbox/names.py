"""Names of mails: unique, and safe in a Maildir, whose names may hold no "/" and no ":"."""

from datetime import datetime
from typing import Final

_ENDING: Final = ".exchange.eml"


def letter_name(disclosure_id: str, collected_at: datetime) -> str:
    """Return the name of the mail for a document, as Maildir builds them: time, id, origin."""
    return f"{int(collected_at.timestamp())}.{_id_in_names(disclosure_id)}{_ENDING}"


def is_letter(name: str, disclosure_id: str) -> bool:
    """Tell whether `name` is the name of the mail for this document."""
    return name.endswith(f".{_id_in_names(disclosure_id)}{_ENDING}")


def _id_in_names(disclosure_id: str) -> str:
    return disclosure_id.replace("-", "")
