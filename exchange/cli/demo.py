"""`exchange demo`: a jobcentre and a women's organisation, from the agreement to the withdrawal.

Everything is real: a hub, a mail server and two gateways as processes of their own, on sockets of
this machine. Only the keys are not secret: anybody can derive them, so nothing else admits them.
"""

import importlib.util
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from exchange.cli import (
    demo_crossing,
    demo_log,
    demo_setting,
    demo_withdrawal,
    network_stage,
    network_steps,
)
from exchange.cli.demo_processes import Processes, free_port, processes
from exchange.cli.demo_report import Report
from exchange.cli.demo_scene import Scene
from exchange.cli.network_plan import read_network
from exchange.errors import ExchangeError, Misconfigured

VALID_DAYS = 90
"""Days the consent of the demo is valid."""
LIFE_DAYS = 7
"""Days after which the disclosures asked about would expire."""


def demo_app() -> App:
    """Return the command `exchange demo`."""
    app = App(
        name="demo",
        help="Show the whole journey of a document on this machine.",
        help_format="plaintext",
    )
    app.default(demo)
    return app


def demo(
    *,
    folder: Annotated[
        Path | None, Parameter(help="New folder to work in; else one is made.")
    ] = None,
    network: Annotated[
        Path | None, Parameter(help="Folder of a network to play, such as deploy/networks/1.")
    ] = None,
) -> int:
    """Show the whole journey of a document on this machine, in less than half a minute.

    Starts a hub, a mail server and two agencies' gateways as processes of their own, ends them
    again, and leaves the folder to look at. Needs no root and no server that is installed.
    """
    if importlib.util.find_spec("aiosmtpd") is None:
        raise Misconfigured(
            "the demo needs aiosmtpd: install consent-exchange[demo], or run it by `make demo`"
        )
    if folder is None:
        where = Path(tempfile.mkdtemp(prefix="exchange-demo-"))
    else:
        where = folder.absolute()
        where.mkdir(mode=0o700)
    told = None if network is None else read_network(network)
    console = Console(highlight=False)
    report = Report(console)
    report.say(f"Everything happens in {where}")
    logs = where / "logs"
    logs.mkdir()
    try:
        with processes(logs) as beside:
            scene = _scene(where, report, beside)
            if told is None:
                _play(scene)
            else:
                report.say(told.title)
                network_steps.play(network_stage.set_stage(scene, told))
            with report.step("All processes have ended when asked"):
                for name in reversed(list(beside.running)):
                    beside.stop(name)
            if told is None:
                demo_log.verify(scene)
    except (ExchangeError, OSError) as error:
        report.say(f"demo: failed: {error}")
        report.say(f"look into {where}, first into {logs}")
        return 1
    report.say(f"Look around in {where}: {', '.join(sorted(_shown(where)))}")
    report.say(f"It took {report.elapsed():.1f} s.")
    report.say("demo: ok")
    return 0


def _scene(where: Path, report: Report, beside: Processes) -> Scene:
    now = datetime.now(UTC)  # noqa: TID251 -- a command owns the clock
    return Scene(
        folder=where,
        report=report,
        processes=beside,
        origin=f"http://127.0.0.1:{free_port()}",
        exp=int((now + timedelta(days=LIFE_DAYS)).timestamp()),
    )


def _play(scene: Scene) -> None:
    now = datetime.now(UTC)  # noqa: TID251 -- a command owns the clock
    demo_setting.set_up(scene)
    demo_setting.agree(scene, today=(now - timedelta(days=1)).date().isoformat())
    refusal = demo_crossing.refuse_without_consent(scene)
    until_day = (now + timedelta(days=VALID_DAYS)).date().isoformat()
    consent = demo_crossing.record_consent(scene, refusal, until_day=until_day)
    letter = demo_crossing.send_letter(scene, consent)
    demo_crossing.open_with_foreign_tools(scene, letter)
    demo_crossing.receive_letter(scene, letter)
    demo_crossing.cross_with_scan(scene, consent)
    waiting = demo_withdrawal.send_and_wait(scene, consent)
    demo_withdrawal.withdraw(scene, consent)
    demo_withdrawal.refuse_after_withdrawal(scene, consent, waiting, refusal)
    demo_withdrawal.erase(scene)
    demo_log.take_along(scene)
    demo_withdrawal.search(scene)


def _shown(where: Path) -> list[str]:
    return [entry.name for entry in where.iterdir()]
