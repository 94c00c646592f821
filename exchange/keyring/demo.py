"""Identities of the demo network: derived from their names, so that no private key is stored.

Anybody can derive them, so they protect nothing; hub and gateway refuse them outside the demo.
"""

import hashlib

from exchange.keyid import IdentityCard
from exchange.keyring.signing import SEED_SIZE, IdentityKey

_LABEL = "xch-demo-only-v1"


def demo_seed(agency: str, kind: str) -> bytes:
    """Return 32 bytes of SHAKE256(label, LF, agency, LF, kind)."""
    text = f"{_LABEL}\n{agency}\n{kind}"
    return hashlib.shake_256(text.encode("ascii")).digest(SEED_SIZE)


def demo_identity(agency: str) -> IdentityKey:
    """Return the identity key of a demo agency."""
    return IdentityKey(agency, demo_seed(agency, "ed25519"), demo_seed(agency, "ml-dsa-65"))


def is_demo(card: IdentityCard) -> bool:
    """Tell whether `card` is the demo identity of an agency of this name."""
    return card.kid == demo_identity(card.agency).kid
