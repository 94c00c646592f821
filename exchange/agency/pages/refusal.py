"""What goes wrong, told as a page in plain words; the office's own gateway may say why."""

from typing import Final

from aiohttp import web

from exchange.agency.pages.session import COOKIE, SESSIONS
from exchange.agency.pages.shell import SHELL, Visit, language
from exchange.agency.pages.tell import reasons
from exchange.errors import ExchangeError
from exchange.serving.middleware import Handler
from exchange.wire import problems

KEPT: Final = ("Allow", "Retry-After")
"""Headers of a refusal that its page has as well."""


def trouble(visit: Visit, error: ExchangeError) -> web.Response:
    """Return the page about an error, for somebody who has entered."""
    status = problems.to_problem(error)["status"]
    return visit.page(
        "trouble.html", status=status, text=_key(visit, status), reasons=reasons(visit.say, error)
    )


@web.middleware
async def as_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put a page in the place of every problem that a browser gets.

    The outermost layer: also an unknown address, a limit and a fault of ours become pages. The
    programs of the back office ask for JSON, and get the problem.
    """
    answer = await handler(request)
    problem = answer.content_type == problems.MEDIA_TYPE
    if answer.prepared or not problem or "text/html" not in request.headers.get("Accept", ""):
        return answer
    shell = request.app[SHELL]
    session = request.app[SESSIONS].find(request.cookies.get(COOKIE, ""))
    lang = language(request, session.lang if session else "")
    key = f"trouble.s{answer.status}"
    text = key if shell.words[lang].knows(key) else "trouble.other"
    page = shell.render(
        "trouble.html", lang, status=answer.status, session=session, text=text, reasons=()
    )
    page.headers.update({name: answer.headers[name] for name in KEPT if name in answer.headers})
    if answer.keep_alive is False:
        page.force_close()
    return page


def _key(visit: Visit, status: int) -> str:
    key = f"trouble.s{status}"
    return key if visit.say.knows(key) else "trouble.other"
