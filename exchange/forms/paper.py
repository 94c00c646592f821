"""The three papers as values, before they become a page or a PDF.

A consent form, the withdrawal form to match, and the receipt. Their text is exactly what
`exchange.consent.render` returns: its digest stands in the record and, in part, at the foot of
every page. Everything else on a paper (name, boxes, signatures, codes) lies outside that text.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from exchange.canonical import sha256_hex
from exchange.consent import render
from exchange.consent.record import ConsentRecord
from exchange.consent.texts import newest
from exchange.consent.words import Interpreter
from exchange.forms.labels import labels, spoken
from exchange.forms.sheet import Block, Line, Link, Sheet, blocks_of, link_to_page
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


@dataclass(frozen=True, slots=True)
class Choice:
    """A question with boxes to tick; none is ticked."""

    legend: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper(Sheet):
    """One paper about one text; `lang` is that of the text, `title` its first line.

    Its footer says which text it is, and how its digest begins.
    """

    drawn_by: ClassVar[str] = "paper"
    head: tuple[Line, ...]
    blocks: tuple[Block, ...]
    """The text, whole and in order; the first block begins with the title."""
    choices: tuple[Choice, ...] = ()
    signers: tuple[str, ...] = ()
    """As what somebody signs; one box for each."""
    secrets: tuple[Line, ...] = field(default=(), repr=False)
    remark: str = ""
    """Stands under the secrets."""


def consent_form(consent: ConsentRecord, scope: Scope, head: Head = BLANK) -> Paper:
    """Return the form for one consent: its text, boxes to tick and to sign. Nothing is ticked.

    Args:
        consent: signed, or the draft of a record; its `notice` names text, version and language.
        scope: of the agreement it lives under.
        head: who it is about, where the one who prints knows it.

    Raises:
        Malformed: the agreement has no such text, or lacks a word that the text needs.
    """
    lang = consent.notice.lang
    said = labels()[spoken(lang)]
    text = render.notice_of(consent, scope)
    return Paper(
        lang=lang,
        labels_lang=spoken(lang),
        title=_title(text),
        head=_head(said, head),
        blocks=blocks_of(text),
        choices=(
            Choice(said["recipients"], _names(consent.recipients, scope)),
            Choice(said["categories"], _categories(consent.categories, scope, lang)),
            Choice(
                said["interpreter"],
                tuple(said[f"interpreter_{option.value}"] for option in Interpreter),
            ),
            Choice(
                said["receipt"],
                tuple(said[f"receipt_{option}"] for option in ("taken", "kept", "none")),
            ),
        ),
        signers=tuple(said[signer.role.value] for signer in consent.signers),
        link=link_to_page(scope, said),
        footer=_footer(said, (consent.notice.id, consent.notice.version, lang), text),
    )


def withdrawal_form(scope: Scope, *, lang: str, head: Head = BLANK) -> Paper:
    """Return the form that takes a consent back; it asks for no reason.

    Raises:
        Malformed: the agreement has no such text in this language.
    """
    said = labels()[spoken(lang)]
    text = render.withdrawal_form(scope, lang=lang)
    return Paper(
        lang=lang,
        labels_lang=spoken(lang),
        title=_title(text),
        head=_head(said, head),
        blocks=blocks_of(text),
        signers=(said["withdrawing"],),
        link=link_to_page(scope, said),
        footer=_footer(said, newest(scope.notices, "withdrawal-form", lang).key, text),
    )


def receipt(scope: Scope, *, lang: str, secrets: Secrets | None) -> Paper:
    """Return the receipt: address of the page, and the codes where any were issued.

    It names no office, no purpose and no kind of document: others at home may read it.

    Raises:
        Malformed: the agreement has no such text in this language.
    """
    said = labels()[spoken(lang)]
    text = render.receipt(scope, code=secrets.code if secrets else None, lang=lang)
    return Paper(
        lang=lang,
        labels_lang=spoken(lang),
        title=_title(text),
        head=(),
        blocks=blocks_of(text),
        secrets=_secrets(said, secrets),
        remark=said["log_key_use"] if secrets and secrets.log_key else "",
        link=_secret_link(scope, said, secrets),
        footer=_footer(said, newest(scope.notices, "receipt", lang).key, text),
    )


def _title(text: str) -> str:
    return text.partition("\n")[0]


def _head(said: Mapping[str, str], head: Head) -> tuple[Line, ...]:
    return (
        Line(said["name"], head.name),
        Line(said["born"], head.born),
        Line(said["case_number"], head.case_number),
    )


def _names(agencies: Iterable[str], scope: Scope) -> tuple[str, ...]:
    return tuple(scope.parties[agency].name for agency in sorted(agencies))


def _categories(codes: Collection[str], scope: Scope, lang: str) -> tuple[str, ...]:
    """Return the labels the text names them with: it was rendered, so all of them are there."""
    return tuple(scope.vocabulary.categories[code].labels[lang] for code in sorted(codes))


def _secrets(said: Mapping[str, str], secrets: Secrets | None) -> tuple[Line, ...]:
    if secrets is None:
        return ()
    key = (Line(said["log_key"], secrets.log_key),) if secrets.log_key else ()
    return (Line(said["code"], secrets.code), *key)


def _secret_link(scope: Scope, said: Mapping[str, str], secrets: Secrets | None) -> Link:
    """Return the QR code: it ends at the page's address unless the person wished otherwise."""
    plain = link_to_page(scope, said)
    if secrets is None or not secrets.in_qr:
        return plain
    carried = ".".join(filter(None, (secrets.code, secrets.log_key)))
    return replace(plain, target=f"{plain.target}#{carried}", caption=said["qr_secret"])


def _footer(said: Mapping[str, str], key: tuple[str, str, str], text: str) -> str:
    shown = sha256_hex(text.encode("utf-8"))[:DIGEST_SHOWN]
    return f"{said['print']} {' '.join(key)} · {said['digest']} {shown}"
