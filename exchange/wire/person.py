"""Shapes about the person herself: her code, and drafts that wait for her signature."""

from typing import Annotated, Literal

from pydantic import Field

from exchange.wire.fields import Digest, Id, LogKey, Moment, ReceiptPath
from exchange.wire.shapes import Shape


class CredentialGiven(Shape):
    """The digest of a person's new code, made at the gateway; the code itself stays on paper."""

    credential: Digest | None = None
    """Null: from now on no code opens this consent."""
    log_key: bool = False
    """Whether the answer is to hand out the key of the consent's log entries, for a receipt."""


class CredentialStored(Shape):
    """From now on this code opens the person's page, and none before it."""

    id: Id
    consent: Digest
    receipt: ReceiptPath | None = None
    log_key: LogKey | None = None
    """The key, if it was asked for; stored nowhere but in the vault and on the receipt."""


class DraftGiven(Shape):
    """An electronic consent that waits for the person's signature."""

    draft: Annotated[str, Field(min_length=1, max_length=262_144)]
    """Payload of the consent in its RFC 8785 form, with stand-ins for what signing fixes."""
    invitation: Digest
    """Digest of the invitation with which the person opens it."""


class Draft(Shape):
    """A draft as its collecting agency sees it; whatever else became of it, it is gone."""

    id: Id
    state: Literal["waiting", "signed"]
    until: Moment
    """When it is gone."""
    signed: Annotated[str, Field(max_length=400_000)] | None = None
    """What the person has signed: protected header and payload in base64url, with a dot between."""
    signature: Annotated[str, Field(min_length=86, max_length=86)] | None = None
    """Her Ed25519 signature over `signed`, base64url."""


class DraftForgotten(Shape):
    """The draft is gone."""

    id: Id
