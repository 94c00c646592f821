"""Alerts and settings for Prometheus: read strictly, and whatever they name exists."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import promql_parser as promql
import pytest
import yaml  # type: ignore[import-untyped]

from exchange.hub import heads
from exchange.hub.metrics import look
from exchange.hub.metrics.table import TABLE
from exchange.wire import problems
from tests.deploy.proxies import DEPLOY

ALWAYS = {"job", "instance"}
"""Labels that the monitoring system itself adds."""
CODES = {
    "log_stopped": set(look.CODES),
    "hub_problems_total": {one.removeprefix(problems.TYPE_PREFIX) for one in problems.BY_TYPE},
}
"""Values that the label `code` of a metric can have."""


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def labels_of(name: str) -> set[str]:
    """Return the labels of a series; KeyError if no metric has such a one."""
    known = {"up": ALWAYS} | {one.name: {*one.labels, *ALWAYS} for one in TABLE}
    return known[name]


def selectors(expression: str) -> Iterator[Any]:
    """Yield every choice of series in an expression."""
    found: list[Any] = []

    def seen(part: Any) -> bool:
        if isinstance(part, promql.MatrixSelector):
            part = part.vector_selector
        if isinstance(part, promql.VectorSelector):
            found.append(part)
        return True

    promql.walk(promql.parse(expression), seen)
    yield from {str(one): one for one in found}.values()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_is_about_metrics_and_labels_that_exist(rule: dict[str, Any]) -> None:
    chosen = list(selectors(rule["expr"]))

    words = re.findall(r"\b(?:hub|log)_[a-z_]+", rule["expr"]) or ["up"]
    assert {one.name for one in chosen} == set(words)
    for one in chosen:
        for matcher in one.matchers.matchers:
            assert matcher.name in labels_of(one.name)
            if matcher.name == "code":
                assert set(matcher.value.split("|")) <= CODES[one.name]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_how_soon_somebody_looks(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
    assert promql.parse_duration(rule.get("for", "1m")) >= timedelta(minutes=1)
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary"}
    assert rule["annotations"]["summary"].endswith(".")
    assert "{" not in rule["annotations"]["summary"]  # a template would put labels into messages


def test_alerts_have_different_names_and_the_log_has_its_own() -> None:
    names = [rule["alert"] for rule in rules()]
    watched = {one.name for rule in rules() for one in selectors(rule["expr"])}

    assert len(set(names)) == len(names)
    # What the log must never be without: lag, witnesses, a stop, and the vault.
    assert watched >= {
        *("log_pending_age_seconds", "log_pending_leaves", "log_witness_lag_seconds"),
        *("log_stopped", "log_degraded", "log_deferred_leaves", "hub_sweep_age_seconds"),
    }


def test_an_expression_that_cannot_be_read_would_be_found() -> None:
    with pytest.raises(ValueError, match="invalid"):
        list(selectors("log_degraded == == 1"))
    with pytest.raises(KeyError):
        labels_of("log_degraded_total")


def test_what_the_log_does_on_its_own_is_later_than_the_alert() -> None:
    behind = {rule["alert"]: rule["expr"] for rule in rules()}["LogBehind"]
    (bound,) = re.findall(r"log_pending_age_seconds > (\d+)", behind)

    assert float(bound) < heads.OLDEST_S


def test_prometheus_asks_the_hubs_of_the_compose_network_and_reads_the_alerts() -> None:
    settings = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    given = compose["services"]["hub-1"]["environment"]
    names = yaml.safe_load(given["EXCHANGE_HUB_METRICS__NAMES"])
    (job,) = settings["scrape_configs"]
    (targets,) = (one["targets"] for one in job["static_configs"])

    assert settings["rule_files"] == ["alerts.yaml"]
    assert (DEPLOY / "alerts.yaml").is_file()
    assert job["job_name"] == "hub"
    assert targets == [f"{name}:{given['EXCHANGE_HUB_METRICS__PORT']}" for name in names]
    assert "metrics_path" not in job  # /metrics is where everybody looks
