"""Words of foreign code, made fit to be read by people: bounded, on one line, without tricks.

They may quote the document. Where they may stand is for the caller to know: beside the document, in
its folder in quarantine and on the page about that, and in no log, notice or message.
"""

import re
from typing import Final

LONGEST: Final = 500
"""Characters that are kept."""
LONGEST_SAID: Final = 4 * LONGEST
"""Characters that are looked at: what is cut away is not worth more."""
HIDDEN: Final = "(address)"
"""Stands for a word that a program might make a link of."""
_ADDRESS: Final = re.compile(
    r"://|\\\\|@|[wW]{3}\.|(?:mailto|tel|javascript|data):|\d\.\d+\.\d+\.\d"
)
"""A URL, a share, a mailbox, the name of a web server, an IP address. Names with a dot in them
stay: `Bundle.entry` and `message.xml` are what an administrator looks for."""


def readable(words: str) -> str:
    """Return `words` as one line of at most `LONGEST` characters that a person can be shown.

    Whatever is not printable becomes a space: controls, line ends, marks of direction, invisible
    characters, lone surrogates. A word with an address in it is left out.
    """
    signs = (sign if sign.isprintable() else " " for sign in words[:LONGEST_SAID])
    parts = "".join(signs).split()
    line = " ".join(HIDDEN if _ADDRESS.search(part) else part for part in parts)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
