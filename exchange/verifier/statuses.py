"""Step 7: status notes somebody holds, against the receipts of withdrawals that lie beside them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from exchange.audit.opening import event_of
from exchange.audit.policy import Policy
from exchange.audit.proof import Proven
from exchange.audit.status import SUFFIX, Status, lie_in, read_status
from exchange.errors import LogInvalid, Malformed
from exchange.verifier.heads import Kept
from exchange.verifier.receipts import Held
from exchange.verifier.report import Check, broken, good, numbered, unchecked


def check_status(kept: Kept, held: Sequence[tuple[Held, Proven]], policy: Policy) -> Check:
    """Say whether a status note and a receipt of its consent's withdrawal convict the hub.

    Args:
        kept: the note.
        held: receipts that prove something.
        policy: names the key of the status notes.
    """
    keys = [log.key for log in policy.logs if log.key.name.endswith(SUFFIX)]
    if not keys:
        return unchecked(7, "status", "no key of status notes is known: give --policy FILE")
    said: Status | None = None
    wrong = ""
    for key in keys:
        try:
            said = read_status(kept.note, key)
            break
        except (LogInvalid, Malformed) as error:
            wrong = str(error)
    if said is None:
        return broken(7, "status", f"{kept.name} proves nothing: {wrong}")
    return _compared(kept.name, said, held)


def _compared(name: str, said: Status, held: Sequence[tuple[Held, Proven]]) -> Check:
    when = f"{datetime.fromtimestamp(said.at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    active = f"{name} calls the consent active at {when}, in a log of "
    active += numbered(said.size, "entry", "entries")
    found: Check | None = None
    for _, proven in held:
        try:
            lie = lie_in(said, proven)
        except LogInvalid:  # of something else
            continue
        withdrawn = f"its withdrawal is entry {proven.index}, of {event_of(proven.opening)['at']}"
        if lie is not None:
            span = (proven.index, proven.index)
            return broken(7, "status", f"the hub has lied: {active}; {withdrawn}", span)
        found = good(7, "status", f"{active}; {withdrawn}")
    return found or unchecked(
        7, "status", f"{name}: no receipt here is of its consent's withdrawal"
    )
