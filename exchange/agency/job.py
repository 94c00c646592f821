"""What the gateway and an intake worker tell each other: one line of canonical JSON each.

The gateway speaks first and is believed; what the worker says is as hostile as the plugin in it
and is read strictly. Both sides use this module; it knows no key, no network, no clock.
"""

import builtins
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from exchange import canonical
from exchange.canonical import Json
from exchange.errors import Malformed
from exchange.hookspecs import Capabilities, DocumentFile, DocumentPackage, IntakeFile, Label

REQUEST_LIMIT = 4 << 20
"""Bytes of a line to the worker: 1,000 names of 255 bytes, each escaped, with their digests."""
ANSWER_LIMIT = 1 << 20
"""Bytes of a line from the worker: 2,000 names of 255 bytes fit."""
_WORDS = 500
"""Characters of a refusal that are shown to the administrator."""
_MEMBERS = 10_000
"""Largest number of entries in a list of capabilities."""
_FOLDER_IN, _FOLDER_OUT = "in", "out"


class Outcome(StrEnum):
    """How a conversion ended, as the worker tells it."""

    CONVERTED = "converted"
    MALFORMED = "malformed"
    MEMORY = "memory"
    FAILED = "adapter-failed"
    RESULT = "wrong-result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """First line to a worker: which adapter it is, and how small its room."""

    plugin: str
    distribution: str
    profile: str
    settings: Mapping[str, Json] = field(repr=False)
    room: Path
    """Folder of this worker alone."""
    memory: int
    """Bytes of address space."""
    descriptors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the worker says became of one document."""

    token: str
    """The token of the request: an answer to another one is no answer."""
    outcome: Outcome
    names: tuple[str, ...] = ()
    """Names of written files, in the order of import, if it was converted."""
    kind: str = ""
    """Name of a built-in exception, if the adapter failed with one."""


def folder_in(room: Path) -> Path:
    """Return where the files of the one document lie, read-only for the worker."""
    return room / _FOLDER_IN


def folder_out(room: Path) -> Path:
    """Return where the worker writes, its working directory."""
    return room / _FOLDER_OUT


def start_line(start: Start) -> bytes:
    """Return the first line to a worker."""
    return _line(
        {
            "plugin": start.plugin,
            "distribution": start.distribution,
            "profile": start.profile,
            "settings": start.settings,
            "room": str(start.room),
            "memory": start.memory,
            "descriptors": start.descriptors,
        }
    )


def read_start(line: bytes) -> Start:
    """Return the first line as the gateway wrote it."""
    found = canonical.loads(line, limit=REQUEST_LIMIT)
    return Start(**{**found, "room": Path(found["room"])})


def walls_line(missing: Sequence[str]) -> bytes:
    """Return the worker's first line, written before any foreign code runs."""
    return _line({"missing": missing})


def read_walls(line: bytes) -> tuple[str, ...]:
    """Return the names of the walls this machine does not have."""
    return _texts(_members(line, {"missing"})["missing"])


def ready_line(capabilities: Capabilities) -> bytes:
    """Return what the worker says when the plugin is loaded."""
    return _line(
        {
            "profiles": sorted(capabilities.profiles),
            "media_types": sorted(capabilities.media_types),
            "max_size": capabilities.max_size,
            "name_alphabet": capabilities.name_alphabet,
        }
    )


def refused_line(words: str) -> bytes:
    """Return what the worker says when the plugin cannot be loaded."""
    return _line({"refused": words[:_WORDS]})


def read_ready(line: bytes) -> Capabilities | str:
    """Return the capabilities, or the words of a refusal in printable ASCII.

    Raises:
        Malformed: neither of the two.
        Misconfigured: capabilities that name nothing.
    """
    found = canonical.loads(line, limit=ANSWER_LIMIT)
    if isinstance(found, dict) and found.keys() == {"refused"}:
        words = _text(found["refused"])[:_WORDS]
        return "".join(sign if " " <= sign <= "~" else "?" for sign in words)
    found = _members(line, {"profiles", "media_types", "max_size", "name_alphabet"})
    if type(found["max_size"]) is not int:
        raise Malformed("the worker's capabilities are not understandable")
    return Capabilities(
        profiles=frozenset(_texts(found["profiles"])),
        media_types=frozenset(_texts(found["media_types"])),
        max_size=found["max_size"],
        name_alphabet=_text(found["name_alphabet"]),
    )


def request_line(token: str, package: DocumentPackage) -> bytes:
    """Return the request for one conversion; the files lie in the worker's own folder by name."""
    return _line(
        {
            "token": token,
            "disclosure_id": package.disclosure_id,
            "profile": package.profile,
            "sender": package.sender,
            "sender_name": package.sender_name,
            "purpose": _label(package.purpose),
            "category": _label(package.category),
            "secrecy": _label(package.secrecy),
            "sent_at": package.sent_at.isoformat(),
            "collected_at": package.collected_at.isoformat(),
            "files": [
                [file.name, file.media_type, file.size, file.sha256, file.third_party]
                for file in package.files
            ],
            "remark": package.remark,
            "reference": package.reference,
            "notice": package.notice,
        }
    )


def read_request(line: bytes, folder: Path) -> tuple[str, DocumentPackage]:
    """Return token and package as the gateway wrote them.

    Args:
        line: without its line feed or with it.
        folder: where this worker finds its files.
    """
    found: dict[str, Any] = canonical.loads(line, limit=REQUEST_LIMIT)
    token = found.pop("token")
    for member in ("purpose", "category", "secrecy"):
        found[member] = Label(*found[member])
    for member in ("sent_at", "collected_at"):
        found[member] = datetime.fromisoformat(found[member])
    found["files"] = tuple(
        DocumentFile(
            name=name,
            media_type=media_type,
            size=size,
            sha256=sha256,
            path=folder / name,
            third_party=third_party,
        )
        for name, media_type, size, sha256, third_party in found["files"]
    )
    return token, DocumentPackage(**found)


def answer_line(token: str, result: object) -> bytes:
    """Return the answer for what an adapter returned or raised, whatever that is."""
    if isinstance(result, BaseException):
        kind = type(result).__name__
        return _line({"token": token, "outcome": _outcome(result), "names": [], "kind": kind})
    files = result if isinstance(result, list | tuple) else ()
    names = [file.name for file in files if isinstance(file, IntakeFile)]
    if names and len(names) == len(files) and all(type(name) is str for name in names):
        with contextlib.suppress(Malformed):  # a name that is not Unicode
            return _line({"token": token, "outcome": Outcome.CONVERTED, "names": names, "kind": ""})
    return _line({"token": token, "outcome": Outcome.RESULT, "names": [], "kind": ""})


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, Malformed):
        return Outcome.MALFORMED
    return Outcome.MEMORY if isinstance(error, MemoryError) else Outcome.FAILED


def read_answer(line: bytes) -> Answer:
    """Return the answer of a worker, read as hostile.

    Raises:
        Malformed, TooLarge: it is not an answer.
    """
    found = _members(line, {"token", "outcome", "names", "kind"})
    try:
        outcome = Outcome(_text(found["outcome"]))
    except ValueError:
        raise Malformed("the worker's answer is not understandable") from None
    kind = _text(found["kind"])
    return Answer(
        token=_text(found["token"]),
        outcome=outcome,
        names=_texts(found["names"]),
        kind=kind if _is_builtin_error(kind) else "",
    )


def _is_builtin_error(name: str) -> bool:
    """Tell whether `name` is one of Python's own: a plugin's own names could be anybody's."""
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _line(value: Json) -> bytes:
    return canonical.encode(value) + b"\n"


def _label(label: Label) -> list[str]:
    return [label.code, label.de, label.en]


def _members(line: bytes, names: set[str]) -> dict[str, Any]:
    found = canonical.loads(line, limit=ANSWER_LIMIT)
    if not isinstance(found, dict) or found.keys() != names:
        raise Malformed("the worker's line is not understandable")
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Malformed("the worker's line holds no text where one belongs")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MEMBERS:
        raise Malformed("the worker's line holds no list where one belongs")
    return tuple(_text(member) for member in value)
