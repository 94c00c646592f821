"""The commands of `exchange gateway`, as processes: words, exit codes, and nothing half-written."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from exchange.agency import api_token, arrivals
from exchange.agency.home import at
from exchange.agency.tables import schema
from exchange.days import day_of
from exchange.errors import StorageFull
from exchange.members import write_time
from exchange.sqlite import SqliteDatabase
from exchange.statement import seconds
from tests.agency import ledger
from tests.agency.network import CONSENT_ID, LETTER, RECIPIENT, SENDER, Network, files_below
from tests.logs import LOG_KEY
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
ERASURE = "1d3f7a2e-58c1-4d4f-8c57-3f6f0d2f9a10"
LATER = (
    *("log_heads", "log_tails", "log_findings", "awaited", "deliveries", "fetched"),
    *("events", "submissions"),
)
"""Tables that the first version did not have, beside `majorities`."""
CONSENT_FORM = {"role": "subject", "identified": "in-person"}


def never() -> None:
    """Fail a test in which a commit fails."""
    raise AssertionError("a commit failed")


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


async def exchange(*arguments: str | Path, lent: tuple[int, ...] = ()) -> Said:
    """Run `exchange gateway` with these arguments; it inherits the descriptors `lent`."""
    process = await start(*arguments, lent=lent)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


async def start(*arguments: str | Path, lent: tuple[int, ...] = ()) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "exchange.cli.main", "gateway"),
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        pass_fds=lent,
    )


@pytest.fixture
async def today(tmp_path: Path) -> AsyncIterator[Network]:
    """Return the network at the time of the machine: commands own their clock."""
    network = Network(tmp_path)
    network.now = datetime.now(UTC).replace(microsecond=0)
    async with network.double.running():
        network.arrange()
        given = write_time(network.now)
        consent = network.signed_consent(
            iat=seconds(network.now),
            collected_at=given,
            valid_from=given,
            valid_until=write_time(network.now + timedelta(days=90)),
            signers=[{**CONSENT_FORM, "at": given}],
        )
        network.double.consents = {consent.id: consent}
        yield network


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """Return a letter to be sent."""
    file = tmp_path / "Mahnung.pdf"
    file.write_bytes(LETTER)
    return file


def policy_file(folder: Path) -> Path:
    """Return the policy file of the log, as the operator of a hub hands it out."""
    file = folder / "policy"
    file.write_bytes(ledger.policy())
    return file


def hub(folder: Path) -> tuple[str | Path, ...]:
    """Return the options of `init` that say which hub, and what its log is."""
    return ("--hub", "http://127.0.0.1:8700", "--log-policy", policy_file(folder))


def sending(network: Network, letter: Path) -> tuple[str | Path, ...]:
    home = network.offices[SENDER].home.root
    return ("send", letter, "--consent", CONSENT_ID, "--to", RECIPIENT, "--home", home)


async def test_init_makes_a_home_that_only_its_user_can_look_into(tmp_path: Path) -> None:
    home = tmp_path / "home"
    given = ("init", *hub(tmp_path), "--agency", "women-b", "--home", home)

    first = await exchange(*given)
    before = files_below(home)
    second = await exchange(*given)
    status = await exchange("status", "--home", home)

    assert first.code == 0
    assert "fingerprint for the annex" in first.out
    assert {path.stat().st_mode & 0o077 for path in home.rglob("*")} == {0}
    assert home.stat().st_mode & 0o777 == 0o700
    assert second.code == 1
    assert second.err.count("\n") == 1
    assert files_below(home) == before
    assert status.code == 0
    assert "nothing was sent or received yet" in status.out


@pytest.mark.parametrize(
    ("version", "advice"), [(1, "at the next start"), (9, "begin with a new home")]
)
async def test_status_says_what_to_do_with_the_database_of_another_version(
    tmp_path: Path, version: int, advice: str
) -> None:
    home = tmp_path / "home"
    await exchange("init", *hub(tmp_path), "--agency", "women-b", "--home", home)
    with closing(sqlite3.connect(at(home).state_file)) as other:
        other.execute(f"PRAGMA user_version={version}")

    status = await exchange("status", "--home", home)

    assert status.code == 1
    told = f"exchange: the database has schema {version}, this program knows schema "
    assert status.err.startswith(told)
    assert advice in status.err


async def test_the_state_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    made, older = tmp_path / "made.sqlite", tmp_path / "older.sqlite"
    for path in (made, older):
        await SqliteDatabase(path, schema.prepare, on_failure=never).close()
    with closing(sqlite3.connect(older)) as first:
        for table in ("majorities", *LATER):
            first.execute(f"DROP TABLE {table}")
        first.execute("INSERT INTO revoked VALUES ('women-b', 'fingerprint')")
        first.execute("PRAGMA user_version=1")
        first.commit()

    await SqliteDatabase(older, schema.prepare, on_failure=never).close()

    with closing(sqlite3.connect(made)) as new, closing(sqlite3.connect(older)) as raised:
        for question in (
            "SELECT name FROM sqlite_schema ORDER BY name",
            *(f"PRAGMA table_xinfo({table})" for table in ("majorities", *LATER)),
            "PRAGMA user_version",
        ):
            assert raised.execute(question).fetchall() == new.execute(question).fetchall()
        assert raised.execute("SELECT * FROM revoked").fetchall() == [("women-b", "fingerprint")]


async def test_status_needs_no_passphrase(tmp_path: Path) -> None:
    home = tmp_path / "home"
    secret = tmp_path / "passphrase"
    secret.write_bytes(b"correct horse battery\n")
    given = (*hub(tmp_path), "--agency", "women-b", "--home", home)
    with secret.open("rb") as source:
        made = await exchange(
            "init", *given, "--passphrase-fd", str(source.fileno()), lent=(source.fileno(),)
        )
    status = await exchange("status", "--home", home)
    with secret.open("rb") as source:
        told = await exchange(
            "status",
            "--home",
            home,
            "--passphrase-fd",
            str(source.fileno()),
            lent=(source.fileno(),),
        )

    assert (made.code, made.err) == (0, "")
    assert (status.code, status.err) == (0, "")
    assert "nothing was sent or received yet" in status.out
    assert "only with --passphrase-fd" in status.out
    assert (told.code, told.err) == (0, "")
    assert "--passphrase-fd" not in told.out


@pytest.mark.parametrize(
    "given",
    [
        ("--agency", "women-b"),
        ("--hub", "http://127.0.0.1:1"),
        ("--agency", "Women B", "--hub", "http://127.0.0.1:1"),
        ("--agency", "women-b", "--hub", "http://hub.example"),
        ("--agency", "women-b", "--hub", "http://127.0.0.1:1", "--language", "fr"),
    ],
)
async def test_init_with_something_missing_or_wrong_writes_nothing(
    tmp_path: Path, given: tuple[str, ...]
) -> None:
    policy = ("--log-policy", policy_file(tmp_path))

    said = await exchange("init", *given, *policy, "--home", tmp_path / "home")

    assert said.code == 1
    assert said.err.startswith("exchange: ")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "home").exists()


async def test_init_without_a_policy_of_the_log_says_where_to_get_it(tmp_path: Path) -> None:
    given = ("--agency", "women-b", "--hub", "http://127.0.0.1:1", "--home", tmp_path / "home")
    wrong = tmp_path / "wrong"
    wrong.write_bytes(ledger.policy(keys=(LOG_KEY,)))

    without = await exchange("init", *given)
    unreadable = await exchange("init", *given, "--log-policy", tmp_path / "nowhere")
    foreign = await exchange("init", *given, "--log-policy", wrong)

    assert (without.code, unreadable.code, foreign.code) == (1, 1, 1)
    assert "--log-policy is missing" in without.err
    assert "exchange log policy" in without.err
    assert "cannot be read" in unreadable.err
    assert "status notes" in foreign.err
    assert not (tmp_path / "home").exists()


async def test_init_refuses_a_folder_that_others_look_into(tmp_path: Path) -> None:
    home = tmp_path / "shared"
    home.mkdir()
    home.chmod(0o755)
    (home / "something").touch()

    said = await exchange("init", *hub(tmp_path), "--agency", "a1", "--home", home)

    assert said.code == 1
    assert "chmod" in said.err
    assert not (home / "keys" / "identity.json").exists()


async def test_a_letter_goes_from_command_to_command(today: Network, letter: Path) -> None:
    remark = letter.with_name("remark.txt")
    remark.write_text("CANARY-REMARK", encoding="utf-8")

    sent = await exchange(
        *sending(today, letter), "--category", "rent-arrears-letter", "--remark-file", remark
    )
    fetched = await exchange("fetch", "--home", today.offices[RECIPIENT].home.root)
    followed = await exchange("fetch", "--home", today.offices[SENDER].home.root)
    status = await exchange("status", "--home", today.offices[SENDER].home.root)

    assert (sent.code, sent.err) == (0, "")
    assert sent.out.startswith("stored ")
    assert (fetched.code, fetched.out, fetched.err) == (0, "accepted 1\n", "")
    assert followed.code == 0
    assert "sent: 1 acknowledged" in status.out
    spool = files_below(today.offices[RECIPIENT].home.spool)
    assert LETTER in spool.values()
    assert any(b"CANARY-REMARK" in data for data in spool.values())


async def test_a_refusal_is_one_line_with_its_reasons(today: Network, letter: Path) -> None:
    said = await exchange(*sending(today, letter), "--category", "energy-bill")

    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "exchange: nothing was sent: the consent does not name this kind of document; "
        "`exchange consent show` has those it does (category)\n"
    )


async def test_what_this_agency_never_collected_is_not_passed_on(
    today: Network, letter: Path
) -> None:
    said = await exchange(
        *sending(today, letter),
        *(
            "--category",
            "rent-arrears-letter",
            "--onward-of",
            "9b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a09",
        ),
    )

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("exchange: nothing was sent: another agency's document is passed on")
    assert said.err.endswith("passing on needs a consent of its own (onward)\n")


async def test_a_sending_cut_off_says_that_it_goes_on_by_itself(
    today: Network, letter: Path
) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise StorageFull

    today.double.replaced["disclose"] = refuse
    said = await exchange(*sending(today, letter), "--category", "rent-arrears-letter")
    status = await exchange("status", "--home", today.offices[SENDER].home.root)

    assert (said.code, said.out) == (1, "")
    assert said.err.count("\n") == 1
    told = said.err.strip().split("; ")
    assert told[1].endswith(f"for {RECIPIENT} is sealed and goes out at the next `fetch` or `run`")
    assert told[2] == "do not send it again"
    assert told[1].split()[0] in status.out


async def test_a_file_that_is_none_is_told(today: Network, letter: Path) -> None:
    letter.unlink()

    said = await exchange(*sending(today, letter), "--category", "rent-arrears-letter")

    assert said.code == 1
    assert "is not a file" in said.err


async def test_a_missing_option_is_a_usage_error(today: Network, letter: Path) -> None:
    said = await exchange("send", letter, "--home", today.offices[SENDER].home.root)

    assert said.code == 2
    assert said.err.count("\n") == 1


async def test_a_home_that_is_none_is_told(tmp_path: Path) -> None:
    for command in ("status", "fetch", "run", "token"):
        said = await exchange(command, "--home", tmp_path)

        assert said.code == 1
        assert "exchange gateway init" in said.err
        assert said.err.count("\n") == 1


async def test_what_is_held_is_explained(today: Network, letter: Path) -> None:
    await exchange(*sending(today, letter), "--category", "rent-arrears-letter")
    office = today.offices[RECIPIENT]
    (office.home.pins / f"{SENDER}.json").unlink()

    fetched = await exchange("fetch", "--home", office.home.root)
    status = await exchange("status", "--home", office.home.root)

    assert (fetched.code, fetched.out) == (0, "held 1\n")
    assert "key-not-pinned" in status.out
    assert "succeeded its identity" in status.out
    assert "exchange keys pin AGENCY" in status.out


async def received_and_withdrawn(network: Network, letter: Path, *, taken: bool) -> Path:
    """Let the recipient have a document whose consent then ends; return the recipient's home."""
    await exchange(*sending(network, letter), "--category", "rent-arrears-letter")
    home = network.offices[RECIPIENT].home
    await exchange("fetch", "--home", home.root)
    (folder,) = home.spool.iterdir()
    if taken:
        folder.rename(home.root.parent / folder.name)
    (consent,) = network.double.consents.values()
    network.double.end_consent(consent.id, network.withdrawal(consent))
    network.double.ask_erasure(ERASURE, consent.id, RECIPIENT)
    return home.root


async def test_fetch_says_that_it_has_erased(today: Network, letter: Path) -> None:
    home = await received_and_withdrawn(today, letter, taken=False)

    first = await exchange("fetch", "--home", home)
    again = await exchange("fetch", "--home", home)

    assert (first.code, first.err) == (0, "")
    assert first.out == "erased 1; consents were withdrawn, the copies here are gone\n"
    assert again.out == ""


async def test_what_people_must_erase_is_named_by_consent_day_and_folder(
    today: Network, letter: Path
) -> None:
    home = await received_and_withdrawn(today, letter, taken=True)
    (consent,) = today.double.consents.values()
    (disclosure,) = today.double.kept

    fetched = await exchange("fetch", "--home", home)
    status = await exchange("status", "--home", home)

    assert fetched.out == "to erase 1; exchange gateway status shows what your office does\n"
    due = day_of(today.double.erasures[ERASURE].due)
    assert f"erase until {due} what came under consent {consent.id}:\n" in status.out
    assert f"    {disclosure} from {SENDER}, received {day_of(today.now)}, taken out" in status.out
    assert f"    then run: exchange gateway erased {ERASURE}\n" in status.out


async def test_what_is_set_aside_is_listed_with_its_last_day_and_who_has_to_know(
    today: Network, letter: Path
) -> None:
    letter.write_bytes(b"no PDF")
    await exchange(*sending(today, letter), "--category", "rent-arrears-letter")
    home = today.offices[RECIPIENT].home
    await exchange("fetch", "--home", home.root)

    broken = await exchange("status", "--home", home.root)
    (reason,) = home.quarantine.glob("*/reason.txt")
    reason.write_text("onward\n")  # as a chain that does not hold is set aside
    chain = await exchange("status", "--home", home.root)

    until = day_of(today.now + timedelta(days=30))
    assert f"in quarantine until {until} (malformed)\n    The files are damaged" in broken.out
    assert f"    what the plugin says: {reason}\n" in broken.out
    assert "does not fit its media type" not in broken.out, "that may quote the document"
    assert f"in quarantine until {until} (onward)\n" in chain.out
    assert "tell your privacy officer" in chain.out
    assert "what the plugin says" not in chain.out


async def test_what_nobody_takes_out_of_the_spool_is_told_after_a_week(
    today: Network, letter: Path
) -> None:
    await exchange(*sending(today, letter), "--category", "rent-arrears-letter")
    home = today.offices[RECIPIENT].home
    await exchange("fetch", "--home", home.root)
    (folder,) = home.spool.iterdir()

    fresh = await exchange("status", "--home", home.root)
    long_ago = today.now - timedelta(days=8)
    async with today.gateway(RECIPIENT) as gateway:
        (received,) = await gateway.state.read(arrivals.list_received)
        older = replace(received, seen_at=long_ago)
        await gateway.state.write(arrivals.put_received, older)
    lying = await exchange("status", "--home", home.root)
    folder.rename(home.root.parent / folder.name)
    taken = await exchange("status", "--home", home.root)

    told = f"lies in spool/{folder.name};\n    nobody has taken it out since {day_of(long_ago)}\n"
    assert [told in said.out for said in (fresh, lying, taken)] == [False, True, False]


async def test_fetch_forgets_what_its_time_is_over(today: Network) -> None:
    home = today.offices[SENDER].home
    now, today.now = today.now, datetime(2020, 5, 4, tzinfo=UTC)
    old = today.withdrawal(today.double.consents[CONSENT_ID])
    today.now = now
    kept = home.statements / f"withdrawal-{CONSENT_ID}.jws"
    kept.write_bytes(old)

    said = await exchange("fetch", "--home", home.root)

    assert (said.code, said.err) == (0, "")
    assert not kept.exists()


async def test_a_document_is_recalled(today: Network, letter: Path) -> None:
    home = today.offices[SENDER].home.root
    sent = await exchange(*sending(today, letter), "--category", "rent-arrears-letter")
    disclosure_id = sent.out.split()[1]

    recalled = await exchange("recall", disclosure_id, "--home", home)
    unknown = await exchange("recall", CONSENT_ID, "--home", home)

    assert recalled.code == 0
    assert today.double.kept[disclosure_id].state == "ended"
    assert unknown.code == 1
    assert unknown.err == "exchange: this agency has sent no disclosure with this id\n"


async def test_a_token_is_printed_and_nothing_else(today: Network) -> None:
    said = await exchange("token", "--home", today.offices[SENDER].home.root)

    assert (said.code, said.out, said.err) == (0, f"{SENDER}\n", "")


async def test_the_access_key_of_the_pages_is_printed_beside_a_running_gateway(
    today: Network,
) -> None:
    home = today.offices[SENDER].home
    api_token.make(home)

    async with today.gateway(SENDER):
        said = await exchange("token", "--local", "--home", home.root)

    assert (said.code, said.out, said.err) == (0, f"{api_token.read(home)}\n", "")


async def test_run_says_when_it_runs_and_ends_with_sigterm(today: Network, letter: Path) -> None:
    home = today.offices[RECIPIENT].home.root
    running = await start("run", "--home", home)
    try:
        assert running.stdout is not None
        async with asyncio.timeout(120):
            assert await running.stdout.readline() == b"the gateway of women-b is running\n"
            second = await exchange("fetch", "--home", home)
            status = await exchange("status", "--home", home)
            running.send_signal(signal.SIGTERM)
            _, err = await running.communicate()
    finally:
        if running.returncode is None:
            os.kill(running.pid, signal.SIGKILL)

    assert running.returncode == 0
    assert second.code == 1
    assert "another process" in second.err
    assert status.code == 0
    assert all(line.startswith(b"{") for line in err.splitlines())


async def test_commands_beside_a_running_gateway_are_asked_of_it(
    today: Network, letter: Path
) -> None:
    settings = today.offices[SENDER].home.settings_file
    address = f"127.0.0.1:{free_port()}"
    settings.write_text(settings.read_text().replace('listen = ""', f'listen = "{address}"'))
    home = today.offices[SENDER].home.root
    running = await start("run", "--home", home)
    try:
        assert running.stdout is not None
        async with asyncio.timeout(200):
            assert await running.stdout.readline() == b"the gateway of jobcentre-a is running\n"
            assert address.encode() in await running.stdout.readline()
            sent = await exchange(*sending(today, letter), "--category", "rent-arrears-letter")
            denied = await exchange(*sending(today, letter), "--category", "medical-letter")
            wrong = await exchange(*sending(today, letter), "--category", "no such kind")
            looked = await exchange("fetch", "--home", home)
            recalled = await exchange("recall", sent.out.split()[1], "--home", home)
            unknown = await exchange("erased", CONSENT_ID, "--home", home)
    finally:
        running.send_signal(signal.SIGTERM)
        await running.communicate()

    assert (sent.code, sent.out.split()[0]) == (0, "stored"), sent.err
    assert "receipt: " in sent.out
    assert denied.code == wrong.code == unknown.code == 1
    assert "the consent does not name this kind of document" in denied.err
    assert wrong.err == "exchange: category: missing or not valid\n"
    assert (looked.code, looked.err) == (0, "")
    assert recalled.code == 0
    assert today.double.kept[sent.out.split()[1]].state == "ended"


@pytest.mark.parametrize(
    "command",
    ["", "init", "log-policy", "send", "fetch", "run", "status", "doctor", "resume", "token"],
)
async def test_help_teaches(command: str) -> None:
    said = await exchange(*filter(None, [command]), "--help")

    assert (said.code, said.err) == (0, "")
    assert "Usage: exchange gateway" in said.out
