"""Show the text a person was shown before she consented, to whoever may read the record.

Rendered on demand from the record and its agreement: the same bytes give the same text, so
nothing is stored for it and nothing has to be erased.
"""

from sqlalchemy import Connection

from exchange.canonical import sha256_hex
from exchange.consent.render import notice_of
from exchange.errors import Malformed, NotFound, Unavailable
from exchange.hub import opened
from exchange.hub.parts import Hub
from exchange.hub.storage import consents


async def show_notice(hub: Hub, consent_id: str, caller: str) -> str:
    """Return exactly the text whose digest the record bears.

    Raises:
        NotFound: absent, or the caller may not read the record.
        Unavailable: record and agreement no longer give that text.
    """
    return await hub.db.read(_shown, hub, consent_id, caller)


def _shown(conn: Connection, hub: Hub, consent_id: str, caller: str) -> str:
    found = consents.seen(conn, consent_id, caller)
    if found is None:
        raise NotFound
    record = hub.records.consent(conn, found.digest, found.statement)
    try:
        text = notice_of(record, opened.scope(conn, hub, record.agreement))
    except Malformed as error:
        raise Unavailable("the text of a stored record cannot be rendered") from error
    if sha256_hex(text.encode("utf-8")) != record.notice.sha256:
        raise Unavailable("the text of a stored record is another one than was shown")
    return text
