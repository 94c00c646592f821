"""What to do about a check that stopped something, in one sentence for each reason."""

from collections.abc import Mapping
from typing import Final

UNKNOWN: Final = "an administrator has to look"
"""Advice where there is none for a reason."""
NOT_FOUND: Final = "not found, or not for this agency; compare the id"
"""What a command says when the hub or the gateway knows no such thing."""

NOT_PERMITTED: Final = (
    "the hub does not permit it, and never says why; "
    "compare with: exchange consent show, exchange agreement show"
)
"""What a command says when the hub's gate says no."""

NOT_COVERED: Final[Mapping[str, str]] = {
    "no-consent": "this agency is not among those that may disclose under this consent",
    "ended": "the consent has ended; nothing more is sent under it",
    "not-yet": "the consent does not hold yet; `exchange consent show` has its first day",
    "agreement": (
        "the agreement is not in force or does not admit this; `exchange agreement show` has what "
        "it admits"
    ),
    "recipient": "the consent does not name this recipient",
    "purpose": "the consent is for another purpose",
    "category": (
        "the consent does not name this kind of document; `exchange consent show` has those it does"
    ),
    "secrecy": "the document is of a higher secrecy class than the consent allows",
    "onward": (
        "another agency's document is passed on, and the consent does not allow that for this "
        "agency, purpose and secrecy class; passing on needs a consent of its own"
    ),
    "undertaking": (
        "the recipient is a private body that has not undertaken the purpose binding; it signs "
        "that with the agreement"
    ),
    "used-up": "the consent has been used as often as it allows",
    "exp": "it could still be collected after the consent has ended",
    "veto": "a rule of the hub's operator denies it",
}
"""By `exchange.consent.decision.Reason`. Never advises to ask the person again: she may have said
no."""

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
    "key-statement-foreign": (
        "a key statement in the name of this agency that was not made here: its identity key may "
        "be stolen; tell your partners and the hub's operator"
    ),
    "log-document-missing": (
        "the hub does not show what a partner is said to have stated about its keys; ask the "
        "partner"
    ),
    "log-entries-differ": (
        "the entries that the hub shows do not lead to the head it has signed; tell a witness of "
        "the log and the hub's operator"
    ),
    "log-not-witnessed": (
        "too few witnesses have cosigned the log for hours; ask the hub's operator and the "
        "witnesses"
    ),
    "log-receipt-invalid": (
        "what the hub shows of its log does not prove this; tell the hub's operator, it is not the "
        "sender's fault"
    ),
    "log-receipt-missing": (
        "the log has no receipt of it yet; if that lasts, tell the hub's operator"
    ),
    "log-split-view": (
        "the hub has shown two histories of its log; nothing is exchanged with it before somebody "
        "has looked at the evidence in `conflict`: exchange gateway status"
    ),
    "log-status-false": (
        "the hub has called a consent active after its withdrawal; nothing is exchanged with it "
        "before somebody has looked at the evidence in `conflict`: exchange gateway status"
    ),
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
