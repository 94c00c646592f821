"""What the gateway and a worker tell each other: one line of canonical JSON each.

The gateway speaks first and is believed; what the worker says is as hostile as the plugin in it
and is read strictly. Both sides use this module; it knows no key, no network, no clock. What is
asked of each kind of adapter, and answered by it, stands in `job_values`.
"""

import builtins
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from exchange import canonical
from exchange.canonical import Json
from exchange.errors import Malformed, Unavailable, Undeliverable
from exchange.hookspecs import CONTRACT, Capabilities, Declaration
from exchange.values import dataclass, field

if TYPE_CHECKING:
    from pathlib import Path  # the gateway's: a worker is ready before it needs one

REQUEST_LIMIT = 8 << 20
"""Bytes of a line to the worker: 1,000 names of 255 bytes, escaped, with digests and proofs."""
ANSWER_LIMIT = 1 << 20
"""Bytes of a line from the worker: 2,000 names of 255 bytes fit."""
_WORDS = 500
"""Characters of a refusal that are shown to the administrator."""
_MEMBERS = 10_000
"""Largest number of entries in a list or table from a worker."""
_DECLARED = 16 * 1024
"""Bytes of what a plugin declares; one that says more is run, and what it says not told."""
FOLDER_IN, FOLDER_OUT = "in", "out"
"""Names of the folders in a room; see `folder_in` and `folder_out`."""


class Kind(StrEnum):
    """Which hook of a plugin a worker works for."""

    INTAKE = "intake"
    DELIVERY = "delivery"
    OUTGOING = "outgoing"
    EVIDENCE = "evidence"


class Outcome(StrEnum):
    """How a call of an adapter ended, as the worker tells it."""

    DONE = "done"
    MALFORMED = "malformed"
    UNAVAILABLE = "unavailable"
    UNDELIVERABLE = "undeliverable"
    MEMORY = "memory"
    FAILED = "adapter-failed"
    RESULT = "wrong-result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What an outgoing format or an evidence verifier takes."""

    media_types: frozenset[str]
    max_size: int = 0
    """Bytes of all files together; 0: it does not say."""


Offer: TypeAlias = Capabilities | Reads | None
"""What an adapter says of itself: of an intake format its capabilities, of a delivery nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """First line to a worker: which plugin it runs, what it may reach, and how small its room."""

    kind: Kind
    plugin: str
    distribution: str
    settings: Mapping[str, Json] = field(repr=False)
    reads: Sequence[str] = ()
    """Files and folders it may read beside its documents."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of a delivery."""
    room: str
    """Folder of this worker alone."""
    memory: int
    """Bytes of address space."""
    descriptors: int


@dataclass(frozen=True, slots=True)
class Ready:
    """What a worker says when its plugin is loaded."""

    offers: Mapping[str, Offer]
    """What its adapters say of themselves, by key."""
    declared: Declaration | None
    """What the plugin says of itself; None: nothing that can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of an adapter; its files lie in the worker's room."""

    token: str
    adapter: str
    """Key of the adapter; of an intake format the profile."""
    asked: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the worker says became of one call."""

    token: str
    """The token of the request: an answer to another one is no answer."""
    outcome: Outcome
    result: Mapping[str, Any] = field(default_factory=dict)
    """What the adapter returned, if it is done, not yet read; else what it said, see `said`."""
    kind: str = ""
    """Name of a built-in exception, if the adapter failed with one."""


def folder_in(room: "Path") -> "Path":
    """Return where the files of the one document lie, read-only for the worker."""
    return room / FOLDER_IN


def folder_out(room: "Path") -> "Path":
    """Return where the worker writes, its working directory."""
    return room / FOLDER_OUT


def start_line(start: Start) -> bytes:
    """Return the first line to a worker."""
    return _line(
        {
            "kind": start.kind,
            "plugin": start.plugin,
            "distribution": start.distribution,
            "settings": start.settings,
            "reads": list(start.reads),
            "secrets": start.secrets,
            "room": start.room,
            "memory": start.memory,
            "descriptors": start.descriptors,
        }
    )


def read_start(line: bytes) -> Start:
    """Return the first line as the gateway wrote it."""
    found = canonical.loads(line, limit=REQUEST_LIMIT)
    found["kind"] = Kind(found["kind"])
    found["reads"] = tuple(found["reads"])
    return Start(**found)


def walls_line(missing: Sequence[str]) -> bytes:
    """Return the worker's first line, written before any foreign code runs."""
    return _line({"missing": missing})


def read_walls(line: bytes) -> tuple[str, ...]:
    """Return the names of the walls this machine does not have."""
    return texts(members(line, {"missing"})["missing"])


def ready_line(ready: Ready) -> bytes:
    """Return what the worker says when the plugin is loaded."""
    offers = {key: _offer(offer) for key, offer in ready.offers.items()}
    return _line({"declares": _declares(ready.declared), "offers": offers})


def _declares(declared: Declaration | None) -> Json:
    if declared is None:
        return None
    endpoints: object = declared.endpoints
    if isinstance(endpoints, str):  # each of its letters would be one
        return None
    try:
        found: dict[str, Json] = {
            "endpoints": list(declared.endpoints),
            "licence": declared.licence,
            "retention": declared.retention,
            "sees_plaintext": declared.sees_plaintext,
            "stores": declared.stores,
        }
        _read_declared(found)
        return found if len(canonical.encode(found)) <= _DECLARED else None
    except (Malformed, TypeError):  # foreign code has filled it in: anything but text, perhaps
        return None


def _offer(offer: Offer) -> Json:
    if isinstance(offer, Capabilities):
        return {
            "profiles": sorted(offer.profiles),
            "media_types": sorted(offer.media_types),
            "max_size": offer.max_size,
            "name_alphabet": offer.name_alphabet,
            "proofs": offer.proofs,
            "container": offer.container,
        }
    if isinstance(offer, Reads):
        return {"media_types": sorted(offer.media_types), "max_size": offer.max_size}
    return None


def refused_line(words: str) -> bytes:
    """Return what the worker says when the plugin cannot be loaded."""
    return _line({"refused": words[:_WORDS]})


def read_ready(line: bytes, kind: Kind) -> Ready | str:
    """Return what a worker says of its plugin, or the words of a refusal in ASCII.

    Raises:
        Malformed: neither of the two.
        Misconfigured: capabilities that name nothing, or a declaration without a licence.
    """
    found = canonical.loads(line, limit=ANSWER_LIMIT)
    if isinstance(found, dict) and found.keys() == {"refused"}:
        words = text(found["refused"])[:_WORDS]
        return "".join(sign if " " <= sign <= "~" else "?" for sign in words)
    found = only(found, {"declares", "offers"})
    offers = found["offers"]
    if not isinstance(offers, dict) or len(offers) > _MEMBERS:
        raise Malformed("the worker's adapters are not understandable")
    return Ready(
        {key: _read_offer(offer, kind) for key, offer in offers.items()},
        _read_declared(found["declares"]),
    )


def _read_declared(found: object) -> Declaration | None:
    if found is None:
        return None
    stated = only(found, {"endpoints", "licence", "retention", "sees_plaintext", "stores"})
    if type(stated["sees_plaintext"]) is not bool:
        raise Malformed("what the worker's plugin declares is not understandable")
    return Declaration(
        contract=CONTRACT,  # no other is loaded
        licence=text(stated["licence"]),
        sees_plaintext=stated["sees_plaintext"],
        endpoints=texts(stated["endpoints"]),
        stores=text(stated["stores"]),
        retention=text(stated["retention"]),
    )


def _read_offer(found: object, kind: Kind) -> Offer:
    if kind is Kind.DELIVERY:
        return None
    shape = {"media_types", "max_size"}
    if kind is Kind.INTAKE:
        shape |= {"profiles", "name_alphabet", "proofs", "container"}
    offer = only(found, shape)
    if type(offer["max_size"]) is not int:
        raise Malformed("the worker's adapter is not understandable")
    media_types = frozenset(texts(offer["media_types"]))
    if kind is not Kind.INTAKE:
        return Reads(media_types=media_types, max_size=offer["max_size"])
    container = offer["container"]
    if type(offer["proofs"]) is not bool or container not in ("", "asic-e"):
        raise Malformed("the worker's capabilities are not understandable")
    return Capabilities(
        profiles=frozenset(texts(offer["profiles"])),
        media_types=media_types,
        max_size=offer["max_size"],
        name_alphabet=text(offer["name_alphabet"]),
        proofs=offer["proofs"],
        container=container,
    )


def request_line(request: Request) -> bytes:
    """Return the request for one call of an adapter."""
    return _line({"token": request.token, "adapter": request.adapter, "asked": request.asked})


def read_request(line: bytes) -> Request:
    """Return a request as the gateway wrote it."""
    return Request(**canonical.loads(line, limit=REQUEST_LIMIT))


def done_line(token: str, result: Mapping[str, Json]) -> bytes:
    """Return the answer for what an adapter returned.

    Raises:
        Malformed: it cannot be said in a line, such as a name that is not Unicode.
    """
    return _line({"token": token, "outcome": Outcome.DONE, "result": result, "kind": ""})


def failed_line(token: str, error: BaseException | None, words: str = "") -> bytes:
    """Return the answer for what an adapter raised; None: for what it returned, which is wrong.

    Args:
        token: of the request.
        error: what was raised.
        words: of the error; Unicode that a line can say.
    """
    outcome = Outcome.RESULT if error is None else _outcome(error)
    kind = "" if error is None else type(error).__name__
    result: dict[str, Json] = {"words": words} if words else {}
    return _line({"token": token, "outcome": outcome, "result": result, "kind": kind})


def _outcome(error: BaseException) -> Outcome:
    for kind, outcome in (
        (Malformed, Outcome.MALFORMED),
        (Unavailable, Outcome.UNAVAILABLE),
        (Undeliverable, Outcome.UNDELIVERABLE),
        (MemoryError, Outcome.MEMORY),
    ):
        if isinstance(error, kind):
            return outcome
    return Outcome.FAILED


def read_answer(line: bytes) -> Answer:
    """Return the answer of a worker, read as hostile; its result is still to be read.

    Raises:
        Malformed, TooLarge: it is not an answer.
    """
    found = members(line, {"token", "outcome", "result", "kind"})
    try:
        outcome = Outcome(text(found["outcome"]))
    except ValueError:
        raise Malformed("the worker's answer is not understandable") from None
    if not isinstance(found["result"], dict):
        raise Malformed("the worker's answer is not understandable")
    kind = text(found["kind"])
    return Answer(
        token=text(found["token"]),
        outcome=outcome,
        result=found["result"],
        kind=kind if _is_builtin_error(kind) else "",
    )


def said(answer: Answer) -> str:
    """Return the words of what an adapter raised, not yet fit for people; empty: it said none.

    Whatever else stands where they belong is no reason to refuse an answer.
    """
    words = answer.result.get("words", "")
    words = words if isinstance(words, str) else ""
    return ": ".join(part for part in (answer.kind, words) if part)


def _is_builtin_error(name: str) -> bool:
    """Tell whether `name` is one of Python's own: a plugin's own names could be anybody's."""
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _line(value: Json) -> bytes:
    return canonical.encode(value) + b"\n"


def members(line: bytes, names: set[str]) -> dict[str, Any]:
    """Return the object in a worker's line, which has these members and no other."""
    return only(canonical.loads(line, limit=ANSWER_LIMIT), names)


def only(found: object, names: set[str]) -> dict[str, Any]:
    """Return `found`, an object with these members and no other."""
    if not isinstance(found, dict) or found.keys() != names:
        raise Malformed("the worker's line is not understandable")
    return found


def text(value: object) -> str:
    """Return `value`, a text."""
    if not isinstance(value, str):
        raise Malformed("the worker's line holds no text where one belongs")
    return value


def texts(value: object) -> tuple[str, ...]:
    """Return `value`, a list of texts of bounded length."""
    return tuple(text(member) for member in entries(value))


def entries(value: object) -> Sequence[object]:
    """Return `value`, a list of bounded length."""
    if not isinstance(value, list) or len(value) > _MEMBERS:
        raise Malformed("the worker's line holds no list where one belongs")
    return value
