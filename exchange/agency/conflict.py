"""Two heads of one log that cannot both be true: kept as evidence, and all traffic stops.

Whoever sees that stands alone against a hub that shows it another history than others. Nothing
more is believed of it and nothing more is sent to it, until an administrator has looked.
"""

from datetime import datetime
from pathlib import Path

from exchange.agency.home import Home
from exchange.durable import sync_directory, write_bytes_durably
from exchange.errors import Misconfigured

_STOPPED = "stopped"
_BETWEEN = b"\n----\n\n"


def keep(home: Home, word: str, notes: tuple[bytes, ...], at: datetime) -> Path:
    """Write signed notes down that convict the hub together; durable on return.

    Args:
        home: of the gateway.
        word: what they show, such as `split-view`; part of the file's name.
        notes: verbatim.
        at: now, part of the file's name: evidence is never written over.
    """
    file = home.conflict / f"{word}-{at:%Y%m%dT%H%M%S%f}.txt"
    write_bytes_durably(file, _BETWEEN.join(notes), replace=True)
    return file


def stop(home: Home, notes: tuple[bytes, ...], at: datetime) -> Path:
    """Keep the evidence of a split view, and let nothing be exchanged from here on."""
    file = keep(home, "split-view", notes, at)
    # The evidence first: a crash in between leaves it, and the next look stops the traffic.
    write_bytes_durably(home.conflict / _STOPPED, f"{file.name}\n".encode(), replace=True)
    return file


def is_stopped(home: Home) -> bool:
    """Tell whether nothing may be exchanged with the hub."""
    return (home.conflict / _STOPPED).exists()


def check(home: Home) -> None:
    """Refuse to begin while nothing may be exchanged with the hub.

    Raises:
        Misconfigured: says where the evidence is and what to do.
    """
    try:
        name = (home.conflict / _STOPPED).read_text("ascii").strip()
    except FileNotFoundError:
        return
    raise Misconfigured(
        "the hub has shown two histories of its log, so nothing is exchanged with it; the "
        f"evidence is {home.conflict / name}: show it to your privacy officer and to a witness "
        "of the log; once that is settled: exchange gateway resume"
    )


def resume(home: Home) -> bool:
    """Let traffic begin again; False when it was not stopped. The evidence stays."""
    if not is_stopped(home):
        return False
    (home.conflict / _STOPPED).unlink()
    sync_directory(home.conflict)
    return True
