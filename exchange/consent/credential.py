"""Secrets on paper: the person's code, the invitation to sign, the key of her log entries.

Each is written in groups, without letters that look alike, and begins with a letter of its own,
so that none is taken for another. A code is 128 random bits: nobody guesses it, and a plain
digest of it may be stored.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from exchange.canonical import b64u, labelled
from exchange.errors import Malformed

SECRET_SIZE: Final = 16
"""Random bytes of a code or an invitation."""
LOG_KEY_SIZE: Final = 32
"""Bytes of the key from which the log entries of a consent are derived."""
LONGEST_TYPED: Final = 200
"""Characters that are read at all; the longest secret has 62 with its hyphens."""

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Base 32 without I, L, O and U (Crockford)."""
_LOOKS_LIKE: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BETWEEN: Final = " -\t\r\n\u00a0\u2010\u2011\u2012\u2013\u2014\u2212"
"""What stands between groups, also as word processors and telephones write it."""
_WITHOUT_GAPS: Final = str.maketrans("", "", _BETWEEN)
_POLYNOMIAL: Final = 0b100101
"""x^5 + x^2 + 1: makes the 32 symbols a field, in which 2 generates all but zero."""


class Purpose(Enum):
    """What a secret opens; the first letter of its text says it."""

    CODE = "C"
    """The person's page: see what happened, withdraw."""
    INVITATION = "D"
    """A draft that waits for her signature; for one signature only."""
    LOG_KEY = "K"
    """Her entries in the log; opens no page and withdraws nothing."""

    @property
    def size(self) -> int:
        """Bytes of the secret."""
        return LOG_KEY_SIZE if self is Purpose.LOG_KEY else SECRET_SIZE

    @property
    def group(self) -> int:
        """Characters of one group; the last group is as long as the others."""
        return 6 if self is Purpose.LOG_KEY else 4


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret that somebody holds on paper. Its representation shows nothing of it."""

    purpose: Purpose
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != self.purpose.size:
            raise Malformed("a secret of another size")

    @property
    def text(self) -> str:
        """As it is printed: `C7QF-…`, seven groups of four; a log key has nine of six."""
        symbols = _symbols(self.purpose, self.secret)
        written = "".join(_ALPHABET[symbol] for symbol in [*symbols, _times_two(_sum(symbols))])
        size = self.purpose.group
        return "-".join(written[at : at + size] for at in range(0, len(written), size))

    @property
    def digest(self) -> str:
        """What is stored of it, 43 characters; of each purpose another."""
        label = f"xch-{self.purpose.name.lower().replace('_', '-')}-v1"
        return b64u(labelled(label, self.secret))


def read(text: str, *purposes: Purpose) -> Credential | None:
    """Return the secret that somebody has typed, or None when it is none of these.

    Upper and lower case, spaces and hyphens make no difference; O is read as 0, I and L as 1. Any
    one wrong character and any two neighbours exchanged are noticed.

    Args:
        text: as typed, of any length.
        purposes: what would be of use here; a secret of another purpose is none.
    """
    if len(text) > LONGEST_TYPED:
        return None
    typed = text.upper().translate(_WITHOUT_GAPS).translate(_LOOKS_LIKE)
    symbols = [_ALPHABET.find(character) for character in typed]
    if -1 in symbols or _sum(symbols):
        return None
    for purpose in purposes:
        if typed.startswith(purpose.value):
            return _secret(purpose, symbols)
    return None


def _secret(purpose: Purpose, symbols: list[int]) -> Credential | None:
    number = 0
    for symbol in symbols[1:-1]:
        number = number << 5 | symbol
    if number >> 8 * purpose.size:
        return None
    found = Credential(purpose, number.to_bytes(purpose.size, "big"))
    # Also refuses another number of characters: there is one text for each secret.
    return found if symbols[:-1] == _symbols(purpose, found.secret) else None


def _symbols(purpose: Purpose, secret: bytes) -> list[int]:
    """Return purpose and secret as numbers below 32, without the last, which checks them."""
    number = int.from_bytes(secret, "big")
    count = -(-8 * purpose.size // 5)
    digits = [number >> 5 * place & 31 for place in reversed(range(count))]
    return [_ALPHABET.index(purpose.value), *digits]


def _sum(symbols: list[int]) -> int:
    """Return the sum of the symbols, each times 2 as often as symbols follow it.

    A secret with its last symbol has the sum 0: that one is the sum before it, once more times 2.
    """
    total = 0
    for symbol in symbols:
        total = _times_two(total) ^ symbol
    return total


def _times_two(symbol: int) -> int:
    doubled = symbol << 1
    return doubled ^ _POLYNOMIAL if doubled > 31 else doubled  # noqa: PLR2004 - five bits
