"""Trust policies (C2SP tlog-policy): whose signatures make a checkpoint worth believing.

Pure. The file comes from the verifier's own settings, never from the log it is to judge.
A witness outside the quorum's group is optional: verified and shown where it cosigned, never
required.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exchange.audit.checkpoint import Checkpoint, read_checkpoint
from exchange.audit.cosignature import time_of
from exchange.audit.head import check_origin
from exchange.audit.note import (
    COSIGNATURE,
    ED25519,
    ML_DSA_COSIGNATURE,
    VerifyingKey,
    read_note,
    read_vkey,
    verified,
    write_vkey,
)
from exchange.audit.spelling import read_number
from exchange.audit.status import SUFFIX
from exchange.errors import LogInvalid, Malformed

LARGEST_POLICY = 256 * 1024
"""Bytes of a policy file; 64 keys of ML-DSA-44 take about 115 kB."""
MOST = 32
"""Logs, witnesses and groups of a policy, 32 of each."""
NONE = "none"
"""The quorum that asks for no witness."""

_ADMITTED = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_GAP = re.compile(r"[ \t]+")
_FIELD = re.compile(r"[\x21-\x7e\x80-\xff]+")
"""Octets, one character each, that stand between two spaces."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log whose signature alone makes a checkpoint its own."""

    key: VerifyingKey
    """Its name is the origin of the log."""
    url: str | None = None
    """Prefix of what it publishes."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A cosigner, by the name it has in its policy."""

    name: str
    key: VerifyingKey
    url: str | None = None
    """Prefix of its submissions; without one it comes by itself."""


@dataclass(frozen=True, slots=True)
class Group:
    """Members of which at least `threshold` must have cosigned."""

    name: str
    threshold: int
    members: tuple[str, ...]
    """Names of witnesses and groups."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs, witnesses and the rule who must have signed."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()
    """In the order of their definitions: a group knows only what stands before it."""
    quorum: str = NONE
    """Name of a witness or a group, or `none`."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.logs) <= MOST or max(len(self.witnesses), len(self.groups)) > MOST:
            raise Malformed(f"a policy names 1 to {MOST} logs, and {MOST} witnesses and groups")
        _check_keys(self)
        _check_names(self)
        _check_fields(self)


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that a log of the policy signed, and who saw it. Only `judge` makes one."""

    checkpoint: Checkpoint
    note: bytes = field(repr=False)
    """Verbatim, as it was judged."""
    cosigned: Mapping[str, int]
    """POSIX seconds by name of the witness in the policy; of several cosignatures the newest."""
    quorum: bool
    """Whether those who cosigned are enough."""


def read_policy(raw: bytes) -> Policy:
    """Return the policy in a file.

    Raises:
        Malformed: another form, over the limits, a name unknown, used twice or a member twice,
            a key of a kind that does not fit or in two lines, or not exactly one quorum.
    """
    if len(raw) > LARGEST_POLICY:
        raise Malformed("a policy is too large")
    if _ADMITTED.fullmatch(raw) is None or not raw.endswith(b"\n"):
        raise Malformed("a policy is lines of text without control characters")
    kinds: dict[str, list[list[str]]] = {"log": [], "witness": [], "group": [], "quorum": []}
    defined: set[str] = set()
    # Octets, not characters: names mean nothing but themselves, in whatever encoding.
    for line in raw.decode("latin-1").split("\n"):
        fields = _GAP.split(line.strip(" \t"))
        if fields == [""] or fields[0].startswith("#"):
            continue
        keyword, *rest = fields
        if keyword not in kinds:
            raise Malformed("a line of a policy begins with log, witness, group or quorum")
        _check_defined(keyword, rest, defined)
        kinds[keyword].append(rest)
    if [len(quorum) for quorum in kinds["quorum"]] != [1]:
        raise Malformed("a policy has exactly one quorum")
    return Policy(
        tuple(_log(*_counted(rest, 1, 2)) for rest in kinds["log"]),
        tuple(_witness(*_counted(rest, 2, 3)) for rest in kinds["witness"]),
        tuple(_group(rest) for rest in kinds["group"]),
        kinds["quorum"][0][0],
    )


def write_policy(policy: Policy) -> bytes:
    """Return the file of a policy, which `read_policy` reads back."""
    lines = [
        *(_joined("log", _octets(log.key), log.url) for log in policy.logs),
        *(
            _joined("witness", witness.name, _octets(witness.key), witness.url)
            for witness in policy.witnesses
        ),
        *(
            _joined("group", group.name, str(group.threshold), *group.members)
            for group in policy.groups
        ),
        _joined("quorum", policy.quorum),
    ]
    return "".join(f"{line}\n" for line in lines).encode("latin-1")


def log_keys(policy: Policy, origin: str) -> tuple[VerifyingKey, ...]:
    """Return the keys by which the log `origin` may sign; none for a log it does not know."""
    return tuple(log.key for log in policy.logs if log.key.name == origin)


def status_keys(policy: Policy) -> frozenset[VerifyingKey]:
    """Return the keys of status notes: named like a log of the policy, with `/status` behind.

    A policy can write them as logs only. They sign no checkpoint: whoever stole one could show
    a log of its own, under a name that is almost that of the true one.
    """
    named = {log.key.name + SUFFIX for log in policy.logs}
    return frozenset(log.key for log in policy.logs if log.key.name in named)


def judge(policy: Policy, raw: bytes) -> Head:
    """Return what a note is worth by `policy`: its checkpoint, who cosigned, quorum or not.

    Whether a missing quorum is refused is for the caller; every other fault is refused here.

    Args:
        policy: from the verifier's own settings.
        raw: the note, as it arrived.

    Raises:
        LogInvalid: no log of the policy signed it (`note-unsigned`, `log-unsigned`), a known
            line is false (`note-signature`), or it is about another log (`checkpoint-origin`).
        Malformed: no note, or no checkpoint in it.
    """
    note = read_note(raw)
    names = {witness.key: witness.name for witness in policy.witnesses}
    logs = {log.key for log in policy.logs} - status_keys(policy)
    found = verified(note, [*logs, *names])
    checkpoint = read_checkpoint(note.text)
    signed_by = [key for key, _ in found if key in logs]
    if not signed_by:
        raise LogInvalid("no log of the policy has signed the checkpoint", what="log-unsigned")
    check_origin(checkpoint, signed_by)
    cosigned: dict[str, int] = {}
    for key, line in found:
        if key in names:
            cosigned[names[key]] = max(time_of(line), cosigned.get(names[key], 0))
    return Head(checkpoint, raw, cosigned, is_quorum(policy, cosigned))


def is_quorum(policy: Policy, cosigned: Iterable[str]) -> bool:
    """Tell whether these witnesses, by their names in the policy, are enough."""
    reached = {NONE, *cosigned}
    for group in policy.groups:  # what a group knows stands before it
        if sum(member in reached for member in group.members) >= group.threshold:
            reached.add(group.name)
    return policy.quorum in reached


def _check_keys(policy: Policy) -> None:
    if any(log.key.type not in (ED25519, ML_DSA_COSIGNATURE) for log in policy.logs):
        raise Malformed("a log signs with a key of type 1 or 6")
    if any(one.key.type not in (COSIGNATURE, ML_DSA_COSIGNATURE) for one in policy.witnesses):
        raise Malformed("a witness signs with a key of type 4 or 6")
    # An Ed25519 cosignature does not cover its name: one key under two names counts twice.
    keys = [*(log.key for log in policy.logs), *(witness.key for witness in policy.witnesses)]
    raw = {key.public for key in keys}
    if len(raw) != len(keys):
        raise Malformed("a policy holds a key twice")


def _check_names(policy: Policy) -> None:
    defined: list[str] = [witness.name for witness in policy.witnesses]
    members: list[str] = []
    for group in policy.groups:
        if not set(group.members) <= set(defined):
            raise Malformed("a group names what is not defined before it")
        if not 1 <= group.threshold <= len(group.members):
            raise Malformed("the threshold of a group is from 1 to the number of its members")
        defined.append(group.name)
        members += group.members
    if len({*defined, NONE}) != len(defined) + 1:
        raise Malformed("a policy defines a name twice, or the one that is reserved")
    if len(set(members)) != len(members):
        raise Malformed("a name is a member twice")
    if policy.quorum != NONE and policy.quorum not in defined:
        raise Malformed("the quorum is not defined")


def _check_fields(policy: Policy) -> None:
    names = [*(witness.name for witness in policy.witnesses), *(one.name for one in policy.groups)]
    urls = [*(log.url for log in policy.logs), *(witness.url for witness in policy.witnesses)]
    fields = [*names, *(url for url in urls if url is not None)]
    if any(_FIELD.fullmatch(field) is None for field in fields):
        raise Malformed("names and addresses in a policy are single words of octets")


def _check_defined(keyword: str, rest: Sequence[str], defined: set[str]) -> None:
    """Refuse a line that uses a name before the line that defines it."""
    if not rest:
        raise Malformed("a line of a policy is cut")
    used = {"group": rest[2:], "quorum": rest[:1]}.get(keyword, ())
    if not set(used) <= defined | ({NONE} if keyword == "quorum" else set()):
        raise Malformed("a policy names what is not defined before")
    if keyword in ("witness", "group"):
        defined.add(rest[0])


def _counted(fields: Sequence[str], least: int, most: int) -> Sequence[str]:
    if not least <= len(fields) <= most:
        raise Malformed("a line of a policy has another number of fields")
    return fields


def _log(vkey: str, url: str | None = None) -> Log:
    return Log(_key(vkey), url)


def _witness(name: str, vkey: str, url: str | None = None) -> Witness:
    return Witness(name, _key(vkey), url)


def _key(vkey: str) -> VerifyingKey:
    try:
        return read_vkey(vkey.encode("latin-1").decode("utf-8"))
    except UnicodeDecodeError:
        raise Malformed("the name of a key is text in UTF-8") from None


def _octets(key: VerifyingKey) -> str:
    """Return a key as it stands in the file: one character for each octet."""
    return write_vkey(key).encode("utf-8").decode("latin-1")


def _group(fields: Sequence[str]) -> Group:
    name, threshold, *members = _counted(fields, 3, 2 + 2 * MOST)
    fixed = {"any": 1, "all": len(members)}
    return Group(name, fixed.get(threshold) or read_number(threshold), tuple(members))


def _joined(*fields: str | None) -> str:
    return " ".join(field for field in fields if field is not None)
