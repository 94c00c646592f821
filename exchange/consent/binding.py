"""The notice on purpose and secrecy that goes with a disclosure (§ 78 SGB X): when, and which.

Rendered from the agreement and the signed manifest alone, so sender, recipient and hub each know
its bytes: the recipient finds them in the package, the hub their digest in the acknowledgement.
"""

from collections.abc import Collection, Iterator
from typing import Final

from exchange.canonical import sha256_hex
from exchange.consent.decision import Asked
from exchange.consent.render import purpose_binding
from exchange.consent.template import kind_of
from exchange.errors import Malformed
from exchange.vocabulary import Body, Scope

NAME: Final = "00-HINWEIS.txt"
"""Name of the notice in a package and in the spool: it sorts before the documents."""
MEDIA_TYPE: Final = "text/plain"
_KIND: Final = "purpose-binding"
_GERMAN: Final = "de"


def is_due(scope: Scope, agencies: Collection[str]) -> bool:
    """Tell whether one of `agencies` is no body of § 35 SGB I; who is no party is none."""
    known = [scope.parties.get(agency) for agency in agencies]
    return any(party is None or party.body is not Body.SGB35 for party in known)


def notice(asked: Asked, scope: Scope, *, lang: str) -> bytes:
    """Return the notice that goes with a disclosure, in UTF-8.

    Args:
        asked: the disclosure.
        scope: of its agreement.
        lang: language of the sending office; where the agreement has no such text, German.

    Raises:
        Malformed: the agreement has no notice, or lacks a word that it needs.
    """
    chosen = lang if lang in _languages(scope) else _GERMAN
    return _rendered(asked, scope, chosen)


def named(sha256: str, asked: Asked, scope: Scope) -> bytes | None:
    """Return the notice for `asked` that has this digest, in whichever language; else None.

    Args:
        sha256: lowercase hex, of a file or from an acknowledgement.
        asked: what the manifest says.
        scope: of the agreement.
    """
    return next((text for text in _all(asked, scope) if sha256_hex(text) == sha256), None)


def _languages(scope: Scope) -> list[str]:
    return sorted({text.lang for text in scope.notices if kind_of(text.id) == _KIND})


def _all(asked: Asked, scope: Scope) -> Iterator[bytes]:
    for lang in _languages(scope):
        try:
            yield _rendered(asked, scope, lang)
        except Malformed:  # a word is missing in this language: nobody could send it
            continue


def _rendered(asked: Asked, scope: Scope, lang: str) -> bytes:
    text = purpose_binding(
        scope,
        sender=asked.sender,
        recipients=asked.recipients,
        purpose=asked.purpose,
        secrecy=asked.secrecy,
        lang=lang,
    )
    return text.encode("utf-8")
