"""From the first agreement over a withdrawal to a court: what both agencies export verifies alone.

Real processes and real homes, by the command line alone.
"""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from exchange.audit.coverage import read_coverage
from exchange.canonical import loads
from exchange.cli import demo_crossing, demo_setting, demo_withdrawal
from exchange.cli.demo_processes import processes, until
from exchange.cli.demo_report import Report
from exchange.cli.demo_scene import RECIPIENT, SENDER, Scene
from exchange.cli.main import main
from tests.ports import free_port


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Yield a hub and two gateways."""
    logs = tmp_path / "logs"
    logs.mkdir()
    with processes(logs) as beside:
        made = Scene(
            folder=tmp_path,
            report=Report(Console(file=io.StringIO())),
            processes=beside,
            origin=f"http://127.0.0.1:{free_port()}",
            exp=int((datetime.now(UTC) + timedelta(days=7)).timestamp()),
            keys=(),
        )
        demo_setting.set_up(made)
        yield made


def verified(capsys: pytest.CaptureFixture[str], target: Path, policy: Path) -> Any:
    """Return how `exchange log verify` ends, and its checks."""
    ended = main(["log", "verify", str(target), "--policy", str(policy), "--json"])
    return ended, loads(capsys.readouterr().out.encode(), limit=100_000)["checks"]


@pytest.mark.timeout(240)
def test_what_two_agencies_export_proves_a_disclosure_without_the_hub(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    demo_setting.agree(scene, today=(now - timedelta(days=1)).date().isoformat())
    refusal = demo_crossing.refuse_without_consent(scene)
    until = (now + timedelta(days=90)).date().isoformat()
    consent = demo_crossing.record_consent(scene, refusal, until_day=until)
    disclosure = demo_crossing.send_letter(scene, consent)
    demo_crossing.receive_letter(scene, disclosure)
    scene.processes.stop(RECIPIENT)
    demo_withdrawal.withdraw(scene, consent)
    scene.act(RECIPIENT, "gateway", "fetch")  # erases, and signs that it has

    policies = {agency: scene.home(agency) / "log-policy" for agency in (SENDER, RECIPIENT)}
    exports = {SENDER: tmp_path / "sender.tar", RECIPIENT: tmp_path / "recipient"}
    for agency, out in exports.items():
        said = scene.act(agency, "log", "export", "--out", str(out))
        assert "exported" in said
    audited = tmp_path / "audited.tar"  # by an auditor at the hub, while it serves
    scene.processes.run("log", "export", "--hub-home", str(scene.hub), "--out", str(audited))
    scene.processes.stop_all()  # from here on there is neither hub nor gateway

    for agency, out in exports.items():
        ended, checks = verified(capsys, out, policies[agency])
        assert ended == 0, [one for one in checks if one["outcome"] != "good"]
        words = ["consent", "allowed", str(out), "--policy", str(policies[agency])]
        assert main([*words, "--disclosure", disclosure]) == 0, capsys.readouterr()
        assert "permit" in capsys.readouterr().out
    assert verified(capsys, audited, policies[SENDER])[0] == 0
    assert read_coverage((exports[RECIPIENT] / "coverage.json").read_bytes()).agency == RECIPIENT


@pytest.mark.timeout(240)
def test_an_export_of_a_successor_holds_no_head_of_the_log_that_was_closed(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo_setting.agree(scene, today=(datetime.now(UTC) - timedelta(days=1)).date().isoformat())
    scene.act(SENDER, "gateway", "fetch")  # keeps the newest head
    scene.processes.stop("hub")
    words = ("--reason", "key-stolen", "--yes", "--home", str(scene.hub))
    setting = scene.processes.run("log", "succeed", *words).rpartition("set ")[2]
    settings = scene.hub / "hub.toml"
    settings.write_text(settings.read_text().replace("[log]\n", f"[log]\n{setting}\n"))
    (tmp_path / "logs" / "hub.log").unlink()  # it says of the hub before that it serves
    demo_setting.serve_hub(scene)

    policy, out = tmp_path / "policy", tmp_path / "export"
    policy.write_text(scene.processes.run("log", "policy", "--home", str(scene.hub)))
    scene.act(SENDER, "gateway", "log-policy", str(policy))
    scene.act(SENDER, "gateway", "fetch")
    for _ in until("a head of the new log is published"):
        if scene.call(SENDER, "GET", "/log/checkpoint").status == 200:
            break
    scene.act(SENDER, "log", "export", "--out", str(out))
    ended, checks = verified(capsys, out, policy)
    assert ended == 0, [one for one in checks if one["outcome"] != "good"]
