"""Step 14 of receiving: separate the notice on purpose and secrecy from the documents.

The notice is found by its digest, which follows from the agreement and the signed manifest: a
sender cannot word it differently, and what only bears its name is a document like any other.
"""

from dataclasses import dataclass, replace

from exchange.agency.examine import Examined
from exchange.agency.parts import Gateway
from exchange.consent import binding
from exchange.envelope.opening import Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Separated:
    """An opened document without its notice, and the notice."""

    documents: Opened
    """Never empty; the bytes of its contents list are those of the whole package."""
    notice: bytes | None
    """Text in UTF-8, shown before the documents; None where none came."""
    confirmed: str | None
    """SHA-256 of the notice, for the acknowledgement; None where none is due to this agency."""
    missing: bool
    """Whether a notice is due to this agency and did not come."""


async def separate(gateway: Gateway, examined: Examined, opened: Opened) -> Separated:
    """Return the documents of an opened package, and the notice that came before them.

    It travels when any recipient is no body of § 35 SGB I, and is due to those alone.
    """
    agreement = await gateway.records.agreement(
        examined.consent.record.agreement, now=gateway.clock()
    )
    if agreement is None:  # step 15 says so
        return Separated(documents=opened, notice=None, confirmed=None, missing=False)
    due = binding.is_due(agreement.scope, [gateway.agency])
    first, *documents = opened.files
    notice = None
    if documents and first.name == binding.NAME:
        notice = binding.named(first.sha256, examined.asked, agreement.scope)
    if notice is None:
        return Separated(documents=opened, notice=None, confirmed=None, missing=due)
    listed = replace(opened.contents, files=opened.contents.files[1:])
    return Separated(
        documents=Opened(listed, tuple(documents)),
        notice=notice,
        confirmed=first.sha256 if due else None,
        missing=False,
    )
