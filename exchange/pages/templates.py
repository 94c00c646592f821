"""Templates of pages: whatever they are given is text to them, never markup."""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def read_templates(package: str) -> Environment:
    """Return the templates of a package, and the pieces that all pages share."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("exchange.pages", "markup")]),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
