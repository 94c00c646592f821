"""Whose word about the hub's log this gateway takes: a policy file that people were given.

Never taken from the hub over the network: whoever could replace it could show any log. The file
is a C2SP tlog-policy with two `log` lines, the log's own key and, named `<origin>/status`, the
key of its status notes.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from exchange.agency.home import Home
from exchange.audit.note import ED25519, VerifyingKey
from exchange.audit.policy import LARGEST_POLICY, NONE, Policy, log_keys, read_policy
from exchange.audit.status import SUFFIX
from exchange.canonical import b64u
from exchange.durable import write_bytes_durably
from exchange.errors import Malformed, Misconfigured
from exchange.keyring.fingerprint import spoken

MISSING = (
    "this gateway does not know the hub's log yet, so it exchanges nothing; get the log's policy "
    "file from the operator of the hub and set it with: exchange gateway log-policy FILE"
)


@dataclass(frozen=True, slots=True)
class Trusted:
    """The log this gateway believes, and by which signatures."""

    origin: str
    """Name of the log, such as `hub.example/log`."""
    policy: Policy
    status: VerifyingKey
    """Signs the notes "no withdrawal up to here"."""
    raw: bytes = field(repr=False)
    """The file, byte for byte."""

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Every key of the log as people read and compare it; two while it is replaced."""
        keys = log_keys(self.policy, self.origin)
        return tuple(spoken(b64u(sha256(bytes([key.type]) + key.public).digest())) for key in keys)

    @property
    def is_witnessed(self) -> bool:
        """Whether heads need witnesses at all."""
        return self.policy.quorum != NONE


def trusted(raw: bytes) -> Trusted:
    """Return what a policy file says.

    Raises:
        Malformed: no policy, not of exactly one log, or without the key of its status notes.
    """
    policy = read_policy(raw)
    names = {log.key.name for log in policy.logs}
    origins = [name for name in names if name + SUFFIX in names]
    if len(origins) != 1 or names != {origins[0], origins[0] + SUFFIX}:
        raise Malformed("the policy names one log, and the key of its status notes")
    keys = log_keys(policy, origins[0] + SUFFIX)
    if len(keys) != 1 or keys[0].type != ED25519:
        raise Malformed("status notes are signed by one Ed25519 key")
    return Trusted(origins[0], policy, keys[0], raw)


def read_trusted(home: Home) -> Trusted | None:
    """Return what the policy in a gateway's home says; None when it has none yet.

    Raises:
        Misconfigured: the file there is no such policy.
    """
    try:
        raw = home.log_policy.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return trusted(raw)
    except Malformed as error:
        raise Misconfigured(f"{home.log_policy} cannot be used: {error}") from None


def given(file: Path) -> Trusted:
    """Return what a policy file says that somebody was given.

    Raises:
        Malformed: it cannot be read, or is no policy.
    """
    try:
        with file.open("rb") as source:
            raw = source.read(LARGEST_POLICY + 1)
    except OSError:
        raise Malformed(f"{file} cannot be read") from None
    return trusted(raw)


def put_trusted(home: Home, chosen: Trusted) -> None:
    """Let a gateway believe this log from its next start on; durable on return."""
    write_bytes_durably(home.log_policy, chosen.raw, replace=True)
