"""What auditors and operators see: proofs without content, accounts without names, nothing else."""

import base64
from datetime import timedelta
from uuid import uuid4

import pytest

from exchange.audit.checkpoint import read_checkpoint
from exchange.audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from exchange.audit.note import read_note
from exchange.audit.policy import NONE, judge
from exchange.audit.proof import Proven, place, read_receipt
from exchange.audit.submission import read_submission
from exchange.errors import ExchangeError, LogInvalid, NotFound, NotPermitted, Unavailable
from exchange.hub.answers.agreements import list_audited
from exchange.hub.answers.proofs import prove_entry, prove_growth, show_signed
from exchange.hub.officers import accounts, sessions
from exchange.hub.officers.accounts import Officer
from exchange.hub.storage import checkpoints, tree
from tests import needs
from tests.officer import account, entered, logged_in
from tests.simulator import AGENCIES, RECIPIENT, SENDER, Simulator

AUDITOR = Officer(str(uuid4()), "auditor", None)
OPERATOR = Officer(str(uuid4()), "operator", None)
PROOFS = "/officer/proofs"
AGREEMENTS = "/officer/all-agreements"
ACCOUNTS = "/officer/accounts"


async def size_of(sim: Simulator) -> int:
    """Return the size of the newest head, once that is published."""
    await sim.settled()
    newest = sim.hub.heads.newest
    assert newest is not None
    return newest.size


# Proofs


@needs.sqlite()
async def test_an_entry_is_proven_without_a_word_of_it(sim: Simulator) -> None:
    given = await sim.consent()
    size = await size_of(sim)

    for index in range(size):
        found = await prove_entry(sim.hub, AUDITOR, index)
        head = judge(sim.hub.signer.policy, found.note).checkpoint
        verify_inclusion(leaf_hash(found.leaf), index, head.size, found.path, head.root)
        assert len(found.leaf) == 49
        file = found.file()
        placed = place(read_receipt(file), sim.hub.signer.policy)
        assert (placed.index, placed.leaf) == (index, found.leaf)
        assert not isinstance(placed, Proven)
        assert file.endswith(found.note)
        assert given.digest.encode() not in file
    with pytest.raises(NotFound):
        await prove_entry(sim.hub, AUDITOR, size)
    assert await sim.log("officer-export") == []


@needs.sqlite()
async def test_growth_is_proven_as_a_witness_is_told_of_it(sim: Simulator) -> None:
    await sim.consent()
    size = await size_of(sim)
    for old in (1, size // 2, size):
        found = await prove_growth(sim.hub, AUDITOR, old, size)
        handed = read_submission(found.file())
        head = read_checkpoint(read_note(handed.note).text)
        assert (handed.old, head.size) == (old, size)
        verify_consistency(old, size, handed.proof, found.old_root, head.root)
        assert found.old_root == await sim.hub.db.read(tree.root_at, old)
    for old, new in ((0, size), (size + 1, size), (1, size + 1)):
        with pytest.raises(NotFound):
            await prove_growth(sim.hub, AUDITOR, old, new)


@needs.sqlite()
async def test_rows_that_contradict_a_signed_head_prove_nothing(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sim.consent()
    size = await size_of(sim)
    rows: tuple[tuple[list[bytes], type[ExchangeError]], ...] = (
        ([bytes(49)], LogInvalid),
        ([], Unavailable),
    )
    # Undone before the log goes on: what signs it reads the same rows.
    async with sim.still():
        for leaves, error in rows:
            with monkeypatch.context() as changed:
                changed.setattr(tree, "leaves", lambda *_, found=leaves: found)
                with pytest.raises(error):
                    await prove_entry(sim.hub, AUDITOR, 1)
        with monkeypatch.context() as changed:
            changed.setattr(tree, "root_at", lambda *_: bytes(32))
            with pytest.raises(LogInvalid):
                await prove_growth(sim.hub, AUDITOR, 1, size)


@needs.sqlite()
async def test_it_is_said_who_has_signed_the_newest_head(sim: Simulator) -> None:
    size = await size_of(sim)
    await sim.hub.db.write(checkpoints.mark_published, size, at=sim.now)
    found = await show_signed(sim.hub, AUDITOR)
    assert found is not None
    assert judge(sim.hub.signer.policy, found.note).checkpoint.size == size
    assert sim.hub.signer.policy.quorum == NONE
    assert (found.quorum, found.witnesses) == (None, ())
    assert (await prove_growth(sim.hub, AUDITOR, 1, None)).size == size


@needs.sqlite()
async def test_an_operator_is_shown_no_proof_and_only_an_auditor_all_agreements(
    sim: Simulator,
) -> None:
    for asked in (
        prove_entry(sim.hub, OPERATOR, 0),
        prove_growth(sim.hub, OPERATOR, 1, None),
        show_signed(sim.hub, OPERATOR),
        list_audited(sim.hub, OPERATOR, after=None, limit=50),
        list_audited(sim.hub, await account(sim), after=None, limit=50),
    ):
        with pytest.raises(NotPermitted):
            await asked


@needs.sqlite()
async def test_the_page_of_proofs_hands_them_out_as_files(sim: Simulator) -> None:
    size = await size_of(sim)
    desk, _ = await logged_in(sim, "auditor")
    page = (await desk.get(f"{PROOFS}?index=1")).body.decode()
    assert "Entry 1 stands in the log." in page
    file = await desk.get(f"{PROOFS}/entry-1.tlog-proof")
    assert file.headers["Content-Disposition"] == 'attachment; filename="entry-1.tlog-proof"'
    assert file.body == (await prove_entry(sim.hub, AUDITOR, 1)).file()
    page = (await desk.get(f"{PROOFS}?old=1&new={size}")).body.decode()
    assert f"The tree of size {size} continues the one of size 1 unchanged." in page
    file = await desk.get(f"{PROOFS}/growth-1-{size}.txt")
    assert file.body == (await prove_growth(sim.hub, AUDITOR, 1, size)).file()
    root = (await prove_growth(sim.hub, AUDITOR, 1, size)).old_root
    assert base64.b64encode(root).decode() in page
    for query in ("index=99999", "old=99999", f"old=1&new={size + 999}"):
        missing = await desk.get(f"{PROOFS}?{query}")
        assert missing.status == 200
        assert b"stands in the log." not in missing.body
        assert b"unchanged." not in missing.body
    for query in ("index=-1", "index=01", "old=%C2%B2", f"index={10**30}"):
        assert (await desk.get(f"{PROOFS}?{query}")).status == 400, query
    for path in ("entry-99999.tlog-proof", "growth-0-1.txt", f"growth-1-{size + 999}.txt"):
        assert (await desk.get(f"{PROOFS}/{path}")).status == 404, path
    sim.now += sessions.FRESH
    for path in ("entry-1.tlog-proof", f"growth-1-{size}.txt"):
        asked = await desk.get(f"{PROOFS}/{path}")
        assert (asked.status, asked.headers["Location"]) == (303, "/officer/proof")
        assert desk.cookies["__Host-back"] == PROOFS


# Agreements


@needs.sqlite()
async def test_an_auditor_sees_who_agreed_and_when_and_no_word_of_the_text(sim: Simulator) -> None:
    await sim.propose()
    proposed = sim.agreement_id
    desk, _ = await logged_in(sim, "auditor")
    page = (await desk.get(AGREEMENTS)).body.decode()
    assert proposed in page
    assert page.count("<section>") == 2
    for agency in (SENDER, RECIPIENT):
        assert agency in page
    assert f"{SENDER}, not signed yet" in page
    for word in ("datenschutz@", "Musterstadt", "Vereinbarung", "Jobcenter Kreis A"):
        assert word not in page, word
    beyond = await desk.get(f"{AGREEMENTS}?after=ffffffff-ffff-4fff-bfff-ffffffffffff")
    assert b"There is no agreement." in beyond.body
    assert (await desk.get(f"{AGREEMENTS}?after=x")).status == 400


@needs.sqlite()
async def test_agreements_are_told_page_by_page(sim: Simulator) -> None:
    await sim.propose()
    every = await list_audited(sim.hub, AUDITOR, after=None, limit=50)
    assert sorted(one.state for one in every) == ["in-force", "proposed"]
    (first,) = await list_audited(sim.hub, AUDITOR, after=None, limit=1)
    assert await list_audited(sim.hub, AUDITOR, after=first.id, limit=50) == every[1:]


# Accounts


async def test_an_operator_sees_who_may_come_in_and_when_she_did(sim: Simulator) -> None:
    desk, _ = await logged_in(sim, "operator")
    officer, gone = await account(sim, agency=SENDER), await account(sim)
    page = (await desk.get(ACCOUNTS)).body.decode()
    assert "never, or more than a year ago" in page
    await entered(sim, officer)
    await entered(sim, officer)
    await accounts.remove(sim.hub, gone.id)
    page = (await desk.get(ACCOUNTS)).body.decode()
    row = page.partition(officer.id)[2].partition("</tr>")[0]
    assert SENDER in row
    assert "never" not in row
    assert ">2<" in row
    assert gone.id not in page
    assert all(agency == SENDER or agency not in page for agency in AGENCIES)
    sim.now += sessions.IDLE - timedelta(minutes=1)
    await desk.get(ACCOUNTS)
    sim.now += timedelta(minutes=2)
    row = (await desk.get(ACCOUNTS)).body.decode().partition(officer.id)[2].partition("</tr>")[0]
    assert ">0<" in row
    assert (await desk.get(f"{ACCOUNTS}?after=x")).status == 400
    beyond = await desk.get(f"{ACCOUNTS}?after=ffffffff-ffff-4fff-bfff-ffffffffffff")
    assert officer.id.encode() not in beyond.body


@needs.sqlite()
async def test_a_page_is_for_its_role_alone(sim: Simulator) -> None:
    desks = {role: (await logged_in(sim, role))[0] for role in ("officer", "auditor", "operator")}
    pages = {
        ACCOUNTS: "operator",
        AGREEMENTS: "auditor",
        PROOFS: "auditor",
        f"{PROOFS}/entry-0.tlog-proof": "auditor",
        "/officer/findings/warnings": "officer",
    }
    await sim.settled()
    for path, role in pages.items():
        for other, desk in desks.items():
            assert (await desk.get(path)).status == (200 if other == role else 404), (path, other)
