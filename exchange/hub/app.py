"""The hub's composition root: builds every part from settings; `exchange.hub.serve` runs them.

Owns the clock. Nothing else in the hub reads settings or time.
"""

import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import structlog
from aiohttp import web

from exchange import canonical, registry
from exchange.durable import make_directory, write_bytes_durably
from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import HUB_GROUP
from exchange.hub import control, witnessed
from exchange.hub.admit import admit, reach_by, suspend
from exchange.hub.desk.site import add_desk
from exchange.hub.directory import Directory
from exchange.hub.end_lost import finish_restoration
from exchange.hub.erase_consents import erase_one
from exchange.hub.heads import Heads
from exchange.hub.http.application import application
from exchange.hub.http.call import Front
from exchange.hub.http.caller import addresses
from exchange.hub.http.limits import Limits
from exchange.hub.http.tokens import KEY_SIZE, AccessTokens
from exchange.hub.line import Line
from exchange.hub.mirror import take_over
from exchange.hub.move_blobs import described
from exchange.hub.news import News
from exchange.hub.officers import commands as officers
from exchange.hub.open_blobs import open_blobs
from exchange.hub.open_database import open_database
from exchange.hub.open_signer import open_signer
from exchange.hub.open_vault import VAULT, VAULT_KEY, open_vault
from exchange.hub.pages.shell import make_shell
from exchange.hub.pages.site import add_pages
from exchange.hub.parts import Clock, Hub, Rules
from exchange.hub.records import Records
from exchange.hub.rekey_vault import rekey_vault
from exchange.hub.running import running, settings_digest
from exchange.hub.settings import HubSettings, Person
from exchange.hub.signer import make_keys
from exchange.hub.stirring import StirringDatabase
from exchange.hub.storage.engine import HubDatabase
from exchange.hub.storage.reaches import read_reach
from exchange.hub.storage.vault_keys import make_vault_key
from exchange.hub.streams import Streams
from exchange.keyid import identity_card

TOKEN_KEY = "token.key"  # noqa: S105 - the name of a file
BLOBS = "payloads"
"""Directory of the payloads, unless the settings name another place; never backed up."""


def now() -> datetime:
    """Return the present moment; the one real clock of the hub."""
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


def make_home(home: Path, files: Mapping[str, bytes] | None = None) -> None:
    """Make what a hub needs before its first start: directories and its secret keys.

    Args:
        home: directory of the hub; made if it is missing.
        files: what else belongs there from the beginning, by name.

    Raises:
        Misconfigured: there is a hub already.
    """
    make_directory(home)
    if (home / TOKEN_KEY).exists():
        raise Misconfigured(f"there is a hub in {home} already")
    for directory in (home / VAULT, home / BLOBS):
        make_directory(directory)
    if not (home / VAULT / VAULT_KEY).exists():  # made before an interruption: it is whole
        make_vault_key(home / VAULT / VAULT_KEY)
    make_keys(home)
    for name, content in (files or {}).items():
        write_bytes_durably(home / name, content, replace=True)
    # Last: a crash before it leaves a home that is no hub yet, and making it again goes on.
    write_bytes_durably(home / TOKEN_KEY, secrets.token_bytes(KEY_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A hub whose files are open, and what the composition root alone needs of it."""

    hub: Hub
    database: HubDatabase


@asynccontextmanager
async def opened(
    settings: HubSettings, *, clock: Clock, on_failure: Callable[[], None]
) -> AsyncIterator[Opened]:
    """Open database, vault and payloads while the block runs.

    Args:
        settings: validated.
        clock: the present moment, aware.
        on_failure: called once, in the writer's thread, after a COMMIT failed: stop the process.

    Raises:
        Misconfigured: no hub there, another process uses it, others may read its keys or write
            beside them, or a plugin cannot be loaded.
    """
    home = settings.home
    if not (home / TOKEN_KEY).is_file():
        raise Misconfigured(f"there is no hub in {home}; make one: exchange hub init")
    check_permissions(home)
    loaded = registry.load(HUB_GROUP, plugins(settings))
    channels, vetoes = registry.channels(loaded), registry.gate_vetoes(loaded)
    async with AsyncExitStack() as stack:
        database = open_database(settings, on_failure=on_failure)
        stack.push_async_callback(database.close)
        vault = await open_vault(settings, database, clock=clock)
        stack.push_async_callback(vault.close)
        signer = await open_signer(settings, database)
        heads = Heads(pending_limit=settings.log.pending_limit)
        line = Line()
        hub = Hub(
            home=home,
            db=StirringDatabase(database, heads.stir),
            vault=vault,
            blobs=open_blobs(settings),
            clock=clock,
            origin=settings.origin,
            rules=rules(settings),
            directory=Directory(),
            records=Records(clock),
            line=line,
            news=News(line),
            streams=Streams(line),
            signer=signer,
            heads=heads,
            channels=channels,
            vetoes=vetoes,
            plugins=running(loaded),
            settings_sha256=settings_digest(settings),
        )
        await take_over(hub)
        await finish_restoration(hub)
        yield Opened(hub=hub, database=database)


def check_permissions(home: Path) -> None:
    """Refuse a home whose secrets others may read, or where others may put files.

    Raises:
        Misconfigured: which file or directory, and what to do. The vault looks after its own key.
    """
    if (home / TOKEN_KEY).stat().st_mode & 0o077:
        raise Misconfigured(f"the token key {home / TOKEN_KEY} is readable by others: chmod 600")
    for directory in (home, home / VAULT):
        if directory.is_dir() and directory.stat().st_mode & 0o022:
            raise Misconfigured(f"others may write to {directory}: chmod 700")


def plugins(settings: HubSettings) -> list[registry.Named]:
    """Return the plugins that settings name."""
    tables = cast("Mapping[str, Mapping[str, canonical.Json]]", settings.plugins)
    return [registry.named(name, table) for name, table in tables.items()]


def rules(settings: HubSettings) -> Rules:
    """Return the figures that verbs decide with."""
    return Rules(
        max_size=settings.disclosure.max_size,
        incomplete=timedelta(seconds=settings.disclosure.incomplete_s),
        reminder=timedelta(seconds=settings.disclosure.reminder_s),
        expiry=timedelta(seconds=settings.disclosure.expiry_s),
        erasure_due=timedelta(days=settings.erasure.due_days),
        erasure_reminder=timedelta(days=settings.erasure.reminder_days),
        rekey=timedelta(days=settings.vault.rekey_days),
        witness_alarm=timedelta(seconds=settings.log.alarm_after_s),
        witness_stop=timedelta(seconds=settings.log.stop_after_s),
        open_uploads=settings.agency.uploads,
        open_requests=settings.agency.requests,
        waiting=settings.agency.waiting,
        stored=settings.agency.stored,
        reserve=settings.disk.reserve,
        electronic=settings.person.consenting,
        demo=settings.demo,
    )


def front(hub: Hub, settings: HubSettings, *, ticks: Callable[[], float] = time.monotonic) -> Front:
    """Return the parts of the HTTP side.

    Args:
        hub: the parts behind it.
        settings: validated.
        ticks: monotonic seconds, for rates.
    """
    token_key = (hub.home / TOKEN_KEY).read_bytes()
    return Front(
        hub=hub,
        settings=settings.http,
        limits=Limits(settings.agency, settings.token, ticks),
        tokens=AccessTokens(token_key, issuer=settings.origin, life_s=settings.token.life_s),
        hosts=frozenset({settings.origin.partition("://")[2].lower()}),
        open_entries=settings.log.entries == "open",
        address=addresses(settings.http),
    )


def site(
    served_by: Front, settings: HubSettings, *, ticks: Callable[[], float] = time.monotonic
) -> web.Application:
    """Return what a hub serves: the API, the person's page and those of officers.

    Args:
        served_by: the parts of the HTTP side.
        settings: validated.
        ticks: monotonic seconds, for rates.
    """
    app = application(served_by)
    add_pages(app, make_shell(share(settings), ticks))
    add_desk(app, settings, ticks)
    return app


def share(settings: HubSettings) -> Person:
    """Return the person's page with this worker's share of the wrong codes that are put up with.

    New connections spread evenly over the workers of a machine; so do the attempts of somebody
    who guesses, and together they stay within what the settings say.
    """
    each = settings.person.misses_per_minute, settings.person.misses_per_minute_in_all
    here, in_all = (-(-count // settings.workers) for count in each)
    return settings.person.model_copy(
        update={"misses_per_minute": here, "misses_per_minute_in_all": in_all}
    )


def warn(settings: HubSettings) -> None:
    """Log what the declaration of accessibility lacks (BITV 2.0, sections 12a to 12d BGG)."""
    log = structlog.get_logger("exchange.hub")
    if not settings.person.contact:
        log.warning("person-contact-missing")
    if not settings.person.enforcement:
        log.warning("person-enforcement-missing")


def commands(hub: Hub) -> control.Answer:
    """Return what answers the operator's commands in the running hub."""

    async def answer(asked: Mapping[str, Any]) -> canonical.Json:
        return await command(hub, asked)

    return answer


def log_status(hub: Hub) -> canonical.Json:
    """Return how the log is doing, as the operator is told: counts, seconds and codes."""
    heads = hub.heads
    return {
        "size": 0 if heads.newest is None else heads.newest.size,
        "pending": heads.pending,
        "age_s": round(heads.age_s()),
        "unwitnessed_s": round(witnessed.lag(hub).total_seconds()),
        "stopped": heads.stopped,
        "discloses": heads.has_room and not witnessed.stopped(hub),
    }


async def command(hub: Hub, asked: Mapping[str, Any]) -> canonical.Json:
    """Do what an operator's command asks for; the same in the running hub and without one.

    Raises:
        Malformed: no such command.
        ExchangeError: what the command refuses.
    """
    match asked:
        case {"do": "admit" | "reach" | "suspend"}:
            return await _about_agency(hub, asked)
        case {"do": "blobs", "names": list(names)}:
            rows = await described(hub, names)
            return {name: [row.size, row.sha256] for name, row in rows.items()}
        case {"do": "erase-consent", "consent": str(consent)}:
            await erase_one(hub, consent)
            return {}
        case {"do": officers.WORD, **wish}:
            return await officers.command(hub, wish)
        case {"do": "rekey-vault", **step}:
            return await rekey_vault(hub, step)
        case {"do": "status"}:
            return {"pid": os.getpid(), "log": log_status(hub)}
        case _:
            raise Malformed("no such command")


async def _about_agency(hub: Hub, asked: Mapping[str, Any]) -> canonical.Json:
    match asked:
        case {"do": "admit", "card": dict(card), "reach": dict(reach)}:
            identity = identity_card(card)
            await admit(hub, identity, read_reach(reach))
            return {"agency": identity.agency, "kid": identity.kid}
        case {"do": "reach", "agency": str(agency), "reach": dict(reach)}:
            await reach_by(hub, agency, read_reach(reach))
            return {}
        case {"do": "suspend", "agency": str(agency)}:
            return {"first": await suspend(hub, agency)}
        case _:
            raise Malformed("no such command")
