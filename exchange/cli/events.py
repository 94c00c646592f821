"""What a process of the exchange writes to its log: constant event names and listed fields.

Everything else is dropped in front of the renderer, of our events and of whatever arrives
through the standard library. Configured once, by the command that starts the process.
"""

import logging
import sys
from collections.abc import Sequence
from typing import TextIO

import structlog
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
    }
)
"""Fields an event may have. A new one is a decision: could it name or betray a person?"""
ALWAYS = frozenset({"event", "level", "logger", "timestamp"})
"""What every line has."""


def only_what_is_allowed(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep allowed fields of our events; of a foreign record only where it was logged."""
    record: logging.LogRecord = event["_record"]
    cause = event.get("exc_info")
    cause = sys.exc_info() if cause is True else cause
    cause = cause[1] if isinstance(cause, tuple) else cause
    if isinstance(cause, BaseException):
        event["positions"] = positions(cause)
    if not event["_from_structlog"]:
        # Its text cannot be trusted: drivers quote rows, parsers quote input.
        event = {name: event[name] for name in (*ALWAYS, "positions") if name in event}
        event["event"] = f"{record.module}:{record.lineno}"
    return {name: value for name, value in event.items() if name in FIELDS | ALWAYS}


def configure(stream: TextIO, *, level: int = logging.INFO) -> None:
    """Send every event and every foreign record to `stream`, one line of JSON each."""
    shared: Sequence[Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[only_what_is_allowed, structlog.processors.JSONRenderer()],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
