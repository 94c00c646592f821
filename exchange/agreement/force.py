"""When an agreement holds, and what its parties may add to it: signatures and notices."""

from collections.abc import Collection, Mapping
from datetime import datetime

from exchange.agreement.record import Agreement
from exchange.agreement.signing import AgreementNotice, AgreementSignature
from exchange.agreement.term import Fixed, earliest_end, ends_at, next_year_end
from exchange.errors import Malformed


def in_force(
    agreement: Agreement,
    signed: Mapping[str, datetime],
    notices: Collection[AgreementNotice],
    ended_at: datetime | None,
    *,
    now: datetime,
) -> bool:
    """Tell whether the agreement is in force at `now`: begun, not ended, signed by every party.

    Args:
        agreement: whose signatures were verified.
        signed: when each party's signature was recorded; the statement of the agreement is the
            signature of the party that drafted it.
        notices: recorded notices of this agreement.
        ended_at: when the agreement was ended out of turn, if it was.
        now: the moment asked about; for a consent that is the moment it was collected.
    """
    if any(agency not in signed or now < _second(signed[agency]) for agency in agreement.agencies):
        return False
    end = ends_at(agreement.term, notices)
    return (
        agreement.term.begins <= now
        and (end is None or now < end)
        and (ended_at is None or now < ended_at)
    )


def _second(moment: datetime) -> datetime:
    """Return the second of a recorded moment: records state whole seconds, and are compared."""
    return moment.replace(microsecond=0)


def check_signature(agreement: Agreement, signature: AgreementSignature) -> None:
    """Refuse the signature of somebody else, of another agreement, or by another key.

    Raises:
        Malformed: not a party's signature of this agreement with the key it names. An agency
            that has changed its identity since the draft asks for a new one.
    """
    if signature.agreement != agreement.digest or signature.agency not in agreement.agencies:
        raise Malformed("the signature is not one of a party of this agreement")
    if signature.kid != agreement.party(signature.agency).kid:
        raise Malformed("the agreement names another key of this party")


def check_notice(agreement: Agreement, notice: AgreementNotice, *, now: datetime) -> None:
    """Refuse a notice that cannot be recorded at `now`, the moment it arrives.

    Raises:
        Malformed: it is about another agreement, by somebody who is no party, the term is
            fixed, or `ends` is no end of a year for which notice can still be given.
    """
    if notice.agreement != agreement.digest or notice.agency not in agreement.agencies:
        raise Malformed("the notice is not one of a party of this agreement")
    if isinstance(agreement.term, Fixed):
        raise Malformed("an agreement with a fixed term knows no notice")
    arrived = max(now, notice.given_at)
    if notice.ends != next_year_end(notice.ends) or notice.ends < earliest_end(
        agreement.term, arrived
    ):
        raise Malformed("ends: not the end of a year for which notice can still be given")
