"""Whether a consent keeps the rules of law: every rule, each time, in one order.

Pure; the same function runs at the gateway before signing and at the hub before storing. Rules that
need a birth date or other consents of the case are asked at the gateway only. The rules are those
of docs/consent.md, their words are in `exchange.rules`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeAlias

from exchange.canonical import sha256_hex
from exchange.consent.majority import (
    INSIGHT,
    MAJORITY,
    age,
    is_represented,
    representation_ends,
)
from exchange.consent.record import ConsentRecord, Signer
from exchange.consent.render import notice_of
from exchange.consent.words import (
    Capacity,
    CapacityBasis,
    EvidenceKind,
    Form,
    FormReason,
    Identified,
    Interpreter,
    Power,
    Role,
)
from exchange.days import day_of, days_after
from exchange.errors import Finding, Malformed, StatementNotAcceptable
from exchange.rules import broken
from exchange.vocabulary import RESERVED, Scope, ScopeFlow, Secrecy, UsualUses

CLOCK_SKEW = timedelta(minutes=5)
"""How far in the future a signature may be dated: clocks differ (L12)."""
LATE_DAYS = 14
"""Age of a signature in days from which one asks again whether it still holds (L13)."""
TOO_LATE_DAYS = 90
"""Age of a signature in days from which it is no longer recorded (L14)."""
ORAL_DAYS = 28
"""Longest validity of an oral consent to special categories (L18)."""
PRINTED_DAYS = 30
"""Days for which printed forms are used up after their text was superseded (L25)."""
MANY_CATEGORIES = 6
"""More kinds of documents than this deserve a second look (L05)."""
FEW_CATEGORIES = 3
"""A flow that has no more than these is rightly used in full (L05)."""
NARROW_REASONS = (FormReason.CANNOT_WRITE, FormReason.URGENT_LOSS)
"""Reasons that admit an oral consent to special categories (§ 67b(2) SGB X)."""
PERSON_STEP = 7
"""Step of `statement.verify` that checks the signature of the key a record names."""
EXTRACT = "record-extract"
"""Named papers from a record: again and again it would be the whole record (L04)."""

_Checks: TypeAlias = dict[str, tuple[str, bool]]
"""By rule: the field, and whether it breaks the rule."""
_NEEDED: Mapping[Capacity, frozenset[Role]] = {
    Capacity.SELF: frozenset({Role.SUBJECT}),
    Capacity.GUARDIAN: frozenset({Role.GUARDIAN}),
    Capacity.SELF_AND_GUARDIAN: frozenset({Role.SUBJECT, Role.GUARDIAN}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """What only the collecting gateway knows. Its representation shows nothing."""

    born: date = field(repr=False)
    """Of the person; never leaves the gateway."""
    live: tuple[ConsentRecord, ...] = field(default=(), repr=False)
    """Other consents of the same person that have not ended, or those of them that are alike."""


def lint(
    record: ConsentRecord,
    scope: Scope,
    *,
    agreement_held: bool,
    now: datetime,
    local: Local | None = None,
) -> tuple[Finding, ...]:
    """Return every rule the record breaks, in the order of the rules.

    Args:
        record: whose signatures the caller has verified, or the draft of one.
        scope: of the agreement the record names.
        agreement_held: whether that agreement was in force at `record.collected_at`.
        now: when it is to be recorded.
        local: at the collecting gateway; without it L34, L35, L36 and L40 are not asked.
    """
    checks: _Checks = {
        **_parties(record, scope),
        **_extent(record, scope),
        "L10": ("agreement", not agreement_held or record.agreement != scope.agreement),
        **_times(record, now),
        **_validity(record, scope, now),
        **_form(record, scope),
        **_notice(record, scope),
        **_signers(record),
        **(_ages(record, local) if local else {}),
        **_secrecy(record, scope),
        "L46": ("collected_at", record.collected_at != _given_at(record)),
    }
    return tuple(
        broken(rule, member, days=_longest(record, scope) if rule == "L15" else None)
        for rule, (member, applies) in sorted(checks.items())
        if applies
    )


def unreadable(error: Malformed) -> Finding:
    """Return the finding of a record that is no consent at all: L46, or L01 about the parties."""
    rule = "L01" if error.member in ("releasers", "recipients") else "L46"
    return broken(rule, error.member or "payload")


def unsigned(error: StatementNotAcceptable) -> Finding:
    """Return the finding of signatures that do not verify: the person's (L21), or another (L47).

    Forged, stale and somebody else's are one finding.
    """
    if error.step == PERSON_STEP:
        return broken("L21", "person_key")
    return broken("L47", "signatures")


def _parties(record: ConsentRecord, scope: Scope) -> _Checks:
    known = scope.parties.keys()
    return {
        "L01": (
            "recipients" if record.releasers <= known else "releasers",
            not record.releasers | record.recipients <= known,
        ),
        "L02": ("recipients", len(record.recipients) > 1),
        "L03": ("recipients", not record.releasers.isdisjoint(record.recipients)),
        "L44": ("collected_by", record.collected_by not in scope.collectors),
        "L45": ("collected_by", _is_asked_by_payer(record, scope)),
    }


def _is_asked_by_payer(record: ConsentRecord, scope: Scope) -> bool:
    """Tell whether who decides about benefits asks, although another one could have."""
    collector = scope.parties.get(record.collected_by)
    others = (record.releasers | record.recipients) & scope.parties.keys()
    return (
        collector is not None
        and collector.benefit
        and not all(scope.parties[other].benefit for other in others)
    )


def _extent(record: ConsentRecord, scope: Scope) -> _Checks:
    purpose = scope.vocabulary.purposes.get(record.purpose.code)
    shown = purpose.labels.get(record.notice.lang) if purpose else None
    flows = [
        scope.flow(releaser, recipient)
        for releaser in record.releasers
        for recipient in record.recipients
    ]
    recurring = record.uses == "recurring"
    return {
        "L04": (
            "categories",
            any(code.rpartition("/")[2] in RESERVED for code in record.categories)
            or (recurring and EXTRACT in record.categories),
        ),
        "L05": (
            "categories",
            len(record.categories) > MANY_CATEGORIES
            or any(_is_used_up(record, flow) for flow in flows if flow),
        ),
        "L06": ("purpose", purpose is None),
        "L07": ("purpose", record.purpose.words != shown),
        "L08": ("categories", purpose is not None and not record.categories <= purpose.usual),
        "L09": (_wider_field(record, flows), any(_is_wider(record, flow) for flow in flows)),
        "L17": ("uses", recurring and purpose is not None and purpose.uses is UsualUses.ONCE),
    }


def _is_used_up(record: ConsentRecord, flow: ScopeFlow) -> bool:
    return len(flow.categories) > FEW_CATEGORIES and flow.categories <= record.categories


def _is_wider(record: ConsentRecord, flow: ScopeFlow | None) -> bool:
    return flow is None or not record.categories <= flow.categories or record.secrecy > flow.secrecy


def _wider_field(record: ConsentRecord, flows: list[ScopeFlow | None]) -> str:
    if None in flows:
        return "recipients"
    covered = all(flow is None or record.categories <= flow.categories for flow in flows)
    return "secrecy" if covered else "categories"


def _times(record: ConsentRecord, now: datetime) -> _Checks:
    return {
        "L11": ("valid_from", record.valid_from < record.collected_at),
        "L12": ("collected_at", record.collected_at > now + CLOCK_SKEW),
        "L13": ("collected_at", now > days_after(record.collected_at, LATE_DAYS)),
        "L14": ("collected_at", now > days_after(record.collected_at, TOO_LATE_DAYS)),
    }


def _validity(record: ConsentRecord, scope: Scope, now: datetime) -> _Checks:
    longest = days_after(record.valid_from, _longest(record, scope))
    return {
        "L15": ("valid_until", record.valid_until > longest),
        "L16": ("valid_until", record.valid_until <= max(record.valid_from, now)),
    }


def _longest(record: ConsentRecord, scope: Scope) -> int:
    return scope.once_days if record.uses == 1 else scope.days


def _form(record: ConsentRecord, scope: Scope) -> _Checks:
    electronic = record.form is Form.ELECTRONIC
    special = _is_special(record, scope)
    oral_special = special and record.form is Form.ORAL_MINUTED
    by_code = any(signer.identified is Identified.CODE for signer in record.signers)
    return {
        "L18": ("form", oral_special and not _is_narrow(record)),
        "L19": ("form", oral_special and _is_narrow(record)),
        "L20": ("form", record.form is Form.ORAL_MINUTED and not _is_minuted(record)),
        "L21": ("person_key", electronic and record.person_key is None),
        "L22": ("evidence", not electronic and record.evidence is None),
        "L23": ("signers", electronic and special and by_code),
    }


def _is_special(record: ConsentRecord, scope: Scope) -> bool:
    known = scope.vocabulary.categories
    return any(known[code].special for code in record.categories if code in known)


def _is_narrow(record: ConsentRecord) -> bool:
    return record.form_reason in NARROW_REASONS and record.valid_until <= days_after(
        record.valid_from, ORAL_DAYS
    )


def _is_minuted(record: ConsentRecord) -> bool:
    return (
        record.form_reason is not None
        and bool(_of(record, Role.WITNESS))
        and (record.evidence is None or record.evidence.kind is EvidenceKind.MINUTES)
    )


def _notice(record: ConsentRecord, scope: Scope) -> _Checks:
    shown = record.notice
    text = scope.notice(shown.id, shown.version, shown.lang)
    return {
        "L24": ("notice", text is None),
        "L25": (
            "notice.version",
            text is not None
            and text.superseded_at is not None
            and record.collected_at >= _last_use(record, text.superseded_at),
        ),
        "L26": ("notice.sha256", text is not None and _differs(record, scope)),
        "L27": ("notice.interpreter", shown.interpreter is Interpreter.ACCOMPANYING),
        "L28": ("notice", text is not None and text.lang != "de" and not text.reviewed),
    }


def _last_use(record: ConsentRecord, superseded_at: datetime) -> datetime:
    printed = record.form is Form.WRITTEN
    return days_after(superseded_at, PRINTED_DAYS) if printed else superseded_at


def _differs(record: ConsentRecord, scope: Scope) -> bool:
    try:
        text = notice_of(record, scope)
    except Malformed:  # a label or a translation is missing: this cannot have been shown
        return True
    return sha256_hex(text.encode("utf-8")) != record.notice.sha256


def _signers(record: ConsentRecord) -> _Checks:
    guardians = _of(record, Role.GUARDIAN)
    parents = [guardian for guardian in guardians if guardian.power is Power.PARENT]
    carers = [guardian for guardian in guardians if guardian.power is Power.CARER]
    ends = [guardian.power_until for guardian in guardians if guardian.power_until]
    involved = record.releasers | record.recipients | {record.collected_by}
    return {
        "L29": ("signers", not _NEEDED[record.capacity] <= {s.role for s in record.signers}),
        "L30": ("signers", len(parents) == 1 and parents[0].custody is None),
        "L31": ("signers", any(end <= record.collected_at for end in ends)),
        "L32": ("valid_until", any(record.valid_until > end for end in ends)),
        "L33": (
            "signers",
            any(not carer.areas_checked for carer in carers)
            or (bool(carers) and record.capacity_basis is not CapacityBasis.ASSESSED),
        ),
        "L39": ("signers", any(guardian.office in involved for guardian in guardians)),
    }


def _given_at(record: ConsentRecord) -> datetime | None:
    """Return when the last signature was given that the capacity needs."""
    needed = _NEEDED[record.capacity]
    return max((signer.at for signer in record.signers if signer.role in needed), default=None)


def _ages(record: ConsentRecord, local: Local) -> _Checks:
    years = age(local.born, day_of(record.collected_at))
    by_rule = record.capacity_basis is CapacityBasis.RULE
    adult = years >= MAJORITY
    return {
        "L34": (
            "signers" if adult else "valid_until",
            is_represented(record)
            and (adult or record.valid_until > representation_ends(local.born)),
        ),
        "L35": (
            "capacity_basis",
            years < INSIGHT and record.capacity is Capacity.SELF and by_rule,
        ),
        "L36": (
            "capacity_basis",
            INSIGHT <= years < MAJORITY and record.capacity is Capacity.GUARDIAN and by_rule,
        ),
        "L40": ("subject", any(allows_the_same(record, other) for other in local.live)),
    }


def allows_the_same(record: ConsentRecord, other: ConsentRecord) -> bool:
    """Tell whether `other` is another record that allows the same, whatever its times and words."""
    return (
        record.id != other.id
        and all(
            getattr(record, name) == getattr(other, name)
            for name in ("releasers", "recipients", "onward_from", "categories", "secrecy", "uses")
        )
        and record.purpose.code == other.purpose.code
    )


def _secrecy(record: ConsentRecord, scope: Scope) -> _Checks:
    floors = [
        scope.floor(releaser, category)
        for releaser in record.releasers & scope.parties.keys()
        for category in record.categories & scope.vocabulary.categories.keys()
    ]
    sources = record.onward_from
    return {
        "L38": ("signers", record.secrecy is Secrecy.ENTRUSTED and not _is_entrusted(record)),
        "L41": (
            "onward_from",
            not sources <= scope.parties.keys()
            or not sources.isdisjoint(record.recipients)
            or any(scope.parties[source].floor > record.secrecy for source in sources),
        ),
        "L42": ("recipients", not record.recipients.isdisjoint(scope.without_undertaking)),
        "L43": ("secrecy", any(record.secrecy < floor for floor in floors)),
    }


def _is_entrusted(record: ConsentRecord) -> bool:
    return any(signer.role is Role.ENTRUSTING or signer.entrusting for signer in record.signers)


def _of(record: ConsentRecord, role: Role) -> list[Signer]:
    return [signer for signer in record.signers if signer.role is role]
