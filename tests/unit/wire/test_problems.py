"""exchange.wire.problems: errors as RFC 9457 problems, in both directions."""

from http import HTTPStatus
from typing import Any

import pytest

from exchange import errors
from exchange.errors import (
    ExchangeError,
    Finding,
    LintRefused,
    Malformed,
    NotPermitted,
    Unreadable,
)
from exchange.wire import problems
from exchange.wire.findings import finding_payload

CANARY = "CANARY-4711"
LITERAL: dict[type[ExchangeError], tuple[int, str, str]] = {
    ExchangeError: (500, "internal", "Something went wrong here."),
    errors.Malformed: (
        400,
        "malformed-request",
        "The request or document cannot be parsed.",
    ),
    errors.Unauthenticated: (401, "unauthenticated", "The caller could not be authenticated."),
    errors.NotPermitted: (403, "not-permitted", "Not permitted."),
    errors.NotFound: (404, "not-found", "Not found."),
    errors.Conflict: (
        409,
        "conflict",
        "The same identifier was used before with different content.",
    ),
    errors.TooLarge: (413, "too-large", "A stated limit of size is exceeded."),
    errors.StatementNotAcceptable: (
        422,
        "statement-not-acceptable",
        "The statement is not acceptable.",
    ),
    errors.LintRefused: (422, "lint", "The record breaks rules."),
    errors.KeyReused: (
        422,
        "key-reused",
        "The Idempotency-Key was used before for another request.",
    ),
    errors.Unreadable: (422, "unreadable", "The sealed document cannot be opened."),
    errors.TooMany: (429, "too-many", "A rate or quota is used up. Try again later."),
    errors.Unavailable: (
        503,
        "unavailable",
        "Something this needs is not available at the moment. Try again later.",
    ),
    errors.LogNotWitnessed: (
        503,
        "log-not-witnessed",
        "The log has not been witnessed for too long; nothing new is disclosed until it is.",
    ),
    errors.StorageFull: (507, "storage-full", "There is no room for another document."),
}


NEXT_STEP: dict[type[ExchangeError], str] = {
    errors.Unauthenticated: "Get an access token at POST /oauth2/token and send it as "
    "Authorization: Bearer. If that route refuses, check the clock, the agency id and the "
    "registered key.",
}
"""Silent classes with more to say than their title: the same for everybody."""


def every_class(root: type[ExchangeError] = ExchangeError) -> list[type[ExchangeError]]:
    below = [one for direct in root.__subclasses__() for one in every_class(direct)]
    return [root, *below]


def test_every_status_has_a_literal_vector() -> None:
    assert problems.STATUS.keys() == LITERAL.keys()


@pytest.mark.parametrize("error", LITERAL, ids=lambda one: one.__name__)
def test_an_error_without_words_renders_as_written_here(error: type[ExchangeError]) -> None:
    status, code, text = LITERAL[error]

    problem = problems.to_problem(error())

    expected: dict[str, Any] = {
        "type": f"urn:consent-exchange:problem:{code}",
        "title": text,
        "status": status,
        "detail": NEXT_STEP.get(error, text),
    }
    if error is LintRefused:
        expected["findings"] = []
    assert problem == expected


@pytest.mark.parametrize("error", LITERAL, ids=lambda one: one.__name__)
def test_only_telling_classes_send_their_own_words(error: type[ExchangeError]) -> None:
    made = error.__new__(error)
    Exception.__init__(made, CANARY)
    if isinstance(made, LintRefused):
        made.findings = ()

    problem = problems.to_problem(made)

    telling = {"Malformed", "TooLarge", "Conflict", "KeyReused", "LintRefused"}
    assert (problem["detail"] == CANARY) is (error.__name__ in telling)
    assert CANARY not in problem["title"]


@pytest.mark.parametrize(
    "inside", [one for one in every_class() if "code" not in vars(one)], ids=lambda i: i.__name__
)
def test_what_is_known_inside_only_renders_as_its_parent(inside: type[ExchangeError]) -> None:
    public = next(one for one in inside.__mro__ if one in LITERAL)
    made = inside.__new__(inside)
    Exception.__init__(made, CANARY)

    problem = problems.to_problem(made)

    assert problem == problems.to_problem(public())


def test_findings_carry_what_the_author_needs() -> None:
    found = (Finding("L02", "warn", "recipients"), Finding("L15", "refuse", "valid_until", 183))

    problem = problems.to_problem(LintRefused("The record breaks rules.", findings=found))

    assert problem["findings"] == [finding_payload(finding) for finding in found]
    again = problems.from_problem(problem)
    assert isinstance(again, LintRefused)
    assert again.findings == found


def test_a_statement_that_is_a_record_names_the_rule_about_its_signatures() -> None:
    error = errors.Tampered(step=6)
    error.findings = (Finding("L47", "refuse", "signatures"),)

    problem = problems.to_problem(error)

    assert problem["type"] == problems.TYPE_PREFIX + "statement-not-acceptable"
    assert problem["detail"] == "The statement is not acceptable."
    assert [found["id"] for found in problem["findings"]] == ["L47"]
    assert "findings" not in problems.to_problem(errors.Tampered(step=6))


@pytest.mark.parametrize("error", LITERAL, ids=lambda one: one.__name__)
def test_a_problem_becomes_the_same_class_again(error: type[ExchangeError]) -> None:
    again = problems.from_problem(problems.to_problem(error()))

    assert type(again) is error
    assert str(again) == NEXT_STEP.get(error, LITERAL[error][2])


@pytest.mark.parametrize("problem", [{}, {"type": "urn:other"}, {"type": None}, {"type": ["x"]}])
def test_an_unknown_problem_is_the_base_class(problem: dict[str, Any]) -> None:
    assert type(problems.from_problem(problem)) is ExchangeError


def test_a_hub_cannot_send_a_long_text_or_odd_findings() -> None:
    long = problems.from_problem({"type": problems.TYPE_PREFIX + "conflict", "detail": "x" * 9000})
    odd = problems.from_problem({"type": problems.TYPE_PREFIX + "lint", "findings": "none"})
    mixed = problems.from_problem(
        {"type": problems.TYPE_PREFIX + "lint", "findings": [1, {"id": 7}, None]}
    )

    assert len(str(long)) == 2000
    assert isinstance(odd, LintRefused)
    assert odd.findings == ()
    assert isinstance(mixed, LintRefused)
    assert mixed.findings == ()


@pytest.mark.parametrize("status", problems.HTTP_CODES)
def test_what_http_refuses_has_one_constant_problem(status: int) -> None:
    code, text = problems.HTTP_CODES[status]

    assert problems.http_problem(status) == {
        "type": f"urn:consent-exchange:problem:{code}",
        "title": text,
        "status": status,
        "detail": text,
    }
    assert HTTPStatus(status).value == status


def test_another_status_of_http_is_internal() -> None:
    problem = problems.http_problem(599)

    assert (problem["type"], problem["status"]) == (problems.TYPE_PREFIX + "internal", 599)


def test_statuses_are_those_of_their_classes() -> None:
    for error, (status, code, _text) in LITERAL.items():
        assert problems.STATUS[error] == status
        assert problems.BY_TYPE[problems.TYPE_PREFIX + code] is error
    assert issubclass(Malformed, ExchangeError)
    assert not issubclass(NotPermitted, Unreadable)
