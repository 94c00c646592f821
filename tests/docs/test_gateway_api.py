"""docs/gateway-api.md: every example runs, in order, against two gateways and a real hub."""

import os
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from exchange import canonical
from exchange.cli import demo_crossing
from exchange.cli.demo_scene import RECIPIENT, SENDER, Scene
from tests import needs
from tests.docs.test_examples import blocks, run, same_shape, scene
from tests.ports import free_port

__all__ = ["scene"]

SOON_S = 120


def listening(scene: Scene) -> dict[str, str]:
    """Start one gateway for both agencies; return the address of each one's local API."""
    found = {}
    for agency in (SENDER, RECIPIENT):
        address = f"127.0.0.1:{free_port()}"
        settings = scene.home(agency) / "gateway.toml"
        text, changed = re.subn(
            r"(?m)^#?listen = .*$", f'listen = "{address}"', settings.read_text("utf-8")
        )
        assert changed == 1
        settings.write_text(text, "utf-8")
        found[agency] = f"http://{address}"
    homes = [str(scene.home(agency)) for agency in (SENDER, RECIPIENT)]
    scene.processes.exchange("gateways", "gateway", "run", *homes, "--demo")
    ends = time.monotonic() + SOON_S
    for origin in found.values():
        while not _answers(origin):
            assert scene.processes.alive("gateways"), scene.processes.log("gateways")
            assert time.monotonic() < ends, scene.processes.log("gateways")
            time.sleep(0.1)
    return found


def _answers(origin: str) -> bool:
    try:
        with urllib.request.urlopen(f"{origin}/healthz", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@needs.tool("curl", "curl")
@pytest.mark.timeout(300)
def test_every_example_of_the_guide_runs(
    scene: tuple[Scene, demo_crossing.Consent],
    tmp_path: Path,
) -> None:
    made, consent = scene
    apis = listening(made)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "API": apis[SENDER],
        "PARTNER_API": apis[RECIPIENT],
        "HOME_DIR": str(made.home(SENDER)),
        "PARTNER_DIR": str(made.home(RECIPIENT)),
        "PARTNER": RECIPIENT,
        "CONSENT": consent.id,
    }
    work = tmp_path / "work"
    work.mkdir()
    said, ran = "", 0
    for language, text in blocks("gateway-api.md"):
        if language == "json":
            shown = canonical.loads(text.encode(), limit=10_000)
            found = canonical.loads(said.encode(), limit=1_000_000)
            assert same_shape(shown, found), f"the page shows\n{text}\nthe gateway says\n{said}"
            continue
        done = run(language, text, environment, work)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        said, ran = done.stdout, ran + 1
    assert ran >= 9
