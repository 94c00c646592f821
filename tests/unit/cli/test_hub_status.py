"""`exchange hub status`: the log in lines that an operator reads, and nothing that is not so."""

from typing import Any

import pytest

from exchange.cli.hub_status import about_log

WELL: dict[str, Any] = {
    "size": 12,
    "pending": 0,
    "age_s": 0,
    "unwitnessed_s": 0,
    "stopped": None,
    "discloses": True,
}
CLOSED = "no new disclosure is taken until that is over; withdrawals go on"


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        pytest.param({}, [], id="all is well"),
        pytest.param(
            {"pending": 3, "age_s": 2}, ["3 entries wait, the first of them for 2 s"], id="behind"
        ),
        pytest.param(
            {"unwitnessed_s": 375},
            ["its newest heads have waited for a quorum of witnesses for 375 s"],
            id="witnesses late",
        ),
        pytest.param(
            {"unwitnessed_s": 15000, "discloses": False},
            ["its newest heads have waited for a quorum of witnesses for 15000 s", CLOSED],
            id="witnesses missing for too long",
        ),
        pytest.param(
            {"stopped": "evidence", "discloses": False},
            ["nothing is signed (evidence); see docs/transparency-log.md", CLOSED],
            id="stopped",
        ),
    ],
)
def test_the_log_is_told_in_lines(changed: dict[str, Any], lines: list[str]) -> None:
    assert list(about_log(WELL | changed)) == ["12 entries signed", *lines]


def test_a_hub_from_before_an_update_is_told_of_by_what_it_says() -> None:
    told = {name: value for name, value in WELL.items() if name != "discloses"}

    assert list(about_log(told)) == ["12 entries signed"]
    assert list(about_log(told | {"stopped": "clock"}))[-1] == CLOSED
