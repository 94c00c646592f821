"""exchange.cli.report: figures of an agreement, asked of a real hub."""

from datetime import UTC, datetime

import pytest

from exchange import canonical
from exchange.figures.period import month_of
from tests.cli.network import A, Network

pytestmark = pytest.mark.xdist_group("cli-network")


def test_figures_that_are_not_frozen_yet_say_when_they_are(network: Network, agreed: str) -> None:
    month = month_of(datetime.now(UTC))
    period = ("--period", month.name)
    shown = network.must("report", agreed, *period, "--format", "json", home=A).shown
    found = canonical.loads(shown.encode(), limit=65_536)
    assert found["question"] == "statistics"
    assert found["asked"] == {"agreement": agreed, "period": month.name, "by": "total"}
    assert (found["answer"]["frozen_at"], found["answer"]["rows"]) == (None, [])

    lines = network.must("report", agreed, *period, "--format", "csv", home=A).shown
    head, _, table = lines.lstrip("\ufeff").replace("\r\n", "\n").partition("\n\n")
    assert head.startswith(f"question,statistics\nagency,{A}\n")
    assert f"asked.agreement,{agreed}\nasked.period,{month.name}\nasked.by,total\n" in head
    assert '\nnotes.persons,"Nichts hier ist nach Personen' in head
    assert table.startswith("period,by,value,requests,")

    written = network.must("report", agreed, *period, "--out", "figures.pdf", home=A)
    assert f"frozen on {month.due:%Y-%m-%d}" in written.shown
    assert (network.root / "figures.pdf").read_bytes().startswith(b"%PDF-")
    again = network.refused("report", agreed, *period, "--out", "figures.pdf", home=A)
    assert "not overwritten" in again


def test_what_cannot_be_reported_is_refused(network: Network, agreed: str) -> None:
    free = network.refused("report", agreed, "--period", "2026-01-15", home=A)
    assert "2026, 2026-Q1 or 2026-03" in free
    assert "--out" in network.refused("report", agreed, "--period", "2026", home=A)
    unknown = "00000000-0000-4000-8000-000000000000"
    network.refused("report", unknown, "--period", "2026", "--format", "json", home=A)
