"""Manifests as they lie in the database, read without verifying them a second time.

They were verified before they were stored; recipients verify them again and never rely on us.
"""

from typing import Any

from exchange.canonical import digest, loads, unb64u
from exchange.envelope.manifest import Context, Manifest, read_context
from exchange.errors import ExchangeError, Unavailable
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


def _payload(manifest: bytes) -> dict[str, Any]:
    try:
        outer = loads(manifest, limit=LARGEST)
        payload: dict[str, Any] = loads(unb64u(outer["payload"]), limit=LARGEST)
    except (ExchangeError, KeyError, TypeError) as error:
        raise Unavailable("a stored manifest cannot be read") from error
    return payload


def _context(payload: dict[str, Any]) -> Context:
    try:
        return read_context(unb64u(payload["context"]))
    except (ExchangeError, KeyError, TypeError) as error:
        raise Unavailable("a stored manifest cannot be read") from error
