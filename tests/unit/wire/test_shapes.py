"""exchange.wire.shapes and routes: strict, frozen, and one operation per route."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from exchange.wire import shapes
from exchange.wire.fields import Id
from exchange.wire.operations import OPERATIONS


def test_every_operation_has_a_name_and_a_route_of_its_own() -> None:
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    assert len({(one.method, one.path) for one in OPERATIONS}) == len(OPERATIONS)


def test_an_operation_with_an_id_in_its_path_says_its_shape() -> None:
    for one in OPERATIONS:
        named = set(re.findall(r"\{(\w+)\}", one.path))
        shaped = set() if one.path_shape is None else set(one.path_shape.model_fields)
        assert named == shaped, one.name


def test_everything_but_token_health_and_what_the_log_shows_is_authenticated() -> None:
    assert {one.name for one in OPERATIONS if not one.authenticated} == {
        "token",
        "healthz",
        "readyz",
        "log_checkpoint",
        "log_candidate",
        "log_policy",
        "log_policy_pq",
        "log_document",
        "log_tile",
        "log_cosignatures",
    }


@pytest.mark.parametrize("hours", [0, 2, -5])
def test_a_moment_is_written_in_utc_with_microseconds(hours: int) -> None:
    at = datetime(2026, 3, 2, 9, 40, tzinfo=UTC).astimezone(timezone(timedelta(hours=hours)))
    withdrawn = shapes.Withdrawn(
        id="06060606-0606-4606-8606-060606060606", consent="A" * 43, state="ended", ended_at=at
    )

    assert withdrawn.model_dump_json() == (
        '{"id":"06060606-0606-4606-8606-060606060606","consent":"' + "A" * 43 + '",'
        '"state":"ended","ended_at":"2026-03-02T09:40:00.000000Z","receipt":null}'
    )


@pytest.mark.parametrize(
    "text",
    [
        "06060606-0606-1606-8606-060606060606",
        "06060606-0606-4606-0606-060606060606",
        "06060606-0606-4606-8606-06060606060A",
        "06060606-0606-4606-8606-060606060606\n",
        "",
    ],
)
def test_an_id_is_a_version_4_uuid_in_lower_case(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[str](Id).validate_python(text)


def test_unknown_members_are_refused_and_not_quoted() -> None:
    with pytest.raises(ValidationError) as refused:
        shapes.Given.model_validate({"statement": "x", "extra": "CANARY-4711"})

    assert "CANARY-4711" not in str(refused.value)


def test_what_a_gateway_does_not_tell_of_its_plugins_is_left_out() -> None:
    untold = shapes.Capabilities(max_size=1)

    assert "plugins" not in untold.model_dump(mode="json")
    assert shapes.Capabilities(max_size=1, plugins=()).model_dump(mode="json")["plugins"] == []
