"""Errors as RFC 9457 problems, in both directions: the one table of HTTP statuses.

Silent unless listed: a class speaks outside only if `TELLING` names it, so a new error cannot
leak by being forgotten.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from exchange.errors import (
    Conflict,
    ExchangeError,
    KeyReused,
    LintRefused,
    LogNotWitnessed,
    Malformed,
    NotFound,
    NotPermitted,
    StatementNotAcceptable,
    StorageFull,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unreadable,
    title,
)
from exchange.wire.findings import finding_payload, read_findings

MEDIA_TYPE = "application/problem+json"
"""RFC 9457, section 3."""
TYPE_PREFIX = "urn:consent-exchange:problem:"
"""A URN, because there is no public host; each code has a section in docs/errors.md."""

STATUS: Mapping[type[ExchangeError], HTTPStatus] = {
    ExchangeError: HTTPStatus.INTERNAL_SERVER_ERROR,
    Malformed: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    NotPermitted: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    StatementNotAcceptable: HTTPStatus.UNPROCESSABLE_ENTITY,
    LintRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    LogNotWitnessed: HTTPStatus.SERVICE_UNAVAILABLE,
    StorageFull: HTTPStatus.INSUFFICIENT_STORAGE,
}

TELLING = frozenset({Malformed, TooLarge, Conflict, KeyReused, LintRefused})
"""Classes whose own text goes out. Of all others the caller reads the title and nothing else."""

NEXT_STEP: Mapping[type[ExchangeError], str] = {
    Unauthenticated: "Get an access token at POST /oauth2/token and send it as Authorization: "
    "Bearer. If that route refuses, check the clock, the agency id and the registered key.",
}
"""What to do next, where the title alone would leave the caller helpless."""

BY_TYPE: Mapping[str, type[ExchangeError]] = {TYPE_PREFIX + error.code: error for error in STATUS}

HTTP_CODES: Mapping[int, tuple[str, str]] = {
    400: ("malformed-request", "The request cannot be parsed."),
    404: ("not-found", "Not found."),
    405: ("method-not-allowed", "The route does not have this method; see the header Allow."),
    406: ("not-acceptable", "The answer does not exist in an accepted media type."),
    408: ("request-timeout", "The request did not arrive in time."),
    409: ("conflict", "The request does not fit the present state."),
    411: ("length-required", "The request needs a Content-Length."),
    412: ("precondition-failed", "A precondition in the request headers is not met."),
    413: ("too-large", "A stated limit of size is exceeded."),
    415: ("unsupported-media-type", "The route does not read this media type or content coding."),
    416: ("range-not-satisfiable", "The range lies outside the payload."),
    417: ("expectation-failed", "The expectation cannot be met."),
    421: ("misdirected-request", "The host in the request is not served here."),
    431: ("head-too-large", "The request head is too large."),
    503: ("unavailable", "Something this needs is not available. Try again later."),
}
"""Code and title of what HTTP itself refuses, by status; all other statuses are `internal`."""


def to_problem(error: ExchangeError) -> dict[str, Any]:
    """Render `error`; `status` repeats the HTTP status, `findings` is our one extension member.

    A class without a status of its own is rendered as its nearest parent that has one: which
    check failed would be an oracle.
    """
    public = next(c for c in type(error).__mro__ if issubclass(c, ExchangeError) and c in STATUS)
    problem: dict[str, Any] = {
        "type": TYPE_PREFIX + public.code,
        "title": title(public),
        "status": STATUS[public].value,
        "detail": str(error) if type(error) in TELLING else NEXT_STEP.get(public, title(public)),
    }
    if isinstance(error, LintRefused) or (
        isinstance(error, StatementNotAcceptable) and error.findings
    ):
        problem["findings"] = [finding_payload(finding) for finding in error.findings]
    return problem


def http_problem(status: int) -> dict[str, Any]:
    """Render what HTTP itself refuses: the constant problem of `status`."""
    code, text = HTTP_CODES.get(status, ("internal", title(ExchangeError)))
    return {"type": TYPE_PREFIX + code, "title": text, "status": status, "detail": text}


def from_problem(problem: Mapping[str, Any]) -> ExchangeError:
    """Rebuild the error a hub reported; an unknown type becomes the base class, not a crash."""
    cls = BY_TYPE.get(str(problem.get("type")), ExchangeError)
    detail = str(problem.get("detail", ""))[:2000]
    if cls is LintRefused:
        return LintRefused(detail, findings=read_findings(problem.get("findings")))
    return cls(detail)
