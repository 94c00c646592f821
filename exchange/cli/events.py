"""What a process of the exchange writes to its log: constant event names and listed fields.

Everything else is dropped in front of the renderer, of our events and of whatever arrives
through the standard library. Configured once, by the command that starts the process.
"""

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

import structlog
from pydantic_core import to_json
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from exchange.errors import positions

FIELDS = frozenset(
    {
        "agency",
        "attempt",
        "code",
        "count",
        "disclosure_id",
        "duration_ms",
        "method",
        "plugin",
        "positions",
        "request_id",
        "route",
        "size",
        "status",
        "step",
        "witness",
    }
)
"""Fields an event may have. A new one is a decision: could it name or betray a person?"""
ALWAYS = frozenset({"event", "level", "logger", "timestamp"})
"""What every line has."""
LISTED = FIELDS | ALWAYS


def only_what_is_allowed(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep allowed fields; of an error only where it was raised, never its text."""
    cause = event.get("exc_info")
    cause = sys.exc_info() if cause is True else cause
    cause = cause[1] if isinstance(cause, tuple) else cause
    if isinstance(cause, BaseException):
        event["positions"] = positions(cause)
    return {name: value for name, value in event.items() if name in LISTED}


def without_its_text(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep of a foreign record where it was logged: drivers quote rows, parsers quote input."""
    record: logging.LogRecord = event["_record"]
    kept = {name: event[name] for name in (*ALWAYS, "exc_info") if name in event}
    return {**kept, "event": f"{record.module}:{record.lineno}"}


def rendered(_logger: object, _method: str, event: EventDict) -> str:
    """Return the line: one object of JSON. The standard library's writer is made anew each time."""
    return to_json(event, fallback=repr).decode()


class Lines:
    """Where the lines of one logger go. The standard library's way takes three times as long."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        """Write to `stream` under the name that `get_logger` was given."""
        self._stream = stream
        self.name = name

    def write(self, line: str) -> None:
        """Write one line at once; a closed pipe or a full disk ends no request."""
        with suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = write


def configure(stream: TextIO, *, level: int = logging.INFO) -> None:
    """Send every event and every foreign record to `stream`, one line of JSON each."""
    shared: Sequence[Processor] = (
        structlog.contextvars.merge_contextvars,  # of which agency, where a process runs several
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    written: Sequence[Processor] = (only_what_is_allowed, rendered)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(foreign_pre_chain=shared, processors=[without_its_text, *written])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*shared, *written],
        logger_factory=lambda *name: Lines(stream, *name),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
