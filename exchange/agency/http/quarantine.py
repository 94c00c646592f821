"""What was set aside: people look at it, and release or remove it."""

from exchange.agency import aside_words, quarantine
from exchange.agency.http.binding import Call, Routes
from exchange.wire import local_routes, local_shapes, shapes


def quarantine_routes() -> Routes:
    """Return the handlers of the quarantine."""
    bound = Routes()
    bound.handles(local_routes.QUARANTINE)(get_quarantine)
    bound.handles(local_routes.RELEASE)(post_release)
    bound.handles(local_routes.REJECT)(post_rejection)
    return bound


async def get_quarantine(call: Call) -> local_shapes.Quarantine:
    """Return what lies there."""
    found = await quarantine.list_quarantine(call.gateway)
    explained = {reason: _explained(reason) for reason in {aside.reason for aside in found}}
    return local_shapes.Quarantine(
        documents=tuple(_shape(aside, explained[aside.reason]) for aside in found)
    )


async def post_release(call: Call, *, path: shapes.IdPath) -> local_shapes.Released:
    """Let a document into the spool."""
    folder = await quarantine.release(call.gateway, path.id)
    return local_shapes.Released(id=path.id, folder=folder)


async def post_rejection(call: Call, *, path: shapes.IdPath) -> local_shapes.Rejected:
    """Remove a document."""
    await quarantine.reject(call.gateway, path.id)
    return local_shapes.Rejected(id=path.id)


def _explained(reason: str) -> local_shapes.Explained:
    return local_shapes.Explained(**aside_words.explained(reason))


def _shape(aside: quarantine.Aside, explained: local_shapes.Explained) -> local_shapes.Aside:
    files = tuple(
        local_shapes.AsideFile(n=n, name=file.name, media_type=file.media_type, size=file.size)
        for n, file in enumerate(aside.contents.files)
    )
    return local_shapes.Aside(
        id=aside.id,
        sender=aside.received.sender,
        reason=aside.reason,
        explained=explained,
        until=aside.until,
        may_be_released=aside.may_be_released,
        files=files,
    )
