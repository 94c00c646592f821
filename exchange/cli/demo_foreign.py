"""Opens a sealed document with tools that are not ours: age and tar."""

import re
import shutil
import subprocess
from pathlib import Path

from exchange.cli.demo_report import must

ADVICE = "to see it opened by a foreign program, install age >= 1.3, or node and run: make vectors"
_OLDEST = (1, 3)
"""First version of age that knows post-quantum hybrid recipients."""
_FOREIGN = Path(__file__).parents[2] / "tests" / "foreign"
"""Where `make vectors` puts the npm package age-encryption; absent in an installed package."""
_SCRIPT = """
import { Decrypter } from "age-encryption";
import { readFileSync, writeFileSync } from "node:fs";
const [key, sealed, target] = process.argv.slice(2);
const identity = readFileSync(key, "utf8").split("\\n").find((line) => line.startsWith("AGE-"));
const decrypter = new Decrypter();
decrypter.addIdentity(identity.trim());
writeFileSync(target, await decrypter.decrypt(readFileSync(sealed)));
"""


def foreign_tool() -> str | None:
    """Return what can open a hybrid age file on this machine, or None."""
    if shutil.which("tar") is None:
        return None
    if _age_version() >= _OLDEST:
        return "age"
    if shutil.which("node") and (_FOREIGN / "node_modules" / "age-encryption").is_dir():
        return "npm age-encryption"
    return None


def open_foreign(tool: str, *, key: Path, sealed: Path, into: Path) -> Path:
    """Open `sealed` with `tool` and tar; return the folder of the files.

    Args:
        tool: what `foreign_tool` returned.
        key: file of the recipient's document key, as age-keygen writes it.
        sealed: the sealed document, an age file.
        into: an empty folder.
    """
    package = into / "package.tar"
    if tool == "age":
        _run(["age", "--decrypt", "--identity", str(key), "--output", str(package), str(sealed)])
    else:
        # A script finds a package by its own place, so it lies beside a link to the packages.
        script = into / "open.mjs"
        script.write_text(_SCRIPT, encoding="utf-8")
        (into / "node_modules").symlink_to(_FOREIGN / "node_modules")
        _run(["node", str(script), str(key), str(sealed), str(package)])
        (into / "node_modules").unlink()
    _run(["tar", "--extract", "--file", str(package), "--directory", str(into)])
    return into / "files"


def _age_version() -> tuple[int, ...]:
    if shutil.which("age") is None:
        return ()
    done = subprocess.run(["age", "--version"], capture_output=True, text=True, check=False)  # noqa: S607 -- whichever age the user has
    return tuple(int(number) for number in re.findall(r"\d+", done.stdout)[:2])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- names and paths of our own
    must(done.returncode == 0, f"{command[0]} could not open the sealed document")
