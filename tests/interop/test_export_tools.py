"""The log part of an export is an ordinary one: Go's own packages accept it, folder or tar."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import logcheck
from tests.exports import Story
from tests.logcheck import go
from tests.logs import LOG_KEY, put, vkey

pytestmark = pytest.mark.xdist_group("log-tools")


@go
@pytest.mark.parametrize("form", ["folder", "tar"])
def test_go_accepts_the_log_of_an_export_and_a_receipt_beside_it(form: str, tmp_path: Path) -> None:
    story = Story()
    folder = tmp_path / "export"
    if form == "folder":
        story.export(folder)
    else:
        folder.mkdir()
        tar = story.export(tmp_path / "export.tar")
        subprocess.run(["tar", "-xf", tar, "-C", folder], check=True)
    put(folder, "stored.tlog-proof", story.receipt("disclosure-stored"))
    program = logcheck.built(tmp_path)

    status, output, errors = logcheck.checked(program, vkey(LOG_KEY), folder)
    assert (status, errors) == (0, "")
    assert output == "319 entries, 0 proofs, 1 receipts\n"

    shutil.copyfile(folder / "tile/entries/000", folder / "tile/entries/001.p/63")
    assert logcheck.checked(program, vkey(LOG_KEY), folder)[0] == 1
