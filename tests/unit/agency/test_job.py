"""exchange.agency.job: lines of the gateway come back whole, lines of a worker are hostile."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exchange.agency import job
from exchange.errors import ExchangeError, Malformed
from exchange.hookspecs import Capabilities, IntakeFile
from exchange.testing import package_of

CAPABILITIES = Capabilities(
    profiles=frozenset({"files/1"}),
    media_types=frozenset({"text/plain"}),
    max_size=5,
    name_alphabet="abc",
)


def test_the_first_line_comes_back_whole() -> None:
    start = job.Start(
        plugin="folder",
        distribution="",
        profile="files/1",
        settings={"password": "swordfish"},
        room=Path("/room"),
        memory=1,
        descriptors=2,
    )
    assert job.read_start(job.start_line(start)) == start
    assert "swordfish" not in repr(start)


def test_a_request_comes_back_whole_with_files_in_the_room(tmp_path: Path) -> None:
    package = package_of(tmp_path, {"a.txt": ("text/plain", b"a"), "b.txt": ("text/plain", b"b")})
    first, second = package.files
    marked = (first, replace(second, third_party=True))
    package = replace(package, files=marked, notice="Hinweis\n\n1. …\n")
    token, read = job.read_request(job.request_line("t", package), tmp_path)
    assert (token, read) == ("t", package)
    assert read.sent_at == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_the_walls_and_the_capabilities_come_back_whole() -> None:
    assert job.read_walls(job.walls_line(("landlock",))) == ("landlock",)
    assert job.read_ready(job.ready_line(CAPABILITIES)) == CAPABILITIES


def test_the_words_of_a_refusal_are_short_and_printable() -> None:
    words = job.read_ready(job.refused_line("\x1b[2J\u202ename\n" + "x" * 9000))
    assert isinstance(words, str)
    assert words.startswith("?[2J?name?x")
    assert len(words) == 500


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ([IntakeFile("a"), IntakeFile("b")], job.Outcome.CONVERTED),
        ((IntakeFile("a"),), job.Outcome.CONVERTED),
        ([], job.Outcome.RESULT),
        (None, job.Outcome.RESULT),
        (["a"], job.Outcome.RESULT),
        ([IntakeFile("a"), "b"], job.Outcome.RESULT),
        ([IntakeFile(5)], job.Outcome.RESULT),  # type: ignore[arg-type]
        ([IntakeFile("\ud800")], job.Outcome.RESULT),
        (Malformed("a name"), job.Outcome.MALFORMED),
        (MemoryError(), job.Outcome.MEMORY),
        (KeyError("a name"), job.Outcome.FAILED),
    ],
)
def test_whatever_an_adapter_does_is_an_answer(result: object, outcome: job.Outcome) -> None:
    line = job.answer_line("t", result)
    answer = job.read_answer(line)
    assert answer.outcome is outcome
    assert b"a name" not in line


def test_only_the_names_of_pythons_own_exceptions_are_passed_on() -> None:
    assert job.read_answer(job.answer_line("t", KeyError())).kind == "KeyError"
    someone = type("SomebodysName", (Exception,), {})
    assert job.read_answer(job.answer_line("t", someone())).kind == ""
    assert job.read_answer(job.answer_line("t", type("print", (Exception,), {})())).kind == ""


GOOD = '{"kind":"","names":["a"],"outcome":"converted","token":"t"}'


NO_ANSWERS = [
    "",
    "nonsense",
    "[]",
    "{}",
    "null",
    GOOD.replace('"a"', "5"),
    GOOD.replace('["a"]', '"a"'),
    GOOD.replace('["a"]', '{"a":1}'),
    GOOD.replace('["a"]', "[" + ",".join(['"a"'] * 10_001) + "]"),
    GOOD.replace("converted", "permitted"),
    GOOD.replace('"converted"', "1"),
    GOOD.replace('"t"', "1"),
    GOOD.replace('"kind":""', '"kind":1'),
    GOOD.replace('"kind":"",', ""),
    GOOD.replace('"kind":"",', '"kind":"","more":1,'),
    GOOD.replace('"kind":"",', '"kind":"","kind":"",'),
    GOOD.replace('"a"', '"' + "a" * (1 << 20) + '"'),
    "[" * 100_000,
]


@pytest.mark.parametrize("line", NO_ANSWERS, ids=[str(n) for n in range(len(NO_ANSWERS))])
def test_a_line_that_is_no_answer_is_refused(line: str) -> None:
    with pytest.raises(ExchangeError):
        job.read_answer(line.encode())


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "5",
        '{"refused":5}',
        '{"max_size":true,"media_types":["a"],"name_alphabet":"a","profiles":["a"]}',
        '{"max_size":"5","media_types":["a"],"name_alphabet":"a","profiles":["a"]}',
        '{"max_size":5,"media_types":[5],"name_alphabet":"a","profiles":["a"]}',
        '{"max_size":5,"media_types":["a"],"name_alphabet":5,"profiles":["a"]}',
        '{"max_size":5,"media_types":[],"name_alphabet":"a","profiles":["a"]}',
    ],
)
def test_a_line_that_is_no_capabilities_is_refused(line: str) -> None:
    with pytest.raises(ExchangeError):
        job.read_ready(line.encode())
