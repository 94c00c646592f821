"""Hand a file out while it is made, to a browser or a program."""

import asyncio
from contextlib import aclosing

from aiohttp import web

from exchange.errors import ExchangeError
from exchange.hub.http.call import FRONT
from exchange.hub.officer_files.file import File
from exchange.serving.cut import cut


async def hand_out(request: web.Request, file: File) -> web.StreamResponse:
    """Answer with a file; what breaks off on the way is told as broken off."""
    answer = web.StreamResponse(
        headers={
            "Content-Type": file.media,
            "Content-Disposition": f'attachment; filename="{file.name}"',
        }
    )
    patience = request.app[FRONT].settings.stall_s
    async with aclosing(file.chunks) as chunks:
        # Before the head goes out: what fails here is a refusal still.
        chunk = await anext(chunks, None)
        await answer.prepare(request)
        try:
            while chunk is not None:
                async with asyncio.timeout(patience):
                    await answer.write(chunk)
                chunk = await anext(chunks, None)
            async with asyncio.timeout(patience):
                await answer.write_eof()
        except (ExchangeError, TimeoutError):
            # What has begun cannot become a refusal. Whoever takes it sees that it is not whole.
            cut(request.transport)
            raise ConnectionResetError from None
    return answer
