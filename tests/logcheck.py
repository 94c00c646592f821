"""The foreign verifier of logs: tests/foreign/logcheck, built from source with Debian's Go.

Mark a test that uses it with `go`. Nothing is fetched: the packages lie where Debian puts them.
"""

import os
import subprocess
from pathlib import Path

from tests import needs

SOURCE = needs.FOREIGN.parent / "logcheck" / "logcheck.go"
LIBRARIES = Path("/usr/share/gocode")

go = needs.tool("go", "golang-go golang-golang-x-mod-dev")


def built(folder: Path) -> Path:
    """Build the program in `folder` and return it; takes some 2 s."""
    offline = {
        "GO111MODULE": "off",
        "GOPATH": str(LIBRARIES),
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOCACHE": str(folder / "cache"),
    }
    program = folder / "logcheck"
    subprocess.run(
        ["go", "build", "-o", program, SOURCE], env={**os.environ, **offline}, check=True
    )
    return program


def checked(program: Path, vkey: str, *folders: Path) -> tuple[int, str, str]:
    """Verify logs by their key; return exit status, one line per log, and what was wrong."""
    done = subprocess.run([program, vkey, *folders], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
