"""What the person's page loads: the shared style sheet and icon, and two scripts."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from exchange.pages import assets
from exchange.pages.assets import Asset

PATH: Final = "/p/static/"
SCRIPTS: Final = ("page.js", "sign.js")


def read_assets() -> Mapping[str, Asset]:
    """Return every asset by its file name; the files are read once, here."""
    here = files("exchange.hub.pages").joinpath("static")
    return assets.read_assets(PATH, *(here.joinpath(name) for name in SCRIPTS))
