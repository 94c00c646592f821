"""The three papers as values, before they become a page or a PDF.

A consent form, the withdrawal form to match, and the receipt. Their text is exactly what
`exchange.consent.render` returns: its digest stands in the record and, in part, at the foot of
every page. Everything else on a paper (name, boxes, signatures, codes) lies outside that text.
"""

from dataclasses import dataclass, field

from exchange.consent.record import ConsentRecord
from exchange.vocabulary import Scope

DIGEST_SHOWN = 10
"""Characters of the text's digest in the footer: enough to match a scan and a record by eye."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Who it is about, as printed above the text. An empty value becomes a line to write on.

    Personal data, known to the gateway only; the hub's papers leave all three blank.
    """

    name: str = field(default="", repr=False)
    born: str = field(default="", repr=False)
    case_number: str = field(default="", repr=False)


BLANK = Head()
"""Three lines to write on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What only the person may know, as it is printed on her receipt."""

    code: str = field(repr=False)
    """Opens her page and withdraws; in groups, to be typed."""
    log_key: str | None = field(default=None, repr=False)
    """Finds the log entries of her consent; never opens the page."""
    in_qr: bool = False
    """Whether the QR code carries both behind `#`: only on her wish, for her own phone. A browser
    keeps the fragment in its history."""


def consent_form(consent: ConsentRecord, scope: Scope, head: Head = BLANK) -> "Paper":
    """Return the form for one consent: its text, boxes to tick and to sign. Nothing is ticked.

    Args:
        consent: signed, or the draft of a record; its `notice` names text, version and language.
        scope: of the agreement it lives under.
        head: who it is about, where the one who prints knows it.

    Raises:
        Malformed: the agreement has no such text, or lacks a word that the text needs.
    """
    raise NotImplementedError


def withdrawal_form(scope: Scope, *, lang: str, head: Head = BLANK) -> "Paper":
    """Return the form that takes a consent back; it asks for no reason.

    Raises:
        Malformed: the agreement has no such text in this language.
    """
    raise NotImplementedError


def receipt(scope: Scope, *, lang: str, secrets: Secrets | None) -> "Paper":
    """Return the receipt: address of the page, and the codes where any were issued.

    It names no office, no purpose and no kind of document: others at home may read it.

    Raises:
        Malformed: the agreement has no such text in this language.
    """
    raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One paper; `exchange.forms.page.html` and `exchange.forms.document.pdf` render it."""

    lang: str
    """BCP 47, of the text."""
