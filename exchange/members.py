"""Strict reading of the members of a JSON object, as records of agreements and consents need it.

Every reader refuses what it does not expect: another type, an unknown member, a list that is not
sorted, a text with control characters. Messages name the member, never its value.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeVar

from exchange.canonical import is_digest, is_sha256_hex, is_uuid4, unb64u
from exchange.errors import Malformed
from exchange.keyid import agency_id

CODE_SIZE = 48
"""Longest code of a vocabulary, without its owner."""
TEXT_SIZE = 500
"""Longest text in an agreement unless its reader says otherwise: a name, a contact, a label."""
FIRST_YEAR = 1900
"""First year a record may name."""
LAST_YEAR = 9000
"""Last year a record may name: the calendar of Python ends in 9999, and terms look ahead."""
LARGEST_SECONDS = 221876927999
"""The last second of `LAST_YEAR`."""

_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_LANG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_VERSION = re.compile(r"(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})", re.ASCII)
_SHOWN = re.compile(r"[a-z0-9_-]{1,48}", re.ASCII)
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)

_Word = TypeVar("_Word", bound=StrEnum)
_Value = TypeVar("_Value")


def read_time(text: object) -> datetime:
    """Return the aware moment written as `YYYY-MM-DDTHH:MM:SSZ`, or raise Malformed."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Malformed("a time is written YYYY-MM-DDTHH:MM:SSZ")
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise Malformed("a time names a day and an hour of the calendar") from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise Malformed(f"a time lies from {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def write_time(moment: datetime) -> str:
    """Return `moment` as `YYYY-MM-DDTHH:MM:SSZ`; it must be aware and without fractions.

    Raises:
        Malformed: a naive moment, or one between two seconds.
    """
    if moment.tzinfo is None or moment.microsecond:
        raise Malformed("a time is an aware moment in whole seconds")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def code(text: object) -> str:
    """Return `text` if it is a code, ours or `owner-agency/code`, or raise Malformed."""
    if not isinstance(text, str):
        raise Malformed("a code is a text")
    owner, slash, name = text.rpartition("/")
    if slash:
        agency_id(owner)
    if len(name) > CODE_SIZE or _CODE.fullmatch(name) is None:
        raise Malformed("a code has at most 48 characters of a-z, 0-9 and single -")
    return text


def language(text: object) -> str:
    """Return `text` if it is a language tag such as `de` or `de-simple`, or raise Malformed."""
    if not isinstance(text, str) or _LANG.fullmatch(text) is None:
        raise Malformed("a language is a short BCP 47 tag")
    return text


def version(text: object) -> str:
    """Return `text` if it is a version `major.minor`, or raise Malformed."""
    if not isinstance(text, str) or _VERSION.fullmatch(text) is None:
        raise Malformed("a version is written such as 1.0")
    return text


def digest(text: object) -> str:
    """Return `text` if it is the digest of a statement: 43 characters, or raise Malformed."""
    if not isinstance(text, str) or not is_digest(text):
        raise Malformed("a digest is 32 bytes of base64url")
    return text


def words(text: object, *, size: int = TEXT_SIZE, lines: bool = False) -> str:
    """Return `text` if a person may be shown it: NFC, 1 to `size` characters, no controls.

    Args:
        text: the value as it was parsed.
        size: largest number of characters.
        lines: whether line feeds are admitted.

    Raises:
        Malformed: empty, too long, not NFC, or with control or formatting characters, which
            could make a reader see another text than the one that was signed.
    """
    if not isinstance(text, str) or not 1 <= len(text) <= size:
        raise Malformed(f"a text has 1 to {size} characters")
    shown = text.replace("\n", " ") if lines else text
    if any(unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") for character in shown):
        raise Malformed("a text holds a control character")
    if not unicodedata.is_normalized("NFC", text):
        raise Malformed("a text is not in Unicode form NFC")
    return text


def unknown(name: object) -> str:
    """Return how a member nobody asked for is told: by its name, if that looks like one of ours.

    The name came from outside: whatever else it is, it is not repeated.
    """
    return f"unknown member {name}" if _is_shown(name) else "unknown member"


def _is_shown(name: object) -> bool:
    return isinstance(name, str) and _SHOWN.fullmatch(name) is not None


class Members:
    """The members of one JSON object; each is read once, `end` refuses those never read."""

    def __init__(self, value: object, where: str = "") -> None:
        if not isinstance(value, dict | Mapping):
            raise Malformed(f"{where or 'payload'}: not an object", member=where)
        self._left: dict[str, Any] = dict(value)
        self._where = where

    def end(self) -> None:
        """Refuse members that nobody asked for.

        Raises:
            Malformed: one is left; see `unknown` for whether it is named.
        """
        if self._left:
            name = next(iter(self._left))
            member = self.path(name) if _is_shown(name) else self._where
            raise Malformed(f"{self._where or 'payload'}: {unknown(name)}", member=member)

    def has(self, name: str) -> bool:
        """Tell whether the member `name` is there and not yet read."""
        return name in self._left

    def take(self, name: str, read: Callable[[Any], _Value]) -> _Value:
        """Return what `read` makes of the member `name`.

        Raises:
            Malformed: the member is missing, or `read` refuses it.
        """
        if name not in self._left:
            raise Malformed(f"{self.path(name)}: missing", member=self.path(name))
        try:
            return read(self._left.pop(name))
        except Malformed as refused:
            member = refused.member or self.path(name)
            raise Malformed(f"{self.path(name)}: {refused}", member=member) from None

    def path(self, name: str) -> str:
        """Return the name of a member with the names of the objects around it."""
        return f"{self._where}.{name}" if self._where else name

    def text(self, name: str, *, size: int = TEXT_SIZE, lines: bool = False) -> str:
        """Return a text for people, see `words`."""
        return self.take(name, lambda value: words(value, size=size, lines=lines))

    def code(self, name: str) -> str:
        """Return a code, ours or of an agency."""
        return self.take(name, code)

    def agency(self, name: str) -> str:
        """Return an agency id."""
        return self.take(name, agency_id)

    def uuid(self, name: str) -> str:
        """Return a version 4 UUID in lower case."""
        return self.take(name, _uuid)

    def digest(self, name: str) -> str:
        """Return the digest of a statement."""
        return self.take(name, digest)

    def sha256(self, name: str) -> str:
        """Return the plain SHA-256 of a file in lowercase hex."""
        return self.take(name, _sha256)

    def raw(self, name: str, *, size: int | None = None) -> bytes:
        """Return the bytes of base64url, `size` of them if given."""
        return self.take(name, lambda value: _raw(value, size))

    def time(self, name: str) -> datetime:
        """Return a moment written `YYYY-MM-DDTHH:MM:SSZ`."""
        return self.take(name, read_time)

    def seconds(self, name: str) -> int:
        """Return seconds since 1970."""
        return self.integer(name, 0, LARGEST_SECONDS)

    def integer(self, name: str, least: int, most: int) -> int:
        """Return an integer from `least` to `most`, both included; `true` is none."""
        return self.take(name, lambda value: _integer(value, least, most))

    def flag(self, name: str) -> bool:
        """Return `true` or `false`."""
        return self.take(name, _flag)

    def word(self, name: str, among: type[_Word]) -> _Word:
        """Return a member of the closed list `among`."""
        return self.take(name, lambda value: _word(value, among))

    def object(self, name: str) -> "Members":
        """Return the members of an object."""
        return self.take(name, lambda value: Members(_mapping(value), self.path(name)))

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object whose member names are no fixed list."""
        return self.take(name, _mapping)

    def objects(self, name: str, least: int, most: int) -> list["Members"]:
        """Return the objects of a list of `least` to `most`."""
        values = self.take(name, lambda value: _sequence(value, least, most))
        return [Members(value, f"{self.path(name)}[]") for value in values]

    def agencies(self, name: str, least: int, most: int) -> frozenset[str]:
        """Return agency ids from a sorted list without repetition."""
        return self.take(name, lambda value: _names(value, least, most, agency_id))

    def codes(self, name: str, least: int, most: int) -> frozenset[str]:
        """Return codes from a sorted list without repetition."""
        return self.take(name, lambda value: _names(value, least, most, code))

    def texts(self, name: str, least: int, most: int) -> frozenset[str]:
        """Return texts from a sorted list without repetition."""
        return self.take(name, lambda value: _names(value, least, most, words))

    def labels(self, name: str) -> dict[str, str]:
        """Return texts by language."""
        return self.take(
            name,
            lambda value: {language(lang): words(text) for lang, text in _mapping(value).items()},
        )


def ordered(keys: Sequence[Any], where: str) -> None:
    """Refuse a list whose `keys` are not strictly ascending: sorted and unique.

    Raises:
        Malformed: naming `where`.
    """
    if any(second <= first for first, second in pairwise(keys)):
        raise Malformed(f"{where}: not sorted, or with a repetition", member=where)


def _uuid(value: object) -> str:
    if not isinstance(value, str) or not is_uuid4(value):
        raise Malformed("not a version 4 UUID in lower case")
    return value


def _sha256(value: object) -> str:
    if not isinstance(value, str) or not is_sha256_hex(value):
        raise Malformed("not 64 lowercase hex digits")
    return value


def _raw(value: object, size: int | None) -> bytes:
    if not isinstance(value, str):
        raise Malformed("not unpadded base64url")
    return unb64u(value, size=size)


def _integer(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Malformed(f"not an integer from {least} to {most}")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Malformed("not true or false")
    return value


def _word(value: object, among: type[_Word]) -> _Word:
    for known in among:
        if known == value:
            return known
    raise Malformed(f"not one of {', '.join(among)}")


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Malformed("not an object")
    return dict(value)


def _sequence(value: object, least: int, most: int) -> list[Any]:
    if not isinstance(value, list | tuple) or not least <= len(value) <= most:
        raise Malformed(f"not a list of {least} to {most}")
    return list(value)


def _names(value: object, least: int, most: int, read: Callable[[object], str]) -> frozenset[str]:
    names = [read(name) for name in _sequence(value, least, most)]
    ordered(names, "list")
    return frozenset(names)
