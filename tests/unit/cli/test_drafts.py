"""exchange.cli.consent_draft, .agreement_draft and .drafts: what a clerk writes is a record."""

import os
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.canonical import sha256_hex
from exchange.cli import agreement_draft, consent_draft, drafts
from exchange.cli.consent_draft import Wanted
from exchange.cli.drafts import LARGEST_DRAFT, LARGEST_EVIDENCE, digest_of, read_toml
from exchange.consent.subject import read_subject
from exchange.consent.words import (
    Capacity,
    Custody,
    EvidenceKind,
    Form,
    FormReason,
    Power,
    Role,
)
from exchange.errors import Finding, LintRefused, Malformed, TooLarge
from exchange.vocabulary import Secrecy
from tests import samples

UNDERTAKING = "fa30024aba9d78131ec2e820b52f3f9e322ad499414eba006313096d37324301"
"""Digest of the shipped German undertaking, as it is read."""
NOW = datetime(2026, 3, 2, 10, 40, 5, 700, tzinfo=UTC)
SUBJECT: dict[str, Any] = {
    "family_name": 'Quote " back\\slash # = [x]',
    "given_name": "Ünï 'n'",
    "born": "1990-05-17",
    "case_numbers": {"jobcentre-a": "4711", "women-b": 'B"2'},
    "guardians": [{"name": "One }", "power": "parent"}],
    "particulars": "two\nlines",
}
WANTED = Wanted(
    agreement="3f0c9b1e-6f57-4a3c-9d22-0a4f6d1c7b11",
    releasers=["women-b"],
    recipients=["jobcentre-a"],
    categories=["tenancy-termination", "rent-arrears-letter"],
    purpose="housing-loss",
    uses="once",
    until=date(2026, 8, 31),
    form=Form.WRITTEN,
    lang="de",
    text_id="women-b/consent-form",
    text_version="2.1",
    evidence=None,
    pages=2,
    subject=SUBJECT,
)

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Return a function that writes a draft and the files it names, with texts replaced."""
    (tmp_path / "draft.de.txt").write_text("Einwilligung\n", encoding="utf-8")
    (tmp_path / "form.pdf").write_bytes(b"%PDF")

    def write(wanted: Wanted = WANTED, *changes: tuple[str, str]) -> Path:
        file = tmp_path / "draft.toml"
        text = consent_draft.template(wanted, file=file).replace('file = ""', 'file = "form.pdf"')
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_a_draft_becomes_what_was_wanted(written: Written) -> None:
    found = consent_draft.read_draft(written(), now=NOW)
    entered = NOW.replace(microsecond=0)
    assert found.agreement == WANTED.agreement
    assert found.releasers == {"women-b"}
    assert found.recipients == {"jobcentre-a"}
    assert found.categories == {"rent-arrears-letter", "tenancy-termination"}
    assert (found.onward_from, found.secrecy, found.uses) == (frozenset(), None, 1)
    assert (found.collected_at, found.valid_from) == (entered, entered)
    assert found.valid_until == datetime(2026, 8, 31, 22, tzinfo=UTC)
    assert [(signer.role, signer.at) for signer in found.signers] == [(Role.SUBJECT, entered)]
    assert found.evidence is not None
    assert (found.evidence.kind, found.evidence.pages) == (EvidenceKind.SCAN, 2)
    assert found.evidence.sha256 == sha256_hex(b"%PDF")
    assert (found.notice.id, found.notice.version) == ("women-b/consent-form", "2.1")
    assert (found.notice.lang, found.notice.sha256) == ("de", sha256_hex(b"Einwilligung\n"))
    assert found.subject.payload() == SUBJECT


def test_before_anybody_signs_only_what_the_text_names_is_read(written: Written) -> None:
    file = written(replace(WANTED, subject=None), ('file = "form.pdf"', 'file = "missing"'))
    consent_draft.text_file(file).unlink()
    found = consent_draft.read_draft(file, now=NOW, signed=False)
    assert (found.evidence, found.subject) == (None, consent_draft.NOBODY)
    assert found.notice.sha256 == consent_draft.NOT_SHOWN
    with pytest.raises(Malformed, match="unknown member"):
        consent_draft.read_draft(
            written(WANTED, ('capacity = "self"', 'capacity = "self"\nremark = 1')),
            now=NOW,
            signed=False,
        )


def test_the_text_lies_beside_its_draft(written: Written, tmp_path: Path) -> None:
    assert consent_draft.text_file(written()) == tmp_path / "draft.de.txt"
    with pytest.raises(Malformed, match=r"notice\.file"):
        consent_draft.text_file(written(WANTED, ('file = "draft.de.txt"', "file = 1")))


def test_two_drafts_have_two_ids(written: Written) -> None:
    first = consent_draft.read_draft(written(), now=NOW).id
    assert first != consent_draft.read_draft(written(), now=NOW).id


def test_blanks_must_be_filled_in_and_are_named_all_at_once(written: Written) -> None:
    blank = written(
        replace(WANTED, subject=None, purpose=""), ('interpreter = "none"', 'interpreter = ""')
    )
    with pytest.raises(LintRefused) as refused:
        consent_draft.read_draft(blank, now=NOW)

    missing = ["purpose", "notice.interpreter"]
    missing += [f"subject.{name}" for name in ("family_name", "given_name", "born")]
    assert refused.value.findings == tuple(Finding("L46", "refuse", name) for name in missing)


def test_a_proxy_is_refused_by_a_rule_of_its_own(written: Written) -> None:
    with pytest.raises(LintRefused) as refused:
        consent_draft.read_draft(written(WANTED, ('role = "subject"', 'role = "friend"')), now=NOW)

    assert refused.value.findings == (Finding("L37", "refuse", "signers[].role"),)


@pytest.mark.parametrize(
    ("line", "collected_at", "valid_from"),
    [
        (
            "collected_at = 2026-03-01T09:30:00",
            datetime(2026, 3, 1, 8, 30, tzinfo=UTC),
            datetime(2026, 3, 1, 8, 30, tzinfo=UTC),
        ),
        (
            "collected_at = 2026-03-01\nvalid_from = 2026-03-01",
            datetime(2026, 3, 1, 11, tzinfo=UTC),
            datetime(2026, 3, 1, 11, tzinfo=UTC),
        ),
        (
            "collected_at = 2026-03-02\nvalid_from = 2026-04-01",
            NOW.replace(microsecond=0),
            datetime(2026, 3, 31, 22, tzinfo=UTC),
        ),
    ],
)
def test_days_and_times_become_instants(
    written: Written, line: str, collected_at: datetime, valid_from: datetime
) -> None:
    file = written(WANTED, ("# collected_at = 2026-01-01T10:40:00", line + "  #"))
    found = consent_draft.read_draft(file, now=NOW)
    assert (found.collected_at, found.valid_from) == (collected_at, valid_from)


def test_an_oral_consent_of_guardians_is_read(written: Written) -> None:
    signers = """
[[signers]]
role = "witness"
identified = "known"
[[signers]]
role = "guardian"
identified = "known"
at = 2026-03-01
power = "parent"
custody = "court"
[[signers]]
role = "guardian"
identified = "eid"
at = 2026-02-01T08:00:00Z
power = "carer"
areas_checked = true
power_until = 2027-12-31
[[signers]]
role = "guardian"
identified = "eid"
power = "official"
office = "youth-d"
[notice]"""
    file = written(
        replace(WANTED, form=Form.ORAL_MINUTED, uses="5"),
        ('# form_reason = "urgent-loss"', 'form_reason = "by-phone" #'),
        ('# secrecy = "professional"', 'secrecy = "entrusted" #'),
        ('capacity = "self"', 'capacity = "guardian"'),
        ("\n[notice]", signers),
        ('identified = "in-person"', 'identified = "in-person"\nentrusting = true'),
        ("onward_from = []", 'onward_from = ["youth-d", "health-c"]'),
    )
    found = consent_draft.read_draft(file, now=NOW)
    assert (found.form_reason, found.capacity) == (FormReason.BY_PHONE, Capacity.GUARDIAN)
    assert (found.uses, found.secrecy) == (5, Secrecy.ENTRUSTED)
    assert found.onward_from == {"health-c", "youth-d"}
    assert found.evidence is not None
    assert found.evidence.kind is EvidenceKind.MINUTES
    assert [signer.role for signer in found.signers] == [
        Role.SUBJECT,
        Role.GUARDIAN,
        Role.GUARDIAN,
        Role.GUARDIAN,
        Role.WITNESS,
    ]
    subject, carer, parent, official, _ = found.signers
    assert subject.entrusting
    assert (carer.power, carer.areas_checked) == (Power.CARER, True)
    assert carer.power_until == datetime(2027, 12, 31, 23, tzinfo=UTC)
    assert (parent.custody, parent.at) == (Custody.COURT, datetime(2026, 3, 1, 11, tzinfo=UTC))
    assert official.office == "youth-d"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("valid_until = 2026-08-31", "valid_until = 2026-08-31T10:00:00"), "valid_until"),
        (("# valid_from = 2026-01-01", "valid_from = 2026-01-01T10:00:00 #"), "valid_from"),
        (("# collected_at = 2026-01-01T10:40:00", 'collected_at = "x" #'), "collected_at"),
        (('uses = "once"', 'uses = "often"'), "uses"),
        (('uses = "once"', "uses = true"), "uses"),
        (('uses = "once"', "uses = 0"), "uses"),
        (('uses = "once"', "uses = -1"), "uses"),
        (('uses = "once"', "uses = 1000"), "uses"),
        (('file = "form.pdf"', "file = 1"), "evidence.file"),
        (('file = "draft.de.txt"', 'file = "missing"'), "notice.file"),
        (("[subject]", "remark = 1\n[subject]"), "evidence"),
        (('releasers = ["women-b"]', "releasers = [1]"), "releasers"),
        (('lang = "de"', 'lang = "de"\nremark = 1'), "notice"),
        (('role = "subject"', 'role = "subject"\nremark = 1'), "signers"),
    ],
)
def test_a_draft_with_something_else_is_refused(
    written: Written, change: tuple[str, str], expected: str
) -> None:
    with pytest.raises(Malformed, match=expected):
        consent_draft.read_draft(written(WANTED, change), now=NOW)


@given(
    st.text(
        st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Cn"]),
        min_size=1,
        max_size=20,
    )
)
def test_no_name_breaks_out_of_its_quotes(name: str) -> None:
    named = unicodedata.normalize("NFC", name)
    subject = {**SUBJECT, "family_name": named}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "draft.toml"
        text = consent_draft.template(replace(WANTED, subject=subject), file=file)
        file.write_text(text, encoding="utf-8", newline="")
        assert read_subject(read_toml(file)["subject"]).payload() == subject


def test_what_is_no_toml_names_the_line_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "draft.toml"
    file.write_text('a = 1\nfamily_name = "Canaryname\n', encoding="utf-8")
    with pytest.raises(Malformed, match=r"^draft\.toml is not TOML: look at line 2$"):
        read_toml(file)
    file.write_text("a = [1", encoding="utf-8")
    with pytest.raises(Malformed, match=r"^draft\.toml is not TOML: look at its end$"):
        read_toml(file)
    file.write_bytes(b"\xff")
    with pytest.raises(Malformed, match=r"^draft\.toml is not UTF-8$"):
        read_toml(file)
    file.write_bytes(b"#" * (LARGEST_DRAFT + 1))
    with pytest.raises(TooLarge):
        read_toml(file)


def test_the_byte_order_mark_of_office_software_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "draft.toml"
    file.write_text('family_name = "Ö"\nborn = 1\n', encoding="utf-8-sig", newline="\r\n")
    assert file.read_bytes().startswith(b"\xef\xbb\xbffamily_name")
    assert read_toml(file) == {"family_name": "Ö", "born": 1}


KEYS = {"agency-a": samples.KID_A, "agency-b": samples.KID_B}


def test_the_template_of_an_agreement_becomes_its_members(tmp_path: Path) -> None:
    file = tmp_path / "agreement.toml"
    text = agreement_draft.template("agency-a", today=date(2026, 3, 1))
    file.write_text(text, encoding="utf-8")
    found = agreement_draft.read_draft(file, KEYS)
    assert found["term"] == {
        "from": "2026-02-28T23:00:00Z",
        "first_year": 2026,
        "notice_months": 3,
    }
    assert [(party["agency"], party["kid"]) for party in found["parties"]] == list(KEYS.items())
    read = samples.agreement(**{**found, "drafted_by": "agency-a", "iat": 1772400000})
    assert read.collectors == {"agency-b"}
    assert set(read.vocabulary.categories) == {"rent-arrears-letter", "tenancy-termination"}


def test_a_fixed_term_ends_with_its_last_day(tmp_path: Path) -> None:
    file = tmp_path / "agreement.toml"
    text = agreement_draft.template("agency-a", today=date(2026, 3, 1))
    for old, new in (
        ("# until = 2027-06-30", "until = 2027-06-30"),
        ("first_year = 2026\n", ""),
        ("notice_months = 3\n", ""),
    ):
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    assert agreement_draft.read_draft(file, KEYS)["term"] == {
        "from": "2026-02-28T23:00:00Z",
        "until": "2027-06-30T22:00:00Z",
    }


def test_own_words_are_joined_to_the_shipped_ones(tmp_path: Path) -> None:
    file = tmp_path / "agreement.toml"
    text = agreement_draft.template("agency-a", today=date(2026, 3, 1))
    begin = text.index("# [vocabulary.purpose")
    own = "\n".join(line.removeprefix("# ") for line in text[begin:].split("\n"))
    text = text[:begin] + own
    text = text.replace(
        'purposes = ["housing-loss"]', 'purposes = ["housing-loss", "agency-a/shelter-place"]'
    )
    file.write_text(text, encoding="utf-8")
    found = agreement_draft.read_draft(file, KEYS)
    assert found["purposes"] == ["agency-a/shelter-place", "housing-loss"]
    assert set(found["vocabulary"]["purpose"]) == {"agency-a/shelter-place", "housing-loss"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("from = 2026-03-01", 'from = "2026-03-01"'), "a day is written"),
        (('agency = "agency-b"\nname', 'agency = "agency-c"\nname'), "agency-c is not pinned"),
        (("[[flows]]", "[flows]"), "not the draft of an agreement"),
        (("[term]", "[period]"), "'term' is missing|term is missing"),
        (('purposes = ["housing-loss"]', 'purposes = ["unheard-of"]'), "not in the vocabulary"),
        (('purposes = ["housing-loss"]', "purposes = 1"), "wrong type"),
    ],
)
def test_a_draft_that_explains_nothing_is_refused(
    tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    file = tmp_path / "agreement.toml"
    text = agreement_draft.template("agency-a", today=date(2026, 3, 1))
    assert change[0] in text
    file.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(Malformed, match=expected):
        agreement_draft.read_draft(file, KEYS)


def own_texts(folder: Path, *texts: tuple[str, str]) -> None:
    """Write a folder with German texts of an agency's own, by id."""
    index = ""
    for text_id, text in texts:
        file = folder / text_id / "1.0" / "de.txt"
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        index += f'[[text]]\nid = "{text_id}"\nversion = "1.0"\nlang = "de"\nreviewed = false\n'
        index += f'sha256 = "{sha256_hex(text.encode())}"\n'
    (folder / "index.toml").write_text(index, encoding="utf-8")


def draft_of_texts(tmp_path: Path, *changes: tuple[str, str]) -> dict[str, Any]:
    file = tmp_path / "agreement.toml"
    text = agreement_draft.template("agency-a", today=date(2026, 3, 1))
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return agreement_draft.read_draft(file, KEYS)


def test_a_draft_carries_the_shipped_texts_in_the_languages_wanted(tmp_path: Path) -> None:
    found = draft_of_texts(tmp_path, ('languages = ["de", "de-simple", "en"]', ""))
    assert found["notices"] == samples.AGREEMENT["notices"]
    found = draft_of_texts(
        tmp_path, ('languages = ["de", "de-simple", "en"]', 'languages = ["de"]')
    )
    assert found["notices"] == [
        text for text in samples.AGREEMENT["notices"] if text["lang"] == "de"
    ]


def test_texts_of_an_own_folder_are_added(tmp_path: Path) -> None:
    own_texts(
        tmp_path / "own",
        ("agency-a/undertaking", "== text\nWir versprechen es.\n"),
        ("agency-a/empty", "== text\nNichts.\n"),
    )
    found = draft_of_texts(tmp_path, ('# folder = "texts"', 'folder = "own"'))
    assert [text["id"] for text in found["notices"]][:2] == ["agency-a/undertaking", "consent-form"]
    assert found["undertakings"][0]["sha256"] == sha256_hex(b"Wir versprechen es.\n")


def test_an_undertaking_is_the_text_of_the_agreement_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "signed.txt").write_bytes(b"signed on paper")
    shipped = draft_of_texts(tmp_path)["undertakings"]
    assert shipped[0]["sha256"] == UNDERTAKING
    agency = '[[undertakings]]\nagency = "agency-b"\n'
    filed = draft_of_texts(tmp_path, (agency, agency + 'file = "signed.txt"\n'))["undertakings"]
    assert filed == [{"agency": "agency-b", "sha256": sha256_hex(b"signed on paper")}]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("[texts]", "[texts]\nremark = 1"), "only languages and folder"),
        (('# folder = "texts"', 'folder = "nowhere"'), r"index\.toml cannot be read"),
        (('# folder = "texts"', "folder = 1"), "named by a text"),
    ],
)
def test_texts_that_cannot_be_found_are_refused(
    tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    with pytest.raises(Malformed, match=expected):
        draft_of_texts(tmp_path, change)


def test_a_scan_of_the_largest_size_is_hashed_piece_by_piece(tmp_path: Path) -> None:
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(b"%PDF" * 600_000)
    assert digest_of(scan, largest=2_400_000) == sha256_hex(b"%PDF" * 600_000)


@pytest.mark.timeout(300)
def test_a_scan_larger_than_the_limit_is_refused_before_it_is_read(
    tmp_path: Path, written: Written
) -> None:
    draft = written()
    os.truncate(tmp_path / "form.pdf", 1 << 40)  # sparse: reading it would take many minutes
    with pytest.raises(TooLarge, match=r" has more than 64 MiB$"):
        consent_draft.read_draft(draft, now=NOW)
    os.truncate(tmp_path / "form.pdf", LARGEST_EVIDENCE + 1)
    with pytest.raises(TooLarge):
        digest_of(tmp_path / "form.pdf")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "directory"])
def test_evidence_that_is_no_regular_file_is_refused_without_waiting(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "scan.pdf")
    with pytest.raises(Malformed):
        digest_of(tmp_path / "scan.pdf")


def test_a_device_is_no_evidence() -> None:
    with pytest.raises(Malformed, match="not a regular file"):
        digest_of(Path("/dev/zero"))


def test_a_scan_that_is_still_being_written_is_refused(tmp_path: Path) -> None:
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(b"%PDF")
    with scan.open("rb") as file:
        for size in (3, 5):
            file.seek(0)
            with pytest.raises(Malformed, match="changed"):
                drafts._digest(file, size)
