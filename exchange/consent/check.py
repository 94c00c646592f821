"""Whether a consent is narrower than its agreement and complete: rules that its types decide.

Pure; the same function runs at the gateway before signing and at the hub before storing. The
numbers are those of docs/consent.md; rules about texts and warnings come on top.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from exchange.consent.record import ConsentRecord, Signer
from exchange.consent.words import (
    Capacity,
    CapacityBasis,
    EvidenceKind,
    Form,
    FormReason,
    Power,
    Role,
)
from exchange.errors import LintRefused
from exchange.vocabulary import Scope, Secrecy

CLOCK_SKEW = timedelta(minutes=5)
"""How far in the future a signature may be dated: clocks differ (L12)."""
ORAL_DAYS = 28
"""Longest validity of an oral consent to special categories (L18)."""
NARROW_REASONS = (FormReason.CANNOT_WRITE, FormReason.URGENT_LOSS)
"""Reasons that admit an oral consent to special categories (§ 67b(2) SGB X)."""
BOTH_PARENTS = 2
"""With joint custody both sign (§§ 1626, 1629 BGB)."""

_NEEDED: Mapping[Capacity, frozenset[Role]] = {
    Capacity.SELF: frozenset({Role.SUBJECT}),
    Capacity.GUARDIAN: frozenset({Role.GUARDIAN}),
    Capacity.SELF_AND_GUARDIAN: frozenset({Role.SUBJECT, Role.GUARDIAN}),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule a record breaks: names only, never a value of the record."""

    id: str
    field: str
    severity: str = "refuse"


def findings(
    consent: ConsentRecord, scope: Scope, *, agreement_held: bool, now: datetime
) -> tuple[Finding, ...]:
    """Return every rule the record breaks, in the order of the rules.

    Args:
        consent: whose signatures the caller has verified.
        scope: of the agreement the record names.
        agreement_held: whether that agreement was in force at `consent.collected_at`.
        now: when it is to be recorded.
    """
    broken: Mapping[str, tuple[str, bool]] = {
        **_parties(consent, scope),
        **_scope(consent, scope),
        "L10": ("agreement", not agreement_held or consent.agreement != scope.agreement),
        **_times(consent, scope, now),
        **_form(consent, scope),
        **_signers(consent),
        **_secrecy(consent, scope),
        "L44": ("collected_by", consent.collected_by not in scope.collectors),
        "L46": ("collected_at", consent.collected_at != _given_at(consent)),
    }
    return tuple(
        Finding(rule, field) for rule, (field, applies) in sorted(broken.items()) if applies
    )


def refuse(found: tuple[Finding, ...]) -> None:
    """Raise the findings, if there are any.

    Raises:
        LintRefused: with the rules and field names.
    """
    if found:
        raise LintRefused(
            "the record breaks " + ", ".join(finding.id for finding in found),
            findings=tuple(
                {"id": finding.id, "severity": finding.severity, "field": finding.field}
                for finding in found
            ),
        )


def _parties(consent: ConsentRecord, scope: Scope) -> dict[str, tuple[str, bool]]:
    known = scope.parties.keys()
    return {
        "L01": ("recipients", not consent.releasers | consent.recipients <= known),
        "L03": ("recipients", not consent.releasers.isdisjoint(consent.recipients)),
    }


def _scope(consent: ConsentRecord, scope: Scope) -> dict[str, tuple[str, bool]]:
    purpose = scope.vocabulary.purposes.get(consent.purpose.code)
    shown = purpose.labels.get(consent.notice.lang) if purpose else None
    flows = [
        scope.flow(releaser, recipient)
        for releaser in consent.releasers
        for recipient in consent.recipients
    ]
    return {
        "L06": ("purpose", purpose is None),
        "L07": ("purpose", consent.purpose.words != shown),
        "L09": (
            "categories",
            any(
                flow is None
                or not consent.categories <= flow.categories
                or consent.secrecy > flow.secrecy
                for flow in flows
            ),
        ),
    }


def _times(consent: ConsentRecord, scope: Scope, now: datetime) -> dict[str, tuple[str, bool]]:
    longest = timedelta(days=scope.once_days if consent.uses == 1 else scope.days)
    return {
        "L11": ("valid_from", consent.valid_from < consent.collected_at),
        "L12": ("collected_at", consent.collected_at > now + CLOCK_SKEW),
        # A day of twenty-five hours may lie within: the limit counts days, not hours.
        "L15": (
            "valid_until",
            consent.valid_until - consent.valid_from > longest + timedelta(hours=1),
        ),
        "L16": ("valid_until", consent.valid_until <= max(consent.valid_from, now)),
    }


def _form(consent: ConsentRecord, scope: Scope) -> dict[str, tuple[str, bool]]:
    oral = consent.form is Form.ORAL_MINUTED
    electronic = consent.form is Form.ELECTRONIC
    kind = consent.evidence.kind if consent.evidence else None
    return {
        "L18": ("form", oral and _special(consent, scope) and not _narrow(consent)),
        "L20": (
            "form",
            oral
            and (
                consent.form_reason is None
                or not _of(consent, Role.WITNESS)
                or kind not in (None, EvidenceKind.MINUTES)
            ),
        ),
        "L21": ("person_key", electronic and consent.person_key is None),
        "L22": ("evidence", not electronic and consent.evidence is None),
    }


def _special(consent: ConsentRecord, scope: Scope) -> bool:
    known = scope.vocabulary.categories
    return any(known[code].special for code in consent.categories if code in known)


def _narrow(consent: ConsentRecord) -> bool:
    longest = timedelta(days=ORAL_DAYS, hours=1)
    return (
        consent.form_reason in NARROW_REASONS
        and consent.valid_until - consent.valid_from <= longest
    )


def _signers(consent: ConsentRecord) -> dict[str, tuple[str, bool]]:
    guardians = _of(consent, Role.GUARDIAN)
    parents = [guardian for guardian in guardians if guardian.power is Power.PARENT]
    ends = [guardian.power_until for guardian in guardians if guardian.power_until]
    carers = [guardian for guardian in guardians if guardian.power is Power.CARER]
    return {
        "L29": ("signers", not _NEEDED[consent.capacity] <= {s.role for s in consent.signers}),
        "L30": ("signers", len(parents) == 1 and parents[0].custody is None),
        "L31": ("signers", any(end <= consent.collected_at for end in ends)),
        "L32": ("valid_until", any(consent.valid_until > end for end in ends)),
        "L33": (
            "signers",
            any(not carer.areas_checked for carer in carers)
            or (bool(carers) and consent.capacity_basis is not CapacityBasis.ASSESSED),
        ),
    }


def _given_at(consent: ConsentRecord) -> datetime | None:
    """Return when the last signature was given that the capacity needs."""
    needed = _NEEDED[consent.capacity]
    return max((signer.at for signer in consent.signers if signer.role in needed), default=None)


def _secrecy(consent: ConsentRecord, scope: Scope) -> dict[str, tuple[str, bool]]:
    floors = [
        scope.floor(releaser, category)
        for releaser in consent.releasers & scope.parties.keys()
        for category in consent.categories & scope.vocabulary.categories.keys()
    ]
    sources = consent.onward_from
    return {
        "L38": ("signers", consent.secrecy is Secrecy.ENTRUSTED and not _entrusting(consent)),
        "L41": (
            "onward_from",
            not sources <= scope.parties.keys()
            or not sources.isdisjoint(consent.recipients)
            or any(scope.parties[source].floor > consent.secrecy for source in sources),
        ),
        "L42": ("recipients", not consent.recipients.isdisjoint(scope.without_undertaking)),
        "L43": ("secrecy", any(consent.secrecy < floor for floor in floors)),
    }


def _entrusting(consent: ConsentRecord) -> bool:
    return any(signer.role is Role.ENTRUSTING or signer.entrusting for signer in consent.signers)


def _of(consent: ConsentRecord, role: Role) -> list[Signer]:
    return [signer for signer in consent.signers if signer.role is role]
