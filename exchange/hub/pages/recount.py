"""Everything about a consent on one paper: what the person's page tells, whole and with full names.

Pure.
"""

from datetime import datetime

from exchange.forms.account import Account, Chapter, Fact, Said
from exchange.forms.labels import labels
from exchange.forms.sheet import link_to_page
from exchange.hub.pages.tell import Contact, Teller, shown
from exchange.hub.view_consent import PersonView
from exchange.pages.words import Words


def recount(seen: PersonView, say: Words, *, at: datetime) -> Account:
    """Return the paper in the words of `say`.

    Args:
        seen: with as many of its events as are to stand on it.
        say: texts of one language.
        at: moment of the look at it.
    """
    teller = Teller(say=say, scope=seen.scope, named=True)
    return Account(
        lang=say.lang,
        labels_lang=say.lang,
        title=say("page.title"),
        heading=say("view.heading"),
        opening=(teller.state(seen), say("account.made", moment=say.moment(at))),
        chapters=(
            _allowed(teller, seen),
            *_erasures(teller, seen),
            _events(teller, seen),
            _names(teller, seen),
            _text(say, seen),
        ),
        link=link_to_page(seen.scope, labels()[say.lang]),
        footer=say("page.title"),
    )


def _allowed(teller: Teller, seen: PersonView) -> Chapter:
    say = teller.say
    return Chapter(
        heading=say("view.allowed"),
        facts=(teller.consent(seen.record),),
        closing=(say("view.used", count=seen.used),),
    )


def _erasures(teller: Teller, seen: PersonView) -> tuple[Chapter, ...]:
    """Return the chapter about erasing, where somebody was asked to erase."""
    if not seen.erasures:
        return ()
    say = teller.say
    return (
        Chapter(
            heading=say("view.erasures"),
            hints=(say("view.erasures_hint"),),
            told=tuple(teller.erasure(one) for one in seen.erasures),
        ),
    )


def _events(teller: Teller, seen: PersonView) -> Chapter:
    say, events = teller.say, seen.events
    return Chapter(
        heading=say("view.events"),
        hints=(say("view.events_hint") if events else say("view.no_events"),),
        told=tuple(teller.event(one) for one in events),
        closing=(
            *((say("account.older", count=len(events)),) if seen.next else ()),
            say("account.proofs"),
        ),
    )


def _names(teller: Teller, seen: PersonView) -> Chapter:
    contacts = tuple(_reached(teller.say, one) for one in teller.contacts(seen.record))
    return Chapter(heading=teller.say("view.names"), facts=contacts)


def _reached(say: Words, contact: Contact) -> tuple[Fact, ...]:
    return (
        Fact(say("fact.office"), (Said(contact.name), Said(contact.contact))),
        Fact(say("fact.officer"), (Said(contact.officer),)),
    )


def _text(say: Words, seen: PersonView) -> Chapter:
    return Chapter(
        heading=say("view.text"),
        hints=(say("view.text_hint"),),
        shown=shown(seen.text, seen.record),
        closing=(f"{say('sign.digest')} {seen.record.notice.sha256}",),
    )
