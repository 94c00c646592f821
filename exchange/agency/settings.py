"""Settings of a gateway: one TOML file, `gateway.toml`, with the environment over it.

Holds no secret of its own; keys are files (`keyfiles`). A plugin's table may hold the plugin's.
"""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator
from pydantic_settings import SettingsConfigDict

from exchange.configuration import Configuration, Section, load
from exchange.errors import Malformed
from exchange.hookspecs import FILES
from exchange.keyid import agency_id
from exchange.loopback import is_loopback

_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_LAST_PORT = 65_535
MEBI = 1024 * 1024


class HubSection(Section):
    """`[hub]`: where the hub is."""

    origin: str
    """Scheme, host and port, such as `https://hub.example`; plain http to this machine only."""
    issuer: str = ""
    """The hub's issuer identifier for tokens; empty means `origin`."""
    certificates: Path | None = None
    """Authorities to trust besides the system's, PEM."""
    proxy: str | None = None
    """HTTP proxy to go through, `http://host:port`; the environment is never asked."""

    @field_validator("origin")
    @classmethod
    def _is_an_origin(cls, text: str) -> str:
        found = urlsplit(text)
        plain = found.scheme == "http" and is_loopback(found.hostname or "")
        if not (found.scheme == "https" or plain):
            raise ValueError("https, or http to this machine itself")
        if not found.hostname or found.path.strip("/") or found.query or found.username:
            raise ValueError("scheme, host and port and nothing else")
        return text.rstrip("/")

    @property
    def audience(self) -> str:
        """Issuer identifier of the hub."""
        return self.issuer or self.origin


class IntakeSection(Section):
    """`[intake]`: into which form received documents are converted, by which plugin."""

    plugin: str = "folder"
    """Name of the intake plugin; its own settings stand in `[plugins.<name>]`."""
    profile: str = FILES
    """What packages promise; the plugin reads this profile."""
    profiles: dict[str, str] = Field(default_factory=dict)
    """`[intake.profiles]`: names of plugins that read other profiles, by profile."""


class DeliverySection(Section):
    """`[delivery]`: to which system of the agency converted documents are handed, by a plugin."""

    plugin: str = ""
    """Name of the delivery plugin; empty: documents wait in the spool. Of its own table the
    gateway reads `addresses`, the systems it may reach, and `secrets`, files for it alone."""
    keep: bool = True
    """Whether a delivered document stays in the spool for a day more."""


class ContainerSection(Section):
    """`[container]`: who signs the containers of intake formats that ask for one (ASiC-E)."""

    key: Path | None = None
    """File with the private key, from the home on: PKCS#8 PEM, P-256, mode 0600."""
    certificate: Path | None = None
    """File with its certificate, PEM; after it those between it and an authority."""


class OutgoingSection(Section):
    """`[outgoing]`: which exports of back offices can be read, by which plugins."""

    plugins: list[str] = Field(default_factory=list)
    """Names of plugins that provide outgoing formats."""


class EvidenceSection(Section):
    """`[evidence]`: which plugins look at evidence of consents before they are recorded."""

    plugins: list[str] = Field(default_factory=list)
    """Names of plugins that provide evidence verifiers."""


class DisclosureSection(Section):
    """`[disclosure]`: what is sent."""

    life_days: int = Field(default=14, ge=1, le=14)
    """Days until a document that nobody collected expires."""
    reminder_days: int = Field(default=3, ge=1, le=14)
    """Days after which a document nobody collected is pointed out in `status`."""


class PollSection(Section):
    """`[poll]`: how `exchange gateway run` waits."""

    wait_s: int = Field(default=25, ge=0, le=30)
    """Seconds a long poll waits at the hub."""
    look_again_s: int = Field(default=60, ge=1)
    """Seconds between looks at what was sent, at erasures and at what is held."""
    longest_pause_s: int = Field(default=300, ge=1)
    """Longest pause while the hub cannot be reached; pauses grow up to it."""


class ApiSection(Section):
    """`[api]`: the local API and pages, for this machine alone."""

    listen: str = "127.0.0.1:8470"
    """Loopback address and port; agencies of one gateway may share it. Empty: none is served."""

    @field_validator("listen")
    @classmethod
    def _is_this_machine(cls, text: str) -> str:
        if text and _loopback(text) is None:
            raise ValueError("address and port of this machine itself, such as 127.0.0.1:8470")
        return text

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port to listen at; None where nothing is served."""
        return _loopback(self.listen)


def _loopback(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not is_loopback(bare) or not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
        return None
    return bare, int(port)


class WatchSection(Section):
    """`[watch]`: folders through which a back office sends and receives; see docs/gateway.md."""

    out: Path | None = None
    """Folder with drafts to send, from the home on; none: nothing is sent by a folder."""
    into: Path | None = None
    """Folder into which each converted document is put, from the home on; a Maildir gets the mails
    that intake wrote. None: it stays in the spool."""
    look_s: int = Field(default=5, ge=1, le=3600)
    """Seconds between two looks; what did not change in between is complete."""


class DiskSection(Section):
    """`[disk]`: room that what is sent never takes, so that documents can always be received."""

    reserve: int = Field(default=1024 * MEBI, ge=64 * MEBI, le=2**50)
    """Bytes below which nothing more is uploaded to the local API, taken from a folder or sealed:
    the API answers 507, a watched folder waits."""


class LogSection(Section):
    """`[log]`: what is demanded of the hub's log."""

    receipt_grace_s: int = Field(default=4 * 3600, ge=0, le=24 * 3600)
    """Seconds a head may lack its witnesses, from when it was first seen here."""
    status_max_age_s: int = Field(default=300, ge=30, le=3600)
    """Seconds a note "no withdrawal so far" may be old."""


class GatewaySettings(Configuration):
    """Everything about a gateway that is not a key, a pin or a document."""

    model_config = SettingsConfigDict(env_prefix="EXCHANGE_GATEWAY_")

    agency: str
    """Id of this agency: 2 to 63 of a-z, 0-9 and "-"."""
    language: str = Field(default="de", pattern="^(de|en|de-simple)$")
    """Language of labels in converted documents, and of the notice that goes with sent ones."""
    hub: HubSection
    intake: IntakeSection = IntakeSection()
    delivery: DeliverySection = DeliverySection()
    container: ContainerSection = ContainerSection()
    outgoing: OutgoingSection = OutgoingSection()
    evidence: EvidenceSection = EvidenceSection()
    disclosure: DisclosureSection = DisclosureSection()
    poll: PollSection = PollSection()
    log: LogSection = LogSection()
    api: ApiSection = ApiSection()
    watch: WatchSection = WatchSection()
    disk: DiskSection = DiskSection()
    plugins: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """`[plugins.<name>]`: `distribution`, if it is not `exchange-plugin-<name>`, and its own."""

    @field_validator("agency")
    @classmethod
    def _is_an_agency(cls, text: str) -> str:
        try:
            return agency_id(text)
        except Malformed as error:
            raise ValueError(str(error)) from None

    @property
    def life(self) -> timedelta:
        """How long a document waits for its recipient."""
        return timedelta(days=self.disclosure.life_days)


def read_settings(file: Path) -> GatewaySettings:
    """Read and check `gateway.toml`, or raise Misconfigured, which never quotes a value."""
    return load(GatewaySettings, file)
