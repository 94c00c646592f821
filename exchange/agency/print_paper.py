"""Print a paper at the office: the form of a draft, the withdrawal form, the receipt.

Only here a paper bears who it is about; the hub does not know it.
"""

from dataclasses import dataclass

from exchange.agency.hand_in import Receipt
from exchange.agency.parts import Gateway
from exchange.agency.record_consent import ConsentDraft, agreed, known_agreement, record_of
from exchange.consent.record import Subject
from exchange.errors import NotFound
from exchange.forms import paper
from exchange.forms.paper import Head, Paper, Secrets
from exchange.vocabulary import Scope


@dataclass(frozen=True, slots=True)
class BlankReceipt:
    """The text of one consent's receipt, before anybody has made a code for it."""

    scope: Scope
    lang: str

    def paper(self, made: Receipt | None, *, in_qr: bool = False) -> Paper:
        """Return the receipt as paper.

        Args:
            made: the code and the key it bears; None: neither.
            in_qr: whether the QR code carries them too.

        Raises:
            Malformed: the agreement has no such text in this language.
        """
        secrets = None
        if made is not None:
            secrets = Secrets(code=made.code.text, log_key=made.log_key.text, in_qr=in_qr)
        return paper.receipt(self.scope, lang=self.lang, secrets=secrets)


async def find_receipt(
    gateway: Gateway, consent_id: str, *, lang: str | None = None
) -> BlankReceipt:
    """Return the text of the receipt of a consent, in the language she was shown if none is named.

    Raises:
        NotFound: no such consent, or this agency has not signed its agreement.
    """
    now = gateway.clock()
    record = (await gateway.records.consent(now=now, consent_id=consent_id)).record
    agreement = await gateway.records.agreement(record.agreement, now=now)
    if agreement is None:
        raise NotFound("this agency has not signed the agreement")
    return BlankReceipt(agreement.scope, lang or record.notice.lang)


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
