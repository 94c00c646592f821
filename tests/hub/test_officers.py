"""Who asks at the officers' desk: accounts, the trace of a look, what needs attention."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from exchange.audit.event import GATEWAY
from exchange.errors import Conflict, Malformed, NotFound, NotPermitted, Unavailable
from exchange.hub import sweep
from exchange.hub.heads import EVIDENCE
from exchange.hub.officers import accounts, attention, commands, links, sessions, trace
from exchange.hub.officers.accounts import Login, Officer
from exchange.hub.sweep import VISITS_KEPT
from exchange.wire import routes
from tests.officer import account, logged_in
from tests.person import consent_with_code, page
from tests.simulator import RECIPIENT, SENDER, Simulator

LOGIN = Login(issuer="https://login.example", subject="4711")
NOBODY = "00000000-0000-4000-8000-000000000000"


# Accounts


async def test_a_login_finds_its_account_until_that_is_removed(sim: Simulator) -> None:
    made = await accounts.add(sim.hub, role="officer", agency=RECIPIENT, login=LOGIN)
    assert await accounts.by_login(sim.hub, LOGIN) == made
    assert (
        await accounts.by_login(sim.hub, Login(issuer="https://x.example", subject="4711")) is None
    )
    with pytest.raises(Conflict):
        await accounts.add(sim.hub, role="auditor", agency=None, login=LOGIN)
    await accounts.remove(sim.hub, made.id)
    assert await accounts.by_login(sim.hub, LOGIN) is None
    again = await accounts.add(sim.hub, role="auditor", agency=None, login=LOGIN)
    assert again.id != made.id


async def test_only_an_officer_has_an_agency(sim: Simulator) -> None:
    with pytest.raises(Malformed):
        await accounts.add(sim.hub, role="officer", agency=None)
    with pytest.raises(Malformed):
        await accounts.add(sim.hub, role="auditor", agency=RECIPIENT)
    with pytest.raises(Malformed):
        await accounts.add(sim.hub, role="operator", agency=RECIPIENT)
    assert await accounts.every(sim.hub) == ()


async def test_an_account_needs_an_agency_that_was_admitted(sim: Simulator) -> None:
    with pytest.raises(NotFound):
        await accounts.add(sim.hub, role="officer", agency="nobody-here")


@pytest.mark.parametrize(
    ("issuer", "subject"), [("", "x"), ("https://x.example", ""), ("x", "y" * 1025)]
)
def test_a_login_has_both_its_names(issuer: str, subject: str) -> None:
    with pytest.raises(Malformed):
        Login(issuer=issuer, subject=subject)


async def test_nothing_begins_for_an_account_that_is_gone(sim: Simulator) -> None:
    officer = await account(sim)
    await accounts.remove(sim.hub, officer.id)
    assert await sessions.enter(sim.hub, officer.id) is None
    for verb in (accounts.remove, links.make):
        with pytest.raises(NotFound):
            await verb(sim.hub, officer.id)
        with pytest.raises(NotFound):
            await verb(sim.hub, NOBODY)


async def test_a_command_of_another_kind_is_refused(sim: Simulator) -> None:
    king = {"what": "add", "role": "king", "agency": None, "login": None}
    for asked in ({}, king, {"what": "link"}, {"what": "remove", "id": 7}):
        with pytest.raises(Malformed):
            await commands.command(sim.hub, asked)
    assert await accounts.every(sim.hub) == ()


async def test_visits_are_known_for_a_year_and_removed_accounts_as_long(sim: Simulator) -> None:
    _, officer = await logged_in(sim)
    await links.make(sim.hub, officer.id)
    await accounts.remove(sim.hub, officer.id)
    sim.now += VISITS_KEPT
    await sweep.sweep(sim.hub, leftovers=False)
    assert await sim.count("officer_visits") == 4
    sim.later(seconds=1)
    await sweep.sweep(sim.hub, leftovers=False)
    assert await sim.count("officer_visits") == 0
    assert await accounts.every(sim.hub) == ()
    (noted,) = await sim.rows("SELECT count FROM deletions WHERE class = 'D11'")
    assert noted.count == 4


async def test_links_and_sessions_go_when_their_time_is_over(sim: Simulator) -> None:
    desk, officer = await logged_in(sim)
    await links.make(sim.hub, officer.id)
    sim.now += links.LIFE
    await sweep.sweep(sim.hub, leftovers=False)
    assert (await sim.count("officer_links"), await sim.count("officer_sessions")) == (0, 1)
    assert (await desk.get("/officer/")).status == 200
    sim.now += sessions.IDLE
    await sweep.sweep(sim.hub, leftovers=False)
    assert await sim.count("officer_sessions") == 0
    assert [one.id for one in await accounts.every(sim.hub)] == [officer.id]


# The trace


async def test_a_look_at_a_consent_is_on_its_chain_once_an_hour(sim: Simulator) -> None:
    given, other = await sim.consent(), await sim.consent()
    asker = await account(sim)
    for _ in range(3):
        await trace.record_read(sim.hub, asker, given.digest)
    sim.now += trace.ONCE - timedelta(seconds=1)
    await trace.record_read(sim.hub, asker, given.digest)
    (read,) = await sim.log("officer-read")
    assert (read["by"], read["officer"], read["consent"]) == (RECIPIENT, asker.id, given.digest)
    await trace.record_read(sim.hub, asker, other.digest)
    await trace.record_read(sim.hub, await account(sim), given.digest)
    assert len(await sim.log("officer-read")) == 3
    sim.later(seconds=1)
    await trace.record_read(sim.hub, asker, given.digest)
    assert len(await sim.log("officer-read")) == 4


async def test_programs_of_two_agencies_leave_a_trace_each(sim: Simulator) -> None:
    given = await sim.consent()
    for agency in (SENDER, RECIPIENT, SENDER):
        await trace.record_read(sim.hub, Officer(GATEWAY, "officer", agency), given.digest)
    assert {read["by"] for read in await sim.log("officer-read")} == {SENDER, RECIPIENT}
    assert len(await sim.log("officer-read")) == 2


async def test_the_person_sees_that_an_officer_has_looked(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    asker = await account(sim, agency=SENDER)
    await trace.record_read(sim.hub, asker, given.digest)
    seen = await page(sim, code=code, lang="en")
    assert b"privacy officer" in seen.body
    assert asker.id.encode() not in seen.body


async def test_nobody_reads_without_an_agency(sim: Simulator) -> None:
    given = await sim.consent()
    for asker in (await account(sim, "auditor"), await account(sim, "operator")):
        with pytest.raises(NotPermitted):
            await trace.record_read(sim.hub, asker, given.digest)
        with pytest.raises(NotPermitted):
            await trace.record_export(sim.hub, asker, first=0, until=1, count=1)
    assert await sim.log("officer-read") == await sim.log("officer-export") == []


async def test_no_trace_is_left_of_what_is_not_there(sim: Simulator) -> None:
    with pytest.raises(NotFound):
        await trace.record_read(sim.hub, await account(sim), "A" * 43)
    gone = Officer(NOBODY, "officer", "nobody-here")
    with pytest.raises(NotFound):
        await trace.record_export(sim.hub, gone, first=0, until=1, count=1)


async def test_without_the_vault_nobody_looks(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, asker = await sim.consent(), await account(sim)

    async def away(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(type(sim.hub.vault), "chain", away)
    with pytest.raises(Unavailable):
        await trace.record_read(sim.hub, asker, given.digest)
    with pytest.raises(Unavailable):
        await trace.record_look(sim.hub, asker)
    with pytest.raises(Unavailable):
        await trace.record_export(sim.hub, asker, first=0, until=1, count=1)
    assert await sim.log("officer-read") == await sim.log("officer-export") == []


async def test_what_is_taken_away_is_on_the_chain_of_the_agency(sim: Simulator) -> None:
    asker = await account(sim)
    await trace.record_export(sim.hub, asker, first=3, until=9, count=4)
    (taken,) = await sim.log("officer-export")
    assert (taken["by"], taken["officer"]) == (RECIPIENT, asker.id)
    assert (taken["from"], taken["until"], taken["count"]) == (3, 9, 4)


# What needs attention


async def test_a_look_at_what_is_of_no_person_is_on_the_chain_of_the_agency_once_an_hour(
    sim: Simulator,
) -> None:
    asker, other = await account(sim, agency=SENDER), await account(sim, agency=SENDER)
    for who in (asker, asker, other, await account(sim, "auditor")):
        await trace.record_look(sim.hub, who)
    sim.later(minutes=59)
    await trace.record_look(sim.hub, asker)
    looks = await sim.log("officer-export")
    assert [(one["by"], one["officer"]) for one in looks] == [
        (SENDER, asker.id),
        (SENDER, other.id),
    ]
    assert {(one["from"], one["until"], one["count"]) for one in looks} == {(0, 0, 0)}

    sim.later(minutes=1)
    await trace.record_look(sim.hub, asker)
    assert len(await sim.log("officer-export")) == 3


async def test_what_was_taken_away_within_the_hour_is_no_look(sim: Simulator) -> None:
    asker = await account(sim)
    await trace.record_export(sim.hub, asker, first=0, until=1, count=1)
    await trace.record_look(sim.hub, asker)
    assert [one["count"] for one in await sim.log("officer-export")] == [1, 0]


def change_vault(sim: Simulator, statement: str) -> None:
    with closing(sqlite3.connect(sim.home / "vault" / "vault.sqlite")) as vault:
        vault.execute(statement)
        vault.commit()


async def test_without_the_vault_the_first_page_tells_of_the_log_and_what_it_cannot_tell(
    sim: Simulator,
) -> None:
    given = await sim.consent()
    await sim.collect(await sim.sent(given))
    await sim.withdraw(given)
    await sim.settled()
    desk, _ = await logged_in(sim)
    operator, _ = await logged_in(sim, "operator")
    before = (await operator.get("/officer/")).body

    change_vault(sim, "ALTER TABLE chain_key RENAME TO away")
    found = await desk.get("/officer/")
    text = found.body.decode()
    assert found.status == 200
    for said in ("cannot be shown at the moment", "tell the operator", "Entries, signed"):
        assert said in text
    for unsaid in ("one erasure still to confirm", "Nothing at the moment", "Agreements in force"):
        assert unsaid not in text
    german = (await desk.get("/officer/?lang=de")).body.decode()
    assert "lässt sich gerade nicht zeigen" in german
    assert "sagen Sie dem Betrieb des Hubs Bescheid" in german
    assert await sim.log("officer-export") == []
    # What else she asks for is refused, and leads to the page that says what works.
    refused = await desk.get("/officer/partners")
    assert refused.status == 503
    assert b'href="/officer/"' in refused.body
    assert "Die Übersicht sagt, wie es um das Protokoll steht" in refused.body.decode()
    # Whoever has no agency leaves no trace and misses nothing.
    assert (await operator.get("/officer/")).body == before

    change_vault(sim, "ALTER TABLE away RENAME TO chain_key")
    text = (await desk.get("/officer/?lang=en")).body.decode()
    assert "one erasure still to confirm" in text
    assert "cannot be shown" not in text
    assert len(await sim.log("officer-export")) == 1


async def test_open_erasures_are_counted_on_both_sides_and_answered_ones_are_not(
    sim: Simulator,
) -> None:
    given = await sim.consent()
    letter = await sim.sent(given)
    await sim.collect(letter)
    await sim.withdraw(given)
    asked, owed = await account(sim), await account(sim, agency=SENDER)

    async def standing(who: Officer) -> tuple[attention.Open, attention.Open]:
        found = await attention.standing_of(sim.hub, who.agency or "")
        return found.asked, found.owed

    none, one, late = attention.Open(0, 0), attention.Open(1, 0), attention.Open(1, 1)
    assert await standing(asked) == (one, none)
    assert await standing(owed) == (none, one)
    outsider = await account(sim, agency="youth-c")
    assert await standing(outsider) == (none, none)
    sim.now += sim.hub.rules.erasure_due
    assert await standing(asked) == (late, none)
    assert await standing(owed) == (none, late)
    (erasure,) = (await sim.call(RECIPIENT, routes.ERASURES)).json["erasures"]
    assert (await sim.confirm(erasure)).status == 200
    assert await standing(asked) == await standing(owed) == (none, none)


async def test_what_ends_soon_is_named_and_what_has_ended_is_not(sim: Simulator) -> None:
    found = await attention.standing_of(sim.hub, RECIPIENT)
    assert found.in_force == 1
    assert found.key_until is not None
    soon = sim.now + attention.ENDING
    fixed = {"from": "2026-03-01T00:00:00Z", "until": f"{soon:%Y-%m-%d}T00:00:00Z"}
    await sim.agree(term=fixed)
    found = await attention.standing_of(sim.hub, RECIPIENT)
    assert found.in_force == 2
    assert [one.agreement for one in found.ending] == [sim.agreement_id]
    sim.now = soon
    found = await attention.standing_of(sim.hub, RECIPIENT)
    assert found.in_force == 1
    assert found.ending == ()


async def test_a_proposed_agreement_is_not_in_force(sim: Simulator) -> None:
    await sim.propose()
    found = await attention.standing_of(sim.hub, RECIPIENT)
    assert found.in_force == 1


async def test_a_log_that_has_stopped_is_said_to_everybody(sim: Simulator) -> None:
    sim.hub.heads.stop(EVIDENCE)
    found = attention.log_health(sim.hub)
    assert (found.stopped, found.behind) == (EVIDENCE, True)
