"""What the hub has signed and cannot both be true: kept as evidence, and all traffic stops.

Two heads of one log; or its word that a consent is active, and the receipt of its withdrawal from
before. Nothing more is believed of such a hub and nothing more is sent to it, until an
administrator has looked.
"""

from datetime import datetime
from pathlib import Path

from exchange.agency.home import Home
from exchange.audit.proof import ENDING
from exchange.durable import sync_directory, write_bytes_durably
from exchange.errors import Misconfigured

NOTE = ".note"
"""Of the name of a file that holds a status note."""

_STOPPED = "stopped"
_FALSE = "status-false"
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
    _stop(home, file)
    return file


def stop_for_status(home: Home, note: bytes, receipt: bytes, at: datetime) -> Path:
    """Keep a status note that lies and the receipt that shows it, and stop as `stop` does.

    Returns:
        The file of the note; the receipt lies beside it. Both are as `exchange log verify` takes
        them.
    """
    name = f"{_FALSE}-{at:%Y%m%dT%H%M%S%f}"
    file = home.conflict / f"{name}{NOTE}"
    write_bytes_durably(home.conflict / f"{name}{ENDING}", receipt, replace=True)
    write_bytes_durably(file, note, replace=True)
    _stop(home, file)
    return file


def _stop(home: Home, evidence: Path) -> None:
    # The evidence first: a crash in between leaves it, and the next look stops the traffic.
    write_bytes_durably(home.conflict / _STOPPED, f"{evidence.name}\n".encode(), replace=True)


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
    if name.startswith(_FALSE):
        shown = "the hub has called a consent active after its withdrawal"
        beside = ", with the receipt of the withdrawal beside it"
    else:
        shown, beside = "the hub has shown two histories of its log", ""
    raise Misconfigured(
        f"{shown}, so nothing is exchanged with it; the evidence is {home.conflict / name}{beside}:"
        " show it to your privacy officer and to a witness of the log; once that is settled: "
        "exchange gateway resume"
    )


def resume(home: Home) -> bool:
    """Let traffic begin again; False when it was not stopped. The evidence stays."""
    if not is_stopped(home):
        return False
    (home.conflict / _STOPPED).unlink()
    sync_directory(home.conflict)
    return True
