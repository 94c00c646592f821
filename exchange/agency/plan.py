"""What would be sent, decided before a byte is sealed: the reasons of a no are told here.

Runs the same decision as the hub, on the records this agency may read. The hub's own no has no
reason; this one has.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from exchange.agency.asked import find_asked
from exchange.agency.onward import Origin, origins_of
from exchange.agency.origins import size_of
from exchange.agency.parts import Gateway
from exchange.agency.records import KnownAgreement, KnownConsent
from exchange.agreement.record import Release
from exchange.consent import binding, decision
from exchange.consent.decision import Asked, Deny, decide
from exchange.envelope.contents import Contents, Entry, Letter, unsuitable
from exchange.envelope.manifest import Terms
from exchange.envelope.names import distinct
from exchange.envelope.sealing import Outgoing
from exchange.errors import Malformed, NotCovered, NotFound
from exchange.hookspecs import FILES
from exchange.keyring.directory import Accepted
from exchange.statement import seconds
from exchange.vocabulary import Scope, Secrecy
from exchange.wire import shapes

_NOTHING = "0" * 64
"""Stands for the digest of contents that are not read yet."""
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+", re.ASCII)
"""A type and a subtype, RFC 6838 section 4.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody wants to send."""

    files: tuple[Outgoing, ...]
    consent: str
    """Id of the consent record."""
    recipients: tuple[str, ...]
    category: str
    secrecy: Secrecy | None = None
    """None means the lowest class that is not below the category's, the one that this agency's
    own secrecy demands, and those of the documents passed on."""
    remark: str | None = None
    reference: str | None = None
    replaces: str | None = None
    """Id of the disclosure that this sends again."""
    answers: str | None = None
    """Id of the request that this answers."""
    onward_of: tuple[str, ...] = ()
    """Ids of disclosures of other agencies of which this passes on something."""
    profile: str | None = None
    """What the files promise the recipient; None or `files/1`: files that a person can read."""
    seen_by_person: bool = False
    """Whether the person has seen these very files and said yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A disclosure that is permitted as far as this agency can know; not yet sealed."""

    terms: Terms
    keys: tuple[Accepted, ...]
    """One per recipient."""
    files: tuple[Outgoing, ...]
    """First the notice on purpose and secrecy, where one is due; then those of the draft."""
    letter: Letter


async def plan(gateway: Gateway, draft: Draft, recipients: Sequence[str]) -> Plan:
    """Return what would be sent to `recipients` together, or say why it may not.

    Raises:
        NotCovered: with every reason of the decision.
        Held: a recipient's key is not to be trusted.
        Malformed: the recipient cannot take these files, or the draft lacks something: such as
            from which disclosure of another agency a file is passed on.
        NotFound: this agency knows no such consent.
    """
    _check_filled(draft)
    now = gateway.clock()
    try:
        consent = await gateway.records.consent_to_send(draft.consent, now=now)
    except NotFound:
        raise NotFound(
            "this agency knows no such consent; `exchange consent show` lists those it may use"
        ) from None
    agreement = await gateway.records.agreement(consent.record.agreement, now=now)
    if agreement is None:
        raise NotCovered((decision.Reason.AGREEMENT.value,))
    keys = [await gateway.partners.key_of(agency, now=now) for agency in sorted(recipients)]
    origins = await origins_of(gateway, draft.files, draft.onward_of)
    terms = _terms(gateway, draft, consent, agreement, origins, now)
    if draft.answers is not None:
        terms = replace(terms, request=_answered(gateway, draft, draft.answers, recipients))
    asked = _asked(terms, keys, origins)
    await _decide(gateway, asked, consent)
    _check_release(gateway, draft, agreement, recipients)
    for key in keys:
        _check_capabilities(gateway, key.statement.agency, draft)
    subject = await gateway.records.subject(consent.record.digest)
    letter = Letter(
        subject=None if subject is None else subject.get("subject"),
        remark=draft.remark,
        reference=draft.reference,
        onward_of=tuple(origin.stated() for origin in origins),
        profile=_profile(draft),
    )
    files = (*_notice(gateway, asked, agreement.scope), *draft.files)
    return Plan(terms=terms, keys=tuple(keys), files=files, letter=letter)


def _terms(
    gateway: Gateway,
    draft: Draft,
    consent: KnownConsent,
    agreement: KnownAgreement,
    origins: Sequence[Origin],
    now: datetime,
) -> Terms:
    try:
        floor = agreement.scope.floor(gateway.agency, draft.category)
    except Malformed:
        raise NotCovered((decision.Reason.CATEGORY.value,)) from None
    lowest = max([floor, *(origin.secrecy for origin in origins)])
    # A disclosure never outlives its consent; of one about to end, it lives as long as that.
    exp = min(now + gateway.settings.life, consent.record.valid_until)
    return Terms(
        id=str(uuid.uuid4()),
        sender=gateway.agency,
        kid=gateway.identity.kid,
        consent=consent.record.digest,
        purpose=consent.record.purpose.code,
        category=draft.category,
        secrecy=draft.secrecy if draft.secrecy is not None else lowest,
        iat=seconds(now),
        exp=max(seconds(exp), seconds(now) + 1),  # an ended one is denied below, with its reason
        replaces=draft.replaces,
    )


def _answered(gateway: Gateway, draft: Draft, request_id: str, recipients: Sequence[str]) -> str:
    """Return the digest of the request that a draft answers."""
    request = find_asked(gateway.home, request_id)
    if list(recipients) != [request.agency]:
        raise Malformed("a request is answered to the agency that made it, and to no other")
    if draft.category not in request.categories:
        raise Malformed("the request asks for other kinds of documents")
    return request.digest


def _asked(terms: Terms, keys: Sequence[Accepted], origins: Sequence[Origin]) -> Asked:
    return Asked(
        consent=terms.consent,
        sender=terms.sender,
        recipients=frozenset(key.statement.agency for key in keys),
        purpose=terms.purpose,
        category=terms.category,
        secrecy=terms.secrecy,
        exp=datetime.fromtimestamp(terms.exp, UTC),
        onward=tuple(origin.asked() for origin in origins),
    )


async def _decide(gateway: Gateway, asked: Asked, consent: KnownConsent) -> None:
    now = gateway.clock()
    standing = await gateway.records.standing(asked, consent, now=now)
    decided = decide(asked, consent.record, standing, now=now)
    if isinstance(decided, Deny):
        raise NotCovered(tuple(reason.value for reason in decided.reasons))


def _notice(gateway: Gateway, asked: Asked, scope: Scope) -> Sequence[Outgoing]:
    """Return the notice on purpose and secrecy, for whoever is no body of § 35 SGB I."""
    if not binding.is_due(scope, asked.recipients):
        return ()
    text = binding.notice(asked, scope, lang=gateway.settings.language)
    return (Outgoing(binding.NAME, binding.MEDIA_TYPE, text),)


def _check_release(
    gateway: Gateway, draft: Draft, agreement: KnownAgreement, recipients: Sequence[str]
) -> None:
    each = any(
        flow.release is Release.EACH
        for flow in agreement.agreement.flows
        if flow.sender == gateway.agency and flow.recipient in recipients
    )
    if each and not draft.seen_by_person:
        raise Malformed(
            "the agreement wants the person to see these very files and agree to each sending; "
            "say that she has with --seen-by-person"
        )


def _check_filled(draft: Draft) -> None:
    """Refuse a file of 0 bytes: a scan or a copy that failed, and nobody can read it."""
    empty = sum(size_of(file) == 0 for file in draft.files)
    if empty:
        raise Malformed(
            f"{empty} of {len(draft.files)} files are empty (0 bytes); nothing was sent: "
            "scan or save them again"
        )


def _profile(draft: Draft) -> str | None:
    return None if draft.profile == FILES else draft.profile


def _check_capabilities(gateway: Gateway, agency: str, draft: Draft) -> None:
    files = draft.files
    capabilities = gateway.partners.capabilities_of(agency)
    profile = _profile(draft)
    if profile is not None and (capabilities is None or profile not in capabilities.profiles):
        # Words of our own: what the hub delivers is not shown.
        raise Malformed(f"{agency} does not read files of this profile; send them without it")
    if capabilities is None:
        return
    names = distinct(file.name for file in files)
    listed = Contents(
        files=tuple(
            Entry(name, file.media_type, size_of(file), _NOTHING)
            for name, file in zip(names, files, strict=True)
        ),
        raw=b"",
    )
    reasons = unsuitable(
        listed,
        media_types=frozenset(capabilities.media_types),
        max_size=capabilities.max_size,
        name_alphabet=capabilities.name_alphabet,
    )
    if reasons:
        said = ", ".join(_explained(reason, capabilities) for reason in reasons)
        raise Malformed(f"{agency} cannot take these files: {said}")


def _explained(reason: str, capabilities: shapes.Capabilities) -> str:
    if reason != "media-type":
        return reason
    # The hub delivers these words: what is no plain name of a type is not shown on a terminal.
    known = sorted(name for name in capabilities.media_types if _MEDIA_TYPE.fullmatch(name))
    return f"{reason} (it accepts {' '.join(known) or 'none that can be shown'})"
