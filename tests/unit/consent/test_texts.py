"""exchange.consent.texts and .proofread: the shipped texts, and what an own one may not be."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exchange.canonical import sha256_hex
from exchange.consent.proofread import proofread
from exchange.consent.template import KINDS, PLACEHOLDER, kind_of, read_template
from exchange.consent.texts import IN_AGREEMENTS, newest, read_texts, shipped, shipped_folder
from exchange.errors import Malformed
from exchange.vocabulary import NoticeText
from exchange.vocabulary import shipped as shipped_vocabulary

RELEASED = {
    line.split()[1]: line.split()[0]
    for line in (Path(__file__).parent / "released.txt").read_text(encoding="utf-8").splitlines()
}
"""Digest of every text that was ever released, as `sha256sum` prints them."""
LANGUAGES = {"de", "en", "de-simple"}
TEXTS = {text.key: text for text in shipped()}
GERMAN = TEXTS["consent-form", "1.0", "de"]
TURKISH = replace(GERMAN, lang="tr")


def test_released_texts_never_change() -> None:
    found = {f"{'/'.join(text.key)}.txt": sha256_hex(text.text.encode()) for text in shipped()}
    assert found == RELEASED


def test_every_file_of_the_folder_is_listed() -> None:
    def files(folder: Any, prefix: str) -> set[str]:
        found: set[str] = set()
        for entry in folder.iterdir():
            name = f"{prefix}{entry.name}"
            found |= files(entry, f"{name}/") if entry.is_dir() else {name}
        return found

    assert files(shipped_folder(), "") == {*RELEASED, "index.toml"}


def test_every_kind_of_text_comes_in_every_language() -> None:
    assert {(text.id, text.lang) for text in shipped()} == {
        (kind, lang) for kind in KINDS for lang in LANGUAGES
    }
    assert set(IN_AGREEMENTS) == KINDS.keys() - {"empty", "not-here"}
    assert not any(text.reviewed for text in shipped()), "say in the changelog who has reviewed it"


def test_the_shipped_texts_break_no_rule_but_wait_for_review() -> None:
    assert {finding.id for finding in proofread(shipped())} == {"N06"}
    assert len(proofread(shipped())) == len(RELEASED)
    assert proofread([replace(text, reviewed=True) for text in shipped()]) == ()


def easy_lines() -> list[str]:
    """Return every line a reader of easy language is shown."""
    texts = [text for text in shipped() if text.lang == "de-simple"]
    lines = [
        line for text in texts for block in read_template(text.text).blocks for line in block.lines
    ]
    vocabulary = shipped_vocabulary()
    labels = [entry.labels for entry in vocabulary.purposes.values()]
    labels += [entry.labels for entry in vocabulary.categories.values()]
    return [*lines, *(label["de-simple"] for label in labels)]


def is_hard(line: str) -> bool:
    """Tell whether a line breaks what a program can check of easy language."""
    words = re.findall(r"[A-Za-zÄÖÜäöüß-]+", PLACEHOLDER.sub("", line))
    return (
        len(words) > 12
        or not {"wird", "werden", "wurde", "würde"}.isdisjoint(word.lower() for word in words)
        or any(len(part) > 14 for word in words for part in word.split("-"))
    )


def test_easy_language_is_easy() -> None:
    assert [line for line in easy_lines() if is_hard(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        "Wir sagen es Ihnen in einem Satz, der ein Wort zu lang ist.",
        "Das Papier wird gelesen.",
        "Würde es gehen?",
        "Einverständniserklärung",
    ],
)
def test_hard_language_is_noticed(line: str) -> None:
    assert is_hard(line)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("N01", GERMAN.text.replace("== refusal\n", "== refused\n")),
        ("N01", GERMAN.text.replace("== purpose\n", "== purpose when=once\n")),
        ("N01", re.sub(r"(== withdrawal\n)[^=]*", r"\1", GERMAN.text)),
        ("N02", GERMAN.text.replace("{purpose}", "{purpose} {remark}")),
        ("N02", GERMAN.text.replace("{purpose}", "{purpose} {code}")),
        ("N02", GERMAN.text.replace("== copy\n", "== copy when=code\n")),
        ("N02", GERMAN.text.replace("== copy\n", "== copy when=tuesday\n")),
        ("N03", GERMAN.text.replace("{authority}", "uns")),
        ("N04", GERMAN.text.replace("== copy\n", "== yours\n")),
        ("N04", GERMAN.text.replace("== copy\n", "== copy when=once\n")),
        ("N04", GERMAN.text + "== more\nNoch etwas\n"),
    ],
)
def test_a_translation_that_tells_less_or_other_things_is_found(rule: str, text: str) -> None:
    assert text != GERMAN.text
    found = {finding.id for finding in proofread([GERMAN, replace(TURKISH, text=text)])}
    assert rule in found
    field = {finding.field for finding in proofread([GERMAN, replace(TURKISH, text=text)])}
    assert field == {"consent-form/1.0/de", "consent-form/1.0/tr"}


def test_a_translation_with_the_same_parts_and_names_only_waits_for_review() -> None:
    assert [finding.id for finding in proofread([TURKISH])] == ["N06"]
    assert [(finding.id, finding.field) for finding in proofread([GERMAN, TURKISH])] == [
        ("N06", "consent-form/1.0/de"),
        ("N06", "consent-form/1.0/tr"),
    ]


def test_a_released_text_with_other_bytes_is_found() -> None:
    changed = replace(GERMAN, sha256="ab" * 32, reviewed=True)
    finding = proofread([changed])
    assert [(one.id, one.severity, one.field) for one in finding] == [
        ("N05", "refuse", "consent-form/1.0/de")
    ]
    assert proofread([replace(changed, version="1.1")]) == ()


def test_versions_are_not_compared_with_each_other() -> None:
    other = replace(GERMAN, version="2.0", lang="en", text=GERMAN.text + "== more\nNoch etwas\n")
    assert {finding.id for finding in proofread([GERMAN, other])} == {"N06"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no block\n", "consent-form/1.0/tr: line 1: a text begins with"),
        ("== a\nA {brace\n", "consent-form/1.0/tr: line 2: a brace"),
    ],
)
def test_a_text_in_no_format_is_refused_by_name(text: str, expected: str) -> None:
    with pytest.raises(Malformed, match=expected):
        proofread([GERMAN, replace(TURKISH, text=text)])


def test_a_text_of_no_kind_is_refused() -> None:
    with pytest.raises(Malformed, match="no such kind"):
        proofread([replace(GERMAN, id="women-b/leaflet")])
    assert kind_of("women-b/receipt") == "receipt"


def test_an_agencys_own_text_comes_before_ours_and_a_newer_one_before_an_older() -> None:
    texts = [
        replace(GERMAN, version="1.9"),
        replace(GERMAN, version="1.10"),
        replace(GERMAN, lang="en", version="3.0"),
    ]
    assert newest(texts, "consent-form", "de").version == "1.10"
    own = replace(GERMAN, id="women-b/consent-form")
    assert newest([own, *texts], "consent-form", "de") is own
    with pytest.raises(Malformed, match="no text receipt in this language"):
        newest(texts, "receipt", "de")
    with pytest.raises(Malformed, match="no text consent-form in this language"):
        newest(texts, "consent-form", "tr")


MAKBUZ = b"== title\nMakbuz\n"
ENTRY = {
    "id": '"women-b/receipt"',
    "version": '"1.0"',
    "lang": '"tr"',
    "reviewed": "true",
    "reviewer": '"translator"',
    "sha256": f'"{sha256_hex(MAKBUZ)}"',
    "superseded_at": "2026-07-01T00:00:00Z",
}

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a function that writes a folder with one text, its index changed."""

    def write(**entry: str | None) -> Path:
        text = tmp_path / "women-b" / "receipt" / "1.0" / "tr.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_bytes(MAKBUZ)
        members = {**ENTRY, **entry}
        lines = [f"{name} = {value}" for name, value in members.items() if value is not None]
        (tmp_path / "index.toml").write_text("\n".join(["[[text]]", *lines]), encoding="utf-8")
        return tmp_path

    return write


def test_a_text_of_an_own_folder_is_read(folder: Folder) -> None:
    assert read_texts(folder()) == (
        NoticeText(
            id="women-b/receipt",
            version="1.0",
            lang="tr",
            sha256=sha256_hex(MAKBUZ),
            reviewed=True,
            text=MAKBUZ.decode(),
            superseded_at=datetime(2026, 7, 1, tzinfo=UTC),
        ),
    )
    plain = read_texts(folder(reviewed="false", reviewer=None, superseded_at=None))[0]
    assert (plain.reviewed, plain.superseded_at) == (False, None)


def test_an_index_that_office_software_wrote_is_read(folder: Folder) -> None:
    before = read_texts(folder())
    index = folder() / "index.toml"
    index.write_text(index.read_text(encoding="utf-8"), encoding="utf-8-sig", newline="\r\n")
    assert index.read_bytes().startswith(b"\xef\xbb\xbf")
    assert read_texts(index.parent) == before


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"reviewer": None}, "reviewer"),
        ({"reviewer": '"a friend"'}, "reviewer"),
        ({"reviewed": "false"}, "unknown member"),
        ({"remark": "1"}, "unknown member"),
        ({"lang": None}, "lang"),
        ({"lang": '"en"'}, "cannot be read"),
        ({"lang": '"../../secret"'}, "lang"),
        ({"id": '"../receipt"'}, "id"),
        ({"id": '"women-b/leaflet"'}, "no such kind"),
        ({"id": '"receipt"'}, "cannot be read"),
        ({"version": '"1"'}, "version"),
        ({"sha256": f'"{"0" * 64}"'}, "women-b/receipt/1.0/tr: not the digest"),
        ({"superseded_at": '"2026-07-01"'}, "superseded_at"),
        ({"superseded_at": "2026-07-01"}, "superseded_at"),
        ({"superseded_at": "1"}, "superseded_at"),
        ({"x": "1\n[[texts]]"}, "unknown member"),
        ({"x": "["}, "not TOML"),
    ],
)
def test_an_index_that_says_something_else_is_refused(
    folder: Folder, entry: dict[str, str | None], expected: str
) -> None:
    with pytest.raises(Malformed, match=expected):
        read_texts(folder(**entry))


def test_a_text_listed_twice_is_refused(folder: Folder) -> None:
    index = folder() / "index.toml"
    index.write_text((index.read_text() + "\n") * 2)
    with pytest.raises(Malformed, match="listed twice"):
        read_texts(index.parent)


@pytest.mark.parametrize("data", [b"\xff", b"== title\n\x1b[0m\n", "== a\nu\u0308\n".encode(), b""])
def test_a_text_that_shows_another_than_it_holds_is_refused(folder: Folder, data: bytes) -> None:
    made = folder(sha256=f'"{sha256_hex(data)}"')
    (made / "women-b" / "receipt" / "1.0" / "tr.txt").write_bytes(data)
    with pytest.raises(Malformed):
        read_texts(made)


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"index\.toml cannot be read"):
        read_texts(tmp_path)
    (tmp_path / "index.toml").write_bytes(b"\xff")
    with pytest.raises(Malformed, match="not TOML in UTF-8"):
        read_texts(tmp_path)
