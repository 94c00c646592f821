"""Record a consent: its draft alone, or with the file of its evidence behind it."""

from contextlib import aclosing

from exchange.agency.hand_in import Recorded
from exchange.agency.http.binding import Call
from exchange.agency.http.drafts import consent_draft, subject_of
from exchange.agency.http.keys import BOUNDS
from exchange.agency.http.opening import opening
from exchange.agency.record_consent import record_consent
from exchange.agency.stage import Stage, open_stage
from exchange.agency.vet import LARGEST, UNKNOWN, Scan, scanned
from exchange.errors import Malformed
from exchange.hookvalues import ExportedFile
from exchange.serving.bodies import arriving
from exchange.serving.multipart import boundary_of, parts
from exchange.wire import local_shapes

UNNAMED = "evidence"
"""Name of a file whose part has none."""
BODY_LIMIT = LARGEST + 1024 * 1024
"""Bytes of a body: the evidence, and what stands before it."""


async def record_alone(call: Call, given: local_shapes.ConsentDraft) -> Recorded:
    """Record a consent whose evidence stays where it is."""
    return await _record(call, given, None)


async def record_with_file(call: Call) -> Recorded:
    """Record a consent whose evidence comes with it; no copy of it is left here."""
    async with open_stage(call.gateway.room, most_bytes=LARGEST) as stage:
        given, file = await _parts(call, stage)
        return await _record(call, given, Scan(call.office.readers, file))


async def _parts(call: Call, stage: Stage) -> tuple[local_shapes.ConsentDraft, ExportedFile]:
    """Read the draft, then its evidence; in this order, and nothing else."""
    given: local_shapes.ConsentDraft | None = None
    file: ExportedFile | None = None
    request = call.request
    boundary = boundary_of(request.headers["Content-Type"])
    body = arriving(request, limit=BODY_LIMIT, settings=request.app[BOUNDS])
    async with aclosing(body), aclosing(parts(body, boundary)) as found:
        async for part in found:
            if given is None:
                given = await opening(part, "consent", local_shapes.ConsentDraft)
            elif part.name != "file" or file is not None:
                raise Malformed("after the part `consent` comes one part `file`, and no other")
            else:
                staged = await stage.take(part.content)
                claimed = part.media_type or UNKNOWN
                file = scanned(part.filename or UNNAMED, staged.path, claimed=claimed)
    if given is None or file is None:
        raise Malformed("the body has a part `consent`, then a part `file`")
    return given, file


async def _record(call: Call, given: local_shapes.ConsentDraft, scan: Scan | None) -> Recorded:
    draft = consent_draft(given, subject_of(given), now=call.gateway.clock())
    return await record_consent(call.gateway, draft, scan)
