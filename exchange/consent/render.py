"""What a person is shown, exactly: one template, the facts of one record and its agreement.

Pure and the same everywhere: the form, the page, the hub that checks the digest and the offline
verifier. A rendered text never holds the person's name; it stands on the paper, outside the text.
"""

import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from exchange.consent.record import ConsentRecord
from exchange.consent.template import LISTS, PLACEHOLDER, Block, Template, read_template
from exchange.consent.texts import newest
from exchange.consent.words import Capacity, Role
from exchange.days import day_of, last_day
from exchange.errors import Malformed
from exchange.vocabulary import Body, Scope, Secrecy

Fact: TypeAlias = str | tuple[str | None, ...] | None
"""What a placeholder stands for: a text, or the entries of a list; None where a word is missing."""

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
SECRECY: Mapping[str, Mapping[Secrecy, str]] = {
    "de": {
        Secrecy.PERSONAL: "personenbezogen",
        Secrecy.SOCIAL: "Sozialgeheimnis",
        Secrecy.PROFESSIONAL: "Berufsgeheimnis",
        Secrecy.ENTRUSTED: "anvertraut",
    },
    "en": {
        Secrecy.PERSONAL: "personal",
        Secrecy.SOCIAL: "social secrecy",
        Secrecy.PROFESSIONAL: "professional secrecy",
        Secrecy.ENTRUSTED: "entrusted",
    },
    "de-simple": {
        Secrecy.PERSONAL: "persönlich",
        Secrecy.SOCIAL: "Sozial-Geheimnis",
        Secrecy.PROFESSIONAL: "Berufs-Geheimnis",
        Secrecy.ENTRUSTED: "anvertraut",
    },
}
"""What the notice on the purpose calls the classes, by language."""

_CAPACITY: Mapping[Capacity, str] = {
    Capacity.SELF: "self",
    Capacity.SELF_AND_GUARDIAN: "both",
    Capacity.GUARDIAN: "guardian",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is filled into a template."""

    values: Mapping[str, Fact]
    """By placeholder."""
    conditions: frozenset[str] = frozenset()
    """Those that hold."""


def shown(template: Template, facts: Facts) -> str:
    """Return the text: NFC, LF, no trailing blanks, an empty line between blocks, LF at the end.

    Raises:
        Malformed: a placeholder has no words.
    """
    blocks = [
        "\n".join(_lines(block, facts.values))
        for block in template.blocks
        if block.condition is None or block.condition in facts.conditions
    ]
    return unicodedata.normalize("NFC", "\n\n".join(filter(None, blocks)) + "\n")


def notice_of(consent: ConsentRecord, scope: Scope) -> str:
    """Return exactly the text that `consent.notice` says was shown.

    Its plain SHA-256 in UTF-8 is `consent.notice.sha256`, which is not looked at here: a record
    that is still a draft may bear any.

    Raises:
        Malformed: the agreement has no such text, or lacks a word in its language that the text
            needs. Nothing is ever replaced by another language.
    """
    named = consent.notice
    found = scope.notice(named.id, named.version, named.lang)
    if found is None:
        raise Malformed("the agreement has no such text")
    return shown(read_template(found.text), consent_facts(consent, scope, named.lang))


def purpose_binding(
    scope: Scope,
    *,
    sender: str,
    recipients: Collection[str],
    purpose: str,
    secrecy: Secrecy,
    lang: str,
) -> str:
    """Return the notice on purpose and secrecy that goes with a disclosure (§ 78 SGB X).

    Raises:
        Malformed: the agreement has no such text or not the words it needs.
    """
    facts: dict[str, Fact] = {
        "releasers": _names(scope, (sender,)),
        "recipients": _names(scope, recipients),
        "purpose": _purpose(scope, purpose, lang),
        "secrecy": SECRECY.get(lang, {}).get(secrecy),
        "agreement": scope.texts.title,
    }
    return _newest(scope, "purpose-binding", lang, Facts(facts))


def receipt(scope: Scope, *, code: str | None, lang: str) -> str:
    """Return the receipt: page and code, no purpose, no category, no office.

    Args:
        scope: of the agreement.
        code: the person's code as it is printed; None where none was issued.
        lang: of the text.

    Raises:
        Malformed: the agreement has no receipt in this language.
    """
    condition = "no-code" if code is None else "code"
    facts: dict[str, Fact] = {"page": scope.texts.page, "code": code}
    return _newest(scope, "receipt", lang, Facts(facts, frozenset({condition})))


def withdrawal_form(scope: Scope, *, lang: str) -> str:
    """Return the form with which a person takes a consent back, whichever it is.

    Raises:
        Malformed: the agreement has none in this language.
    """
    return _newest(scope, "withdrawal-form", lang, Facts({"page": scope.texts.page}))


def plain(text: str) -> str:
    """Return what a template without placeholders and conditions shows.

    Raises:
        Malformed: not such a template.
    """
    return shown(read_template(text), Facts({}))


def consent_facts(consent: ConsentRecord, scope: Scope, lang: str) -> Facts:
    """Return what a consent form names, from the record and its agreement."""
    collector = scope.parties.get(consent.collected_by)
    known = scope.vocabulary.categories
    special = {code for code in consent.categories if code in known and known[code].special}
    texts = scope.texts
    facts: dict[str, Fact] = {
        "releasers": _names(scope, consent.releasers),
        "recipients": _names(scope, consent.recipients),
        "onward_from": _names(scope, consent.onward_from),
        "categories": _categories(scope, consent.categories, lang),
        "special_categories": _categories(scope, special, lang),
        "purpose": _purpose(scope, consent.purpose.code, lang),
        "count": str(consent.uses),
        "valid_from": written_day(day_of(consent.valid_from), lang),
        "valid_until_day": written_day(last_day(consent.valid_until), lang),
        "collector": collector.name if collector else None,
        "collector_contact": collector.contact if collector else None,
        "officer_contact": collector.officer if collector else None,
        "hub_operator": texts.operator,
        "storage_location": texts.storage_location,
        "authority": texts.authority,
        "retention": texts.retention.get(lang),
        "page": texts.page,
        "agreement": texts.title,
    }
    return Facts(facts, _conditions(consent, scope, special=bool(special)))


def _conditions(consent: ConsentRecord, scope: Scope, *, special: bool) -> frozenset[str]:
    parties = [scope.parties.get(agency) for agency in consent.recipients]
    uses = {1: "once", "recurring": "recurring"}.get(consent.uses, "count")
    held = {
        "special": special,
        "professional": consent.secrecy >= Secrecy.PROFESSIONAL,
        "entrusted": consent.secrecy is Secrecy.ENTRUSTED,
        "onward": bool(consent.onward_from),
        "private": any(party is not None and party.body is Body.PRIVATE for party in parties),
        "entrusting": any(signer.role is Role.ENTRUSTING for signer in consent.signers),
        uses: True,
        _CAPACITY[consent.capacity]: True,
    }
    return frozenset(name for name, holds in held.items() if holds)


def _newest(scope: Scope, kind: str, lang: str, facts: Facts) -> str:
    return shown(read_template(newest(scope.notices, kind, lang).text), facts)


def _lines(block: Block, values: Mapping[str, Fact]) -> Iterator[str]:
    for line in block.lines:
        alone = line[1:-1]
        if alone in LISTS and line == f"{{{alone}}}":
            yield from (f"- {entry}".rstrip() for entry in _entries(alone, values))
        else:
            yield PLACEHOLDER.sub(
                lambda found: ", ".join(_entries(found[1], values)), line
            ).rstrip()


def _entries(name: str, values: Mapping[str, Fact]) -> tuple[str, ...]:
    value = values.get(name)
    entries = value if isinstance(value, tuple) else (value,)
    known = tuple(entry for entry in entries if entry is not None)
    if len(known) < len(entries):
        which = f"{{{name}}}" if name in values else "a placeholder"
        raise Malformed(f"the agreement has no words for {which} in this language")
    return known


def _names(scope: Scope, agencies: Collection[str]) -> Fact:
    parties = [scope.parties.get(agency) for agency in sorted(agencies)]
    return tuple(party.name if party else None for party in parties)


def _categories(scope: Scope, codes: Collection[str], lang: str) -> Fact:
    found = [scope.vocabulary.categories.get(code) for code in sorted(codes)]
    return tuple(category.labels.get(lang) if category else None for category in found)


def _purpose(scope: Scope, code: str, lang: str) -> str | None:
    found = scope.vocabulary.purposes.get(code)
    return found.labels.get(lang) if found else None


def written_day(day: date, lang: str) -> str:
    """Return a day as readers of the language write it; all but English as Germany does."""
    if lang.partition("-")[0] == "en":
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
    return f"{day:%d.%m.%Y}"
