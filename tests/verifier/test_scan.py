"""The person's scan: whatever was hidden, skipped, doubled or invented is found with her key."""

from pathlib import Path
from typing import Any

import pytest

from exchange.audit.leaf import event_leaf
from exchange.audit.opening import event_opening
from exchange.canonical import loads
from exchange.cli.main import main
from exchange.consent.credential import Credential, Purpose
from exchange.verifier.opened import Opened, write_opened
from tests.exports import CHAIN_KEY, OTHER_KEY, POLICY, Story, uuid

KEY = bytes(range(32))
OURS = ("consent-recorded", "disclosure-stored", "disclosure-refused", "consent-withdrawn")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key.txt"
    file.write_text(Credential(Purpose.LOG_KEY, CHAIN_KEY).text.lower() + "\n")
    return file


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def scan(tmp_path: Path, key_file: Path, trusted: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a scan of a story's log: exit code, and the findings by kind."""
    trusted.write_bytes(POLICY)

    def run(story: Story, *, without: tuple[str, ...] = (), lang: str = "en") -> Any:
        story.log.write(tmp_path / "log", documents=story.documents)
        hidden = [story.index_of(kind) for kind in without]
        lines = [write_opened(one) + b"\n" for one in story.opened if one.index not in hidden]
        (tmp_path / "shown.jsonl").write_bytes(b"".join(lines))
        words = ["log", "scan", str(tmp_path / "log"), "--key-file", str(key_file)]
        words += ["--shown", str(tmp_path / "shown.jsonl"), "--policy", str(trusted)]
        ended = main([*words, "--lang", lang, "--json"])
        said = loads(capsys.readouterr().out.encode(), limit=100_000)["checks"]
        return ended, {one["check"]: one for one in said if one["check"] != "entries"}

    return run


def test_everything_that_happened_was_shown(story: Story, scan: Any) -> None:
    ended, found = scan(story)

    assert ended == 0
    assert found["complete"]["said"].endswith("shown to you: 4 events.")


def test_it_is_said_in_german(story: Story, scan: Any) -> None:
    assert "Alles, was unter dieser Einwilligung" in scan(story, lang="de")[1]["complete"]["said"]


def test_a_hidden_event_is_found(story: Story, scan: Any) -> None:
    ended, found = scan(story, without=("disclosure-refused",))

    assert ended == 1
    at = story.index_of("disclosure-refused")
    assert found["hidden"]["span"] == [at, at]
    assert f"Entry {at} belongs to this consent" in found["hidden"]["said"]


def test_an_event_that_was_shown_and_not_logged_is_found(scan: Any) -> None:
    story = Story()
    at = story.index_of("consent-withdrawn")
    story.leaves[at] = b"\x01" + bytes(48)

    ended, found = scan(story)

    assert ended == 1
    assert "number 3" in found["not-logged"]["said"]


def test_a_skipped_number_is_found_and_does_not_end_the_scan(scan: Any) -> None:
    """Number 4 to 899 never appear; number 900 does, and was not shown."""
    story = Story()
    story.leaves.append(event_leaf(CHAIN_KEY, 900, b"{}"))

    ended, found = scan(story)

    assert ended == 1
    assert "number 4-899" in found["skipped"]["said"]
    assert found["hidden"]["span"] == [len(story.leaves) - 1] * 2


def test_a_number_used_twice_tells_two_stories(scan: Any) -> None:
    story = Story()
    story.leaves.append(event_leaf(CHAIN_KEY, 1, b'{"another":"story"}'))

    ended, found = scan(story)

    assert ended == 1
    assert "number 1 stands twice" in found["twice"]["said"]


def test_another_event_than_was_shown_is_found(scan: Any) -> None:
    story = Story()
    at = story.index_of("disclosure-stored")
    story.leaves[at] = event_leaf(CHAIN_KEY, 1, b'{"another":"story"}')

    ended, found = scan(story)

    assert ended == 1
    assert found["changed"]["span"] == [at, at]


def test_a_key_of_nobody_finds_nothing(story: Story, scan: Any, key_file: Path) -> None:
    key_file.write_text(Credential(Purpose.LOG_KEY, b"\x77" * 32).text)

    ended, found = scan(story)

    assert ended == 1
    assert list(found) == ["none"]


def test_an_event_of_this_consent_under_another_key_is_foreign(story: Story, scan: Any) -> None:
    at = story.index_of("disclosure-stored")
    event = next(one.opening.body for one in story.opened if one.index == at)
    story.opened.append(Opened(99, event_opening(OTHER_KEY, 99, event)))

    ended, found = scan(story)

    assert ended == 1
    assert list(found) == ["foreign"]
    assert "does not belong to this key" in found["foreign"]["said"]


def test_a_receipt_of_another_consent_is_foreign(
    story: Story, tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file.write_text(Credential(Purpose.LOG_KEY, b"\x77" * 32).text)
    story.log.write(tmp_path / "log")
    receipt = tmp_path / "stored.tlog-proof"
    receipt.write_bytes(story.receipt("disclosure-stored"))

    words = ["log", "scan", str(tmp_path / "log"), "--key-file", str(key_file)]
    assert main([*words, "--shown", str(receipt)]) == 1
    assert "does not belong to this key" in capsys.readouterr().out


def test_a_log_that_does_not_hold_is_not_believed(scan: Any, trusted: Path, tmp_path: Path) -> None:
    story = Story()
    scan(story)
    (tmp_path / "log" / "tile/0/000").write_bytes(bytes(8192))
    words = ["log", "scan", str(tmp_path / "log"), "--key-file", str(tmp_path / "key.txt")]

    assert main([*words, "--policy", str(trusted)]) == 1


def test_without_a_policy_the_log_is_read_and_not_believed(
    story: Story, tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story.log.write(tmp_path / "log")
    receipts = tmp_path / "receipts"
    receipts.mkdir()
    for kind in OURS:
        (receipts / f"{kind}.tlog-proof").write_bytes(story.receipt(kind))
    words = ["log", "scan", str(tmp_path / "log"), "--key-file", str(key_file)]

    assert main([*words, "--shown", str(receipts)]) == 2
    said = capsys.readouterr().out
    assert "was shown to you: 4 events" in said
    assert "not everything was checked: entries" in said

    assert main(words) == 2
    assert "4 events under this consent are in the log" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "K123", "C" + "0" * 27, uuid(3)])
def test_what_is_no_log_key_is_refused(
    text: str, tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file.write_text(text)

    assert main(["log", "scan", str(tmp_path), "--key-file", str(key_file)]) == 2
    assert "holds no log key" in capsys.readouterr().err
