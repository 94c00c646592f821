"""exchange.forms.answer."""

import io
import subprocess
import sys
from datetime import date

import pytest
from pypdf import PdfReader

from exchange.errors import Malformed
from exchange.forms.account import Fact, Said, Shown
from exchange.forms.answer import AnswerPaper, Section, answer_pdf
from exchange.forms.report import Grid
from exchange.forms.sheet import blocks_of

DAY = date(2026, 4, 2)


def paper(cell: str = "Beratungsstelle 3") -> AnswerPaper:
    return AnswerPaper(
        lang="de",
        heading="Einwilligung 0a1b2c3d",
        said=(Fact("Stelle", (Said("women-b"),)),),
        sections=(
            Section(
                heading="Ereignisse",
                hints=("Älteste zuerst.",),
                facts=(Fact("Kopf", (Said("hub.example/log"), Said("a good word", "en"))),),
                grids=(Grid("Was geschah", ("Zeit", "Wer"), (("10:12", cell), ("", "A" * 43))),),
                shown=Shown("de", blocks_of("Ich willige ein.\n\nWas\n- ein Brief\n"), False),
            ),
        ),
        page="Seite",
    )


def text(made: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(made)).pages)


def test_everything_of_an_answer_stands_on_paper() -> None:
    made = text(answer_pdf(paper(), today=DAY))
    for said in ("Einwilligung 0a1b2c3d", "Stelle: women-b", "Ereignisse", "Älteste zuerst."):
        assert said in made, said
    for said in ("hub.example/log, a good word", "Was geschah", "10:12", "Ich willige ein."):
        assert said in made, said
    assert "A" * 43 in "".join(one for one in made if one.isalnum())
    assert "Seite 1/1" in made


def test_the_same_answer_on_the_same_day_has_the_same_bytes() -> None:
    assert answer_pdf(paper(), today=DAY) == answer_pdf(paper(), today=DAY)


@pytest.mark.parametrize("cell", ["#panic()", "*bold*", "$x$", "@label", "\\u{41}", '"]#'])
def test_what_stands_in_an_answer_is_never_source_text(cell: str) -> None:
    assert cell in text(answer_pdf(paper(cell), today=DAY))


PRESS = """
from datetime import date
from exchange.forms.answer import PRINTED, AnswerPaper, Section, answer_pdf
from exchange.forms.report import Grid

def resident(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) // 1024

def paper(rows):
    heads = ("Zeit", "Von", "An", "Art", "Zweck", "Geheimnis", "Einwilligung", "Eintrag")
    own = {"Zeit", "Einwilligung", "Eintrag"}
    cells = tuple(
        tuple(f"{head} {row if head in own else 0} in einigen Worten" for head in heads)
        for row in range(rows)
    )
    sections = (Section(heading="Liste", grids=(Grid("Liste", heads, cells),)),)
    return AnswerPaper(lang="de", heading="Liste", said=(), sections=sections, page="Seite")

answer_pdf(paper(1), today=date(2026, 4, 2))
before = resident("VmRSS:")
for _ in range(4):
    answer_pdf(paper(PRINTED), today=date(2026, 4, 2))
print(resident("VmHWM:") - before)
"""
"""Prints by how many MiB a process grows to set long papers, one after the other."""


def test_long_papers_take_bounded_memory_and_give_it_back() -> None:
    done = subprocess.run([sys.executable, "-c", PRESS], capture_output=True, text=True, check=True)
    # Kept from paper to paper they would take three times as much.
    assert int(done.stdout) < 80


def test_letters_that_no_font_has_are_refused() -> None:
    with pytest.raises(Malformed, match="no letters"):
        answer_pdf(paper("ﷺ一"), today=DAY)
