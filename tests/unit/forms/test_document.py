"""exchange.forms.document and .qr: the PDF as other programs see it."""

import io
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp
from PIL.Image import Image
from pypdf import PdfReader

from exchange.errors import Malformed, Misconfigured
from exchange.forms import document, qr
from exchange.forms.document import pdf
from exchange.forms.paper import (
    Head,
    Paper,
    Secrets,
    consent_form,
    receipt,
    withdrawal_form,
)
from exchange.vocabulary import Scope
from tests import samples

LANGUAGES = ("de", "en", "de-simple")
TODAY = date(2026, 3, 2)
SCOPE = samples.agreement().scope()
CONSENT = samples.consent()
CODE, KEY = "C000-4106-1050-R3GG-28A1-C60T-3GF4", "K00010-81G818-60W40J-2GB1G6"
HOSTILE = '#panic("x") $x^2$ #read("/etc/passwd") <label> @ref [*b*] // `raw` \\ </svg>'


def form(lang: str = "de", scope: Scope = SCOPE, head: Head | None = None) -> Paper:
    shown = replace(CONSENT, notice=replace(CONSENT.notice, lang=lang))
    return consent_form(shown, scope, head or Head())


def papers(lang: str) -> list[Paper]:
    secrets = Secrets(code=CODE, log_key=KEY)
    return [
        form(lang, head=Head(name="Name, Vorname", born="17.05.1990", case_number="4711")),
        withdrawal_form(SCOPE, lang=lang),
        receipt(SCOPE, lang=lang, secrets=secrets),
        receipt(SCOPE, lang=lang, secrets=None),
    ]


def pages(made: bytes) -> list[str]:
    """Return what a screen reader or a search finds on each page, in single spaces."""
    with pypdfium2.PdfDocument(made) as opened:
        found = [page.get_textpage().get_text_range() for page in opened]
    # pdfium writes U+FFFE for a hyphen at the end of a line.
    return [" ".join(text.replace("\ufffe", "-").split()) for text in found]


def drawn(made: bytes) -> list[Image]:
    with pypdfium2.PdfDocument(made) as opened:
        return [page.render(scale=2).to_pil().copy() for page in opened]


def scanned(made: bytes) -> list[str]:
    return [code.text for image in drawn(made) for code in zxingcpp.read_barcodes(image)]


def without_feet(paper: Paper, found: list[str]) -> str:
    """Return the text of all pages without what stands at the foot of each."""
    kept = []
    for number, text in enumerate(found, 1):
        foot = f" {paper.footer} {paper.words['page']} {number}/{len(found)}"
        assert text.endswith(foot)
        kept.append(text.removesuffix(foot))
    return " ".join(kept)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_line_can_be_read_out_in_order_and_every_page_names_its_text(lang: str) -> None:
    for paper in papers(lang):
        text = without_feet(paper, pages(pdf(paper, today=TODAY)))
        at = 0
        for block in paper.blocks:
            lines = [line for part in block.parts for line in part.lines]
            for line in [*filter(None, [block.heading]), *lines]:
                at = text.index(" ".join(line.split()), at)
        for option in (option for choice in paper.choices for option in choice.options):
            at = text.index(option, at)
        for signer in paper.signers:
            at = text.index(signer, at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_pdf_says_that_it_can_be_kept_and_read_aloud(lang: str) -> None:
    for paper in papers(lang):
        read = PdfReader(io.BytesIO(pdf(paper, today=TODAY)))
        root: Any = read.root_object
        described = root["/Metadata"].get_data().decode("utf-8")
        assert "<pdfaid:part>2</pdfaid:part>" in described
        assert "<pdfaid:conformance>A</pdfaid:conformance>" in described
        assert "<pdfuaid:part>1</pdfuaid:part>" in described
        assert root["/MarkInfo"]["/Marked"].value
        assert root["/Lang"] == lang.partition("-")[0]
        assert root["/ViewerPreferences"]["/DisplayDocTitle"]
        assert read.metadata is not None
        assert read.metadata.title == paper.title
        assert "/StructTreeRoot" in root


def structure(element: Any) -> Iterator[Any]:
    """Return every element of the tree that a screen reader walks."""
    found = element.get_object()
    if isinstance(found, dict):
        yield found
        kids = found.get("/K", [])
        for kid in kids if isinstance(kids, list) else [kids]:
            yield from structure(kid)


def test_a_screen_reader_finds_headings_lists_and_words_for_the_drawing() -> None:
    paper = form()
    root: Any = PdfReader(io.BytesIO(pdf(paper, today=TODAY))).root_object
    found = list(structure(root["/StructTreeRoot"]))
    kinds = [element.get("/S") for element in found]
    assert kinds.count("/H1") == 1
    headed = sum(block.heading is not None for block in paper.blocks)
    assert kinds.count("/H2") == headed - 1 + 2  # and: ticks, signatures
    listed = sum(len(part.lines) for block in paper.blocks for part in block.parts if part.entries)
    boxes = sum(len(choice.options) for choice in paper.choices)
    assert kinds.count("/LI") == listed + boxes
    assert [element["/Alt"] for element in found if "/Alt" in element] == [paper.link.caption]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_printed_code_leads_to_the_page_and_nowhere_else(lang: str) -> None:
    for paper in papers(lang):
        assert scanned(pdf(paper, today=TODAY)) == ["https://hub.example/p/"]


def test_the_code_carries_the_secrets_only_on_her_wish() -> None:
    secrets = Secrets(code=CODE, log_key=KEY, in_qr=True)
    paper = receipt(SCOPE, lang="de", secrets=secrets)
    assert scanned(pdf(paper, today=TODAY)) == [f"https://hub.example/p/#{CODE}.{KEY}"]


def test_the_secrets_can_be_read_from_the_paper() -> None:
    paper = receipt(SCOPE, lang="de", secrets=Secrets(code=CODE, log_key=KEY))
    (text,) = pages(pdf(paper, today=TODAY))
    assert text.count(CODE) == 2  # in the text, and to be typed
    assert text.count(KEY) == 1


def test_the_same_paper_of_one_day_has_the_same_bytes() -> None:
    first = pdf(form(), today=TODAY)
    assert first == pdf(form(), today=TODAY)
    assert first != pdf(form(), today=date(2026, 3, 3))


def test_text_of_others_is_printed_as_it_is() -> None:
    parties = {name: replace(one, name=HOSTILE) for name, one in SCOPE.parties.items()}
    texts = replace(SCOPE.texts, title=HOSTILE, page=f"hub.example/{HOSTILE}")
    scope = replace(SCOPE, parties=parties, texts=texts)
    paper = form(scope=scope, head=Head(name=HOSTILE, born=HOSTILE, case_number=HOSTILE))
    text = "".join("".join(pages(pdf(paper, today=TODAY))).split())
    assert text.count("".join(HOSTILE.split())) >= 3 + 2 + 1
    assert "root:" not in text


def test_long_texts_go_on_to_further_pages_and_nothing_is_lost() -> None:
    label = "Ein sehr langer Name einer Unterlage, der mehr als eine Zeile braucht " * 3
    categories = {
        f"kind-{number:02}": replace(
            SCOPE.vocabulary.categories["energy-bill"], labels={"de": f"{number:02} {label}"}
        )
        for number in range(12)
    }
    scope = replace(SCOPE, vocabulary=replace(SCOPE.vocabulary, categories=categories))
    signers = CONSENT.signers * 5
    consent = replace(CONSENT, categories=frozenset(categories), signers=signers)
    paper = consent_form(consent, scope)
    found = pages(pdf(paper, today=TODAY))
    assert len(found) >= 4
    text = without_feet(paper, found)
    assert [text.count(f"{number:02} Ein sehr langer") for number in range(12)] == [2] * 12
    assert text.count("als betroffene Person") == 5


def test_the_place_to_sign_stands_on_the_page_of_the_declaration() -> None:
    for lang, declared in (("de", "Ich willige freiwillig ein"), ("de-simple", "Ich erlaube das.")):
        found = pages(pdf(form(lang), today=TODAY))
        (declaration,) = [place for place, text in enumerate(found) if declared in text]
        (signature,) = [place for place, text in enumerate(found) if "Unterschriften" in text]
        assert declaration == signature


def test_letters_the_font_lacks_are_refused_and_not_left_out() -> None:
    paper = replace(form(), title="同意")
    foreign = replace(paper, blocks=(replace(paper.blocks[0], heading="同意"),))
    with pytest.raises(Malformed, match="print the page instead"):
        pdf(foreign, today=TODAY)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    document.require()
    monkeypatch.setitem(sys.modules, "typst", None)  # as if it were not there
    for wanted in (document.require, lambda: pdf(form(), today=TODAY)):
        with pytest.raises(Misconfigured, match=re.escape("install consent-exchange[forms]")):
            wanted()


def test_a_drawing_is_one_shape_without_words_or_references() -> None:
    for drawing in (qr.inline("https://hub.example/p/"), qr.drawing("https://hub.example/p/")):
        assert re.findall(r"<(\w+)", drawing) in (["svg", "path"], ["svg", "path", "path"])
        assert "hub.example" not in drawing
        assert "style=" not in drawing


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_box_to_tick_stays_with_its_word(lang: str) -> None:
    with pypdfium2.PdfDocument(pdf(withdrawal_form(SCOPE, lang=lang), today=TODAY)) as opened:
        lines = opened[0].get_textpage().get_text_range().splitlines()

    assert sum(line.count("☐") for line in lines) == 7
    assert [line for line in lines if line.rstrip().endswith("☐")] == []
