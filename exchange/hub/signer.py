"""Keys of the log and what they sign: heads and status notes, nothing else.

The keys lie in the hub's home, 32-byte seeds readable by the hub alone. They open no document.
"""

from dataclasses import dataclass, field

from exchange.audit.checkpoint import Checkpoint
from exchange.audit.note import SigningKey
from exchange.audit.policy import Policy
from exchange.audit.status import Status

LOG_KEY = "log-ed25519.key"
STATUS_KEY = "log-status.key"
MLDSA_KEY = "log-mldsa44.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs for the log, and the policy its readers are told."""

    origin: str
    """Such as `hub.example/log`; name of the log key, first line of every head."""
    key: SigningKey = field(repr=False)
    """Ed25519, type 0x01, named `origin`."""
    status: SigningKey = field(repr=False)
    """Ed25519, type 0x01, named `origin` + `/status`."""
    mldsa: SigningKey | None = field(repr=False)
    """ML-DSA-44, type 0x06, named `origin`; for candidates only. None where it is switched off."""
    policy: Policy
    policy_text: bytes
    """The policy file, as served at `/log/policy`."""
    policy_pq_text: bytes | None
    """The same with the ML-DSA-44 key as the log's; None without one."""


def head_signed(signer: Signer, checkpoint: Checkpoint) -> bytes:
    """Return the signed note of a head: its text and the log's Ed25519 line.

    Deterministic: the same head gives the same bytes, whichever replica signs it.
    """
    raise NotImplementedError


def status_note(signer: Signer, status: Status) -> bytes:
    """Return the signed note that a consent is active, "no withdrawal up to here"."""
    raise NotImplementedError
