"""Was this disclosure allowed at that time, and under which text: answered from an export alone.

By the same pure `decide` as the hub's gate and every gateway. Nine checks, each with the file it
rests on; what cannot be checked makes the answer `unproven`, never `permit`. Claimed is a valid
record, not a valid consent: whether somebody chose freely, no program can compute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from exchange.audit.policy import Policy
from exchange.canonical import Json, sha256_hex
from exchange.consent.decision import Asked, Deny, Reason, decide
from exchange.consent.lint import lint
from exchange.consent.render import notice_of
from exchange.days import ZONE
from exchange.errors import Malformed
from exchange.members import write_time
from exchange.verifier.case import Case, Question, asked_in, find_case
from exchange.verifier.evidence import Evidence, open_evidence
from exchange.verifier.opened import NAME
from exchange.verifier.source import Source
from exchange.wire.asked import standing

CHECKS: Final = (
    "agreement signed by all parties, in force",
    "consent record signed by the collector, key valid then",
    "text shown equals text rendered",
    "lint without refusal",
    "manifest signed by a releaser, within scope",
    "consent in the log before the disclosure",
    "not withdrawn at t",
    "use within the limit",
    "checkpoints cosigned by the witness quorum",
)
_WITHDRAWN: Final = 7
_SCOPE: Final = frozenset(Reason) - {Reason.USED_UP, Reason.ENDED}
"""Reasons that are about what was asked, and not about what happened to the consent since."""


class Answer(StrEnum):
    """What an export proves."""

    PERMIT = "permit"
    DENY = "deny"
    UNPROVEN = "unproven"


_SENTENCES: Final[Mapping[str, Mapping[Answer, str]]] = MappingProxyType(
    {
        "de": MappingProxyType(
            {
                Answer.PERMIT: "Die Übermittlung war am {0:%d.%m.%Y} um {0:%H:%M} Uhr durch eine "
                "wirksam erfasste Einwilligung gedeckt.",
                Answer.DENY: "Die Übermittlung war am {0:%d.%m.%Y} um {0:%H:%M} Uhr nicht durch "
                "eine Einwilligung gedeckt.",
                Answer.UNPROVEN: "Ob die Übermittlung am {0:%d.%m.%Y} um {0:%H:%M} Uhr durch eine "
                "Einwilligung gedeckt war, beweisen diese Unterlagen nicht.",
            }
        ),
        "en": MappingProxyType(
            {
                Answer.PERMIT: "On {0:%Y-%m-%d} at {0:%H:%M} (German time) the disclosure was "
                "covered by a consent that was recorded in due form.",
                Answer.DENY: "On {0:%Y-%m-%d} at {0:%H:%M} (German time) the disclosure was not "
                "covered by a consent.",
                Answer.UNPROVEN: "Whether the disclosure was covered by a consent on {0:%Y-%m-%d} "
                "at {0:%H:%M} (German time), these files do not prove.",
            }
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Point:
    """One of the nine checks."""

    n: int
    check: str
    ok: bool | None
    """None: what it rests on is not here."""
    source: str
    """File or folder of the export."""

    def payload(self) -> dict[str, Json]:
        """Return the check for `--json`."""
        return {"n": self.n, "check": self.check, "ok": self.ok, "from": self.source}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The answer, twice: by when a withdrawal reached an agency, and by when the log knew."""

    at: datetime
    subject: str
    """Digest of the manifest, or of the consent."""
    effective: Answer
    known: Answer
    reasons: tuple[Reason, ...]
    """Why not, in the order of `Reason`."""
    points: tuple[Point, ...]
    consent: str
    """Digest of the consent."""
    text: str | None = field(repr=False)
    """Exactly the text that the person was shown; None where it is not proven."""
    notice: tuple[str, str, str] | None
    """Id, version and language of that text, as the record names it."""

    def payload(self) -> dict[str, Json]:
        """Return the answer for `--json`."""
        words: dict[str, Json] = {lang: sentence(self, lang) for lang in _SENTENCES}
        return {
            "question": "allowed",
            "asked": {"disclosure": self.subject, "at": write_time(self.at)},
            "answer": {
                "effective": self.effective.value,
                "known": self.known.value,
                "reasons": [reason.value for reason in self.reasons],
                "consent": self.consent,
                "text": None if self.notice is None else "/".join(self.notice),
                "checks": [point.payload() for point in self.points],
                "sentence": words,
            },
        }


async def allowed(source: Source, policy: Policy, question: Question) -> Allowed:
    """Return what an export proves about a question.

    Args:
        source: the export.
        policy: whom to believe; never the one that lies in the export.
        question: what somebody wants to know.

    Raises:
        LogInvalid, StatementNotAcceptable, Malformed: something in the export is false.
        NotFound: it opens no such consent or disclosure.
    """
    evidence = await open_evidence(source, policy)
    case = await find_case(evidence, question)
    at = question.at or (case.stored.at if case.stored else None)
    if at is None:
        raise Malformed("say when, with --at")
    asked = asked_in(case, question, at)
    effective = _decided(case, asked, at, [one.effective for one in case.ended])
    known = _decided(case, asked, at, [one.known for one in case.ended])
    points = await _points(evidence, case, known, at)
    notice = None if case.record is None else case.record.notice
    return Allowed(
        at=at,
        subject=case.stored.event["manifest"] if case.stored else case.recorded.event["consent"],
        effective=_answer(points, effective),
        known=_answer(points, known),
        reasons=tuple(one for one in Reason if one in {*(effective or ()), *(known or ())}),
        points=points,
        consent=case.recorded.event["consent"],
        text=_text(case),
        notice=None if notice is None else (notice.id, notice.version, notice.lang),
    )


def sentence(found: Allowed, lang: str) -> str:
    """Return the answer in one sentence, in German (`de`) or English (`en`)."""
    at = found.at.astimezone(ZoneInfo(ZONE))
    worst = found.effective if found.known is Answer.PERMIT else found.known
    return _SENTENCES[lang][worst].format(at)


def _decided(
    case: Case, asked: Asked | None, at: datetime, ended: Sequence[datetime]
) -> tuple[Reason, ...] | None:
    """Return the reasons of `decide`, none if it permits; None where it cannot be asked."""
    if asked is None or case.record is None or case.terms is None or not case.terms.is_whole:
        return None
    facts = standing(
        asked,
        case.terms.agreement.scope(),
        in_force=case.terms.is_in_force(at),
        used=case.used(at),
        ended_at=min((moment for moment in ended if moment <= at), default=None),
        recorded=case.recorded.at <= at,
        vetoed=False,
    )
    decision = decide(asked, case.record, facts, now=at)
    return decision.reasons if isinstance(decision, Deny) else ()


def _answer(points: Sequence[Point], reasons: tuple[Reason, ...] | None) -> Answer:
    """Return what the checks and `decide` say together; the reasons know when it was withdrawn."""
    if reasons or any(point.ok is False for point in points if point.n != _WITHDRAWN):
        return Answer.DENY
    if reasons is None or any(point.ok is None for point in points):
        return Answer.UNPROVEN
    return Answer.PERMIT


async def _points(
    evidence: Evidence, case: Case, reasons: tuple[Reason, ...] | None, at: datetime
) -> tuple[Point, ...]:
    """Make the nine checks, in the order of their numbers."""
    found = (
        (_is_agreed(case, at), "statements"),
        (_is_signed(case), "statements"),
        (_is_shown(case), "statements"),
        (_is_clean(case), "statements"),
        (_is_within(case, reasons), "statements"),
        (_is_before(case, at), NAME),
        await _is_standing(evidence, case, at),
        (await _is_unused(evidence, case, reasons), NAME),
        (evidence.head.quorum, "checkpoint"),
    )
    return tuple(
        Point(n, check, ok, source)
        for n, (check, (ok, source)) in enumerate(zip(CHECKS, found, strict=True), start=1)
    )


def _is_agreed(case: Case, at: datetime) -> bool | None:
    if case.terms is None or not case.terms.is_whole:
        return None
    return case.terms.is_in_force(at)


def _is_signed(case: Case) -> bool | None:
    """The signature was verified; what is asked here is whose key it was by the agreement."""
    if case.record is None or case.terms is None:
        return None
    return case.terms.key_of(case.record.collected_by) == case.kid or None


def _is_shown(case: Case) -> bool | None:
    if case.record is None or case.terms is None:
        return None
    return _text(case) is not None


def _text(case: Case) -> str | None:
    """Return the text rendered from record and agreement, if it has the digest of the one shown."""
    if case.record is None or case.terms is None:
        return None
    try:
        text = notice_of(case.record, case.terms.agreement.scope())
    except Malformed:
        return None
    return text if sha256_hex(text.encode("utf-8")) == case.record.notice.sha256 else None


def _is_clean(case: Case) -> bool | None:
    if case.record is None or case.terms is None or not case.terms.is_whole:
        return None
    found = lint(
        case.record,
        case.terms.agreement.scope(),
        agreement_held=case.terms.is_in_force(case.record.collected_at),
        now=case.recorded.at,
    )
    return all(finding.severity != "refuse" for finding in found)


def _is_within(case: Case, reasons: tuple[Reason, ...] | None) -> bool | None:
    if reasons is None or case.terms is None:
        return None
    if case.manifest is not None:
        context = case.manifest.context
        if case.terms.key_of(context.sender) != context.kid:
            return None
    return not _SCOPE & set(reasons)


def _is_before(case: Case, at: datetime) -> bool:
    if case.stored is not None:
        return case.recorded.index < case.stored.index
    return case.recorded.at <= at


async def _is_standing(evidence: Evidence, case: Case, at: datetime) -> tuple[bool | None, str]:
    """Say whether it was withdrawn by then, as far as the log knew.

    That something is absent no entry proves: either the log's signed word is here, or the export
    is of the agency that collected the consent, to which every withdrawal is opened.
    """
    if any(one.known <= at for one in case.ended):
        return False, NAME
    if await evidence.active_at(case.recorded.event["consent"], at):
        return True, "status"
    seen = max([case.newest.at.timestamp(), *evidence.head.cosigned.values()])
    if case.recorded.event["by"] == await evidence.agency() and seen >= at.timestamp():
        return True, NAME
    return None, "status"


async def _is_unused(
    evidence: Evidence, case: Case, reasons: tuple[Reason, ...] | None
) -> bool | None:
    """Say whether uses were left: the only releaser sees every use, anybody else sees her own."""
    if reasons is None or case.record is None:
        return None
    if Reason.USED_UP in reasons:
        return False
    alone = case.record.releasers == {await evidence.agency()}
    return True if case.record.uses == "recurring" or alone else None
