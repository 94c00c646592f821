"""What must hold in a hub's data whenever it stands still: a checker that shares no code with it.

Plain reads of the database file and the payloads, and rules written down a second time. The
numbers are those of the threat model: I1 nothing after the end, I3 a header exactly where it may
be released, I4 uses, I9 all or nothing, I10 exactly once in the log, I11 order, I14 states,
I15 notices, I20 who was asked to erase, I21 what was erased. A finding names identifiers only.
"""

# ruff: noqa: S608 -- every name in a query is our own
import base64
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

GRACE = timedelta(seconds=60)
"""One round of the sweeper: so long may a header outlive its term."""
UNREAD = frozenset({"key-lost", "unreadable"})
"""Rejections after which nobody can have read the document."""
WITHOUT_EFFECT = frozenset(
    {"disclosure-refused", "receipt-reissued", "officer-read", "officer-export", "erased"}
)
"""Nothing but the event tells of these: a code is replaced without a trace."""
OPEN = ("announced", "stored", "collected")
FINAL = ("acknowledged", "expired", "ended")


@dataclass(frozen=True)
class Finding:
    """One violated invariant."""

    invariant: str
    what: str
    id: str


@dataclass(frozen=True)
class AtRest:
    """A hub at rest."""

    rows: sqlite3.Connection
    payloads: Path
    now: datetime

    def all(self, query: str, *given: object) -> list[sqlite3.Row]:
        return self.rows.execute(query, given).fetchall()

    def ids(self, query: str, *given: object) -> list[str]:
        return [str(row[0]) for row in self.rows.execute(query, given)]

    def stamp(self, moment: datetime) -> str:
        return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

    def events(self) -> list[dict[str, Any]]:
        """Return the events of all chains in the order of the log."""
        found = self.all(
            "SELECT e.chain, e.n, e.kind AS k, e.body FROM log_event e LEFT JOIN log_pending p "
            "ON p.rid = e.rid LEFT JOIN log_entry t ON t.rid = e.rid WHERE e.chain IS NOT NULL "
            "ORDER BY t.idx IS NULL, t.idx, p.id"
        )
        return [
            {"chain": row["chain"], "n": row["n"], "column": row["k"], **json.loads(row["body"])}
            for row in found
        ]


Check = Callable[[AtRest], Iterator[Finding]]


def check(home: Path, *, now: datetime) -> list[Finding]:
    """Return what is violated in the hub at `home`, which may be running or not.

    Args:
        home: the hub's directory.
        now: the hub's present moment.
    """
    rows = sqlite3.connect(f"file:{home / 'hub.sqlite'}?mode=ro", uri=True)
    rows.row_factory = sqlite3.Row
    try:
        rows.execute("BEGIN")  # one snapshot
        rest = AtRest(rows, home / "payloads", now)
        return [finding for each in CHECKS for finding in each(rest)]
    finally:
        rows.close()


def named(invariant: str, what: str, ids: Iterable[str]) -> Iterator[Finding]:
    return (Finding(invariant, what, id_) for id_ in ids)


def i1_nothing_after_the_end(rest: AtRest) -> Iterator[Finding]:
    """Neither header nor upload nor notice nor later event under a consent that ended."""
    under = "JOIN consents c ON c.digest = d.consent WHERE c.ended_at IS NOT NULL"
    headers = rest.ids(
        f"SELECT d.id FROM headers h JOIN disclosures d ON d.id=h.disclosure {under}"
    )
    yield from named("I1", "a header under an ended consent", headers)
    uploads = rest.ids(f"SELECT d.id FROM disclosures d {under} AND d.state = 'announced'")
    yield from named("I1", "an open upload under an ended consent", uploads)
    waiting = rest.ids(
        "SELECT n.id FROM notices n JOIN consents c ON c.digest = n.consent WHERE n.state = "
        "'waiting' AND n.kind IN ('disclosure', 'reminder') AND c.ended_at IS NOT NULL"
    )
    yield from named("I1", "a notice about an ended consent", waiting)
    stored = rest.ids(f"SELECT d.id FROM disclosures d {under} AND d.stored_at > c.ended_at")
    yield from named("I1", "stored after the end", stored)
    collected = rest.ids(
        "SELECT d.id FROM disclosure_recipients r JOIN disclosures d ON d.id = r.disclosure "
        f"{under} AND r.collected_at > c.ended_at"
    )
    yield from named("I1", "collected after the end", collected)
    events = rest.events()
    ends = {one["chain"]: one["n"] for one in events if one["kind"] == "consent-withdrawn"}
    for event in events:
        released = event["kind"] in {"disclosure-stored", "disclosure-collected"}
        if released and event["n"] > ends.get(event["chain"], event["n"]):
            yield Finding("I1", f"{event['kind']} after the end", event["id"])


def i3_a_header_exactly_where_it_may_be_released(rest: AtRest) -> Iterator[Finding]:
    """A header stands where somebody may still collect, only there, and nowhere else."""
    misplaced = rest.ids(
        "SELECT h.disclosure FROM headers h LEFT JOIN disclosures d ON d.id = h.disclosure "
        "WHERE d.id IS NULL OR d.state NOT IN ('stored', 'collected') OR d.exp <= ?",
        rest.stamp(rest.now - GRACE),
    )
    yield from named("I3", "a header that nobody may release", misplaced)
    answered = rest.ids(
        "SELECT h.disclosure FROM headers h WHERE NOT EXISTS (SELECT 1 FROM disclosure_recipients "
        "r WHERE r.disclosure = h.disclosure AND r.acknowledged_at IS NULL)"
    )
    yield from named("I3", "a header that every recipient has answered", answered)
    revoked = rest.ids(
        "SELECT h.disclosure FROM headers h JOIN disclosure_recipients r ON r.disclosure = "
        "h.disclosure JOIN revoked_keys k ON k.fingerprint = r.fingerprint"
    )
    yield from named("I3", "a header sealed to a revoked key", revoked)
    ended = rest.ids(
        "SELECT h.disclosure FROM headers h JOIN disclosures d ON d.id = h.disclosure JOIN "
        "agreements a ON a.digest = (SELECT agreement FROM consents WHERE digest = d.consent) "
        "WHERE a.ended_at <= ?",
        rest.stamp(rest.now - GRACE),
    )
    yield from named("I3", "a header under an ended agreement", ended)
    missing = rest.ids(
        "SELECT d.id FROM disclosures d WHERE (d.state = 'stored' OR (d.state = 'collected' AND "
        "d.exp > ? AND NOT EXISTS (SELECT 1 FROM disclosure_recipients r JOIN revoked_keys k ON "
        "k.fingerprint = r.fingerprint WHERE r.disclosure = d.id))) "
        "AND d.id NOT IN (SELECT disclosure FROM headers)",
        rest.stamp(rest.now),
    )
    yield from named("I3", "no header where it may be released", missing)
    yield from named("I3", "a header in another place", _copies(rest))


def _copies(rest: AtRest) -> Iterator[str]:
    """Yield disclosures whose header bytes stand in another table or at the head of a payload."""
    tables = rest.ids("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'headers'")
    places = [
        (table, row["name"])
        for table in tables
        for row in rest.all(f"PRAGMA table_info({table})")
        if row["type"] in {"BLOB", "TEXT"}
    ]
    for header in rest.all("SELECT disclosure, header FROM headers"):
        part = header["header"][200:264]  # inside the wrapped key: random
        for table, column in places:
            query = f"SELECT 1 FROM {table} WHERE instr(CAST({column} AS BLOB), ?) > 0"
            if rest.all(query, part):
                yield header["disclosure"]
    for row in rest.all("SELECT id, blob FROM disclosures WHERE blob IS NOT NULL"):
        file = rest.payloads / row["blob"]
        if file.is_file() and b"age-encryption.org" in file.read_bytes()[:64]:
            yield row["id"]


def i4_uses(rest: AtRest) -> Iterator[Finding]:
    """What is counted is what was stored and not given back, and never more than allowed."""
    wrong = rest.ids(
        "SELECT c.digest FROM consents c WHERE c.used <> (SELECT count(*) FROM disclosures d "
        "WHERE d.consent = c.digest AND d.stored_at IS NOT NULL AND d.use_returned = 0) "
        "OR (c.uses > 0 AND c.used > c.uses)"
    )
    yield from named("I4", "uses counted wrongly", wrong)
    for row in rest.all("SELECT id, state, stored_at, use_returned FROM disclosures"):
        over = row["state"] in FINAL and row["stored_at"] is not None
        due = over and all(
            one["collected_at"] is None or (one["result"] == "rejected" and one["reason"] in UNREAD)
            for one in rest.all("SELECT * FROM disclosure_recipients WHERE disclosure=?", row["id"])
        )
        if bool(row["use_returned"]) is not due:
            yield Finding("I4", "a use given back wrongly", row["id"])


def i9_all_or_nothing(rest: AtRest) -> Iterator[Finding]:
    """A stored document is whole: header, payload, digest, place in each inbox.

    A consent is so too: the digest of a code belongs to each, and no draft is left of it.
    """
    for row in rest.all(
        "SELECT d.*, h.header FROM disclosures d JOIN headers h ON h.disclosure = d.id"
    ):
        if not _whole(rest, row):
            yield Finding("I9", "not the document of the manifest", row["id"])
    halves = rest.ids(
        "SELECT id FROM disclosures WHERE (state = 'announced' AND (stored_at IS NOT NULL OR blob "
        "IS NOT NULL)) OR (state IN ('stored', 'collected', 'acknowledged') AND (stored_at IS NULL "
        "OR payload_sha256 IS NULL OR payload_size IS NULL))"
    )
    yield from named("I9", "half stored", halves)
    unplaced = rest.ids(
        "SELECT r.disclosure FROM disclosure_recipients r JOIN disclosures d ON d.id = r.disclosure"
        " WHERE (d.stored_at IS NULL) <> (r.number IS NULL)"
    )
    yield from named("I9", "not in the inbox of a recipient", unplaced)
    alone = rest.ids(
        "SELECT id FROM disclosures d WHERE NOT EXISTS (SELECT 1 FROM disclosure_recipients r "
        "WHERE r.disclosure = d.id)"
    )
    yield from named("I9", "without a recipient", alone)
    lost = rest.ids("SELECT blob FROM upload_pieces")
    unswept = rest.ids(
        "SELECT p.blob FROM upload_pieces p JOIN disclosures d ON d.id = p.disclosure "
        "WHERE d.state <> 'announced'"
    )
    gone = [one for one in lost if one not in unswept and not (rest.payloads / one).is_file()]
    yield from named("I9", "a piece without its bytes", gone)
    codeless = rest.ids(
        "SELECT digest FROM consents WHERE digest NOT IN (SELECT consent FROM credentials)"
    )
    yield from named("I9", "without the digest of a code", codeless)
    recorded = rest.ids("SELECT d.id FROM drafts d JOIN consents c ON c.id = d.id")
    yield from named("I9", "a draft of what is recorded", recorded)


def _whole(rest: AtRest, row: sqlite3.Row) -> bool:
    file = rest.payloads / (row["blob"] or "nowhere")
    if not file.is_file():
        return False
    payload = file.read_bytes()
    outer = json.loads(row["manifest"])["payload"]
    sealed = json.loads(base64.urlsafe_b64decode(outer + "=" * (-len(outer) % 4)))["sealed"]
    return bool(
        len(payload) == row["payload_size"]
        and hashlib.sha256(payload).hexdigest() == row["payload_sha256"]
        and hashlib.sha256(row["header"] + payload).hexdigest() == sealed["sha256"]
        and len(row["header"]) + len(payload) == sealed["size"] == row["sealed_size"]
    )


def i10_exactly_once_in_the_log(rest: AtRest) -> Iterator[Finding]:
    """Each effect has one event, each event one effect, and each event one leaf."""
    for row in rest.all(
        "SELECT e.rid, (SELECT count(*) FROM log_pending p WHERE p.rid = e.rid) + "
        "(SELECT count(*) FROM log_entry t WHERE t.rid = e.rid) AS leaves FROM log_event e"
    ):
        if row["leaves"] != 1:
            yield Finding("I10", "an event without its one leaf", row["rid"])
    unmade = rest.ids(
        "SELECT p.rid FROM log_pending p JOIN log_event e ON e.rid = p.rid LEFT JOIN log_chain c "
        "ON c.chain = e.chain WHERE p.leaf IS NULL AND coalesce(c.deferred, 0) = 0"
    )
    yield from named("I10", "a leaf that nobody will make", unmade)
    happened, logged = Counter(_effects(rest)), Counter(_logged(rest))
    for effect in (happened - logged) | (logged - happened):
        yield Finding("I10", f"{effect[0]} and its event are not one to one", effect[1])


def _effects(rest: AtRest) -> Iterator[tuple[str, str, str]]:
    """Yield (kind of event, what it is about, by or to whom) of everything that took effect."""
    pairs = {
        "agreement-signed": "SELECT digest, agency FROM agreement_signatures",
        "agreement-notice": "SELECT digest, agency FROM agreement_notices",
        "agreement-ended": "SELECT digest, '' FROM agreements WHERE ended_at IS NOT NULL",
        "consent-recorded": "SELECT digest, collected_by FROM consents",
        "consent-withdrawn": "SELECT digest, '' FROM consents WHERE withdrawal IS NOT NULL",
        "disclosure-stored": "SELECT digest, sender FROM disclosures WHERE stored_at IS NOT NULL",
        "disclosure-ended": "SELECT digest, '' FROM disclosures WHERE stored_at IS NOT NULL "
        "AND state IN ('ended', 'expired')",
        "disclosure-collected": "SELECT d.digest, r.agency FROM disclosure_recipients r JOIN "
        "disclosures d ON d.id = r.disclosure WHERE r.collected_at IS NOT NULL",
        "disclosure-acknowledged": "SELECT d.digest, r.agency FROM disclosure_recipients r JOIN "
        "disclosures d ON d.id = r.disclosure WHERE r.acknowledged_at IS NOT NULL",
        "request-made": "SELECT digest, agency FROM requests",
        "erasure-asked": "SELECT id, recipient FROM erasures",
        "erasure-confirmed": "SELECT id, recipient FROM erasures WHERE answered_at IS NOT NULL",
        "key-statement": "SELECT CAST(statement AS TEXT), agency FROM key_statements UNION ALL "
        "SELECT CAST(succession AS TEXT), agency FROM identities WHERE succession IS NOT NULL",
    }
    for kind, query in pairs.items():
        for row in rest.all(query):
            about = _short(row[0]) if kind == "key-statement" else row[0]
            yield kind, about, row[1]


def _logged(rest: AtRest) -> Iterator[tuple[str, str, str]]:
    about = {
        "agreement-signed": "statement",
        "agreement-notice": "statement",
        "agreement-ended": "agreement",
        "consent-recorded": "consent",
        "consent-withdrawn": "consent",
        "request-made": "request",
        "erasure-asked": "erasure",
        "erasure-confirmed": "erasure",
    }
    nobody = {"agreement-ended", "consent-withdrawn", "disclosure-ended"}
    asked = set(rest.ids("SELECT digest FROM requests"))
    for event in rest.events():
        kind = event["kind"]
        if kind in WITHOUT_EFFECT:
            continue
        if kind == "request-made" and event["request"] not in asked:
            continue  # forgotten ninety days after its deadline
        who = "" if kind in nobody else event["to"] if kind == "erasure-asked" else event["by"]
        yield kind, event[about.get(kind, "manifest")], who
    for row in rest.all(
        "SELECT kind, CAST(body AS TEXT) AS body FROM log_event WHERE kind LIKE 'key-statement/%'"
    ):
        topic, _, agency = row["kind"].partition("/")
        yield topic, _short(row["body"]), agency


def _short(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def i11_order(rest: AtRest) -> Iterator[Finding]:
    """Numbers of a chain have no gap; the log has them in their order; steps come in theirs."""
    for row in rest.all(
        "SELECT c.chain FROM log_chain c LEFT JOIN log_event e ON e.chain = c.chain GROUP BY "
        "c.chain HAVING count(e.n) <> c.next_n OR coalesce(max(e.n) + 1, 0) <> c.next_n"
    ):
        yield Finding("I11", "a gap in a chain", row["chain"])
    last: dict[str, dict[str, Any]] = {}
    seen: dict[str, set[str]] = {}
    before = {
        "disclosure-collected": "disclosure-stored",
        "disclosure-ended": "disclosure-stored",
        "disclosure-acknowledged": "disclosure-stored",
    }
    for event in rest.events():
        previous = last.get(event["chain"])
        if previous and (event["n"] < previous["n"] or event["at"] < previous["at"]):
            yield Finding("I11", "an event before its predecessor", event["id"])
        last[event["chain"]] = event
        about = event.get("manifest", "")
        needed = before.get(event["kind"])
        if needed is not None and needed not in seen.get(about, set()):
            yield Finding("I11", f"{event['kind']} comes too early", event["id"])
        seen.setdefault(about, set()).add(event["kind"])
        if event["n"] == 0 and event["kind"].startswith("disclosure-") and "manifest" in event:
            yield Finding("I11", "a disclosure before its consent", event["id"])


def i14_states(rest: AtRest) -> Iterator[Finding]:
    """Each state stands for what has happened."""
    for row in rest.all("SELECT * FROM disclosures"):
        fates = rest.all("SELECT * FROM disclosure_recipients WHERE disclosure = ?", row["id"])
        collected = [one for one in fates if one["collected_at"] is not None]
        answered = [one for one in fates if one["acknowledged_at"] is not None]
        ended = row["ended_at"] is not None
        fits = {
            "announced": not ended and not collected and not answered,
            "stored": not ended and not collected and len(answered) < len(fates),
            "collected": not ended and bool(collected) and len(answered) < len(fates),
            "acknowledged": ended and len(answered) == len(fates),
            "expired": ended and row["ended_why"] in {"expired", "key-revoked", "payload-lost"},
            "ended": ended
            and row["ended_why"] in {"withdrawn", "agreement", "recalled", "restored"},
        }
        if not fits[row["state"]]:
            yield Finding("I14", f"{row['state']} does not fit", row["id"])
        if any((one["result"] is None) != (one["acknowledgement"] is None) for one in fates):
            yield Finding("I14", "an answer without its statement", row["id"])
    sealed = rest.ids(
        "SELECT id FROM requests WHERE answered_at IS NOT NULL AND statement IS NOT NULL"
    )
    yield from named("I14", "a request that is answered and still has its sealed part", sealed)


def i15_notices(rest: AtRest) -> Iterator[Finding]:
    """A notice is about something that happened, and there is one of it."""
    causeless = rest.ids(
        "SELECT n.id FROM notices n LEFT JOIN disclosures d ON d.id = n.disclosure LEFT JOIN "
        "disclosure_recipients r ON r.disclosure = d.id AND r.agency = n.agency WHERE "
        "n.kind IN ('disclosure', 'reminder') AND (d.stored_at IS NULL OR r.agency IS NULL)"
    )
    yield from named("I15", "a notice about nothing", causeless)
    unasked = rest.ids(
        "SELECT n.id FROM notices n WHERE n.kind LIKE 'erasure%' AND NOT EXISTS "
        "(SELECT 1 FROM erasures e WHERE e.consent = n.consent AND e.recipient = n.agency)"
    )
    yield from named("I15", "a notice about no erasure", unasked)
    doubled = rest.ids(
        "SELECT min(id) FROM notices WHERE kind NOT IN ('request', 'overdue') "
        "GROUP BY agency, kind, consent, disclosure HAVING count(*) > 1"
    )
    yield from named("I15", "two notices of one thing", doubled)
    undone = rest.ids("SELECT id FROM notices WHERE (state = 'waiting') <> (done_at IS NULL)")
    yield from named("I15", "a notice that is done and waits", undone)
    untold = rest.ids(
        "SELECT d.id FROM disclosures d JOIN disclosure_recipients r ON r.disclosure = d.id JOIN "
        "agencies a ON a.id = r.agency WHERE a.channel IS NOT NULL AND d.state = 'stored' AND NOT "
        "EXISTS (SELECT 1 FROM notices n WHERE n.disclosure = d.id AND n.agency = r.agency) "
        "AND a.admitted_at < d.stored_at"
    )
    yield from named("I15", "a recipient that is never told", untold)


def i20_erasure_duty(rest: AtRest) -> Iterator[Finding]:
    """Whoever collected under a withdrawn consent was asked once; nobody else ever."""
    unasked = rest.ids(
        "SELECT DISTINCT c.digest FROM consents c JOIN disclosures d ON d.consent = c.digest JOIN "
        "disclosure_recipients r ON r.disclosure = d.id WHERE c.ended_why = 'withdrawn' AND "
        "r.collected_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM erasures e WHERE "
        "e.consent = c.digest AND e.recipient = r.agency)"
    )
    yield from named("I20", "a recipient that was never asked to erase", unasked)
    needless = rest.ids(
        "SELECT e.id FROM erasures e JOIN consents c ON c.digest = e.consent WHERE c.ended_why IS "
        "NULL OR c.ended_why IN ('agreement', 'restored') OR e.passed_on_by IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM disclosures d JOIN disclosure_recipients r ON r.disclosure = d.id "
        "WHERE d.consent = e.consent AND r.agency = e.recipient AND r.collected_at IS NOT NULL)"
    )
    yield from named("I20", "somebody asked to erase what it never had", needless)
    closed = rest.ids(
        "SELECT id FROM erasures WHERE (answered_at IS NULL) <> (confirmation IS NULL) "
        "OR (answered_at IS NULL) <> (result IS NULL)"
    )
    yield from named("I20", "an erasure closed without an answer", closed)


def i21_erased(rest: AtRest) -> Iterator[Finding]:
    """What was erased opens to nobody: no event, no chain, and a tombstone that there is."""
    linked = rest.ids(
        "SELECT x.idx FROM log_erased x JOIN log_entry t ON t.idx = x.idx WHERE t.rid IS NOT NULL"
    )
    yield from named("I21", "an erased entry that names an event", linked)
    unexplained = rest.ids(
        "SELECT idx FROM log_erased WHERE tombstone IS NOT NULL "
        "AND tombstone NOT IN (SELECT digest FROM log_tombstone)"
    )
    yield from named("I21", "an erased entry of a tombstone that is not there", unexplained)
    kept = rest.ids(
        "SELECT g.chain FROM log_erasing g JOIN log_event e ON e.chain = g.chain "
        "WHERE g.erased_at IS NOT NULL"
    )
    yield from named("I21", "events of a chain whose key is gone", kept)


CHECKS: tuple[Check, ...] = (
    i1_nothing_after_the_end,
    i3_a_header_exactly_where_it_may_be_released,
    i4_uses,
    i9_all_or_nothing,
    i10_exactly_once_in_the_log,
    i11_order,
    i14_states,
    i15_notices,
    i20_erasure_duty,
    i21_erased,
)
