"""A paper as one HTML file with print style; no script, no request to any host."""

from exchange.forms.paper import Paper


def html(paper: Paper) -> bytes:
    """Return the page in UTF-8. Every text on it is content, never markup."""
    raise NotImplementedError
