"""`exchange hub serve`: one process, or several that share the port."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from exchange.cli.hub_home import Home, alone_in, settings_in
from exchange.cli.systemd import READY, notify
from exchange.errors import Malformed, Misconfigured

if TYPE_CHECKING:
    from exchange.audit.checkpoint import Checkpoint
    from exchange.hub.serve import Worker
    from exchange.hub.settings import HubSettings

WORKER = "--worker"


def serve(
    *,
    home: Home = Path("hub"),
    accept_head: Annotated[
        str | None,
        Parameter(
            help="Say that this is the newest head of the log, SIZE:ROOT as in its checkpoint. "
            "Only where the hub says that nobody could confirm it and you know it: recorded."
        ),
    ] = None,
    worker: Annotated[int | None, Parameter(name=WORKER, show=False)] = None,
) -> None:
    """Serve until interrupted; events go to standard error, one line of JSON each.

    When the process is asked to stop, requests under way are finished, for as long as
    `http.shutdown_s` says. With `workers` above 1, which needs PostgreSQL, so many processes
    share the port; if one dies, all stop. Behind a proxy, let it end TLS, limit requests and set
    timeouts.
    """
    from exchange.hub.serve import Worker
    from exchange.hub.supervise import supervise

    if sys.flags.optimize:  # a parser below us may rest on an assertion, and one did
        raise Misconfigured("start Python without -O and without PYTHONOPTIMIZE")
    settings = settings_in(home)
    accepted = None if accept_head is None else _head(accept_head, settings.log_origin)
    os.umask(0o077)  # also what SQLite puts beside its databases is for this user alone

    def listening() -> None:
        print(f"serving {settings.origin}", flush=True)

    def ready() -> None:
        listening()
        notify(READY)

    if worker is not None:  # started by another one, which holds the lock
        started = Worker(index=worker, parent=sys.stdin.fileno())
        _run(settings, listening, started, accepted)
        return
    with alone_in(home):
        if settings.workers == 1:
            _run(settings, ready, Worker(), accepted)
            return
        # -P: nothing that lies in the folder of the operator's shell is taken for a module.
        begin = [sys.executable, "-P", "-m", "exchange.cli.main"]
        begin += ["hub", "serve", "--home", str(home)]
        if accept_head is not None:
            begin += ["--accept-head", accept_head]
        if code := supervise(lambda index: [*begin, WORKER, str(index)], settings.workers, ready):
            sys.exit(code)


def _head(text: str, origin: str) -> "Checkpoint":
    """Return the head that the operator names."""
    from exchange.audit.checkpoint import Checkpoint
    from exchange.audit.spelling import read_base64, read_number

    size, _, root = text.partition(":")
    try:
        return Checkpoint(origin, read_number(size), read_base64(root))
    except Malformed:
        raise Misconfigured(
            "--accept-head is SIZE:ROOT, the second and the third line of a checkpoint"
        ) from None


def _run(
    settings: "HubSettings",
    ready: Callable[[], None],
    worker: "Worker",
    accepted: "Checkpoint | None",
) -> None:
    from exchange.cli.events import configure
    from exchange.hub.serve import serve as run
    from exchange.threads import Loop

    configure(sys.stderr)
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(run(settings, ready=ready, worker=worker, accepted=accepted))
