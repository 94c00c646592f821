"""What a lost key, account or code affects, one thing after the other in an order that stands.

Everything that answers the question goes this one way: pages of an answer, its totals, files.
Nothing is held but one window of rows.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from sqlalchemy import Connection

from exchange.audit.event import MEMBERS
from exchange.audit.policy import NONE
from exchange.canonical import b64u, is_uuid4, unb64u
from exchange.errors import Malformed
from exchange.hub import gate
from exchange.hub.answers.entries import Opened, of_consent, opened
from exchange.hub.cursor import read_cursor, write_cursor
from exchange.hub.parts import Hub
from exchange.hub.storage import answers_breach, answers_disclosures, checkpoints, consents
from exchange.hub.storage.answers_breach import ConsentRow
from exchange.hub.storage.answers_disclosures import DisclosureRow
from exchange.hub.storage.keys import GRACE, SKEW
from exchange.hub.storage.reading import Place
from exchange.hub.stored import context_of, said, subject_of
from exchange.members import read_time

Kind: TypeAlias = Literal["document", "identity", "account", "log", "code"]

WINDOW: Final = 200
"""Rows looked at in one unit of work."""
TICK: Final = timedelta(seconds=1)
"""Events state whole seconds: what happened in this one has happened."""
SIGNED: Final = frozenset(
    {
        *("agreement-signed", "agreement-notice", "consent-recorded", "consent-withdrawn"),
        *("request-made", "disclosure-stored", "disclosure-acknowledged", "erasure-confirmed"),
    }
)
"""Kinds of events behind which there is a statement that an agency has signed."""
LOOKS: Final = frozenset({"officer-read", "officer-export"})
RECORDED: Final = frozenset({"consent-recorded"})
PLACED: Final = frozenset(MEMBERS) - LOOKS - {"erased"}
"""What is doubtful with the log's key; looks are not: asking would add to them."""
BY_CODE: Final = "page"
"""`via` of a withdrawal that needed nothing but the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The question."""

    kind: Kind
    key: str
    """Fingerprint of a document key, name of an identity key, id of an account; of a code the id
    of the consent it opens; of the log's key nothing: this hub has one."""
    since: datetime
    until: datetime | None
    """Of all but a document key: when it was stopped; None is now."""
    noticed_at: datetime
    """When it became known: the time to report begins."""

    def __post_init__(self) -> None:
        if (self.kind == "log") is not (self.key == ""):
            raise Malformed("every key but the log's is asked about by its name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Openable:
    """A disclosure that was sealed to the key."""

    disclosure: str
    sender: str
    stored_at: datetime
    header_deleted_at: datetime | None
    """None: its header is still at the hub."""
    category: str
    special: bool
    secrecy: str
    consent: str
    """Id of the consent."""
    subject_ref: str

    def gone_before(self, moment: datetime) -> bool:
        """Tell whether its header was gone before a moment: a copy of it is needed then."""
        return self.header_deleted_at is not None and self.header_deleted_at < moment


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A consent whose sealed part the key may open."""

    consent: str
    subject_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """An event that somebody else may have brought about, or whose place in the log is in doubt."""

    kind: str
    at: datetime
    by: str
    statement: str | None
    """Digest of what was signed; of a disclosure its manifest."""
    consent: str | None
    """Id of the consent it is about, if it is about one."""
    subject_ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An event that whoever had the code could read on the person's page."""

    kind: str
    at: datetime
    by: str
    consent: str
    """Id of the consent."""
    sent: Openable | None
    """The disclosure, of the event that it was stored. Nobody can open it with the code."""


Affected: TypeAlias = Openable | SealedBlock | Doubtful | Shown


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has come: behind a disclosure by its id, or behind an entry of the log."""

    disclosure: str = ""
    place: Place | None = None

    def write(self) -> str:
        """Return it as a cursor."""
        if self.place is not None:
            return write_cursor(self.place)
        return b64u(self.disclosure.encode())


BEGIN: Final = Mark()


def read_mark(text: str | None) -> Mark:
    """Return what `Mark.write` wrote; None is the beginning.

    Raises:
        Malformed: not a cursor.
    """
    if text is None:
        return BEGIN
    named = unb64u(text).decode("ascii", "replace")
    return Mark(disclosure=named) if is_uuid4(named) else Mark(place=read_cursor(text))


async def affected(
    hub: Hub, agency: str, wanted: Wanted, *, behind: Mark, now: datetime
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield everything that was looked at, and what of it is affected and may be known.

    Args:
        hub: the parts.
        agency: whose relations they are: nothing else is looked at.
        wanted: the question.
        behind: where to go on.
        now: nothing later counts.

    Yields:
        A mark behind which to go on, and None for what is not affected.
    """
    until = wanted.until or now + TICK
    if wanted.kind == "document":
        found = _by_document_key(hub, agency, wanted.key, behind, now)
    elif wanted.kind == "code":
        found = _by_code(hub, agency, wanted, until, behind)
    else:
        found = _doubtful(hub, agency, wanted, until, behind)
    async for one in found:
        yield one


# Sealed to a document key


async def _by_document_key(
    hub: Hub, agency: str, key: str, behind: Mark, now: datetime
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    if behind.place is None:
        async for row in _sealed_to(hub, agency, key, behind.disclosure):
            yield Mark(disclosure=row.disclosure), row
    used = await hub.db.read(answers_breach.time_of, key)
    if used is None:
        return
    until = now + TICK if used.until is None else used.until + GRACE
    windows = _entries(hub, agency, RECORDED, (used.since - SKEW, until), behind.place)
    async for looked, mine in windows:
        named = await _consents(hub, mine)
        for place in looked:
            one = mine.get(place)
            consent = None if one is None else named.get(one.event["consent"])
            sealed = consent is not None and used.agency in consent.parties
            yield Mark(place=place), _block(consent) if consent is not None and sealed else None


async def _sealed_to(hub: Hub, agency: str, key: str, behind: str) -> AsyncIterator[Openable]:
    full = True
    while full:
        page = await hub.db.read(_window, hub, agency, key, behind)
        for one in page:
            yield one
        full = len(page) == WINDOW
        behind = page[-1].disclosure if page else behind


def _window(conn: Connection, hub: Hub, agency: str, key: str, behind: str) -> list[Openable]:
    rows = answers_disclosures.sealed_to(conn, agency, key, behind=behind, limit=WINDOW)
    return [_openable(conn, hub, row) for row in rows]


def _openable(conn: Connection, hub: Hub, row: DisclosureRow) -> Openable:
    context = context_of(row.manifest)
    agreement: str = said(row.consent_statement)["agreement"]
    _, scope = gate.agreement_of(conn, hub, agreement)
    category = scope.vocabulary.categories.get(context.category)
    return Openable(
        disclosure=row.id,
        sender=row.sender,
        stored_at=row.stored_at,
        # Each end of a disclosure deletes its header in the same unit of work.
        header_deleted_at=row.ended_at,
        category=context.category,
        special=category is not None and category.special,
        secrecy=context.secrecy.code,
        consent=row.consent_id,
        subject_ref=subject_of(row.consent_statement),
    )


def _block(row: ConsentRow) -> SealedBlock:
    return SealedBlock(row.id, subject_of(row.statement))


# In the wrong hands: an identity, an account, the log's key


async def _doubtful(
    hub: Hub, agency: str, wanted: Wanted, until: datetime, behind: Mark
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    owner, first = None, 0
    kinds = {"identity": SIGNED, "account": LOOKS}.get(wanted.kind, PLACED)
    if wanted.kind == "identity":
        owner = await hub.db.read(answers_breach.agency_of, wanted.key)
    elif wanted.kind == "log":
        first = await vouched(hub)
    windows = _entries(hub, agency, kinds, (wanted.since, until), behind.place, first)
    async for looked, mine in windows:
        named = await _consents(hub, mine)
        for place in looked:
            one = mine.get(place)
            consent = None if one is None else named.get(one.event.get("consent", ""))
            counts = one is not None and (
                wanted.kind == "log"
                or (wanted.kind == "account" and _was_shown(one, wanted.key))
                or (wanted.kind == "identity" and _rests_on(owner, one, consent, wanted, until))
            )
            yield Mark(place=place), _doubt(one, consent) if one is not None and counts else None


def _was_shown(one: Opened, account: str) -> bool:
    """Tell whether an account was shown something of a person, not only terms, keys or figures."""
    return one.event["officer"] == account and one.event.get("count") != 0


def _rests_on(
    owner: str | None, one: Opened, consent: ConsentRow | None, wanted: Wanted, until: datetime
) -> bool:
    """Tell whether the owner of an identity key has signed this, or what it depends on.

    On a consent depend the disclosures under it, whoever has sent them.
    """
    if one.event["by"] == owner:
        return True
    if one.kind != "disclosure-stored" or consent is None or consent.collected_by != owner:
        return False
    return wanted.since <= consent.recorded_at.replace(microsecond=0) < until


def _doubt(one: Opened, consent: ConsentRow | None) -> Doubtful:
    event = one.event
    signed = next(
        (event[name] for name in ("statement", "manifest", "request") if name in event), None
    )
    return Doubtful(
        kind=one.kind,
        at=read_time(event["at"]),
        by=event["by"],
        statement=signed if one.kind != "consent-recorded" else event["consent"],
        consent=None if consent is None else consent.id,
        subject_ref=None if consent is None else subject_of(consent.statement),
    )


async def vouched(hub: Hub) -> int:
    """Return before which entry the witnesses vouch for the log: no key of ours can change it.

    0 where its policy asks no witness.
    """
    if hub.signer.policy.quorum == NONE:
        return 0
    found = await hub.db.read(checkpoints.newest_witnessed)
    return 0 if found is None else found[0].size


# A person's code


async def _by_code(
    hub: Hub, agency: str, wanted: Wanted, until: datetime, behind: Mark
) -> AsyncGenerator[tuple[Mark, Affected | None]]:
    """Yield the consent's own events, the newest first, as its page shows them."""
    digest = await consent_of_code(hub, agency, wanted)
    if digest is None:
        return
    come, full = behind.place, True
    while full:
        looked, found = await hub.db.read(of_consent, agency, digest, behind=come, limit=WINDOW)
        mine = _by_place(found)
        named = await _consents(hub, mine)
        sent = await hub.db.read(_sent, hub, agency, digest, found)
        for place in looked:
            one = mine.get(place)
            happened = one is not None and read_time(one.event["at"]) < until
            row = _on_page(one, named, sent, wanted) if one is not None and happened else None
            yield Mark(place=place), row
        full = len(looked) == WINDOW
        come = looked[-1] if looked else come


async def consent_of_code(hub: Hub, agency: str, wanted: Wanted) -> str | None:
    """Return the digest of the consent a code opens, or None where the agency may not read it."""
    found = await hub.db.read(consents.seen, wanted.key, agency)
    return None if found is None else found.digest


def _on_page(
    one: Opened, named: dict[str, ConsentRow], sent: dict[str, Openable], wanted: Wanted
) -> Doubtful | Shown:
    """Return what a code has brought about or shown."""
    at = read_time(one.event["at"])
    if one.kind == "consent-withdrawn" and one.event["via"] == BY_CODE and at >= wanted.since:
        return _doubt(one, named.get(one.event["consent"]))
    return Shown(
        kind=one.kind,
        at=at,
        by=one.event["by"],
        consent=wanted.key,
        sent=sent.get(one.event["manifest"]) if one.kind == "disclosure-stored" else None,
    )


def _sent(
    conn: Connection, hub: Hub, agency: str, consent: str, found: Iterable[Opened]
) -> dict[str, Openable]:
    manifests = [
        (consent, one.event["manifest"]) for one in found if one.kind == "disclosure-stored"
    ]
    rows = answers_disclosures.named(conn, agency, manifests) if manifests else {}
    return {manifest: _openable(conn, hub, row) for (_, manifest), row in rows.items()}


# Entries of the log


async def _entries(
    hub: Hub,
    agency: str,
    kinds: frozenset[str],
    within: tuple[datetime, datetime],
    behind: Place | None,
    first: int = 0,
) -> AsyncIterator[tuple[Sequence[Place], dict[Place, Opened]]]:
    """Yield windows: where entries stand that concern an agency, and those it may open."""
    full = True
    while full:
        looked, mine = await hub.db.read(
            opened,
            agency,
            kinds,
            since=within[0],
            until=within[1],
            behind=behind,
            limit=WINDOW,
            first=first,
        )
        yield looked, _by_place(mine)
        full = len(looked) == WINDOW
        behind = looked[-1] if looked else behind


def _by_place(found: Iterable[Opened]) -> dict[Place, Opened]:
    return {one.place: one for one in found}


async def _consents(hub: Hub, found: dict[Place, Opened]) -> dict[str, ConsentRow]:
    wanted = {one.event["consent"] for one in found.values() if "consent" in one.event}
    return await hub.db.read(answers_breach.consents_named, wanted)
