"""exchange.wire.local_shapes and local_routes: strict, and one route for each operation."""

import json

import pytest
from pydantic import ValidationError

from exchange.wire.local_routes import OPERATIONS
from exchange.wire.local_shapes import ConsentDraft, EventsQuery, Submission

ID = "2b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a02"
GIVEN = {"consent": ID, "recipients": ["women-b"], "category": "energy-bill"}


def read(**members: object) -> Submission:
    return Submission.model_validate_json(json.dumps({**GIVEN, **members}))


def test_a_submission_needs_consent_and_recipients() -> None:
    assert read().joint is False
    for name in ("consent", "recipients"):
        with pytest.raises(ValidationError):
            Submission.model_validate_json(json.dumps({**GIVEN, name: None}))


@pytest.mark.parametrize(
    "members",
    [
        {"recipients": []},
        {"recipients": ["women-b"] * 33},
        {"secrecy": "public"},
        {"joint": "yes"},
        {"file": {"name": ""}},
        {"file": {"name": "a", "media_type": "pdf"}},
        {"outgoing": "../evil"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_a_submission_does_not_have_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(**members)
    assert "evil" not in str(refused.value)


def test_waiting_for_events_is_bounded() -> None:
    assert EventsQuery.model_validate({"after": "7", "wait": "60"}).after == 7
    for wrong in ({"wait": "61"}, {"after": "-1"}, {"limit": "1001"}, {"other": "1"}):
        with pytest.raises(ValidationError):
            EventsQuery.model_validate(wrong)


def test_a_draft_of_a_consent_shows_nobody_in_its_errors() -> None:
    with pytest.raises(ValidationError) as refused:
        ConsentDraft.model_validate_json(json.dumps({"subject": {"family_name": 1, "x": "CANARY"}}))
    assert "CANARY" not in str(refused.value)


def test_every_operation_has_a_name_and_a_route_of_its_own() -> None:
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    assert len({(one.method, one.path) for one in OPERATIONS}) == len(OPERATIONS)
