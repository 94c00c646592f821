"""docs/verify.md: every command of the part without our software runs, on an export of ours."""

import os
import sys
from pathlib import Path

import pytest

from tests import needs
from tests.docs.test_examples import blocks, run
from tests.exports import FILE, POLICY, STORED, Story
from tests.logs import OTHER_WITNESS_KEY, put, vkey


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Return an export and what somebody holds beside it, as the page names them."""
    story = Story()
    story.export(tmp_path / "export")
    held = {
        "POLICY": POLICY,
        "RECEIPT": story.receipt("disclosure-stored", 200),
        "MANIFEST": story.manifest,
        "CONTENTS": story.contents.raw,
        "FILE": FILE,
        "STATUS": story.status(STORED),
    }
    for name, content in held.items():
        put(tmp_path, name.lower(), content)
    return {name: str(tmp_path / name.lower()) for name in held}


def said(files: dict[str, str], folder: Path) -> list[tuple[str, int, str]]:
    """Run every block, one after the other; return its text, exit code and output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = []
    for language, text in blocks("verify.md"):
        done = run(language, text, {**os.environ, "PATH": path, **files}, folder)
        found.append((text, done.returncode, done.stdout + done.stderr))
    return found


@needs.tool("openssl", "openssl")
def test_every_command_of_the_guide_runs_and_proves_it(
    files: dict[str, str], tmp_path: Path
) -> None:
    found = said(files, tmp_path / "export")

    assert [(text, out) for text, code, out in found if code != 0] == []
    assert len(found) == 7
    told = "".join(out for _, _, out in found)
    assert told.count("Signature Verified Successfully") == 3
    assert told.count('"kind":"disclosure-stored"') == 2
    manifest, contents = found[-1][2].splitlines()[:2]
    assert manifest in told.split('"kind":"disclosure-stored"')[1]
    assert contents in found[-1][2].split("\n", 2)[2]


@needs.tool("openssl", "openssl")
def test_a_witness_that_the_quorum_can_do_without_is_named(
    files: dict[str, str], tmp_path: Path
) -> None:
    absent = f"witness w1 {vkey(OTHER_WITNESS_KEY)}\n".encode()
    put(tmp_path, "policy", POLICY.replace(b"group ", absent + b"group "))

    _, code, out = said(files, tmp_path / "export")[2]

    assert code == 0
    assert f"{OTHER_WITNESS_KEY.name} has not signed" in out
    assert out.count("Signature Verified Successfully") == 1


@needs.tool("openssl", "openssl")
@pytest.mark.parametrize(
    ("name", "failing"),
    [
        ("checkpoint", [0, 1, 2, 3]),
        ("tile/entries/001.p/63", [0, 3]),
        ("openings.jsonl", [0, 3]),
    ],
)
def test_what_was_changed_fails_where_the_guide_says_so(
    name: str, failing: list[int], files: dict[str, str], tmp_path: Path
) -> None:
    target = tmp_path / "export" / name
    raw = bytearray(target.read_bytes())
    at = raw.index(b"\n") + 7 if name == "checkpoint" else len(raw) // 2
    raw[at] ^= 1
    target.write_bytes(bytes(raw))

    found = said(files, tmp_path / "export")

    assert [number for number, (_, code, _) in enumerate(found) if code] == failing


@needs.tool("openssl", "openssl")
def test_a_status_note_that_was_changed_fails_by_its_signature(
    files: dict[str, str], tmp_path: Path
) -> None:
    note = Path(files["STATUS"])
    note.write_bytes(note.read_bytes().replace(b"\nactive\n", b"\nActive\n"))

    found = said(files, tmp_path / "export")

    assert [number for number, (_, code, _) in enumerate(found) if code] == [5]
