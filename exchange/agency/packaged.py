"""What intake formats are told of a document: words of the agreement, the consent, the proofs.

Everything in it was verified before; of the person it says nothing but the reference to her.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, select

from exchange.agency import tables
from exchange.agency.arrivals import context_in
from exchange.agency.evidence import KEPT_AS, find_evidence
from exchange.agency.examine import Examined
from exchange.agency.log_points import COLLECTED
from exchange.agency.parts import Gateway
from exchange.agency.records import KnownAgreement
from exchange.agency.separate import Separated
from exchange.agency.state import Received
from exchange.canonical import unb64u
from exchange.consent.record import ConsentRecord
from exchange.errors import ExchangeError
from exchange.hookspecs import (
    ConsentTerms,
    DeliveredFolder,
    DocumentFile,
    DocumentPackage,
    Label,
    Proof,
)
from exchange.vocabulary import Secrecy

_SECRECY: Final[Mapping[Secrecy, tuple[str, str]]] = {
    Secrecy.PERSONAL: ("Personenbezogene Daten", "Personal data"),
    Secrecy.SOCIAL: ("Sozialgeheimnis (§ 35 SGB I)", "Social secrecy (§ 35 SGB I)"),
    Secrecy.PROFESSIONAL: ("Berufsgeheimnis (§ 203 StGB)", "Professional secrecy (§ 203 StGB)"),
    Secrecy.ENTRUSTED: ("Anvertraut (§ 65 SGB VIII)", "Entrusted (§ 65 SGB VIII)"),
}


async def packaged(
    gateway: Gateway,
    received: Received,
    examined: Examined,
    separated: Separated,
    *,
    profile: str,
    proofs: bool,
) -> DocumentPackage:
    """Return an opened document as an intake format gets it.

    Args:
        gateway: the parts.
        received: with its signed manifest and the receipt of its sending.
        examined: what it was permitted under.
        separated: the files.
        profile: what reads it here.
        proofs: whether the format asks for them.
    """
    context = examined.manifest.context
    record = examined.consent.record
    agreement = await gateway.records.agreement(record.agreement, now=gateway.clock())
    contents = separated.documents.contents
    return DocumentPackage(
        disclosure_id=context.id,
        profile=profile,
        sender=context.sender,
        sender_name=_office(agreement, context.sender),
        purpose=_purpose(agreement, context.purpose),
        category=_category(agreement, context.category),
        secrecy=Label(context.secrecy.code, *_SECRECY[context.secrecy]),
        sent_at=datetime.fromtimestamp(context.iat, UTC),
        collected_at=received.collected_at or gateway.clock(),
        files=tuple(
            DocumentFile(
                name=file.name,
                media_type=file.media_type,
                size=file.size,
                sha256=file.sha256,
                path=file.path,
                third_party=file.third_party,
            )
            for file in separated.documents.files
        ),
        remark=contents.remark or "",
        reference=contents.reference or "",
        notice=(separated.notice or b"").decode("utf-8"),
        consent=_terms(record, agreement),
        proofs=await _proofs(gateway, received) if proofs else (),
    )


async def outlined(gateway: Gateway, received: Received, folder: str) -> DeliveredFolder:
    """Return what a system of the agency is told of a document that no format has converted.

    Its labels are those of the agreement; codes where the hub cannot say now which one that is.

    Args:
        gateway: the parts.
        received: with its signed manifest.
        folder: its name in the spool.
    """
    context = context_in(received.manifest or b"")
    now = gateway.clock()
    try:
        consent = await gateway.records.consent(
            now=now, digest=received.consent, consent_id=received.consent_id
        )
        agreement = await gateway.records.agreement(consent.record.agreement, now=now)
    except ExchangeError:
        agreement = None
    return DeliveredFolder(
        disclosure_id=context.id,
        folder=folder,
        sender=context.sender,
        sender_name=_office(agreement, context.sender),
        purpose=_purpose(agreement, context.purpose),
        category=_category(agreement, context.category),
        secrecy=Label(context.secrecy.code, *_SECRECY[context.secrecy]),
        collected_at=received.collected_at or now,
        files=(),
    )


def _terms(record: ConsentRecord, agreement: KnownAgreement | None) -> ConsentTerms:
    return ConsentTerms(
        id=record.id,
        agreement=record.agreement if agreement is None else agreement.agreement.id,
        subject_ref=record.subject.ref,
        purpose=_purpose(agreement, record.purpose.code),
        purpose_words=record.purpose.words,
        categories=tuple(_category(agreement, code) for code in sorted(record.categories)),
        releasers=tuple(sorted(record.releasers)),
        recipients=tuple(sorted(record.recipients)),
        form=record.form.value,
        collected_by=record.collected_by,
        collected_at=record.collected_at,
        valid_from=record.valid_from,
        valid_until=record.valid_until,
        sha256=unb64u(record.digest).hex(),
    )


async def _proofs(gateway: Gateway, received: Received) -> tuple[Proof, ...]:
    """Return the signed statements and receipts; that of the collection may not be here yet."""
    found = await gateway.state.read(_kept, received)
    return tuple(proof for proof in found if proof.content)


def _kept(conn: Connection, received: Received) -> tuple[Proof, ...]:
    statement = select(tables.consents.c.statement)
    consent = conn.execute(statement.where(tables.consents.c.digest == received.consent))
    collected = find_evidence(conn, received.digest, KEPT_AS[COLLECTED])
    return (
        Proof(kind="manifest", name="manifest.jws", content=_text(received.manifest)),
        Proof(kind="consent", name="consent.jws", content=_text(consent.scalar_one_or_none())),
        Proof(kind="stored", name="stored.tlog-proof", content=_text(received.receipt)),
        Proof(kind="collected", name="collected.tlog-proof", content=_text(collected)),
    )


def _text(found: bytes | None) -> str:
    return (found or b"").decode("utf-8")


def _office(agreement: KnownAgreement | None, agency: str) -> str:
    if agreement is None or agency not in agreement.agreement.agencies:
        return agency
    return agreement.agreement.party(agency).name


def _purpose(agreement: KnownAgreement | None, code: str) -> Label:
    known = agreement.scope.vocabulary.purposes if agreement else {}
    return _label(code, known[code].labels if code in known else {})


def _category(agreement: KnownAgreement | None, code: str) -> Label:
    known = agreement.scope.vocabulary.categories if agreement else {}
    return _label(code, known[code].labels if code in known else {})


def _label(code: str, labels: Mapping[str, str]) -> Label:
    return Label(code, labels.get("de", code), labels.get("en", code))
