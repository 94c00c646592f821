"""How long a local client may take, and how many there may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What local clients may take; see `exchange.serving.bounds`."""

    head_s: float = 10
    idle_s: float = 75
    body_s: float = 30
    stall_s: float = 30
    slowest_body: float = 1024
    slowest_window_s: float = 20
    shutdown_s: float = 10
    trusted_proxies: tuple[str, ...] = ()
    connections: int = 200
    connections_per_address: int = 200
