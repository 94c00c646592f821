"""What a manifest, or a question to the hub, asks `decide`; and how the consent stands to it.

Combines rooms that never see each other: envelope, agreement's scope and consent. Both sides use
it, so that hub and recipient ask the same question.
"""

from datetime import UTC, datetime

from exchange.consent.decision import Asked, Onward, Standing
from exchange.envelope.manifest import Context
from exchange.errors import Malformed
from exchange.members import LARGEST_SECONDS
from exchange.vocabulary import Scope, secrecy
from exchange.wire import shapes


def asked_by_manifest(context: Context, *, onward: tuple[Onward, ...] = ()) -> Asked:
    """Return what a manifest whose signatures verified asks for.

    Args:
        context: of the manifest.
        onward: other agencies' documents in it, where the contents are known: at the sender and,
            after opening, at the recipient; the hub knows none.
    """
    return Asked(
        consent=context.consent,
        sender=context.sender,
        recipients=frozenset(addressee.agency for addressee in context.recipients),
        purpose=context.purpose,
        category=context.category,
        secrecy=context.secrecy,
        exp=datetime.fromtimestamp(context.exp, UTC),
        onward=onward,
    )


def asked_beforehand(question: shapes.Asked, sender: str) -> Asked:
    """Return what an authenticated `sender` asks in advance, without a manifest.

    Raises:
        Malformed: the secrecy class is unknown, or `exp` is beyond the calendar.
    """
    if question.exp > LARGEST_SECONDS:
        raise Malformed("exp: beyond the calendar")
    return Asked(
        consent=question.consent,
        sender=sender,
        recipients=frozenset(question.recipients),
        purpose=question.purpose,
        category=question.category,
        secrecy=secrecy(question.secrecy),
        exp=datetime.fromtimestamp(question.exp, UTC),
    )


def standing(  # noqa: PLR0913  # each is a fact of its own, and none has a default that permits
    asked: Asked,
    scope: Scope | None,
    *,
    in_force: bool,
    used: int,
    ended_at: datetime | None,
    recorded: bool,
    vetoed: bool,
) -> Standing:
    """Return how a consent stands to what is asked.

    Args:
        asked: whatever somebody wants to disclose under it.
        scope: of the agreement the consent names; None when that is unknown, which covers
            nothing.
        in_force: whether that agreement is in force now.
        used: uses counted for other disclosures than this one.
        ended_at: when the consent was withdrawn or ended.
        recorded: whether the hub has it in its tables.
        vetoed: whether a gate plugin denies.
    """
    covered = (
        scope is not None
        and in_force
        and scope.covers(
            asked.sender,
            asked.recipients,
            purpose=asked.purpose,
            category=asked.category,
            secrecy=asked.secrecy,
        )
    )
    return Standing(
        recorded=recorded,
        used=used,
        ended_at=ended_at,
        agreement_covers=covered,
        without_undertaking=scope.without_undertaking if scope else frozenset(),
        vetoed=vetoed,
    )
