"""Where logs are read from: folders, tars and the web, each refused when it is something else."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from exchange.audit.tiles import Bundle, Tile
from exchange.cli import progress
from exchange.cli.main import main
from exchange.envelope.tarblocks import header
from exchange.errors import LogInvalid, Malformed, NotFound, TooLarge, Unavailable
from exchange.verifier import archive
from exchange.verifier.archive import END, packed, read_archive
from exchange.verifier.files import FolderFiles, lines, read
from exchange.verifier.source import Source, open_source
from tests.logs import LOG_KEY, WITNESS_KEY, Log, Verify, policy, put, random_leaves, vkey

LOG = Log(random_leaves(700), witnesses=(WITNESS_KEY,))


def tar(**files: bytes) -> bytes:
    """Return a tar as an export writes it."""
    return b"".join(packed(name, content) for name, content in files.items()) + END


def of(block: bytes, at: int, new: bytes) -> bytes:
    """Return a header with other bytes at a place, and the sum that belongs to them."""
    changed = block[:at] + new + block[at + len(new) :]
    blank = changed[:148] + b" " * 8 + changed[156:]
    return blank[:148] + b"%06o\x00 " % sum(blank) + blank[156:]


async def test_a_tar_gives_back_what_was_packed(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar(one=b"1" * 700_000, two=b""))

    files = read_archive(tmp_path / "a.tar")

    assert await read(files, "one", limit=700_000) == b"1" * 700_000
    assert await read(files, "two", limit=0) == b""
    assert files.names("") == ("one", "two")
    with pytest.raises(NotFound):
        await read(files, "three", limit=1)
    with pytest.raises(TooLarge):
        await read(files, "one", limit=699_999)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"x" * 1024, id="no tar"),
        pytest.param(b"hub.example/log", id="less than a tar"),
        pytest.param(header("one", 1, 0) + b"1" + bytes(511), id="no end"),
        pytest.param(header("one", 5000, 0) + bytes(512) + END, id="cut within a file"),
        pytest.param(tar(one=b"1")[: -len(END)] + tar(one=b"2"), id="a name twice"),
        pytest.param(header("../up", 0, 0) + END, id="a way out"),
        pytest.param(header("/root", 0, 0) + END, id="from the root"),
        pytest.param(header("a//b", 0, 0) + END, id="an empty folder"),
        pytest.param(of(header("one", 0, 0), 156, b"2") + END, id="a link"),
        pytest.param(of(header("one", 0, 0), 156, b"1") + END, id="a hard link"),
        pytest.param(of(header("one", 7, 0), 156, b"5") + bytes(512) + END, id="a full folder"),
        pytest.param(of(header("one", 0, 0), 124, b"00000000x1\0") + END, id="no size"),
        pytest.param(of(header("one", 0, 0), 345, b"../..") + END, id="a prefix that leads out"),
        pytest.param(header("one", 0, 0)[:-1] + b"x" + END, id="another sum"),
    ],
)
def test_what_is_no_tar_of_plain_files_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(data)

    with pytest.raises(Malformed):
        read_archive(tmp_path / "a.tar")


def test_a_tar_has_no_more_files_than_fit_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 1)
    (tmp_path / "a.tar").write_bytes(tar(one=b"1", two=b"2"))

    with pytest.raises(Malformed):
        read_archive(tmp_path / "a.tar")


async def test_a_tar_that_shrinks_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar(one=bytes(2000)))
    files = read_archive(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(bytes(1000))

    with pytest.raises(Malformed):
        await read(files, "one", limit=2000)


async def test_lines_end_where_they_end_and_have_a_bound(tmp_path: Path) -> None:
    put(tmp_path, "some", b"one\n\ntwo\nthree")
    files = FolderFiles(tmp_path)

    assert [line async for line in lines(files, "some", limit=5)] == [b"one", b"", b"two", b"three"]
    with pytest.raises(TooLarge):
        _ = [line async for line in lines(files, "some", limit=4)]


@pytest.mark.parametrize("name", ["tile/0", "checkpoint/x", "none"])
async def test_a_folder_is_no_file(name: str, tmp_path: Path) -> None:
    LOG.write(tmp_path)

    with pytest.raises(NotFound):
        await read(FolderFiles(tmp_path), name, limit=10)
    assert FolderFiles(tmp_path).names("none") == ()


async def test_nobody_waits_for_a_pipe(tmp_path: Path) -> None:
    """A hostile folder would keep whoever checks it for ever."""
    os.mkfifo(tmp_path / "checkpoint")

    with pytest.raises(NotFound):
        await read(FolderFiles(tmp_path), "checkpoint", limit=10)


@pytest.mark.parametrize("made", [("--format=pax", "-cf"), ("-czf",)])
def test_a_tar_of_another_form_is_to_be_unpacked(
    made: tuple[str, ...], tmp_path: Path, trusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    LOG.write(tmp_path / "log")
    where = ("-C", str(tmp_path / "log"), ".")
    subprocess.run(["tar", *made, str(tmp_path / "a.tar"), *where], check=True)

    assert main(["log", "verify", str(tmp_path / "a.tar"), "--policy", str(trusted)]) == 2

    assert capsys.readouterr().err.endswith("; unpack it and give the folder\n")


async def test_what_is_neither_folder_nor_tar_nor_address_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        async with open_source(str(tmp_path / "none")):
            pass


@pytest.mark.parametrize(
    "address", ["http://hub.example/log", "http://192.0.2.1/log", "http://localhost.example/log"]
)
async def test_a_log_in_the_web_is_encrypted_or_on_this_machine(address: str) -> None:
    with pytest.raises(Unavailable):
        async with open_source(address):
            pass


async def test_a_part_is_cut_out_of_what_a_larger_log_keeps(tmp_path: Path) -> None:
    """A copy of 700 entries has no partial tile of 650, and the full ones alone for 300."""
    source = Source(FolderFiles(LOG.write(tmp_path)), size=700)

    assert await source.tile(Tile(0, 2, 138)) == LOG.row(0, 2)[: 138 * 32]
    assert await source.tile(Tile(0, 1, 44)) == LOG.row(0, 1)[: 44 * 32]
    assert len(await source.bundle(Bundle(2, 138))) == 138 * 51
    with pytest.raises(NotFound):
        await Source(FolderFiles(tmp_path)).bundle(Bundle(2, 138))
    with pytest.raises(NotFound):
        await source.bundle(Bundle(7))


async def test_a_file_that_never_ends_is_not_read_to_its_end(tmp_path: Path) -> None:
    put(tmp_path, "tile/0/000", bytes(9000))

    with pytest.raises(LogInvalid, match="too large"):
        await Source(FolderFiles(tmp_path)).tile(Tile(0, 0))


class Server:
    """A web server over a folder, which can be told to misbehave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = ""
        self.status = HTTPStatus.OK
        self.breaks = False
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/log"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.removeprefix("/log/")
        self.asked.append(path)
        file = self.folder / path
        guarded = path.startswith("tile/entries/") and self.token
        if guarded and request.headers["Authorization"] != f"Bearer {self.token}":
            request.send_error(HTTPStatus.UNAUTHORIZED)
        elif self.status is not HTTPStatus.OK:
            request.send_response(self.status)
            request.send_header("Location", "/elsewhere")
            request.end_headers()
        elif not file.is_file():
            request.send_error(HTTPStatus.NOT_FOUND)
        else:
            content = file.read_bytes()
            request.send_response(HTTPStatus.OK)
            request.send_header("Content-Length", str(len(content) + self.breaks))
            request.end_headers()
            request.wfile.write(content)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Yield a web server with the log of 700 entries."""
    made = Server(LOG.write(tmp_path / "served"))
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


LONG: tuple[str, str] = ("--max-age", "9999d")


def test_a_log_in_the_web_is_verified(server: Server, verify: Verify) -> None:
    assert verify(server.address, *LONG) == (0, {})
    assert verify(server.address + "/", *LONG) == (0, {})


def test_an_old_head_in_the_web_is_not_taken_for_the_newest(server: Server, verify: Verify) -> None:
    """Nothing is asked of files; of an address an hour, if nothing else is said."""
    ended, found = verify(server.address)

    assert (ended, list(found)) == (1, ["age"])


def test_entries_may_need_a_token(server: Server, verify: Verify, tmp_path: Path) -> None:
    server.token = "abc.def"
    ended, found = verify(server.address, *LONG)
    assert ended == 2
    assert found["entries"]["said"].endswith(
        "exchange gateway token > FILE; then give --token FILE"
    )

    put(tmp_path, "token", b"abc.def\n")
    assert verify(server.address, *LONG, "--token", tmp_path / "token") == (0, {})


@pytest.mark.parametrize("break_", ["gone", "error", "redirect", "cut"])
def test_what_cannot_be_fetched_was_not_checked(
    break_: str, server: Server, verify: Verify
) -> None:
    if break_ == "gone":
        server.server.server_close()
    server.breaks = break_ == "cut"
    told = {"error": HTTPStatus.BAD_GATEWAY, "redirect": HTTPStatus.FOUND}
    server.status = told.get(break_, HTTPStatus.OK)

    ended, found = verify(server.address, *LONG)

    assert ended == 2
    assert found["checkpoint"]["outcome"] == "unchecked"
    assert "elsewhere" not in server.asked


def test_what_the_web_lacks_is_broken(server: Server, verify: Verify) -> None:
    (server.folder / "tile/entries/001").unlink()
    ended, found = verify(server.address, *LONG)
    assert (ended, found["entries"]["span"]) == (1, [256, 511])


def test_where_there_is_no_log_nothing_was_checked(server: Server, verify: Verify) -> None:
    folder = server.folder
    ended, found = verify(f"{server.address}/elsewhere", *LONG)
    assert (ended, list(found)) == (2, ["checkpoint"])
    assert "there is no log at this address" in found["checkpoint"]["said"]

    ended, found = verify(folder, "--against", f"{server.address}/elsewhere")
    assert (ended, list(found)) == (2, ["against"])

    # Files are another matter: a copy of a log without its head is none any more.
    (folder / "checkpoint").unlink()
    ended, found = verify(folder)
    assert (ended, list(found)) == (1, ["checkpoint"])


def test_two_copies_in_the_web_and_here_are_compared(
    server: Server, verify: Verify, tmp_path: Path
) -> None:
    mirror = LOG.write(tmp_path / "mirror")
    assert verify(server.address, *LONG, "--against", mirror) == (0, {})

    put(mirror, "checkpoint", b"no note")
    ended, found = verify(server.address, *LONG, "--against", mirror)
    assert (ended, list(found)) == (1, ["against"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say what to check"),
        (("LOG", "--max-age", "soon"), "an age is written"),
        (("LOG", "--log", "hub.example/log"), "not both"),
        (("LOG", "--manifest", "POLICY"), "a file is proven with"),
        (("LOG", "--token", "TOKEN"), "no access token"),
        (("LOG", "--old", "/none/such"), "No such file"),
        (("/none/such",), "neither a folder"),
    ],
)
def test_a_command_that_cannot_check_says_why_and_ends_with_2(
    options: tuple[str, ...],
    said: str,
    tmp_path: Path,
    trusted: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(tmp_path, "token", b"two words")
    named = {"LOG": str(LOG.write(tmp_path / "log")), "POLICY": str(trusted)}
    named["TOKEN"] = str(tmp_path / "token")
    words = [named.get(word, word) for word in options]

    assert main(["log", "verify", *words, "--policy", str(trusted)]) == 2
    assert said in capsys.readouterr().err


def test_without_whom_to_believe_nothing_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = LOG.write(tmp_path / "log")
    assert main(["log", "verify", str(folder)]) == 2
    assert "give --policy FILE, the file log-policy in the home" in capsys.readouterr().err

    put(tmp_path, "policy", b"log nonsense\n")
    assert main(["log", "verify", str(folder), "--policy", str(tmp_path / "policy")]) == 2

    assert main(["log", "verify", str(folder), "--log", vkey(LOG_KEY)]) == 0
    assert "vouches for itself" in capsys.readouterr().out


def test_a_witness_that_is_optional_is_shown_and_not_required(
    verify: Verify, tmp_path: Path, trusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusted.write_bytes(policy(WITNESS_KEY, quorum="none"))
    folder = LOG.write(tmp_path / "log")
    assert main(["log", "verify", str(folder), "--policy", str(trusted)]) == 0
    assert "none asked for; cosigned by w0" in capsys.readouterr().out


def test_a_bar_is_shown_only_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[int, int]] = []
    show = progress.late(lambda done, total: shown.append((done, total)))
    show(1, 2)
    assert shown == []

    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    show(2, 2)
    assert shown == [(2, 2)]


def test_the_command_is_a_program_of_its_own(tmp_path: Path, trusted: Path) -> None:
    """Ended by the code that its help promises, also for a shell."""
    folder = LOG.write(tmp_path / "log")
    words = [sys.executable, "-m", "exchange.cli.main", "log", "verify", str(folder)]
    done = subprocess.run([*words, "--policy", str(trusted)], check=False, capture_output=True)
    assert done.returncode == 0
    assert done.stdout.decode().endswith("all good\n")
    assert len(done.stdout.splitlines()) < 24
