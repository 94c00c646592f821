"""What every paper has: language, title, the address of the page; and a text in its blocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import ClassVar

from exchange.forms.labels import labels
from exchange.vocabulary import Scope

ENTRY = "- "
"""How a line of a rendered text begins that is one entry of a list."""
RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})
"""Languages written from right to left, by their first subtag."""


@dataclass(frozen=True, slots=True)
class Line:
    """A name and what stands behind it; an empty value is a line to write on."""

    label: str
    value: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a text that belong together: entries of one list, or one paragraph each."""

    entries: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a text."""

    heading: str | None
    """Its first line, where that is no sentence."""
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A QR code, and what is printed beside it."""

    target: str = field(repr=False)
    """What a scanner reads."""
    caption: str
    """Says what it is; also the alternative text."""
    address: Line
    """The address of the page, to be typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Any paper; `exchange.forms.page.html` and `exchange.forms.document.pdf` render it."""

    drawn_by: ClassVar[str]
    """Name of the two files, `.html` and `.typ`, that say how it looks."""
    lang: str
    """BCP 47."""
    labels_lang: str
    """BCP 47, of the labels."""
    title: str
    link: Link
    footer: str
    """At the foot of every page."""

    @property
    def words(self) -> Mapping[str, str]:
        """The labels."""
        return labels()[self.labels_lang]

    @property
    def easy(self) -> bool:
        """Whether it is in easy language, which is printed larger."""
        return "simple" in self.lang.split("-")

    @property
    def right_to_left(self) -> bool:
        """Whether it is written from right to left."""
        return from_right_to_left(self.lang)


def link_to_page(scope: Scope, said: Mapping[str, str]) -> Link:
    """Return the QR code that ends at the address of the person's page and carries nothing."""
    page = scope.texts.page
    target = page if "://" in page else f"https://{page}"
    return Link(target, said["qr"], Line(said["address"], page))


def from_right_to_left(lang: str) -> bool:
    """Tell whether a language is written from right to left, whatever its script subtag says."""
    return lang.partition("-")[0] in RIGHT_TO_LEFT


def blocks_of(text: str) -> tuple[Block, ...]:
    """Return the blocks of a rendered text; joined again they are the text, line by line.

    A text has no mark-up. The first line of a block is its heading unless it is a sentence or
    introduces what follows; how it looks is no part of what is hashed.
    """
    return tuple(_block(block.split("\n")) for block in text.removesuffix("\n").split("\n\n"))


def _block(lines: list[str]) -> Block:
    sentence = lines[0].endswith((".", ":", ",")) or ": " in lines[0]
    headed = not sentence and not lines[0].startswith(ENTRY)
    rest = lines[1:] if headed else lines
    parts = tuple(
        Part(entries, tuple(line.removeprefix(ENTRY) if entries else line for line in grouped))
        for entries, grouped in groupby(rest, key=lambda line: line.startswith(ENTRY))
    )
    return Block(lines[0] if headed else None, parts)
