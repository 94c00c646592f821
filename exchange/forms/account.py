"""Everything about one consent as a value, before it becomes a page or a PDF.

What she allowed, what came of it and the text she was shown, in words: the person's page draws the
same pieces. All of it is content, never markup.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from exchange.forms.sheet import Block, Sheet


@dataclass(frozen=True, slots=True)
class Said:
    """Some words."""

    text: str
    lang: str | None = None
    """Their language, where it is not that of everything around them."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A question and its answers, such as "From: counselling centre 3"."""

    label: str
    values: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that happened, or stands open."""

    text: str
    at: str
    stamp: str
    """The same moment for machines."""
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A text exactly as it was shown, in its own language."""

    lang: str
    blocks: tuple[Block, ...]
    """All of its lines, in order: headings, paragraphs and lists are drawn from the text itself."""
    right_to_left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A heading, and what stands under it, in this order."""

    heading: str
    hints: tuple[str, ...] = ()
    facts: tuple[tuple[Fact, ...], ...] = ()
    """In groups: one for the consent, or one for each office."""
    told: tuple[Told, ...] = field(default=(), repr=False)
    shown: Shown | None = field(default=None, repr=False)
    closing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Sheet):
    """Everything about one consent. What opens it shows its `title`, which tells nothing."""

    drawn_by: ClassVar[str] = "account"
    heading: str
    opening: tuple[str, ...]
    """Whether the consent holds, and the moment at which this was so."""
    chapters: tuple[Chapter, ...]
