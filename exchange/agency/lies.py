"""A status note that lies: the hub calls a consent active, and the log has its withdrawal.

Whichever comes last, note or receipt, is held against the other: a note when the hub gives it,
before anything is opened under it, and every note kept here when a withdrawal becomes known.
"""

from sqlalchemy import Connection

from exchange.agency.evidence import WITHDRAWAL, find_evidence, keep_withdrawal, list_notes
from exchange.agency.log import FALSE, judged
from exchange.agency.log_policy import Trusted
from exchange.agency.parts import Gateway
from exchange.audit.status import lie_in, read_status, withdrawal_of
from exchange.errors import Held, LogInvalid, Malformed


async def learn_withdrawal(gateway: Gateway, consent: str, receipt: bytes) -> None:
    """Hold every status note kept here to the receipt of a withdrawal, and keep that.

    Harmless when repeated.

    Args:
        gateway: the parts.
        consent: digest of the consent.
        receipt: verified: of the withdrawal of this consent.

    Raises:
        Held: `log-status-false`.
    """
    false = await gateway.state.write(_learn, gateway.log.trusted, consent, receipt)
    if false is not None:
        # Evidence first: after a crash in between, the withdrawal becomes known once more.
        await gateway.log.convict(false, receipt)
        await gateway.state.write(keep_withdrawal, consent, receipt)
        raise Held(FALSE)


async def check_status(gateway: Gateway, consent: str, note: bytes) -> None:
    """Hold a status note to the withdrawal of its consent, if one is known here.

    Args:
        gateway: the parts.
        consent: digest of the consent that the note is about.
        note: its signature verified.

    Raises:
        Held: `log-status-false`.
    """
    receipt = await gateway.state.look(find_evidence, consent, WITHDRAWAL)
    if receipt is not None and _is_false(gateway.log.trusted, note, receipt):
        await gateway.log.convict(note, receipt)
        raise Held(FALSE)


def _learn(conn: Connection, trusted: Trusted, consent: str, receipt: bytes) -> bytes | None:
    """Keep the receipt unless it shows that a note kept here lies; return that note."""
    for note in list_notes(conn, consent):
        if _is_false(trusted, note, receipt):
            return note
    keep_withdrawal(conn, consent, receipt)
    return None


def _is_false(trusted: Trusted, note: bytes, receipt: bytes) -> bool:
    """Tell whether the two convict; by keys that the policy no longer names they convict nobody."""
    try:
        said, proven = read_status(note, trusted.status), judged(trusted, receipt)
        withdrawn = withdrawal_of(trusted.origin, proven.index, proven.opening)
        return lie_in(said, withdrawn) is not None
    except (Held, LogInvalid, Malformed):
        return False
