"""The texts themselves: those that are shipped, and those an agency adds in a folder of its own.

A folder holds `<id>/<version>/<lang>.txt` and an `index.toml` that lists each file with its
digest. Released bytes never change: another wording is another version.
"""

import tomllib
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable

from exchange.canonical import sha256_hex
from exchange.consent.template import kind_of
from exchange.days import moment_of
from exchange.errors import Malformed
from exchange.members import Members, language, version, words
from exchange.vocabulary import NoticeText

IN_AGREEMENTS = ("consent-form", "purpose-binding", "receipt", "undertaking", "withdrawal-form")
"""Kinds of texts whose bytes an agreement carries; the others name nothing of an agreement."""
LARGEST_TEXT = 64 * 1024
"""Characters of one text; the longest shipped one has about 6,000."""
MOST_TEXTS = 512
"""Texts of one folder."""


class Reviewer(StrEnum):
    """Who has read a text before it was called reviewed; never a name."""

    LAWYER = "lawyer"
    TRANSLATOR = "translator"
    READERS = "readers"
    """Readers it was written for: for easy language, readers with learning difficulties."""


def shipped() -> tuple[NoticeText, ...]:
    """Return the texts that come with this package, in all languages, sorted by `key`."""
    return read_texts(shipped_folder())


def shipped_folder() -> Traversable:
    """Return the folder of the texts that come with this package."""
    return files("exchange.consent").joinpath("notices")


def read_texts(folder: Traversable) -> tuple[NoticeText, ...]:
    """Return the texts of a folder, sorted by `key`.

    Raises:
        Malformed: `index.toml` or a file it lists is missing, not in its format, or has another
            digest than listed. What is not listed is not read.
    """
    try:
        # Office software begins what it writes with a byte order mark.
        index = tomllib.loads(folder.joinpath("index.toml").read_text("utf-8-sig"))
    except OSError:
        raise Malformed("index.toml cannot be read") from None
    except ValueError:  # UnicodeDecodeError and TOMLDecodeError; both quote the file
        raise Malformed("index.toml is not TOML in UTF-8") from None
    members = Members(index)
    found = [_text(folder, entry) for entry in members.objects("text", 1, MOST_TEXTS)]
    members.end()
    if len({text.key for text in found}) < len(found):
        raise Malformed("text: listed twice")
    return tuple(sorted(found, key=lambda text: text.key))


def newest(texts: Collection[NoticeText], kind: str, lang: str) -> NoticeText:
    """Return the text of a kind in a language: an agency's own before ours, then by version.

    Raises:
        Malformed: there is none; another language is no substitute.
    """
    found = [text for text in texts if kind_of(text.id) == kind and text.lang == lang]
    if not found:
        raise Malformed(f"there is no text {kind} in this language")
    return max(found, key=lambda text: ("/" in text.id, _numbers(text.version), text.id))


def _numbers(written: str) -> tuple[int, ...]:
    return tuple(map(int, written.split(".")))


def _text(folder: Traversable, entry: Members) -> NoticeText:
    text_id = entry.code("id")
    kind_of(text_id)
    number, lang = entry.take("version", version), entry.take("lang", language)
    reviewed = entry.flag("reviewed")
    if reviewed:  # who says so is part of saying so
        entry.word("reviewer", Reviewer)
    found = NoticeText(
        id=text_id,
        version=number,
        lang=lang,
        sha256=entry.sha256("sha256"),
        reviewed=reviewed,
        text=_content(folder.joinpath(*text_id.split("/"), number, f"{lang}.txt")),
        superseded_at=entry.take("superseded_at", _moment) if entry.has("superseded_at") else None,
    )
    entry.end()
    if sha256_hex(found.text.encode("utf-8")) != found.sha256:
        raise Malformed(f"{'/'.join(found.key)}: not the digest that index.toml lists")
    return found


def _content(file: Traversable) -> str:
    try:
        data = file.read_bytes()
    except OSError:
        raise Malformed("a text that index.toml lists cannot be read") from None
    try:
        return words(data.decode("utf-8"), size=LARGEST_TEXT, lines=True)
    except UnicodeDecodeError:
        raise Malformed("a text is not UTF-8") from None


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise Malformed("a date with its time, without quotes")
    return moment_of(value)
