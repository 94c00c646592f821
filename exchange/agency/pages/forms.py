"""Reading what a page has sent, and only what a page of ours has sent in this session.

Two things are asked of every form: that the browser says it comes from this very page's address,
and the secret of the session, which stands in our forms alone.
"""

from hmac import compare_digest
from typing import Final

from aiohttp import web

from exchange.agency.pages.fields import Fields, parsed
from exchange.agency.pages.session import Session
from exchange.errors import NotPermitted
from exchange.pages.own_page import from_own_page
from exchange.serving import bodies
from exchange.wire.routes import FORM

LIMIT: Final = 64 * 1024
"""Bytes of a form without files; the longest has a remark and who it is about."""
SECONDS: Final = 30.0
"""In which a form without files has to arrive."""
SEAL: Final = "seal"
"""Name of the field with the secret of the session."""


def check_origin(request: web.Request) -> None:
    """Refuse what no page of this address has sent.

    The host of the request is one of ours: the outermost layer has looked.

    Raises:
        NotPermitted: another site sent it, or no browser.
    """
    if not from_own_page(request, f"http://{request.host}"):
        raise NotPermitted


def check_seal(session: Session, given: str) -> None:
    """Refuse a form that was not made in this session.

    Raises:
        NotPermitted: it bears another secret, or none.
    """
    if not compare_digest(session.seal.encode(), given.encode("utf-8", "replace")):
        raise NotPermitted


async def read(request: web.Request, session: Session | None) -> Fields:
    """Return the fields of a form without files; nothing of its body was read.

    Args:
        request: a POST.
        session: whose form it must be; None: that of the page where one enters.

    Raises:
        NotPermitted: no page of ours has sent it.
        Malformed: it is no form.
        TooLarge: more than a form of ours has.
    """
    check_origin(request)
    bodies.media_type(request, FORM)
    text = await bodies.whole(request, limit=LIMIT, seconds=SECONDS)
    fields = parsed(text)
    if session is not None:
        check_seal(session, fields.one(SEAL))
    return fields
