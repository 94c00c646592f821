"""exchange.forms.paper and .labels: the papers as values."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.canonical import sha256_hex
from exchange.consent import render
from exchange.consent.record import ConsentRecord
from exchange.consent.words import Power, Role
from exchange.errors import Malformed
from exchange.forms.labels import labels, spoken
from exchange.forms.paper import (
    DIGEST_SHOWN,
    Head,
    Paper,
    Secrets,
    consent_form,
    receipt,
    withdrawal_form,
)
from exchange.forms.sheet import Block, Line, blocks_of
from exchange.vocabulary import Scope
from tests import samples

LANGUAGES = ("de", "en", "de-simple")
SCOPE = samples.agreement().scope()
CONSENT = samples.consent()
PAGE = SCOPE.texts.page
CODE, KEY = "C000-4106-1050-R3GG-28A1-C60T-3GF4", "K00010-81G818-60W40J"
SECRETS = Secrets(code=CODE, log_key=KEY)


def shown_in(lang: str) -> ConsentRecord:
    return replace(CONSENT, notice=replace(CONSENT.notice, lang=lang))


def papers(lang: str) -> list[tuple[Paper, str]]:
    """Return each paper in `lang` with the text it must show."""
    return [
        (consent_form(shown_in(lang), SCOPE), render.notice_of(shown_in(lang), SCOPE)),
        (withdrawal_form(SCOPE, lang=lang), render.withdrawal_form(SCOPE, lang=lang)),
        (
            receipt(SCOPE, lang=lang, secrets=SECRETS),
            render.receipt(SCOPE, code=CODE, lang=lang),
        ),
        (receipt(SCOPE, lang=lang, secrets=None), render.receipt(SCOPE, code=None, lang=lang)),
    ]


def joined(blocks: tuple[Block, ...]) -> str:
    """Return the text the blocks were made of."""
    written = []
    for block in blocks:
        lines = [] if block.heading is None else [block.heading]
        for part in block.parts:
            lines += [f"- {line}" if part.entries else line for line in part.lines]
        written.append("\n".join(lines))
    return "\n\n".join(written) + "\n"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_paper_shows_exactly_its_text_and_says_its_digest(lang: str) -> None:
    for paper, text in papers(lang):
        assert joined(paper.blocks) == text
        assert paper.blocks[0].heading == paper.title == text.split("\n", 1)[0]
        assert paper.footer.endswith(f" {sha256_hex(text.encode())[:DIGEST_SHOWN]}")
        assert (paper.lang, paper.labels_lang) == (lang, lang)


def test_the_footer_of_a_form_names_text_version_language_and_the_digest_of_the_record() -> None:
    paper = consent_form(CONSENT, SCOPE)
    assert paper.footer.startswith("Text consent-form 1.0 de · ")
    assert paper.footer.endswith(CONSENT.notice.sha256[:10])


def test_headings_are_lines_that_are_no_sentences() -> None:
    paper = consent_form(CONSENT, SCOPE)
    headings = [block.heading for block in paper.blocks]
    assert headings == [
        "Einwilligung in die Weitergabe von Unterlagen",
        None,
        None,
        None,
        "Wofür die Unterlagen gebraucht werden",
        "Schweigepflicht",
        "Wie oft und wie lange",
        "Was geschieht, wenn Sie nicht einwilligen",
        "Wie Sie die Einwilligung widerrufen",
        "Wie die Unterlagen verschickt werden",
        "Ihre Rechte",
        "Ihr Exemplar",
        "Meine Erklärung",
    ]
    found = receipt(SCOPE, lang="de", secrets=SECRETS)
    assert [block.heading for block in found.blocks] == ["Quittung", None, None]


LINES = st.lists(st.text("ab-.:? ", min_size=1).filter(str.strip), min_size=1, max_size=4)


@given(st.lists(LINES, min_size=1, max_size=4))
def test_blocks_hold_every_line_of_any_text(written: list[list[str]]) -> None:
    text = "\n\n".join("\n".join(lines) for lines in written) + "\n"
    assert joined(blocks_of(text)) == text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_form_has_boxes_for_recipients_categories_interpreter_and_receipt(lang: str) -> None:
    paper = consent_form(shown_in(lang), SCOPE)
    recipients, categories, interpreter, taken = paper.choices
    known = SCOPE.vocabulary.categories
    assert recipients.options == ("Jobcenter Kreis A",)
    assert categories.options == (
        known["rent-arrears-letter"].labels[lang],
        known["tenancy-termination"].labels[lang],
    )
    assert (len(interpreter.options), len(taken.options)) == (4, 3)


def test_each_signer_of_the_record_has_a_box_of_its_own() -> None:
    subject = CONSENT.signers[0]
    parent = replace(subject, role=Role.GUARDIAN, power=Power.PARENT)
    signers = (
        subject,
        parent,
        parent,
        replace(subject, role=Role.ENTRUSTING),
        replace(subject, role=Role.WITNESS),
    )
    paper = consent_form(replace(CONSENT, signers=signers), SCOPE)
    assert paper.signers == (
        "betroffene Person",
        "gesetzliche Vertretung",
        "gesetzliche Vertretung",
        "Person, die etwas anvertraut hat",
        "zweite Person der Stelle, die zugehört hat",
    )


def test_the_head_is_blank_or_what_the_gateway_knows() -> None:
    assert [line.value for line in consent_form(CONSENT, SCOPE).head] == ["", "", ""]
    known = Head(name="Name, Vorname", born="17.05.1990", case_number="4711")
    head = (
        Line("Name", "Name, Vorname"),
        Line("Geburtsdatum", "17.05.1990"),
        Line("Aktenzeichen", "4711"),
    )
    assert consent_form(CONSENT, SCOPE, known).head == head
    assert withdrawal_form(SCOPE, lang="de", head=known).head == head


def test_the_code_on_a_form_ends_at_the_address_of_the_page() -> None:
    for paper in (consent_form(CONSENT, SCOPE), withdrawal_form(SCOPE, lang="de")):
        assert paper.link.target == f"https://{PAGE}"
        assert paper.secrets == ()


def test_an_address_with_its_scheme_is_taken_as_it_is() -> None:
    texts = replace(SCOPE.texts, page="http://127.0.0.1:8080/p/")
    paper = consent_form(CONSENT, replace(SCOPE, texts=texts))
    assert paper.link.target == "http://127.0.0.1:8080/p/"


def test_the_receipt_prints_the_codes_beside_a_code_that_does_not_carry_them() -> None:
    paper = receipt(SCOPE, lang="de", secrets=SECRETS)
    assert [line.value for line in paper.secrets] == [CODE, KEY]
    assert paper.remark
    assert paper.link.target == f"https://{PAGE}"


def test_only_on_her_wish_the_code_carries_both_behind_the_fragment_and_says_so() -> None:
    paper = receipt(SCOPE, lang="de", secrets=replace(SECRETS, in_qr=True))
    assert paper.link.target == f"https://{PAGE}#{CODE}.{KEY}"
    assert "Wer ihn einliest" in paper.link.caption
    alone = receipt(SCOPE, lang="de", secrets=Secrets(code=CODE, in_qr=True))
    assert alone.link.target == f"https://{PAGE}#{CODE}"


def test_a_receipt_without_log_key_or_without_code_shows_what_there_is() -> None:
    paper = receipt(SCOPE, lang="de", secrets=Secrets(code=CODE))
    assert [line.value for line in paper.secrets] == [CODE]
    assert paper.remark == ""
    assert receipt(SCOPE, lang="de", secrets=None).secrets == ()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("secrets", [SECRETS, None])
def test_a_receipt_names_no_office_no_purpose_no_kind_of_document(
    lang: str, secrets: Secrets | None
) -> None:
    paper = receipt(SCOPE, lang=lang, secrets=secrets)
    printed = f"{joined(paper.blocks)} {paper} {paper.link.target}".casefold()
    vocabulary = SCOPE.vocabulary
    telling = [*(name for party in SCOPE.parties.values() for name in (party.name, party.agency))]
    for purpose in vocabulary.purposes.values():
        telling += [purpose.code, *purpose.labels.values()]
    for category in vocabulary.categories.values():
        telling += [category.code, *category.labels.values()]
    telling += [SCOPE.texts.title, SCOPE.texts.operator, "jobcenter", "beratung"]
    assert [word for word in telling if word.casefold() in printed] == []


def test_neither_who_it_is_nor_a_secret_stands_in_a_representation() -> None:
    head = Head(name="Canaryname", born="17.05.1990", case_number="Canarycase")
    shown = f"{head} {consent_form(CONSENT, SCOPE, head)}"
    assert "Canary" not in shown
    assert "1990" not in shown
    secrets = replace(SECRETS, in_qr=True)
    assert CODE not in f"{secrets} {receipt(SCOPE, lang='de', secrets=secrets).link}"


@pytest.mark.parametrize(
    "make", [withdrawal_form, lambda scope, lang: consent_form(shown_in(lang), scope)]
)
def test_a_language_without_its_text_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(Malformed):
        make(SCOPE, lang="fr")


def added(scope: Scope) -> Scope:
    """Return the scope with the English texts under another language, as an agency may add it."""
    texts = tuple(replace(one, lang="ar") for one in scope.notices if one.lang == "en")
    kept = {**scope.texts.retention, "ar": "x"}
    return replace(scope, notices=texts, texts=replace(scope.texts, retention=kept))


def test_a_language_of_an_agencys_own_has_the_offices_words_around_it() -> None:
    paper = withdrawal_form(added(SCOPE), lang="ar")
    assert (paper.lang, paper.labels_lang, paper.right_to_left) == ("ar", "de", True)
    assert paper.head[0].label == "Name"
    assert not withdrawal_form(SCOPE, lang="de").right_to_left
    assert spoken("de-simple") == "de-simple"


def test_easy_language_is_known_by_its_subtag() -> None:
    assert withdrawal_form(SCOPE, lang="de-simple").easy
    assert not withdrawal_form(SCOPE, lang="de").easy


def test_every_language_has_the_same_labels_and_none_is_empty() -> None:
    known = labels()
    assert set(known) == set(LANGUAGES)
    assert len({frozenset(words) for words in known.values()}) == 1
    assert all(word.strip() for words in known.values() for word in words.values())


def test_labels_in_easy_language_are_easy() -> None:
    for label in labels()["de-simple"].values():
        for sentence in re.split(r"[.?!:] ?", label):
            words = sentence.split()
            assert len(words) <= 12, sentence
            assert not {"wird", "werden", "wurde", "würde"} & set(words), sentence
            assert all(len(part) <= 14 for word in words for part in word.split("-")), sentence
