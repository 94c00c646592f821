"""Where a gateway keeps what it has: the one place that knows the layout of its home.

```
gateway.toml      settings; no secret in it
log-policy        whose word about the hub's log this agency takes; compared by people
api-token         token of the local API (0600): whoever reads it works in the name of this agency
keys/             private keys (0700), read by `keyfiles` only
pins/             one JSON file per partner: whose identity this agency trusts, and why
statements/       what this agency has signed, byte for byte: sign once, persist, then send
state/            state.db (what was sent, received, seen), and its lock
outgoing/         sealed documents on their way to the hub: the unit of retry
incoming/         sealed documents on their way in
quarantine/       plaintext: opened, not yet handed over, or set aside for the administrator
spool/            plaintext: one folder per document, ready for the back office
requests/         plaintext: one file per request of a partner that waits for an answer
sketches/         consents being prepared on the local pages; they name nobody
receipts/         log receipts of what this agency did, `<kind>-<id>.tlog-proof`
deposited/        ids of documents that lay in the watched folder, so that none is put there twice
conflict/         what convicts the hub, and `stopped` while nothing is exchanged with it
```
Every directory is 0700. Plaintext stands in `quarantine`, `spool` and `requests` and nowhere else.
Back up `gateway.toml`, `log-policy`, `pins`, `statements`, `receipts`, `conflict`, `state` and the
identity key; never the document keys.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from exchange.durable import make_directory, sync_directory
from exchange.errors import Misconfigured
from exchange.sqlite_file import lock_file


@dataclass(frozen=True, slots=True)
class Home:
    """The home directory of one gateway."""

    root: Path

    @property
    def settings_file(self) -> Path:
        """Settings, TOML."""
        return self.root / "gateway.toml"

    @property
    def log_policy(self) -> Path:
        """Policy file of the hub's log (C2SP tlog-policy), given by people."""
        return self.root / "log-policy"

    @property
    def api_token(self) -> Path:
        """Token of the local API, one line; made by `init`, or at the first start."""
        return self.root / "api-token"

    @property
    def keys(self) -> Path:
        """Private keys: `identity-*.pem` and `document-<seq>.key`."""
        return self.root / "keys"

    @property
    def pins(self) -> Path:
        """Pins of partners, `<agency>.json`."""
        return self.root / "pins"

    @property
    def statements(self) -> Path:
        """Statements signed here, such as `key-statement-<seq>.jws`."""
        return self.root / "statements"

    @property
    def state(self) -> Path:
        """Directory of the state database and its lock."""
        return self.root / "state"

    @property
    def state_file(self) -> Path:
        """The state database, SQLite."""
        return self.state / "state.db"

    @property
    def outgoing(self) -> Path:
        """Sealed documents waiting to be uploaded, `<id>.age`."""
        return self.root / "outgoing"

    @property
    def incoming(self) -> Path:
        """Payloads and headers being collected, `<id>.payload` and `<id>.header`."""
        return self.root / "incoming"

    @property
    def quarantine(self) -> Path:
        """Opened documents before intake takes them, and those it could not take."""
        return self.root / "quarantine"

    @property
    def workers(self) -> Path:
        """Rooms of the intake workers; emptied at every start."""
        return self.quarantine / ".workers"

    @property
    def spool(self) -> Path:
        """Documents in the format of the back office, one folder each."""
        return self.root / "spool"

    @property
    def requests(self) -> Path:
        """What partners ask for, `<id>.json`, until it is answered or its deadline has passed."""
        return self.root / "requests"

    @property
    def sketches(self) -> Path:
        """Consents that are being prepared and name nobody yet, `<id>.json`."""
        return self.root / "sketches"

    @property
    def receipts(self) -> Path:
        """Log receipts of what this agency did, `<kind>-<id>.tlog-proof`."""
        return self.root / "receipts"

    @property
    def deposited(self) -> Path:
        """One empty file per document that was copied to the folder of `[watch] into`."""
        return self.root / "deposited"

    @property
    def conflict(self) -> Path:
        """Evidence against the hub: signed notes that cannot both be true."""
        return self.root / "conflict"

    def folders(self) -> tuple[Path, ...]:
        """Return every directory of the home, parents first."""
        return (
            self.root,
            self.keys,
            self.pins,
            self.statements,
            self.state,
            self.outgoing,
            self.incoming,
            self.quarantine,
            self.workers,
            self.spool,
            self.requests,
            *self.younger(),
        )

    def younger(self) -> tuple[Path, ...]:
        """Return the directories that homes of earlier versions lack."""
        return (self.receipts, self.conflict, self.deposited, self.sketches)


def at(root: Path) -> Home:
    """Return the home at `root`, wherever the process goes later."""
    return Home(root.absolute())


def create(home: Home) -> None:
    """Make every directory of `home`, 0700; harmless where they exist. Durable on return."""
    for folder in home.folders():
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=folder == home.root)
            # A new directory is only safe once its parent is synced.
            sync_directory(folder.parent)


def check(home: Home) -> None:
    """Refuse a home that is incomplete or that others on the machine can look into.

    What earlier versions did not have is made in a home of theirs.

    Raises:
        Misconfigured: a directory is missing, a link, foreign, or open to group or others.
    """
    if not home.settings_file.is_file():
        raise Misconfigured(
            f"{home.root} is not the home of a gateway; make one with: exchange gateway init"
        )
    for folder in home.younger():
        make_directory(folder)
    check_folders(home)


def is_used(home: Home) -> bool:
    """Tell whether another process works with this home now."""
    if not home.state_file.exists():
        return False
    try:
        os.close(lock_file(home.state_file, shared=True))
    except Misconfigured:
        return True
    return False


def check_folders(home: Home) -> None:
    """Refuse directories that are missing or open to others; see `check`."""
    for folder in home.folders():
        try:
            found = folder.lstat()
        except FileNotFoundError:
            raise Misconfigured(f"the directory {folder} is missing") from None
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise Misconfigured(f"{folder} is not a directory of the user that runs the gateway")
        if found.st_mode & 0o077:
            raise Misconfigured(f"others can look into {folder}; run: chmod 700 {folder}")
