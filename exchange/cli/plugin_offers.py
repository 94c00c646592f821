"""Which installed plugins convert received documents, asked in a process without keys."""

import subprocess
import sys
from typing import Final

from exchange import canonical
from exchange.errors import Malformed, Misconfigured

PATIENCE_S: Final = 120
"""Seconds in which every installed plugin has said what it provides."""
_LONGEST: Final = 1024 * 1024
_UNKNOWN: Final = "what is installed cannot be listed; `exchange plugin list` says why"


def intake_plugins() -> tuple[str, ...]:
    """Return the names of the plugins that provide an intake, sorted.

    A plugin is imported to be asked. That is done in another process: this one makes keys, and what
    was imported here would be there when it does.

    Raises:
        Misconfigured: they cannot be asked.
    """
    # Also with a plugin that cannot be loaded: the others are listed.
    begin = [sys.executable, "-I", "-m", "exchange.cli.main", "plugin", "list", "--json"]
    try:
        ran = subprocess.run(  # noqa: S603 -- this very program
            begin,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )
        last = ran.stdout.splitlines()[-1:]  # a plugin may print when it is imported
        listed = canonical.loads(b"".join(last), limit=_LONGEST)
    except (OSError, subprocess.TimeoutExpired, Malformed):
        raise Misconfigured(_UNKNOWN) from None
    return tuple(sorted(_intakes(listed)))


def _intakes(listed: object) -> set[str]:
    if not isinstance(listed, list):
        raise Misconfigured(_UNKNOWN)
    agency = (one for one in listed if one["side"] == "agency")
    return {one["name"] for one in agency if "intake" in one["provides"]}
