"""What goes wrong below `/p/`, told as a page: whoever types a code reads no problem document."""

from typing import Final

from aiohttp import web

from exchange.errors import Malformed
from exchange.hub.pages.shell import LANG, SHELL, language
from exchange.serving import front
from exchange.serving.middleware import Handler
from exchange.wire import problems

KEPT: Final = ("Allow", "Retry-After")
"""Headers of a refusal that its page has as well."""


@web.middleware
async def as_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put a page in the place of every problem below `/p/`, whoever made it.

    The outermost layer, so that it also sees an unknown address, a limit and a fault of ours.
    Each page depends on the request and the status alone, never on what a code opens.
    """
    answer = await handler(request)
    problem = answer.content_type == problems.MEDIA_TYPE
    if answer.prepared or not problem or not request.raw_path.startswith("/p/"):
        return answer
    page = _page(request, answer.status)
    page.headers.update({name: answer.headers[name] for name in KEPT if name in answer.headers})
    if answer.keep_alive is False:
        page.force_close()
    return page


def _page(request: web.Request, status: int) -> web.Response:
    shell = request.app[SHELL]
    lang = request.get(LANG) or language(_query(request), request)
    key = f"trouble.s{status}"
    text = key if shell.words[lang].knows(key) else "trouble.other"
    return shell.render("trouble.html", lang, status=status, text=text)


def _query(request: web.Request) -> dict[str, str]:
    try:
        return front.parameters(request)
    except Malformed:  # that is what went wrong
        return {}
