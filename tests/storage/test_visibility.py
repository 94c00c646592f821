"""exchange.hub.storage: who sees what, asked by id and caller; absent and hidden are one answer."""

import asyncio
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from exchange.agreement.signing import AgreementNotice
from exchange.errors import Conflict, KeyReused, Unavailable
from exchange.hub.storage import (
    agencies,
    agreements,
    consents,
    disclosures,
    ending,
    headers,
    idempotency,
    inbox,
    keys,
    log,
    notices,
    reaches,
    tokens,
    uploads,
)
from exchange.hub.storage.agreements import Signed
from exchange.hub.storage.keys import KeyStatement
from exchange.hub.storage.log_tables import (
    log_chain,
    log_entry,
    log_event,
    log_pending,
)
from exchange.hub.storage.notices import Retry, Waiting
from exchange.hub.storage.reaches import Destination, Reach
from exchange.hub.storage.uploads import Piece
from exchange.sqlite import SqliteDatabase
from tests import samples
from tests.storage import rows
from tests.storage.rows import DAY, HOUR, NOW, OTHER, RECIPIENT, SENDER, STRANGER

EVERYBODY = (SENDER, RECIPIENT, OTHER, STRANGER, "nobody")


def who_sees_consent(conn: Connection, name: object) -> set[str]:
    one = {who for who in EVERYBODY if consents.seen(conn, rows.uuid("consent", name), who)}
    digest = rows.digest("consent", name)
    assert one == {who for who in EVERYBODY if consents.seen_by_digest(conn, digest, who)}
    assert one == {
        who
        for who in EVERYBODY
        if digest in {seen.digest for seen in consents.listed(conn, who, after=None, limit=99)}
    }
    return one


def who_sees_disclosure(conn: Connection, name: object) -> set[str]:
    return {who for who in EVERYBODY if inbox.seen(conn, rows.uuid("disclosure", name), who)}


def waiting(conn: Connection, who: str, after: str | None = None) -> list[str]:
    return [seen.id for seen in inbox.waiting(conn, who, after=after, limit=99, now=NOW).entries]


def collect(conn: Connection, name: object, consent: object) -> None:
    allowed = rows.granted(conn, consent, counted=1)
    id_, rid = rows.uuid("disclosure", name), rows.uuid("collected", name)
    assert disclosures.collect(conn, allowed, id_, RECIPIENT, receipt=rid)
    assert not disclosures.collect(conn, allowed, id_, RECIPIENT, receipt=rows.uuid("another"))


def withdraw(conn: Connection, name: object) -> None:
    found = consents.find(conn, rows.digest("consent", name))
    assert found is not None
    ending.withdraw(conn, found, rows.withdrawal(), rows.chain(name), at=NOW)


def test_a_recipient_sees_a_consent_from_the_first_stored_disclosure_on(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    assert who_sees_consent(conn, "c") == {SENDER}
    disclosures.announce(conn, rows.granted(conn, "c"), rows.new_disclosure("half", "c"), at=NOW)
    assert who_sees_consent(conn, "c") == {SENDER}
    rows.store(conn, "d", "c")
    assert who_sees_consent(conn, "c") == {SENDER, RECIPIENT}


def test_what_ended_before_it_was_collected_never_existed_for_the_recipient(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    assert waiting(conn, RECIPIENT) == [rows.uuid("disclosure", "d")]
    withdraw(conn, "c")
    assert who_sees_consent(conn, "c") == {SENDER}
    assert who_sees_disclosure(conn, "d") == {SENDER}
    assert waiting(conn, RECIPIENT) == []


def test_a_recipient_that_collected_learns_why_because_it_must_erase(conn: Connection) -> None:
    rows.add_consent(conn, "c", collected_by=OTHER)
    rows.store(conn, "d", "c")
    collect(conn, "d", "c")
    withdraw(conn, "c")
    assert who_sees_consent(conn, "c") == {SENDER, RECIPIENT, OTHER}
    whys = {}
    for who in (SENDER, RECIPIENT, OTHER):
        seen = consents.seen(conn, rows.uuid("consent", "c"), who)
        assert seen is not None
        assert seen.ended_at == NOW
        whys[who] = (seen.role, seen.ended_why, seen.withdrawal)
    assert whys == {
        SENDER: ("releaser", None, None),
        RECIPIENT: ("recipient", "withdrawn", b"withdrawal statement"),
        OTHER: ("collector", "withdrawn", b"withdrawal statement"),
    }


def test_a_disclosure_is_seen_by_its_sender_and_whom_it_reached(conn: Connection) -> None:
    both = frozenset({RECIPIENT, OTHER})
    rows.add_consent(conn, "c", recipients=both)
    allowed = rows.granted(conn, "c", recipients=both)
    disclosures.announce(conn, allowed, rows.new_disclosure("d", "c", recipients=both), at=NOW)
    assert who_sees_disclosure(conn, "d") == {SENDER}
    assert waiting(conn, RECIPIENT) == []
    rows.store(conn, "d", "c", recipients=both)
    assert who_sees_disclosure(conn, "d") == {SENDER, RECIPIENT, OTHER}
    sent = inbox.seen(conn, rows.uuid("disclosure", "d"), SENDER)
    got = inbox.seen(conn, rows.uuid("disclosure", "d"), OTHER)
    assert sent is not None
    assert got is not None
    assert [one.agency for one in sent.recipients] == [OTHER, RECIPIENT]
    assert [one.agency for one in got.recipients] == [OTHER]
    assert sent.consent_id == rows.uuid("consent", "c")


def test_an_inbox_goes_on_behind_the_last_one_seen_and_knows_no_numbers(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    ids = [rows.store(conn, n, "c").id for n in range(4)]
    assert waiting(conn, RECIPIENT) == ids
    assert waiting(conn, RECIPIENT, after=ids[1]) == ids[2:]
    assert waiting(conn, RECIPIENT, after=rows.uuid("unknown")) == ids
    assert waiting(conn, OTHER) == []
    first = inbox.waiting(conn, RECIPIENT, after=None, limit=2, now=NOW).entries
    assert [one.id for one in first] == ids[:2]
    assert inbox.waiting(conn, RECIPIENT, after=None, limit=9, now=NOW + 20 * DAY).entries == ()


def test_a_payload_is_fetched_by_its_recipients_while_its_header_is_there(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    new = rows.store(conn, "d", "c")
    found = {who: inbox.payload(conn, new.id, who) for who in EVERYBODY}
    payload = found.pop(RECIPIENT)
    assert payload is not None
    assert payload.blob == rows.kept("d").blob
    assert set(found.values()) == {None}
    headers.forget(conn, [new.id])
    assert inbox.payload(conn, new.id, RECIPIENT) is None
    assert disclosures.unneeded_blobs(conn, limit=9) == ((new.id, rows.kept("d").blob),)
    disclosures.forget_blob(conn, new.id)
    assert disclosures.unneeded_blobs(conn, limit=9) == ()


def who_may_end(conn: Connection, statement: bytes = b"another") -> set[str]:
    id_ = rows.uuid("consent", "c")
    return {who for who in EVERYBODY if consents.endable(conn, id_, who, statement)}


def test_a_withdrawal_is_handed_in_by_whoever_may_read_the_record(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    assert consents.endable(conn, rows.uuid("consent", "unknown"), SENDER, b"s") is None
    assert who_may_end(conn) == {SENDER}

    rows.store(conn, "d", "c")
    assert who_may_end(conn) == {SENDER, RECIPIENT} == who_sees_consent(conn, "c")


def test_the_withdrawal_that_ended_a_consent_is_a_repetition_for_whoever_brings_it(
    conn: Connection,
) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    withdraw(conn, "c")

    assert who_may_end(conn) == {SENDER}
    assert who_may_end(conn, rows.withdrawal().statement) == set(EVERYBODY)


def test_lists_go_by_digest_and_continue_behind_one(conn: Connection) -> None:
    names = sorted((rows.digest("consent", n), n) for n in range(5))
    for _, name in names:
        rows.add_consent(conn, name)
    first = consents.listed(conn, SENDER, after=None, limit=3)
    rest = consents.listed(conn, SENDER, after=first[-1].digest, limit=3)
    assert [one.digest for one in first + rest] == [name for name, _ in names]


def test_a_list_goes_on_behind_any_number_of_consents_that_are_hidden(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consents, "CANDIDATES", 2)
    names = sorted((rows.digest("consent", n), n) for n in range(7))
    for _, name in names:
        rows.add_consent(conn, name)
    for _, name in (names[3], names[6]):
        rows.store(conn, name, name)
    found = consents.listed(conn, RECIPIENT, after=None, limit=9)
    assert [one.digest for one in found] == [names[3][0], names[6][0]]


def test_uses_are_counted_up_to_their_limit_and_no_further(conn: Connection) -> None:
    rows.add_consent(conn, "once", uses=1)
    allowed = rows.granted(conn, "once")
    consents.consume_use(conn, allowed)
    with pytest.raises(Unavailable):
        consents.consume_use(conn, allowed)
    rows.add_consent(conn, "always")
    for _ in range(3):
        consents.consume_use(conn, rows.granted(conn, "always"))


def test_a_use_is_never_given_back_twice(conn: Connection) -> None:
    rows.add_consent(conn, "c", uses=2)
    new = rows.store(conn, "d", "c")
    rows.store(conn, "other", "c")
    disclosures.return_use(conn, new.id, new.consent)
    disclosures.return_use(conn, new.id, new.consent)
    found = consents.find(conn, new.consent)
    assert found is not None
    assert found.used == 1
    with pytest.raises(IntegrityError):
        consents.give_back(conn, new.consent, 2)


def test_a_repetition_is_known_and_another_content_is_a_conflict(conn: Connection) -> None:
    new = rows.add_consent(conn, "c")
    assert consents.known(conn, new.id, new.digest)
    assert not consents.known(conn, rows.uuid("x"), new.digest)
    with pytest.raises(Conflict):
        consents.known(conn, new.id, rows.digest("other"))
    stored = rows.store(conn, "d", "c")
    assert disclosures.known(conn, stored.id, stored.digest) == "stored"
    assert disclosures.known(conn, rows.uuid("x"), stored.digest) is None
    with pytest.raises(Conflict):
        disclosures.known(conn, stored.id, rows.digest("other"))
    assert agreements.known(conn, rows.uuid("agreement"), samples.AGREEMENT_DIGEST)
    with pytest.raises(Conflict):
        agreements.known(conn, rows.uuid("agreement"), rows.digest("other"))


def test_a_permit_for_something_else_stores_nothing(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    rows.add_consent(conn, "other")
    with pytest.raises(Unavailable):
        disclosures.announce(
            conn, rows.granted(conn, "other"), rows.new_disclosure("d", "c"), at=NOW
        )
    wider = rows.new_disclosure("d", "c", recipients=frozenset({RECIPIENT, OTHER}))
    with pytest.raises(Unavailable):
        disclosures.announce(conn, rows.granted(conn, "c"), wider, at=NOW)


def test_nothing_is_stored_for_a_suspended_recipient(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    assert agencies.suspend(conn, RECIPIENT, at=NOW)
    assert not agencies.suspend(conn, RECIPIENT, at=NOW)
    assert agencies.active(conn, [SENDER, RECIPIENT, "nobody"]) == {SENDER}
    with pytest.raises(Unavailable):
        rows.store(conn, "d", "c")


def test_a_disclosure_that_is_stored_is_not_stored_again(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "d", "c")
    with pytest.raises(Unavailable):
        rows.store(conn, "d", "c")


def test_an_upload_grows_piece_by_piece_for_its_sender_only(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    new = rows.new_disclosure("d", "c")
    disclosures.announce(conn, rows.granted(conn, "c"), new, at=NOW)
    assert uploads.find(conn, new.id, RECIPIENT) is None
    upload = uploads.find(conn, new.id, SENDER)
    assert upload is not None
    assert (upload.offset, upload.size) == (0, new.sealed_size)
    first = Piece(start=0, size=1000, blob=rows.uuid("piece", 1))
    assert uploads.add_piece(conn, upload, first) == 1000
    with pytest.raises(Conflict):
        uploads.add_piece(conn, uploads_find(conn, new.id), first)
    beyond = Piece(start=1000, size=new.sealed_size, blob=rows.uuid("piece", 2))
    with pytest.raises(Conflict):
        uploads.add_piece(conn, uploads_find(conn, new.id), beyond)
    assert uploads.pieces(conn, new.id) == (first,)
    assert uploads.unneeded(conn, limit=9) == ()
    assert disclosures.occupied(conn, SENDER) == (1, 0, 0)
    rows.store(conn, "d", "c")
    assert uploads.find(conn, new.id, SENDER) is None
    assert uploads.unneeded(conn, limit=9) == ((new.id, first),)
    assert uploads.named(conn, (first.blob, rows.kept("d").blob, "x")) == {
        first.blob,
        rows.kept("d").blob,
    }
    uploads.forget(conn, new.id, 0)
    assert uploads.unneeded(conn, limit=9) == ()
    assert disclosures.occupied(conn, SENDER) == (0, 1, 50_000)


def uploads_find(conn: Connection, id_: str) -> uploads.Upload:
    found = uploads.find(conn, id_, SENDER)
    assert found is not None
    return found


def test_two_requests_that_add_the_same_piece_cannot_both_win(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    new = rows.new_disclosure("d", "c")
    disclosures.announce(conn, rows.granted(conn, "c"), new, at=NOW)
    upload = uploads_find(conn, new.id)
    uploads.add_piece(conn, upload, Piece(start=0, size=10, blob=rows.uuid("piece", 1)))
    with pytest.raises(IntegrityError):
        uploads.add_piece(conn, upload, Piece(start=0, size=10, blob=rows.uuid("piece", 2)))


def statement(seq: int, key: object, *, nbf: timedelta = -HOUR) -> KeyStatement:
    return KeyStatement(
        agency=RECIPIENT,
        seq=seq,
        digest=rows.digest("key statement", seq),
        statement=b"key statement",
        fingerprint=rows.digest("key", key),
        nbf=NOW + nbf,
        exp=NOW + 30 * DAY,
    )


def accepted(conn: Connection, now: timedelta = timedelta()) -> set[object]:
    found = keys.accepted(conn, [RECIPIENT, OTHER], now=NOW + now)
    names = {rows.digest("key", name): name for name in ("old", "new", "newest")}
    return {names[key] for key in found.get(RECIPIENT, frozenset())}


def test_the_key_before_is_accepted_for_one_day_and_a_revoked_one_never(
    conn: Connection,
) -> None:
    assert accepted(conn) == set()
    keys.add(conn, statement(1, "old"), at=NOW - 5 * DAY)
    assert accepted(conn) == {"old"}
    keys.add(conn, statement(2, "new"), at=NOW)
    assert accepted(conn) == {"old", "new"}
    assert accepted(conn, DAY - timedelta(seconds=1)) == {"old", "new"}
    assert accepted(conn, DAY) == {"new"}
    keys.revoke(conn, RECIPIENT, [rows.digest("key", "old")], at=NOW)
    assert accepted(conn) == {"new"}
    assert keys.revoked(conn, RECIPIENT) == {rows.digest("key", "old")}
    assert keys.revoked(conn, OTHER) == set()


def test_a_statement_counts_in_its_time_and_of_an_active_agency_only(conn: Connection) -> None:
    keys.add(conn, statement(1, "new", nbf=timedelta(seconds=301)), at=NOW)
    assert accepted(conn) == set()
    assert accepted(conn, timedelta(seconds=1)) == {"new"}
    assert accepted(conn, 30 * DAY) == set()
    agencies.suspend(conn, RECIPIENT, at=NOW)
    assert accepted(conn, timedelta(seconds=1)) == set()


def test_key_statements_go_forward_only(conn: Connection) -> None:
    assert keys.newest(conn, RECIPIENT) is None
    keys.add(conn, statement(2, "new"), at=NOW)
    for seq in (1, 2):
        with pytest.raises(Conflict):
            keys.add(conn, statement(seq, "old"), at=NOW)
    assert keys.newest(conn, RECIPIENT) == statement(2, "new")


def test_a_key_revoked_by_one_agency_is_not_revoked_for_another(conn: Connection) -> None:
    keys.add(conn, statement(1, "new"), at=NOW)
    keys.revoke(conn, OTHER, [rows.digest("key", "new")], at=NOW)
    assert accepted(conn) == {"new"}


def test_an_identity_is_accepted_until_the_end_of_its_succession(conn: Connection) -> None:
    old, new = rows.card(RECIPIENT), rows.card(RECIPIENT, "new")
    assert agencies.identity(conn, new.kid, now=NOW) is None
    agencies.succeed(conn, new, b"succession", until=NOW + 90 * DAY, at=NOW)
    found = agencies.identity(conn, old.kid, now=NOW + 89 * DAY)
    assert found is not None
    assert found.card == old
    assert agencies.identity(conn, old.kid, now=NOW + 90 * DAY) is None
    found = agencies.identity(conn, new.kid, now=NOW + 900 * DAY)
    assert found is not None
    assert found.succession == b"succession"
    assert [one.card for one in agencies.identities_of(conn, RECIPIENT)] in ([new, old], [old, new])
    with pytest.raises(Conflict):
        agencies.succeed(conn, new, b"again", until=NOW, at=NOW)


def test_an_agency_or_identity_is_admitted_once(conn: Connection) -> None:
    with pytest.raises(Conflict):
        agencies.add(conn, rows.card(SENDER, "other"), Reach(), chain=rows.uuid("x"), at=NOW)
    reach = Reach(channels=(Destination("smtp", "other@example"),))
    assert reaches.change_reach(conn, SENDER, reach)
    agencies.publish_capabilities(conn, SENDER, b"{}")
    found = agencies.find(conn, SENDER)
    assert found is not None
    assert reaches.reach_of(conn, SENDER) == reach
    assert found.capabilities == b"{}"
    assert "other@example" not in repr(reach)
    assert agencies.find(conn, "nobody") is None
    names = [one.id for one in agencies.listed(conn, after="clinic-d", limit=2)]
    assert names == sorted({SENDER, RECIPIENT, OTHER, STRANGER})[1:3]


def test_an_agreement_is_seen_by_its_parties_only(conn: Connection) -> None:
    id_ = rows.uuid("agreement")
    assert {who for who in EVERYBODY if agreements.find(conn, id_, who)} == {
        SENDER,
        RECIPIENT,
        OTHER,
    }
    assert {who for who in EVERYBODY if agreements.listed(conn, who, after=None, limit=9)} == {
        SENDER,
        RECIPIENT,
        OTHER,
    }
    assert agreements.listed(conn, SENDER, after=id_, limit=9) == ()


def test_the_standing_of_an_agreement_is_its_signatures_notices_and_end(conn: Connection) -> None:
    digest = samples.AGREEMENT_DIGEST
    assert agreements.lock(conn, rows.digest("unknown")) is None
    signed = Signed(rows.digest("signature"), b"s", rows.uuid("signature"))
    assert agreements.sign(conn, digest, SENDER, signed, at=NOW + HOUR)
    assert not agreements.sign(conn, digest, SENDER, signed, at=NOW + DAY)
    with pytest.raises(Conflict):
        agreements.sign(conn, digest, SENDER, replace(signed, digest=rows.digest("other")), at=NOW)
    notice = AgreementNotice(
        digest=rows.digest("notice"),
        id=rows.uuid("notice"),
        iat=1_780_000_000,
        agency=SENDER,
        agreement=digest,
        ends=NOW + 200 * DAY,
    )
    assert agreements.give_notice(conn, notice, statement=b"n", at=NOW, receipt=rows.uuid("r"))
    assert not agreements.give_notice(conn, notice, statement=b"n", at=NOW, receipt=rows.uuid("r"))
    standing = agreements.lock(conn, digest)
    assert standing is not None
    assert standing.signed == {RECIPIENT: NOW, SENDER: NOW + HOUR}
    assert standing.notices == (notice,)
    assert standing.ended_at is None
    assert [one.agency for one in agreements.signatures(conn, digest)] == [RECIPIENT, SENDER]
    assert [one.ends for one in agreements.notices(conn, digest)] == [notice.ends]
    assert [one.digest for one in agreements.unended(conn, after=None, limit=9)] == [digest]
    assert agreements.flag_ended(conn, digest, at=NOW)
    assert not agreements.flag_ended(conn, digest, at=NOW)
    assert agreements.unended(conn, after=None, limit=9) == ()
    standing = agreements.lock(conn, digest)
    assert standing is not None
    assert standing.ended_at == NOW


def take(conn: Connection, now: datetime) -> tuple[Waiting, ...] | None:
    """Return what a relay has in hand then, () if the agency waits, None if nothing is due."""
    taken = notices.take(conn, now=now, quiet=HOUR, until=now + HOUR)
    return None if taken is None else taken.waiting


def test_notices_are_due_sent_postponed_and_parked(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    consent = rows.digest("consent", "c")
    for kind in ("disclosure", "reminder", "erasure"):
        notices.enqueue(conn, [RECIPIENT, OTHER], kind, consent=consent, disclosure=None, at=NOW)
    assert notices.any_due(conn, now=NOW)
    due = take(conn, NOW) or ()
    assert len(due) == 3
    assert {one.agency for one in due} == {RECIPIENT}
    first, second, third = (one.id for one in due)
    notices.sent(conn, [first], at=NOW)
    later = Retry(place=0, due=NOW + HOUR, refused=0, failing_since=NOW, failed=True)
    notices.retry(conn, {second: later})
    notices.park(conn, [third], at=NOW)
    assert not notices.any_due(conn, now=NOW)
    assert take(conn, NOW) is None
    (again,) = take(conn, NOW + HOUR) or ()
    assert (again.id, again.attempts) == (second, 1)
    agencies.suspend(conn, RECIPIENT, at=NOW)
    assert take(conn, NOW + 2 * HOUR) is None
    notices.drop_under(conn, consent)
    assert notices.sweep(conn, sent_before=NOW, parked_before=NOW - DAY) == 1
    assert notices.sweep(conn, sent_before=NOW, parked_before=NOW) == 1


def test_what_is_in_hand_is_taken_by_nobody_else_until_its_time_is_over(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    consent = rows.digest("consent", "c")
    notices.enqueue(conn, [RECIPIENT], "disclosure", consent=consent, disclosure=None, at=NOW)
    (taken,) = take(conn, NOW) or ()
    assert take(conn, NOW) is None
    (again,) = take(conn, NOW + HOUR) or ()  # whoever had it has died
    assert again == taken


def test_an_agency_being_told_is_not_told_of_the_next_thing_meanwhile(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    consent = rows.digest("consent", "c")
    notices.enqueue(conn, [RECIPIENT], "disclosure", consent=consent, disclosure=None, at=NOW)
    assert len(take(conn, NOW) or ()) == 1
    notices.enqueue(conn, [RECIPIENT], "erasure", consent=None, disclosure=None, at=NOW)
    assert take(conn, NOW) == ()  # waits, to be merged with what comes within the hour
    assert take(conn, NOW) is None


def test_what_nobody_collected_is_reminded_of_once(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    rows.store(conn, "waiting", "c")
    rows.store(conn, "collected", "c")
    collect(conn, "collected", "c")
    found = disclosures.overdue(conn, now=NOW, since=NOW, limit=9)
    assert found == ((rows.uuid("disclosure", "waiting"), RECIPIENT, rows.digest("consent", "c")),)
    disclosures.remind(conn, found[0][0], RECIPIENT, at=NOW)
    assert disclosures.overdue(conn, now=NOW, since=NOW, limit=9) == ()


def test_an_assertion_is_used_once_until_it_has_expired(conn: Connection) -> None:
    assert tokens.first_use(conn, SENDER, "jti", until=NOW)
    assert not tokens.first_use(conn, SENDER, "jti", until=NOW)
    assert tokens.first_use(conn, RECIPIENT, "jti", until=NOW + HOUR)
    assert tokens.sweep(conn, now=NOW) == 1
    assert tokens.first_use(conn, SENDER, "jti", until=NOW)


def test_a_key_of_a_caller_is_for_one_request(conn: Connection) -> None:
    assert idempotency.claim(conn, SENDER, "key", b"request", until=NOW + DAY)
    assert not idempotency.claim(conn, SENDER, "key", b"request", until=NOW + DAY)
    with pytest.raises(KeyReused):
        idempotency.claim(conn, SENDER, "key", b"other", until=NOW + DAY)
    assert idempotency.claim(conn, RECIPIENT, "key", b"other", until=NOW + 2 * DAY)
    assert idempotency.sweep(conn, now=NOW + DAY, limit=9) == 1
    assert idempotency.claim(conn, SENDER, "key", b"other", until=NOW + DAY)


def test_a_chain_that_has_not_begun_records_nothing(conn: Connection) -> None:
    from exchange.audit import event

    made = event.disclosure_collected(at=NOW, by=SENDER, manifest=rows.digest("m"))
    with pytest.raises(Unavailable):
        log.record(conn, rows.chain("unknown"), made)
    single = log.Chain(rows.uuid("single"), rows.key("single"), single=True)
    assert log.record(conn, single, made).n == 0
    with pytest.raises(IntegrityError):
        log.record(conn, single, made)  # a single key is good for one event
    assert log.pending(conn) == 1


def test_a_document_is_recorded_without_chain_and_number(conn: Connection) -> None:
    from exchange.audit import leaf

    log.record_document(conn, "key-statement/women-b", b"document", NOW)
    row = conn.execute(select(log_event, log_pending.c.leaf).join(log_pending)).one()
    assert (row.chain, row.n, row.body) == (None, None, b"document")
    assert row.leaf == leaf.document_leaf("key-statement/women-b", b"document")


def test_the_log_knows_its_chains(conn: Connection) -> None:
    rows.add_consent(conn, "c")
    used = rows.uuid("single")
    from exchange.audit import event

    made = event.disclosure_collected(at=NOW, by=SENDER, manifest=rows.digest("m"))
    log.record(conn, log.Chain(used, rows.key("single"), single=True), made)
    asked = (rows.uuid("chain", "c"), used, rows.uuid("orphan"))
    assert log.known_chains(conn, asked) == set(asked[:2])


def test_entries_of_the_log_stay_and_only_lose_their_link(conn: Connection) -> None:
    entry = {"idx": 0, "leaf": bytes(49), "rid": rows.uuid("r")}
    conn.execute(insert(log_entry), entry)
    for change in (
        log_entry.delete(),
        update(log_entry).values(leaf=b"x" * 49),
        update(log_entry).values(idx=5),
        update(log_entry).values(rid=rows.uuid("other")),
    ):
        with pytest.raises(IntegrityError, match="the log only grows"):
            conn.execute(change)
    conn.execute(update(log_entry).values(rid=None))
    assert conn.execute(text("SELECT size FROM log_tree")).scalar() == 0


def test_a_leaf_has_49_bytes(conn: Connection) -> None:
    conn.execute(
        insert(log_event),
        {"rid": rows.uuid("r"), "kind": "x", "at": NOW, "body": b""},
    )
    with pytest.raises(IntegrityError):
        conn.execute(insert(log_pending), {"rid": rows.uuid("r"), "leaf": bytes(48)})


async def test_header_bytes_are_in_no_file_after_a_withdrawal(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    marks = {n: secrets.token_bytes(64) for n in range(20)}

    def fill(conn: Connection) -> None:
        rows.add_agencies(conn)
        rows.add_agreement(conn)
        rows.add_consent(conn, "c")
        rows.add_consent(conn, "kept")
        for n, mark in marks.items():
            new = rows.store(conn, n, "c" if n else "kept")
            conn.execute(
                update(headers.headers)
                .where(headers.headers.c.disclosure == new.id)
                .values(header=mark * 25)
            )

    await database.write(fill)
    await database.write_first(withdraw, "c")
    assert await database.erase_from_wal()
    found = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [n for n, mark in marks.items() if mark in found] == [0]


async def test_ten_disclosures_at_once_under_a_consent_for_one_use_store_one(
    database: SqliteDatabase,
) -> None:
    def fill(conn: Connection) -> None:
        rows.add_agencies(conn)
        rows.add_agreement(conn)
        rows.add_consent(conn, "c", uses=1)

    await database.write(fill)
    results = await asyncio.gather(
        *(database.write(rows.store, n, "c") for n in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, Unavailable) for result in results) == 9
    assert await database.read(lambda conn: len(conn.execute(select(headers.headers)).all())) == 1


def test_only_one_module_names_the_column_with_header_bytes() -> None:
    source = Path(headers.__file__).parent.parent  # the hub; a gateway keeps what it collected
    naming = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if "c.header" in path.read_text() or "headers.headers.c" in path.read_text()
    }
    assert naming == {"storage/headers.py"}


def test_chains_begin_once(conn: Connection) -> None:
    log.open_chain(conn, rows.uuid("new"), "hub")
    with pytest.raises(IntegrityError):
        log.open_chain(conn, rows.uuid("new"), "hub")
    kinds = set(conn.execute(select(log_chain.c.kind)).scalars())
    assert kinds == {"agency", "agreement", "hub"}
