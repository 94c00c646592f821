"""A80, exchange.agency.watch: what lies in a watched folder is sent once, or it is said why not."""

import asyncio
import contextlib
import json
import os
import time
import tomllib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exchange import durable
from exchange.agency import state, watch, watch_copy, watch_draft, watch_folders
from exchange.agency.disk_room import DiskRoom
from exchange.agency.office import Office, open_office
from exchange.agency.stage import append
from exchange.agency.state import Sending, Sent
from exchange.agency.submit import Submission, submit
from exchange.agency.watch import Watch
from exchange.agency.watch_copy import Changing, copy_at_rest
from exchange.agency.watch_draft import copied
from exchange.errors import Malformed, NotPermitted, Unavailable
from exchange.wire import shapes
from tests.agency.network import CONSENT_ID, LETTER, RECIPIENT, SENDER, Network

SEND = f"""\
consent = "{CONSENT_ID}"
recipients = ["{RECIPIENT}"]
category = "rent-arrears-letter"
remark = "CANARY-REMARK"
"""


@dataclass
class Desk:
    """An office whose watched folder a test fills."""

    office: Office
    root: Path
    watch: Watch

    def put(self, name: str, *, send: str | None = SEND, **files: bytes) -> Path:
        """Put a folder with files and a description where it is watched."""
        folder = self.root / name
        folder.mkdir()
        for file, content in (files or {"Brief.pdf": LETTER}).items():
            (folder / file).write_bytes(content)
        if send is not None:
            (folder / "send.toml").write_text(send, encoding="utf-8")
        return folder

    async def looked(self) -> list[Sent]:
        """Look twice, so that what lies there is complete; return everything that was sent."""
        await self.watch.look()
        await self.watch.look()
        return await self.sent()

    async def sent(self) -> list[Sent]:
        return await self.office.gateway.state.read(state.list_sent)

    def reason(self, name: str) -> str:
        """Return what the office is told of a failed folder."""
        assert not (self.root / name).exists()
        assert not (self.root / "done" / name).exists()
        return (self.root / "failed" / name / "reason.txt").read_bytes().decode("utf-8")


@pytest.fixture
async def desk(network: Network, tmp_path: Path) -> AsyncIterator[Desk]:
    root = tmp_path / "out"
    root.mkdir()
    async with open_office(network.offices[SENDER].home.root, clock=lambda: network.now) as office:
        yield Desk(office, root, Watch(office, root))


def receipt(desk: Desk, name: str) -> Any:
    return json.loads((desk.root / "done" / name / "receipt.json").read_bytes())


async def test_a_folder_is_sent_and_ends_with_a_receipt(desk: Desk, network: Network) -> None:
    desk.put("Mahnung")
    (sent,) = await desk.looked()

    assert (sent.state, sent.recipients) == (Sending.STORED, RECIPIENT)
    assert list(network.double.kept) == [sent.id]
    (told,) = receipt(desk, "Mahnung")["disclosures"]
    assert (told["id"], told["recipients"], told["state"]) == (sent.id, [RECIPIENT], "stored")
    assert (desk.root / "done" / "Mahnung" / "Brief.pdf").read_bytes() == LETTER
    assert not (desk.root / "Mahnung").exists()
    assert list((desk.root / ".taken").iterdir()) == []


async def test_a_description_in_json_says_the_same(desk: Desk) -> None:
    folder = desk.put("Mahnung", send=None)
    described = {
        "consent": CONSENT_ID,
        "recipients": [RECIPIENT],
        "category": "rent-arrears-letter",
    }
    (folder / "send.json").write_text(json.dumps(described))
    assert len(await desk.looked()) == 1


async def test_what_still_changes_is_left_alone(desk: Desk) -> None:
    folder = desk.put("Mahnung")
    for size in range(3):
        (folder / "Brief.pdf").write_bytes(LETTER * (size + 1))
        await desk.watch.look()
    assert await desk.sent() == []
    await desk.watch.look()
    assert len(await desk.sent()) == 1


@pytest.mark.parametrize("name", ["Scan.pdf.part", "Scan.PARTIAL", "x.tmp", "y.crdownload"])
async def test_a_file_that_is_being_written_holds_its_folder_back(desk: Desk, name: str) -> None:
    folder = desk.put("Mahnung")
    (folder / name).touch()
    assert await desk.looked() == []
    (folder / name).unlink()
    assert len(await desk.looked()) == 1


async def test_a_folder_without_a_description_waits(desk: Desk) -> None:
    desk.put("Mahnung", send=None)
    assert await desk.looked() == []
    assert (desk.root / "Mahnung" / "Brief.pdf").is_file()


async def test_hidden_files_and_what_was_told_before_are_not_sent(desk: Desk) -> None:
    folder = desk.put("Mahnung")
    for name in (".DS_Store", ".~lock.Brief.pdf#", "reason.txt", "receipt.json"):
        (folder / name).write_bytes(b"CANARY")
    (sent,) = await desk.looked()
    assert sent.size < 16_384


async def test_each_file_of_a_standing_folder_is_a_document_of_its_own(
    desk: Desk, network: Network
) -> None:
    desk.put("Mietschulden", send=f"each = true\n{SEND}", **{"1.pdf": b"one", "2.pdf": b"two"})
    sent = await desk.looked()

    assert len(sent) == len(network.double.kept) == 2
    assert [path.name for path in (desk.root / "Mietschulden").iterdir()] == ["send.toml"]
    assert receipt(desk, "Mietschulden-1.pdf")["disclosures"]
    assert receipt(desk, "Mietschulden-2.pdf")["disclosures"]

    (desk.root / "Mietschulden" / "3.pdf").write_bytes(b"three")
    assert len(await desk.looked()) == 3


async def test_the_same_folder_put_there_again_sends_nothing_twice(
    desk: Desk, network: Network
) -> None:
    desk.put("Mahnung")
    (sent,) = await desk.looked()
    desk.put("Mahnung")
    assert await desk.looked() == [sent]
    assert list(network.double.kept) == [sent.id]
    assert receipt(desk, "Mahnung-2")["disclosures"][0]["id"] == sent.id


async def test_another_word_makes_it_another_document(desk: Desk) -> None:
    desk.put("Mahnung")
    desk.put("Mahnung noch einmal", send=SEND.replace("CANARY-REMARK", "zweite Mahnung"))
    assert len(await desk.looked()) == 2


async def test_a_hub_that_is_away_costs_nothing(desk: Desk, network: Network) -> None:
    async def away(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    network.double.replaced["consents"] = away
    network.double.replaced["disclose"] = away
    desk.put("Mahnung")
    await desk.looked()
    assert not (desk.root / "failed" / "Mahnung").exists()

    network.double.replaced.clear()
    await desk.watch.look()
    waiting = await desk.sent()
    assert len(waiting) == 1
    assert (desk.root / "done" / "Mahnung" / "receipt.json").is_file()


async def test_what_the_hub_refuses_is_told_in_two_languages(desk: Desk, network: Network) -> None:
    async def no(_request: web.Request) -> web.StreamResponse:
        raise NotPermitted

    network.double.replaced["disclose"] = no
    desk.put("Mahnung")
    (sent,) = await desk.looked()
    told = desk.reason("Mahnung")

    assert sent.state is Sending.REFUSED
    assert told.startswith(f"Nicht gesendet an {RECIPIENT}\r\n")
    assert f"Not sent to {RECIPIENT}" in told
    assert (desk.root / "failed" / "Mahnung" / "receipt.json").is_file()


@pytest.mark.parametrize(
    ("send", "german", "english"),
    [
        ('category = "no"', "Prüfen Sie send.toml", "consent: missing or not valid"),
        (SEND.replace("category", "#"), "Prüfen Sie send.toml", "category: missing; without"),
        (SEND + 'more = "CANARY"', "Prüfen Sie send.toml", "unknown member more"),
        (SEND + "file = {}", "Prüfen Sie send.toml", "unknown member file"),
        ("[", "nicht richtig geschrieben", "send.toml is not TOML: look at its end"),
        (SEND.replace("rent-arrears", "medical"), "diese Art von Unterlagen nicht", "kind of docu"),
        (SEND.replace(RECIPIENT, "youth-c"), "nicht vertrauenswürdig", "nobody here has confirmed"),
        (SEND.replace(CONSENT_ID, "0" * 8 + CONSENT_ID[8:]), "nicht bekannt", "knows no such cons"),
        (SEND + 'outgoing = "xdomea"', "Format ist hier nicht bekannt", "of [outgoing] reads"),
    ],
)
async def test_what_cannot_be_sent_is_told_in_two_languages_and_not_quoted(
    desk: Desk, send: str, german: str, english: str
) -> None:
    desk.put("Mahnung", send=send)
    assert await desk.looked() == []
    told = desk.reason("Mahnung")

    assert told.startswith("Nicht gesendet\r\n")
    assert german in told
    assert english in told
    assert "Legen Sie den Ordner noch einmal in den Ausgang." in told
    assert "CANARY" not in told


@pytest.mark.parametrize("name", ["send.toml", "send.json"])
async def test_the_byte_order_mark_of_office_software_is_passed_over(desk: Desk, name: str) -> None:
    folder = desk.put("Mahnung")
    text = SEND if name == "send.toml" else json.dumps(tomllib.loads(SEND))
    (folder / "send.toml").unlink()
    (folder / name).write_text(text.replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    (sent,) = await desk.looked()
    assert sent.state is Sending.STORED


@pytest.mark.parametrize(
    ("changed", "german"),
    [
        (lambda folder: (folder / "Brief.pdf").unlink(), "keine Datei, die gesendet werden kann"),
        (lambda folder: os.truncate(folder / "Brief.pdf", 0), "Eine Datei ist leer (0 Byte)"),
        (lambda folder: (folder / "x").symlink_to("Brief.pdf"), "eine Verknüpfung"),
        (lambda folder: (folder / "x").mkdir(), "etwas anderes als gewöhnliche Dateien"),
        (lambda folder: (folder / "send.json").write_bytes(b"{}"), "Nur eines davon"),
        (lambda folder: (folder / "send.toml").write_bytes(b'x = "\xe4"'), "nicht als UTF-8"),
    ],
    ids=["nothing", "empty", "link", "folder", "two descriptions", "encoding"],
)
async def test_what_is_wrong_with_the_files_is_told_in_german_too(
    desk: Desk, changed: Callable[[Path], object], german: str
) -> None:
    changed(desk.put("Mahnung"))
    assert await desk.looked() == []
    assert german in desk.reason("Mahnung").partition("Not sent")[0]


async def test_an_office_that_takes_no_such_file_is_told_in_german_too(
    desk: Desk, network: Network
) -> None:
    capabilities = shapes.Capabilities(max_size=10)
    network.double.change_agency(RECIPIENT, capabilities=capabilities)
    desk.put("Mahnung")
    await desk.looked()
    assert "Der Empfänger nimmt diese Dateien nicht an" in desk.reason("Mahnung")


async def test_a_mended_folder_is_sent_when_it_is_put_there_again(desk: Desk) -> None:
    desk.put("Mahnung", send="[")
    await desk.looked()
    failed = desk.root / "failed" / "Mahnung"
    (failed / "send.toml").write_text(SEND)
    failed.rename(desk.root / "Mahnung")
    assert len(await desk.looked()) == 1


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder", "description"])
async def test_only_ordinary_files_of_the_folder_are_read(
    desk: Desk, tmp_path: Path, kind: str
) -> None:
    folder = desk.put("Mahnung")
    secret = tmp_path / "secret"
    secret.write_bytes(b"CANARY-SECRET")
    makes: dict[str, Callable[[], None]] = {
        "link": lambda: (folder / "x").symlink_to(secret),
        "hard link": lambda: (folder / "x").hardlink_to(secret),
        "pipe": lambda: os.mkfifo(folder / "x"),
        "folder": (folder / "x").mkdir,
        "description": lambda: (folder / "send.json").symlink_to(secret),
    }
    makes[kind]()
    assert await desk.looked() == []
    assert "Not sent" in desk.reason("Mahnung")


async def test_a_link_to_a_folder_is_no_folder(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "send.toml").write_text(SEND)
    (elsewhere / "x").write_bytes(b"CANARY")
    (desk.root / "Mahnung").symlink_to(elsewhere)
    assert await desk.looked() == []
    assert (elsewhere / "x").exists()


@pytest.mark.parametrize("how", ["in place", "another in its place", "removed"])
def test_what_becomes_of_a_file_that_was_copied_changes_nothing(tmp_path: Path, how: str) -> None:
    (tmp_path / "send.toml").write_text(SEND)
    letter = tmp_path / "Brief.pdf"
    letter.write_bytes(LETTER)
    with copied(tmp_path, DiskRoom(tmp_path, 0)) as submission:
        if how == "in place":
            letter.write_bytes(b"CANARY")
        else:
            letter.unlink()
        if how == "another in its place":
            letter.write_bytes(b"CANARY")
        (file,) = submission.draft.files
        assert isinstance(file.source, Path)
        assert file.source.read_bytes() == LETTER
    assert not file.source.exists()


async def test_what_is_written_while_it_is_copied_waits_until_it_rests(
    desk: Desk, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scanner that paused for two looks, and goes on through the file it has open."""
    folder = desk.put("Mahnung")
    with (folder / "Brief.pdf").open("ab", buffering=0) as scanner:

        def meanwhile(source: int, room: DiskRoom) -> int:
            found = copy_at_rest(source, room)
            scanner.write(b"page 2")
            return found

        monkeypatch.setattr(watch_draft, "copy_at_rest", meanwhile)
        assert await desk.looked() == []
        monkeypatch.undo()
        scanner.write(b"page 3")
        await desk.watch.look()
        assert await desk.sent() == []
        assert (desk.root / ".taken" / "Mahnung").is_dir()
    await desk.watch.look()
    (sent,) = await desk.sent()
    assert receipt(desk, "Mahnung")["disclosures"][0]["id"] == sent.id

    # All of it went out, as one document: put there again, it is known.
    folder = desk.put("Mahnung")
    (folder / "Brief.pdf").write_bytes(LETTER + b"page 2page 3")
    assert await desk.looked() == [sent]
    assert list(network.double.kept) == [sent.id]


async def test_a_description_that_is_still_written_is_not_judged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put("Mahnung", send="[")

    def meanwhile(folder: Path, room: DiskRoom) -> Any:
        with contextlib.suppress(Malformed), copied(folder, room):
            raise AssertionError
        (folder / "send.toml").write_text(SEND)
        raise Malformed("half of it")

    monkeypatch.setattr(watch, "copied", meanwhile)
    assert await desk.looked() == []
    monkeypatch.undo()
    assert len(await desk.looked()) == 1
    assert receipt(desk, "Mahnung")["disclosures"]


async def test_what_is_changed_after_it_was_sent_is_told_and_goes_out_once_when_put_again(
    desk: Desk, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put("Mahnung")

    async def then_changed(office: Office, submission: Submission) -> list[Sent]:
        sent = await submit(office, submission)
        (desk.root / ".taken" / "Mahnung" / "Brief.pdf").write_bytes(b"%PDF-1.7 another")
        return sent

    monkeypatch.setattr(watch, "submit", then_changed)
    (first,) = await desk.looked()
    monkeypatch.undo()
    told = desk.reason("Mahnung")
    failed = desk.root / "failed" / "Mahnung"
    assert told.startswith("Gesendet, aber geändert\r\n")
    assert "What was sent is what lay there before" in told
    assert json.loads((failed / "receipt.json").read_bytes())["disclosures"][0]["id"] == first.id

    for _ in range(2):  # as often as it is put there, each content goes out once
        failed.rename(desk.root / "Mahnung")
        assert len(await desk.looked()) == 2
        failed = max((desk.root / "done").iterdir(), key=lambda path: path.stat().st_ctime_ns)
    assert len(network.double.kept) == 2


@pytest.mark.parametrize("change", [b"%PDF", b"shorter", b"", b"longer than it was before it all"])
def test_a_change_that_no_time_shows_is_seen_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    letter = tmp_path / "Brief.pdf"
    letter.write_bytes(b"%PDX")
    times = letter.stat()

    def meanwhile(copy: int, piece: bytes) -> None:
        append(copy, piece)
        letter.write_bytes(change)
        os.utime(letter, ns=(times.st_atime_ns, times.st_mtime_ns))

    monkeypatch.setattr(watch_copy, "append", meanwhile)
    with letter.open("rb", buffering=0) as source, pytest.raises(Changing):
        copy_at_rest(source.fileno(), DiskRoom(tmp_path, 0))
    assert [path.name for path in tmp_path.iterdir()] == ["Brief.pdf"]


async def test_more_than_a_disclosure_holds_is_not_even_copied(desk: Desk) -> None:
    os.truncate(desk.put("Mahnung") / "Brief.pdf", 2**30 + 1)
    assert await desk.looked() == []
    assert "larger than a disclosure can be" in desk.reason("Mahnung")


async def test_a_disk_without_room_keeps_a_folder_waiting(
    desk: Desk, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put("Mahnung")
    room = desk.office.gateway.room
    monkeypatch.setattr(room, "_reserve", 2**60)
    assert await desk.looked() == []
    assert (desk.root / ".taken" / "Mahnung").is_dir()
    monkeypatch.undo()
    await desk.watch.look()
    assert len(network.double.kept) == 1


def test_a_look_is_bounded_however_much_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_folders, "MOST_SEEN", 5)
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "send.toml").write_text(SEND)
    assert len(watch_folders.waiting(tmp_path)) == 5


async def test_too_many_files_are_refused(desk: Desk) -> None:
    folder = desk.put("Mahnung")
    for number in range(1_001):
        (folder / f"{number}.txt").touch()
    assert await desk.looked() == []
    assert "more than 1000 files" in desk.reason("Mahnung")


async def test_whoever_may_use_the_folder_may_read_what_it_is_told(desk: Desk) -> None:
    desk.root.chmod(0o770)
    desk.put("Mahnung", send="[")
    await desk.looked()
    assert (desk.root / "failed").stat().st_mode & 0o777 == 0o770
    assert (desk.root / "failed" / "Mahnung" / "reason.txt").stat().st_mode & 0o777 == 0o660


async def test_a_folder_that_is_not_mounted_is_waited_for(desk: Desk) -> None:
    desk.root.rmdir()
    with pytest.raises(OSError, match="out"):
        await desk.watch.look()
    desk.root.mkdir()
    desk.put("Mahnung")
    assert len(await desk.looked()) == 1


async def test_it_watches_until_told_to_stop(network: Network, tmp_path: Path) -> None:
    settings = network.offices[SENDER].home.settings_file
    settings.write_text(settings.read_text() + f'[watch]\nout = "{tmp_path}/out"\nlook_s = 1\n')
    stop = asyncio.Event()
    async with open_office(network.offices[SENDER].home.root, clock=lambda: network.now) as office:
        running = asyncio.create_task(watch.run(office, stop))
        (tmp_path / "out").mkdir()
        Desk(office, tmp_path / "out", Watch(office, tmp_path)).put("Mahnung")
        async with asyncio.timeout(60):
            receipt = tmp_path / "out" / "done" / "Mahnung" / "receipt.json"
            while not receipt.exists():  # noqa: ASYNC110 -- a file tells nobody that it is there
                await asyncio.sleep(0.05)
            stop.set()
            await running


@pytest.mark.parametrize(
    "send",
    [
        "x = " + "[" * 30_000,
        "x = " + "{a = " * 12_000,
        "x = " + "1" * 5_000,
        "a" + ".a" * 30_000 + " = 1",
        'x = {a . "\\"" ' + ' . "\\""' * 8_000 + " = 1}",
    ],
    ids=["lists in lists", "tables in tables", "digits", "parts of a key", "quoted parts"],
)
async def test_a_hostile_description_costs_its_folder_alone(desk: Desk, send: str) -> None:
    desk.put("Falle", send=send)
    desk.put("Mahnung")
    begun = time.process_time()
    assert len(await desk.looked()) == 1
    assert time.process_time() - begun < 10, "the square of 60 kB takes more than 15 s"
    assert "Prüfen Sie send.toml" in desk.reason("Falle")


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
async def test_what_others_leave_among_the_taken_folders_stops_nothing(
    desk: Desk, tmp_path: Path, kind: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x").write_bytes(b"CANARY")
    await desk.watch.look()
    left = desk.root / ".taken" / ".DS_Store"
    {"file": left.touch, "link": lambda: left.symlink_to(elsewhere), "folder": left.mkdir}[kind]()
    (left / "x").mkdir(parents=True) if kind == "folder" else None
    desk.put("Mahnung")
    assert len(await desk.looked()) == 1
    assert (elsewhere / "x").is_file()


@pytest.mark.parametrize("kind", ["unreadable", "told"])
async def test_a_folder_that_cannot_be_used_holds_up_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    first = desk.put("Anfang")
    desk.put("Mahnung", send=SEND.replace("CANARY-REMARK", "eine andere"))
    if kind == "told":
        (first / "receipt.json").mkdir()
    else:
        marked = watch_folders.mark_of
        monkeypatch.setattr(
            watch_folders, "mark_of", lambda folder: denied() if folder == first else marked(folder)
        )
    await desk.looked()
    assert (desk.root / "done" / "Mahnung" / "receipt.json").is_file()


def denied() -> None:
    raise PermissionError


async def test_long_names_are_taken_under_their_beginning(desk: Desk) -> None:
    files = {f"{'ü' * 100}{number}.pdf": b"%PDF" for number in range(2)}
    desk.put("Mietschulden" * 12, send=f"each = true\n{SEND}", **files)
    desk.put("x" * 255)
    assert len(await desk.looked()) == 3
    names = [path.name for path in (desk.root / "done").iterdir()]
    assert len(names) == 3
    assert all(len(name.encode()) <= 200 for name in names)


@pytest.mark.parametrize("state_", [Sending.REFUSED, Sending.EXPIRED, Sending.ENDED])
async def test_what_has_reached_nobody_is_sent_when_it_is_put_there_again(
    desk: Desk, state_: Sending
) -> None:
    desk.put("Mahnung")
    (first,) = await desk.looked()
    await desk.office.gateway.state.write(state.change_sent, first.id, {"state": state_.value})
    desk.put("Mahnung")
    assert len(await desk.looked()) == 2
    (told,) = receipt(desk, "Mahnung-2")["disclosures"]
    assert told["id"] != first.id
    assert told["state"] == "stored"


async def test_what_is_told_opens_no_other_file_to_others(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    write = durable.write_bytes_durably

    def swapped(path: Path, data: bytes, **how: Any) -> None:
        write(path, data, **how)
        path.unlink()
        path.symlink_to(secret)

    monkeypatch.setattr(watch_folders, "write_bytes_durably", swapped)
    desk.root.chmod(0o777)
    desk.put("Mahnung")
    await desk.looked()
    assert secret.stat().st_mode & 0o777 == 0o600
