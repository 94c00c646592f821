"""exchange.forms.account: everything about a consent, as PDF and as a page to print."""

import io
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pypdf import PdfReader

from exchange.forms.account import Account
from exchange.forms.document import pdf
from exchange.forms.page import html
from tests.accounts import account
from tests.unit.forms.test_document import HOSTILE, LANGUAGES, pages, scanned, structure
from tests.unit.forms.test_page import HOSTILE as MARKUP
from tests.unit.forms.test_page import Read

TODAY = date(2026, 3, 2)


def lines(paper: Account) -> list[str]:
    """Return what stands on a paper, in order."""
    found = [paper.heading, *paper.opening]
    for chapter in paper.chapters:
        found += [chapter.heading, *chapter.hints]
        for group in chapter.facts:
            found += [fact.label for fact in group]
        for one in chapter.told:
            found += [one.text, one.at, *(fact.label for fact in one.facts)]
        for block in chapter.shown.blocks if chapter.shown else ():
            found += [block.heading] if block.heading else []
            found += [line for part in block.parts for line in part.lines]
        found += chapter.closing
    return found


def in_order(wanted: list[str], text: str) -> bool:
    at = 0
    for line in wanted:
        at = text.find(" ".join(line.split()), at)
        if at < 0:
            return False
    return True


@pytest.mark.parametrize("lang", LANGUAGES)
def test_everything_is_on_the_pdf_and_on_the_page_in_order(lang: str) -> None:
    paper = account(lang, events=3)

    assert in_order(lines(paper), " ".join(pages(pdf(paper, today=TODAY))))
    assert in_order(lines(paper), " ".join(" ".join(Read(html(paper)).text).split()))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_can_be_kept_and_read_aloud(lang: str) -> None:
    made = pdf(account(lang), today=TODAY)
    read = PdfReader(io.BytesIO(made))
    root: Any = read.root_object
    described = root["/Metadata"].get_data().decode("utf-8")

    assert "<pdfaid:part>2</pdfaid:part>" in described
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in described
    assert "<pdfuaid:part>1</pdfuaid:part>" in described
    assert root["/Lang"] == lang.partition("-")[0]
    assert read.metadata is not None
    assert read.metadata.title == "Auskunft", "a window that shows it tells nothing"
    assert scanned(made) == ["https://hub.example/p/"]


def test_a_screen_reader_finds_headings_and_pairs() -> None:
    paper = account(events=2)
    assert paper.chapters[-1].shown is not None
    inside = [one for one in paper.chapters[-1].shown.blocks if one.heading]
    listed = [p for b in paper.chapters[-1].shown.blocks for p in b.parts if p.entries]
    root: Any = PdfReader(io.BytesIO(pdf(paper, today=TODAY))).root_object

    kinds = [element.get("/S") for element in structure(root["/StructTreeRoot"])]

    assert [kinds.count(f"/H{level}") for level in (1, 2, 3, 4)] == [1, 3, 3, len(inside) - 1]
    assert kinds.count("/LI") == 2 + 2 + sum(len(part.lines) for part in listed)


def test_what_others_have_written_is_printed_as_it_is() -> None:
    text = "".join("".join(pages(pdf(account(said=HOSTILE), today=TODAY))).split())
    read, plain = Read(html(account(said=MARKUP))), Read(html(account()))

    assert text.count("".join(HOSTILE.split())) == 6
    assert "root:" not in text
    assert "".join(read.text).count(MARKUP) == 6
    assert read.tags == plain.tags


def test_a_long_history_goes_on_to_further_pages_and_nothing_is_lost() -> None:
    paper = account(events=200)
    found = pages(pdf(paper, today=TODAY))

    assert len(found) > 10
    told = re.findall(r"Ereignis (\d+)\.", " ".join(found))
    assert told == [str(number) for number in range(200)]
    assert {text.split()[-1] for text in found} == {
        f"{number}/{len(found)}" for number in range(1, len(found) + 1)
    }


def test_a_line_of_easy_language_stays_a_line() -> None:
    paper = account("de-simple")

    page = html(paper).decode()

    assert "<p>Sie gilt.\nBis morgen.</p>" in page
    assert '<body class="easy">' in page


def test_a_text_from_right_to_left_stands_so_among_others() -> None:
    paper = account()
    (*others, last) = paper.chapters
    assert last.shown is not None
    turned = replace(last, shown=replace(last.shown, lang="ar", right_to_left=True))

    made = replace(paper, chapters=(*others, turned))

    quoted = [one for _, one in Read(html(made)).tags if one.get("class") == "quoted"]
    assert quoted == [{"class": "quoted", "lang": "ar", "dir": "rtl"}]
    root: Any = PdfReader(io.BytesIO(pdf(made, today=TODAY))).root_object
    langs = {element.get("/Lang") for element in structure(root["/StructTreeRoot"])}
    assert "ar" in langs
