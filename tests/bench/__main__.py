"""Run the benchmarks: one JSON line per figure on standard output; exit 1 when one does not hold.

`python -m tests.bench [NAME]`; progress and absolute values go to standard error.
"""

import logging
import sys

from exchange.cli import events
from tests.bench import (
    agency,
    blobs,
    capacity,
    databases,
    decide,
    gateway,
    growth,
    hub,
    log_audit,
    log_load,
    log_sequence,
    officer,
    person,
    seal,
)
from tests.bench.figures import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = (
    hub.CPU,
    databases.DATABASES,
    agency.SEND,
    agency.RECEIVE,
    seal.SEAL,
    hub.UPLOAD,
    blobs.LARGE,
    agency.MEMORY,
    gateway.COLD,
    gateway.DELIVERY,
    gateway.BACKLOG,
    decide.GROWTH,
    person.HISTORY,
    person.PAGE,
    growth.GROWTH,
    officer.PAGES,
    log_audit.AUDIT,
    log_sequence.DRAIN,
    log_sequence.GROWTH,
    log_load.LATENESS,
    log_load.DISTURBED,
    capacity.TAIL,
    capacity.LOCKS,
    capacity.WITHDRAW,
)


def main(only: str | None) -> int:
    """Run all benchmarks, or the one that yields the figure `only`, with what else it yields."""
    known = [name for benchmark in BENCHMARKS for name in benchmark.names]
    if only is not None and only not in known:
        print(f"no figure {only!r}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    # Configured as every command configures it: unconfigured, events are painted on the output.
    events.configure(sys.stderr, level=logging.ERROR)
    good = True
    for benchmark in BENCHMARKS:
        if only is not None and only not in benchmark.names:
            continue
        for figure in benchmark.run(lambda line: print(f"  {line}", file=sys.stderr, flush=True)):
            print(figure.line(), flush=True)
            good = good and figure.holds
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else None))
