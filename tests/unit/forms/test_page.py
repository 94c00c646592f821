"""exchange.forms.page: one file, content only, nothing fetched and nothing run.

A60: the syntax of templates, styles and formats is inert in names, in texts and in translations.
"""

import base64
import hashlib
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from exchange.forms.page import html
from exchange.forms.paper import Head, Paper, Secrets, consent_form, receipt, withdrawal_form
from tests import samples

LANGUAGES = ("de", "en", "de-simple")
SCOPE = samples.agreement().scope()
CONSENT = samples.consent()
HOSTILE = "</style><script>alert(1)</script> {{ 7*7 }} \" ' & <b>bold</b> #panic()"


class Read(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.inside = ""
        self.line = False  # whether what comes belongs to one line, boxes to tick in it or not
        self.style = ""
        self.feed(page.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "p":
            self.line = True
            self.text.append("")

    def handle_endtag(self, tag: str) -> None:
        self.line = self.line and tag != "p"

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.style += data
            self.inside = ""
        elif self.line:
            self.text[-1] += data
        elif data.strip():
            self.text.append(data)

    def named(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.tags if name == tag]


def papers(lang: str) -> list[Paper]:
    shown = replace(CONSENT, notice=replace(CONSENT.notice, lang=lang))
    secrets = Secrets(code="C000-4106", log_key="K000-4106")
    return [
        consent_form(shown, SCOPE, Head(name="Name, Vorname")),
        withdrawal_form(SCOPE, lang=lang),
        receipt(SCOPE, lang=lang, secrets=secrets),
    ]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_has_one_main_heading_a_title_and_its_language(lang: str) -> None:
    for paper in papers(lang):
        read = Read(html(paper))
        assert len(read.named("h1")) == len(read.named("main")) == 1
        assert read.named("html") == [{"lang": lang}]
        assert paper.title in read.text
        levels = [int(tag[1]) for tag, _ in read.tags if tag in {"h1", "h2", "h3"}]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_shows_every_line_of_its_text_in_order(lang: str) -> None:
    for paper in papers(lang):
        written = [line for block in paper.blocks for part in block.parts for line in part.lines]
        found = iter(Read(html(paper)).text)
        assert all(line in found for line in written)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_fetches_nothing_runs_nothing_and_keeps_nothing(lang: str) -> None:
    for paper in papers(lang):
        page = html(paper)
        read = Read(page)
        assert {"script", "link", "img", "iframe", "form", "input", "a"}.isdisjoint(
            tag for tag, _ in read.tags
        )
        for _, attributes in read.tags:
            assert not {"src", "href", "style", "action", "xlink:href"} & attributes.keys()
            assert not [name for name in attributes if name.startswith("on")]
        assert "url(" not in read.style
        assert "@import" not in read.style


def test_the_policy_admits_the_style_of_the_page_and_nothing_else() -> None:
    read = Read(html(consent_form(CONSENT, SCOPE)))
    policy = read.named("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    digest = base64.b64encode(hashlib.sha256(read.style.encode()).digest()).decode()
    assert policy["content"] == f"default-src 'none'; style-src 'sha256-{digest}'"


def test_text_of_others_is_content_wherever_it_stands() -> None:
    parties = {name: replace(one, name=HOSTILE) for name, one in SCOPE.parties.items()}
    texts = replace(SCOPE.texts, title=HOSTILE, page=f"hub.example/{HOSTILE}")
    scope = replace(SCOPE, parties=parties, texts=texts)
    head = Head(name=HOSTILE, born=HOSTILE, case_number=HOSTILE)
    before = Read(html(consent_form(CONSENT, SCOPE)))
    read = Read(html(consent_form(CONSENT, scope, head)))
    plain = [tag for tag, _ in read.tags if tag != "path"]
    assert plain == [tag for tag, _ in before.tags if tag != "path"]
    assert read.text.count(HOSTILE) == 3 + 2 + 1  # the head, two lists in the text, a box


def test_a_translation_of_others_is_content_too() -> None:
    syntax = "%(name)s $x$ #panic() \\u0041 &amp; <b> </p><script>alert(1)</script>"
    text = f"== title\n{syntax}\n== text\n{syntax}\n- {syntax}\n"
    notices = tuple(
        replace(one, text=text) if one.id == "withdrawal-form" else one for one in SCOPE.notices
    )
    read = Read(html(withdrawal_form(replace(SCOPE, notices=notices), lang="de")))
    assert read.text.count(syntax) == 1 + 1 + 2  # title of the file and of the text, its lines
    assert read.named("script") == []


def test_the_footer_of_every_printed_page_is_inert_in_the_style() -> None:
    paper = replace(consent_form(CONSENT, SCOPE), footer='"; } * { display: none } </style>')
    read = Read(html(paper))
    assert "display: none }" not in read.style
    assert len(read.named("style")) == 1


def test_a_text_from_right_to_left_says_so_and_the_offices_boxes_do_not() -> None:
    notices = tuple(replace(one, lang="ar") for one in SCOPE.notices if one.lang == "en")
    read = Read(html(withdrawal_form(replace(SCOPE, notices=notices), lang="ar")))
    assert read.named("html") == [{"lang": "ar", "dir": "rtl"}]
    around = [one for _, one in read.tags if one.get("dir") == "ltr"]
    assert around
    assert {one["lang"] for one in around} == {"de"}


def test_easy_language_is_printed_larger() -> None:
    assert Read(html(withdrawal_form(SCOPE, lang="de-simple"))).named("body") == [{"class": "easy"}]
    assert Read(html(withdrawal_form(SCOPE, lang="de"))).named("body") == [{}]


def test_the_same_paper_has_the_same_bytes() -> None:
    assert html(consent_form(CONSENT, SCOPE)) == html(consent_form(CONSENT, SCOPE))
