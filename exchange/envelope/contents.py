"""The contents list: names, types, sizes and digests of the files in a package.

Its digest stands in the signed context and commits the sender; the random salt in it keeps the
hub from guessing what was sent. It is sealed with the files, so it may name persons.
"""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from exchange import canonical
from exchange.canonical import Json, b64u, sha256_hex
from exchange.envelope.names import fold, is_admitted
from exchange.errors import Malformed
from exchange.members import Members
from exchange.vocabulary import Secrecy, secrecy

LARGEST_CONTENTS = 1024 * 1024
"""Bytes of a contents list; 1000 files with long names stay below."""
MOST_FILES = 1000
"""Files in one package: a recipient can still look at each."""
LARGEST_TOTAL = 1024**3
"""Bytes of all files together, before sealing."""
LARGEST_REMARK = 4000
"""Characters of a remark."""
MOST_ONWARD = 64
"""Disclosures of which a package may pass on parts."""
SALT_SIZE = 32
"""Bytes of salt: the digest of the list tells nothing to who cannot guess them."""

_PROFILE = re.compile(r"[a-z0-9][a-z0-9.-]{0,58}/[1-9][0-9]{0,3}", re.ASCII)
"""At most 64 characters, as the directory admits."""
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a package."""

    name: str
    media_type: str
    """What the sender claims, lower case and without parameters (RFC 6838)."""
    size: int
    """Bytes."""
    sha256: str
    """Lowercase hex."""
    third_party: bool = False
    """Whether it also tells of other persons, inseparably (section 67d(2) SGB X)."""

    def payload(self) -> dict[str, Json]:
        """Return the members of its entry."""
        required: dict[str, Json] = {
            "name": self.name,
            "type": self.media_type,
            "size": self.size,
            "sha256": self.sha256,
        }
        return required | ({"third_party": True} if self.third_party else {})


@dataclass(frozen=True, slots=True)
class Onward:
    """A disclosure that this package passes on, or a part of it."""

    disclosure: str
    """Its id, a version 4 UUID."""
    sender: str
    """The agency it came from."""
    secrecy: Secrecy

    def payload(self) -> dict[str, Json]:
        """Return the members of its entry."""
        return {
            "disclosure": self.disclosure,
            "from": self.sender,
            "secrecy": self.secrecy.code,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a sender encloses besides the files; all of it optional, none of it seen by the hub."""

    subject: Mapping[str, Json] | None = None
    """Who it is about."""
    remark: str | None = None
    """Words for the reader, at most 4000 characters."""
    reference: str | None = None
    """The sender's file number."""
    onward_of: tuple[Onward, ...] = ()
    profile: str | None = None
    """What the files promise, such as `xdomea/3`; None: nothing but files a person can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents(Letter):
    """A contents list whose form is right."""

    files: tuple[Entry, ...]
    """1 to 1000, in the order of the package."""
    raw: bytes = field(repr=False)
    """The exact bytes of `contents.json`."""

    @property
    def sha256(self) -> str:
        """The commitment: SHA-256 of the list, lowercase hex."""
        return sha256_hex(self.raw)

    @property
    def total(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files)


def new_contents(files: Sequence[Entry], letter: Letter) -> Contents:
    """Return a contents list with fresh salt, in canonical bytes.

    Raises:
        Malformed: a recipient would refuse it.
        TooLarge: the list takes more than 1 MiB.
    """
    stated: dict[str, Json] = {
        "salt": b64u(os.urandom(SALT_SIZE)),
        "files": [entry.payload() for entry in files],
    }
    optional: dict[str, Json] = {
        "subject": letter.subject,
        "remark": letter.remark,
        "reference": letter.reference,
        "onward_of": [onward.payload() for onward in letter.onward_of] or None,
        "profile": letter.profile,
    }
    stated |= {name: value for name, value in optional.items() if value is not None}
    return read_contents(canonical.encode(stated))


def read_contents(raw: bytes) -> Contents:
    """Return the contents list in `raw`, checked member by member.

    Raises:
        Malformed: a member is missing, unknown or wrong; a name is not admitted or clashes with
            another; too many files, or too large together.
        TooLarge: more than 1 MiB.
    """
    members = Members(canonical.loads(raw, limit=LARGEST_CONTENTS), "contents")
    members.raw("salt", size=SALT_SIZE)
    contents = Contents(
        files=tuple(_entry(entry) for entry in members.objects("files", 1, MOST_FILES)),
        subject=members.mapping("subject") if members.has("subject") else None,
        remark=(
            members.text("remark", size=LARGEST_REMARK, lines=True)
            if members.has("remark")
            else None
        ),
        reference=members.text("reference") if members.has("reference") else None,
        onward_of=_onward(members) if members.has("onward_of") else (),
        profile=members.take("profile", _profile) if members.has("profile") else None,
        raw=raw,
    )
    members.end()
    if len({fold(entry.name) for entry in contents.files}) != len(contents.files):
        raise Malformed("contents: two files have the same name")
    if contents.total > LARGEST_TOTAL:
        raise Malformed("contents: the files are too large together")
    return contents


def _entry(members: Members) -> Entry:
    entry = Entry(
        name=members.take("name", _name),
        media_type=members.take("type", _media_type),
        size=members.integer("size", 0, LARGEST_TOTAL),
        sha256=members.sha256("sha256"),
        third_party=members.has("third_party") and members.take("third_party", _true),
    )
    members.end()
    return entry


def _onward(members: Members) -> tuple[Onward, ...]:
    found = []
    for entry in members.objects("onward_of", 1, MOST_ONWARD):
        found.append(
            Onward(entry.uuid("disclosure"), entry.agency("from"), entry.take("secrecy", secrecy))
        )
        entry.end()
    return tuple(found)


def _name(value: object) -> str:
    if not isinstance(value, str) or not is_admitted(value):
        raise Malformed("not an admitted file name")
    return value


def _media_type(value: object) -> str:
    if not isinstance(value, str) or _MEDIA_TYPE.fullmatch(value) is None:
        raise Malformed("not a media type in lower case without parameters")
    return value


def _profile(value: object) -> str:
    """Read a profile: a name and a version. `files/1` is said by saying nothing."""
    if not isinstance(value, str) or value == "files/1" or _PROFILE.fullmatch(value) is None:
        raise Malformed("not a profile other than files/1")
    return value


def _true(value: object) -> bool:
    if value is not True:
        raise Malformed("stands only where it is true")
    return True


def unsuitable(
    contents: Contents,
    *,
    media_types: Collection[str],
    max_size: int,
    name_alphabet: str | None,
) -> tuple[str, ...]:
    """Return why a recipient's intake cannot take these files; empty when it can.

    Args:
        contents: the list of a package that was opened, or is about to be sealed.
        media_types: admitted types; empty means every type.
        max_size: bytes of all files together.
        name_alphabet: characters admitted in names; None means every name a package admits.

    Returns:
        Of `media-type`, `size` and `name` those that apply, in this order.
    """
    checks = {
        "media-type": media_types
        and any(entry.media_type not in media_types for entry in contents.files),
        "size": contents.total > max_size,
        "name": name_alphabet is not None
        and not {character for entry in contents.files for character in entry.name}.issubset(
            name_alphabet
        ),
    }
    return tuple(reason for reason, applies in checks.items() if applies)
