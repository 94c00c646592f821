"""The draft of a consent: a commented TOML file, and the record it becomes when it is signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from exchange.agency.record_consent import ConsentDraft
from exchange.canonical import encode
from exchange.cli.consent_blanks import blanks
from exchange.cli.drafts import beside, digest_of, read_toml
from exchange.consent.record import Evidence, ShownNotice, Signer, admitted, read_uses
from exchange.consent.subject import SubjectFacts, read_subject
from exchange.consent.words import (
    Capacity,
    CapacityBasis,
    Custody,
    EvidenceKind,
    Form,
    FormReason,
    Identified,
    Interpreter,
    Power,
    Role,
)
from exchange.days import begin_of, day_of, end_of, moment_of, signed_on
from exchange.errors import LintRefused, Malformed
from exchange.members import Members
from exchange.rules import broken
from exchange.vocabulary import Uses, secrecy

EVIDENCE = """\
[evidence]  # stays with this agency; only its digest is recorded
file = {file}  # the scan of the signed form, or the minutes
kind = {kind}  # minutes for an oral consent
pages = {pages}

"""
TEMPLATE = """\
# A consent as it was declared. Fill in what is missing, then: exchange consent {step} {file}
# This file names a person: keep it as a case file is kept, and delete it after signing.

id = "{id}"  # made for this draft; leave it
agreement = {agreement}
releasers = {releasers}  # who may disclose
recipients = {recipients}  # to whom; a withdrawal ends it for all, so better one
onward_from = []  # agencies whose documents a releaser may pass on
categories = {categories}
# secrecy = "professional"  # the lowest class that fits, if not given
purpose = {purpose}
uses = {uses}  # "once", a number from 2, or "recurring"
valid_until = {until}  # up to and including this day, German time
# valid_from = 2026-01-01  # from the signature on, if not given

form = {form}  # written, electronic, or oral-minuted with form_reason
# form_reason = "urgent-loss"  # cannot-write, urgent-loss, by-phone, remote-interpreter
capacity = "self"  # or self+guardian, guardian
capacity_basis = "rule"  # assessed: insight was judged in a talk and minuted
# collected_at = 2026-01-01T10:40:00  # of the last signature; a date alone if the paper has no
#                                     # time; now, if not given

[[signers]]
role = "subject"  # guardian, entrusting, witness
identified = {identified}  # in-person, known (to you), eid, code (invited by letter)
# A guardian also has power = "parent" (custody = "sole", "court" or "everyday" when one parent
# signs), "appointed", "supplementary", "official" or "carer" (areas_checked = true).

[notice]  # the text the person read or heard, as the agreement has it
id = {text_id}
version = {text_version}
lang = {lang}
file = {text_file}  # after a change above, and before it is shown: exchange consent text {file}
interpreter = "none"  # professional, staff, accompanying

{evidence}[subject]  # sealed to the parties; the hub never sees it
{subject}
"""

NOBODY = SubjectFacts(family_name="", given_name="", born=date.min)
"""In the place of who it is about, until somebody has signed."""
NOT_SHOWN = "0" * 64
"""In the place of the digest of a text that was not shown yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `exchange consent new` was told."""

    agreement: str
    releasers: Sequence[str]
    recipients: Sequence[str]
    categories: Sequence[str]
    purpose: str
    uses: str
    until: date
    form: Form
    lang: str
    text_id: str
    """Of a consent form of the agreement."""
    text_version: str
    evidence: Path | None
    pages: int
    subject: Mapping[str, Any] | None
    """Table `[subject]`, checked; None leaves blanks to fill in."""


def template(wanted: Wanted, *, file: Path) -> str:
    """Return the text of a draft with a fresh id."""
    counted = wanted.uses if wanted.uses.isdigit() else _quoted(wanted.uses)
    return TEMPLATE.format(
        file=file.name,
        step=next_step(wanted.form),
        id=uuid4(),
        agreement=_quoted(wanted.agreement),
        releasers=_list(wanted.releasers),
        recipients=_list(wanted.recipients),
        categories=_list(wanted.categories),
        purpose=_quoted(wanted.purpose),
        uses=counted,
        until=wanted.until.isoformat(),
        form=_quoted(wanted.form.value),
        lang=_quoted(wanted.lang),
        identified=_quoted(_usually_identified(wanted.form).value),
        text_id=_quoted(wanted.text_id),
        text_version=_quoted(wanted.text_version),
        text_file=_quoted(f"{file.stem}.{wanted.lang}.txt"),
        evidence="" if wanted.form is Form.ELECTRONIC else _evidence_table(wanted),
        subject=_subject(wanted.subject),
    )


def next_step(form: Form) -> str:
    """Return the command that follows once the draft is complete."""
    return "invite" if form is Form.ELECTRONIC else "sign"


def _usually_identified(form: Form) -> Identified:
    """Return how the office knows who signs, unless it says otherwise: the weakest that fits."""
    return Identified.CODE if form is Form.ELECTRONIC else Identified.IN_PERSON


def _evidence_table(wanted: Wanted) -> str:
    kind = EvidenceKind.MINUTES if wanted.form is Form.ORAL_MINUTED else EvidenceKind.SCAN
    return EVIDENCE.format(
        file=_quoted(str(wanted.evidence.absolute()) if wanted.evidence else ""),
        kind=_quoted(kind.value),
        pages=wanted.pages,
    )


def is_about_signers(found: LintRefused) -> bool:
    """Tell whether all that refuses a fresh draft is who signs it: what `new` is not told."""
    refusing = [finding for finding in found.findings if finding.severity == "refuse"]
    return all(finding.field.partition("[")[0].partition(".")[0] in _WHO for finding in refusing)


def id_of(path: Path) -> str:
    """Return the id of the draft in the file `path`.

    Raises:
        Malformed: not TOML, or without an id.
    """
    return Members(read_toml(path)).uuid("id")


def read_draft(path: Path, *, now: datetime, signed: bool = True) -> ConsentDraft:
    """Return the consent in the draft file `path`; the files it names are read for their digests.

    Days become instants: a validity ends with its last day, a paper without time counts from noon,
    or from now if it bears today's date.

    Args:
        path: a TOML file as `template` explains it.
        now: aware moment.
        signed: False before anybody has signed: then who it is about, the evidence and the digest
            of the text are blanks, which the text does not name.

    Raises:
        LintRefused: L46 for every block and member that is missing; L37, who signs is a proxy.
        Malformed: not TOML, or a member is unknown or wrong; nothing of it is quoted.
    """
    given = _sorted(read_toml(path))
    if missing := blanks(given, signed=signed):
        raise LintRefused(
            f"{path.name} is not complete: {', '.join(missing)}",
            findings=tuple(broken("L46", member) for member in missing),
        )
    members = Members(given if signed else _without(given, "subject", "evidence"))
    collected_at = (
        members.take("collected_at", lambda value: _signed(value, now))
        if members.has("collected_at")
        else now.replace(microsecond=0)
    )
    form = members.word("form", Form)
    found = ConsentDraft(
        id=members.uuid("id"),
        agreement=members.uuid("agreement"),
        releasers=members.agencies("releasers", 1, 16),
        recipients=members.agencies("recipients", 1, 16),
        onward_from=members.agencies("onward_from", 0, 8) if members.has("onward_from") else _NO,
        categories=members.codes("categories", 1, 12),
        secrecy=members.take("secrecy", secrecy) if members.has("secrecy") else None,
        purpose=members.code("purpose"),
        uses=members.take("uses", _uses),
        valid_from=_valid_from(members, collected_at),
        valid_until=members.take("valid_until", _until),
        form=form,
        form_reason=members.word("form_reason", FormReason) if members.has("form_reason") else None,
        capacity=members.word("capacity", Capacity),
        capacity_basis=members.word("capacity_basis", CapacityBasis),
        signers=_signers(members, collected_at, now),
        notice=_notice(members.object("notice"), path if signed else None),
        evidence=_evidence(members.object("evidence"), path) if members.has("evidence") else None,
        collected_at=collected_at,
        subject=members.take("subject", read_subject) if signed else NOBODY,
        as_of=now.replace(microsecond=0),
    )
    members.end()
    return found


def text_file(path: Path) -> Path:
    """Return the file into which the text of the draft `path` is written.

    Raises:
        Malformed: not TOML, or the draft names no such file.
    """
    notice = Members(read_toml(path)).object("notice")
    return notice.take("file", lambda name: beside(path, name))


_NO: frozenset[str] = frozenset()
_WHO: Final = frozenset({"signers", "capacity", "capacity_basis"})
_LISTS = ("releasers", "recipients", "onward_from", "categories")


def _sorted(draft: dict[str, Any]) -> dict[str, Any]:
    """Bring the lists of names into their order: people write them as they think of them."""
    for name in _LISTS:
        value = draft.get(name)
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            draft[name] = sorted(set(value))
    return draft


def _without(draft: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in draft.items() if name not in names}


def _signed(value: object, now: datetime) -> datetime:
    if isinstance(value, datetime):
        return moment_of(value)
    if isinstance(value, date):
        return signed_on(value, now=now)
    raise Malformed("a day or a time is written without quotes")


def _until(value: object) -> datetime:
    if type(value) is not date:  # a date with time is one too, and means something else
        raise Malformed("the last day is written YYYY-MM-DD, without quotes")
    return end_of(value)


def _valid_from(members: Members, collected_at: datetime) -> datetime:
    if not members.has("valid_from"):
        return collected_at
    return members.take("valid_from", lambda value: _from(value, collected_at))


def _from(value: object, collected_at: datetime) -> datetime:
    if type(value) is not date:
        raise Malformed("the first day is written YYYY-MM-DD, without quotes")
    # On the day of the signature it begins with the signature, not before it.
    return collected_at if value == day_of(collected_at) else begin_of(value)


def _uses(value: object) -> Uses:
    return 1 if type(value) is int and value == 1 else read_uses(value)


def _signers(members: Members, collected_at: datetime, now: datetime) -> tuple[Signer, ...]:
    signers = [_signer(entry, collected_at, now) for entry in members.objects("signers", 1, 5)]
    return tuple(sorted(signers, key=lambda signer: (list(Role).index(signer.role), signer.at)))


def _signer(entry: Members, collected_at: datetime, now: datetime) -> Signer:
    has = entry.has
    found = Signer(
        role=admitted(entry, "role", Role),
        at=entry.take("at", lambda value: _signed(value, now)) if has("at") else collected_at,
        identified=entry.word("identified", Identified),
        entrusting=entry.flag("entrusting") if has("entrusting") else False,
        power=admitted(entry, "power", Power) if has("power") else None,
        power_until=entry.take("power_until", _until) if has("power_until") else None,
        areas_checked=entry.flag("areas_checked") if has("areas_checked") else False,
        custody=entry.word("custody", Custody) if has("custody") else None,
        office=entry.agency("office") if has("office") else None,
    )
    entry.end()
    return found


def _notice(notice: Members, draft: Path | None) -> ShownNotice:
    found = ShownNotice(
        id=notice.code("id"),
        version=notice.text("version"),
        lang=notice.text("lang"),
        sha256=notice.take("file", lambda name: _shown(draft, name)),
        interpreter=notice.word("interpreter", Interpreter),
    )
    notice.end()
    return found


def _shown(draft: Path | None, name: object) -> str:
    return NOT_SHOWN if draft is None else digest_of(beside(draft, name))


def _evidence(evidence: Members, draft: Path) -> Evidence:
    found = Evidence(
        sha256=evidence.take("file", lambda name: digest_of(beside(draft, name))),
        kind=evidence.word("kind", EvidenceKind),
        pages=evidence.integer("pages", 1, 999),
    )
    evidence.end()
    return found


def evidence_file(path: Path) -> Path | None:
    """Return the evidence that the draft `path` names; None if it has none.

    Raises:
        Malformed: not TOML, or a member is none.
    """
    draft = Members(read_toml(path))
    if not draft.has("evidence"):
        return None
    return draft.object("evidence").take("file", lambda name: beside(path, name))


def _subject(facts: Mapping[str, Any] | None) -> str:
    if facts is None:
        return (
            'family_name = ""\ngiven_name = ""\nborn = ""  # such as 1990-05-17\n'
            '# particulars = "which flat it is about"\n'
            '# case_numbers = { agency-a = "file number there" }'
        )
    lines = [
        f"{name} = {_quoted(facts[name])}"
        for name in ("family_name", "given_name", "born", "particulars")
        if name in facts
    ]
    cases = ", ".join(
        f"{agency} = {_quoted(text)}" for agency, text in facts["case_numbers"].items()
    )
    lines.append(f"case_numbers = {{ {cases} }}" if cases else "case_numbers = {}")
    guardians = ", ".join(
        f"{{ name = {_quoted(entry['name'])}, power = {_quoted(entry['power'])} }}"
        for entry in facts["guardians"]
    )
    return "\n".join([*lines, f"guardians = [{guardians}]"])


def _quoted(text: str) -> str:
    """Return a TOML basic string; every JSON string is one."""
    return encode(text).decode("utf-8")


def _list(names: Sequence[str]) -> str:
    return "[" + ", ".join(map(_quoted, names)) + "]"
