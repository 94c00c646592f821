"""Strict reading and writing of agreements: every member, in its one spelling.

Refuses what the types already decide; rules of law that need judgement belong to the linter.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from exchange.agreement.record import (
    Agreement,
    Attestation,
    AttestationCode,
    Flow,
    HubNamed,
    Limits,
    Party,
    Release,
    Retention,
    Undertaking,
)
from exchange.agreement.term import read_term, term_payload
from exchange.canonical import Json, sha256_hex
from exchange.errors import LintRefused, Malformed
from exchange.members import Members, language, ordered, version, write_time
from exchange.rules import refused
from exchange.statement import Kind, Verified
from exchange.vocabulary import Body, NoticeText, Vocabulary, read_vocabulary, secrecy

MOST_PARTIES = 64
"""Parties of one agreement: a district's whole network has about sixty agencies."""
MOST_FLOWS = 512
"""Directions of one agreement; the statement's own limit of 256 KiB is reached before."""
MOST_TEXTS = 64
"""Templates: about six texts in ten languages."""
LARGEST_TEXT = 64 * 1024
"""Characters of one template; the longest shipped one has about 9,000."""
MOST_DAYS = 731
"""Longest validity of a consent any agreement may admit: two years (rule L15)."""
MOST_YEARS = 30
"""Longest retention of evidence, in years: the longest limitation of claims (§ 197 BGB)."""
NO_CONSEQUENCES = "none"
"""The only consequence refusing a consent may have."""


def read_agreement(verified: Verified) -> Agreement:
    """Return the agreement in a statement whose signatures `statement.verify` has accepted.

    Raises:
        Malformed: another kind of statement, an unknown, missing or wrongly typed member, a list
            that is not sorted, or parts that do not fit together.
        LintRefused: A04 refusing is to have consequences, A05 consent is not the only basis,
            A07 a flow that names no kinds of documents or has no direction, A03 a purpose of a
            class that is not admitted, L04, V01, V03.
    """
    if verified.kind is not Kind.AGREEMENT:
        raise Malformed("not an agreement")
    return read_payload(verified.payload, digest=verified.digest, kid=verified.kid)


def read_payload(signed: Mapping[str, Any], *, digest: str, kid: str | None) -> Agreement:
    """Return the agreement in a payload, whether or not anybody has verified its signatures.

    Args:
        signed: the members of the agreement.
        digest: of its statement.
        kid: of the pair that has, or is said to have, signed it.

    Raises:
        Malformed, LintRefused: as `read_agreement`.
    """
    members = Members(signed)
    _check_basis(members)
    hub, retention, limits = (members.object(name) for name in ("hub", "retention", "limits"))
    found = Agreement(
        digest=digest,
        id=members.uuid("id"),
        iat=members.seconds("iat"),
        drafted_by=members.agency("drafted_by"),
        title=members.text("title"),
        term=read_term(members.object("term")),
        parties=tuple(_party(party) for party in members.objects("parties", 2, MOST_PARTIES)),
        collectors=members.agencies("collectors", 1, MOST_PARTIES),
        flows=tuple(_flow(flow) for flow in members.objects("flows", 1, MOST_FLOWS)),
        purposes=members.codes("purposes", 1, MOST_TEXTS),
        vocabulary=_vocabulary(members),
        notices=tuple(_notice(text) for text in members.objects("notices", 0, MOST_TEXTS)),
        undertakings=tuple(
            _undertaking(entry) for entry in members.objects("undertakings", 0, MOST_PARTIES)
        ),
        attestations=tuple(
            _attestation(entry) for entry in members.objects("attestations", 0, MOST_TEXTS)
        ),
        authority=members.text("authority"),
        retention=Retention(
            years=retention.integer("years", 1, MOST_YEARS), words=retention.labels("words")
        ),
        limits=Limits(
            once_days=limits.integer("once_days", 1, MOST_DAYS),
            days=limits.integer("days", 1, MOST_DAYS),
        ),
        hub=HubNamed(
            operator=hub.text("operator"),
            storage_location=hub.text("storage_location"),
            page=hub.text("page"),
        ),
    )
    for read in (hub, retention, limits, members):
        read.end()
    _check_order(found)
    _check_parties(found, kid)
    _check_vocabulary(found)
    _check_languages(found)
    return found


def _vocabulary(members: Members) -> Vocabulary:
    try:
        return members.take("vocabulary", read_vocabulary)
    except LintRefused as error:
        if any(finding.id == "V02" for finding in error.findings):
            raise refused("A03", "purposes") from None
        raise


def _check_basis(members: Members) -> None:
    """Refuse an agreement under which refusing costs something, or consent is only one basis."""
    if members.text("refusal_consequences") != NO_CONSEQUENCES:
        raise refused("A04", "refusal_consequences")
    if not members.flag("sole_basis"):
        raise refused("A05", "sole_basis")


def _party(party: Members) -> Party:
    found = Party(
        agency=party.agency("agency"),
        kid=party.digest("kid"),
        name=party.text("name"),
        contact=party.text("contact"),
        officer=party.text("officer"),
        public_label=party.text("public_label"),
        body=party.word("body", Body),
        secret_keeper=party.flag("secret_keeper"),
        benefit=party.flag("benefit"),
    )
    party.end()
    return found


def _flow(flow: Members) -> Flow:
    found = Flow(
        sender=flow.agency("from"),
        recipient=flow.agency("to"),
        categories=flow.codes("categories", 0, MOST_FLOWS),
        secrecy=flow.take("secrecy", secrecy),
        release=flow.word("release", Release),
    )
    flow.end()
    if not found.categories or found.sender == found.recipient:
        raise refused("A07", "flows")
    return found


def _notice(text: Members) -> NoticeText:
    found = NoticeText(
        id=text.code("id"),
        version=text.take("version", version),
        lang=text.take("lang", language),
        sha256=text.sha256("sha256"),
        reviewed=text.flag("reviewed"),
        text=text.text("text", size=LARGEST_TEXT, lines=True),
        superseded_at=text.time("superseded_at") if text.has("superseded_at") else None,
    )
    text.end()
    if sha256_hex(found.text.encode("utf-8")) != found.sha256:
        raise Malformed("notices: a text has another digest")
    return found


def _undertaking(entry: Members) -> Undertaking:
    found = Undertaking(agency=entry.agency("agency"), sha256=entry.sha256("sha256"))
    entry.end()
    return found


def _attestation(entry: Members) -> Attestation:
    found = Attestation(code=entry.word("code", AttestationCode), date=entry.take("date", _date))
    entry.end()
    return found


def _date(value: object) -> date:
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.isoformat() != value:
        raise Malformed("a date is written YYYY-MM-DD")
    return found


def _check_order(agreement: Agreement) -> None:
    """Refuse lists of objects that are not sorted by their key, or name a key twice."""
    ordered([party.agency for party in agreement.parties], "parties")
    ordered([(flow.sender, flow.recipient) for flow in agreement.flows], "flows")
    ordered([text.key for text in agreement.notices], "notices")
    ordered([entry.agency for entry in agreement.undertakings], "undertakings")
    ordered([entry.code.value for entry in agreement.attestations], "attestations")


def _check_parties(agreement: Agreement, kid: str | None) -> None:
    """Refuse an agreement that names agencies which are no parties, or another key."""
    agencies = agreement.agencies
    if agreement.drafted_by not in agencies:
        raise Malformed("drafted_by: not a party")
    if agreement.party(agreement.drafted_by).kid != kid:
        raise Malformed("parties: another key than the one that signed")
    if not agreement.collectors <= agencies:
        raise Malformed("collectors: not a party")
    if any(not {flow.sender, flow.recipient} <= agencies for flow in agreement.flows):
        raise Malformed("flows: not a party")
    private = {party.agency for party in agreement.parties if party.body is Body.PRIVATE}
    if any(entry.agency not in private for entry in agreement.undertakings):
        raise Malformed("undertakings: not a private party")


def _check_vocabulary(agreement: Agreement) -> None:
    """Refuse a vocabulary that has not exactly the entries the agreement uses."""
    used = frozenset().union(*(flow.categories for flow in agreement.flows))
    if agreement.vocabulary.purposes.keys() != agreement.purposes:
        raise Malformed("vocabulary.purpose: not exactly the purposes of the agreement")
    if agreement.vocabulary.categories.keys() != used:
        raise Malformed("vocabulary.category: not exactly the categories of the flows")


def _check_languages(agreement: Agreement) -> None:
    """Refuse texts in a language in which nobody is told how long records are kept."""
    if not {text.lang for text in agreement.notices} <= agreement.retention.words.keys():
        raise Malformed("retention.words: a language of the texts is missing")


def payload(agreement: Agreement) -> dict[str, Json]:
    """Return the members to sign; `read_agreement` is the way back."""
    return {
        "id": agreement.id,
        "iat": agreement.iat,
        "drafted_by": agreement.drafted_by,
        "title": agreement.title,
        "term": term_payload(agreement.term),
        "parties": [_party_payload(party) for party in agreement.parties],
        "collectors": sorted(agreement.collectors),
        "flows": [_flow_payload(flow) for flow in agreement.flows],
        "purposes": sorted(agreement.purposes),
        "vocabulary": agreement.vocabulary.payload(),
        "notices": [notice_payload(text) for text in agreement.notices],
        "sole_basis": True,
        "refusal_consequences": NO_CONSEQUENCES,
        "undertakings": [
            {"agency": entry.agency, "sha256": entry.sha256} for entry in agreement.undertakings
        ],
        "attestations": [
            {"code": entry.code.value, "date": entry.date.isoformat()}
            for entry in agreement.attestations
        ],
        "authority": agreement.authority,
        "retention": {
            "years": agreement.retention.years,
            "words": dict(agreement.retention.words),
        },
        "limits": {"once_days": agreement.limits.once_days, "days": agreement.limits.days},
        "hub": {
            "operator": agreement.hub.operator,
            "storage_location": agreement.hub.storage_location,
            "page": agreement.hub.page,
        },
    }


def _party_payload(party: Party) -> dict[str, Json]:
    return {
        "agency": party.agency,
        "kid": party.kid,
        "name": party.name,
        "contact": party.contact,
        "officer": party.officer,
        "public_label": party.public_label,
        "body": party.body.value,
        "secret_keeper": party.secret_keeper,
        "benefit": party.benefit,
    }


def _flow_payload(flow: Flow) -> dict[str, Json]:
    return {
        "from": flow.sender,
        "to": flow.recipient,
        "categories": sorted(flow.categories),
        "secrecy": flow.secrecy.code,
        "release": flow.release.value,
    }


def notice_payload(text: NoticeText) -> dict[str, Json]:
    """Return the entry of one text in the member `notices`."""
    superseded = (
        {} if text.superseded_at is None else {"superseded_at": write_time(text.superseded_at)}
    )
    return {
        "id": text.id,
        "version": text.version,
        "lang": text.lang,
        "sha256": text.sha256,
        "reviewed": text.reviewed,
        "text": text.text,
        **superseded,
    }
