"""The settings of the plugin, read once and checked."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from exchange.errors import Misconfigured
from exchange.hookspecs import Settings

LARGEST: Final = 1 << 30
"""Bytes of an export, packed and unpacked."""
_KNOWN: Final = {"categories", "office", "reads"}


class Configured(NamedTuple):
    """What `[plugins.xdomea]` says."""

    schemas: str
    """Folder with the operator's copy of the official schemas, which the intake format needs; or
    empty."""
    office: str
    """Name of the receiving office in the messages written; may be empty."""
    categories: Mapping[str, str]
    """Code of the kind of document by the words that the back office writes as `Typ`."""


def configured(settings: Settings) -> Configured:
    """Return the settings of the plugin.

    Raises:
        Misconfigured: an unknown setting, or one of another shape.
    """
    unknown = sorted(settings.keys() - _KNOWN)
    if unknown:
        raise Misconfigured(f"there is no setting {unknown[0]}")
    office = settings.get("office", "")
    if not isinstance(office, str):
        raise Misconfigured("`office` is the name of the receiving office")
    reads = _texts(settings, "reads")
    if reads.keys() - {"schemas"}:
        raise Misconfigured("`reads` names `schemas` and nothing else")
    schemas = reads.get("schemas", "")
    if "schemas" in reads and not schemas.startswith("/"):
        raise Misconfigured("`schemas` is an absolute path")
    return Configured(schemas=schemas, office=office, categories=_texts(settings, "categories"))


def _texts(settings: Settings, name: str) -> Mapping[str, str]:
    table = settings.get(name, {})
    if not isinstance(table, Mapping):
        raise Misconfigured(f"`{name}` is a table")
    texts = {key: value for key, value in table.items() if isinstance(value, str)}
    if len(texts) != len(table):
        raise Misconfigured(f"`{name}` is a table of texts")
    return texts
