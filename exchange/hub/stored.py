"""Statements as they lie in the database, read without verifying them a second time.

They were verified before they were stored; recipients verify them again and never rely on us.
"""

from datetime import datetime
from typing import Any

from exchange.canonical import digest, loads, unb64u
from exchange.envelope.manifest import Context, Manifest, read_context
from exchange.errors import ExchangeError, Unavailable
from exchange.members import read_time
from exchange.statement import LARGEST


def context_of(manifest: bytes) -> Context:
    """Return the context in a stored manifest.

    Raises:
        Unavailable: the database no longer holds what was stored.
    """
    return _context(_payload(manifest))


def manifest_of(manifest: bytes) -> Manifest:
    """Return a stored manifest; see `context_of`."""
    payload = _payload(manifest)
    return Manifest(
        context=_context(payload),
        sealed_sha256=payload["sealed"]["sha256"],
        sealed_size=payload["sealed"]["size"],
        digest=digest(manifest),
        statement=manifest,
    )


def subject_of(consent: bytes) -> str:
    """Return the reference of the person in a stored consent; see `context_of`."""
    try:
        found: str = _payload(consent)["subject"]["ref"]
    except (KeyError, TypeError) as error:
        raise Unavailable("a stored consent cannot be read") from error
    return found


def data_of(consent: bytes) -> tuple[str, frozenset[str]]:
    """Return purpose and categories, as codes, in a stored consent; see `context_of`."""
    payload = _payload(consent)
    try:
        return payload["purpose"]["code"], frozenset(payload["categories"])
    except (KeyError, TypeError) as error:
        raise Unavailable("a stored consent cannot be read") from error


def binding_of(acknowledgement: bytes | None) -> str | None:
    """Return the hint at the purpose binding that a stored answer confirms, by its SHA-256."""
    return None if acknowledgement is None else _payload(acknowledgement).get("purpose_binding")


def said(statement: bytes | None) -> dict[str, Any]:
    """Return the members of a stored statement; of none there are none."""
    return {} if statement is None else _payload(statement)


def received_at(withdrawal: bytes | None) -> datetime | None:
    """Return when a stored withdrawal reached the agency that took it down, as that one says.

    None without one, and of one by code: that reached the hub itself.
    """
    try:
        outer = {} if withdrawal is None else loads(withdrawal, limit=LARGEST)
        payload = loads(unb64u(outer["payload"]), limit=LARGEST) if "payload" in outer else {}
        return read_time(payload["received_at"]) if "received_at" in payload else None
    except (ExchangeError, TypeError) as error:
        raise Unavailable("a stored withdrawal cannot be read") from error


def _payload(statement: bytes) -> dict[str, Any]:
    try:
        outer = loads(statement, limit=LARGEST)
        payload: dict[str, Any] = loads(unb64u(outer["payload"]), limit=LARGEST)
    except (ExchangeError, KeyError, TypeError) as error:
        raise Unavailable("a stored statement cannot be read") from error
    return payload


def _context(payload: dict[str, Any]) -> Context:
    try:
        return read_context(unb64u(payload["context"]))
    except (ExchangeError, KeyError, TypeError) as error:
        raise Unavailable("a stored manifest cannot be read") from error
