"""What a half-filled draft of a consent lacks: every block and member at once, by its name."""

from collections.abc import Mapping
from typing import Any

from exchange.consent.words import Form

_DECLARED = (
    *("id", "agreement", "releasers", "recipients", "categories", "purpose", "uses"),
    *("valid_until", "form", "capacity", "capacity_basis", "signers", "notice"),
)
"""What a draft says before anybody has signed."""
OF_SUBJECT = ("family_name", "given_name", "born")
"""Who it is about, at least."""
_BLOCKS: Mapping[str, tuple[str, ...]] = {
    "notice": ("id", "version", "lang", "file", "interpreter"),
    "evidence": ("file", "kind", "pages"),
    "subject": OF_SUBJECT,
}
_OF_SIGNER = ("role", "identified")


def blanks(draft: Mapping[str, Any], *, signed: bool) -> tuple[str, ...]:
    """Return the paths of all members that are missing or empty, in the order of the draft.

    Args:
        draft: the table in its file, not yet read.
        signed: whether evidence and person must be there too.
    """
    wanted = list(_DECLARED)
    if signed:
        wanted += ["subject"] if draft.get("form") == Form.ELECTRONIC else ["evidence", "subject"]
    found: list[str] = []
    for name in wanted:
        value = draft.get(name)
        if is_blank(value):
            found.append(name)
        elif name in _BLOCKS and isinstance(value, Mapping):
            found += [f"{name}.{inner}" for inner in _BLOCKS[name] if is_blank(value.get(inner))]
        elif name == "signers" and isinstance(value, list):
            found += [f"signers[].{inner}" for inner in _OF_SIGNER if _lacks(inner, value)]
    return tuple(found)


def is_blank(value: object) -> bool:
    """Tell whether a member of a draft is missing, or left as the template has it."""
    return value is None or value in ("", [], {})


def _lacks(name: str, entries: list[Any]) -> bool:
    """Tell whether one of the entries lacks the member."""
    return any(isinstance(entry, Mapping) and is_blank(entry.get(name)) for entry in entries)
