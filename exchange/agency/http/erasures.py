"""What people have to erase, and their word that it is done."""

from exchange.agency import state
from exchange.agency.erase import confirm
from exchange.agency.http.binding import Call, Routes
from exchange.agency.state import Erasing
from exchange.errors import Malformed
from exchange.wire import local_routes, local_shapes, shapes
from exchange.wire.erasure import Kept


def erasure_routes() -> Routes:
    """Return the handlers of erasures."""
    bound = Routes()
    bound.handles(local_routes.ERASURES)(get_erasures)
    bound.handles(local_routes.CONFIRM)(post_confirmation)
    return bound


async def get_erasures(call: Call) -> local_shapes.Erasures:
    """Return what waits for people."""
    found = await call.gateway.state.read(state.list_erasures, Erasing.ASKED)
    return local_shapes.Erasures(
        erasures=tuple(
            local_shapes.Erasure(id=one.id, consent=one.consent, due=one.due) for one in found
        )
    )


async def post_confirmation(
    call: Call, *, path: shapes.IdPath, body: local_shapes.Confirmation
) -> local_shapes.Confirmed:
    """Confirm an erasure."""
    if (body.kept is None) is not (body.until is None):
        raise Malformed("kept and until belong together")
    kept = Kept(body.kept, body.until) if body.kept and body.until else None
    await confirm(call.gateway, path.id, kept=kept, passed_on=frozenset(body.passed_on))
    return local_shapes.Confirmed(id=path.id)
