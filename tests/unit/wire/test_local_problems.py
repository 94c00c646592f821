"""exchange.wire.local_problems: what a gateway tells its own agency, and how it is read back."""

import pytest

from exchange.errors import (
    Conflict,
    ExchangeError,
    Held,
    HubMisbehaves,
    KeyReused,
    Malformed,
    NotCovered,
    NotFound,
    NotPermitted,
    Unauthenticated,
    Unavailable,
)
from exchange.wire.local_problems import NEEDED, from_problem, to_problem

ADVICE = {"category": "ask for another consent", "key-not-pinned": "compare fingerprints"}


def test_the_reasons_of_a_decision_are_told_with_what_to_do_next() -> None:
    problem = to_problem(NotCovered(("category", "veto")), advice=ADVICE)

    assert problem["type"] == "urn:consent-exchange:problem:not-covered"
    assert problem["status"] == 403
    assert problem["reasons"] == ["category", "veto"]
    assert problem["detail"].endswith("nothing was sent; ask for another consent")


def test_a_stopped_check_is_told_by_its_code() -> None:
    problem = to_problem(Held("key-not-pinned"), advice=ADVICE)

    assert (problem["status"], problem["reasons"]) == (409, ["key-not-pinned"])
    assert "compare fingerprints" in problem["detail"]


def test_a_missing_token_is_told_where_it_lies() -> None:
    assert to_problem(Unauthenticated(), advice={})["detail"] == NEEDED


def test_a_class_of_its_own_kind_is_told_as_on_the_hub_with_its_own_words() -> None:
    problem = to_problem(NotFound("no document with this id lies in the spool"), advice={})

    assert (problem["status"], problem["title"]) == (404, "Not found.")
    assert problem["detail"] == "no document with this id lies in the spool"
    assert "reasons" not in problem


@pytest.mark.parametrize(
    "error",
    [
        *(NotCovered(("ended",)), Held("key-stale"), HubMisbehaves("two answers")),
        *(Conflict("again"), KeyReused("twice"), Malformed("no"), NotFound(), NotPermitted()),
        *(Unavailable("later"), ExchangeError()),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_back_as_what_it_was(error: ExchangeError) -> None:
    again = from_problem(to_problem(error, advice={}))

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert getattr(again, "reasons", None) == getattr(error, "reasons", None)


@pytest.mark.parametrize(
    "problem",
    [
        {},
        {"type": "urn:consent-exchange:problem:held"},
        {"type": "urn:consent-exchange:problem:held", "reasons": "one"},
        {"type": "about:blank", "detail": "x"},
    ],
)
def test_what_no_gateway_says_is_an_error_all_the_same(problem: dict[str, object]) -> None:
    assert type(from_problem(problem)) is ExchangeError
