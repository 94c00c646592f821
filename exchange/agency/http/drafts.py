"""From what a back office writes in JSON to the drafts that verbs take, and back."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from exchange.agency.ask import RequestDraft
from exchange.agency.record_consent import ConsentDraft
from exchange.consent.record import Evidence, ShownNotice, Signer, read_uses
from exchange.consent.subject import SubjectFacts, read_subject
from exchange.consent.words import Role
from exchange.days import begin_of, day_of, end_of
from exchange.errors import Malformed
from exchange.vocabulary import Uses, secrecy
from exchange.wire import local_shapes
from exchange.wire.request import Wanted

NOT_SHOWN = "0" * 64
"""In the place of the digest of a text that was not shown yet."""
NOBODY = SubjectFacts(family_name="", given_name="", born=date.min)
"""In the place of who it is about, where nobody asks."""


def consent_draft(
    given: local_shapes.ConsentDraft, subject: SubjectFacts = NOBODY, *, now: datetime
) -> ConsentDraft:
    """Return the draft of a consent.

    Days become instants: a validity ends with its last day, and begins with the signature where no
    first day is given, or that is the day of the signature.

    Args:
        given: as the back office wrote it.
        subject: who it is about; no text of a draft names it.
        now: aware moment.
    """
    collected_at = (given.collected_at or now).replace(microsecond=0)
    return ConsentDraft(
        id=given.id,
        agreement=given.agreement,
        releasers=frozenset(given.releasers),
        recipients=frozenset(given.recipients),
        onward_from=frozenset(given.onward_from),
        categories=frozenset(given.categories),
        secrecy=None if given.secrecy is None else secrecy(given.secrecy),
        purpose=given.purpose,
        uses=_uses(given.uses),
        valid_from=_valid_from(given, collected_at),
        valid_until=end_of(given.valid_until),
        form=given.form,
        form_reason=given.form_reason,
        capacity=given.capacity,
        capacity_basis=given.capacity_basis,
        signers=_signers(given, collected_at),
        notice=ShownNotice(
            id=given.notice.id,
            version=given.notice.version,
            lang=given.notice.lang,
            sha256=given.notice.sha256 or NOT_SHOWN,
            interpreter=given.notice.interpreter,
        ),
        evidence=None
        if given.evidence is None
        else Evidence(
            sha256=given.evidence.sha256, kind=given.evidence.kind, pages=given.evidence.pages
        ),
        collected_at=collected_at,
        subject=subject,
        as_of=now.replace(microsecond=0),
    )


def request_draft(given: local_shapes.RequestDraft) -> RequestDraft:
    """Return the draft of a document request."""
    return RequestDraft(
        id=given.id,
        to=given.to,
        agreement=given.agreement,
        consent=given.consent,
        purpose=given.purpose,
        categories=frozenset(given.categories),
        deadline=end_of(given.until),
        wanted=Wanted(subject=facts(given.subject), needed=given.needed, why=given.why),
    )


def facts(person: local_shapes.Person) -> SubjectFacts:
    """Return who it is, read as strictly as from a sealed block.

    Raises:
        Malformed: a text has characters that no name has; nothing of it is quoted.
    """
    return read_subject(person.model_dump(mode="json", exclude_none=True))


def person(subject: SubjectFacts) -> local_shapes.Person:
    """Return who it is, as the back office reads it."""
    return local_shapes.Person(
        family_name=subject.family_name,
        given_name=subject.given_name,
        born=subject.born,
        particulars=subject.particulars,
        case_numbers=dict(subject.case_numbers),
        guardians=tuple(
            local_shapes.Guardian(name=one.name, power=one.power) for one in subject.guardians
        ),
    )


def _uses(given: str | int) -> Uses:
    return 1 if given == 1 else read_uses(given)


def _valid_from(given: local_shapes.ConsentDraft, collected_at: datetime) -> datetime:
    if given.valid_from is None or given.valid_from == day_of(collected_at):
        return collected_at
    return begin_of(given.valid_from)


def _signers(given: local_shapes.ConsentDraft, collected_at: datetime) -> tuple[Signer, ...]:
    signers = [
        Signer(
            role=one.role,
            at=(one.at or collected_at).replace(microsecond=0),
            identified=one.identified,
            entrusting=one.entrusting,
            power=one.power,
            power_until=None if one.power_until is None else end_of(one.power_until),
            areas_checked=one.areas_checked,
            custody=one.custody,
            office=one.office,
        )
        for one in given.signers
    ]
    return tuple(sorted(signers, key=lambda signer: (list(Role).index(signer.role), signer.at)))


def subject_of(given: local_shapes.ConsentDraft) -> SubjectFacts:
    """Return who a draft is about.

    Raises:
        Malformed: the draft does not say.
    """
    if given.subject is None:
        raise Malformed("subject: missing; a consent is recorded about somebody")
    return facts(given.subject)


def subject_in(block: Mapping[str, Any] | None) -> SubjectFacts | None:
    """Return who an opened block names; None where this agency cannot read it."""
    try:
        return None if block is None else read_subject(block.get("subject"))
    except Malformed:  # a collector's own program has written something else
        return None
