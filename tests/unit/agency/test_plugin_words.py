"""A plugin's words, and the paper about a document in quarantine."""

import time

import pytest

from exchange.agency import aside_words, job, work
from exchange.agency.job import Kind
from exchange.agency.leash import Reason
from exchange.agency.plugin_words import HIDDEN, LONGEST, readable
from exchange.errors import Malformed

HOSTILE = {
    "": "",
    "  two \t words\r\nand a line ": "two words and a line",
    "\x1b[31mred\x07\x9b31m\x00": "[31mred 31m",
    "a\u202eb\u2066c\u200fd\u061ce": "a b c d e",
    "in\u200bvis\u00adible\ufeff": "in vis ible",
    "\ud800 alone \udfff": "alone",
    "\u2028two\u2029lines\x85": "two lines",
    "see https://evil.example/pay now": f"see {HIDDEN} now",
    "to a.person@office.example.": f"to {HIDDEN}",
    "WWW.evil.example \\\\host\\share mailto:x tel:110 10.0.0.1": " ".join([HIDDEN] * 5),
    "Bundle.entry[0].type in message.xml, line 12:5": (
        "Bundle.entry[0].type in message.xml, line 12:5"
    ),
    "<script>alert(1)</script>": "<script>alert(1)</script>",
}


@pytest.mark.parametrize("words", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
def test_words_become_one_line_without_tricks(words: str) -> None:
    assert readable(words) == HOSTILE[words]
    assert readable(readable(words)) == HOSTILE[words]


def test_words_have_a_bounded_length_whatever_they_are() -> None:
    started = time.perf_counter()
    for sign in ("a", " a", "\u202e", "1.", "://", "\\", "w", "ﷺ", "a\u0301"):
        assert len(readable(sign * 1_000_000)) <= LONGEST
    assert readable("a" * 501) == "a" * 499 + "…"
    assert time.perf_counter() - started < 5


class Loud(Exception):
    """An error with words of any kind."""

    def __init__(self, words: object) -> None:
        self.words = words

    def __str__(self) -> str:
        if isinstance(self.words, Exception):
            raise self.words
        return self.words  # type: ignore[return-value]


class Sly(str):
    """A text that is none."""

    __slots__ = ()

    def __getitem__(self, _key: object) -> str:
        raise RuntimeError("the name of a person")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Malformed("a row is missing"), "a row is missing"),
        (KeyError("column"), "KeyError: 'column'"),
        (ValueError(), "ValueError"),
        (Loud("lone \ud800"), "lone ?"),
        (Loud(5), ""),
        (Loud(None), ""),
        (Loud(Sly("a name")), ""),
        (Loud(RuntimeError("no words")), ""),
        (Loud(MemoryError()), ""),
        (Loud("x" * 10_000_000), "x" * 2000),
    ],
    ids=["malformed", "key", "none", "lone", "int", "nothing", "sly", "raises", "memory", "long"],
)
def test_the_words_of_an_error_come_out_of_the_worker(error: Exception, said: str) -> None:
    line = job.failed_line("t", error, work._words(error))
    assert job.said(job.read_answer(line)) == said


@pytest.mark.parametrize("result", ["{}", '{"words":5}', '{"words":["a"]}', '{"names":[]}'])
def test_words_that_are_none_are_no_reason_to_refuse_an_answer(result: str) -> None:
    line = f'{{"kind":"","outcome":"malformed","result":{result},"token":"t"}}'
    answer = job.read_answer(line.encode())
    assert (answer.outcome, job.said(answer)) == ("malformed", "")


CODES = (*Reason, "media-type", "size", "name", "profile", "onward", "purpose-binding")


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_sentence_and_a_next_step_in_two_languages(code: str) -> None:
    explained = aside_words.explained(code)
    assert list(explained) == ["de", "en"]
    assert explained["de"] != explained["en"]
    for text in explained.values():
        assert text.count(". ") >= 1, "why, then what to do"
        assert code == "name" or code not in text.split(), "words, no code"


def test_a_code_nobody_knows_is_shown_as_it_is() -> None:
    assert "of-tomorrow" in aside_words.explained("of-tomorrow")["en"]


def test_several_codes_are_explained_with_one_next_step() -> None:
    text = aside_words.explained("media-type, size")["en"]
    assert "of a kind" in text
    assert "too large" in text
    assert text.count("release them") == 1


def test_no_advice_leads_to_the_use_of_what_nobody_may_use() -> None:
    for reason in ("onward", "purpose-binding", "size, onward"):
        assert "release" not in aside_words.explained(reason)["en"]
        assert "freigeben" not in aside_words.explained(reason)["de"]


def test_the_paper_says_code_sentences_and_the_words_of_the_plugin() -> None:
    paper = aside_words.write("malformed", "a row\r\nis\x1b missing").decode()
    lines = paper.split("\r\n")
    assert lines[0] == "malformed"
    assert "beschädigt" in paper
    assert "are damaged" in paper
    assert lines[-2] == "a row is missing"
    assert aside_words.read(paper.encode()) == ("malformed", "a row is missing")


def test_without_words_the_paper_speaks_of_none() -> None:
    for words in ("", "\u202e \x00"):
        paper = aside_words.write("timeout", words)
        assert b"--" not in paper
        assert aside_words.read(paper) == ("timeout", "")


def test_words_cannot_forge_the_reason_or_other_words() -> None:
    words = f"x\r\nonward\r\n{aside_words._SAYS}\r\nhttp://evil.example"
    reason, read = aside_words.read(aside_words.write("malformed", words))
    assert reason == "malformed"
    assert read.startswith("x onward")
    assert "evil" not in read


@pytest.mark.parametrize("paper", [b"onward\n", b"onward", b"onward\r\n"])
def test_the_paper_of_an_older_gateway_is_its_code(paper: bytes) -> None:
    assert aside_words.read(paper) == ("onward", "")


def test_a_paper_that_somebody_has_changed_is_read_all_the_same() -> None:
    assert aside_words.read(b"") == ("", "")
    assert aside_words.read(b"\xff\xfe\n\xff") == ("\ufffd\ufffd", "")


def test_a_worker_answers_with_the_words(tmp_path: object) -> None:
    class Adapter:
        async def verify(self, _evidence: object) -> object:
            raise Malformed("no signature\u202e here")

    request = job.Request(token="t", adapter="a", asked={"files": []})
    room = work.room_of(str(tmp_path), None)
    line = work.worked(Kind.EVIDENCE, Adapter(), request, room)
    assert b'"words"' in line
