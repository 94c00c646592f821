"""Errors as RFC 9457 problems on the gateway's local API: whoever asks is the agency itself.

Unlike the hub, it says why: the reasons of a decision, the check that stopped something. No detail
holds what was sent or a person; the texts of errors never do.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from exchange.errors import (
    ExchangeError,
    Held,
    HubMisbehaves,
    NotCovered,
    Unauthenticated,
    title,
)
from exchange.wire import problems
from exchange.wire.problems import TYPE_PREFIX

OURS: Final[Mapping[type[ExchangeError], tuple[str, HTTPStatus]]] = {
    NotCovered: ("not-covered", HTTPStatus.FORBIDDEN),
    Held: ("held", HTTPStatus.CONFLICT),
    HubMisbehaves: ("hub-misbehaves", HTTPStatus.BAD_GATEWAY),
}
"""Code and status of what only a gateway says; everything else is as on the hub."""

NEEDED: Final = (
    "send the token of the home's file api-token as Authorization: Bearer; "
    "`exchange gateway status` names the home"
)


def to_problem(error: ExchangeError, *, advice: Mapping[str, str]) -> dict[str, Any]:
    """Render `error`; `reasons` are codes of what stopped it.

    Args:
        error: what happened.
        advice: a sentence by reason, of what to do next.
    """
    problem = problems.to_problem(error)
    ours = next((kind for kind in OURS if isinstance(error, kind)), None)
    if ours is not None:
        code, status = OURS[ours]
        problem |= {"type": TYPE_PREFIX + code, "title": title(ours), "status": status.value}
    problem["detail"] = NEEDED if isinstance(error, Unauthenticated) else str(error)
    if reasons := _reasons(error):
        problem["reasons"] = list(reasons)
        told = [advice[reason] for reason in reasons if reason in advice]
        problem["detail"] = "; ".join([problem["detail"], *told])
    return problem


def from_problem(problem: Mapping[str, Any]) -> ExchangeError:
    """Rebuild the error that a gateway reported."""
    code = str(problem.get("type", "")).removeprefix(TYPE_PREFIX)
    given = problem.get("reasons")
    reasons = tuple(str(reason) for reason in given) if isinstance(given, list) else ()
    if code == "not-covered":
        return NotCovered(reasons)
    if code == "held" and reasons:
        return Held(reasons[0])
    if code == "hub-misbehaves":
        return HubMisbehaves(str(problem.get("detail", ""))[:2000])
    return problems.from_problem(problem)


def _reasons(error: ExchangeError) -> tuple[str, ...]:
    if isinstance(error, NotCovered):
        return error.reasons
    return (error.reason,) if isinstance(error, Held) else ()
