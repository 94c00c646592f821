"""What installed distributions offer, read from their own files (PyPA entry points specification).

The standard library answers the same (`importlib.metadata`), but importing it costs a worker more
than its interpreter's start. Nothing here imports what it finds; folders are plain texts, as in
`sys.path`: a `Path` of each would cost more than reading them.
"""

import os
import sys
from collections.abc import Mapping
from typing import Final

_INFO: Final = ".dist-info"
_POINTS: Final = "entry_points.txt"
_LARGEST: Final = 1 << 20
"""Bytes read of a list of entry points."""


def points_of(distribution: str) -> Mapping[str, tuple[tuple[str, str, str], ...]]:
    """Return the entry points of one distribution, by the folder that it is installed in.

    Args:
        distribution: its name, however written.

    Returns:
        Group, name and object reference of each, for each folder of `sys.path` that holds it:
        none or one, unless something is wrong.
    """
    wanted = _normalised(distribution)
    begins = wanted.partition("-")[0]  # the same however it is written: told before it is read
    return {
        folder: _points(os.path.join(folder, name, _POINTS))  # noqa: PTH118 - texts
        for folder in dict.fromkeys(sys.path)
        for name in _listed(folder)
        if name.endswith(_INFO)
        and name[: len(begins)].lower() == begins
        and _normalised(name.partition("-")[0]) == wanted
    }


def _normalised(name: str) -> str:
    """Return a name as it is compared: runs of `-`, `_` and `.` are one (PyPA, names)."""
    parts = name.lower().replace("_", "-").replace(".", "-").split("-")
    return "-".join(filter(None, parts))


def _listed(folder: str) -> list[str]:
    try:
        # Empty means where the process is, as for an import.
        return os.listdir(folder or os.curdir)  # noqa: PTH208 - names alone, of thousands
    except OSError:  # not there, or an archive
        return []


def _points(file: str) -> tuple[tuple[str, str, str], ...]:
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123 - texts
            lines = opened.read(_LARGEST).splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    found, group = [], ""
    for line in map(str.strip, lines):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif line and line[0] not in "#;" and "=" in line:
            name, _, value = line.partition("=")
            # "module:object [extras]": the extras are a thing of the past.
            found.append((group, name.strip(), value.partition("[")[0].strip()))
    return tuple(found)
