"""`exchange gateway status`: what a gateway remembers, in plain words, asking nobody."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from os import environ
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from exchange.agency import (
    arrivals,
    aside_words,
    events,
    handed,
    majorities,
    spool,
    state,
    watch_folders,
)
from exchange.agency import home as homes
from exchange.agency.advice import ADVICE, UNKNOWN
from exchange.agency.asked import list_asked
from exchange.agency.handed import Handing
from exchange.agency.keyfiles import KeyFiles, Unlock, credentials_directory, no_passphrase
from exchange.agency.pins import read_pins
from exchange.agency.rekey import Ring
from exchange.agency.settings import GatewaySettings, read_settings
from exchange.agency.state import Erasing, Erasure, Receiving, Sending
from exchange.agency.tables import schema
from exchange.cli import gateway_log
from exchange.days import day_of, last_day
from exchange.keyring.fingerprint import spoken
from exchange.sqlite_file import reader_engine

TAKEN: Final = timedelta(days=7)
"""After so long a back office should have taken a document out of the spool (class D14)."""
_UNDER_WAY: Final = (Sending.SEALED, Sending.LODGED, Sending.STORED, Sending.COLLECTED)


def show(root: Path, unlock: Unlock | None) -> None:
    """Print the state of the gateway at `root`.

    Args:
        root: its home.
        unlock: gives the passphrase of protected keys; None: say nothing that needs it.
    """
    home = homes.at(root)
    homes.check(home)
    settings = read_settings(home.settings_file)
    files = KeyFiles(
        home.keys, credentials=credentials_directory(environ), unlock=unlock or no_passphrase
    )
    now = datetime.now(UTC)  # noqa: TID251  # a command owns the clock
    ring = Ring(files, home.statements)
    _show_identity(settings, ring)
    gateway_log.show(home)
    if ring.newest() is not None:
        _show_ages(ring, now, readable=unlock is not None or not files.is_protected())
    pins = ", ".join(read_pins(home.pins)) or "nobody yet"
    print(f"pinned: {pins}")
    for waiting in list_asked(home):
        print(f"{waiting.agency} asks for documents until {last_day(waiting.deadline)};")
        print(f"  read it with: exchange requests show {waiting.id}")
    _show_watched(home, settings)
    if not home.state_file.exists():
        print("nothing was sent or received yet")
        return
    engine = reader_engine(home.state_file)
    try:
        with engine.connect() as connection:
            schema.check(connection)
            _show_documents(connection, home, settings, now)
            gateway_log.show_findings(connection, settings, now)
            print(f"newest event: {events.newest(connection)}")
    finally:
        engine.dispose()


def _show_identity(settings: GatewaySettings, ring: Ring) -> None:
    print(f"agency {settings.agency} at {settings.hub.origin}")
    print(f"fingerprint: {spoken(ring.files.card().kid)}")
    newest = ring.newest()
    if newest is None:
        print("no document key is announced yet; exchange gateway run announces it")
        return
    ends = datetime.fromtimestamp(newest.exp, UTC)
    print(f"key statement {newest.seq}, valid until {ends:%Y-%m-%d}")


def _show_ages(ring: Ring, now: datetime, *, readable: bool) -> None:
    if not readable:  # their files say when they were made, under the passphrase
        print("the age of the document keys is told only with --passphrase-fd")
        return
    if ring.rotation_due(now=now):
        print("the document key is 30 days old; replace it with: exchange keys rotate")
    for held in ring.retirable(now=now):
        print(f"document key {held.seq} has served; destroy it with: exchange keys retire")


def _show_documents(
    connection: Connection, home: homes.Home, settings: GatewaySettings, now: datetime
) -> None:
    sent, received = state.count_states(connection)
    print(f"sent: {_counts(sent)}")
    for one in state.list_sent(connection, _UNDER_WAY):
        days = (now - one.sent_at).days
        late = one.state is Sending.STORED and days >= settings.disclosure.reminder_days
        notes = [one.reason or "", f"not collected for {days} days" if late else ""]
        said = ", ".join(note for note in notes if note)
        print(f"  {one.id} for {one.recipients}: {one.state.value}{said and f' ({said})'}")
    print(f"received: {_counts(received)}")
    _show_received(connection, home, now)
    _show_handed(connection)
    for disclosure_id, reason, since in state.list_held(connection):
        advice = ADVICE.get(reason, UNKNOWN)
        print(f"  held at the hub since {since:%Y-%m-%d %H:%M}: {disclosure_id} ({reason})")
        print(f"    {advice}")
    for asked in state.list_erasures(connection, Erasing.ASKED):
        _show_erasure(connection, home, asked)
    for majority in majorities.list_ahead(connection, now):
        print(f"  consent {majority.consent}: its guardians speak until {last_day(majority.ends)};")
        print("    ask the young adult to consent herself, or nothing can be disclosed afterwards")


def _show_received(connection: Connection, home: homes.Home, now: datetime) -> None:
    """Say which received documents somebody has to look at."""
    for waiting in arrivals.list_received(connection, (Receiving.COLLECTED, Receiving.OPENED)):
        print(f"  {waiting.id} from {waiting.sender}: interrupted, goes on at the next round")
    for done in arrivals.list_received(connection, (Receiving.DONE,)):
        if done.folder and now - done.seen_at >= TAKEN and (home.spool / done.folder).is_dir():
            print(f"  {done.id} from {done.sender}: lies in spool/{done.folder};")
            print(f"    nobody has taken it out since {day_of(done.seen_at)}")
    explained = cache(aside_words.explained)
    for aside in arrivals.list_aside(connection, now):
        why, words = spool.why_aside(home, aside.id) or (aside.reason or "", "")
        until = last_day(aside.seen_at + arrivals.KEPT_ASIDE)
        print(f"  {aside.id} from {aside.sender}: in quarantine until {until} ({why})")
        print(f"    {explained(why)['en']}")
        if words:  # they may quote the document, so they are not printed
            print(f"    what the plugin says: {spool.aside(home, aside.id) / aside_words.PAPER}")


def _show_handed(connection: Connection) -> None:
    """Say which documents a system of the agency does not have yet."""
    for one in handed.list_open(connection):
        parked = one.state is Handing.PARKED
        how = "parked" if parked else f"waits, {one.attempts} attempts so far"
        print(f"  {one.id} for {one.destination}: {how}{f' ({one.reason})' if one.reason else ''}")


def _show_watched(home: homes.Home, settings: GatewaySettings) -> None:
    """Say what lies in the watched folder that was not sent."""
    if settings.watch.out is None:
        return
    out = home.root / settings.watch.out
    if not out.is_dir():
        print(f"watched: {out} is not there")
        return
    taken = sum(1 for _ in (out / watch_folders.TAKEN).glob("[!.]*"))
    failed = sum(1 for _ in (out / watch_folders.FAILED).glob("*"))
    print(f"watched: {taken} being sent, {failed} not sent, in {out / watch_folders.FAILED}")


def _show_erasure(connection: Connection, home: homes.Home, asked: Erasure) -> None:
    """Say what the back office must erase: which documents, under which consent, until when."""
    due = day_of(asked.due)
    concerned = arrivals.list_received(connection, consent=asked.consent)
    if concerned:
        print(f"  erase until {due} what came under consent {concerned[0].consent_id}:")
    else:  # passed on to this agency: that consent is hidden from it
        print(f"  erase until {due} what a partner passed on to you of another agency:")
    for one in concerned:
        where = f", {_place(home, one.folder)}" if one.folder else ""
        print(f"    {one.id} from {one.sender}, received {day_of(one.seen_at)}{where}")
    print(f"    then run: exchange gateway erased {asked.id}")


def _place(home: homes.Home, folder: str) -> str:
    """Say where a delivered document is, as far as that is known here."""
    return f"{'in' if (home.spool / folder).is_dir() else 'taken out of'} spool/{folder}"


def _counts(states: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(states.items())) or "nothing"
