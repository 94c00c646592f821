"""An export: complete, checkable with anybody's tools, and telling what is wrong with it."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.audit.coverage import read_coverage, write_coverage
from exchange.audit.event import request_made
from exchange.audit.policy import judge, read_policy
from exchange.canonical import digest, loads
from exchange.cli.main import main
from exchange.errors import Conflict, LogInvalid
from exchange.verifier.archive import Member
from exchange.verifier.export import Export, Openings
from exchange.verifier.files import FolderFiles
from exchange.verifier.opened import Opened, read_opened, write_opened
from exchange.verifier.pack import pack
from exchange.verifier.receipts import Held, check_receipt
from exchange.verifier.report import Outcome
from exchange.verifier.source import Source
from tests.exports import (
    CHAIN_KEY,
    FILE,
    OTHER_KEY,
    POLICY,
    RECIPIENT,
    RECORDED,
    SENDER,
    Story,
    document_name,
)
from tests.logs import Verify, put


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@pytest.fixture(scope="module")
def exported(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return story.export(tmp_path_factory.mktemp("made") / "export")


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """Return a copy of the export, to be damaged."""
    shutil.copytree(exported, tmp_path / "copy")
    return tmp_path / "copy"


def test_an_export_is_good_and_says_what_it_covers(
    exported: Path, verify: Verify, capsys: pytest.CaptureFixture[str], trusted: Path
) -> None:
    assert verify(exported) == (0, {})

    assert main(["log", "verify", str(exported), "--policy", str(trusted)]) == 0
    said = capsys.readouterr().out
    assert "7 opened, 2 public, 2 erased, 308 others'" in said
    assert "coverage.json of women-b says the same" in said
    assert said.endswith("all good\n")


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_request_for_documents_may_have_been_forgotten(
    is_kept: bool, tmp_path: Path, verify: Verify
) -> None:
    story, request = Story(), b"a signed request"
    made = request_made(at=RECORDED, by=RECIPIENT, request=digest(request), to=SENDER)
    story.happens(OTHER_KEY, made, *([request] if is_kept else []))
    folder = story.export(tmp_path / "export")

    assert verify(folder) == (0, {})
    assert (folder / "statements" / digest(request)).exists() is is_kept


def test_a_tar_holds_the_same_files_and_is_as_good(
    story: Story, exported: Path, tmp_path: Path, verify: Verify
) -> None:
    tar = story.export(tmp_path / "export.tar")
    assert verify(tar) == (0, {})

    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xf", tar, "-C", tmp_path / "out"], check=True)
    names = sorted(str(one.relative_to(exported)) for one in exported.rglob("*") if one.is_file())
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (exported / name).read_bytes(), name
    assert verify(tmp_path / "out") == (0, {})


@pytest.mark.parametrize("form", ["ustar", "gnu"])
def test_a_tar_that_others_made_of_it_is_read(
    form: str, exported: Path, tmp_path: Path, verify: Verify
) -> None:
    tar = tmp_path / "theirs.tar"
    subprocess.run(["tar", f"--format={form}", "-C", exported, "-cf", tar, "."], check=True)

    assert verify(tar) == (0, {})


def test_the_sums_are_those_of_sha256sum(exported: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=exported, check=False
    )
    assert done.returncode == 0
    listed = {line.split("  ")[1] for line in (exported / "SHA256SUMS").read_text().splitlines()}
    assert listed == {
        str(one.relative_to(exported)) for one in exported.rglob("*") if one.is_file()
    } - {"SHA256SUMS"}


def test_nobody_else_on_the_machine_can_read_it(exported: Path) -> None:
    assert exported.stat().st_mode & 0o077 == 0
    assert all(one.stat().st_mode & 0o077 == 0 for one in exported.rglob("*") if one.is_file())


async def test_it_never_takes_the_place_of_something_and_leaves_nothing_half(
    tmp_path: Path,
) -> None:
    out = tmp_path / "export"
    out.mkdir()

    async def interrupted() -> AsyncGenerator[Member, None]:
        yield "checkpoint", b"x"
        raise asyncio.CancelledError

    with pytest.raises(Conflict):
        await pack(out, interrupted())
    for name in ("half", "half.tar"):
        with pytest.raises(asyncio.CancelledError):
            await pack(tmp_path / name, interrupted())
    assert [one.name for one in tmp_path.iterdir()] == ["export"]


def test_a_broken_log_is_not_exported(story: Story, tmp_path: Path) -> None:
    liar = Story()
    row = liar.log.row(0, 0)
    liar.leaves[20] = b"\x01" + bytes(48)
    folder = liar.log.write(tmp_path / "liar", documents=liar.documents)
    put(folder, "tile/0/000", row)

    with pytest.raises(LogInvalid, match="tile") as refused:
        asyncio.run(copy_of(folder, liar, tmp_path / "out"))
    assert refused.value.span == (20, 20)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["missing", "document"])
async def test_a_log_without_its_public_documents_is_not_exported(
    what: str, story: Story, tmp_path: Path
) -> None:
    folder = story.log.write(tmp_path / "log", documents=story.documents)
    name = document_name(next(iter(story.documents)))
    if what == "missing":
        (folder / name).unlink()
    else:
        put(folder, name, b"{}")

    with pytest.raises(LogInvalid) as refused:
        await copy_of(folder, story, tmp_path / "out")
    assert refused.value.what == what
    assert not (tmp_path / "out").exists()


async def copy_of(folder: Path, story: Story, out: Path) -> None:
    """Export a log that lies in a folder."""

    async def nothing() -> AsyncIterator[Openings]:
        for some in tuple[Openings, ...]():
            yield some

    head = judge(read_policy(POLICY), story.log.note())
    source = Source(FolderFiles(folder))
    export = Export(source, head, story.belongings())
    await pack(out, export.members(nothing(), lambda _done, _all: None))


def test_the_page_for_people_names_every_event_in_german_and_english(exported: Path) -> None:
    page = (exported / "index.html").read_text(encoding="utf-8")

    for words in ("Einwilligung erfasst", "Consent withdrawn", "Übermittelt", "Entries erased"):
        assert words in page
    assert "housing-loss, rent-arrears-letter" in page
    assert "<script" not in page
    assert page.count("<tr>") == 1 + 7


def test_openings_hold_neither_the_key_nor_the_number_of_an_event(exported: Path) -> None:
    for path in exported.rglob("*"):
        if path.is_file():
            assert CHAIN_KEY not in path.read_bytes(), path


def line_of(folder: Path, number: int) -> tuple[list[bytes], Opened]:
    """Return the lines of the openings, and what one of them opens."""
    lines = (folder / "openings.jsonl").read_bytes().splitlines()
    return lines, read_opened(lines[number])


def test_an_opening_that_is_not_of_its_leaf_is_named(copy: Path, verify: Verify) -> None:
    lines, opened = line_of(copy, 2)
    for index in (opened.index + 1, opened.index - 1):
        lines[2] = write_opened(Opened(index, opened.opening, opened.detail))
        put(copy, "openings.jsonl", b"\n".join([*lines, b""]))
        ended, found = verify(copy)
        assert ended == 1
        assert found["opening"]["span"] == [index, index]


@pytest.mark.parametrize("order", [[1, 0], [0, 0], [2, 0, 1]])
def test_openings_out_of_order_are_refused(order: list[int], copy: Path, verify: Verify) -> None:
    lines, _ = line_of(copy, 0)
    put(copy, "openings.jsonl", b"".join(lines[number] + b"\n" for number in order))

    ended, found = verify(copy)

    assert ended == 1
    assert "order" in found["opening"]["said"]


@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("wrong", [b"{", b'{"index":1}', b'{"index":1,"opening":"eA=="}'])
def test_a_line_that_is_no_opening_is_named_and_accuses_no_entry(
    number: int, wrong: bytes, copy: Path, verify: Verify
) -> None:
    lines, _ = line_of(copy, 0)
    lines[number] = wrong
    put(copy, "openings.jsonl", b"\n".join([*lines, b""]))

    ended, found = verify(copy)

    assert (ended, list(found)) == (1, ["opening"])
    assert found["opening"]["said"].startswith(f"line {number + 1} of openings.jsonl: ")
    assert "span" not in found["opening"]


def test_an_opening_behind_the_last_entry_is_refused(copy: Path, verify: Verify) -> None:
    lines, opened = line_of(copy, -1)
    late = write_opened(Opened(900, opened.opening))
    put(copy, "openings.jsonl", b"\n".join([*lines, late, b""]))

    ended, found = verify(copy)

    assert ended == 1
    assert "behind the last" in found["opening"]["said"]


def test_a_detail_that_is_not_the_events_is_named(copy: Path, verify: Verify, story: Story) -> None:
    number = next(at for at, one in enumerate(story.opened) if one.detail)
    lines, opened = line_of(copy, number)
    assert opened.detail is not None
    lines[number] = write_opened(
        Opened(opened.index, opened.opening, opened.detail.replace(b"purpose", b"expired"))
    )
    put(copy, "openings.jsonl", b"\n".join([*lines, b""]))

    ended, found = verify(copy)

    assert ended == 1
    assert "detail" in found["opening"]["said"]
    assert found["opening"]["span"] == [opened.index, opened.index]


def test_what_happened_and_was_not_logged_is_found(tmp_path: Path, verify: Verify) -> None:
    """The agency has the signed withdrawal; the hub has never logged it."""
    story = Story(skipped=frozenset({"consent-withdrawn"}))

    ended, found = verify(story.export(tmp_path / "export"))

    assert ended == 1
    assert "happened, and not logged" in found["statement"]["said"]
    assert digest(story.withdrawal) in found["statement"]["said"]


def test_an_event_without_its_record_is_told_and_could_not_be_checked(
    copy: Path, verify: Verify, story: Story
) -> None:
    (copy / "statements" / digest(story.manifest)).unlink()

    ended, found = verify(copy)

    assert ended == 2
    assert str(story.index_of("disclosure-stored")) in found["statement"]["said"]


def test_a_changed_statement_is_named(copy: Path, verify: Verify, story: Story) -> None:
    name = f"statements/{digest(story.consent)}"
    put(copy, name, story.consent[:-1] + b" ")

    ended, found = verify(copy)

    assert ended == 1
    assert name in found["statement"]["said"]


def test_what_a_desktop_hides_in_a_folder_is_no_part_of_the_export(
    copy: Path, verify: Verify
) -> None:
    put(copy, "statements/.DS_Store", b"where the icons are")

    assert verify(copy) == (0, {})


@pytest.mark.parametrize("name", ["\x1b[2Jall good", "\x85", "\u0663", "\udcff", "a\nb"])
def test_a_name_that_a_terminal_may_obey_is_not_printed(
    name: str, copy: Path, trusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(copy, f"statements/{name}", b"x")

    assert main(["log", "verify", str(copy), "--policy", str(trusted)]) == 1

    told = capsys.readouterr().out
    assert "statements/ has a file with a name that no export has" in told
    assert name not in told


def test_a_public_document_that_is_missing_or_another_is_named(copy: Path, verify: Verify) -> None:
    put(copy, document_name(POLICY), b"log another\n")
    ended, found = verify(copy)
    assert ended == 1
    assert found["document"]["span"] == [1, 1]

    (copy / document_name(POLICY)).unlink()
    ended, found = verify(copy)
    assert ended == 1
    assert "missing" in found["document"]["said"]


def test_a_served_policy_that_the_log_has_not_recorded_is_found(copy: Path, verify: Verify) -> None:
    """A witness cannot be dropped silently."""
    put(copy, "policy", POLICY.replace(b"quorum w0", b"quorum none"))
    ended, found = verify(copy)
    assert ended == 1
    assert list(found) == ["policy"]

    (copy / "policy").unlink()
    assert verify(copy)[0] == 2


@pytest.mark.parametrize("change", ["another", "unlisted"])
def test_a_tombstone_that_the_log_has_not_recorded_explains_nothing(
    change: str, copy: Path, verify: Verify, story: Story
) -> None:
    name = f"tombstones/{digest(story.tombstone)}"
    if change == "another":
        put(copy, name, story.tombstone.replace(b"[[12,13]]", b"[[12,99]]"))
    else:
        other = story.tombstone.replace(b"[[12,13]]", b"[[14,99]]")
        put(copy, f"tombstones/{digest(other)}", other)

    ended, found = verify(copy)

    assert ended == 1
    assert "not one that the log has recorded" in found["tombstone"]["said"]


def test_a_list_of_what_was_erased_that_is_missing_is_told(
    copy: Path, verify: Verify, story: Story
) -> None:
    (copy / "tombstones" / digest(story.tombstone)).unlink()

    ended, found = verify(copy)

    assert ended == 1  # and coverage.json counts what nothing explains any more
    assert found["tombstone"]["outcome"] == "unchecked"
    assert "covers other entries" in found["coverage"]["said"]


def test_a_coverage_that_claims_more_than_was_opened_is_found(copy: Path, verify: Verify) -> None:
    stated = read_coverage((copy / "coverage.json").read_bytes())
    covered = bytearray(stated.covered)
    covered[10] ^= 1
    put(copy, "coverage.json", write_coverage(replace(stated, covered=bytes(covered))))
    ended, found = verify(copy)
    assert ended == 1
    assert list(found) == ["coverage"]

    put(copy, "coverage.json", write_coverage(replace(stated, root=bytes(32))))
    ended, found = verify(copy)
    assert ended == 1
    assert "another head" in found["coverage"]["said"]


@pytest.mark.parametrize("content", [None, b""])
def test_an_export_that_lost_its_openings_is_not_good(
    content: bytes | None, copy: Path, verify: Verify
) -> None:
    """Its statements are in no event any more, and its list claims what nothing opens."""
    if content is None:
        (copy / "openings.jsonl").unlink()
    else:
        put(copy, "openings.jsonl", content)

    ended, found = verify(copy)

    assert ended == 1
    assert "happened, and not logged" in found["statement"]["said"]
    assert "covers other entries" in found["coverage"]["said"]


def test_a_coverage_that_is_none_is_named(copy: Path, verify: Verify) -> None:
    put(copy, "coverage.json", b"garbage")

    ended, found = verify(copy)

    assert (ended, list(found)) == (1, ["coverage"])
    assert found["coverage"]["said"].startswith("coverage.json: ")


def test_older_heads_in_an_export_are_continued(
    story: Story, tmp_path: Path, verify: Verify
) -> None:
    older = {150: story.log.note(150)}
    folder = story.export(tmp_path / "export", older=older)
    assert verify(folder) == (0, {})

    fork = Story(consent_members={"secrecy": "personal"})
    put(folder, "checkpoints/160", fork.log.note(160))
    ended, found = verify(folder)
    assert ended == 1
    assert "checkpoints/160" in found["append-only"]["said"]
    assert found["entries"]["span"] == [150, 159]


def test_thousands_of_older_heads_are_one_line_and_the_first_that_lie_are_named(
    story: Story, tmp_path: Path, verify: Verify, capsys: pytest.CaptureFixture[str], trusted: Path
) -> None:
    """An auditor's export has every head of a day: what it says stays one page."""
    older = {size: story.log.note(size) for size in (9, 80, 100, 150, 151, 152)}
    folder = story.export(tmp_path / "export", older=older)
    assert main(["log", "verify", str(folder), "--policy", str(trusted)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "append-only" in line]
    assert lines == [
        "3 append-only  good       continues 6 older heads kept beside it, of 9 to 152 entries"
    ]

    fork = Story(consent_members={"secrecy": "personal"})
    for size in range(160, 168):
        put(folder, f"checkpoints/{size}", fork.log.note(size))
    assert main(["log", "verify", str(folder), "--policy", str(trusted)]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "append-only" in line]
    assert len(lines) == 1 + 5 + 1 + 1  # good, named, counted, and the last line of all
    assert "checkpoints/160" in lines[1]
    assert "broken     the same of 3 further heads" in lines[6]


def test_receipts_are_proven_alone_and_against_the_log(
    story: Story, exported: Path, tmp_path: Path, verify: Verify, trusted: Path
) -> None:
    file = tmp_path / "stored.tlog-proof"
    file.write_bytes(story.receipt("disclosure-stored", 200))
    assert verify(exported, "--receipt", file) == (0, {})
    assert main(["log", "verify", "--policy", str(trusted), "--receipt", str(file)]) == 0

    fork = Story(consent_members={"secrecy": "personal"})
    file.write_bytes(fork.receipt("disclosure-stored", 200))
    assert main(["log", "verify", "--policy", str(trusted), "--receipt", str(file)]) == 0
    ended, found = verify(exported, "--receipt", file)
    assert ended == 1
    assert "split view" in found["append-only"]["said"]
    assert "another entry" in found["receipt"]["said"]


def test_every_flipped_byte_of_a_receipt_proves_nothing(story: Story) -> None:
    receipt, believed = story.receipt("consent-recorded", 40), read_policy(POLICY)

    for at in range(len(receipt)):
        flipped = bytearray(receipt)
        flipped[at] ^= 1
        _, check = check_receipt(Held("flipped", bytes(flipped)), believed)
        assert check.outcome is Outcome.BROKEN, at
    assert check_receipt(Held("whole", receipt), believed)[1].outcome is Outcome.GOOD


def test_exactly_this_file_was_in_the_disclosure_of_a_receipt(
    story: Story, tmp_path: Path, verify: Verify, exported: Path
) -> None:
    receipt, manifest, contents, letter = (
        tmp_path / name for name in ("r.tlog-proof", "manifest.jws", "contents.json", "letter.pdf")
    )
    receipt.write_bytes(story.receipt("disclosure-stored"))
    manifest.write_bytes(story.manifest)
    contents.write_bytes(story.contents.raw)
    letter.write_bytes(FILE)
    options = ("--receipt", receipt, "--manifest", manifest, "--contents", contents)
    assert verify(exported, *options, "--file", letter) == (0, {})

    letter.write_bytes(FILE + b"\n")
    ended, found = verify(exported, *options, "--file", letter)
    assert (ended, list(found)) == (1, ["file"])

    letter.write_bytes(FILE)
    contents.write_bytes(story.contents.raw.replace(b"letter", b"Letter"))
    assert "another list" in verify(exported, *options, "--file", letter)[1]["file"]["said"]

    contents.write_bytes(story.contents.raw)
    receipt.write_bytes(story.receipt("consent-recorded"))
    assert "another manifest" in verify(exported, *options, "--file", letter)[1]["file"]["said"]


def test_it_verifies_on_another_machine_without_network_and_hub(
    story: Story, tmp_path: Path, trusted: Path
) -> None:
    """A process that can neither open a socket nor find a hub's code in use."""
    tar = story.export(tmp_path / "export.tar")
    probe = (
        "import socket, sys\n"
        "def refuse(*_args, **_named): raise OSError('no network')\n"
        "socket.socket.connect = refuse\n"
        "socket.getaddrinfo = refuse\n"
        "from exchange.cli.main import main\n"
        f"ended = main(['log', 'verify', {str(tar)!r}, '--policy', {str(trusted)!r}])\n"
        "assert not [name for name in sys.modules if name.startswith(('exchange.hub', "
        "'exchange.agency', 'sqlalchemy'))]\n"
        "sys.exit(ended)\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", probe],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all good\n")


@pytest.mark.parametrize("agency", [SENDER, RECIPIENT])
def test_the_coverage_is_of_the_agency_that_exports(
    agency: str, story: Story, tmp_path: Path
) -> None:
    folder = story.export(tmp_path / "export", agency=agency, without=[story.opened[0].index])

    found = read_coverage((folder / "coverage.json").read_bytes())

    assert found.agency == agency
    opened = story.opened[0].index
    assert not found.covered[opened // 8] >> opened % 8 & 1
    assert loads((folder / "coverage.json").read_bytes(), limit=10_000)["size"] == found.size
