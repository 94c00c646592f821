"""The token of the local API: one file of the home, for the programs of this agency's office.

Each home has its own, so what one agency's programs know opens nothing of another.
"""

import hashlib
import secrets
from typing import Final

from exchange.agency.home import Home
from exchange.agency.private_file import read_private
from exchange.durable import write_bytes_durably
from exchange.errors import Misconfigured

BYTES: Final = 32
"""Random bytes of a token."""
SHORTEST: Final = 32
"""Characters of a token that an operator has chosen; nobody guesses it either."""


def make(home: Home) -> None:
    """Write a fresh token, unless there is one. Durable on return."""
    if home.api_token.exists():
        return
    text = f"{secrets.token_urlsafe(BYTES)}\n"
    write_bytes_durably(home.api_token, text.encode("ascii"))


def read(home: Home) -> str:
    """Return the token.

    Raises:
        Misconfigured: there is none, others can read the file, or it is too short to be a secret.
    """
    try:
        text = read_private(home.api_token).decode("ascii").strip()
    except FileNotFoundError:
        raise Misconfigured(
            f"there is no {home.api_token.name} yet; the first start of the gateway makes one"
        ) from None
    except UnicodeDecodeError:
        text = ""
    if len(text) < SHORTEST or not text.isprintable() or " " in text:
        raise Misconfigured(
            f"{home.api_token.name} is damaged; remove it, the next start makes a new one"
        )
    return text


def digest(token: str) -> bytes:
    """Return what a running gateway keeps of a token: SHA-256, compared in constant time."""
    return hashlib.sha256(token.encode("utf-8")).digest()
