"""Rules N01 to N06: whether texts may be shown to a person, in all their languages.

Asked before an agreement that carries them is proposed, signed or recorded. Pure.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import groupby

from exchange.consent.template import (
    CONSENT_FORM,
    KINDS,
    MANDATORY,
    Template,
    kind_of,
    read_template,
)
from exchange.consent.texts import shipped
from exchange.errors import Finding, Malformed
from exchange.rules import broken
from exchange.vocabulary import NoticeText

ORIGINAL = "de"
"""The language whose text the others are compared with."""


def proofread(texts: Collection[NoticeText]) -> tuple[Finding, ...]:
    """Return every rule the texts break, in the order of the rules.

    The languages of one text (one id, one version) have the same blocks and name the same things.

    Args:
        texts: all that stand in one agreement; an added language is compared with the shipped
            German only if that is among them.

    Returns:
        Findings whose field is the text: `<id>/<version>/<lang>`.

    Raises:
        Malformed: a text is not in the format of texts, or of no known kind; it is named.
    """
    ordered = sorted(texts, key=lambda text: text.key)
    released = {text.key: text.sha256 for text in shipped()}
    found = [
        finding
        for _, group in groupby(ordered, key=lambda text: text.key[:2])
        for finding in _languages(list(group), released)
    ]
    return tuple(sorted(found, key=lambda finding: (finding.id, finding.field)))


def _languages(
    texts: list[NoticeText], released: Mapping[tuple[str, str, str], str]
) -> Iterator[Finding]:
    kind = kind_of(texts[0].id)
    read = {text.lang: _read(text) for text in texts}
    original = read.get(ORIGINAL, next(iter(read.values())))
    for text in texts:
        template, where = read[text.lang], "/".join(text.key)
        if kind == CONSENT_FORM and _lacks_mandatory(template):
            yield broken("N01", where)
        if _names_unknown(template, kind):
            yield broken("N02", where)
        if not original.placeholders <= template.placeholders:
            yield broken("N03", where)
        if _outline(template) != _outline(original):
            yield broken("N04", where)
        if released.get(text.key, text.sha256) != text.sha256:
            yield broken("N05", where)
        if not text.reviewed:
            yield broken("N06", where)


def _read(text: NoticeText) -> Template:
    try:
        return read_template(text.text)
    except Malformed as refused:
        raise Malformed(f"{'/'.join(text.key)}: {refused}") from None


def _lacks_mandatory(template: Template) -> bool:
    always = {block.id for block in template.blocks if block.condition is None and block.lines}
    return not always >= set(MANDATORY)


def _names_unknown(template: Template, kind: str) -> bool:
    conditions = {block.condition for block in template.blocks} - {None}
    return not (
        template.placeholders <= KINDS[kind].placeholders and conditions <= KINDS[kind].conditions
    )


def _outline(template: Template) -> list[tuple[str, str | None]]:
    return [(block.id, block.condition) for block in template.blocks]
