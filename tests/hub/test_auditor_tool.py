"""What an auditor's own tool is answered: the same as her pages say, in one frame, and no more."""

import base64
from uuid import uuid4

import pytest
from sqlalchemy import Connection, update

from exchange.audit.checkpoint import read_checkpoint
from exchange.audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from exchange.audit.note import read_note
from exchange.audit.policy import judge
from exchange.audit.submission import read_submission
from exchange.errors import Conflict, Malformed, NotFound
from exchange.hub import sweep
from exchange.hub.officers import accounts, commands, keys
from exchange.hub.storage import officer_keys, tree
from exchange.hub.storage.officer_tables import officers
from exchange.hub.sweep import VISITS_KEPT
from exchange.keyring.ceremony import new_auditor_key
from exchange.wire import audit_routes
from exchange.wire.routes import Operation
from tests import needs
from tests.auditor import auditor, published
from tests.officer import account, entered
from tests.simulator import RECIPIENT, SENDER, Simulator

WEAK = bytes([1, *31 * [0]])
"""A point of small order: anybody can sign for it."""


# Answers


@needs.sqlite()
async def test_agreements_are_told_without_their_text_page_by_page(sim: Simulator) -> None:
    first = sim.agreement_id
    await sim.propose()
    tool = await auditor(sim)

    told = (await tool.asks(audit_routes.AGREEMENTS)).json
    assert (told["question"], told["asked"], told["next"]) == ("agreements", {}, None)
    found = {one["id"]: one for one in told["answer"]}
    assert {name: one["state"] for name, one in found.items()} == {
        first: "in-force",
        sim.agreement_id: "proposed",
    }
    signed = {one["agency"]: one["signed_at"] for one in found[sim.agreement_id]["parties"]}
    assert signed[SENDER] is None
    assert signed[RECIPIENT] is not None
    assert found[first].keys() == {"id", "digest", "state", "begins", "ends_at", "parties"}

    page = (await tool.asks(audit_routes.AGREEMENTS, query="?limit=1")).json
    rest = (await tool.asks(audit_routes.AGREEMENTS, query=f"?after={page['next']}")).json
    assert page["answer"] + rest["answer"] == told["answer"]


@needs.sqlite()
async def test_figures_are_told_of_every_agreement(sim: Simulator) -> None:
    tool = await auditor(sim)
    named = {"id": sim.agreement_id, "period": "2026-03"}
    told = (await tool.asks(audit_routes.FIGURES, query="?by=purpose", **named)).json
    assert told["question"] == "statistics"
    assert told["asked"] == {"agreement": sim.agreement_id, "period": "2026-03", "by": "purpose"}
    assert told["answer"]["frozen_at"] is None
    assert (await tool.asks(audit_routes.FIGURES, **{**named, "id": str(uuid4())})).status == 404


@needs.sqlite()
async def test_the_state_of_the_log_and_its_signed_head_are_told(sim: Simulator) -> None:
    await sim.consent()
    await published(sim)
    told = (await (await auditor(sim)).asks(audit_routes.LOG)).json["answer"]
    head = judge(sim.hub.signer.policy, told["published"]["note"].encode()).checkpoint
    assert told["published"]["size"] == head.size
    assert base64.b64decode(told["published"]["root"]) == head.root
    assert told["health"]["stopped"] is None
    assert told["health"]["size"] >= head.size


@needs.sqlite()
async def test_an_entry_is_proven_without_a_word_of_it(sim: Simulator) -> None:
    given = await sim.consent()
    await published(sim)
    tool = await auditor(sim)
    answer = await tool.asks(audit_routes.ENTRY, index="3")
    told = answer.json["answer"]
    leaf, root = (base64.b64decode(told[name]) for name in ("leaf", "root"))
    path = tuple(base64.b64decode(one) for one in told["path"])
    verify_inclusion(leaf_hash(leaf), 3, told["size"], path, root)
    assert base64.b64decode(told["leaf_hash"]) == leaf_hash(leaf)
    assert told["file"].startswith("c2sp.org/tlog-proof@v1\n")
    assert given.digest.encode() not in answer.body
    assert await sim.log("officer-export") == []


@needs.sqlite()
async def test_growth_is_proven_from_a_head_to_another(sim: Simulator) -> None:
    await sim.consent()
    await published(sim)
    told = (await (await auditor(sim)).asks(audit_routes.GROWTH, query="?old=2")).json["answer"]
    handed = read_submission(told["file"].encode())
    head = read_checkpoint(read_note(handed.note).text)
    old = await sim.hub.db.read(tree.root_at, 2)
    assert (handed.old, base64.b64decode(told["old_root"])) == (2, old)
    assert (told["size"], base64.b64decode(told["root"])) == (head.size, head.root)
    verify_consistency(2, head.size, handed.proof, old, head.root)


@needs.sqlite()
@pytest.mark.parametrize(
    ("operation", "query", "index", "status"),
    [
        (audit_routes.ENTRY, "", "999999", 404),
        (audit_routes.ENTRY, "", "-1", 404),
        (audit_routes.ENTRY, "", "9007199254740992", 404),
        (audit_routes.ENTRY, "", "x", 404),
        (audit_routes.ENTRY, "?x=1", "0", 400),
        (audit_routes.GROWTH, "?old=1&new=999999", "", 404),
        (audit_routes.GROWTH, "?old=999999", "", 404),
        (audit_routes.GROWTH, "", "", 400),
        (audit_routes.GROWTH, "?old=0", "", 400),
        (audit_routes.GROWTH, "?old=1&new=x", "", 400),
        (audit_routes.AGREEMENTS, "?limit=201", "", 400),
        (audit_routes.AGREEMENTS, "?after=%00", "", 400),
        (audit_routes.LOG, "?x=1", "", 400),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    sim: Simulator, operation: Operation, query: str, index: str, status: int
) -> None:
    await published(sim)
    tool = await auditor(sim)
    answer = await tool.asks(operation, query=query, index=index)
    assert answer.status == status, answer.body


# Keys


async def test_a_key_takes_the_place_of_the_one_before(sim: Simulator) -> None:
    tool = await auditor(sim)
    token = await tool.token()
    assert (await tool.asks(audit_routes.LOG, token=token)).status == 200

    other = new_auditor_key()
    await keys.put(sim.hub, tool.officer.id, other.public)

    assert (await tool.asks(audit_routes.LOG, token=token)).status == 401
    assert (await tool.asks_for_token()).status == 401
    (told,) = await _listed(sim)
    assert told["key"] == {
        "kid": other.kid,
        "set_at": sim.now.isoformat(timespec="seconds"),
        "used_at": None,
    }


async def test_a_key_that_is_taken_away_ends_its_tokens(sim: Simulator) -> None:
    tool = await auditor(sim)
    token = await tool.token()
    (told,) = await _listed(sim)
    assert told["key"]["used_at"] == sim.now.isoformat(timespec="seconds")
    await keys.remove(sim.hub, tool.officer.id)
    assert (await tool.asks(audit_routes.LOG, token=token)).status == 401
    with pytest.raises(NotFound):
        await keys.remove(sim.hub, tool.officer.id)
    # The same key again is the operator's word again.
    await keys.put(sim.hub, tool.officer.id, tool.key.public)
    assert (await tool.asks(audit_routes.LOG, token=token)).status == 200


async def test_a_removed_account_has_no_key_and_its_tokens_open_nothing(sim: Simulator) -> None:
    tool = await auditor(sim)
    token = await tool.token()
    await accounts.remove(sim.hub, tool.officer.id)
    assert (await tool.asks(audit_routes.LOG, token=token)).status == 401
    assert (await tool.asks_for_token()).status == 401
    assert await sim.count("officer_keys") == 0
    with pytest.raises(NotFound):
        await keys.put(sim.hub, tool.officer.id, tool.key.public)
    sim.later(seconds=VISITS_KEPT.total_seconds() + 1)
    await sweep.sweep(sim.hub, leftovers=False)
    assert await accounts.every(sim.hub) == ()


async def test_an_account_that_a_hub_of_the_schema_before_removed_opens_nothing(
    sim: Simulator,
) -> None:
    tool = await auditor(sim)
    token = await tool.token()

    def removed(conn: Connection) -> None:
        conn.execute(update(officers).values(removed_at=sim.now))

    await sim.hub.db.write(removed)
    assert (await tool.asks(audit_routes.LOG, token=token)).status == 401
    assert (await tool.asks_for_token()).status == 401
    assert await sim.hub.db.read(officer_keys.every) == {}
    assert await sim.count("officer_keys") == 1

    # What is left of it stands in nobody's way: not of another account with this key …
    other = await account(sim, "auditor")
    assert await keys.put(sim.hub, other.id, tool.key.public) == tool.key.kid
    assert {*await sim.hub.db.read(officer_keys.every)} == {other.id}
    # … nor of the sweeper.
    await sim.hub.db.write(removed)
    sim.now += VISITS_KEPT
    sim.later(seconds=1)
    await sweep.sweep(sim.hub, leftovers=False)
    assert await sim.count("officer_keys") == 0
    assert await sim.count("officers") == 0


async def test_only_an_auditor_has_a_key_and_nobody_else_has_it(sim: Simulator) -> None:
    tool = await auditor(sim)
    for role in ("officer", "operator"):
        with pytest.raises(Malformed):
            await keys.put(sim.hub, (await account(sim, role)).id, new_auditor_key().public)
    with pytest.raises(Conflict):
        await keys.put(sim.hub, (await account(sim, "auditor")).id, tool.key.public)
    with pytest.raises(NotFound):
        await keys.put(sim.hub, str(uuid4()), new_auditor_key().public)
    for weak in (WEAK, bytes(31), bytes(33), b""):
        with pytest.raises(Malformed):
            await keys.put(sim.hub, tool.officer.id, weak)
    # Again is no conflict.
    assert await keys.put(sim.hub, tool.officer.id, tool.key.public) == tool.key.kid
    assert await sim.count("officer_keys") == 1


@needs.sqlite()
async def test_her_account_s_page_says_which_key_asks_as_she_does(sim: Simulator) -> None:
    tool = await auditor(sim)
    desk = await entered(sim, tool.officer)
    assert tool.key.kid in (page := (await desk.get("/officer/account")).body.decode())
    assert "Never used." in page
    await tool.token()
    assert "Used last: " in (await desk.get("/officer/account")).body.decode()
    await keys.remove(sim.hub, tool.officer.id)
    assert "Key of your own tool" not in (await desk.get("/officer/account")).body.decode()


async def test_commands_about_keys_are_read_strictly(sim: Simulator) -> None:
    tool = await auditor(sim)
    for asked in (
        {"what": "set-key", "id": tool.officer.id},
        {"what": "set-key", "id": tool.officer.id, "key": 7},
        {"what": "set-key", "id": tool.officer.id, "key": "AAAA"},
        {"what": "remove-key", "id": None},
    ):
        with pytest.raises(Malformed):
            await commands.command(sim.hub, asked)
    (told,) = await _listed(sim)
    assert told["key"]["kid"] == tool.key.kid


async def _listed(sim: Simulator) -> list[dict[str, dict[str, str]]]:
    found = await commands.command(sim.hub, {"what": "list"})
    assert isinstance(found, list)
    return found
