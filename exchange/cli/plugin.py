"""`exchange plugin`: begin a plugin, see which are installed, and try one as the exchange does."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from exchange.cli.plugin_new import new

if TYPE_CHECKING:
    from exchange.cli.plugin_records import Said

FAILED = 1
"""Exit code when a plugin cannot be loaded."""


def plugin_app() -> App:
    """Return the commands of `exchange plugin`."""
    app = App(
        name="plugin",
        help="Begin a plugin, see which are installed, and try one as the exchange does.\n\n"
        "Installed is not enabled: settings name the plugins that run. docs/plugins.md leads from "
        "nothing to a tested plugin.",
    )
    for command in (new, list_, check):
        app.command(command)
    return app


def list_(
    *,
    as_json: Annotated[
        bool,
        Parameter(
            name="--json",
            negative="",
            help="As a list for the record of processing (Art. 30 GDPR); strike out what your "
            "settings do not name.",
        ),
    ] = False,
) -> int:
    """Show every plugin that is installed, and what it says of itself.

    Each is imported to be asked, and none is enabled by it. One that cannot be loaded is named
    with the reason, and the command then fails.

    Example: exchange plugin list --json
    """
    from exchange.canonical import encode
    from exchange.cli.plugin_records import installed, record

    found = list(installed())
    whole = [said for said in found if said.declared is not None]
    if as_json:
        print(encode([record(said) for said in whole]).decode("utf-8"))
    else:
        for said in whole:
            print(f"{_headline(said)}\n{_words(said)}")
    broken = [said for said in found if said.declared is None]
    for said in broken:
        print(f"exchange: {_headline(said)}: {said.complaint}", file=sys.stderr)
    return FAILED if broken else 0


def check(
    name: str,
    *,
    home: Annotated[
        Path | None,
        Parameter(
            help="Home of a gateway or a hub, whose settings are used; without it the plugin has "
            "none."
        ),
    ] = None,
) -> int:
    """Load a plugin as the exchange does, and say what it provides.

    NAME is the entry point. A plugin of an agency is loaded behind the same walls as by a running
    gateway, once for each kind of adapter; a plugin of the hub is loaded into this process.

    Example: exchange plugin check referral --home gateway
    """
    from exchange.cli.plugin_check import complaints
    from exchange.cli.plugin_records import installed
    from exchange.errors import NotFound

    found = [said for said in installed() if said.offer.name == name]
    if not found:
        raise NotFound(f"no plugin of this name is installed: {name}")
    told = 0
    for said in found:
        print(_headline(said))
        if said.declared is not None:
            print(_words(said))
        for complaint in complaints(said, home):
            print(f"exchange: {complaint}", file=sys.stderr)
            told += 1
    return FAILED if told else 0


def _headline(said: "Said") -> str:
    offer = said.offer
    return f"{offer.name} ({offer.distribution} {offer.version}), plugin of the {said.side}"


def _words(said: "Said") -> str:
    if said.declared is None:
        return ""
    sees = "sees documents" if said.declared.sees_plaintext else "sees no documents"
    speaks = ", ".join(said.declared.endpoints) or "no system"
    keeps = f"{said.declared.stores} ({said.declared.retention})" if said.declared.stores else ""
    does = ", ".join(said.provides) or "nothing"
    told = (does, said.declared.licence, sees, f"speaks with {speaks}")
    return f"  {'; '.join(told)}; keeps {keeps or 'nothing'}"
