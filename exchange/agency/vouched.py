"""An answer of the hub about a consent, with its word that the consent has not ended."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from exchange.audit.spelling import read_base64
from exchange.errors import Malformed
from exchange.wire.shapes import Shape

S = TypeVar("S", bound=Shape)


@dataclass(frozen=True, slots=True)
class Vouched(Generic[S]):
    """What the hub answered, and the status note in the header `Consent-Status`."""

    value: S
    status: bytes | None = field(repr=False)
    """The signed note, not yet verified; None where the hub gave none."""


def status_in(header: str | None) -> bytes | None:
    """Return the note in a header; what cannot be read is kept, and is worth as little."""
    if header is None:
        return None
    try:
        return read_base64(header)
    except Malformed:
        return header.encode("utf-8", "replace")
