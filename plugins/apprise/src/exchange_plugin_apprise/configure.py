"""The settings of the services, read strictly: URLs from files, encrypted, certificates checked."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from apprise import Apprise, AppriseAsset, NotifyBase, PersistentStoreMode

from exchange.errors import Misconfigured
from exchange.hookspecs import Settings

_KNOWN = frozenset({"url_files", "timeout_s"})
_LONGEST_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Where notices go."""

    urls: Mapping[str, str] = field(repr=False)
    """URL of Apprise, which holds secrets, by the name that agencies have as address."""
    timeout_s: int
    """Seconds for one notice."""


def read(settings: Settings) -> Services:
    """Return the services that the table `[plugins.apprise]` describes.

    Raises:
        Misconfigured: a setting is missing, unknown, unsafe or of another type; the text names
            the setting and never its value.
    """
    unknown = settings.keys() - _KNOWN
    if unknown:
        raise Misconfigured(f"unknown settings: {', '.join(sorted(unknown))}")
    files = settings.get("url_files", {})
    if not isinstance(files, Mapping):
        raise Misconfigured("`url_files` is a table: a path for each name")
    timeout_s = settings.get("timeout_s", 25)
    if type(timeout_s) is not int or not 0 < timeout_s <= _LONGEST_S:
        raise Misconfigured(f"`timeout_s` is a number from 1 to {_LONGEST_S}")
    _load()
    return Services(urls={name: _url(file) for name, file in files.items()}, timeout_s=timeout_s)


def _load() -> None:
    """Let Apprise load all it knows, once: what it rests on warns of its own age."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Apprise.instantiate("jsons://localhost", asset=asset())


def asset() -> AppriseAsset:
    """Return what is the same for every service: nothing on disk, no redirects, no extras."""
    return AppriseAsset(
        app_id="consent-exchange",
        app_desc="",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        image_path_mask="",
        async_mode=False,
        http_redirects=False,
        allow_templates=False,
        pem_autogen=False,
        pgp_autogen=False,
        storage_mode=PersistentStoreMode.MEMORY,
    )


def _url(file: object) -> str:
    if not isinstance(file, str):
        raise Misconfigured("`url_files` is a table: a path for each name")
    try:
        text = Path(file).read_text("utf-8").strip()
    except (OSError, ValueError):
        raise Misconfigured("a file of `url_files` cannot be read") from None
    found = Apprise.instantiate(text, asset=asset()) if text.isprintable() else None
    if not isinstance(found, NotifyBase):
        raise Misconfigured("a file of `url_files` holds one URL of a service Apprise knows")
    if not _is_encrypted(found):
        raise Misconfigured("a URL of `url_files` is not of the encrypted kind, such as jsons://")
    if not found.verify_certificate or found.redirects:
        raise Misconfigured("a URL of `url_files` turns off the check of certificates or redirects")
    return text


def _is_encrypted(found: NotifyBase) -> bool:
    """Tell whether the scheme is one that is always encrypted: local ones are none of these."""
    known: object = found.secure_protocol  # a name, several, or None
    return found.schema in (known if isinstance(known, tuple) else (known,))
