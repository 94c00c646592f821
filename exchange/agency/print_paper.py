"""Print a paper at the office: the form of a draft, the withdrawal form, the receipt.

Only here a paper bears who it is about; the hub does not know it.
"""

from exchange.agency.parts import Gateway
from exchange.agency.record_consent import ConsentDraft, agreed, known_agreement, record_of
from exchange.consent.record import Subject
from exchange.forms import paper
from exchange.forms.paper import Head, Paper


async def print_form(gateway: Gateway, draft: ConsentDraft, head: Head) -> Paper:
    """Return the form that the person reads and signs before `draft` becomes a record.

    Raises:
        Malformed: the agreement lacks the text, or a word that the text needs.
        NotFound: no such agreement, or this agency has not signed it.
    """
    now = gateway.clock()
    agreement = await known_agreement(gateway, draft.agreement, now)
    nobody = Subject(ref="", sealed=b"")  # what is sealed is on no paper
    record = record_of(gateway, draft, agreement, nobody, now)
    return paper.consent_form(record, agreement.scope, head)


async def print_withdrawal_form(gateway: Gateway, agreement_id: str, *, lang: str) -> Paper:
    """Return the form that takes any consent under an agreement back, blank.

    Raises:
        Malformed: the agreement has no such text in this language.
        NotFound: as `print_form`.
    """
    return paper.withdrawal_form(await agreed(gateway, agreement_id), lang=lang)
