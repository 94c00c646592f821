"""A paper as PDF/A-2a and PDF/UA-1; needs the extra `forms`."""

from datetime import date

from exchange.forms.paper import Paper


def pdf(paper: Paper, *, today: date) -> bytes:
    """Return the document; the same paper on the same day has the same bytes.

    Raises:
        Misconfigured: the extra `forms` is not installed.
        Malformed: the text has letters that the font of the PDF lacks; the page shows them.
    """
    raise NotImplementedError
