"""The settings of the plugin, read once and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from exchange.errors import Misconfigured
from exchange.hookspecs import Settings
from exchange_plugin_fhir.systems import FILE_NUMBER

Version: TypeAlias = Literal["R4B", "R5"]
"""Release of FHIR. R4B holds for R4 as well: the resources of this format are the same there."""

LARGEST_INLINE = 16 << 20
_KNOWN = {"categories", "extensions", "file_numbers", "inline", "version"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What `[plugins.fhir]` says."""

    version: Version
    inline: int
    """Bytes of files that a bundle written holds itself, all together; the others lie beside it."""
    extensions: frozenset[str]
    """URLs of the extensions that a bundle read may have."""
    categories: Mapping[str, str]
    """Code of the kind of document by `system|code` of its type."""
    file_numbers: str
    """System of the identifier that is the file number in a bundle read."""


def configured(settings: Settings) -> Configured:
    """Return the settings of the plugin.

    Raises:
        Misconfigured: an unknown setting, or one of another shape.
    """
    unknown = sorted(settings.keys() - _KNOWN)
    if unknown:
        raise Misconfigured(f"there is no setting {unknown[0]}")
    inline = settings.get("inline", 4 << 20)
    if not isinstance(inline, int) or isinstance(inline, bool) or not 0 <= inline <= LARGEST_INLINE:
        raise Misconfigured(f"`inline` is a number of bytes up to {LARGEST_INLINE}")
    file_numbers = settings.get("file_numbers", FILE_NUMBER)
    if not isinstance(file_numbers, str):
        raise Misconfigured("`file_numbers` is the system of an identifier")
    return Configured(
        version=_version(settings),
        inline=inline,
        extensions=_extensions(settings),
        categories=_categories(settings),
        file_numbers=file_numbers,
    )


def _version(settings: Settings) -> Version:
    match settings.get("version", "R4B"):
        case "R4B":
            return "R4B"
        case "R5":
            return "R5"
        case _:
            raise Misconfigured("`version` is R4B or R5")


def _extensions(settings: Settings) -> frozenset[str]:
    listed = settings.get("extensions", [])
    if not isinstance(listed, list):
        raise Misconfigured("`extensions` is a list of URLs")
    urls = frozenset(url for url in listed if isinstance(url, str))
    if len(urls) != len(listed):
        raise Misconfigured("`extensions` is a list of URLs, each once")
    return urls


def _categories(settings: Settings) -> Mapping[str, str]:
    table = settings.get("categories", {})
    if not isinstance(table, Mapping):
        raise Misconfigured("`categories` is a table")
    texts = {key: value for key, value in table.items() if isinstance(value, str)}
    if len(texts) != len(table):
        raise Misconfigured("`categories` is a table of texts")
    return texts
