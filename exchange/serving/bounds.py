"""How long a client may take and how many there may be: what settings of a server must say."""

from typing import Protocol


class Deadlines(Protocol):
    """Seconds and rates for every request; the hub's `[http]` is one."""

    @property
    def head_s(self) -> float:
        """Seconds for the head of a request to arrive."""

    @property
    def idle_s(self) -> float:
        """Seconds a kept connection may be idle."""

    @property
    def body_s(self) -> float:
        """Seconds for a whole small body to arrive; also for one silent moment of a stream."""

    @property
    def stall_s(self) -> float:
        """Seconds a client may leave an answer unread before the connection is cut."""

    @property
    def slowest_body(self) -> float:
        """Bytes per second a streamed body must keep up, over each `slowest_window_s`."""

    @property
    def slowest_window_s(self) -> float:
        """Seconds over which the rate of a streamed body is measured."""

    @property
    def shutdown_s(self) -> float:
        """Seconds that requests under way get when the server stops."""

    @property
    def trusted_proxies(self) -> tuple[str, ...]:
        """Addresses or networks that may open any number of connections."""


class Places(Protocol):
    """How many connections are admitted; the hub's `[listen]` is one."""

    @property
    def connections(self) -> int:
        """Open connections in all."""

    @property
    def connections_per_address(self) -> int:
        """Open connections of one address."""
