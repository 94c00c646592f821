"""Disclosures: submit files, see how far they have come, take them back."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from exchange import canonical
from exchange.agency import state
from exchange.agency.http.binding import Call, Routes
from exchange.agency.http.keys import BOUNDS
from exchange.agency.plan import Draft
from exchange.agency.recall import recall
from exchange.agency.stage import MOST_BYTES, Stage, open_stage
from exchange.agency.state import Sent
from exchange.agency.submit import Submission, submit
from exchange.envelope.sealing import Outgoing
from exchange.errors import Malformed, NotFound, TooLarge
from exchange.serving.bodies import JSON_DEPTH, arriving, faults, first_line, media_type
from exchange.serving.given import rendered
from exchange.serving.multipart import Part, boundary_of, parts
from exchange.vocabulary import secrecy
from exchange.wire import local_routes, local_shapes, shapes

BODY_LIMIT: Final = MOST_BYTES + 16 * 1024 * 1024
"""Bytes of a body: the files, and a thousand heads of parts."""
UNNAMED: Final = "document"
"""Name of a file whose part has none."""
UNKNOWN: Final = "application/octet-stream"


def disclosure_routes() -> Routes:
    """Return the handlers of disclosures."""
    bound = Routes()
    bound.streams(local_routes.SUBMIT)(post_submission)
    bound.handles(local_routes.DISCLOSURES)(get_disclosures)
    bound.handles(local_routes.DISCLOSURE)(get_disclosure)
    bound.handles(local_routes.RECALL)(post_recall)
    return bound


async def post_submission(call: Call) -> web.Response:
    """Take files in, seal and send them: 201."""
    request = call.request
    content_type = request.headers.get("Content-Type", "")
    multipart = content_type.partition(";")[0].strip().lower() == local_routes.MULTIPART
    if not multipart:
        media_type(request, local_routes.SUBMISSION)
    async with open_stage(call.gateway.home, most_bytes=MOST_BYTES) as stage:
        if multipart:
            wanted, files = await _parts(call, boundary_of(content_type), stage)
        else:
            wanted, files = await _line(call, stage)
        sent = await submit(call.office, _submission(call, wanted, files))
    shaped = local_shapes.Disclosures(disclosures=tuple(shape(one) for one in sent))
    return rendered(local_routes.SUBMIT, shaped)


async def _parts(
    call: Call, boundary: bytes, stage: Stage
) -> tuple[local_shapes.Submission, list[Outgoing]]:
    """Read the submission, then one file after the other; in this order, and nothing else."""
    wanted: local_shapes.Submission | None = None
    files: list[Outgoing] = []
    body = arriving(call.request, limit=BODY_LIMIT, settings=call.request.app[BOUNDS])
    async with aclosing(body), aclosing(parts(body, boundary)) as found:
        async for part in found:
            if wanted is None:
                wanted = _read(await _small(part))
                if wanted.file is not None:
                    raise Malformed("file: each part says it of itself")
                continue
            if part.name != "file":
                raise Malformed("after the part `submission` come parts `file`, and no others")
            staged = await stage.take(part.content)
            kind = part.media_type or UNKNOWN
            files.append(Outgoing(part.filename or UNNAMED, kind, staged.path, wanted.third_party))
    if wanted is None or not files:
        raise Malformed("the body has a part `submission`, then at least one part `file`")
    return wanted, files


async def _small(part: Part) -> bytes:
    if (part.name, part.media_type) != ("submission", "application/json"):
        raise Malformed("the first part is `submission`, of type application/json")
    text = bytearray()
    async for piece in part.content:
        text += piece
        if len(text) > local_routes.SUBMISSION_LIMIT:
            raise TooLarge(f"the submission has more than {local_routes.SUBMISSION_LIMIT} bytes")
    return bytes(text)


async def _line(call: Call, stage: Stage) -> tuple[local_shapes.Submission, list[Outgoing]]:
    """Read the submission as a line, then the one file behind it."""
    bounds, request = call.request.app[BOUNDS], call.request
    line = await first_line(
        request.content, limit=local_routes.SUBMISSION_LIMIT, seconds=bounds.body_s
    )
    wanted = _read(line)
    if wanted.file is None:
        raise Malformed("file: missing; it names the file that follows the line")
    async with aclosing(arriving(request, limit=MOST_BYTES, settings=bounds)) as body:
        staged = await stage.take(body)
    announced = request.content_length
    if announced is None or announced != len(line) + 1 + staged.size:
        raise Malformed("the body needs a Content-Length, and ended before it or has another one")
    file = wanted.file
    return wanted, [Outgoing(file.name, file.media_type, staged.path, wanted.third_party)]


def _read(text: bytes) -> local_shapes.Submission:
    canonical.loads(text, limit=local_routes.SUBMISSION_LIMIT, depth=JSON_DEPTH)
    try:
        return local_shapes.Submission.model_validate_json(text)
    except ValidationError as error:
        raise Malformed(faults(error)) from None


def _submission(
    call: Call, wanted: local_shapes.Submission, files: Sequence[Outgoing]
) -> Submission:
    if wanted.category is None and wanted.outgoing is None:
        raise Malformed("category: missing; without an export nobody else says it")
    draft = Draft(
        files=tuple(files),
        consent=wanted.consent,
        recipients=wanted.recipients,
        category=wanted.category or "",
        secrecy=None if wanted.secrecy is None else secrecy(wanted.secrecy),
        remark=wanted.remark,
        reference=wanted.reference,
        replaces=wanted.replaces,
        answers=wanted.answers,
        onward_of=wanted.onward_of,
        seen_by_person=wanted.seen_by_person,
        profile=wanted.profile,
    )
    return Submission(
        draft=draft,
        joint=wanted.joint,
        outgoing=wanted.outgoing,
        key=None if call.key is None else call.key.key,
    )


async def get_disclosures(call: Call, *, query: shapes.Page) -> local_shapes.Disclosures:
    """Return a page of what this agency has sent."""
    page = await call.gateway.state.read(state.page_sent, query.after, query.limit)
    return local_shapes.Disclosures(
        disclosures=tuple(shape(one) for one in page),
        next=page[-1].id if len(page) == query.limit else None,
    )


async def get_disclosure(call: Call, *, path: shapes.IdPath) -> local_shapes.Disclosure:
    """Return one disclosure."""
    sent = await call.gateway.state.read(state.find_sent, path.id)
    if sent is None:
        raise NotFound("this agency has sent no disclosure with this id")
    return shape(sent)


async def post_recall(call: Call, *, path: shapes.IdPath) -> local_shapes.Disclosure:
    """Take a disclosure back."""
    return shape(await recall(call.gateway, path.id))


def shape(sent: Sent) -> local_shapes.Disclosure:
    """Return a disclosure as the back office reads it."""
    return local_shapes.Disclosure(
        id=sent.id,
        state=sent.state.value,
        consent=sent.consent,
        recipients=tuple(sent.recipients.split(",")),
        size=sent.size,
        sent_at=sent.sent_at,
        expires_at=sent.exp,
        stored_at=sent.stored_at,
        collected_at=sent.collected_at,
        result=sent.result,
        reason=sent.reason,
    )
