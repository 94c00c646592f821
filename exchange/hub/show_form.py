"""Show the form of a consent, to be printed, to whoever may read the record.

Made on demand from the record and its agreement, like the text on it. The head stays blank: the
hub does not know who it is about.
"""

from dataclasses import replace

from sqlalchemy import Connection

from exchange.errors import NotFound
from exchange.forms.paper import Paper, consent_form
from exchange.hub import opened
from exchange.hub.parts import Hub
from exchange.hub.storage import consents


async def show_form(hub: Hub, consent_id: str, caller: str, *, lang: str | None) -> Paper:
    """Return the form of a consent, blank and not signed.

    Args:
        hub: the parts.
        consent_id: of the record.
        caller: agency id.
        lang: a language of the agreement's texts; None is the one the person read. In another one
            it bears another digest than the record: it is a translation.

    Raises:
        NotFound: absent, or the caller may not read the record.
        Malformed: the agreement has no such text in this language.
    """
    return await hub.db.read(_form, hub, consent_id, caller, lang)


def _form(conn: Connection, hub: Hub, consent_id: str, caller: str, lang: str | None) -> Paper:
    found = consents.seen(conn, consent_id, caller)
    if found is None:
        raise NotFound
    record = hub.records.consent(conn, found.digest, found.statement)
    notice = replace(record.notice, lang=lang or record.notice.lang)
    scope = opened.scope(conn, hub, record.agreement)
    return consent_form(replace(record, notice=notice), scope)
