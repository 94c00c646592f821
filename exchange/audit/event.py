"""Events of the transparency log: what happened, in the hub's words, bound to what was signed.

Pure. An event is a small canonical JSON object; its members are fixed by its kind. There is no
number and no hash of the previous event in it: they would tell one agency how much happened
with others. What only some may know (why something was refused or ended) is a `detail`, of
which the event holds a commitment.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from exchange.canonical import Json, encode, is_uuid4, loads
from exchange.errors import Malformed
from exchange.keyid import agency_id

LARGEST_EVENT = 4096
"""Bytes of an event. The largest kind names 32 recipients in about 2.4 kB."""
LARGEST_NUMBER = 2**53 - 1
"""Of a count or of an entry of the log: exact wherever JSON is read."""
LARGEST_RECIPIENTS = 32
"""Recipients of one disclosure; the same bound as in a manifest."""
HUB = "hub"
"""`by` of what the hub does on its own."""
PERSON = "person"
"""`by` of what the person does herself."""
GATEWAY = "gateway"
"""`officer` of an export that the agency's own program makes, for no login of a person."""

_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_CODE = re.compile(r"([a-z0-9][a-z0-9-]{1,62}/)?[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ENVELOPE = frozenset({"v", "kind", "id", "at", "by"})

MEMBERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "agreement-signed": frozenset({"agreement", "statement"}),
        "agreement-notice": frozenset({"agreement", "statement", "ends"}),
        "agreement-ended": frozenset({"agreement"}),
        "consent-recorded": frozenset({"agreement", "consent"}),
        "consent-withdrawn": frozenset({"consent", "statement", "via"}),
        "receipt-reissued": frozenset({"consent"}),
        "request-made": frozenset({"request", "to"}),
        "disclosure-stored": frozenset({"consent", "manifest", "to", "purpose", "category"}),
        "disclosure-refused": frozenset({"request", "detail"}),
        "disclosure-collected": frozenset({"manifest"}),
        "disclosure-acknowledged": frozenset({"manifest", "statement", "result"}),
        "disclosure-ended": frozenset({"manifest", "to", "detail"}),
        "erasure-asked": frozenset({"consent", "erasure", "to"}),
        "erasure-confirmed": frozenset({"erasure", "statement", "result"}),
        "officer-read": frozenset({"consent", "officer"}),
        "officer-export": frozenset({"officer", "from", "until", "count"}),
        "erased": frozenset({"count", "list"}),
    }
)
"""Members of each kind beside `v`, `kind`, `id`, `at` and `by`."""

_TO_ONE = frozenset({"request-made", "erasure-asked"})
_NUMBERS = frozenset({"count", "from", "until"})
_DETAILED = frozenset(kind for kind, members in MEMBERS.items() if "detail" in members)
_WORDS: Mapping[tuple[str, str], frozenset[str]] = MappingProxyType(
    {
        ("consent-withdrawn", "via"): frozenset({"office", "page"}),
        ("disclosure-acknowledged", "result"): frozenset({"accepted", "rejected", "quarantined"}),
        ("erasure-confirmed", "result"): frozenset({"erased", "kept"}),
    }
)
ENDINGS = frozenset(
    {"withdrawn", "agreement", "expired", "recalled", "key-revoked", "payload-lost", "restored"}
)
"""Why a disclosure ended; opened only to who may know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, before it has a number in its chain and a name of its own."""

    kind: str
    """One of `MEMBERS`."""
    at: datetime
    """Hub time, aware; written in whole seconds."""
    by: str
    """Agency id, `hub` or `person`."""
    members: Mapping[str, Json]
    """What the kind asks for, without `detail`."""
    detail: bytes | None = None
    """Canonical JSON behind the member `detail`; for kinds that have one, always there."""

    def __post_init__(self) -> None:
        if (self.kind in _DETAILED) is not (self.detail is not None):
            raise Malformed("this kind of event has a detail, or has none")


def encode_event(event: Event, *, rid: str, detail: str | None) -> bytes:
    """Return the canonical bytes of `event`.

    Args:
        event: what happened.
        rid: UUID version 4; the event's own id and the name of its receipt.
        detail: the commitment (`exchange.audit.leaf.detail_commitment`), for kinds with one.

    Raises:
        Malformed: a member is missing, unknown or of another form, or the event is too large.
    """
    payload: dict[str, Json] = {
        "v": 1,
        "kind": event.kind,
        "id": rid,
        "at": seconds(event.at),
        "by": event.by,
        **event.members,
    }
    if detail is not None:
        payload["detail"] = detail
    _check(payload)
    return _bounded(encode(payload))


def with_detail(body: bytes, detail: str) -> bytes:
    """Return the bytes of an event with another commitment in its member `detail`.

    For events that were recorded while the vault was away: what they say stays as it is.

    Raises:
        Malformed: not an event with a detail.
    """
    payload = {**read_event(body), "detail": detail}
    _check(payload)
    return encode(payload)


def read_event(body: bytes) -> dict[str, Any]:
    """Return the members of an event, or refuse it.

    Parsing, encoding again and comparing refuses white space, duplicates and escapes as well.

    Raises:
        Malformed: not the canonical bytes of an event of a known kind.
    """
    payload = loads(_bounded(body), limit=LARGEST_EVENT)
    if not isinstance(payload, dict):
        raise Malformed("an event is an object")
    _check(payload)
    if encode(payload) != body:
        raise Malformed("an event is not in its canonical form")
    return payload


def seconds(moment: datetime) -> str:
    """Return an aware moment as `YYYY-MM-DDTHH:MM:SSZ`, cut to whole seconds."""
    if moment.tzinfo is None:
        raise Malformed("a moment without a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bounded(body: bytes) -> bytes:
    if len(body) > LARGEST_EVENT:
        raise Malformed("an event is too large")
    return body


def _check(payload: Mapping[str, Any]) -> None:
    kind = payload.get("kind")
    if not isinstance(kind, str) or kind not in MEMBERS:
        raise Malformed("an event of an unknown kind")
    if payload.keys() != _ENVELOPE | MEMBERS[kind]:
        raise Malformed("an event has other members than its kind")
    for name, value in payload.items():
        if not _valid(kind, name, value):
            raise Malformed(f"an event's member {name} has another form")


def _valid(kind: str, name: str, value: Any) -> bool:
    """Tell whether one member has its form."""
    if name == "v":
        return value is not True and value == 1
    if name == "to" and kind not in _TO_ONE:
        return _is_recipients(value)
    if name in _NUMBERS:
        return type(value) is int and 0 <= value <= LARGEST_NUMBER
    if not isinstance(value, str):
        return False
    words = _WORDS.get((kind, name))
    if words is not None:
        return value in words
    return bool(_FORMS.get(name, _DIGEST.fullmatch)(value))


def _is_recipients(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and 1 <= len(value) <= LARGEST_RECIPIENTS
        and all(_is_agency(agency) for agency in value)
        and list(value) == sorted(set(value))
    )


def _is_officer(value: str) -> bool:
    return value == GATEWAY or is_uuid4(value)


def _is_agency(value: object) -> bool:
    try:
        agency_id(value)
    except Malformed:
        return False
    return True


_FORMS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        "kind": bool,  # was looked up
        "id": is_uuid4,
        "erasure": is_uuid4,
        "officer": _is_officer,
        "at": _AT.fullmatch,
        "ends": _DATE.fullmatch,
        "purpose": _CODE.fullmatch,
        "category": _CODE.fullmatch,
        "by": _is_agency,
        "to": _is_agency,
    }
)
"""What is true of a member's text that has its form; every other member is a digest."""


def agreement_signed(*, at: datetime, by: str, agreement: str, statement: str) -> Event:
    """A party has signed an agreement; both digests of statements."""
    return Event(
        kind="agreement-signed",
        at=at,
        by=by,
        members={"agreement": agreement, "statement": statement},
    )


def agreement_notice(*, at: datetime, by: str, agreement: str, statement: str, ends: str) -> Event:
    """A party has given notice; `ends` is the last day, `YYYY-MM-DD`."""
    return Event(
        kind="agreement-notice",
        at=at,
        by=by,
        members={"agreement": agreement, "statement": statement, "ends": ends},
    )


def agreement_ended(*, at: datetime, agreement: str) -> Event:
    """An agreement is over, by its term or a notice."""
    return Event(kind="agreement-ended", at=at, by=HUB, members={"agreement": agreement})


def consent_recorded(*, at: datetime, by: str, agreement: str, consent: str) -> Event:
    """The collecting agency has recorded a consent: number 0 of its chain."""
    return Event(
        kind="consent-recorded",
        at=at,
        by=by,
        members={"agreement": agreement, "consent": consent},
    )


def consent_withdrawn(*, at: datetime, by: str, consent: str, statement: str, via: str) -> Event:
    """A consent has ended by a statement; `via` is `office` or `page`."""
    return Event(
        kind="consent-withdrawn",
        at=at,
        by=by,
        members={"consent": consent, "statement": statement, "via": via},
    )


def receipt_reissued(*, at: datetime, by: str, consent: str) -> Event:
    """The person's code was replaced, or made to open nothing: the log does not tell which."""
    return Event(kind="receipt-reissued", at=at, by=by, members={"consent": consent})


def request_made(*, at: datetime, by: str, request: str, to: str) -> Event:
    """An agency has asked another for documents; `request` is the digest of what it signed."""
    return Event(kind="request-made", at=at, by=by, members={"request": request, "to": to})


def disclosure_stored(
    *,
    at: datetime,
    by: str,
    consent: str,
    manifest: str,
    to: Iterable[str],
    subject: tuple[str, str],
) -> Event:
    """A sealed document is stored for its recipients.

    Args:
        at: hub time.
        by: the sender.
        consent: digest of the consent statement.
        manifest: digest of the manifest.
        to: recipients.
        subject: purpose and category, two codes.
    """
    purpose, category = subject
    return Event(
        kind="disclosure-stored",
        at=at,
        by=by,
        members={
            "consent": consent,
            "manifest": manifest,
            "to": sorted(to),
            "purpose": purpose,
            "category": category,
        },
    )


def disclosure_refused(
    *, at: datetime, by: str, request: str, consent: str | None, reasons: Iterable[str]
) -> Event:
    """The gate has said no. Every refusal has the same members and the same length.

    Args:
        at: hub time.
        by: the caller.
        request: digest of what was asked for.
        consent: digest of the consent that was named, if it exists.
        reasons: codes in the order of the decision; a detail, never in the event itself.
    """
    detail: dict[str, Json] = {"reason": " ".join(reasons)}
    if consent is not None:
        detail["consent"] = consent
    return Event(
        kind="disclosure-refused",
        at=at,
        by=by,
        members={"request": request},
        detail=encode(detail),
    )


def disclosure_collected(*, at: datetime, by: str, manifest: str) -> Event:
    """The header was released to a recipient, for the first time."""
    return Event(kind="disclosure-collected", at=at, by=by, members={"manifest": manifest})


def disclosure_acknowledged(
    *, at: datetime, by: str, manifest: str, statement: str, result: str
) -> Event:
    """A recipient has answered: `accepted`, `rejected` or `quarantined`."""
    return Event(
        kind="disclosure-acknowledged",
        at=at,
        by=by,
        members={"manifest": manifest, "statement": statement, "result": result},
    )


def disclosure_ended(*, at: datetime, by: str, manifest: str, to: Iterable[str], why: str) -> Event:
    """A disclosure can no longer be collected; `why` is one of `ENDINGS`, a detail."""
    if why not in ENDINGS:
        raise Malformed("a disclosure ends for one of the known causes")
    return Event(
        kind="disclosure-ended",
        at=at,
        by=by,
        members={"manifest": manifest, "to": sorted(to)},
        detail=encode({"why": why}),
    )


def erasure_asked(*, at: datetime, consent: str, erasure: str, to: str) -> Event:
    """A recipient that collected was asked to erase; `erasure` is the id of the request."""
    return Event(
        kind="erasure-asked",
        at=at,
        by=HUB,
        members={"consent": consent, "erasure": erasure, "to": to},
    )


def erasure_confirmed(*, at: datetime, by: str, erasure: str, statement: str, result: str) -> Event:
    """A recipient has answered an erasure request: `erased` or `kept`."""
    return Event(
        kind="erasure-confirmed",
        at=at,
        by=by,
        members={"erasure": erasure, "statement": statement, "result": result},
    )


def officer_read(*, at: datetime, by: str, consent: str, officer: str) -> Event:
    """A privacy officer has looked at a consent.

    Args:
        at: hub time.
        by: the officer's agency.
        consent: digest of the consent statement.
        officer: UUID of the account; never a name.
    """
    return Event(
        kind="officer-read", at=at, by=by, members={"consent": consent, "officer": officer}
    )


def officer_export(
    *, at: datetime, by: str, officer: str, entries: tuple[int, int], count: int
) -> Event:
    """An agency has taken what it may open. Names no consent: it would outlive its erasure.

    Args:
        at: hub time.
        by: the agency; the event is on its chain.
        officer: UUID of the account, or `gateway`.
        entries: the first entry that was asked for, and the one behind the last.
        count: how many of them were opened.
    """
    first, behind = entries
    return Event(
        kind="officer-export",
        at=at,
        by=by,
        members={"officer": officer, "from": first, "until": behind, "count": count},
    )


def erased(*, at: datetime, count: int, document: str) -> Event:
    """Entries open to nobody any more; `document` is the digest of the list of their `count`."""
    return Event(kind="erased", at=at, by=HUB, members={"count": count, "list": document})
