"""The parts of requirements.lock that a deployment installs: what runs, and what builds the wheels.

`python -m tests.deploy.lock` writes them into deploy/ after `make lock`; a test says whether they
are current. What a package needs is read from what is installed here.
"""

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PLUGINS = tuple(sorted(one.parent.name for one in ROOT.glob("plugins/*/pyproject.toml")))
"""The plugins that ship: all of them. What is installed is not enabled by that."""
PARTS: Mapping[str, tuple[str, ...]] = {
    "runtime.lock": (
        "consent-exchange[forms,postgres,s3]",
        *(f"exchange-plugin-{name}" for name in PLUGINS),
    ),
    "build.lock": ("hatchling", "editables"),
}
"""What each file is for; ours themselves are not in it."""
OURS = ("consent-exchange", "exchange-plugin-")


def parts() -> dict[str, str]:
    """Return the text of each file by its name in deploy/."""
    blocks = _blocks((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    return {
        name: "".join(blocks[one] for one in sorted(_closure(wanted)) if one in blocks)
        for name, wanted in PARTS.items()
    }


def _blocks(lock: str) -> dict[str, str]:
    found = dict[str, str]()
    for block in re.split(r"\n(?=\S)", lock.strip()):
        name = re.match(r"[A-Za-z0-9._-]+", block)
        if name is not None:
            kept = [line for line in block.splitlines() if not line.lstrip().startswith("#")]
            found[canonicalize_name(name[0])] = "\n".join(kept).rstrip(" \\") + "\n"
    return found


def _closure(wanted: Iterable[str]) -> set[str]:
    """Return the names of everything that `wanted` needs, on any platform the lock is for."""
    seen, waiting = set[tuple[str, str]](), [Requirement(one) for one in wanted]
    names = set[str]()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if not name.startswith(OURS):
            names.add(name)
        for extra in ("", *one.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            waiting += _needed(name, extra)
    return names


def _needed(name: str, extra: str) -> list[Requirement]:
    try:
        found = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:  # for another platform
        return []
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": extra})]


if __name__ == "__main__":
    for name, text in parts().items():
        (ROOT / "deploy" / name).write_text(text, encoding="utf-8")
