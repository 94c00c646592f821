"""The log in the demo: taken along while the hub runs, and verified when nothing runs any more."""

from pathlib import Path

from exchange.audit.proof import ENDING, read_receipt
from exchange.cli.demo_processes import until
from exchange.cli.demo_report import must
from exchange.cli.demo_scene import SENDER, Scene

EXPORT = "log-export"
"""Folder of the export, within the demo's."""


def take_along(scene: Scene) -> None:
    """Export the whole log as the sender's privacy officer would."""
    with scene.report.step("The sender takes the whole log along, with what it may open") as notes:
        scene.act(SENDER, "gateway", "fetch")  # what its partner has signed since
        size = max(read_receipt(file.read_bytes()).index for file in _receipts(scene)) + 1
        for _ in until("the log has published its newest head"):
            head = scene.call(SENDER, "GET", "/log/checkpoint").body
            if int(head.split(b"\n")[1]) >= size:
                break
        shown = scene.act(SENDER, "log", "export", "--out", str(scene.folder / EXPORT))
        notes.add(" ".join(shown.splitlines()[1].split()))


def verify(scene: Scene) -> None:
    """Verify the export and the sender's receipts, without hub, gateway or network."""
    with scene.report.step("Nothing runs any more: the log is verified from files alone") as notes:
        receipts = _receipts(scene)
        given = [part for receipt in receipts for part in ("--receipt", str(receipt))]
        shown = scene.processes.run(
            *("log", "verify", str(scene.folder / EXPORT)),
            *("--policy", str(scene.policy), *given),
        )
        notes.add(shown.strip().splitlines()[-1])
        notes.add(f"with {len(receipts)} receipts: of the consent, two letters, a scan, the end")


def _receipts(scene: Scene) -> list[Path]:
    """Return the receipts of everything that the sender has done."""
    found = sorted((scene.home(SENDER) / "receipts").glob(f"*{ENDING}"))
    must(found, "the sender holds no receipt")
    return found
