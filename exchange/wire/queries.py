"""What the hub's lists and forms are asked with."""

from typing import Annotated, Literal

from pydantic import Field

from exchange.wire.fields import Digest, Lang
from exchange.wire.shapes import Page, Text


class InboxQuery(Page):
    """What waits for me after a cursor; `wait` seconds for something new (long poll)."""

    wait: Annotated[int, Field(ge=0, le=30)] = 0


class ConsentQuery(Page):
    """The caller's consents, or the one with this digest."""

    consent: Digest | None = None


class FormQuery(Text):
    """In which language a form is, and as what."""

    lang: Lang | None = None
    """Of the agreement's texts; the one the person read, if not given."""
    kind: Annotated[Literal["html", "pdf"], Field(alias="as")] = "html"
    """A page to print, or PDF/A and PDF/UA where this hub can make one."""


class RequestsQuery(Page):
    """The caller's document requests."""

    role: Literal["asked", "asking"] | None = None
    """What the caller was asked, or what it asks; both if not given."""
    state: Literal["open", "all"] = "all"


class ErasuresQuery(Page):
    """The erasures the caller is concerned with."""

    role: Literal["asked", "asking"] | None = None
    """What the caller must erase, or what recipients of its documents owe; both if not given."""
    state: Literal["open", "all"] = "all"
