"""Pins as files: whose identity this agency trusts, one durable JSON file per partner.

Losing them means that nothing can be sealed; restoring them is a ceremony with each partner.
"""

from pathlib import Path

from exchange import canonical
from exchange.durable import write_bytes_durably
from exchange.errors import ExchangeError, Misconfigured
from exchange.keyring.directory import Pin, read_pin

LARGEST_PIN = 4 * 1024
"""Bytes of a pin's file; it has about 250."""


def read_pins(folder: Path) -> dict[str, Pin]:
    """Return every pin in `folder` by agency.

    Raises:
        Misconfigured: a file is no pin, or is named after another agency. Ignoring it could
            mean to trust an older key.
    """
    found: dict[str, Pin] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            pin = read_pin(canonical.loads(file.read_bytes(), limit=LARGEST_PIN))
        except ExchangeError:
            raise Misconfigured(f"{file} is not a pin") from None
        if file.stem != pin.agency:
            raise Misconfigured(f"{file} holds the pin of another agency")
        found[pin.agency] = pin
    return found


def write_pin(folder: Path, pin: Pin) -> None:
    """Write or replace the pin of one agency; durable on return.

    Raises:
        Malformed: the pin is none, such as one with an empty role; nothing was written.
    """
    read_pin(pin.payload())  # what could not be read again would stop the gateway
    text = canonical.encode(pin.payload()) + b"\n"
    write_bytes_durably(folder / f"{pin.agency}.json", text, replace=True)
