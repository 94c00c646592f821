"""QR codes as drawings: inline, so that no secret ever stands in the address of an image."""

import io

import segno

QUIET: int = 4
"""Empty modules around the code that the standard demands of a scanner's sake."""


def inline(target: str) -> str:
    """Return the code as an SVG element for a page; no style, no script, no reference."""
    return str(segno.make(target, error="m", micro=False).svg_inline(border=QUIET, omitsize=True))


def drawing(target: str) -> str:
    """Return the code as an SVG file for a PDF."""
    into = io.BytesIO()
    segno.make(target, error="m", micro=False).save(into, kind="svg", border=QUIET, xmldecl=False)
    return into.getvalue().decode("ascii")
