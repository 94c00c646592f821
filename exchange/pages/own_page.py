"""Whether a form was sent by a page of ours: no other site may make a browser withdraw."""

from aiohttp import web


def from_own_page(request: web.Request, origin: str) -> bool:
    """Tell whether a page of `origin` sent this request.

    A request with neither header comes from no browser that could be abused, and is refused all
    the same: nothing of ours sends one.

    Args:
        request: a POST.
        origin: the public scheme, host and port of the settings, never built from `Host`.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") == origin
