"""The home of a hub as commands see it: its settings, and who serves it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter

from exchange.errors import Misconfigured

if TYPE_CHECKING:
    from exchange.hub.settings import HubSettings

SETTINGS_FILE = "hub.toml"
LOCK_FILE = "serve.lock"

Home: TypeAlias = Annotated[
    Path, Parameter(help="Directory of the hub, made by `exchange hub init`.")
]


def settings_in(home: Path) -> "HubSettings":
    """Return the settings of the hub in `home`, the environment over them.

    Raises:
        Misconfigured: no hub there, or settings that cannot be.
    """
    from exchange.configuration import load
    from exchange.hub.settings import HubSettings

    file = home / SETTINGS_FILE
    if not file.is_file():
        raise Misconfigured(f"there is no hub in {home}; make one: exchange hub init")
    return load(HubSettings, file).model_copy(update={"home": home})


@contextmanager
def alone_in(home: Path) -> Iterator[None]:
    """Be the only one who serves `home` while the block runs, whatever its database is.

    Raises:
        Misconfigured: somebody serves it already.
    """
    lock = os.open(home / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Misconfigured(f"another process uses {home}: a hub runs there already") from None
    finally:
        os.close(lock)
