"""Keys of the log and what they sign: heads and status notes, nothing else.

The keys lie in the hub's home, 32-byte seeds readable by the hub alone. They open no document.
"""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from exchange import canonical
from exchange.audit.checkpoint import Checkpoint, write_checkpoint
from exchange.audit.cosignature import cosign
from exchange.audit.head import SignedHead, read_signed
from exchange.audit.note import (
    ED25519,
    ML_DSA_COSIGNATURE,
    SEED_SIZE,
    Line,
    Note,
    SigningKey,
    VerifyingKey,
    sign,
    verifying,
    write_note,
)
from exchange.audit.policy import Log, Policy, read_policy, write_policy
from exchange.audit.status import SUFFIX, Status, sign_status
from exchange.durable import write_bytes_durably
from exchange.errors import Malformed, Misconfigured
from exchange.hub.settings import HubSettings

LOG_KEY = "log-ed25519.key"
STATUS_KEY = "log-status.key"
MLDSA_KEY = "log-mldsa44.key"
OPENED = "log-opened.json"
"""Entry 0 of a log that follows another one; usually there is none, and it names the origin."""
LARGEST_OPENED = 128 * 1024
"""Bytes; a head with the lines of many witnesses is in it."""
ROUTE = "/log"
"""Where the log is served, below the hub's public address."""


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
    opened: bytes = field(repr=False)
    """The document that is entry 0."""
    policy: Policy
    policy_text: bytes
    """The policy file, as served at `/log/policy`."""
    policy_pq_text: bytes | None
    """The same with the ML-DSA-44 key as the log's; None without one."""


def make_keys(home: Path, names: Iterable[str] = (LOG_KEY, STATUS_KEY)) -> None:
    """Make the keys that are missing in a home; one that is there is never replaced."""
    for name in names:
        with suppress(FileExistsError):  # another worker of this home was faster
            if not (home / name).exists():
                write_bytes_durably(home / name, secrets.token_bytes(SEED_SIZE))


def missing_keys(home: Path, *, mldsa: bool) -> tuple[str, ...]:
    """Return the names of the key files that a home lacks."""
    names = (LOG_KEY, STATUS_KEY, *([MLDSA_KEY] if mldsa else []))
    return tuple(name for name in names if not (home / name).exists())


def read_signer(settings: HubSettings) -> Signer:
    """Return the keys in a hub's home, and its policy.

    Raises:
        Misconfigured: a key is missing, damaged or readable by others; the policy cannot be
            read, or does not name these keys.
    """
    origin = settings.log_origin
    key = SigningKey(origin, ED25519, _seed(settings.home / LOG_KEY))
    status = SigningKey(origin + SUFFIX, ED25519, _seed(settings.home / STATUS_KEY))
    mldsa = None
    if settings.log.mldsa:
        mldsa = SigningKey(origin, ML_DSA_COSIGNATURE, _seed(settings.home / MLDSA_KEY))
    if len({one.seed for one in (key, status, mldsa) if one is not None}) < 2 + bool(mldsa):
        raise Misconfigured("two keys of the log are the same: each needs one of its own")
    text = _policy_text(settings, key, status)
    policy = _policy(text, key, status)
    return Signer(
        origin=origin,
        key=key,
        status=status,
        mldsa=mldsa,
        opened=_opened(settings),
        policy=policy,
        policy_text=text,
        policy_pq_text=None if mldsa is None else _post_quantum(policy, key, mldsa),
    )


def head_signed(signer: Signer, checkpoint: Checkpoint) -> bytes:
    """Return the signed note of a head: its text and the log's Ed25519 line.

    Deterministic: the same head gives the same bytes, whichever replica signs it.
    """
    text = write_checkpoint(checkpoint)
    return write_note(Note(text, (sign(text, signer.key),)))


def head_cosigned(signer: Signer, checkpoint: Checkpoint, at: int) -> Line | None:
    """Return the log's ML-DSA-44 line over a head, or None where that is switched off.

    Args:
        signer: of the log.
        checkpoint: the head.
        at: POSIX seconds.
    """
    if signer.mldsa is None:
        return None
    return cosign(write_checkpoint(checkpoint), signer.mldsa, at)


def status_note(signer: Signer, status: Status) -> bytes:
    """Return the signed note that a consent is active, "no withdrawal up to here"."""
    return sign_status(status, signer.status)


def own_head(signer: Signer, note: bytes) -> SignedHead:
    """Return a head that this very log has signed.

    Raises:
        Malformed: not a note with a head.
        LogInvalid: without a valid line by this log's key, or a head of another log.
    """
    return read_signed(note, [verifying(signer.key)])


def _seed(file: Path) -> bytes:
    try:
        if file.stat().st_mode & 0o077:
            raise Misconfigured(f"the key {file} is readable by others: chmod 600")
        seed = file.read_bytes()
    except FileNotFoundError:
        raise Misconfigured(
            f"the key {file} is missing: bring it back, or copy it from another replica; "
            "see docs/transparency-log.md"
        ) from None
    if len(seed) != SEED_SIZE:
        raise Misconfigured(f"the key {file} is damaged: bring it back from its backup")
    return seed


def _opened(settings: HubSettings) -> bytes:
    file = settings.home / OPENED
    if file.exists():
        opened = file.read_bytes()
        named = canonical.loads(opened, limit=LARGEST_OPENED)
        if not isinstance(named, dict) or named.get("origin") != settings.log_origin:
            raise Misconfigured(f"{file} opens another log: set log.origin to the name in it")
        return opened
    return canonical.encode({"origin": settings.log_origin})


def _policy_text(settings: HubSettings, key: SigningKey, status: SigningKey) -> bytes:
    if settings.log.policy is None:
        logs = (Log(verifying(key), settings.origin + ROUTE), Log(verifying(status)))
        return write_policy(Policy(logs))
    file = settings.home / settings.log.policy
    try:
        return file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"the policy {file} cannot be read: {error.strerror}") from None


def _policy(text: bytes, key: SigningKey, status: SigningKey) -> Policy:
    try:
        policy = read_policy(text)
    except Malformed as error:
        raise Misconfigured(f"log.policy: {error}") from None
    named = {log.key for log in policy.logs}
    if not named >= {verifying(key), verifying(status)}:
        raise Misconfigured(
            "log.policy does not name the keys of this log: take its lines from "
            "exchange log policy without log.policy"
        )
    return policy


def _post_quantum(policy: Policy, key: SigningKey, mldsa: SigningKey) -> bytes:
    """Return the same policy for readers who trust the log's ML-DSA-44 line alone."""
    classical: VerifyingKey = verifying(key)
    logs = tuple(
        replace(log, key=verifying(mldsa)) if log.key == classical else log for log in policy.logs
    )
    return write_policy(replace(policy, logs=logs))
