"""Every metric there is: name, kind, labels, unit and meaning; docs/monitoring.md says the same.

A new one is a decision: could its value, or a label, name or betray a person? No label is an
agency, and none an id.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric as it is described to whoever reads it."""

    name: str
    """As it is asked for; of a counter with `_total`."""
    kind: Literal["gauge", "counter", "histogram"] = "gauge"
    labels: tuple[str, ...] = ()
    unit: str = ""
    """A word that `name` ends with; empty: a plain number."""
    meaning: str


TABLE: Final = (
    Metric(
        name="log_pending_leaves",
        meaning="entries recorded that no signed head of the log covers yet",
    ),
    Metric(
        name="log_pending_age_seconds",
        unit="seconds",
        meaning="how long the oldest of them has waited; 0 if none waits",
    ),
    Metric(
        name="log_deferred_leaves",
        meaning="entries that wait for the vault before they can wait for the log",
    ),
    Metric(name="log_tree_size", meaning="entries in the tree"),
    Metric(name="log_signed_size", meaning="entries that the newest signed head covers"),
    Metric(
        name="log_checkpoint_age_seconds",
        unit="seconds",
        meaning="since the newest head was signed; grows while nothing happens, too",
    ),
    Metric(
        name="log_witness_lag_seconds",
        unit="seconds",
        meaning="how long a head has waited for its quorum of witnesses; 0 if none waits",
    ),
    Metric(
        name="log_degraded",
        meaning="1 while the log is behind, stopped or unwitnessed for too long, as `/readyz` says",
    ),
    Metric(
        name="log_stopped",
        labels=("code",),
        meaning="1 for the reason why this process signs nothing: `checking`, `unconfirmed`, "
        "`evidence`, `damaged` or `clock`",
    ),
    Metric(
        name="hub_requests_total",
        kind="counter",
        labels=("method", "route", "status"),
        meaning="answers, by the pattern of the route; what no route has is `unmatched`",
    ),
    Metric(
        name="hub_request_duration_seconds",
        kind="histogram",
        labels=("method", "route"),
        unit="seconds",
        meaning="how long they took, long polls and streams included",
    ),
    Metric(
        name="hub_problems_total",
        kind="counter",
        labels=("code",),
        meaning="refusals of the API, by the code that went out (docs/errors.md)",
    ),
    Metric(
        name="hub_documents_waiting",
        meaning="documents in inboxes, once for each recipient that has not answered; "
        "counted up to 100000",
    ),
    Metric(
        name="hub_notices_waiting",
        meaning="notices in the outbox, due or not; counted up to 100000",
    ),
    Metric(
        name="hub_notices_parked",
        meaning="notices given up in the last 90 days; counted up to 100000",
    ),
    Metric(
        name="hub_notices_overdue_seconds",
        unit="seconds",
        meaning="since when the oldest notice is due that no process has taken; 0 if none is",
    ),
    Metric(
        name="hub_sweep_age_seconds",
        unit="seconds",
        meaning="since this process last did a whole round of deadlines and deletions, or began",
    ),
    Metric(name="hub_database_up", meaning="1 if the database has answered within two seconds"),
    Metric(
        name="hub_database_waiting_units",
        labels=("lane",),
        unit="units",
        meaning="pieces of work of this process that wait for the database, by their queue",
    ),
    Metric(
        name="hub_payloads_missing",
        meaning="payloads that this process has looked for and not found",
    ),
    Metric(
        name="hub_room_bytes",
        labels=("place",),
        unit="bytes",
        meaning="free room where the `home` lies, and where `payloads` do if that is a disk",
    ),
    Metric(
        name="hub_reserve_bytes",
        unit="bytes",
        meaning="`disk.reserve`: with less room nothing new is stored",
    ),
)
