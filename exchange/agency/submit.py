"""Submit a document: the one way in for the local API, the pages and the watch folders.

Sealed at once, so that from the answer on it goes out whatever happens; uploaded if the hub can be
reached. With a key, a repetition returns what was made of it the first time, also after a crash:
the key and the sealed documents are remembered in one unit of work.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from exchange.agency import state
from exchange.agency.office import Office
from exchange.agency.plan import Draft
from exchange.agency.send import FINAL, alone, conclude, deliver, seal_all
from exchange.agency.state import Sent
from exchange.agency.submissions import claim, find_submitted
from exchange.canonical import Json, encode, labelled
from exchange.envelope.sealing import Outgoing
from exchange.errors import ExchangeError, Malformed, StorageFull
from exchange.hookvalues import ExportedFile
from exchange.vocabulary import secrecy
from exchange.wire import local_shapes

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What somebody wants to send, and how."""

    draft: Draft
    """With `outgoing` its files are an export, and what the draft leaves open is taken from it."""
    joint: bool = False
    """One disclosure for all recipients together; each then learns of the others."""
    outgoing: str | None = None
    """Key of the outgoing format that reads the files; None sends them as they are."""
    key: str | None = None
    """The caller's own name for this submission, so that repeating it sends nothing twice."""


async def submit(office: Office, submission: Submission) -> list[Sent]:
    """Seal and send; return one disclosure per recipient, as far as each has come.

    What cannot be uploaded now is `sealed`, and goes out by itself. What the hub refuses is
    `refused`: its reason is a code.

    Raises:
        NotCovered: the records do not allow it, with every reason; nothing was sealed.
        Held: a recipient's key is not to be trusted.
        Malformed, TooLarge, NotFound: the draft, the export or a recipient does not admit it.
        KeyReused: the key was used for another submission.
        StorageFull: the disk of the gateway has no room.
    """
    try:
        return await _submit(office, submission)
    except OSError:
        raise StorageFull("the disk of this gateway is full or does not answer") from None


def submission_of(
    said: local_shapes.Submission, files: Sequence[Outgoing], *, key: str | None = None
) -> Submission:
    """Return what a back office has said about these files.

    Raises:
        Malformed: neither it nor an export says what kind of document it is.
    """
    if said.category is None and said.outgoing is None:
        raise Malformed("category: missing; without an export nobody else says it")
    draft = Draft(
        files=tuple(files),
        consent=said.consent,
        recipients=said.recipients,
        category=said.category or "",
        secrecy=None if said.secrecy is None else secrecy(said.secrecy),
        remark=said.remark,
        reference=said.reference,
        replaces=said.replaces,
        answers=said.answers,
        onward_of=said.onward_of,
        seen_by_person=said.seen_by_person,
        profile=said.profile,
    )
    return Submission(draft=draft, joint=said.joint, outgoing=said.outgoing, key=key)


def identified(submission: Submission) -> Submission:
    """Return `submission` under a key made of all that it holds: once more, it is the same one."""
    return replace(submission, key=f"content-{_digest(submission).hex()}")


async def _submit(office: Office, submission: Submission) -> list[Sent]:
    gateway = office.gateway
    request = b""
    if submission.key is not None:
        request = await asyncio.to_thread(_digest, submission)
        if known := await gateway.state.read(find_submitted, submission.key, request):
            return known
    sealed = await _sealed(office, submission, request)
    return [await _sent(office, one) for one in sealed]


async def _sealed(office: Office, submission: Submission, request: bytes) -> list[Sent]:
    also = None
    if submission.key is not None:
        also = partial(claim, submission.key, request, office.gateway.clock())
    if submission.outgoing is None:
        return await seal_all(office.gateway, submission.draft, joint=submission.joint, also=also)
    exported = [_exported(file) for file in submission.draft.files]
    async with office.readers.read(submission.outgoing, exported) as export:
        draft = submission.draft
        draft = replace(
            draft,
            files=export.files,
            category=draft.category or export.package.category,
            reference=draft.reference or export.package.reference or None,
            remark=draft.remark or export.package.remark or None,
            profile=draft.profile or export.package.profile,
        )
        return await seal_all(office.gateway, draft, joint=submission.joint, also=also)


async def _sent(office: Office, sealed: Sent) -> Sent:
    """Upload what was sealed, if that can be done now; the rounds do it otherwise."""
    gateway = office.gateway
    try:
        with alone(gateway, sealed.id) as free:
            if free:
                await conclude(gateway, await deliver(gateway, sealed))
    except FINAL:
        pass  # remembered with its reason
    except ExchangeError as trouble:
        log.warning("not_disclosed", disclosure_id=sealed.id, code=trouble.code)
        office.stir.set()
    return await gateway.state.read(state.find_sent, sealed.id) or sealed


def _exported(file: Outgoing) -> ExportedFile:
    if isinstance(file.source, bytes):
        raise Malformed("an export is read from files")
    size = file.source.stat().st_size
    return ExportedFile(name=file.name, media_type=file.media_type, size=size, path=file.source)


def _digest(submission: Submission) -> bytes:
    """Return a digest of everything that is sent, and to whom."""
    draft = submission.draft
    described: dict[str, Json] = {
        "files": [
            [file.name, file.media_type, _sha256(file), file.third_party] for file in draft.files
        ],
        "consent": draft.consent,
        "recipients": list(draft.recipients),
        "category": draft.category,
        "secrecy": None if draft.secrecy is None else draft.secrecy.code,
        "remark": draft.remark,
        "reference": draft.reference,
        "replaces": draft.replaces,
        "answers": draft.answers,
        "onward_of": list(draft.onward_of),
        "seen_by_person": draft.seen_by_person,
        "joint": submission.joint,
        "outgoing": submission.outgoing,
        "profile": draft.profile,
    }
    return labelled("xch-submission-v1", encode(described))


def _sha256(file: Outgoing) -> str:
    if isinstance(file.source, bytes):
        return hashlib.sha256(file.source).hexdigest()
    with file.source.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
