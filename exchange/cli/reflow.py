"""Help texts whose paragraphs fill the width they are shown at.

A docstring is broken where its source is; shown as it is, a narrower terminal breaks each of its
lines once more, in the middle of sentences.
"""

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

_BREAK: Final = re.compile(r"(?<=\S) *\n(?=\S)")
"""A line break within a paragraph: before an empty or an indented line none is taken away."""


class Reflowing:
    """Shows help as cyclopts does by itself, with whole paragraphs.

    What draws is loaded when help is asked for, and not at every start.
    """

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """Show arguments, options or commands."""
        from cyclopts.help import DefaultFormatter

        for entry in panel.entries:
            _reflow(entry.description)
        DefaultFormatter()(console, options, panel)

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: Any) -> None:
        """Show the line that says how the command is called."""
        from cyclopts.help import DefaultFormatter

        DefaultFormatter().render_usage(console, options, usage)

    def render_description(
        self, console: "Console", options: "ConsoleOptions", description: Any
    ) -> None:
        """Show what the command does."""
        from cyclopts.help import DefaultFormatter

        _reflow(description)
        DefaultFormatter().render_description(console, options, description)


def unwrap(text: str) -> str:
    """Return a text with each of its paragraphs on one line."""
    return _BREAK.sub(" ", text)


def _reflow(shown: Any) -> None:
    from cyclopts.help import InlineText
    from rich.text import Text

    if isinstance(shown, InlineText) and isinstance(shown.primary_renderable, Text):
        whole = unwrap(shown.primary_renderable.plain)
        shown.primary_renderable = Text(whole, end=shown.primary_renderable.end)
