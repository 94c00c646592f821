"""A69: whatever an agreement or a form holds appears as it was written, in every language."""

from dataclasses import replace
from typing import Any

import pytest

from exchange.forms.account import Fact, Said, Shown, Told
from exchange.forms.sheet import Block, Part
from exchange.hub.pages.shell import make_shell
from exchange.hub.pages.tell import Contact, Teller
from exchange.hub.settings import Person
from exchange.hub.storage.person import Receipt
from exchange.hub.view_consent import DocumentSeen, ErasureSeen, EventSeen, PersonView
from tests import samples
from tests.pages.visitor import LANGUAGES
from tests.simulator import NOW

CANARY = '<b onclick="x">&\'{{ 7 * 7 }}{say}</b>'
ESCAPED = "&lt;b onclick=&#34;x&#34;&gt;&amp;&#39;{{ 7 * 7 }}{say}&lt;/b&gt;"
SHELL = make_shell(Person(contact=CANARY, enforcement=CANARY), lambda: 0.0)
SAID = Said(CANARY)
FACTS = (Fact(CANARY, (SAID,)), Fact(CANARY, (SAID, SAID)))
TOLD = [Told(text=CANARY, at=CANARY, stamp=CANARY, facts=FACTS)]
TEXT = Shown(CANARY, (Block(CANARY, (Part(True, (CANARY,)), Part(False, (CANARY,)))),), False)
GIVEN: dict[str, dict[str, Any]] = {
    "start.html": {"missed": True},
    "view.html": {
        "code": CANARY, "named": True, "state": CANARY, "facts": FACTS, "used": 1,
        "may_withdraw": True, "erasures": TOLD, "events": TOLD, "next": CANARY, "later": True,
        "contacts": [Contact(CANARY, CANARY, CANARY)], "text": TEXT,
    },
    "confirm.html": {"code": CANARY, "key": CANARY},
    "withdrawn.html": {"code": CANARY, "at": CANARY},
    "sign.html": {
        "code": CANARY, "collector": Contact(CANARY, CANARY, CANARY), "digest": CANARY,
        "text": TEXT, "at": CANARY, "seen": CANARY, "until": CANARY,
    },
    "signed.html": {"code": CANARY},
    "unsigned.html": {"code": CANARY},
    "taken_back.html": {"code": CANARY},
    "end.html": {},
    "trouble.html": {"text": "trouble.other"},
    "accessibility.html": {"settings": SHELL.settings, "mail": CANARY},
}  # fmt: skip
"""What each page is given, with a canary wherever somebody else has written."""
PIECES = {"base.html", "parts.html", "pieces.html", "desk.html"}


def test_every_template_is_looked_at() -> None:
    assert set(SHELL.templates.list_templates()) == GIVEN.keys() | PIECES


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("template", GIVEN)
def test_markup_of_others_stays_text(template: str, lang: str) -> None:
    for sensitive in (False, True):
        answer = SHELL.render(template, lang, sensitive=sensitive, **GIVEN[template])
        page = str(answer.text)
        assert "<b" not in page.replace("<body", "").replace("<button", "").replace("<bdi", "")
        assert page.count("7 * 7") == page.count(ESCAPED)
        if template not in {"start.html", "end.html", "trouble.html"}:
            assert ESCAPED in page


def teller(lang: str = "de", *, named: bool = False) -> Teller:
    return Teller(say=SHELL.words[lang], scope=samples.agreement().scope(), named=named)


def seen(**members: object) -> PersonView:
    """Return what a person sees of the sample consent."""
    found = PersonView(
        record=samples.consent(),
        scope=samples.agreement().scope(),
        text="x",
        state="valid",
        reason=None,
        end_reason=None,
        ended_at=None,
        recorded_at=NOW,
        used=0,
        may_withdraw=True,
        erasures=(),
        events=(),
        next=None,
    )
    return replace(found, **members)  # type: ignore[arg-type]  # members of PersonView


ENDED = {"state": "ended", "ended_at": NOW}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "Die Einwilligung gilt, bis einschließlich 31.08.2026."),
        ({"state": "not-yet"}, "Sie beginnt am 02.03.2026, 10:40 Uhr."),
        (ENDED, "Die Einwilligung gilt nicht mehr, seit 03.03.2026, 11:00 Uhr."),
        ({**ENDED, "reason": "withdrawn"}, "Die Einwilligung ist widerrufen, seit 03.03.2026,"),
        ({"state": "ended", "reason": "expired"}, "ist abgelaufen, seit 01.09.2026, 00:00 Uhr."),
    ],
)
def test_a_state_is_said_with_its_moment(members: dict[str, object], said: str) -> None:
    assert said in teller().state(seen(**members))


@pytest.mark.parametrize("reason", ["withdrawn", "agency", "agreement", "expired", "used-up"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_end_has_words(reason: str, lang: str) -> None:
    assert teller(lang).state(seen(state="ended", reason=reason, ended_at=NOW))


def test_an_office_goes_by_its_label_until_its_name_is_asked_for() -> None:
    assert teller().office("women-b") == Said("Beratungsstelle 3")
    assert teller(named=True).office("women-b") == Said("Frauenberatung B")
    assert teller(named=True).office("elsewhere-z") == Said("eine andere Stelle")
    assert teller().office("person") == Said("Sie selbst")


def test_a_label_in_another_language_says_so() -> None:
    scope = samples.agreement().scope()
    category = scope.vocabulary.categories["energy-bill"]
    german = replace(category, labels={"de": category.labels["de"], "en": "x"})
    vocabulary = replace(scope.vocabulary, categories={"energy-bill": german})
    simple = replace(teller("de-simple"), scope=replace(scope, vocabulary=vocabulary))

    assert simple.category("energy-bill") == Said(category.labels["de"], "de")
    assert simple.category("unknown") == Said("ein anderes Papier")


def test_a_document_tells_its_fate_where_it_was_stored() -> None:
    receipt = Receipt(
        agency="jobcentre-a", collected_at=NOW, result="rejected", reason="not-for-us"
    )
    document = DocumentSeen(
        sender="women-b",
        category="rent-arrears-letter",
        secrecy="social",
        stored_at=NOW,
        state="acknowledged",
        recipients=(receipt,),
    )
    stored = EventSeen(
        kind="disclosure-stored", at=NOW, by="women-b", to=("jobcentre-a",), document=document
    )

    told = teller().event(stored)

    assert [(fact.label, [one.text for one in fact.values]) for fact in told.facts] == [
        ("Von", ["Beratungsstelle 3"]),
        ("An", ["Amt 1"]),
        ("Unterlage", ["Schreiben über Mietschulden"]),
        ("Heute", ["Amt 1: zurückgewiesen, sie war nicht für diesen Empfänger"]),
    ]


def test_an_event_nobody_has_words_for_is_told_all_the_same() -> None:
    told = teller().event(EventSeen(kind="officer-dreamt", at=NOW, by="hub", reasons=("odd",)))

    assert told.text == "Etwas ist aufgezeichnet worden."
    assert [one.text for fact in told.facts for one in fact.values] == ["ein anderer Grund"]


ASKED = ["Wer", "Aufgefordert am"]
ANSWERED = {"answered_at": NOW}
KEPT = {**ANSWERED, "result": "kept", "ground": "legal-claims", "until": NOW.date()}


@pytest.mark.parametrize(
    ("members", "text", "labels"),
    [
        ({}, "Die Antwort steht aus.", [*ASKED, "Antwort bis"]),
        (
            {"overdue": True},
            "Die Antwort steht aus. Die Frist ist vorbei.",
            [*ASKED, "Antwort bis"],
        ),
        ({**ANSWERED, "result": "erased"}, "Gelöscht.", ASKED),
        (KEPT, "Etwas wird aufbewahrt.", [*ASKED, "Grund", "Aufbewahrt bis"]),
    ],
)
def test_an_erasure_says_who_was_asked_and_what_came_of_it(
    members: dict[str, object], text: str, labels: list[str]
) -> None:
    asked = ErasureSeen(
        agency="jobcentre-a",
        asked_at=NOW,
        due=NOW,
        answered_at=None,
        result=None,
        ground=None,
        until=None,
        overdue=False,
    )
    told = teller().erasure(replace(asked, **members))  # type: ignore[arg-type]

    assert told.text == text
    assert [fact.label for fact in told.facts] == labels


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"uses": "once"}, "einmal"),
        ({"uses": 7}, "höchstens 7-mal"),
        ({"uses": "recurring"}, "so oft, wie der Zweck es erfordert"),
    ],
)
def test_how_often_is_said_in_words(members: dict[str, Any], said: str) -> None:
    facts = teller().consent(samples.consent(**members))

    assert [one.text for fact in facts if fact.label == "Wie oft" for one in fact.values] == [said]


def test_offices_whose_documents_may_be_passed_on_are_named() -> None:
    facts = teller().consent(samples.consent(onward_from=["jobcentre-a"]))

    assert facts[-1] == Fact("Auch Unterlagen, die stammen von", (Said("Amt 1"),))
