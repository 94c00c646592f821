"""The checker of invariants: each one, violated by hand, is found and named."""

# ruff: noqa: S608 -- every name in a query is our own
import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.asking import ask
from tests.invariants import check
from tests.simulator import NOW, PLAINTEXT, Simulator


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub in which everything has happened once, at rest."""
    root = tmp_path_factory.mktemp("lived")

    async def live() -> None:
        async with Simulator(root).running() as sim:
            await sim.arrange()
            await sim.sent()
            for result in ("accepted", "rejected"):
                letter = await sim.sent()
                await sim.collect(letter)
                reason = {"reason": "key-lost"} if result == "rejected" else {}
                answered = await sim.acknowledge(letter, result=result, **reason)
                assert answered.json["state"] == "acknowledged"
            consent = await sim.consent()
            await sim.collect(await sim.sent(consent))
            await sim.sent(consent)
            assert (await sim.withdraw(consent)).status in {200, 201}
            letter = await sim.sent()
            await sim.collect(letter)
            await ask(sim)
            await sim.sent(request=(await ask(sim))["request"])

    asyncio.run(live())
    return root / "hub"


@pytest.fixture
def home(lived: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "hub"
    shutil.copytree(lived, copy, ignore=shutil.ignore_patterns("*.sock"))
    return copy


def violate(home: Path, *changes: str) -> None:
    with sqlite3.connect(home / "hub.sqlite") as rows:
        rows.execute("PRAGMA ignore_check_constraints=ON")
        for change in changes:
            before = rows.total_changes
            rows.execute(change)
            assert rows.total_changes > before, change
    rows.close()


def found(home: Path) -> set[str]:
    return {finding.invariant for finding in check(home, now=NOW)}


def test_a_hub_in_which_everything_happened_violates_nothing(home: Path) -> None:
    assert check(home, now=NOW) == []


STORED = "(SELECT id FROM disclosures WHERE state = 'stored')"
COLLECTED = "(SELECT id FROM disclosures WHERE state = 'collected')"
ENDED = "(SELECT min(id) FROM disclosures WHERE state = 'ended')"
ANSWERED = "(SELECT min(id) FROM disclosures WHERE state = 'acknowledged')"
SOMETHING = "randomblob(1600)"
NOTICE = (
    "notices (id, agency, kind, consent, disclosure, state, attempts, created_at, due_at, done_at)"
)
EVENT_OF = "(SELECT rid FROM log_event WHERE kind = '{}' ORDER BY rowid LIMIT 1)"
VIOLATIONS: dict[str, tuple[str, ...]] = {
    "I1 header": (f"INSERT INTO headers SELECT id, {SOMETHING} FROM disclosures WHERE id={ENDED}",),
    "I1 upload": (f"UPDATE disclosures SET state = 'announced' WHERE id = {ENDED}",),
    "I1 notice": (
        f"INSERT INTO {NOTICE} SELECT 'x', 'jobcentre-a', 'disclosure', consent, id, 'waiting', 0, "
        f"stored_at, stored_at, NULL FROM disclosures WHERE id = {ENDED}",
    ),
    "I1 stored": (f"UPDATE disclosures SET stored_at = '2027-01-01' WHERE id = {ENDED}",),
    "I1 collected": (
        "UPDATE disclosure_recipients SET collected_at = '2027-01-01' WHERE disclosure IN "
        "(SELECT id FROM disclosures WHERE state = 'ended') AND collected_at IS NOT NULL",
    ),
    "I1 event": (
        "UPDATE log_event SET n = n + 100 WHERE kind = 'disclosure-stored' AND chain IN "
        "(SELECT chain FROM log_event WHERE kind = 'consent-withdrawn')",
    ),
    "I3 answered": (
        f"INSERT INTO headers SELECT id, {SOMETHING} FROM disclosures WHERE id = {ANSWERED}",
    ),
    "I3 missing": (f"DELETE FROM headers WHERE disclosure = {STORED}",),
    "I3 missing collected": (f"DELETE FROM headers WHERE disclosure = {COLLECTED}",),
    "I3 late": (f"UPDATE disclosures SET exp = '2026-03-03 09:58:00' WHERE id = {STORED}",),
    "I3 revoked": (
        "INSERT INTO revoked_keys SELECT DISTINCT fingerprint, agency, '2026-03-03' "
        "FROM disclosure_recipients",
    ),
    "I3 agreement": ("UPDATE agreements SET ended_at = '2026-03-03 09:58:00'",),
    "I3 copied": (
        "INSERT INTO idempotency SELECT 'women-b', 'k', header, '2027-01-01' FROM headers "
        f"WHERE disclosure = {STORED}",
    ),
    "I4 counted": ("UPDATE consents SET used = used + 1 WHERE ended_at IS NULL",),
    "I4 given back": (f"UPDATE disclosures SET use_returned = 1 WHERE id = {STORED}",),
    "I4 kept": ("UPDATE disclosures SET use_returned = 0 WHERE use_returned = 1",),
    "I9 digest": (f"UPDATE disclosures SET payload_sha256 = 'ab' WHERE id = {STORED}",),
    "I9 no payload": (f"UPDATE disclosures SET blob = 'f00' WHERE id = {STORED}",),
    "I9 other header": (f"UPDATE headers SET header = {SOMETHING} WHERE disclosure = {STORED}",),
    "I9 half": (f"UPDATE disclosures SET payload_size = NULL WHERE id = {ANSWERED}",),
    "I9 inbox": (f"UPDATE disclosure_recipients SET number = NULL WHERE disclosure = {STORED}",),
    "I9 alone": (f"DELETE FROM disclosure_recipients WHERE disclosure = {STORED}",),
    "I9 piece": (
        f"INSERT INTO upload_pieces SELECT {STORED}, 0, 1, 'f00'",
        f"UPDATE disclosures SET state = 'announced' WHERE id = {STORED}",
    ),
    "I9 code": ("DELETE FROM credentials",),
    "I9 draft": (
        "INSERT INTO drafts (id, agency, agreement, invitation, until, draft) SELECT id, "
        "collected_by, agreement, 'D', valid_until, x'00' FROM consents LIMIT 1",
    ),
    "I10 no leaf": (
        f"UPDATE log_entry SET rid = NULL WHERE rid = {EVENT_OF.format('consent-recorded')}",
    ),
    "I10 unmade": (
        f"UPDATE log_entry SET rid = NULL WHERE rid = {EVENT_OF.format('consent-recorded')}",
        f"INSERT INTO log_pending (rid) VALUES ({EVENT_OF.format('consent-recorded')})",
    ),
    "I10 no event": (
        "UPDATE log_entry SET rid = NULL WHERE rid IN "
        "(SELECT rid FROM log_event WHERE kind LIKE 'key-statement/%')",
        "DELETE FROM log_event WHERE kind LIKE 'key-statement/%'",
    ),
    "I10 no effect": ("DELETE FROM erasures",),
    "I10 request": ("UPDATE requests SET agency = 'youth-c'",),
    "I11 gap": ("UPDATE log_chain SET next_n = next_n + 1",),
    "I11 order": ("UPDATE log_event SET n = n + 100 WHERE kind = 'disclosure-stored'",),
    "I11 early": (
        "UPDATE log_entry SET rid = NULL WHERE rid IN "
        "(SELECT rid FROM log_event WHERE kind = 'disclosure-stored')",
        "INSERT OR IGNORE INTO log_pending (rid) SELECT rid FROM log_event "
        "WHERE kind = 'disclosure-stored'",
    ),
    "I14 stored": (f"UPDATE disclosures SET state = 'stored' WHERE id = {COLLECTED}",),
    "I14 collected": (f"UPDATE disclosures SET state = 'collected' WHERE id = {STORED}",),
    "I14 acknowledged": (f"UPDATE disclosures SET ended_at = NULL WHERE id = {ANSWERED}",),
    "I14 ended": (f"UPDATE disclosures SET ended_why = 'because' WHERE id = {ENDED}",),
    "I14 statement": (
        "UPDATE disclosure_recipients SET acknowledgement = NULL WHERE result = 'accepted'",
    ),
    "I14 sealed part": ("UPDATE requests SET statement = x'00' WHERE answered_at IS NOT NULL",),
    "I15 about nothing": (
        f"INSERT INTO {NOTICE} VALUES ('x', 'jobcentre-a', 'disclosure', NULL, 'nothing', "
        "'waiting', 0, '2026-03-03', '2026-03-03', NULL)",
    ),
    "I15 no erasure": (
        f"INSERT INTO {NOTICE} VALUES ('x', 'youth-c', 'erasure', 'nothing', NULL, "
        "'waiting', 0, '2026-03-03', '2026-03-03', NULL)",
    ),
    "I15 doubled": (
        f"WITH twice(id) AS (VALUES ('x'), ('y')) INSERT INTO {NOTICE} SELECT twice.id, "
        "'jobcentre-a', 'disclosure', d.consent, d.id, 'waiting', 0, stored_at, stored_at, NULL "
        f"FROM disclosures d, twice WHERE d.id = {STORED}",
    ),
    "I15 done": (
        f"INSERT INTO {NOTICE} SELECT 'x', 'jobcentre-a', 'disclosure', consent, id, 'sent', 0, "
        f"stored_at, stored_at, NULL FROM disclosures WHERE id = {STORED}",
    ),
    "I15 untold": (
        "UPDATE agencies SET channel = 'smtp', admitted_at = '2026-03-01' WHERE id = 'jobcentre-a'",
    ),
    "I20 not asked": ("UPDATE erasures SET recipient = 'youth-c'",),
    "I20 needless": (
        "INSERT INTO erasures SELECT 'x', consent, 'youth-c', 'withdrawn', stored_at, stored_at, "
        f"{', '.join(['NULL'] * 9)} FROM disclosures WHERE id = {STORED}",
    ),
    "I20 closed": ("UPDATE erasures SET answered_at = '2026-03-04'",),
    "I21 linked": (
        "INSERT INTO log_erased SELECT idx, NULL FROM log_entry WHERE rid IS NOT NULL LIMIT 1",
    ),
    "I21 unexplained": ("INSERT INTO log_erased VALUES (999999, 'x')",),
    "I21 kept": (
        "INSERT INTO log_erasing SELECT chain, at, at FROM log_event WHERE chain IS NOT NULL "
        "LIMIT 1",
    ),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violated_invariant_is_named(home: Path, name: str) -> None:
    violate(home, *VIOLATIONS[name])

    assert name.split(maxsplit=1)[0] in found(home)


def test_a_payload_that_carries_its_header_is_found(home: Path) -> None:
    rows = sqlite3.connect(home / "hub.sqlite")
    query = "SELECT d.blob, h.header FROM disclosures d JOIN headers h ON h.disclosure = d.id"
    blob, header = rows.execute(query).fetchone()
    rows.close()
    file = home / "payloads" / blob
    file.write_bytes(header + file.read_bytes())

    assert "I3" in found(home)


def test_a_finding_names_identifiers_only(home: Path) -> None:
    violate(home, VIOLATIONS["I3 missing"][0])

    (finding,) = check(home, now=NOW)

    assert len(finding.id) == 36
    assert PLAINTEXT.hex() not in repr(finding)
