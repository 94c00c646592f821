"""`exchange hub officer`: who may log in at the officers' desk."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from exchange import canonical
from exchange.cli.hub_ask import ask
from exchange.cli.hub_home import Home
from exchange.errors import Malformed, Misconfigured
from exchange.keyring.public_key import read_public_key

LARGEST_PEM = 16 * 1024
"""Bytes of a file with a public key; one has about 110."""


def officer_app() -> App:
    """Return the commands of `exchange hub officer`."""
    app = App(
        name="officer",
        help="Make accounts for privacy officers, auditors and operators, and let them in.\n\n"
        "An account has a role and perhaps an agency, and no name. Where a provider of logins is "
        "set, an account may be one of its logins; otherwise hand out a one-time link for each "
        "login. Works while the hub runs and while it does not.",
    )
    for command in (add, remove, link, set_key, remove_key):
        app.command(command)
    app.command(show_all, name="list")
    return app


def add(
    agency: Annotated[
        str | None, Parameter(help="Id of the agency whose records an officer reads.")
    ] = None,
    *,
    role: Annotated[
        Literal["officer", "auditor", "operator"],
        Parameter(
            help="An officer reads what her agency may, an auditor figures and proofs of every "
            "agreement, an operator only how the hub is doing."
        ),
    ] = "officer",
    issuer: Annotated[
        str | None, Parameter(help="The provider of logins, as in the settings.")
    ] = None,
    subject: Annotated[
        str | None,
        Parameter(help="What the provider calls this login: its claim sub, never a mail address."),
    ] = None,
    home: Home = Path("hub"),
) -> None:
    """Make an account and print its id.

    Example: exchange hub officer add jobcentre-a
    """
    if (role == "officer") is (agency is None):
        raise Misconfigured("an officer has an agency; --role auditor and operator have none")
    if (issuer is None) is not (subject is None):
        raise Misconfigured("--issuer and --subject belong together")
    login: canonical.Json = None if issuer is None else [issuer, subject]
    asked = {"what": "add", "role": role, "agency": agency, "login": login}
    print(_ask(home, asked)["id"])


def show_all(
    *,
    home: Home = Path("hub"),
    json: Annotated[bool, Parameter(negative=(), help="Print the accounts as JSON.")] = False,
) -> None:
    """List the accounts, the oldest first; a removed one for a year."""
    found = _ask(home, {"what": "list"})
    if json:
        print(canonical.encode(found).decode("utf-8"))
        return
    for one in found:
        how = "removed" if one["removed"] else "by link" if one["issuer"] is None else "by login"
        key = "" if one["key"] is None else f", key {one['key']['kid']}"
        print(f"{one['id']}  {one['role']:8}  {one['agency'] or '-'}  {how}{key}")


def remove(
    account: Annotated[str, Parameter(help="Id of the account.")], *, home: Home = Path("hub")
) -> None:
    """End an account: its sessions, its links and the tokens of its key end at once, everywhere."""
    _ask(home, {"what": "remove", "id": account})
    print("removed; nobody is logged in with it any more")


def link(
    account: Annotated[str, Parameter(help="Id of the account.")], *, home: Home = Path("hub")
) -> None:
    """Print a link with which the account can be entered once within 15 minutes.

    Whoever has it comes in: hand it over on a way that reaches this officer alone. It is shown
    here and nowhere else; that it was made is kept for a year.
    """
    made = _ask(home, {"what": "link", "id": account})
    print(made["url"])
    print(f"holds until {made['until']} and only once", file=sys.stderr)


def set_key(
    account: Annotated[str, Parameter(help="Id of an auditor's account.")],
    file: Annotated[
        Path, Parameter(help="Its public key, as `exchange auditor new-key` writes it: PEM.")
    ],
    *,
    home: Home = Path("hub"),
) -> None:
    """Let an auditor's own tool ask with a key, in the place of the one before; print its name.

    Compare the name with the auditor's over another way than the file came: whoever has the
    private half reads what the auditor reads.
    """
    try:
        key = read_public_key(file.read_bytes()[:LARGEST_PEM])
    except FileNotFoundError:
        raise Misconfigured(f"there is no file {file}") from None
    except Malformed as refused:
        raise Misconfigured(f"{file.name}: {refused}") from None
    print(_ask(home, {"what": "set-key", "id": account, "key": canonical.b64u(key)})["kid"])


def remove_key(
    account: Annotated[str, Parameter(help="Id of the account.")], *, home: Home = Path("hub")
) -> None:
    """Take the key of an auditor's account away: its tokens open nothing any more, everywhere."""
    _ask(home, {"what": "remove-key", "id": account})
    print("removed; no tool asks with it any more")


def _ask(home: Path, asked: dict[str, canonical.Json]) -> Any:
    return ask(home, {"do": "officer", **asked})
