"""Rules about all files of the repository."""

import re
from pathlib import Path

import pytest

from tests.house.source import ROOT, committed

TOP = {
    *("exchange", "plugins", "keys", "tests", "deploy", "docs"),
    *("pyproject.toml", "README.md", "Makefile", "CHANGELOG.md", "LICENSE", "requirements.lock"),
}
PRIVATE = re.compile(
    r"BEGIN (?:ENCRYPTED |EC |RSA |OPENSSH )?PRIVATE KEY-----\s+[A-Za-z0-9+/]"
    r"|AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{20}"
)
PUBLIC_SAMPLES = {
    "tests/vectors/",
    "tests/unit/keyring/",
    "tests/unit/envelope/",
    "tests/unit/agency/",
}
"""Where published sample identities of specifications and keys made from a word are vectors."""
OUTSIDE = ["/work" + "/", "." + "library", "/tmp" + "/plan"]
REGISTRIES = [
    "pypi" + ".org",
    "python" + "hosted",
    "registry." + "npmjs",
    "npmjs" + ".org",
    "--extra" + "-index",
]
PEOPLE = re.compile(
    r"\b(muster" + r"mann|muster" + r"frau|ali" + r"ce|bo" + r"b|john d" + r"oe)\b", re.IGNORECASE
)


def text_of(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace")


def named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def test_the_top_level_holds_what_the_layout_says() -> None:
    found = {file.relative_to(ROOT).parts[0] for file in committed()}
    assert {name for name in found if not name.startswith(".")} <= TOP


def test_the_lock_names_packages_and_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(
        r"://|--index|--find-links|file:|^-e |^consent-exchange|^exchange", lock, re.MULTILINE
    )
    for block in re.split(r"\n(?=\S)", lock.strip()):
        if not block.startswith("#"):
            assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", block), block[:60]
            assert "--hash=sha256:" in block, block[:60]


def test_the_lock_covers_every_stated_dependency() -> None:
    locked = set(re.findall(r"^([a-z0-9-]+)==", text_of(ROOT / "requirements.lock"), re.MULTILINE))
    for file in [ROOT / "pyproject.toml", *(ROOT / "plugins").glob("*/pyproject.toml")]:
        for name in re.findall(r'"([a-z0-9-]+)(?:\[\w+\])?>=', text_of(file)):
            assert name in locked, f"{file.name}: {name}"


@pytest.mark.parametrize("word", REGISTRIES)
def test_no_file_names_a_package_registry(word: str) -> None:
    assert [named(file) for file in committed() if word in text_of(file)] == []


@pytest.mark.parametrize("word", OUTSIDE)
def test_no_file_mentions_a_folder_outside(word: str) -> None:
    assert [named(file) for file in committed() if word in text_of(file)] == []


def test_no_private_key_lies_in_the_tree() -> None:
    found = [named(file) for file in committed() if PRIVATE.search(text_of(file))]
    assert [name for name in found if not any(map(name.startswith, PUBLIC_SAMPLES))] == []


def test_nobody_is_named() -> None:
    own = [file for file in committed() if "static" not in file.parts and file.name != "LICENSE"]
    assert [named(file) for file in own if PEOPLE.search(text_of(file))] == []


def test_decisions_are_numbered_without_a_gap_and_have_their_four_parts() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        for part in ("## Context", "## Options", "## Decision", "## Consequences"):
            assert part in text_of(record), f"{record.name}: {part}"


def test_every_target_of_make_is_explained() -> None:
    make = text_of(ROOT / "Makefile")
    phony = re.search(r"^\.PHONY: (.*)$", make, re.MULTILINE)
    assert phony is not None
    for target in phony[1].split():
        assert re.search(rf"^{target}:.*## \S", make, re.MULTILINE), target


def test_the_readme_shows_exactly_two_commands() -> None:
    shown = re.findall(r"^    (\S.*)$", text_of(ROOT / "README.md"), re.MULTILINE)
    assert shown == ["make demo", "make test"]
