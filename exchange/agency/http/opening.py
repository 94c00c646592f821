"""The part that opens a multipart body: JSON that says what the files behind it are for."""

from typing import TypeVar

from pydantic import ValidationError

from exchange import canonical
from exchange.errors import Malformed, TooLarge
from exchange.serving.bodies import JSON_DEPTH, faults
from exchange.serving.multipart import Part
from exchange.wire.local_routes import SUBMISSION_LIMIT
from exchange.wire.routes import JSON
from exchange.wire.shapes import Shape

S = TypeVar("S", bound=Shape)


async def opening(part: Part, name: str, shape: type[S]) -> S:
    """Return the first part of a body, which must have this name.

    Raises:
        Malformed: it is another one, no JSON, or not of the shape.
        TooLarge: it has more than `SUBMISSION_LIMIT` bytes.
    """
    if (part.name, part.media_type) != (name, JSON):
        raise Malformed(f"the first part is `{name}`, of type application/json")
    text = bytearray()
    async for piece in part.content:
        text += piece
        if len(text) > SUBMISSION_LIMIT:
            raise TooLarge(f"the part `{name}` has more than {SUBMISSION_LIMIT} bytes")
    return shaped(bytes(text), shape)


def shaped(text: bytes, shape: type[S]) -> S:
    """Return JSON as `shape`; strictly read first, because pydantic is lenient.

    Raises:
        Malformed: it is none.
    """
    canonical.loads(text, limit=SUBMISSION_LIMIT, depth=JSON_DEPTH)
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        raise Malformed(faults(error)) from None
