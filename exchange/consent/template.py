"""The format of texts that persons are shown: blocks, conditions, placeholders. Nothing else.

`== block-id [when=condition]` starts a block, its lines follow; a line that is `{list}` alone
becomes one line for each entry. What may stand in a text is a closed list for each kind of text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from exchange.errors import Malformed

LISTS = frozenset(
    {"releasers", "recipients", "onward_from", "categories", "special_categories"},
)
"""Placeholders that stand for several entries."""
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
"""A name in braces."""
CONSENT_FORM = "consent-form"
KEPT = 128
"""Templates kept parsed; one takes about 15 kB."""
MANDATORY = ("purpose", "refusal", "withdrawal")
"""Blocks without which a consent form informs nobody (§ 67b(2) SGB X), in any language."""

_HEADER = re.compile(r"== ([a-z][a-z0-9-]*)(?: when=([a-z-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Admitted:
    """What texts of one kind may name: more could not be filled in."""

    placeholders: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()


KINDS: Mapping[str, Admitted] = {
    CONSENT_FORM: Admitted(
        LISTS
        | {"purpose", "count", "valid_from", "valid_until_day", "collector", "collector_contact"}
        | {"officer_contact", "hub_operator", "storage_location", "authority", "retention"}
        | {"page", "agreement"},
        frozenset({"special", "professional", "entrusted", "onward", "private"})
        | {"once", "count", "recurring", "self", "both", "guardian", "entrusting"},
    ),
    "withdrawal-form": Admitted(frozenset({"page"})),
    "purpose-binding": Admitted(
        frozenset({"releasers", "recipients", "purpose", "secrecy", "agreement"})
    ),
    "receipt": Admitted(frozenset({"code", "page"}), frozenset({"code", "no-code"})),
    "undertaking": Admitted(),
    "empty": Admitted(),
    "not-here": Admitted(),
}
"""Every kind of text by its id."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a text, shown whole or not at all."""

    id: str
    condition: str | None
    """Shown only where this holds; None: always."""
    lines: tuple[str, ...]

    @property
    def placeholders(self) -> frozenset[str]:
        """Names in braces."""
        return frozenset(name for line in self.lines for name in PLACEHOLDER.findall(line))


@dataclass(frozen=True, slots=True)
class Template:
    """A text before anything is filled in."""

    blocks: tuple[Block, ...]

    @property
    def placeholders(self) -> frozenset[str]:
        """Names in braces, of all blocks."""
        return frozenset().union(*(block.placeholders for block in self.blocks))


def kind_of(text_id: str) -> str:
    """Return the kind of a text: its id without the agency that owns it.

    Raises:
        Malformed: there is no such kind.
    """
    kind = text_id.rpartition("/")[2]
    if kind not in KINDS:
        raise Malformed("there is no such kind of text")
    return kind


@lru_cache(maxsize=KEPT)
def read_template(text: str) -> Template:
    """Return the blocks of a template; empty lines mean nothing.

    Kept for the texts used last: most agreements carry the same ones, and every consent asks.

    Raises:
        Malformed: the first line is no `== block-id`, a line that begins with `==` is not one
            either, a block comes twice, or a brace stands alone. The line is named.
    """
    blocks: dict[str, Block] = {}
    name, condition, lines = "", None, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("=="):
            if name:
                blocks[name] = Block(name, condition, tuple(lines))
            name, condition = _header(line, number)
            lines = []
            if name in blocks:
                raise Malformed(f"line {number}: this block was there before")
        elif line.strip():
            lines.append(_checked(line, number, begun=bool(name)))
    if not name:
        raise Malformed("a text begins with the line of a block")
    return Template((*blocks.values(), Block(name, condition, tuple(lines))))


def _header(line: str, number: int) -> tuple[str, str | None]:
    found = _HEADER.fullmatch(line)
    if found is None:
        raise Malformed(f"line {number}: a block begins with == block-id [when=condition]")
    return found[1], found[2]


def _checked(line: str, number: int, *, begun: bool) -> str:
    if not begun:
        raise Malformed(f"line {number}: a text begins with the line of a block")
    rest = PLACEHOLDER.sub("", line)
    if "{" in rest or "}" in rest:
        raise Malformed(f"line {number}: a brace stands alone")
    return line
