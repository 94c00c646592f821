"""Makes the home of a gateway, from nothing to ready, for `exchange gateway init`.

Settings are written last: a home without them was interrupted, and the same command goes on.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from exchange.agency import api_token
from exchange.agency import home as homes
from exchange.agency.home import Home
from exchange.agency.keyfiles import KeyFiles
from exchange.agency.log_policy import Trusted, given, put_trusted
from exchange.agency.rekey import Ring
from exchange.agency.settings import ApiSection, GatewaySettings, HubSection, IntakeSection
from exchange.cli import gateway_log
from exchange.durable import write_bytes_durably
from exchange.errors import Conflict, Malformed, Misconfigured
from exchange.keyid import agency_id
from exchange.keyring import selftest
from exchange.keyring.ceremony import demo_document_key, new_identity
from exchange.keyring.demo import demo_identity
from exchange.keyring.fingerprint import spoken

_SETTINGS: Final = """\
# Settings of this gateway. What stands behind a # is the default, or an example; take the # away to
# change it. Every setting is explained in docs/settings.md, and `exchange gateway doctor` looks
# whether all of this works.

# Who you are, in the directory of the hub.
agency = "{agency}"

# Language of labels in converted documents, and of the notice that goes with sent ones.
language = "{language}"

[hub]
# Where documents are exchanged.
origin = "{origin}"
# An authority to trust besides the system's, and a proxy to go through.
{certificates}
#proxy = 'http://proxy.example:3128'

[intake]
# What becomes of received documents: the plugin that converts them. Its own settings stand in
# [plugins.<name>].
plugin = {intake}

[api]
# Where programs and people of this machine reach the gateway; an empty text switches it off.
{listen}

[watch]
# A folder whose contents are sent, and one into which converted documents are put.
#out = '/srv/exchange/out'
#into = '/srv/exchange/in'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the settings of a new home say."""

    agency: str
    hub: str
    intake: str
    language: str
    listen: str | None
    """None: where every gateway listens unless told otherwise."""
    certificates: Path | None
    log_policy: Path


def make(root: Path, wanted: Wanted, *, passphrase: str | None, demo: bool) -> None:
    """Make the home at `root`, its keys and its settings, and print what comes next.

    Raises:
        Conflict: there is a gateway already.
        Misconfigured: the settings would not be accepted.
        Malformed: the policy file is none of one log.
    """
    home = homes.at(root)
    if home.settings_file.exists():
        raise Conflict(f"{home.root} is the home of a gateway already; nothing was changed")
    text = _settings(wanted)
    trusted = given(wanted.log_policy)
    selftest.check()
    os.umask(0o077)
    if home.root.is_dir() and not any(home.root.iterdir()):
        home.root.chmod(0o700)
    homes.create(home)
    homes.check_folders(home)
    ring = Ring(KeyFiles(home.keys, passphrase=passphrase), home.statements)
    _make_keys(ring, wanted.agency, demo=demo)
    put_trusted(home, trusted)
    api_token.make(home)
    write_bytes_durably(home.settings_file, text.encode("utf-8"))
    _explain(home, ring, wanted, trusted)


def _settings(wanted: Wanted) -> str:
    try:
        settings = GatewaySettings(
            agency=agency_id(wanted.agency),
            language=wanted.language,
            hub=HubSection(origin=wanted.hub, certificates=wanted.certificates),
            intake=IntakeSection(plugin=wanted.intake),
            api=ApiSection() if wanted.listen is None else ApiSection(listen=wanted.listen),
        )
    except Malformed:
        raise
    except ValueError:
        raise Misconfigured(
            "not accepted: --hub is https://host[:port], or http to this machine itself; "
            "--language is de, en or de-simple; --listen is a port of this machine itself, such as "
            "127.0.0.1:8470"
        ) from None
    return _SETTINGS.format(
        agency=settings.agency,
        language=settings.language,
        origin=settings.hub.origin,
        certificates=_certificates(settings.hub.certificates),
        intake=_quoted(settings.intake.plugin),
        listen=f"#listen = {_quoted(settings.api.listen)}"
        if wanted.listen is None
        else f"listen = {_quoted(settings.api.listen)}",
    )


def _certificates(file: Path | None) -> str:
    if file is None:
        return "#certificates = '/path/to/authority.pem'"
    return f"certificates = {_quoted(str(file.absolute()))}"


def _quoted(text: str) -> str:
    """Return a TOML string that says exactly `text`."""
    if "'" in text or not text.isprintable():
        raise Misconfigured("a path or name in the settings has no quotes or control characters")
    return f"'{text}'"


def _make_keys(ring: Ring, agency: str, *, demo: bool) -> None:
    now = datetime.now(UTC)  # noqa: TID251  # a command owns the clock
    ring.files.create()
    try:
        card = ring.files.card()
    except Misconfigured:
        ring.files.write_identity(demo_identity(agency) if demo else new_identity(agency))
        card = ring.files.card()
    if card.agency != agency:
        raise Conflict(f"the keys here are those of {card.agency}")
    if demo and not ring.newest():
        ring.files.write_document(1, demo_document_key(agency), now=now)
    if ring.newest() is None:
        ring.rotate(now=now)


def _explain(home: Home, ring: Ring, wanted: Wanted, trusted: Trusted) -> None:
    card = ring.files.card()
    print(f"the gateway of {wanted.agency} is ready in {home.root}")
    print(f"fingerprint for the annex: {spoken(card.kid)}")
    print(f"kid: {card.kid}")
    gateway_log.describe(trusted)
    print(f"token of the local API, for programs and people of this machine: {home.api_token}")
    print(f"identity card for the hub's operator: {home.keys / 'identity.json'}")
    print("next: the operator runs `exchange hub admit`; partners and you pin each other's")
    print("fingerprint with `exchange keys pin`; then start with `exchange gateway run`")
