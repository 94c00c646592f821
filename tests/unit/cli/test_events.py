"""exchange.cli.events: what a line of the log may hold, and what it never breaks."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from exchange.cli import events

CANARY = "KANARI-3b81"


@pytest.fixture(autouse=True)
def _unconfigured() -> Iterator[None]:
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers[:] = kept
    root.setLevel(level)


@contextmanager
def logged() -> Iterator[list[Any]]:
    stream, found = io.StringIO(), list[Any]()
    events.configure(stream)
    yield found
    assert CANARY not in stream.getvalue()
    found.extend(json.loads(line) for line in stream.getvalue().splitlines())


def test_an_event_is_one_line_with_its_listed_fields() -> None:
    with logged() as lines:
        structlog.get_logger("exchange.hub").info("request", status=201, subject=CANARY)
        structlog.get_logger("exchange.hub").debug("request", status=201)

    (line,) = lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "exchange.hub",
        "status": 201,
    }


def test_of_an_error_a_line_says_where_and_never_what() -> None:
    with logged() as lines:
        try:
            int(CANARY)
        except ValueError as error:
            structlog.get_logger("a").error("bug", exc_info=error)
            structlog.get_logger("a").error("bug", exc_info=True)
            logging.getLogger("b").exception("%s", CANARY)

    assert [line["positions"][0] for line in lines] == ["ValueError"] * 3


def test_of_a_foreign_record_a_line_says_where_it_was_logged() -> None:
    with logged() as lines:
        logging.getLogger("driver").warning("%s", CANARY, extra={"status": CANARY})

    (line,) = lines
    assert line["event"].startswith("test_events:")
    assert line["logger"] == "driver"
    assert "status" not in line


@pytest.mark.parametrize("error", [BrokenPipeError, OSError, ValueError])
def test_a_log_that_cannot_be_written_ends_no_request(error: type[Exception]) -> None:
    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise error

    events.configure(Broken())
    structlog.get_logger("exchange.hub").info("request", status=200)
