"""exchange.agency.job: lines of the gateway come back whole, lines of a worker are hostile."""

from typing import Any

import pytest

from exchange.agency import job
from exchange.agency.job import Kind, Outcome, Reads, Ready
from exchange.errors import ExchangeError, Malformed, Unavailable, Undeliverable
from exchange.hookspecs import CONTRACT, Capabilities, Declaration

CAPABILITIES = Capabilities(
    profiles=frozenset({"files/1"}),
    media_types=frozenset({"text/plain"}),
    max_size=5,
    name_alphabet="abc",
    proofs=True,
    container="asic-e",
)
DECLARED = Declaration(
    contract=CONTRACT,
    licence="EUPL-1.2",
    sees_plaintext=True,
    endpoints=("case tool of the agency",),
    stores="its receipts",
    retention="a year",
)
READS = Reads(media_types=frozenset({"text/xml"}), max_size=7)


def test_the_first_line_comes_back_whole() -> None:
    start = job.Start(
        kind=Kind.DELIVERY,
        plugin="casetool",
        distribution="",
        settings={"password": "swordfish"},
        reads=("/schemas",),
        secrets={"token": "swordfish"},
        room="/room",
        memory=1,
        descriptors=2,
    )
    assert job.read_start(job.start_line(start)) == start
    assert "swordfish" not in repr(start)


def test_a_request_comes_back_whole() -> None:
    request = job.Request(token="t", adapter="files/1", asked={"files": [["a.txt", 1]]})
    assert job.read_request(job.request_line(request)) == request


@pytest.mark.parametrize(
    ("kind", "offer"),
    [
        (Kind.INTAKE, CAPABILITIES),
        (Kind.OUTGOING, READS),
        (Kind.EVIDENCE, Reads(media_types=frozenset({"a/b"}))),
        (Kind.DELIVERY, None),
    ],
)
def test_the_walls_and_what_adapters_offer_come_back_whole(kind: Kind, offer: job.Offer) -> None:
    assert job.read_walls(job.walls_line(("landlock",))) == ("landlock",)
    ready = Ready({"key": offer}, DECLARED)
    assert job.read_ready(job.ready_line(ready), kind) == ready


@pytest.mark.parametrize(
    "said",
    [
        {"licence": 5},
        {"sees_plaintext": "yes"},
        {"endpoints": None},
        {"endpoints": "mail server"},
        {"endpoints": (5,)},
        {"stores": "\ud800"},
        {"stores": "x" * (1 << 21)},
        {"retention": {1: 2}},
    ],
    ids=str,
)
def test_a_plugin_whose_declaration_cannot_be_told_runs_all_the_same(said: Any) -> None:
    declared = Declaration(
        **{
            "contract": CONTRACT,
            "licence": "EUPL-1.2",
            "sees_plaintext": True,
            "stores": "its receipts",
            "retention": "a year",
            **said,
        }
    )
    line = job.ready_line(Ready({"key": None}, declared))
    assert job.read_ready(line, Kind.DELIVERY) == Ready({"key": None}, None)


def test_the_words_of_a_refusal_are_short_and_printable() -> None:
    words = job.read_ready(job.refused_line("\x1b[2J\u202ename\n" + "x" * 9000), Kind.INTAKE)
    assert isinstance(words, str)
    assert words.startswith("?[2J?name?x")
    assert len(words) == 500


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome.RESULT),
        (Malformed("a name"), Outcome.MALFORMED),
        (Unavailable("a name"), Outcome.UNAVAILABLE),
        (Undeliverable("a name"), Outcome.UNDELIVERABLE),
        (MemoryError("a name"), Outcome.MEMORY),
        (KeyError("a name"), Outcome.FAILED),
    ],
)
def test_whatever_an_adapter_raises_is_an_answer_without_its_words(
    error: Exception | None, outcome: Outcome
) -> None:
    line = job.failed_line("t", error)
    assert job.read_answer(line).outcome is outcome
    assert b"a name" not in line


def test_what_an_adapter_returned_comes_back() -> None:
    answer = job.read_answer(job.done_line("t", {"names": ["a"]}))
    assert answer == job.Answer(token="t", outcome=Outcome.DONE, result={"names": ["a"]})


def test_only_the_names_of_pythons_own_exceptions_are_passed_on() -> None:
    assert job.read_answer(job.failed_line("t", KeyError())).kind == "KeyError"
    someone = type("SomebodysName", (Exception,), {})
    assert job.read_answer(job.failed_line("t", someone())).kind == ""
    assert job.read_answer(job.failed_line("t", type("print", (Exception,), {})())).kind == ""


GOOD = '{"kind":"","outcome":"done","result":{},"token":"t"}'

NO_ANSWERS = [
    "",
    "nonsense",
    "[]",
    "{}",
    "null",
    GOOD.replace("{}", "5"),
    GOOD.replace("{}", "[]"),
    GOOD.replace("done", "permitted"),
    GOOD.replace('"done"', "1"),
    GOOD.replace('"t"', "1"),
    GOOD.replace('"kind":""', '"kind":1'),
    GOOD.replace('"kind":"",', ""),
    GOOD.replace('"kind":"",', '"kind":"","more":1,'),
    GOOD.replace('"kind":"",', '"kind":"","kind":"",'),
    GOOD.replace('"t"', '"' + "t" * (1 << 20) + '"'),
    "[" * 100_000,
]


@pytest.mark.parametrize("line", NO_ANSWERS, ids=[str(n) for n in range(len(NO_ANSWERS))])
def test_a_line_that_is_no_answer_is_refused(line: str) -> None:
    with pytest.raises(ExchangeError):
        job.read_answer(line.encode())


def test_the_line_that_was_broken_in_these_ways_is_an_answer() -> None:
    assert job.read_answer(GOOD.encode()).outcome is Outcome.DONE


OFFER = (
    '{"container":"","max_size":5,"media_types":["a"],"name_alphabet":"a","profiles":["a"],'
    '"proofs":false}'
)
NO_OFFERS = [
    OFFER.replace("5", "true"),
    OFFER.replace("5", '"5"'),
    OFFER.replace('"media_types":["a"]', '"media_types":[5]'),
    OFFER.replace('"media_types":["a"]', '"media_types":[]'),
    OFFER.replace('"media_types":["a"]', '"media_types":"a"'),
    OFFER.replace('"name_alphabet":"a"', '"name_alphabet":5'),
    OFFER.replace("false", "0"),
    OFFER.replace('"container":""', '"container":"zip"'),
    OFFER.replace('"container":"",', ""),
    "5",
    "null",
]
DECLARES = (
    '{"endpoints":["a"],"licence":"MIT","retention":"a day","sees_plaintext":true,"stores":"a"}'
)
NO_DECLARATIONS = [
    DECLARES.replace("true", "1"),
    DECLARES.replace('["a"]', '"a"'),
    DECLARES.replace('["a"]', "[5]"),
    DECLARES.replace('"MIT"', "5"),
    DECLARES.replace('"MIT"', '""'),
    DECLARES.replace('"a day"', '""'),
    DECLARES.replace('"licence":"MIT",', ""),
    "5",
]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "5",
        '{"refused":5}',
        '{"offers":{}}',
        '{"declares":null,"offers":[]}',
        '{"declares":null,"offers":{' + ",".join(f'"{n}":null' for n in range(10_001)) + "}}",
        *(f'{{"declares":null,"offers":{{"a":{offer}}}}}' for offer in NO_OFFERS),
        *(f'{{"declares":{declared},"offers":{{}}}}' for declared in NO_DECLARATIONS),
    ],
)
def test_a_line_that_offers_nothing_is_refused(line: str) -> None:
    with pytest.raises(ExchangeError):
        job.read_ready(line.encode(), Kind.INTAKE)


def test_what_was_broken_in_these_ways_is_understood_whole() -> None:
    line = f'{{"declares":{DECLARES},"offers":{{"a":{OFFER}}}}}'
    ready = job.read_ready(line.encode(), Kind.INTAKE)
    assert isinstance(ready, Ready)
    assert "a" in ready.offers
    assert ready.declared is not None
