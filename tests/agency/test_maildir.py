"""exchange.agency.maildir: a Maildir gets each mail whole, and once, whenever the power fails."""

import mailbox
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.agency import deposit
from exchange.agency.maildir import Maildir, is_maildir
from exchange.errors import Unavailable, Undeliverable
from exchange.testing import delivered_of

NAME = "1772443800.6f6d4c363c1e4d0c9f0e1d6d4b1f2a10.exchange.eml"
MAIL = b"Message-ID: <a@ngo.example>\r\n\r\nwords\r\n"
FILES = {"00-HINWEIS.txt": b"notice", NAME: MAIL}


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


@pytest.fixture
def box(tmp_path: Path) -> mailbox.Maildir:
    return mailbox.Maildir(tmp_path / "Maildir")


@pytest.fixture
def maildir(tmp_path: Path, box: mailbox.Maildir) -> Maildir:
    (tmp_path / "deposited").mkdir()
    return Maildir(tmp_path / "Maildir", deposited=tmp_path / "deposited")


async def test_a_mail_program_finds_the_mail_as_new(
    maildir: Maildir, box: mailbox.Maildir, spool: Path
) -> None:
    await maildir.hand(delivered_of(spool, FILES))
    (found,) = box.values()
    assert (found.get_subdir(), found["Message-ID"]) == ("new", "<a@ngo.example>")
    assert (maildir.root / "new" / NAME).read_bytes() == MAIL
    assert list((maildir.root / "tmp").iterdir()) == []


async def test_twice_is_once_also_when_it_was_read_or_removed_since(
    maildir: Maildir, spool: Path
) -> None:
    delivered = delivered_of(spool, FILES)
    await maildir.hand(delivered)
    await maildir.hand(delivered)
    (maildir.root / "new" / NAME).rename(maildir.root / "cur" / f"{NAME}:2,S")
    await maildir.hand(delivered)
    (maildir.root / "cur" / f"{NAME}:2,S").unlink()
    await maildir.hand(delivered)
    assert list((maildir.root / "new").iterdir()) == []


@pytest.mark.parametrize(
    "crashed",
    [
        lambda maildir, id_: (maildir.root / "tmp" / id_).write_bytes(MAIL[:9]),
        lambda maildir, id_: (maildir.root / "tmp" / id_).write_bytes(MAIL),
        lambda maildir, id_: (
            (maildir.root / "tmp" / id_).write_bytes(MAIL),
            (maildir.deposited / id_).write_bytes(b""),
        ),
    ],
    ids=["half", "whole", "noted"],
)
async def test_after_a_crash_at_any_step_it_lies_there_once(
    crashed: Callable[[Maildir, str], object], maildir: Maildir, spool: Path
) -> None:
    delivered = delivered_of(spool, FILES)
    crashed(maildir, delivered.disclosure_id)
    await maildir.hand(delivered)
    assert [path.read_bytes() for path in (maildir.root / "new").iterdir()] == [MAIL]
    assert list((maildir.root / "tmp").iterdir()) == []


async def test_a_file_that_changed_in_the_spool_is_not_put_there(
    maildir: Maildir, spool: Path
) -> None:
    delivered = delivered_of(spool, FILES)
    (spool / NAME).write_bytes(MAIL + b"more")
    with pytest.raises(Unavailable):
        await maildir.hand(delivered)
    assert list((maildir.root / "new").iterdir()) == []


async def test_a_maildir_that_is_not_mounted_now_is_tried_again(
    maildir: Maildir, spool: Path, tmp_path: Path
) -> None:
    delivered = delivered_of(spool, FILES)
    maildir.root.rename(tmp_path / "away")
    with pytest.raises(Unavailable):
        await maildir.hand(delivered)
    (tmp_path / "away").rename(maildir.root)
    await maildir.hand(delivered)
    assert [path.name for path in (maildir.root / "new").iterdir()] == [NAME]


@pytest.mark.parametrize(
    "files",
    [
        {"index.html": b"", "Weiterleitung.eml": b"From: stranger\r\n\r\n"},
        {"a.eml": b"", "b.eml": b""},
        {"a.pdf": b""},
        {"00-HINWEIS.txt": b""},
    ],
)
async def test_what_is_not_one_mail_of_intake_is_told_to_the_office(
    files: dict[str, bytes], maildir: Maildir, spool: Path
) -> None:
    with pytest.raises(Undeliverable):
        await maildir.hand(delivered_of(spool, files))


async def test_the_watched_folder_may_be_a_maildir_also_one_that_was_mounted_later(
    maildir: Maildir, spool: Path, tmp_path: Path
) -> None:
    folder = deposit.Folder(maildir.root, deposited=maildir.deposited)
    maildir.root.rename(tmp_path / "away")
    with pytest.raises(Unavailable):
        await folder.hand(delivered_of(spool, FILES))
    (tmp_path / "away").rename(maildir.root)
    await folder.hand(delivered_of(spool, FILES))
    assert (maildir.root / "new" / NAME).read_bytes() == MAIL


def test_only_a_folder_with_all_three_is_a_maildir(tmp_path: Path, box: mailbox.Maildir) -> None:
    assert is_maildir(tmp_path / "Maildir")
    (tmp_path / "Maildir" / "cur").rmdir()
    assert not is_maildir(tmp_path / "Maildir")
    assert not is_maildir(tmp_path / "missing")
