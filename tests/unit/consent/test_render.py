"""exchange.consent.template and .render: exactly what a person is shown."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.canonical import sha256_hex
from exchange.consent import render
from exchange.consent.render import Facts, notice_of, shown
from exchange.consent.template import KINDS, LISTS, Block, Template, read_template
from exchange.consent.texts import shipped
from exchange.consent.words import Capacity, Role
from exchange.errors import Malformed
from exchange.vocabulary import NoticeText, Secrecy
from exchange.vocabulary import shipped as shipped_vocabulary
from tests import samples

LANGUAGES = ("de", "de-simple", "en")
SCOPE = samples.agreement().scope()
CONSENT = samples.consent()
GOLDEN = Path(__file__).parent / "rendered.txt"
ALWAYS = frozenset({"self", "once"})
SETS = (ALWAYS, *(ALWAYS | {one} for one in sorted(KINDS["consent-form"].conditions - ALWAYS)))
"""A consent form as simple as it can be, and once with each part that it can have."""


def facts(conditions: frozenset[str]) -> Facts:
    """Return facts that say the name of each placeholder, two entries for each list."""
    names = frozenset[str]().union(*(kind.placeholders for kind in KINDS.values()))
    values: dict[str, render.Fact] = {name: f"<{name}>" for name in names - LISTS}
    return Facts(values | {name: (f"<{name} 1>", f"<{name} 2>") for name in LISTS}, conditions)


def rendered() -> Iterator[str]:
    """Yield the digest of every shipped text with every set of conditions, as a line."""
    for text in shipped():
        sets = {"consent-form": SETS, "receipt": ({"code"}, {"no-code"})}.get(text.id, (set(),))
        for conditions in map(frozenset, sets):
            found = shown(read_template(text.text), facts(conditions))
            told = " ".join(["/".join(text.key), *sorted(conditions)])
            yield f"{sha256_hex(found.encode())}  {told}"


def test_every_text_is_rendered_as_it_was_when_it_was_released() -> None:
    assert list(rendered()) == GOLDEN.read_text(encoding="utf-8").splitlines()


def line(text: str, begin: str) -> str:
    """Return the one line that begins so."""
    (found,) = (one for one in text.splitlines() if one.startswith(begin))
    return found


def in_language(lang: str, **members: Any) -> str:
    return notice_of(samples.consent(**samples.in_language(lang), **members), SCOPE)


def test_the_text_is_the_one_whose_digest_the_record_bears() -> None:
    text = notice_of(CONSENT, SCOPE)
    assert sha256_hex(text.encode("utf-8")) == CONSENT.notice.sha256 == samples.NOTICE


def test_the_text_names_who_what_and_until_when() -> None:
    text = notice_of(CONSENT, SCOPE)
    assert (
        "Unterlagen über Sie werden weitergegeben von:\n- Frauenberatung B\nan:\n"
        "- Jobcenter Kreis A\n"
    ) in text
    assert "- Schreiben über Mietschulden\n- Kündigung, Räumungsklage oder Räumungstermin\n" in text
    assert line(text, "Der Zweck ist:") == (
        "Der Zweck ist: den Verlust der Wohnung abwenden (Mietschulden, Kündigung, Räumung)."
    )
    assert "in der Zeit von 02.03.2026 bis einschließlich 31.08.2026 so oft" in text
    assert line(text, "Verantwortlich") == (
        "Verantwortlich für diese Einwilligung ist Frauenberatung B, Nebenweg 2, 00000 "
        "Musterstadt. Datenschutz: datenschutz@women-b.example."
    )
    assert line(text, "IT des Kreises A leitet sie weiter")
    assert line(text, "Die Daten bleiben in Deutschland.")
    assert line(text, "Sie können sich beschweren bei: Landesbeauftragte für den Datenschutz.")
    assert line(text, "Haben Sie einen Code bekommen") == (
        "Haben Sie einen Code bekommen, können Sie ihn auch auf hub.example/p/ eingeben."
    )
    assert line(text, "Vereinbarung:") == (
        "Vereinbarung: Vereinbarung zum Erhalt von Wohnraum. Aufbewahrung dieser Erklärung: "
        "drei Jahre."
    )


def test_the_language_decides_labels_and_days() -> None:
    english, simple = in_language("en"), in_language("de-simple")
    assert "Between 2 March 2026 and 31 August 2026, both days included" in english
    assert "- letter about rent arrears\n" in english
    assert "Die Erlaubnis gilt vom 02.03.2026 bis zum 31.08.2026.\n" in simple
    assert "- Brief über Miet-Schulden\n" in simple
    assert "\nSie sollen Ihre Wohnung behalten.\n" in simple


@pytest.mark.parametrize(
    ("begins", "ends", "first", "last"),
    [
        ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "29.03.2026", "29.03.2026"),
        ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "25.10.2026", "25.10.2026"),
        ("2028-02-28T23:00:00Z", "2028-02-29T23:00:00Z", "29.02.2028", "29.02.2028"),
        ("2026-12-31T23:00:00Z", "2027-12-31T23:00:00Z", "01.01.2027", "31.12.2027"),
        ("2026-12-31T22:59:59Z", "2027-12-31T22:59:59Z", "31.12.2026", "31.12.2027"),
    ],
)
def test_days_are_those_of_germany_and_the_last_one_is_included(
    begins: str, ends: str, first: str, last: str
) -> None:
    text = notice_of(samples.consent(valid_from=begins, valid_until=ends), SCOPE)
    assert f"von {first} bis einschließlich {last}" in text


HEALTH = replace(SCOPE.parties["women-b"], agency="health-c", name="Gesundheitsdienst C")
WIDE = replace(
    SCOPE, parties={**SCOPE.parties, "health-c": HEALTH}, vocabulary=shipped_vocabulary()
)
"""A third party, and documents of every kind."""
SPECIAL = next(entry for entry in WIDE.vocabulary.categories.values() if entry.special)


def conditions(**members: Any) -> frozenset[str]:
    record = replace(CONSENT, secrecy=Secrecy.SOCIAL, **members)
    return render.consent_facts(record, WIDE, "de").conditions


def test_each_condition_holds_when_it_says() -> None:
    plain = conditions()
    assert plain == {"self", "recurring"}
    found = {
        "special": conditions(categories=frozenset({"rent-arrears-letter", SPECIAL.code})),
        "onward": conditions(onward_from=frozenset({"health-c"})),
        "private": conditions(recipients=frozenset({"jobcentre-a", "health-c"})),
        "entrusting": conditions(
            signers=(*CONSENT.signers, replace(CONSENT.signers[0], role=Role.ENTRUSTING))
        ),
    }
    assert {name: held - plain for name, held in found.items()} == {name: {name} for name in found}
    assert conditions(signers=(replace(CONSENT.signers[0], entrusting=True),)) == plain
    assert conditions(uses=1) == {"self", "once"}
    assert conditions(uses=7) == {"self", "count"}
    assert conditions(capacity=Capacity.GUARDIAN) == {"guardian", "recurring"}
    assert conditions(capacity=Capacity.SELF_AND_GUARDIAN) == {"both", "recurring"}


@pytest.mark.parametrize(
    ("secrecy", "held"),
    [
        (Secrecy.PERSONAL, set()),
        (Secrecy.SOCIAL, set()),
        (Secrecy.PROFESSIONAL, {"professional"}),
        (Secrecy.ENTRUSTED, {"professional", "entrusted"}),
    ],
)
def test_the_class_decides_which_secrecy_is_told(secrecy: Secrecy, held: set[str]) -> None:
    found = render.consent_facts(replace(CONSENT, secrecy=secrecy), SCOPE, "de").conditions
    assert found & {"professional", "entrusted"} == held


def test_what_is_told_of_special_and_foreign_documents_is_listed() -> None:
    record = replace(
        CONSENT,
        categories=frozenset({"rent-arrears-letter", SPECIAL.code}),
        onward_from=frozenset({"health-c"}),
        uses=7,
    )
    text = notice_of(record, WIDE)
    assert f"besonders geschützte Angaben:\n- {SPECIAL.labels['de']}\nIhre" in text
    assert "von diesen Stellen stammen:\n- Gesundheitsdienst C\n" in text
    assert "ist höchstens 7-mal erlaubt" in text


def test_nothing_but_what_the_text_names_changes_it() -> None:
    other = replace(
        CONSENT,
        id="5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a99",
        iat=1,
        digest="",
        subject=replace(CONSENT.subject, ref="", sealed=b"x"),
        evidence=None,
        notice=replace(CONSENT.notice, sha256="0" * 64),
    )
    assert notice_of(other, SCOPE) == notice_of(CONSENT, SCOPE)


def test_a_changed_text_never_changes_an_old_record() -> None:
    kept = SCOPE.notice("consent-form", "1.0", "de")
    assert kept is not None
    newer = replace(kept, version="1.1", text=kept.text.replace("in Ruhe", "ganz in Ruhe"))
    assert notice_of(CONSENT, replace(SCOPE, notices=(*SCOPE.notices, newer))) == notice_of(
        CONSENT, SCOPE
    )
    # The bytes of the agreement count, not those that a later release of this program has.
    agreed = replace(kept, text="== title\nWie damals vereinbart.\n")
    assert notice_of(CONSENT, replace(SCOPE, notices=(agreed,))) == "Wie damals vereinbart.\n"


@pytest.mark.parametrize(
    ("members", "placeholder"),
    [
        ({"releasers": frozenset({"stranger"})}, "{releasers}"),
        ({"recipients": frozenset({"stranger"})}, "{recipients}"),
        ({"categories": frozenset({"care-note"})}, "{categories}"),
        ({"purpose": replace(CONSENT.purpose, code="debt-advice")}, "{purpose}"),
        ({"collected_by": "stranger"}, "{collector}"),
    ],
)
def test_a_record_wider_than_the_agreement_has_no_text(
    members: dict[str, Any], placeholder: str
) -> None:
    with pytest.raises(Malformed, match=f"no words for {re.escape(placeholder)} in this language"):
        notice_of(replace(CONSENT, **members), SCOPE)


def test_a_missing_translation_is_never_replaced_by_another_language() -> None:
    english = replace(CONSENT, notice=replace(CONSENT.notice, lang="en"))
    silent = replace(SCOPE, texts=replace(SCOPE.texts, retention={"de": "drei Jahre"}))
    with pytest.raises(Malformed, match=r"no words for \{retention\} in this language"):
        notice_of(english, silent)
    for notice in (
        replace(CONSENT.notice, lang="tr"),
        replace(CONSENT.notice, version="1.1"),
        replace(CONSENT.notice, id="women-b/consent-form"),
    ):
        with pytest.raises(Malformed, match="the agreement has no such text"):
            notice_of(replace(CONSENT, notice=notice), SCOPE)


def test_a_placeholder_nobody_knows_is_not_quoted() -> None:
    with pytest.raises(Malformed, match="no words for a placeholder in this language"):
        shown(read_template("== a\n{Canaryname}\n"), Facts({}))


def test_the_notice_on_the_purpose_names_the_terms_of_one_disclosure() -> None:
    terms = {"sender": "women-b", "recipients": {"jobcentre-a"}, "purpose": "housing-loss"}

    def notice(lang: str, secrecy: Secrecy = Secrecy.SOCIAL, **members: Any) -> str:
        return render.purpose_binding(SCOPE, **{**terms, **members}, secrecy=secrecy, lang=lang)

    assert line(notice("de"), "Absender") == (
        "Absender: Frauenberatung B. Empfänger: Jobcenter Kreis A. Zweck: den Verlust der Wohnung "
        "abwenden (Mietschulden, Kündigung, Räumung). Geheimhaltungsstufe: Sozialgeheimnis."
    )
    assert "Recipient: Jobcenter Kreis A, Frauenberatung B." in notice(
        "en", recipients=["women-b", "jobcentre-a"]
    )
    for secrecy in Secrecy:
        assert {lang: notice(lang, secrecy) for lang in LANGUAGES}
    with pytest.raises(Malformed, match=r"no words for \{purpose\}"):
        notice("de", purpose="debt-advice")
    with pytest.raises(Malformed, match="no text purpose-binding in this language"):
        notice("tr")
    turkish = replace(SCOPE.notices[3], id="purpose-binding", lang="tr", text="== a\n{secrecy}\n")
    with pytest.raises(Malformed, match=r"no words for \{secrecy\}"):
        render.purpose_binding(
            replace(SCOPE, notices=(turkish,)),
            sender="women-b",
            recipients={"jobcentre-a"},
            purpose="housing-loss",
            secrecy=Secrecy.SOCIAL,
            lang="tr",
        )


def test_a_receipt_names_page_and_code_and_nothing_else() -> None:
    for lang in LANGUAGES:
        with_code = render.receipt(SCOPE, code="AB12-CD34", lang=lang)
        without = render.receipt(SCOPE, code=None, lang=lang)
        assert "AB12-CD34" in with_code
        assert "hub.example/p/" in with_code
        assert "hub.example/p/" not in without
        told = {party.name for party in SCOPE.parties.values()} | {SCOPE.texts.title}
        assert not any(name in with_code + without for name in told)


def test_a_withdrawal_form_asks_for_no_reason() -> None:
    assert "Ich brauche keinen Grund" in render.withdrawal_form(SCOPE, lang="de")
    assert render.withdrawal_form(SCOPE, lang="de-simple") != render.withdrawal_form(
        SCOPE, lang="en"
    )


def test_a_text_without_placeholders_is_shown_as_it_is() -> None:
    (empty,) = [text for text in shipped() if text.key == ("empty", "1.0", "en")]
    assert render.plain(empty.text) == "There is nothing to show for this entry.\n"
    with pytest.raises(Malformed):
        render.plain("== a\n{page}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "begins with the line of a block"),
        ("\n\n", "begins with the line of a block"),
        ("words\n== a\n", "line 1: a text begins with"),
        ("==a\n", "line 1: a block begins with"),
        ("== A\n", "line 1: a block begins with"),
        ("== a when=b c\n", "line 1: a block begins with"),
        ("== a when=\n", "line 1: a block begins with"),
        ("== a\n\n== b\n== a\n", "line 4: this block was there before"),
        ("== a\n== a\n", "line 2: this block was there before"),
        ("== a\nx {\n", "line 2: a brace stands alone"),
        ("== a\nx }{ y\n", "line 2: a brace stands alone"),
        ("== a\n{{page}}\n", "line 2: a brace stands alone"),
        ("== a\n===\n", "line 2: a block begins with"),
    ],
)
def test_what_is_no_template_is_refused_by_its_line(text: str, expected: str) -> None:
    with pytest.raises(Malformed, match=expected):
        read_template(text)


def test_a_template_is_read_block_by_block() -> None:
    text = "== title\nOne {page}\n\nTwo {code} {page}\n== copy when=code\n\n"
    read = read_template(text)
    assert read == Template(
        (
            Block("title", None, ("One {page}", "Two {code} {page}")),
            Block("copy", "code", ()),
        )
    )
    assert read.placeholders == {"page", "code"}


def test_blocks_that_do_not_hold_or_have_no_lines_leave_no_gap() -> None:
    text = "== a\none\n== b when=x\ntwo\n== c\n== d\n{categories}\n== e\nthree  \n"
    assert shown(read_template(text), Facts({"categories": ()})) == "one\n\nthree\n"
    held = Facts({"categories": ("4", "5")}, frozenset({"x"}))
    assert shown(read_template(text), held) == "one\n\ntwo\n\n- 4\n- 5\n\nthree\n"


WORDS = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Cn"]), min_size=1, max_size=12
)


@given(
    text=st.sampled_from(shipped()),
    values=st.lists(WORDS, min_size=1, max_size=3),
    held=st.sets(st.sampled_from(sorted(KINDS["consent-form"].conditions | {"code", "no-code"}))),
)
def test_whatever_the_words_are_the_form_of_the_text_is_the_same(
    text: NoticeText, values: list[str], held: set[str]
) -> None:
    template = read_template(text.text)
    names = template.placeholders
    told: dict[str, render.Fact] = dict.fromkeys(names - LISTS, values[0])
    told |= {name: tuple(values) for name in names & LISTS}
    found = shown(template, Facts(told, frozenset(held)))
    assert found == shown(
        read_template(text.text), Facts(dict(reversed(told.items())), frozenset(held))
    )
    assert unicodedata.is_normalized("NFC", found)
    assert found.endswith("\n")
    assert not found.endswith("\n\n")
    assert "\n\n\n" not in found
    assert "\r" not in found
    assert all(one == one.rstrip() for one in found.split("\n"))
    for block in template.blocks:
        kept = block.condition is None or block.condition in held
        plain = [one for one in block.lines if "{" not in one]
        if kept:
            assert all(unicodedata.normalize("NFC", one) in found for one in plain)


def test_braces_in_a_name_are_shown_and_not_filled_in() -> None:
    party = replace(SCOPE.parties["women-b"], name="B {page} {categories}")
    strange = replace(SCOPE, parties={**SCOPE.parties, "women-b": party})
    assert "- B {page} {categories}\n" in notice_of(CONSENT, strange)
