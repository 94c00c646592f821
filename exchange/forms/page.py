"""A paper as one HTML file with print style; no script, no request to any host."""

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from exchange.forms import qr
from exchange.forms.sheet import Sheet

FOOTER = "{footer}"
"""Stands in the style for what is printed at the foot of each page on the left."""
NUMBER = "{page}"
"""The same before the number of the page."""


def html(paper: Sheet) -> bytes:
    """Return the page in UTF-8. Every text on it is content, never markup."""
    style = _style(paper)
    template = _environment().get_template(f"{paper.drawn_by}.html")
    page = template.render(
        paper=paper,
        words=paper.words,
        style=Markup(style),  # noqa: S704  # our own file, and a footer of escaped characters
        policy=policy(style),
        code=Markup(qr.inline(paper.link.target)),  # noqa: S704  # drawn by segno, holds no text
    )
    return page.encode("utf-8")


def policy(style: str) -> str:
    """Return the content security policy of a page: its own style, and nothing else at all."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'"


def served_policy(paper: Sheet) -> str:
    """Return the content security policy for a server that shows the page to a browser."""
    return f"{policy(_style(paper))}; frame-ancestors 'none'"


def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_file), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def _style(paper: Sheet) -> str:
    """Return the style with what stands at the foot of each printed page."""
    page = _escaped(f"{paper.words['page']} ")
    return _file("paper.css").replace(FOOTER, _escaped(paper.footer)).replace(NUMBER, page)


def _escaped(text: str) -> str:
    """Return `text` as it may stand in a string of CSS, each character escaped."""
    return "".join(f"\\{ord(character):06x}" for character in text)


def _file(name: str) -> str:
    return files("exchange.forms").joinpath(name).read_text("utf-8")
