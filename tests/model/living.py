"""What every machine of this folder lives in: a hub on real files, closed and opened at will."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.simulator import Simulator

S = TypeVar("S", bound=Simulator)

MEMORY = Path("/dev/shm")
"""A sync costs nothing there."""
CI = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


class Living(RuleBasedStateMachine, Generic[S]):
    """See the module; a machine calls `live` when it begins."""

    sim: S

    def live(self, make: Callable[[Path], S]) -> None:
        """Open a new hub with everybody admitted and an agreement in force."""
        where = MEMORY if os.access(MEMORY, os.W_OK) else None
        self.root = Path(tempfile.mkdtemp(dir=where, prefix="exchange-"))
        self.runner = asyncio.Runner()
        self.sim = make(self.root)
        self.life = self.sim.running()
        self.run(self.life.__aenter__())
        self.run(self.sim.arrange())

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @property
    def lives(self) -> bool:
        return hasattr(self, "runner")

    def teardown(self) -> None:
        if self.lives:
            self.run(self.life.__aexit__(None, None, None))
            self.runner.close()
            shutil.rmtree(self.root)

    @rule()
    def restart(self) -> None:
        self.run(self.life.__aexit__(None, None, None))
        self.life = self.sim.running()
        self.run(self.life.__aenter__())
