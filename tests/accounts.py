"""A paper with everything about one consent, as the person's page makes it."""

from exchange.consent import render
from exchange.forms.account import Account, Chapter, Fact, Said, Told
from exchange.forms.labels import labels
from exchange.forms.sheet import link_to_page
from exchange.hub.pages.tell import shown
from tests import samples

SCOPE = samples.agreement().scope()
CONSENT = samples.consent()
STAMP = "2026-03-03T11:10:00+01:00"


def account(lang: str = "de", *, said: str = "Amt 1", events: int = 1) -> Account:
    """Return a paper in `lang` on which others have written `said`, with so many events."""
    fact = Fact("An", (Said(said), Said(said, "de")))
    told = tuple(
        Told(text=f"Ereignis {number}.", at="03.03.2026", stamp=STAMP, facts=(fact,))
        for number in range(events)
    )
    text = shown(render.notice_of(CONSENT, SCOPE), CONSENT)
    return Account(
        lang=lang,
        labels_lang=lang,
        title="Auskunft",
        heading="Ihre Einwilligung",
        opening=("Sie gilt.\nBis morgen.", "Stand: heute."),
        chapters=(
            Chapter(heading="Erlaubt", facts=((fact,), (fact,)), closing=("Bisher: 1-mal.",)),
            Chapter(heading="Geschehen", hints=("Das Neueste steht oben.",), told=told),
            Chapter(heading="Der genaue Text", shown=text, closing=("Kennzahl",)),
        ),
        link=link_to_page(SCOPE, labels()[lang]),
        footer="Auskunft",
    )
