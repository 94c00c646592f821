"""What goes wrong below `/officer/`, told as a page: an officer reads no problem document."""

from typing import Final

from aiohttp import web

from exchange.hub.desk.shell import HOME, SHELL, language
from exchange.hub.desk.way_back import known
from exchange.serving.middleware import Handler
from exchange.wire import problems

KEPT: Final = ("Allow", "Retry-After")
"""Headers of a refusal that its page has as well."""
BAD: Final = 400


@web.middleware
async def as_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put a page in the place of every problem below `/officer/`, whoever made it.

    Each page depends on the language and the status alone: what is absent, another agency's, or
    for another role looks the same to its last byte. Only an entry that could not be read leads
    back to the page at which it was made.
    """
    answer = await handler(request)
    problem = answer.content_type == problems.MEDIA_TYPE
    if answer.prepared or not problem or not request.raw_path.startswith(HOME):
        return answer
    shell, lang = request.app[SHELL], language(request)
    key = f"trouble.s{answer.status}"
    text = key if shell.words[lang].knows(key) else "trouble.other"
    again = request.path if answer.status == BAD and known(shell.pages, request.path) else ""
    page = shell.render("trouble.html", lang, status=answer.status, text=text, again=again)
    page.headers.update({name: answer.headers[name] for name in KEPT if name in answer.headers})
    if answer.keep_alive is False:
        page.force_close()
    return page
