"""A gateway process under measurement: it makes one round and says what that took.

Loads what `exchange gateway run` loads, and nothing of the benchmark that starts it: that one has
the hub and the tests in its memory.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

import exchange.agency.serve  # noqa: F401 - loaded by the command
from exchange.agency import poll
from exchange.agency.app import open_gateway
from exchange.agency.hand_over import open_reception
from exchange.agency.receive import Outcome
from exchange.cli import events
from exchange.cli.main import root_app
from tests.bench.processes import children, peak_of, started_by


async def main(home: Path, count: int) -> None:
    """Make one round after the workers have started; print CPU seconds each and peak memory.

    Args:
        home: of the gateway.
        count: documents that wait, and have to be accepted.
    """
    root_app("gateway")  # loaded by the command, too
    with Path(os.devnull).open("w") as nowhere:
        events.configure(nowhere)
        async with open_gateway(home) as gateway, open_reception(gateway) as reception:
            before = time.process_time() + children()
            done = await poll.fetch(gateway, reception)
            assert done.outcomes == {Outcome.ACCEPTED: count}, done.outcomes
            spent = (time.process_time() + children() - before) / count
            peak = sum(peak_of(pid) for pid in (os.getpid(), *started_by(os.getpid())))
    print(spent, peak)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
