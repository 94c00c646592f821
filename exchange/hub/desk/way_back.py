"""Where a login leads: to a page of our own by a list, and never to an address a request brings."""

from collections.abc import Iterable

from exchange.canonical import is_uuid4


def leads_to(pattern: str, path: str) -> bool:
    """Tell whether a path is one of a route's pattern: its words, and ids where it has ids."""
    words, parts = pattern.split("/"), path.split("/")
    return len(words) == len(parts) and all(
        is_uuid4(part) if word.startswith("{") else part == word
        for word, part in zip(words, parts, strict=True)
    )


def known(pages: Iterable[str], path: str) -> bool:
    """Tell whether a path is one of these pages."""
    return any(leads_to(page, path) for page in pages)


def page_before(pages: Iterable[str], path: str) -> str | None:
    """Return the page at which something to be taken away is offered; None if there is none.

    That is the nearest page above it: of `/officer/log.csv` it is `/officer/log`.
    """
    pages = tuple(pages)
    ends = [end for end, sign in enumerate(path) if sign in "./"]
    return next((path[:end] for end in reversed(ends) if known(pages, path[:end])), None)
