"""Writes metrics in the two stock formats that monitoring systems read.

The one module that knows the library for it. A registry is made for each process and holds
nothing but what it was last shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from prometheus_client import metrics_core
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from exchange.hub.metrics.look import Samples
from exchange.hub.metrics.table import TABLE, Metric
from exchange.hub.metrics.traffic import BOUNDS, Durations

Format: TypeAlias = Literal["text/plain", "application/openmetrics-text"]
"""Media types of the formats."""


@dataclass(frozen=True, slots=True)
class Text:
    """Metrics as they go out."""

    content_type: str
    body: bytes


class Shown(Collector):
    """What a registry is shown: the values of one look."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self.samples: Mapping[str, Samples] = {}
        self.durations: Mapping[tuple[str, str], Durations] = {}

    def collect(self) -> Iterator[metrics_core.Metric]:
        """Yield every metric of the table with the values it has now."""
        for metric in TABLE:
            if metric.kind == "histogram":
                yield _histogram(metric, self.durations)
            else:
                yield _family(metric, self.samples.get(metric.name, ()))

    def describe(self) -> Iterator[metrics_core.Metric]:
        """Yield every metric without values: the registry asks when it is told of this."""
        yield from Shown().collect()


class Exposition:
    """A registry and what it is shown."""

    def __init__(self) -> None:
        """Make the registry: one of its own, nothing is global."""
        self._shown = Shown()
        self._registry = CollectorRegistry()
        self._registry.register(self._shown)

    def write(
        self,
        samples: Mapping[str, Samples],
        durations: Mapping[tuple[str, str], Durations],
        format: Format,  # noqa: A002 - the library's word
    ) -> Text:
        """Return values in one of the formats.

        Args:
            samples: by the name of their metric.
            durations: by method and pattern of the route.
            format: which one.
        """
        self._shown.samples, self._shown.durations = samples, durations
        encode, content_type = choose_encoder(format)
        return Text(content_type, encode(self._registry))


def _family(metric: Metric, samples: Samples) -> metrics_core.Metric:
    counter = metric.kind == "counter"
    make = metrics_core.CounterMetricFamily if counter else metrics_core.GaugeMetricFamily
    family = make(metric.name, metric.meaning, labels=metric.labels, unit=metric.unit)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _histogram(
    metric: Metric, durations: Mapping[tuple[str, str], Durations]
) -> metrics_core.HistogramMetricFamily:
    family = metrics_core.HistogramMetricFamily(
        metric.name, metric.meaning, labels=metric.labels, unit=metric.unit
    )
    names = [*map(str, BOUNDS), "+Inf"]
    for labels, found in durations.items():
        buckets = list(zip(names, map(float, found.up_to()), strict=True))
        family.add_metric(labels, buckets, found.total_s)
    return family
