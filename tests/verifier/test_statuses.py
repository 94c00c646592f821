"""Status notes against the log, openings and receipts: the hub's own words convict it, offline."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange.audit import event
from exchange.audit.event import Event, encode_event
from exchange.audit.note import ED25519, LARGEST_NOTE, SigningKey
from exchange.audit.opening import event_opening, leaf_of, write_opening
from exchange.audit.proof import Receipt, write_receipt
from exchange.audit.status import Status, sign_status
from exchange.canonical import digest
from exchange.cli.main import main
from tests.exports import POLICY, STATUS_KEY, STORED, WITHDRAWN, Story
from tests.logs import LOG_KEY, ORIGIN, WITNESS_KEY, Log, Verify, put, random_leaves, vkey

CONSENT = digest(b"a consent")
AT = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
INDEX = 3


@pytest.fixture
def believed(tmp_path: Path) -> Path:
    keys = "".join(f"log {vkey(key)}\n" for key in (LOG_KEY, STATUS_KEY))
    return kept(tmp_path, "log-policy", f"{keys}quorum none\n".encode())


def kept(folder: Path, name: str, content: bytes) -> Path:
    put(folder, name, content)
    return folder / name


def receipt(folder: Path, one: Event) -> Path:
    """Write the receipt of an event that is entry `INDEX`."""
    rid = "00000000-0000-4000-8000-000000000001"
    opening = event_opening(b"k" * 32, 0, encode_event(one, rid=rid, detail=None))
    leaves = [*random_leaves(INDEX), leaf_of(opening), *random_leaves(2)]
    log = Log(leaves, witnesses=(WITNESS_KEY,))
    raw = write_receipt(Receipt(write_opening(opening), INDEX, log.path(INDEX), log.note()))
    return kept(folder, "withdrawal.tlog-proof", raw)


def withdrawal(folder: Path, consent: str = CONSENT) -> Path:
    withdrawn = event.consent_withdrawn(
        at=AT, by="women-b", consent=consent, statement=digest(b"a withdrawal"), via="office"
    )
    return receipt(folder, withdrawn)


def note(folder: Path, *, size: int = INDEX, later: int = 0, key: SigningKey = STATUS_KEY) -> Path:
    at = int((AT + timedelta(seconds=later)).timestamp())
    return kept(folder, "said.note", sign_status(Status(ORIGIN, CONSENT, size, b"r" * 32, at), key))


@pytest.mark.parametrize(
    ("shown", "ended", "said"),
    [
        ({"size": INDEX + 1}, 1, "the hub has lied: said.note calls the consent active"),
        (
            {"later": 2},
            1,
            "in a log of 3 entries; its withdrawal is entry 3, of 2026-03-03T10:00:00Z",
        ),
        ({"later": 1}, 0, "active at 2026-03-03 10:00:01 UTC"),
    ],
)
def test_a_lie_is_named_and_ends_with_1(
    shown: dict[str, Any],
    ended: int,
    said: str,
    tmp_path: Path,
    believed: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["log", "verify", "--policy", believed, "--receipt", withdrawal(tmp_path)]

    assert main([*map(str, words), "--status", str(note(tmp_path, **shown))]) == ended

    told = capsys.readouterr().out
    assert said in told
    assert ("NOT GOOD: status" in told) is (ended == 1)


@pytest.mark.parametrize(
    ("wrong", "ended", "said"),
    [
        ("consent", 2, "its consent's withdrawal is not shown here"),
        ("kind", 2, "its consent's withdrawal is not shown here"),
        ("key", 1, "said.note proves nothing"),
        ("policy", 2, "no key of status notes is known"),
    ],
)
def test_what_cannot_be_held_together_convicts_nobody(
    wrong: str,
    ended: int,
    said: str,
    tmp_path: Path,
    believed: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    held = withdrawal(tmp_path, digest(b"another") if wrong == "consent" else CONSENT)
    if wrong == "kind":
        agreement = digest(b"an agreement")
        recorded = event.consent_recorded(at=AT, by="women-b", agreement=agreement, consent=CONSENT)
        held = receipt(tmp_path, recorded)
    foreign = SigningKey(STATUS_KEY.name, ED25519, b"\x66" * 32)
    shown = note(tmp_path, size=INDEX + 1, key=foreign if wrong == "key" else STATUS_KEY)
    trust = ["--log", vkey(LOG_KEY)] if wrong == "policy" else ["--policy", str(believed)]

    words = ["log", "verify", *trust, "--receipt", str(held), "--status", str(shown)]
    assert main(words) == ended

    told = capsys.readouterr().out
    assert said in told
    assert "the hub has lied" not in told


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@pytest.fixture(scope="module")
def exported(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return story.export(tmp_path_factory.mktemp("made") / "export")


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    return kept(tmp_path, "log-policy", POLICY)


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """Return a copy of an export that opens a withdrawal, for notes to be put into."""
    shutil.copytree(exported, tmp_path / "copy")
    return tmp_path / "copy"


NAME = "status/one.note"
FOREIGN = SigningKey(STATUS_KEY.name, ED25519, b"\x66" * 32)


def test_an_export_with_honest_notes_is_good_and_says_so(
    story: Story, copy: Path, trusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also with one over a tree that is larger than this export: the head is a little older."""
    put(copy, NAME, story.status(STORED))
    put(copy, "status/before.note", story.status(STORED, size=1))
    other = Status(ORIGIN, digest(b"another"), 10**6, b"r" * 32, int(STORED.timestamp()))
    put(copy, "status/larger.note", sign_status(other, STATUS_KEY))

    assert main(["log", "verify", str(copy), "--policy", str(trusted)]) == 0
    said = "3 notes in status/: none over another tree, none after a withdrawal; 1 over a tree"
    assert said in capsys.readouterr().out


def test_a_note_that_an_export_convicts_is_named_with_the_withdrawal(
    story: Story, copy: Path, verify: Verify
) -> None:
    index = story.index_of("consent-withdrawn")
    late = WITHDRAWN + timedelta(seconds=2)
    for lie in (story.status(STORED, size=index + 1), story.status(late)):
        put(copy, NAME, lie)

        ended, found = verify(copy)

        assert (ended, list(found)) == (1, ["status"])
        assert found["status"]["span"] == [index, index]
        assert f"the hub has lied: {NAME} calls the consent active" in found["status"]["said"]


def test_a_note_over_a_tree_that_the_log_never_had_is_a_split_view(
    story: Story, copy: Path, verify: Verify
) -> None:
    put(copy, NAME, story.status(STORED, size=17, root=b"r" * 32))

    ended, found = verify(copy)

    assert (ended, list(found)) == (1, ["status"])
    assert found["status"]["said"] == f"split view: {NAME} has another tree of 17 entries"


def test_a_note_of_an_export_that_was_changed_or_is_none_proves_nothing(
    story: Story, copy: Path, verify: Verify
) -> None:
    changed = story.status(STORED).replace(b"\nactive\n", b"\nActive\n")
    for wrong in (changed, b"", b"x" * (LARGEST_NOTE + 1)):
        put(copy, NAME, wrong)
        put(copy, "status/two.note", b"neither")

        ended, found = verify(copy)

        assert (ended, list(found)) == (1, ["status"])
        assert found["status"]["said"].startswith(NAME)


def test_a_note_that_nobody_known_has_signed_could_not_be_checked(
    story: Story, copy: Path, verify: Verify, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hub may have lost its key, and the policy names the new one alone."""
    said = Status(ORIGIN, story.consent_digest, 1, b"r" * 32, int(STORED.timestamp()))
    put(copy, NAME, sign_status(said, FOREIGN))

    ended, found = verify(copy)
    assert (ended, list(found)) == (2, ["status"])
    assert found["status"]["said"].startswith("1 note in status/: signed by no key")

    assert main(["log", "verify", str(copy), "--log", vkey(LOG_KEY)]) == 2
    assert "1 note in status/: no key of status notes is known" in capsys.readouterr().out


def test_an_export_convicts_a_note_that_somebody_else_holds(
    story: Story, copy: Path, verify: Verify, tmp_path: Path
) -> None:
    index = story.index_of("consent-withdrawn")
    lied = kept(tmp_path, "said.note", story.status(STORED, size=index + 1))
    ended, found = verify(copy, "--status", lied)
    assert (ended, found["status"]["span"]) == (1, [index, index])

    split = kept(tmp_path, "split.note", story.status(STORED, size=17, root=b"r" * 32))
    ended, found = verify(copy, "--status", split)
    assert ended == 1
    assert "split view: split.note" in found["status"]["said"]

    true = kept(tmp_path, "true.note", story.status(STORED))
    assert verify(copy, "--status", true) == (0, {})


def test_a_note_is_held_against_no_entries_that_are_forged(
    story: Story, copy: Path, verify: Verify
) -> None:
    """What is opened means nothing then; the entries are what is wrong."""
    put(copy, NAME, story.status(STORED, size=story.index_of("consent-withdrawn") + 1))
    bundle = copy / "tile/entries/000"
    put(copy, "tile/entries/000", bundle.read_bytes()[:-1] + b"x")

    ended, found = verify(copy)

    assert (ended, list(found)) == (1, ["entries"])
