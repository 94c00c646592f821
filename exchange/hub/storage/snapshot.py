"""A backup as it lies on a disk: a directory with parts, and a note that says what they are.

The note is written last and holds the digest of every part: a directory without it, or with a
part that is another, is no backup. Nothing in it opens anything: keys are never in a backup.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, Literal, TypeAlias

from exchange import canonical
from exchange.canonical import Json, is_sha256_hex
from exchange.durable import make_directory, partial_name, sync_directory, write_bytes_durably
from exchange.errors import Malformed, Misconfigured

Kind: TypeAlias = Literal["records", "vault"]
Store: TypeAlias = Literal["sqlite", "postgresql"]
Progress: TypeAlias = Callable[[int, int], None]
"""Told how much is done and how much there is."""

NOTE: Final = "backup.json"
LARGEST_NOTE: Final = 256 * 1024
"""Bytes; ours have some kilobytes."""
CHUNK: Final = 1024 * 1024
"""Bytes read at once."""
FACTS: Final = (
    "SELECT version_num FROM alembic_version",
    "SELECT size FROM log_tree",
    "SELECT note FROM log_checkpoint ORDER BY size DESC LIMIT 1",
)
"""What a note says of a database of records: schema, size of its log, newest signed head."""
_UNFINISHED: Final = "exchange-backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a backup."""

    name: str
    """Of the file: a database, or the rows of one table as PostgreSQL writes them."""
    size: int
    sha256: str
    """Hex, of exactly these bytes."""
    columns: tuple[str, ...] = ()
    """Of a table, in the order of the file; none for a database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a backup is of."""

    kind: Kind
    """The records, or the vault: they never lie in one backup."""
    store: Store
    schema: str
    """Of the database, as `exchange hub migrate` names it."""
    made_at: datetime
    """When the snapshot was taken, aware."""
    parts: tuple[Part, ...]
    size: int = 0
    """Entries of the log in it."""
    note: str = ""
    """The newest signed head in it, as text; empty where none is."""


@contextmanager
def new_directory(target: Path) -> Iterator[Path]:
    """Yield an unfinished directory that becomes `target`, durably, when the block ends well.

    A crash leaves the unfinished one under a hidden name, with nobody's lock on it: the next
    backup into the same place removes it.

    Args:
        target: does not exist; the directory above it is made if it is missing.

    Raises:
        Misconfigured: the name is taken.
    """
    if target.exists():
        raise Misconfigured(f"{target} exists; a backup never overwrites anything")
    make_directory(target.parent)
    _remove_unfinished(target.parent)
    partial = partial_name(target.with_name(_UNFINISHED))
    partial.mkdir(mode=0o700)
    lock = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield partial
        sync_directory(partial)
        # Not atomic with the look above; but a directory that is not empty is never replaced.
        partial.rename(target)
        sync_directory(target.parent)
    except OSError as error:
        raise Misconfigured(f"the backup cannot be written: {error.strerror}") from None
    finally:
        os.close(lock)
        rmtree(partial, ignore_errors=True)


def _remove_unfinished(directory: Path) -> None:
    for left in directory.glob(f".{_UNFINISHED}.*"):
        lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # of a backup that is being made just now
        finally:
            os.close(lock)
        rmtree(left)


def write_note(directory: Path, snapshot: Snapshot) -> None:
    """Write the note of a backup whose parts are durable; from then on it is one."""
    parts: list[Json] = [
        {
            "name": part.name,
            "size": part.size,
            "sha256": part.sha256,
            "columns": list(part.columns),
        }
        for part in snapshot.parts
    ]
    payload: Json = {
        "v": 1,
        "kind": snapshot.kind,
        "store": snapshot.store,
        "schema": snapshot.schema,
        "made_at": snapshot.made_at.astimezone(UTC).isoformat(),
        "size": snapshot.size,
        "note": snapshot.note,
        "parts": parts,
    }
    write_bytes_durably(directory / NOTE, canonical.encode(payload) + b"\n")


def read_note(directory: Path) -> Snapshot:
    """Return what the backup in `directory` is of; its parts are not looked at.

    Raises:
        Misconfigured: there is no backup, or its note is not one of ours.
    """
    try:
        raw = (directory / NOTE).read_bytes()
        return _snapshot(canonical.loads(raw.removesuffix(b"\n"), limit=LARGEST_NOTE))
    except OSError:
        raise Misconfigured(f"there is no backup in {directory}") from None
    except (Malformed, KeyError, TypeError, ValueError):
        raise Misconfigured(f"{directory / NOTE} is not the note of a backup") from None


def _snapshot(payload: Any) -> Snapshot:
    found = dict(payload)
    if found.pop("v") != 1:
        raise Malformed
    parts = tuple(map(_part, found.pop("parts")))
    made_at = datetime.fromisoformat(found.pop("made_at")).astimezone(UTC)
    snapshot = Snapshot(**found, parts=parts, made_at=made_at)
    known = snapshot.kind in {"records", "vault"} and snapshot.store in {"sqlite", "postgresql"}
    if not known or not snapshot.parts or not isinstance(snapshot.schema, str):
        raise Malformed
    return snapshot


def _part(found: Mapping[str, Any]) -> Part:
    part = Part(**{**found, "columns": tuple(found["columns"])})
    inside = Path(part.name).name == part.name and is_sha256_hex(part.sha256)
    if not inside or not all(isinstance(name, str) for name in part.columns):
        raise Malformed
    return part


def check_parts(directory: Path, snapshot: Snapshot, progress: Progress) -> None:
    """Read every part of a backup and compare it with what the note says.

    Raises:
        Misconfigured: a part is missing or another; nothing of it may be restored.
    """
    total, done = sum(part.size for part in snapshot.parts), 0
    for part in snapshot.parts:
        digest = hashlib.sha256()
        for chunk in chunks_of(directory / part.name):
            digest.update(chunk)
            done += len(chunk)
            progress(done, total)
        if digest.hexdigest() != part.sha256:
            raise Misconfigured(f"{directory / part.name} is damaged: use another backup")


def described(file: Path) -> Part:
    """Return a finished file of a backup as a part of it; makes its content durable.

    Raises:
        OSError: it cannot be read or synced; there is no backup then.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in chunks_of(file):
        digest.update(chunk)
        size += len(chunk)
    with file.open("rb") as written:
        os.fsync(written.fileno())
    return Part(name=file.name, size=size, sha256=digest.hexdigest())


def chunks_of(file: Path) -> Iterator[bytes]:
    """Yield the bytes of a part.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                yield chunk
    except OSError:
        raise Misconfigured(f"{file} cannot be read: use another backup") from None
