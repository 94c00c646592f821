"""What a benchmark says: one figure against its bound, as one line of JSON."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure and the bound it must hold."""

    name: str
    value: float
    bound: float
    unit: str
    sense: Literal["at most", "at least"]

    @property
    def holds(self) -> bool:
        """Tell whether the value keeps the bound."""
        return self.value <= self.bound if self.sense == "at most" else self.value >= self.bound

    def line(self) -> str:
        """Return the figure as `make bench` prints it."""
        return json.dumps(
            {
                "name": self.name,
                "value": round(self.value, 3),
                "bound": self.bound,
                "holds": self.holds,
                "unit": f"{self.unit}, {self.sense}",
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One run that yields one or more figures."""

    names: tuple[str, ...]
    """Names of the figures it yields, in order."""
    run: Callable[["Report"], list[Figure]]


Report = Callable[[str], None]
"""Takes one line about progress or absolute values; goes to standard error."""
