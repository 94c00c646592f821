"""Names that aiohttp keeps private and our connection uses: an upgrade must keep them.

What they are good for is shown by tests/attacks (volume, echo, dribble, flood, methods).
"""

import inspect

from aiohttp import http_parser, web_protocol, web_server

from exchange.serving.connection import TOO_MANY_LINES


def test_the_protocol_has_the_names_that_are_overridden_and_read() -> None:
    handler = web_protocol.RequestHandler

    assert {"_waiter", "_messages", "_current_request", "_loop"} <= {
        name for cls in handler.__mro__ for name in getattr(cls, "__slots__", ())
    }
    for name in ("connection_made", "connection_lost", "data_received", "handle_error"):
        assert callable(getattr(handler, name))
    assert list(inspect.signature(handler.handle_error).parameters) == [
        "self",
        "request",
        "status",
        "exc",
        "message",
    ]


def test_the_server_keeps_what_is_handed_on() -> None:
    source = inspect.getsource(web_server.Server)

    for name in ("self._loop", "self._kwargs", "self.request_factory", "self.request_handler"):
        assert name in source


def test_the_parser_says_what_is_looked_for() -> None:
    assert TOO_MANY_LINES in inspect.getsource(http_parser)
