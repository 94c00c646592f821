"""Answers to privacy officers as files, for their agency's own tools: `/v1/officer/files/...`."""

from aiohttp import web

from exchange.hub.answers import disclosures, erasures, events
from exchange.hub.answers.lost.question import Wanted
from exchange.hub.http.binding import Routes
from exchange.hub.http.call import Call
from exchange.hub.http.hand_out import hand_out
from exchange.hub.http.officers import asker
from exchange.hub.officer_files.breach import breach_file
from exchange.hub.officer_files.bundle import bundle_file
from exchange.hub.officer_files.consent import consent_file
from exchange.hub.officer_files.events import events_file
from exchange.hub.officer_files.lists import (
    disclosures_of,
    erasures_of,
    partners_of,
    question_file,
)
from exchange.hub.officer_files.proof import proof_file
from exchange.wire import officer_files as wire
from exchange.wire.shapes import IdPath


def file_routes() -> Routes:
    """Return the handlers of officers' files."""
    bound = Routes()
    bound.streams(wire.DISCLOSURES_FILE)(get_disclosures)
    bound.streams(wire.ERASURES_FILE)(get_erasures)
    bound.streams(wire.EVENTS_FILE)(get_events)
    bound.streams(wire.PARTNERS_FILE)(get_partners)
    bound.streams(wire.BREACH_FILE)(get_breach)
    bound.streams(wire.CONSENT_FILE)(get_consent)
    bound.streams(wire.LOG_FILE)(get_log)
    bound.streams(wire.PROOF_FILE)(get_proof)
    return bound


async def get_disclosures(call: Call, *, query: wire.DisclosuresFileQuery) -> web.StreamResponse:
    """Hand out what was disclosed between two days."""
    wanted = disclosures.Wanted(query.since, query.until)
    question = disclosures_of(call.hub, asker(call), wanted)
    file = await question_file(call.hub, asker(call), question, query.format)
    return await hand_out(call.request, file)


async def get_erasures(call: Call, *, query: wire.ErasuresFileQuery) -> web.StreamResponse:
    """Hand out what is to be erased, and what was answered."""
    question = erasures_of(call.hub, asker(call), erasures.Wanted(query.state))
    file = await question_file(call.hub, asker(call), question, query.format)
    return await hand_out(call.request, file)


async def get_events(call: Call, *, query: wire.EventsFileQuery) -> web.StreamResponse:
    """Hand out the agency's log."""
    wanted = events.Wanted(**query.model_dump(exclude={"format"}))
    asked = query.model_dump(mode="json", by_alias=True, exclude={"format"})
    file = await events_file(call.hub, asker(call), events.narrowed(wanted), asked, query.format)
    return await hand_out(call.request, file)


async def get_partners(call: Call, *, query: wire.PartnersFileQuery) -> web.StreamResponse:
    """Hand out partners with their keys."""
    question = partners_of(call.hub, asker(call))
    file = await question_file(call.hub, asker(call), question, query.format)
    return await hand_out(call.request, file)


async def get_breach(call: Call, *, query: wire.BreachFileQuery) -> web.StreamResponse:
    """Hand out all that a lost key, account or code has exposed."""
    wanted = Wanted(
        kind=query.kind,
        key=query.key or "",
        since=query.since,
        until=query.until,
        noticed_at=query.noticed_at or call.hub.clock(),
    )
    file = await breach_file(call.hub, asker(call), wanted, query.format)
    return await hand_out(call.request, file)


async def get_consent(call: Call, *, path: IdPath) -> web.StreamResponse:
    """Hand out one consent with its proofs."""
    return await hand_out(call.request, await consent_file(call.hub, asker(call), path.id))


async def get_log(call: Call) -> web.StreamResponse:
    """Hand out the whole log with what the agency may open of it."""
    return await hand_out(call.request, await bundle_file(call.hub, asker(call)))


async def get_proof(call: Call, *, path: IdPath) -> web.StreamResponse:
    """Hand out the proof that one event stands in the log."""
    return await hand_out(call.request, await proof_file(call.hub, asker(call), path.id))
