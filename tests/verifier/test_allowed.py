"""Was it allowed then? The same decision as the gate's, from an export alone, years later."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from exchange.audit import event as events
from exchange.canonical import digest, loads
from exchange.cli.main import main
from exchange.members import write_time
from exchange.statement import Kind, sign
from exchange.verifier.allowed import CHECKS
from tests.exports import (
    CHAIN_KEY,
    POLICY,
    RECEIVED,
    RECIPIENT,
    RECORDED,
    SENDER,
    STORED,
    WITHDRAWN,
    Story,
    identity,
    uuid,
)
from tests.logs import put

Ask: TypeAlias = Callable[..., tuple[int, dict[str, Any]]]
HYPOTHETICAL = {
    "sender": SENDER,
    "recipient": RECIPIENT,
    "purpose": "housing-loss",
    "category": "rent-arrears-letter",
}


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@pytest.fixture(scope="module")
def exported(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return story.export(tmp_path_factory.mktemp("made") / "export")


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return the command on an export: exit code and answer."""
    trusted = tmp_path / "log-policy"
    trusted.write_bytes(POLICY)

    def run(bundle: Path, **options: object) -> tuple[int, dict[str, Any]]:
        words = ["consent", "allowed", str(bundle), "--policy", str(trusted), "--json"]
        for name, value in options.items():
            words += [f"--{name}", str(value)]
        ended = main(words)
        out = capsys.readouterr()
        return ended, loads(out.out.encode(), limit=100_000) if out.out else {"said": out.err}

    return run


def not_good(said: dict[str, Any]) -> dict[int, bool | None]:
    """Return the checks that are not good, by number."""
    return {one["n"]: one["ok"] for one in said["answer"]["checks"] if one["ok"] is not True}


def at(moment: datetime) -> str:
    return write_time(moment)


def test_a_disclosure_was_allowed_and_under_which_text(
    story: Story, exported: Path, ask: Ask
) -> None:
    ended, said = ask(exported, disclosure=uuid(4))

    assert ended == 0
    answer = said["answer"]
    assert said["question"] == "allowed"
    assert said["asked"] == {"disclosure": digest(story.manifest), "at": at(STORED)}
    assert (answer["effective"], answer["known"]) == ("permit", "permit")
    assert answer["reasons"] == []
    assert answer["text"] == "consent-form/1.0/de"
    assert [one["check"] for one in answer["checks"]] == list(CHECKS)
    assert not_good(said) == {}
    assert answer["sentence"]["de"] == (
        "Die Übermittlung war am 03.03.2026 um 11:12 Uhr durch eine wirksam erfasste Einwilligung "
        "gedeckt."
    )


def test_the_text_she_was_shown_is_printed_word_by_word(
    story: Story, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusted = tmp_path / "log-policy"
    trusted.write_bytes(POLICY)
    words = ["consent", "allowed", str(exported), "--policy", str(trusted), "--text"]

    assert main([*words, "--disclosure", digest(story.manifest)]) == 0

    said = capsys.readouterr().out
    assert "Frauenberatung B" in said
    assert said.endswith("recorded in due form.\n")


def test_a_tar_answers_the_same_in_a_process_without_network(
    story: Story, tmp_path: Path, ask: Ask
) -> None:
    assert ask(story.export(tmp_path / "export.tar"), disclosure=uuid(4))[0] == 0


@pytest.mark.parametrize(
    ("moment", "effective", "known"),
    [
        (RECORDED - timedelta(minutes=1), "deny", "deny"),
        (RECORDED + timedelta(minutes=1), "permit", "permit"),
        (RECEIVED - timedelta(seconds=1), "permit", "permit"),
        (RECEIVED, "deny", "permit"),
        (WITHDRAWN - timedelta(seconds=1), "deny", "permit"),
        (WITHDRAWN, "deny", "deny"),
    ],
    ids=["before it was recorded", "recorded", "not yet withdrawn", "received", "late", "logged"],
)
def test_a_withdrawal_counts_twice_by_its_receipt_and_by_the_log(
    moment: datetime, effective: str, known: str, exported: Path, ask: Ask
) -> None:
    ended, said = ask(exported, at=at(moment), **HYPOTHETICAL)

    assert (said["answer"]["effective"], said["answer"]["known"]) == (effective, known)
    assert ended == (0 if effective == known == "permit" else 1)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"purpose": "energy-debt"}, "purpose"),
        ({"category": "energy-bill"}, "category"),
        ({"sender": RECIPIENT, "recipient": SENDER}, "no-consent"),
        ({"recipient": "youth-c"}, "recipient"),
        ({"secrecy": "entrusted"}, "secrecy"),
    ],
)
def test_what_the_person_did_not_allow_is_denied_with_its_reason(
    changed: dict[str, str], reason: str, exported: Path, ask: Ask
) -> None:
    ended, said = ask(exported, at=at(STORED), **{**HYPOTHETICAL, **changed})

    assert ended == 1
    assert reason in said["answer"]["reasons"]
    assert not_good(said) == {5: False}


def test_after_its_last_day_a_consent_covers_nothing(exported: Path, ask: Ask) -> None:
    ended, said = ask(exported, at="2026-08-31T22:00:00Z", **HYPOTHETICAL)

    assert ended == 1
    assert "ended" in said["answer"]["reasons"]


@pytest.mark.parametrize(
    ("missing", "points"),
    [
        ("agreement", {1: None, 2: None, 3: None, 4: None, 5: None, 8: None}),
        ("agreement_signature", {1: None, 4: None, 5: None, 8: None}),
        ("consent", {2: None, 3: None, 4: None, 5: None, 8: None}),
    ],
)
def test_a_missing_statement_makes_it_unproven_and_never_permits(
    missing: str, points: dict[int, None], story: Story, tmp_path: Path, ask: Ask
) -> None:
    folder = story.export(tmp_path / "export")
    (folder / "statements" / digest(getattr(story, missing))).unlink()

    ended, said = ask(folder, disclosure=uuid(4))

    assert ended == 2
    assert said["answer"]["known"] == "unproven"
    assert not_good(said) == points


def test_a_missing_manifest_makes_it_unproven(story: Story, tmp_path: Path, ask: Ask) -> None:
    folder = story.export(tmp_path / "export")
    (folder / "statements" / digest(story.manifest)).unlink()

    ended, said = ask(folder, disclosure=digest(story.manifest))

    assert ended == 2
    assert not_good(said) == {5: None, 8: None}


def test_a_missing_identity_makes_it_unproven(story: Story, tmp_path: Path, ask: Ask) -> None:
    folder = story.export(tmp_path / "export")
    (folder / f"identities/{identity(SENDER).kid}.json").unlink()

    assert ask(folder, disclosure=digest(story.manifest))[0] == 2


def test_a_recipient_needs_the_logs_word_that_nothing_was_withdrawn(
    story: Story, tmp_path: Path, ask: Ask
) -> None:
    """Absence is proven by no entry; a word signed before the moment proves nothing about it."""
    withdrawn = [story.index_of("consent-withdrawn")]
    without = story.export(tmp_path / "without", agency=RECIPIENT, without=withdrawn)
    ended, said = ask(without, disclosure=uuid(4))
    assert ended == 2
    assert not_good(said) == {7: None}

    for name, moment, expected in (
        ("early", STORED - timedelta(seconds=1), 2),
        ("then", STORED, 0),
    ):
        notes = {digest(story.manifest): story.status(moment)}
        folder = story.export(tmp_path / name, agency=RECIPIENT, without=withdrawn, status=notes)
        assert ask(folder, disclosure=uuid(4))[0] == expected


def test_a_status_note_by_another_key_or_of_another_consent_is_no_word(
    story: Story, tmp_path: Path, ask: Ask
) -> None:
    withdrawn = [story.index_of("consent-withdrawn")]
    forged = story.status(STORED).replace(b"\nactive\n", b"\nactivE\n")
    other = Story(consent_members={"secrecy": "social"}).status(STORED)
    for number, note in enumerate((forged, other)):
        folder = story.export(
            tmp_path / str(number),
            agency=RECIPIENT,
            without=withdrawn,
            status={digest(story.manifest): note},
        )
        assert ask(folder, disclosure=uuid(4))[0] == 2


def used_twice() -> Story:
    """Return a story whose consent was for one use, with an earlier disclosure under it."""
    story = Story(consent_members={"uses": "once"})
    first = sign(Kind.MANIFEST, {"context": "e30"}, identity(SENDER))
    stored = events.disclosure_stored(
        at=STORED - timedelta(hours=2),
        by=SENDER,
        consent=story.consent_digest,
        manifest=digest(first),
        to=[RECIPIENT],
        subject=("housing-loss", "rent-arrears-letter"),
    )
    story.happens(CHAIN_KEY, stored)
    return story


def test_a_consent_for_one_use_is_used_up_by_an_earlier_disclosure(
    tmp_path: Path, ask: Ask
) -> None:
    story = used_twice()

    ended, said = ask(story.export(tmp_path / "export"), disclosure=uuid(4))

    assert ended == 1, said
    assert said["answer"]["reasons"] == ["used-up"]
    assert not_good(said) == {8: False}


def test_a_use_that_was_given_back_does_not_count(tmp_path: Path, ask: Ask) -> None:
    """It ended before anybody had collected it."""
    story = used_twice()
    first = story.opened[-1]
    manifest = events.read_event(first.opening.body)["manifest"]
    ended = events.disclosure_ended(
        at=STORED - timedelta(hours=1), by=SENDER, manifest=manifest, to=[RECIPIENT], why="recalled"
    )
    story.happens(CHAIN_KEY, ended)

    assert ask(story.export(tmp_path / "export"), disclosure=uuid(4))[0] == 0

    collected = events.disclosure_collected(
        at=STORED - timedelta(hours=1, minutes=30), by=RECIPIENT, manifest=manifest
    )
    story.happens(CHAIN_KEY, collected)
    assert ask(story.export(tmp_path / "read"), disclosure=uuid(4))[0] == 1


def test_a_text_that_was_not_the_one_shown_denies(tmp_path: Path, ask: Ask) -> None:
    notice = {"id": "consent-form", "version": "1.0", "lang": "de", "interpreter": "none"}
    story = Story(consent_members={"notice": {**notice, "sha256": "12" * 32}})

    ended, said = ask(story.export(tmp_path / "export"), disclosure=uuid(4))

    assert ended == 1
    assert not_good(said)[3] is False


def test_an_event_that_is_not_in_the_log_is_refused(story: Story, tmp_path: Path, ask: Ask) -> None:
    """The openings of one history beside the log of another."""
    folder = story.export(tmp_path / "export")
    other = Story().export(tmp_path / "other")
    put(folder, "openings.jsonl", (other / "openings.jsonl").read_bytes())
    for one in (other / "statements").iterdir():
        put(folder, f"statements/{one.name}", one.read_bytes())

    ended, said = ask(folder, disclosure=uuid(4))

    assert ended == 2
    assert "not proven" in said["said"]


def test_a_head_that_too_few_witnesses_signed_denies(
    story: Story, tmp_path: Path, ask: Ask
) -> None:
    folder = story.export(tmp_path / "export")
    note = story.log.note().split(b"\n")
    put(folder, "checkpoint", b"\n".join([*note[:-2], b""]))

    ended, said = ask(folder, disclosure=uuid(4))

    assert ended == 1
    assert not_good(said)[9] is False


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"disclosure": uuid(9)}, "no such disclosure"),
        ({"consent": uuid(9), "at": at(STORED), **HYPOTHETICAL}, "no such consent"),
        ({"at": at(STORED)}, "name a disclosure"),
        (HYPOTHETICAL, "say when"),
        ({"at": "yesterday"}, "a time is written"),
        ({"secrecy": "secret"}, "secrecy class"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(
    options: dict[str, str], said: str, exported: Path, ask: Ask
) -> None:
    ended, answered = ask(exported, **options)

    assert ended == 2
    assert said in answered["said"]


def test_whom_to_believe_is_never_read_from_the_export(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["consent", "allowed", str(exported), "--disclosure", uuid(4)]) == 2
    assert "say whom to believe" in capsys.readouterr().err
