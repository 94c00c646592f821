"""exchange.audit.event: literal events, every kind there and back, and what is no event."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit import event, leaf
from exchange.audit.event import Event, encode_event, read_event, with_detail
from exchange.canonical import encode
from exchange.errors import ExchangeError, Malformed
from tests.unit.audit.test_leaf import DETAIL, EVENT_A, EVENT_B, KEY, REFUSAL

RID = "3f0e8f6e-0f0c-4f57-9d43-0a3d1c1b7a0"
CONSENT = "EkI-BILz6Byx0jIwZk6Vuz0RufNPBvwZnliNTNq25NQ"
AGREEMENT = "RqgXOcbufB1e0ITn3oQ6fteUNc1EVRPk3VxOWsOV-0s"
MANIFEST = "BbOr8leaXrZkA814vlV_2GBjOh_iEDx2QgMN7-MsZX8"
REQUEST = "H1i5FFsk0QjXrDiIcziz6jIpgzucHkGCUDQ_kHv9EEc"
ERASURE = "5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a01"
AT = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)

EVENTS: dict[str, Event] = {
    made.kind: made
    for made in (
        event.agreement_signed(at=AT, by="women-b", agreement=AGREEMENT, statement=REQUEST),
        event.agreement_notice(
            at=AT, by="women-b", agreement=AGREEMENT, statement=REQUEST, ends="2027-12-31"
        ),
        event.agreement_ended(at=AT, agreement=AGREEMENT),
        event.consent_recorded(at=AT, by="women-b", agreement=AGREEMENT, consent=CONSENT),
        event.consent_withdrawn(at=AT, by="person", consent=CONSENT, statement=REQUEST, via="page"),
        event.receipt_reissued(at=AT, by="women-b", consent=CONSENT),
        event.request_made(at=AT, by="women-b", request=REQUEST, to="jobcentre-a"),
        event.disclosure_stored(
            at=AT,
            by="jobcentre-a",
            consent=CONSENT,
            manifest=MANIFEST,
            to={"women-b", "clinic-d"},
            subject=("housing-loss", "jobcentre-a/own-code"),
        ),
        event.disclosure_refused(
            at=AT, by="jobcentre-a", request=REQUEST, consent=None, reasons=["no-consent"]
        ),
        event.disclosure_collected(at=AT, by="women-b", manifest=MANIFEST),
        event.disclosure_acknowledged(
            at=AT, by="women-b", manifest=MANIFEST, statement=REQUEST, result="quarantined"
        ),
        event.disclosure_ended(at=AT, by="hub", manifest=MANIFEST, to=["women-b"], why="expired"),
        event.erasure_asked(at=AT, consent=CONSENT, erasure=ERASURE, to="women-b"),
        event.erasure_confirmed(
            at=AT, by="women-b", erasure=ERASURE, statement=REQUEST, result="kept"
        ),
        event.officer_read(at=AT, by="women-b", consent=CONSENT, officer=ERASURE),
        event.officer_export(
            at=AT, by="women-b", officer=event.GATEWAY, entries=(0, 70_000), count=512
        ),
        event.erased(at=AT, count=286, document=REQUEST),
    )
}


def encoded(made: Event) -> bytes:
    detail = None if made.detail is None else leaf.detail_commitment(KEY, 0, made.detail)
    return encode_event(made, rid=ERASURE, detail=detail)


def test_vector_of_a_recorded_consent() -> None:
    made = event.consent_recorded(at=AT, by="women-b", agreement=AGREEMENT, consent=CONSENT)
    assert encode_event(made, rid=RID + "1", detail=None) == EVENT_A


def test_vector_of_a_stored_disclosure() -> None:
    made = event.disclosure_stored(
        at=datetime(2026, 11, 22, 9, 20, 7, tzinfo=UTC),
        by="jobcentre-a",
        consent=CONSENT,
        manifest=MANIFEST,
        to=["women-b"],
        subject=("housing-loss", "rent-arrears-letter"),
    )
    assert encode_event(made, rid=RID + "2", detail=None) == EVENT_B


def test_vector_of_a_refusal() -> None:
    made = event.disclosure_refused(
        at=datetime(2026, 11, 22, 9, 21, tzinfo=UTC),
        by="jobcentre-a",
        request=REQUEST,
        consent=CONSENT,
        reasons=["withdrawn"],
    )
    assert made.detail == DETAIL
    committed = leaf.detail_commitment(KEY, 2, DETAIL)
    assert encode_event(made, rid=RID + "3", detail=committed) == REFUSAL


def test_every_kind_has_a_maker() -> None:
    assert EVENTS.keys() == event.MEMBERS.keys()


@pytest.mark.parametrize("kind", sorted(event.MEMBERS))
def test_every_kind_comes_back_as_it_went(kind: str) -> None:
    body = encoded(EVENTS[kind])
    assert encode(read_event(body)) == body
    assert body.isascii()


def test_a_refusal_has_the_same_length_whatever_the_reason_and_the_consent() -> None:
    sizes = {
        len(
            encoded(
                event.disclosure_refused(
                    at=AT, by="women-b", request=REQUEST, consent=named, reasons=reasons
                )
            )
        )
        for named in (None, CONSENT)
        for reasons in (["no-consent"], ["ended", "agreement", "used-up"])
    }
    assert len(sizes) == 1


def test_a_refusal_tells_neither_consent_nor_reason() -> None:
    made = event.disclosure_refused(
        at=AT, by="women-b", request=REQUEST, consent=CONSENT, reasons=["ended", "exp"]
    )
    assert made.detail is not None
    assert b'"reason":"ended exp"' in made.detail
    body = encoded(made)
    assert CONSENT.encode() not in body
    assert b"ended" not in body


def test_times_are_written_in_utc_and_whole_seconds() -> None:
    late = datetime(2026, 11, 22, 11, 15, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert event.seconds(late) == "2026-11-22T09:15:00Z"
    with pytest.raises(Malformed):
        event.seconds(datetime(2026, 11, 22))  # noqa: DTZ001 - what is refused


def test_recipients_are_sorted_and_named_once() -> None:
    body = encoded(EVENTS["disclosure-stored"])
    assert b'"to":["clinic-d","women-b"]' in body


def test_a_detail_belongs_to_kinds_that_have_one() -> None:
    with pytest.raises(Malformed):
        Event(kind="disclosure-collected", at=AT, by="hub", members={}, detail=b"{}")
    with pytest.raises(Malformed):
        Event(kind="disclosure-ended", at=AT, by="hub", members={})


def test_a_disclosure_ends_for_a_known_cause_only() -> None:
    with pytest.raises(Malformed):
        event.disclosure_ended(at=AT, by="hub", manifest=MANIFEST, to=["women-b"], why="whim")


def test_a_commitment_can_be_put_in_later() -> None:
    made = EVENTS["disclosure-ended"]
    before = encode_event(made, rid=ERASURE, detail="A" * 43)
    after = with_detail(before, MANIFEST)
    assert read_event(after) == {**read_event(before), "detail": MANIFEST}
    with pytest.raises(Malformed):
        with_detail(encoded(EVENTS["disclosure-collected"]), MANIFEST)


STORED: dict[str, Any] = read_event(EVENT_B)
WRONG: list[dict[str, Any]] = [
    {"v": 2},
    {"v": True},
    {"v": "1"},
    {"kind": "unknown"},
    {"kind": 7},
    {"kind": "consent-recorded"},
    {"id": "not-a-uuid"},
    {"id": "3F0E8F6E-0F0C-4F57-9D43-0A3D1C1B7A02"},
    {"at": "2026-11-22 09:20:07"},
    {"at": "2026-11-22T09:20:07+00:00"},
    {"by": "Jobcentre A"},
    {"by": None},
    {"consent": "short"},
    {"consent": 7},
    {"purpose": "Housing Loss"},
    {"to": []},
    {"to": "women-b"},
    {"to": ["women-b", "clinic-d"]},
    {"to": ["women-b", "women-b"]},
    {"to": [7]},
    {"to": [f"agency-{n:02}" for n in range(33)]},
    {"extra": "member"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_another_form_of_a_member_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_event(encode({**STORED, **wrong}))


@pytest.mark.parametrize("kind", sorted(event.MEMBERS))
def test_a_missing_member_is_refused(kind: str) -> None:
    whole = read_event(encoded(EVENTS[kind]))
    for name in whole:
        with pytest.raises(Malformed):
            read_event(encode({key: value for key, value in whole.items() if key != name}))


@pytest.mark.parametrize(
    ("kind", "member", "word"),
    [
        ("consent-withdrawn", "via", "phone"),
        ("disclosure-acknowledged", "result", "lost"),
        ("erasure-confirmed", "result", "perhaps"),
        ("agreement-notice", "ends", "2027-12-31T00:00:00Z"),
        ("erasure-asked", "to", "Women B"),
        ("erasure-asked", "to", ["women-b"]),
        ("erasure-asked", "erasure", CONSENT),
        ("officer-read", "officer", "A. Officer"),
        ("officer-export", "count", "512"),
        ("officer-export", "from", -1),
        ("officer-export", "until", True),
        ("erased", "count", event.LARGEST_NUMBER + 1),
        ("erased", "count", [1]),
        ("erased", "list", 7),
    ],
)
def test_another_word_is_refused(kind: str, member: str, word: Any) -> None:
    whole = read_event(encoded(EVENTS[kind]))
    with pytest.raises(Malformed):
        read_event(encode({**whole, member: word}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"event"',
        EVENT_A.replace(b'","', b'", "'),
        EVENT_A[:-1] + b',"v":1}',
        EVENT_A.replace(b"women-b", b"women\\u002db"),
        b" " * event.LARGEST_EVENT + EVENT_A,
    ],
)
def test_bytes_that_are_not_canonical_are_refused(body: bytes) -> None:
    with pytest.raises(ExchangeError):
        read_event(body)


@given(st.binary(max_size=200))
def test_garbage_raises_only_errors_of_the_exchange(body: bytes) -> None:
    with pytest.raises(ExchangeError):
        read_event(body)


def test_an_event_is_no_larger_than_its_limit_with_as_many_recipients_as_there_may_be() -> None:
    to = [f"{n:02}" + "x" * 61 for n in range(event.LARGEST_RECIPIENTS)]
    made = event.disclosure_stored(
        at=AT,
        by="y" * 63,
        consent=CONSENT,
        manifest=MANIFEST,
        to=to,
        subject=("housing-loss", "rent-arrears-letter"),
    )
    body = encoded(made)
    assert len(body) < event.LARGEST_EVENT
    assert read_event(body)["to"] == to


def test_an_event_above_the_limit_is_not_made() -> None:
    made: Callable[[str], Event] = lambda code: event.disclosure_stored(  # noqa: E731
        at=AT,
        by="women-b",
        consent=CONSENT,
        manifest=MANIFEST,
        to=["clinic-d"],
        subject=("housing-loss", code),
    )
    with pytest.raises(Malformed):
        encoded(made("x" * event.LARGEST_EVENT))
