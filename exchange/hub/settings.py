"""Settings of the hub, each with meaning and unit; the rules between them are validators here.

Every default starts a hub without set-up. Zero or "unlimited" does not exist.
"""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from exchange.configuration import Configuration, Section
from exchange.hub import ways
from exchange.hub.plain_address import is_plain
from exchange.loopback import is_loopback
from exchange.rules import broken, sentence

MEBI = 1024 * 1024
GIBI = 1024 * MEBI

EEA = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI"),
        *("FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU"),
        *("LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)
"""Countries of the European Economic Area, which includes the Union."""
BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_-]+)*", re.ASCII)
"""A place for payloads that is a bucket, perhaps with a prefix."""
ORIGIN = r"^([A-Za-z0-9.:\[\]-]+/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?$"
"""A name of the log: a URL without its scheme; empty stands for the usual one."""
LAST_PORT = 65_535
MOST_DAYS = 30
"""Outer limit of every deadline for a person (Art. 12(3) GDPR)."""

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Bytes = Annotated[int, Field(ge=1024, le=2**50)]
Seconds = Annotated[float, Field(gt=0, le=366 * 86_400)]
PerSecond = Annotated[float, Field(gt=0, le=100_000)]
Algorithm = Literal["ES256", "PS256", "RS256"]
"""A signature whose key is public and whose digest nobody doubts."""


def _named(url: SecretStr) -> SecretStr:
    """Refuse an empty address: a variable without its value must not mean the file in `home`."""
    if not url.get_secret_value().strip():
        raise ValueError("is empty: name a database, or leave it out to use a file in home")
    return url


Address = Annotated[SecretStr, AfterValidator(_named)]


class Listen(Section):
    """Where and how many."""

    host: str = "127.0.0.1"
    """Address to listen at."""
    port: Annotated[int, Field(ge=1, le=LAST_PORT)] = 8700
    """Port to listen at."""
    connections: Count = 2000
    """Open connections in all; one more is closed at once."""
    connections_per_address: Count = 64
    """Open connections of one address; trusted proxies are exempt."""
    backlog: Count = 1024
    """Connections the system may hold until they are taken."""


class Http(Section):
    """Deadlines and limits of the HTTP front, for every request."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose last `X-Forwarded-For` entry is believed."""
    head_s: Seconds = 10
    """Seconds for the head of a request to arrive."""
    idle_s: Seconds = 75
    """Seconds a kept connection may be idle."""
    body_s: Seconds = 30
    """Seconds for a whole JSON body or form to arrive; also for one silent moment of a stream."""
    stall_s: Seconds = 30
    """Seconds a client may leave an answer unread before the connection is cut."""
    slowest_body: PerSecond = 1024
    """Bytes per second a streamed body must keep up, over each `slowest_window_s`."""
    slowest_window_s: Seconds = 20
    """Seconds over which the rate of a streamed body is measured."""
    shutdown_s: Seconds = 20
    """Seconds requests under way get after SIGTERM; what takes longer is cut and repeated."""
    poll_s: Seconds = 30
    """Longest `wait` of a long poll, in seconds."""


class AgencyLimits(Section):
    """What one agency may use of the hub; beyond it the answer is 429, or 507 for storage."""

    rate: PerSecond = 50
    """Requests per second in the long run."""
    burst: Count = 200
    """Requests at once."""
    parallel: Count = 32
    """Requests under way at the same time."""
    streams: Count = 8
    """Uploads, and as many downloads, under way at the same time."""
    polls: Count = 4
    """Long polls waiting at the same time."""
    decisions: PerSecond = 10
    """Questions to the gate (`POST /v1/decisions`) per second."""
    denials_per_minute: Count = 60
    """Denials by the gate per minute; beyond them the gate is not asked any more."""
    uploads: Count = 100
    """Announced uploads that are not complete."""
    requests: Count = 1_000
    """Document requests whose deadline has not passed."""
    waiting: Count = 20_000
    """Disclosures stored and not yet acknowledged, per sender."""
    stored: Bytes = 50 * GIBI
    """Bytes of payloads stored, per sender."""


class TokenLimits(Section):
    """The token endpoint."""

    rate: PerSecond = 1
    """Tokens per second and agency in the long run."""
    burst: Count = 10
    """Tokens per agency at once."""
    per_address: PerSecond = 10
    """Requests per second and address."""
    life_s: Annotated[int, Field(ge=30, le=3600)] = 600
    """Seconds an access token is valid."""


class Disclosures(Section):
    """Size and deadlines of disclosures."""

    max_size: Bytes = 1152 * MEBI
    """Largest sealed document in bytes: 1 GiB of files, padding and age overhead."""
    incomplete_s: Seconds = 86_400
    """Seconds after which an upload that is not complete is removed."""
    reminder_s: Seconds = 3 * 86_400
    """Seconds after which recipients are reminded of what they have not collected."""
    expiry_s: Annotated[float, Field(gt=0, le=14 * 86_400)] = 14 * 86_400
    """Seconds after which what nobody collected expires; never above 14 days."""


class Erasures(Section):
    """Deadlines of erasure requests."""

    due_days: Annotated[int, Field(ge=1)] = 14
    """Days a recipient has to answer; never above 30 (rule S06)."""
    reminder_days: Annotated[int, Field(ge=1, le=30)] = 7
    """Days after which it is reminded."""


class Person(Section):
    """The person's page at `/p/`."""

    open: bool = True
    """Whether it shows anything; closed, every code is answered like one that does not exist."""
    consenting: bool = True
    """Whether persons may consent there with a key of their own; only where it is open (S01)."""
    leave_to: str = "https://www.dwd.de/"
    """Neutral site the quick exit leads to: one that anybody might have open."""
    contact: str = ""
    """Mail address or telephone number for barriers, as shown; empty: told at the start."""
    enforcement: str = ""
    """Body of the Land for accessibility with its address, as shown; empty: told at the start."""
    misses_per_minute: Count = 10
    """Wrong codes per minute and address before answers are slowed; nobody is locked out."""
    misses_per_minute_in_all: Count = 100
    """Wrong codes per minute at the whole hub before answers are slowed."""
    pause_s: Annotated[float, Field(gt=0, le=30)] = 2
    """Seconds an answer waits that is slowed."""
    waiting: Count = 16
    """Slowed answers of one address at the same time; one more is asked to come back later."""

    @model_validator(mode="after")
    def _leads_away_safely(self) -> Self:
        parts = urlsplit(self.leave_to)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("person.leave_to must be a URL such as https://news.example/")
        return self


class Notices(Section):
    """The outbox of content-free notices."""

    hub_name: Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """Public name of the hub, the last words of each notice; empty: left out."""
    quiet_s: Seconds = 900
    """At most one notice per agency in so many seconds; what comes is merged."""
    first_retry_s: Seconds = 5
    """Seconds to the first repetition of a notice; each following pause is longer."""
    longest_retry_s: Seconds = 6 * 3600
    """Longest pause between two repetitions, in seconds."""
    fall_back_s: Seconds = 300
    """Seconds a channel may fail before a notice goes to the next one of its agency."""
    give_up_s: Seconds = 3 * 86_400
    """Seconds after which a notice that cannot be delivered is parked."""
    breaker_failures: Count = 5
    """Failures in a row after which a channel of an agency rests."""
    breaker_s: Seconds = 300
    """Seconds a failing channel rests."""
    send_s: Seconds = 30
    """Seconds one delivery may take."""


class Disk(Section):
    """Room that must stay free, so that a withdrawal can always be recorded."""

    reserve: Bytes = GIBI
    """Bytes below which no further document is stored."""


class S3(Section):
    """The S3-compatible store, where `blobs` or `blobs_also` names a bucket in it."""

    endpoint: str = ""
    """Address of the store, such as `https://s3.example`; empty: the provider's own one."""
    region: str = "us-east-1"
    """Name of the region; most stores of one's own take any."""
    key: str = ""
    """Name of the access key."""
    secret: SecretStr = SecretStr("")
    """Its secret; better as a variable or credential `EXCHANGE_HUB_S3__SECRET` than in the file."""
    allow_http: bool = False
    """Whether the endpoint may be plain http; payloads are sealed, but requests are signed only."""
    connect_s: Seconds = 5
    """Seconds to connect."""
    answer_s: Seconds = 60
    """Seconds one request may take; none moves more than 5 MiB."""
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    """How often a request is repeated that failed at the store."""
    retry_s: Seconds = 20
    """Seconds in which it is repeated."""

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        parts = urlsplit(self.endpoint)
        if self.endpoint and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("endpoint must be a URL such as https://s3.example")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("endpoint has a scheme, a host and perhaps a port and a path")
        if parts.scheme == "http" and not self.allow_http:
            raise ValueError("endpoint must be https unless allow_http is set")
        return self


class Writer(Section):
    """Writing to the database."""

    batch: Count = 64
    """Units of work that share one commit at most; SQLite only."""
    queue: Count = 512
    """Units that may wait; withdrawals are exempt."""


class Postgres(Section):
    """PostgreSQL, where `database_url` names it; figures are of each process."""

    connections: Annotated[int, Field(ge=1, le=64)] = 6
    """Connections for units of work; as many can run at once."""
    urgent: Annotated[int, Field(ge=1, le=64)] = 2
    """Connections of their own for withdrawals, confirmations of erasure and revocations."""
    readers: Annotated[int, Field(ge=1, le=64)] = 4
    """Connections that only read."""
    wait_s: Annotated[float, Field(gt=0, le=60)] = 2
    """Seconds a unit waits for a connection; then the answer is 503."""
    failover: Literal["manual", "automatic"] = "manual"
    """Who promotes a standby; `automatic` is refused without `synchronous_standby_names`."""


class Vault(Section):
    """The vault: the keys of the log, in a database that is never the one of the records."""

    url: Address | None = None
    """`postgresql+psycopg://USER:PASSWORD@HOST/NAME`, a cluster of its own; none: in `home`."""
    rekey_days: Annotated[int, Field(ge=1, le=31)] = 31
    """Days after which the operator is reminded to change the vault's key."""


class Log(Section):
    """The transparency log under `/log/`; see docs/transparency-log.md."""

    origin: Annotated[str, Field(pattern=ORIGIN)] = ""
    """Name of the log, never changed later; empty: host and port of `origin`, and `/log`."""
    policy: Path | None = None
    """Policy file with the witnesses, from `home` on; none: this log's key and no witness."""
    entries: Literal["parties", "open"] = "parties"
    """Who may read bundles of entries: whoever has a token or a page, or everybody."""
    mldsa: bool = False
    """Whether heads named to witnesses are signed with ML-DSA-44 as well (3.3 kB each)."""
    tick_ms: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Milliseconds between two batches while leaves wait."""
    tick_idle_ms: Annotated[int, Field(ge=1, le=60_000)] = 1000
    """Milliseconds between two looks while none is known to wait."""
    batch: Annotated[int, Field(ge=1, le=4096)] = 4096
    """Leaves in one batch at most."""
    pending_limit: Count = 20_000
    """Leaves that may wait; beyond it new disclosures are refused until there are fewer."""
    witness_interval_s: Annotated[float, Field(gt=0, le=3600)] = 10
    """Seconds between two heads that are named to witnesses and published."""
    witness_timeout_s: Annotated[float, Field(gt=0, le=30)] = 1
    """Seconds a witness has to answer."""
    alarm_after_s: Seconds = 300
    """Seconds without a quorum after which there is an alarm."""
    stop_after_s: Seconds = 4 * 3600
    """Seconds without a quorum after which nothing new is disclosed."""


class Officers(Section):
    """The provider of logins (OpenID Connect) at the officers' desk; see docs/officers.md."""

    issuer: str = ""
    """Address of the provider, exactly as it names itself; empty: links of the operator only."""
    client_id: str = ""
    """Name under which this hub is registered there."""
    secret: SecretStr = SecretStr("")
    """Its password there, better as a variable or credential `EXCHANGE_HUB_OFFICERS__SECRET`."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("ES256", "PS256", "RS256")
    """Signatures that its ID tokens may have."""
    acr: str = ""
    """Class of authentication it must state, such as one with two factors; empty: any."""

    @model_validator(mode="after")
    def _provider_is_named(self) -> Self:
        if not self.issuer and (self.client_id or self.secret.get_secret_value() or self.acr):
            raise ValueError("client_id, secret and acr need issuer")
        if self.issuer and not is_plain(self.issuer):
            raise ValueError("issuer must be a URL such as https://login.example/office")
        if self.issuer and not self.client_id:
            raise ValueError("issuer needs client_id")
        return self


class Metrics(Section):
    """Figures for a monitoring system, at `/metrics` on a port of its own; docs/monitoring.md."""

    port: Annotated[int, Field(ge=1, le=LAST_PORT)] | None = None
    """Port of the first process, such as 9464, further ones take the next; none: not served."""
    host: str = "127.0.0.1"
    """Address to listen at; who reaches it is not asked who it is."""
    names: tuple[str, ...] = ()
    """Names by which it may be asked, besides addresses and `localhost`; without a port."""


class HubSettings(Configuration):
    """Settings of `exchange hub`, from TOML and from variables `EXCHANGE_HUB_…`."""

    model_config = SettingsConfigDict(env_prefix="EXCHANGE_HUB_")

    home: Path = Path("hub")
    """Directory of the databases, the payloads, the keys and the control socket; mode 0700."""
    origin: str = "http://127.0.0.1:8700"
    """Public scheme, host and port, without a path; issuer and audience of tokens."""
    database_url: Address | None = None
    """`postgresql+psycopg://USER:PASSWORD@HOST/NAME`; none: SQLite in `home`."""
    plugins: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Plugins to load, by name, each with its own settings; installed is not enabled."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes on this machine that share its port; more than one needs PostgreSQL."""
    storage_location: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "DE"
    """Country in which records and payloads lie, ISO 3166; in the EU or the EEA (rule S04)."""
    blobs: Annotated[str, Field(min_length=1)] = "payloads"
    """Where payloads lie: a directory, from `home` on, or `s3://BUCKET/PREFIX`."""
    blobs_also: str = ""
    """A second such place that is read as well, while payloads move; see docs/storage.md."""
    demo: bool = False
    """True in `exchange demo` only: admits the published demo keys."""
    listen: Listen = Listen()
    http: Http = Http()
    agency: AgencyLimits = AgencyLimits()
    token: TokenLimits = TokenLimits()
    disclosure: Disclosures = Disclosures()
    erasure: Erasures = Erasures()
    person: Person = Person()
    notices: Notices = Notices()
    disk: Disk = Disk()
    s3: S3 = S3()
    writer: Writer = Writer()
    vault: Vault = Vault()
    log: Log = Log()
    officers: Officers = Officers()
    metrics: Metrics = Metrics()
    postgres: Postgres = Postgres()

    @property
    def log_origin(self) -> str:
        """Name of the log: the public address without its scheme, and `/log`."""
        return self.log.origin or f"{self.origin.partition('://')[2].lower()}/log"

    @model_validator(mode="after")
    def _origin_is_safe(self) -> Self:
        parts = urlsplit(self.origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("origin must be a URL such as https://hub.example")
        if self.origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
            raise ValueError("origin has a scheme, a host and perhaps a port, nothing else")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("origin must be https unless it is a loopback address")
        return self

    @model_validator(mode="after")
    def _workers_can_share(self) -> Self:
        if self.workers > 1 and self.database_url is None:
            raise ValueError("workers above 1 need PostgreSQL: set database_url")
        return self

    @model_validator(mode="after")
    def _metrics_have_ports_of_their_own(self) -> Self:
        first = self.metrics.port
        if first is None:
            return self
        ports = range(first, first + self.workers)
        if ports[-1] > LAST_PORT:
            raise ValueError("metrics.port leaves no port for each of the workers")
        if self.listen.port in ports:
            raise ValueError("metrics.port must be another one than listen.port, for each worker")
        return self

    @model_validator(mode="after")
    def _proxies_are_named(self) -> Self:
        for text in self.http.trusted_proxies:
            if ipaddress.ip_network(text, strict=False).prefixlen == 0:
                raise ValueError("trusted_proxies must not be everybody")
        return self

    @model_validator(mode="after")
    def _payloads_have_a_place(self) -> Self:
        if self.blobs == self.blobs_also:
            raise ValueError("blobs_also must be another place than blobs")
        in_s3 = [place for place in (self.blobs, self.blobs_also) if place.startswith("s3:")]
        if not all(BUCKET.fullmatch(place) for place in in_s3):
            raise ValueError("payloads lie in a directory or in s3://BUCKET/PREFIX")
        if in_s3 and not (self.s3.key and self.s3.secret.get_secret_value()):
            raise ValueError("payloads in s3://... need s3.key and s3.secret")
        return self

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        page = ways.page(consenting=self.person.consenting, is_open=self.person.open)
        found = [
            *ways.findings((ways.OFFICE, page), ways.ON_PAGE),
            *([] if self.storage_location in EEA else [broken("S04", "storage_location")]),
            *([] if self.erasure.due_days <= MOST_DAYS else [broken("S06", "erasure.due_days")]),
        ]
        if found:
            told = (f"{one.id} {one.field}: {sentence(one, 'en')}" for one in found)
            raise ValueError(" ".join(told))
        return self

    @model_validator(mode="after")
    def _deadlines_are_in_order(self) -> Self:
        if self.disclosure.reminder_s >= self.disclosure.expiry_s:
            raise ValueError("disclosure.reminder_s must come before disclosure.expiry_s")
        if self.erasure.reminder_days >= self.erasure.due_days:
            raise ValueError("erasure.reminder_days must come before erasure.due_days")
        if self.log.alarm_after_s >= self.log.stop_after_s:
            raise ValueError("log.alarm_after_s must come before log.stop_after_s")
        if self.notices.first_retry_s > self.notices.longest_retry_s:
            raise ValueError("notices.first_retry_s must not exceed notices.longest_retry_s")
        return self
