"""exchange.wire.findings: what is told of a broken rule, and what is believed of it."""

from typing import Any

import pytest

from exchange.errors import Finding
from exchange.wire.findings import finding_payload, read_findings

OFTEN = Finding("L17", "warn", "uses")
LONG = Finding("L15", "refuse", "valid_until", 183)


def test_a_finding_is_written_with_its_words_in_both_languages() -> None:
    assert finding_payload(OFTEN) == {
        "id": "L17",
        "severity": "warn",
        "field": "uses",
        "words": {
            "de": "Für diesen Zweck reicht meist eine einmalige Weitergabe.",
            "en": "For this purpose a single disclosure is usually enough.",
        },
    }


def test_a_limit_is_told_in_days() -> None:
    written = finding_payload(LONG)

    assert written["days"] == 183
    assert written["words"]["en"] == "The period is too long. 183 days are admitted."


def test_what_was_written_is_read_again() -> None:
    written = [finding_payload(OFTEN), finding_payload(LONG)]

    assert read_findings(written) == (OFTEN, LONG)


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "L13",
        [None],
        [["L13", "collected_at"]],
        [{"field": "collected_at"}],
        [{"id": 13, "field": "collected_at"}],
        [{"id": "L99", "field": "collected_at"}],
        [{"id": "L13"}],
        [{"id": "L13", "field": 7}],
        [{"id": "L13", "field": ""}],
        [{"id": "L13", "field": "a\x1b[2J"}],
        [{"id": "L13", "field": "a" * 161}],
    ],
)
def test_what_is_no_finding_of_ours_is_left_out(sent: Any) -> None:
    assert read_findings(sent) == ()


@pytest.mark.parametrize("days", ["183", True, None, 1.5])
def test_days_are_a_number_or_nothing(days: Any) -> None:
    assert read_findings([{"id": "L15", "field": "valid_until", "days": days}]) == (
        Finding("L15", "refuse", "valid_until"),
    )


def test_words_and_severity_of_a_hub_are_not_believed() -> None:
    sent = [{"id": "L17", "severity": "refuse", "field": "uses", "words": {"de": "Nein"}}]

    assert read_findings(sent) == (OFTEN,)
