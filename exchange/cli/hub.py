"""`exchange hub`: make, run and look after the hub."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import App, Parameter

from exchange import canonical
from exchange.cli.hub_ask import ask
from exchange.cli.hub_backup import backup, restore
from exchange.cli.hub_home import SETTINGS_FILE, Home
from exchange.cli.hub_migrate import migrate
from exchange.cli.hub_move import move_blobs
from exchange.cli.hub_officer import officer_app
from exchange.cli.hub_reach import UNTOLD, HowTold, reach
from exchange.cli.hub_serve import serve
from exchange.cli.hub_status import status
from exchange.errors import ExchangeError, Malformed, Misconfigured
from exchange.keyid import IdentityCard, identity_card

LARGEST_CARD = 16 * 1024
"""Bytes of an identity card file; ours have 2.8 kB."""


def hub_app() -> App:
    """Return the commands of `exchange hub`."""
    app = App(
        name="hub",
        help="Run the hub: the server that stores, decides and cannot read.\n\n"
        "Begin with `exchange hub init`, then `exchange hub serve`. Admit each agency with the "
        "card its gateway prints. Every setting can also come from a variable EXCHANGE_HUB_...",
    )
    for command in (
        init,
        serve,
        migrate,
        backup,
        restore,
        move_blobs,
        admit,
        reach,
        suspend,
        erase_consent,
        status,
    ):
        app.command(command)
    app.command(officer_app())
    return app


def init(
    *,
    home: Home = Path("hub"),
    origin: Annotated[
        str,
        Parameter(
            help="Public address: scheme, host and perhaps a port, without a path. It must be "
            "https unless it is a loopback address."
        ),
    ] = "http://127.0.0.1:8700",
    host: Annotated[str, Parameter(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int | None, Parameter(help="Port to listen at; the one of the origin if not given.")
    ] = None,
) -> None:
    """Make a new hub: its directory, its secret keys and a file of settings.

    Example: exchange hub init --home hub --origin https://exchange.example.org --port 8700
    """
    from exchange.hub.app import make_home
    from exchange.hub.settings import HubSettings, Listen

    try:
        listen = Listen(host=host, port=_port_of(origin) if port is None else port)
        HubSettings(home=home, origin=origin, listen=listen)
    except ValueError:
        raise Misconfigured(
            "not accepted: --origin is https://host[:port], or http to this machine itself; "
            "--port is 1 to 65535; --host is an address or a name"
        ) from None
    spelled, listening = (canonical.encode(text).decode("utf-8") for text in (origin, host))
    text = f"origin = {spelled}\n\n[listen]\nhost = {listening}\nport = {listen.port}\n"
    make_home(home, {SETTINGS_FILE: text.encode("utf-8")})
    print(f"A new hub is in {home}. Settings: {home / SETTINGS_FILE}")
    print(f"Back up {home / 'vault'} apart from the rest, and never {home / 'payloads'}.")
    print(f"Copy vault/vault.key and log-*.key from {home} offline now:")
    print("a lost log key ends the log.")
    print(f"Next: exchange hub serve --home {home}")


def _port_of(origin: str) -> int:
    try:
        return urlsplit(origin).port or 8700
    except ValueError:
        raise Misconfigured("--origin: no port can be read from it") from None


def admit(
    card: Annotated[
        Path,
        Parameter(
            help="Identity card of the agency: the JSON its gateway prints, or - to read it here.",
            allow_leading_hyphen=True,
        ),
    ],
    *,
    how: HowTold = UNTOLD,
    home: Home = Path("hub"),
) -> None:
    """Admit an agency, after its fingerprint was compared on another way than the card came.

    Works while the hub runs and while it does not.

    Example: exchange hub admit jobcentre.json --channel smtp --address post@jobcentre.example
    """
    from exchange.keyring.fingerprint import spoken

    read, told = _card(card), how.told()
    ask(home, {"do": "admit", "card": read.payload(), "reach": told})
    print(f"admitted {read.agency}")
    print(f"fingerprint {spoken(read.kid)}")


def suspend(
    agency: Annotated[str, Parameter(help="Id of the agency.")], *, home: Home = Path("hub")
) -> None:
    """Suspend an agency: from now on nothing is taken from it or released to it.

    For a stolen identity key, or at the agency's own wish. What it has stored stays in the log.
    """
    told = ask(home, {"do": "suspend", "agency": agency})
    print(f"suspended {agency}" if told["first"] else f"{agency} was suspended before")


def erase_consent(
    digest: Annotated[str, Parameter(help="Digest of the consent, as its collector knows it.")],
    *,
    home: Home = Path("hub"),
    yes: Annotated[
        bool, Parameter(negative=(), help="Erase without asking; nothing brings it back.")
    ] = False,
) -> None:
    """Erase everything about a consent that has ended, before its years are over.

    For a request under Art. 17 GDPR that a privacy officer has upheld. Everything else is erased
    by itself. What was signed in the log stays provable for those who have receipts; whose
    consent an entry was cannot be found out any more.
    """
    if not yes:
        if not sys.stdin.isatty():
            raise Misconfigured("nobody can be asked here; look at it first, then add --yes")
        if input("Erase it for good? Type yes: ").strip() != "yes":
            raise Misconfigured("not confirmed; nothing was erased")
    ask(home, {"do": "erase-consent", "consent": digest})
    print("erased; its log key goes as soon as nobody reads the vault's file")


def _card(file: Path) -> IdentityCard:
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        found = canonical.loads(text, limit=LARGEST_CARD)
        if not isinstance(found, Mapping):
            raise Malformed("not an identity card")
        return identity_card(found)
    except ExchangeError:
        raise Misconfigured(f"{file} is not an identity card; ask for a new one") from None
