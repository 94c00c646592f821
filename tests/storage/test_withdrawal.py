"""exchange.hub.storage.ending: what a withdrawal and the other ends do, in one transaction."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from exchange.audit.event import read_event
from exchange.errors import Conflict, Unavailable
from exchange.hub.storage import (
    consents,
    disclosures,
    ending,
    erasures,
    headers,
    inbox,
    keys,
    log,
    notices,
)
from exchange.hub.storage.disclosures import Answer
from exchange.hub.storage.log_tables import (
    log_chain,
    log_event,
    log_pending,
)
from exchange.hub.storage.tables import disclosures as disclosures_table
from exchange.hub.storage.tables import erasures as erasures_table
from exchange.hub.storage.tables import notices as notices_table
from tests.storage import rows
from tests.storage.rows import DAY, HOUR, NOW, OTHER, RECIPIENT, SENDER, STRANGER

LATER = NOW + HOUR
PAST = NOW - 100 * DAY


def count(conn: Connection, table: Any) -> int:
    return conn.execute(select(func.count()).select_from(table)).scalar_one()


def kinds(conn: Connection) -> list[str]:
    query = select(log_event.c.kind).join(log_pending).order_by(log_pending.c.id)
    return list(conn.execute(query).scalars())


def state(conn: Connection, name: object) -> tuple[str, str | None]:
    row = conn.execute(
        select(disclosures_table).where(disclosures_table.c.id == rows.uuid("disclosure", name))
    ).one()
    return row.state, row.ended_why


def used(conn: Connection, name: object) -> int:
    found = consents.find(conn, rows.digest("consent", name))
    assert found is not None
    return found.used


def withdraw(conn: Connection, name: object, **other: Any) -> ending.Ended:
    found = consents.find(conn, rows.digest("consent", name))
    assert found is not None
    chain = rows.chain(name, away=other.pop("away", False))
    return ending.withdraw(conn, found, rows.withdrawal(**other), chain, at=LATER)


def collect(conn: Connection, name: object, consent: object, by: str = RECIPIENT) -> bytes | None:
    everybody = frozenset({RECIPIENT})
    allowed = rows.permit(conn, consent, recipients=everybody, counted=1, now=LATER)
    if allowed is None:
        return None
    rid = rows.uuid("collected", name, by)
    disclosures.collect(conn, allowed, rows.uuid("disclosure", name), by, receipt=rid)
    return headers.release(conn, allowed, rows.uuid("disclosure", name))


def acknowledge(
    conn: Connection, name: object, *, result: Any = "accepted", reason: str | None = None
) -> str:
    found = disclosures.gated(conn, rows.uuid("disclosure", name), RECIPIENT)
    assert found is not None
    answer = Answer(statement=b"answer", result=result, reason=reason, receipt=rows.uuid("answer"))
    return disclosures.acknowledge(conn, found, RECIPIENT, answer, at=LATER)


def expire(conn: Connection, keyed: dict[str, log.Chain], **deadlines: datetime) -> tuple[str, ...]:
    asked = {"now": NOW, "stored_before": PAST, "announced_before": PAST, **deadlines}
    due = ending.due(conn, limit=100, **asked)
    return ending.expire(conn, due, keyed, **asked)


def test_a_stored_header_is_released_to_its_recipient_until_it_acknowledges(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    assert collect(conn, "d", "c") == rows.header("d")
    assert collect(conn, "d", "c") == rows.header("d")
    assert acknowledge(conn, "d") == "acknowledged"
    assert collect(conn, "d", "c") is None
    assert count(conn, headers.headers) == 0


def test_withdrawal_deletes_every_header_stored_and_collected(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    rows.add_consent(conn, "another")
    for name in ("stored", "collected", "done"):
        rows.store(conn, name, "c")
    rows.store(conn, "untouched", "another")
    assert collect(conn, "collected", "c")
    assert collect(conn, "done", "c")
    acknowledge(conn, "done")
    ended = withdraw(conn, "c")
    assert ended.first
    assert set(ended.disclosures) == {
        rows.uuid("disclosure", "stored"),
        rows.uuid("disclosure", "collected"),
    }
    left = conn.execute(select(headers.headers.c.disclosure)).scalars().all()
    assert left == [rows.uuid("disclosure", "untouched")]
    assert state(conn, "stored") == ("ended", "withdrawn")
    assert state(conn, "collected") == ("ended", "withdrawn")
    assert state(conn, "done") == ("acknowledged", None)
    assert state(conn, "untouched") == ("stored", None)
    assert collect(conn, "stored", "c") is None


def test_a_header_is_not_released_under_an_ended_consent_even_with_a_stale_permit(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    stale = rows.granted(conn, "c")
    withdraw(conn, "c")
    id_ = rows.uuid("disclosure", "d")
    row = {"disclosure": id_, "header": b"put back by a bug"}
    conn.execute(insert(headers.headers), row)
    assert headers.release(conn, stale, id_) is None
    with pytest.raises(Unavailable):
        consents.consume_use(conn, stale)
    headers.forget(conn, [id_])
    with pytest.raises(Unavailable):
        headers.keep(conn, stale, id_, b"put back by a bug")


def test_withdrawal_gives_back_the_uses_nobody_has_read(conn: Connection) -> None:
    rows.add_consent(conn, "c", uses=5)
    for name in ("stored", "collected", "done"):
        rows.store(conn, name, "c")
    collect(conn, "collected", "c")
    collect(conn, "done", "c")
    acknowledge(conn, "done")
    assert used(conn, "c") == 3
    withdraw(conn, "c")
    assert used(conn, "c") == 2


def test_withdrawal_asks_exactly_those_who_collected_to_erase(conn: Connection) -> None:
    both = frozenset({RECIPIENT, OTHER})
    rows.add_consent(conn, "c", recipients=both)
    rows.store(conn, "d", "c", recipients=both)
    allowed = rows.granted(conn, "c", recipients=both)
    disclosures.collect(
        conn, allowed, rows.uuid("disclosure", "d"), RECIPIENT, receipt=rows.uuid("collected")
    )
    ended = withdraw(conn, "c")
    assert ended.asked == (RECIPIENT,)
    (erasure,) = erasures.listed(conn, RECIPIENT, after=None, limit=10)
    assert erasure.manifests == (rows.digest("manifest", "d"),)
    assert erasure.reason == "withdrawn"
    assert erasures.listed(conn, OTHER, after=None, limit=10) == ()
    assert erasures.listed(conn, SENDER, after=None, limit=10) == (erasure,)
    assert erasures.listed(conn, STRANGER, after=None, limit=10) == ()
    assert erasures.find(conn, erasure.id, SENDER) is None
    assert erasures.find(conn, erasure.id, RECIPIENT) == erasure


def test_a_collector_who_ends_it_because_it_served_its_purpose_asks_nobody(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    collect(conn, "d", "c")
    ended = withdraw(conn, "c", why="purpose-reached", erasure=None)
    assert ended.asked == ()
    assert count(conn, erasures_table) == 0


def test_withdrawal_takes_undelivered_notices_with_it_and_queues_the_task(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    new = rows.store(conn, "d", "c")
    notices.enqueue(
        conn, [RECIPIENT, OTHER], "disclosure", consent=new.consent, disclosure=new.id, at=NOW
    )
    assert count(conn, notices_table) == 1  # only the recipient has a channel
    collect(conn, "d", "c")
    withdraw(conn, "c")
    taken = notices.take(conn, now=LATER, quiet=rows.DAY, until=LATER + rows.DAY)
    assert taken is not None
    (left,) = taken.waiting
    assert left.kind == "erasure"
    assert left.agency == RECIPIENT


def test_withdrawal_is_one_event_and_one_more_for_each_disclosure_it_cut(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "stored", "c")
    rows.store(conn, "collected", "c")
    collect(conn, "collected", "c")
    withdraw(conn, "c")
    assert kinds(conn) == [
        "consent-withdrawn",
        "disclosure-ended",
        "disclosure-ended",
        "erasure-asked",
    ]
    assert conn.execute(select(log_event.c.n).order_by(log_event.c.n)).scalars().all() == [
        0,
        1,
        2,
        3,
    ]
    for body in conn.execute(select(log_event.c.body)).scalars():
        read_event(body)
        assert b'"why"' not in body
    assert all(len(leaf) == 49 for leaf in conn.execute(select(log_pending.c.leaf)).scalars())


def test_a_repeated_withdrawal_changes_nothing_and_tells_the_first_moment(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    first = withdraw(conn, "c")
    events = count(conn, log_event)
    found = consents.find(conn, rows.digest("consent", "c"))
    assert found is not None
    again = ending.withdraw(conn, found, rows.withdrawal(), rows.chain("c"), at=LATER + HOUR)
    assert again == replace(first, disclosures=(), asked=(), first=False)
    assert (again.ended_at, again.receipt) == (LATER, first.receipt)
    assert count(conn, log_event) == events


def test_a_consent_is_ended_by_one_statement(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    digest = rows.digest("consent", "c")
    withdraw(conn, "c")
    assert ending.ended_by(conn, digest, rows.withdrawal().statement)
    assert not ending.ended_by(conn, digest, b"another statement")


def test_withdrawal_while_the_vault_is_away_commits_and_its_leaves_follow_before_any_other(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    collect(conn, "d", "c")
    withdraw(conn, "c", away=True)
    assert count(conn, headers.headers) == 0
    leaves = select(log_pending.c.leaf).order_by(log_pending.c.id)
    assert conn.execute(leaves).scalars().all() == [None, None, None]
    assert log.deferred_chains(conn, limit=10) == (rows.uuid("chain", "c"),)
    (erasure,) = erasures.listed(conn, RECIPIENT, after=None, limit=1)
    from exchange.audit import event

    confirmed = event.erasure_confirmed(
        at=LATER,
        by=RECIPIENT,
        erasure=erasure.id,
        statement=rows.digest("confirmation"),
        result="erased",
    )
    log.record(conn, rows.chain("c"), confirmed)
    made = conn.execute(leaves).scalars().all()
    assert all(leaf is not None for leaf in made)
    assert len(set(made)) == 4
    assert log.deferred_chains(conn, limit=10) == ()
    assert (
        conn.execute(
            select(log_chain.c.next_n).where(log_chain.c.chain == rows.uuid("chain", "c"))
        ).scalar()
        == 4
    )


def test_deferred_leaves_are_those_that_would_have_been_made_at_once(conn: Connection) -> None:
    from exchange.audit import leaf

    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    withdraw(conn, "c", away=True)
    assert log.fill_deferred(conn, rows.chain("c")) == 2
    query = select(log_event, log_pending.c.leaf).join(log_pending)
    for row in conn.execute(query):
        key = rows.key("c")
        assert row.leaf == leaf.event_leaf(key, row.n, row.body)
        if row.detail is not None:
            assert read_event(row.body)["detail"] == leaf.detail_commitment(key, row.n, row.detail)
    with pytest.raises(Unavailable):
        log.fill_deferred(conn, rows.chain("c", away=True))


def test_the_end_of_an_agreement_ends_its_consents_and_asks_nobody_to_erase(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    collect(conn, "d", "c")
    found = consents.find(conn, rows.digest("consent", "c"))
    assert found is not None
    ended = ending.end_wordless(conn, found, rows.chain("c"), why="agreement", at=LATER)
    assert ended.asked == ()
    assert count(conn, headers.headers) == 0
    assert state(conn, "d") == ("ended", "agreement")
    assert consents.unended_under(conn, found.agreement, limit=10) == ()
    found = consents.find(conn, rows.digest("consent", "c"))
    assert found is not None
    again = ending.end_wordless(conn, found, rows.chain("c"), why="agreement", at=LATER + HOUR)
    assert not again.first
    withdrawn = withdraw(conn, "c")
    assert withdrawn.first
    assert withdrawn.asked == (RECIPIENT,)


def test_what_nobody_collected_expires_and_the_use_comes_back(conn: Connection) -> None:
    rows.add_consent(conn, "c", uses=2)
    rows.store(conn, "d", "c", exp=NOW + HOUR)
    keyed = {rows.uuid("chain", "c"): rows.chain("c")}
    assert expire(conn, keyed, now=NOW + HOUR - DAY / 86400) == ()
    assert expire(conn, keyed, now=NOW + HOUR) == (rows.uuid("disclosure", "d"),)
    assert state(conn, "d") == ("expired", "expired")
    assert used(conn, "c") == 0
    assert count(conn, headers.headers) == 0
    assert kinds(conn) == ["disclosure-ended"]
    assert expire(conn, keyed, now=NOW + DAY) == ()


def test_what_was_collected_keeps_its_state_and_its_use_but_loses_its_header_at_exp(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c", uses=2)
    rows.store(conn, "d", "c", exp=NOW + 2 * HOUR)
    collect(conn, "d", "c")
    assert expire(conn, {}, now=NOW + 2 * HOUR) == (rows.uuid("disclosure", "d"),)
    assert state(conn, "d") == ("collected", None)
    assert count(conn, headers.headers) == 0
    assert used(conn, "c") == 1
    assert kinds(conn) == []
    assert expire(conn, {}, now=NOW + 2 * HOUR) == ()
    assert acknowledge(conn, "d") == "acknowledged"


def test_an_upload_that_was_never_complete_ends_without_a_trace_in_the_log(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    new = rows.new_disclosure("d", "c")
    disclosures.announce(conn, rows.granted(conn, "c"), new, at=NOW)
    assert expire(conn, {}, announced_before=NOW) == (new.id,)
    assert state(conn, "d") == ("expired", "expired")
    assert kinds(conn) == []
    assert used(conn, "c") == 0


def test_stored_too_long_ago_expires_before_its_own_exp(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    assert expire(conn, {}, stored_before=NOW) == (rows.uuid("disclosure", "d"),)


def test_a_revoked_key_takes_the_headers_sealed_to_it_and_no_other(conn: Connection) -> None:
    both = frozenset({RECIPIENT, OTHER})
    rows.add_consent(conn, "c", uses=9, recipients=both)
    rows.store(conn, "mine", "c")
    rows.store(conn, "read", "c")
    rows.store(conn, "theirs", "c", recipients=frozenset({OTHER}))
    collect(conn, "read", "c")
    stolen = rows.digest("document key", RECIPIENT)
    assert keys.revoke(conn, RECIPIENT, [stolen], at=LATER) == (stolen,)
    assert keys.revoke(conn, RECIPIENT, [stolen], at=LATER) == ()
    due = ending.sealed_to(conn, [stolen])
    assert {one.chain for one in due} == {rows.uuid("chain", "c")}
    cut = ending.end_sealed_to(conn, [stolen], {}, at=LATER)
    assert set(cut) == {rows.uuid("disclosure", "mine"), rows.uuid("disclosure", "read")}
    assert state(conn, "mine") == ("expired", "key-revoked")
    assert state(conn, "read") == ("collected", None)
    assert state(conn, "theirs") == ("stored", None)
    assert used(conn, "c") == 2
    left = conn.execute(select(headers.headers.c.disclosure)).scalars().all()
    assert left == [rows.uuid("disclosure", "theirs")]


def test_the_sender_takes_back_what_nobody_collected_once(conn: Connection) -> None:
    rows.add_consent(conn, "c", uses=1)
    rows.store(conn, "d", "c")
    assert ending.recallable(conn, rows.uuid("disclosure", "d"), RECIPIENT) is None
    found = ending.recallable(conn, rows.uuid("disclosure", "d"), SENDER)
    assert found is not None
    receipt = ending.recall(conn, found, rows.chain("c"), at=LATER)
    assert ending.recall(conn, found, rows.chain("c"), at=LATER) == receipt
    assert state(conn, "d") == ("ended", "recalled")
    assert used(conn, "c") == 0
    (body,) = conn.execute(select(log_event.c.body)).scalars()
    assert (read_event(body)["by"], read_event(body)["id"]) == (SENDER, receipt)


@pytest.mark.parametrize("after", ["collected", "acknowledged", "expired", "withdrawn"])
def test_a_recall_that_comes_too_late_is_refused(conn: Connection, after: str) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c", exp=NOW + HOUR)
    if after == "withdrawn":
        withdraw(conn, "c")
    elif after == "expired":
        expire(conn, {}, now=NOW + DAY)
    else:
        collect(conn, "d", "c")
    if after == "acknowledged":
        acknowledge(conn, "d")
    found = ending.recallable(conn, rows.uuid("disclosure", "d"), SENDER)
    assert found is not None
    with pytest.raises(Conflict):
        ending.recall(conn, found, rows.chain("c"), at=LATER)


@pytest.mark.parametrize(
    ("result", "reason", "left"),
    [
        ("accepted", None, 1),
        ("quarantined", None, 1),
        ("rejected", "malformed", 1),
        ("rejected", "unreadable", 0),
        ("rejected", "key-lost", 0),
    ],
)
def test_an_answer_after_reading_keeps_the_use_unless_it_could_not_be_read(
    conn: Connection, result: str, reason: str | None, left: int
) -> None:
    rows.add_consent(conn, "c", uses=1)
    rows.store(conn, "d", "c")
    collect(conn, "d", "c")
    assert acknowledge(conn, "d", result=result, reason=reason) == "acknowledged"
    assert used(conn, "c") == left


def test_a_rejection_before_collection_gives_the_use_back(conn: Connection) -> None:
    rows.add_consent(conn, "c", uses=1)
    rows.store(conn, "d", "c")
    assert acknowledge(conn, "d", result="rejected", reason="malformed") == "acknowledged"
    assert used(conn, "c") == 0
    with pytest.raises(Conflict):
        acknowledge(conn, "d")


def test_the_header_stays_until_the_last_recipient_has_answered(conn: Connection) -> None:
    both = frozenset({RECIPIENT, OTHER})
    rows.add_consent(conn, "c", recipients=both)
    rows.store(conn, "d", "c", recipients=both)
    assert acknowledge(conn, "d", result="rejected", reason="malformed") == "stored"
    assert count(conn, headers.headers) == 1
    found = disclosures.gated(conn, rows.uuid("disclosure", "d"), OTHER)
    assert found is not None
    assert found.recipients == both
    answer = Answer(
        statement=b"answer", result="rejected", reason="key-lost", receipt=rows.uuid("answer")
    )
    assert disclosures.acknowledge(conn, found, OTHER, answer, at=LATER) == "acknowledged"
    assert count(conn, headers.headers) == 0


def test_an_answer_after_the_end_is_kept_and_gives_a_use_back_once(conn: Connection) -> None:
    rows.add_consent(conn, "c", uses=1)
    rows.store(conn, "d", "c")
    collect(conn, "d", "c")
    withdraw(conn, "c")
    assert used(conn, "c") == 1
    assert acknowledge(conn, "d", result="rejected", reason="unreadable") == "ended"
    assert used(conn, "c") == 0
    seen = inbox.seen(conn, rows.uuid("disclosure", "d"), SENDER)
    assert seen is not None
    assert seen.recipients[0].acknowledgement == b"answer"


def test_a_confirmed_erasure_takes_one_answer(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    collect(conn, "d", "c")
    withdraw(conn, "c")
    (erasure,) = erasures.listed(conn, RECIPIENT, after=None, limit=10)
    answer = erasures.Confirmation(
        statement=b"signed",
        digest=rows.digest("signed"),
        result="erased",
        ground=None,
        receipt=rows.uuid("signed"),
    )
    assert erasures.unanswered(conn, asked_before=LATER, limit=10) == (
        (erasure.id, RECIPIENT, erasure.consent),
    )
    assert erasures.confirm(conn, erasure, answer, at=LATER)
    found = erasures.find(conn, erasure.id, RECIPIENT)
    assert found is not None
    assert found.result == "erased"
    assert not erasures.confirm(conn, found, answer, at=LATER)
    other = erasures.Confirmation(
        statement=b"other",
        digest=rows.digest("other"),
        result="kept",
        ground="legal-claims",
        receipt=rows.uuid("other"),
    )
    with pytest.raises(Conflict):
        erasures.confirm(conn, found, other, at=LATER)
    assert erasures.unanswered(conn, asked_before=LATER, limit=10) == ()
