"""Disclosures: submit files, see how far they have come, take them back."""

from contextlib import aclosing
from typing import Final

from aiohttp import web

from exchange.agency import state
from exchange.agency.http.binding import Call, Routes
from exchange.agency.http.keys import BOUNDS
from exchange.agency.http.opening import opening, shaped
from exchange.agency.recall import recall
from exchange.agency.stage import MOST_BYTES, Stage, open_stage
from exchange.agency.state import Sent
from exchange.agency.submit import submission_of, submit
from exchange.envelope.sealing import Outgoing
from exchange.errors import Malformed, NotFound
from exchange.serving.bodies import arriving, first_line, media_type
from exchange.serving.given import rendered
from exchange.serving.multipart import boundary_of, parts
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
    async with open_stage(call.gateway.room, most_bytes=MOST_BYTES) as stage:
        if multipart:
            wanted, files = await _parts(call, boundary_of(content_type), stage)
        else:
            wanted, files = await _line(call, stage)
        key = None if call.key is None else call.key.key
        sent = await submit(call.office, submission_of(wanted, files, key=key))
    answered = local_shapes.Disclosures(disclosures=tuple(shape(one) for one in sent))
    return rendered(local_routes.SUBMIT, answered)


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
                wanted = await opening(part, "submission", local_shapes.Submission)
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


async def _line(call: Call, stage: Stage) -> tuple[local_shapes.Submission, list[Outgoing]]:
    """Read the submission as a line, then the one file behind it."""
    bounds, request = call.request.app[BOUNDS], call.request
    line = await first_line(
        request.content, limit=local_routes.SUBMISSION_LIMIT, seconds=bounds.body_s
    )
    wanted = shaped(line, local_shapes.Submission)
    if wanted.file is None:
        raise Malformed("file: missing; it names the file that follows the line")
    async with aclosing(arriving(request, limit=MOST_BYTES, settings=bounds)) as body:
        staged = await stage.take(body)
    announced = request.content_length
    if announced is None or announced != len(line) + 1 + staged.size:
        raise Malformed("the body needs a Content-Length, and ended before it or has another one")
    file = wanted.file
    return wanted, [Outgoing(file.name, file.media_type, staged.path, wanted.third_party)]


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
