"""What to do about a check that stopped something, in one sentence for each reason."""

from collections.abc import Mapping
from typing import Final

UNKNOWN: Final = "an administrator has to look"
"""Advice where there is none for a reason."""
NOT_FOUND: Final = "not found, or not for this agency; compare the id"
"""What a command says when the hub or the gateway knows no such thing."""

ADVICE: Final[Mapping[str, str]] = {
    "agency-unknown": "the hub knows no such agency; compare its id with the agreement",
    "consent-ended": "its consent has ended; it disappears when the hub has removed it",
    "hub-misbehaves": "the hub's answers contradict each other; tell the hub's operator",
    "key-equivocation": (
        "the hub showed two key statements of one number; tell the partner and the operator"
    ),
    "key-missing": (
        "the partner has published no document key yet; its gateway does so when it runs"
    ),
    "key-not-pinned": (
        "signed by or meant for an identity nobody here has confirmed; perhaps the partner has "
        "succeeded its identity: compare the fingerprint with the partner itself, never with the "
        "hub, and run: exchange keys pin AGENCY (with --replace if another key was pinned)"
    ),
    "key-revoked": "the partner's key in use is revoked; ask the partner to publish a new one",
    "key-rollback": "the hub showed an older key statement than before; tell the hub's operator",
    "key-stale": (
        "the partner's key statement has run out or not begun; its gateway renews it when it "
        "runs, if both clocks are right"
    ),
    "key-unusable": "the partner's document key cannot be used; ask the partner to rotate it",
    "log-receipt-missing": "the log has no receipt yet",
    "own-key-statement-unknown": (
        "the hub has another key statement of this agency than this home; was it restored from "
        "an old backup, or is a second gateway running?"
    ),
    "payload-damaged": "the download was damaged twice; tell the hub's operator",
    "request-unreadable": (
        "a partner's request is sealed to none of the document keys here; ask the partner to ask "
        "again, its gateway then seals to the present key"
    ),
    "statement-not-acceptable": (
        "what the hub delivered is not what was signed; tell the hub's operator and the sender"
    ),
}
"""By reason of `exchange.errors.Held`."""
