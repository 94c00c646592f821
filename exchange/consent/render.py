"""What a person is shown, exactly: one template, the facts of one record and its agreement.

Pure and the same everywhere: the form, the page, the hub that checks the digest and the offline
verifier. A rendered text never holds the person's name; it stands on the paper, outside the text.
"""

from exchange.consent.record import ConsentRecord
from exchange.vocabulary import Scope, Secrecy


def notice_of(consent: ConsentRecord, scope: Scope) -> str:
    """Return exactly the text that `consent.notice` says was shown.

    Its plain SHA-256 in UTF-8 is `consent.notice.sha256`, which is not looked at here: a record
    that is still a draft may bear any.

    Raises:
        Malformed: the agreement has no such text, or lacks a word in its language that the text
            needs. Nothing is ever replaced by another language.
    """
    raise NotImplementedError


def purpose_binding(
    scope: Scope,
    *,
    sender: str,
    recipients: frozenset[str],
    purpose: str,
    secrecy: Secrecy,
    lang: str,
) -> str:
    """Return the notice on purpose and secrecy that goes with each disclosure (§ 78 SGB X)."""
    raise NotImplementedError


def receipt(scope: Scope, *, code: str | None, lang: str) -> str:
    """Return the receipt: page and code, no purpose, no category, no office.

    Args:
        scope: of the agreement.
        code: the person's code as it is printed; None where none was issued.
        lang: of the text.
    """
    raise NotImplementedError


def withdrawal_form(scope: Scope, *, lang: str) -> str:
    """Return the form with which a person takes a consent back."""
    raise NotImplementedError
