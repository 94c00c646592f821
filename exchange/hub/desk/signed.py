"""Who signed a consent and its withdrawal, in words: by which agency or person, with which key."""

from collections.abc import Callable

from exchange.forms.account import Fact, Said
from exchange.hub.answers.consent import ConsentSeen
from exchange.hub.answers.signed import PersonSigned, Signature
from exchange.pages.words import Words


def signed_in_words(say: Words, one: ConsentSeen, office: Callable[[str], str]) -> list[Fact]:
    """Return who signed a consent, who gave it, and the same of its withdrawal.

    Args:
        say: the words.
        one: the consent.
        office: returns what an agency is called.
    """
    facts = [
        _fact(say, "record", *(_signature(say, found, office) for found in one.signatures)),
        _fact(say, "persons", *(_person(say, found) for found in one.persons)),
    ]
    withdrawal = one.withdrawal
    if withdrawal is not None:
        told = [say(f"signed.way_{withdrawal.way}", at=say.moment(withdrawal.received_at))]
        if withdrawal.by is not None:
            told.append(say(f"signed.by_{withdrawal.by}"))
        if withdrawal.channel is not None:
            told.append(say(f"signed.channel_{withdrawal.channel}"))
        signatures = (_signature(say, found, office) for found in withdrawal.signatures)
        facts += [
            _fact(say, "withdrawal", "; ".join(told)),
            _fact(say, "withdrawal_signed", *signatures),
        ]
    return [fact for fact in facts if fact.values]


def _signature(say: Words, found: Signature, office: Callable[[str], str]) -> str:
    algorithms = ", ".join(found.algorithms)
    if found.agency is None:
        return say("signed.person_key", kid=found.key, algorithms=algorithms)
    return say(
        "signed.agency_key", agency=office(found.agency), kid=found.key, algorithms=algorithms
    )


def _person(say: Words, found: PersonSigned) -> str:
    return say(
        "signed.person",
        role=say(f"signed.role_{found.role}"),
        at=say.moment(found.at),
        identified=say(f"signed.identified_{found.identified}"),
    )


def _fact(say: Words, key: str, *texts: str) -> Fact:
    return Fact(say(f"signed.{key}"), tuple(map(Said, texts)))
