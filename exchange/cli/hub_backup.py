"""`exchange hub backup` and `exchange hub restore`: the records, and apart from them the vault."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from exchange.cli.hub_home import Home, alone_in, settings_in
from exchange.cli.progress import bars
from exchange.errors import Misconfigured

if TYPE_CHECKING:
    from exchange.hub.storage.snapshot import Snapshot

MEBI = 1024 * 1024


def backup(
    to: Annotated[
        Path,
        Parameter(name="DIR", help="A new directory for it; what exists is never overwritten."),
    ],
    *,
    home: Home = Path("hub"),
    vault: Annotated[
        Path | None,
        Parameter(
            help="A new directory for a backup of the vault, in a place of its own: keep it for "
            "days only, for what is erased in the vault stays in it."
        ),
    ] = None,
) -> None:
    """Write a consistent backup of the records; hubs may serve meanwhile.

    It holds everything the hub knows but payloads, which are never backed up, and keys. Keep
    these apart, once, offline: `vault/vault.key`, `log-ed25519.key` and `log-status.key` of the
    home; and the settings. A backup is treated as the database itself: it names who works with
    whom, and holds wrapped keys of documents that wait. Delete it when its time is over: no
    withdrawal and no erasure reaches it.

    Example: exchange hub backup /backup/hub-2026-11-22 --vault /backup-vault/2026-11-22
    """
    from exchange.hub.app import now
    from exchange.hub.back_up import back_up, back_up_vault, keep_apart

    settings = settings_in(home)
    os.umask(0o077)
    if vault is not None:
        keep_apart(to, vault)
    with bars() as bar:
        records = back_up(settings, to, now=now(), progress=bar("records"))
        _tell(to, records)
        if vault is not None:
            # After the records: a key without an entry is swept, the opposite opens to nobody.
            _tell(vault, back_up_vault(settings, vault, now=now(), progress=bar("vault")))


def restore(
    from_: Annotated[
        Path | None,
        Parameter(name="DIR", help="Directory of a backup, of the records or of the vault."),
    ] = None,
    *,
    home: Home = Path("hub"),
    in_place: Annotated[
        bool,
        Parameter(
            help="Restore nothing: the database was brought back by other means, such as a base "
            "backup or a copy of the disk. Say so to the hub, before it starts.",
            negative="",
        ),
    ] = False,
) -> None:
    """Bring the records, or the vault, back from a backup, into an empty place.

    The hub must not run. Its home has the settings and the keys that are in no backup. Restore
    the vault first, never to an earlier moment than the records. At its next start the hub ends
    every disclosure whose payload is gone, and tells the sender to send it again; then it
    compares its log with what others hold. If somebody is ahead, this backup has forgotten
    something, perhaps a withdrawal: the hub then stores and releases nothing, until
    `exchange log import` has brought the missing entries back. docs/backup.md has every step.

    Example: exchange hub restore /backup/hub-2026-11-22 --home hub
    """
    from exchange.hub.app import now
    from exchange.hub.restore import mark
    from exchange.hub.restore import restore as bring_back

    if (from_ is None) is not in_place:
        raise Misconfigured("name the directory of a backup, or say --in-place")
    settings = settings_in(home)
    os.umask(0o077)
    with alone_in(home):
        if from_ is None:
            mark(settings, now=now())
            print("noted: this database was brought back by other means")
        else:
            with bars() as bar:
                found = bring_back(settings, from_, now=now(), progress=bar("restored"))
            _tell(from_, found)
            print("restored")
    print(f"Next: exchange hub serve --home {home}, then exchange hub status --home {home}")


def _tell(directory: Path, snapshot: "Snapshot") -> None:
    size = sum(part.size for part in snapshot.parts)
    of = snapshot.kind if snapshot.kind == "vault" else f"records, {snapshot.size} entries"
    made = f"{snapshot.made_at:%Y-%m-%d %H:%M:%S} UTC"
    print(f"{directory}: {of}, schema {snapshot.schema}, {size / MEBI:,.1f} MiB, of {made}")
