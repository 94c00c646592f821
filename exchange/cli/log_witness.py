"""`exchange log witness`: see that a log only grows, and say so with a key of one's own."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from exchange.errors import Misconfigured

if TYPE_CHECKING:
    from exchange.witness.road import Way
    from exchange.witness.serve import Witness

LONGEST_PORT = 65_535


def witness(  # noqa: PLR0913  # each is an option of its own
    *,
    name: str,
    key: Path,
    log: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    state: Path = Path("witness"),
    listen: str | None = None,
    pull: str | None = None,
    mirror: Path | None = None,
    token: Path | None = None,
    certificates: Path | None = None,
    proxy: str | None = None,
    make_key: Annotated[bool, Parameter(negative=())] = False,
    init: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Be a witness: cosign heads of a log as long as each continues the one before.

    A hub whose heads are cosigned by others cannot show two histories to two people. A witness
    sees sizes and hashes, never what is exchanged. In three steps, once:

    1. exchange log witness --name witness.office.example/w1 --key witness.key --make-key
       prints the public key. Give it to the operator of the hub, for the policy file of the log.

    2. exchange log witness ... --log KEY --state witness --init
       prepares what is remembered about a log. KEY is the line that the operator gave you.

    3. exchange log witness ... --log KEY --state witness --pull https://hub.example/log
       runs until interrupted. Needs no open port. Events go to standard error, as JSON.

    With --listen instead of --pull, logs come to the witness; put a proxy before it that ends TLS.
    Back up the key. Never restore the state from a backup: a witness that has forgotten would
    cosign what contradicts it. Exit code 1: it could not start, and why.

    Parameters
    ----------
    name
        Public name of the witness, such as witness.office.example/w1: no spaces, no plus sign.
        The key serves this one name.
    key
        File of the private key, 32 bytes, readable by you alone.
    log
        Public key of a log, NAME+ID+BASE64; repeat it for several logs or several keys of one.
    state
        Directory of what is remembered, one small file per log; for one program at a time.
    listen
        HOST:PORT to answer logs at: POST /add-checkpoint, GET /<SHA-256 of the log>/checkpoint.
    pull
        Address of the log to look at every five seconds, such as https://hub.example/log.
    mirror
        With --pull: directory of a verified copy of the log, entries included.
    token
        With --mirror: file with the access token for entries, read again for each.
    certificates
        Authorities to trust besides the system's, PEM.
    proxy
        HTTP proxy to go through, http://host:port; the environment is never asked.
    make_key
        Make the key, print its public half, and end. With an existing key: print, and end.
    init
        Prepare the state for logs that this witness has never cosigned, and end.
    """
    from exchange.audit.note import verifying, write_vkey
    from exchange.witness import keyfile, memory
    from exchange.witness.serve import Witness, watched

    os.umask(0o077)
    if make_key:
        if not key.exists():
            keyfile.make_key(key)
        print(write_vkey(verifying(keyfile.read_key(key, name))))
        return
    known = Witness(key=keyfile.read_key(key, name), logs=watched(log), state=state, clock=_now)
    if init:
        for origin in memory.prepare(state, known.logs):
            print(f"{origin}: nothing is remembered yet; the first head seen will be cosigned")
        print(f"{state} is prepared; start the witness without --init")
        return
    _check(listen, pull, mirror, token)
    from exchange.cli.events import configure

    configure(sys.stderr)
    if listen is not None:
        _listen(known, listen)
    elif pull is not None:
        from exchange.witness.road import Way

        _follow(known, Way(pull, certificates, proxy, token), mirror)


def _check(listen: str | None, pull: str | None, mirror: Path | None, token: Path | None) -> None:
    if (listen is None) == (pull is None):
        raise Misconfigured("say how the witness works: --listen HOST:PORT, or --pull URL")
    if mirror is not None and pull is None:
        raise Misconfigured("--mirror goes with --pull: a copy is fetched from the log")
    if token is not None and mirror is None:
        raise Misconfigured("--token goes with --mirror: nothing else needs one")


def _listen(known: "Witness", address: str) -> None:
    from exchange.cli.systemd import READY, notify
    from exchange.witness.serve import cosigning, listen

    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > LONGEST_PORT:
        raise Misconfigured("--listen is HOST:PORT, such as 127.0.0.1:8720")

    def ready(opened: int) -> None:
        print(f"witness {known.key.name} listens at port {opened}", flush=True)
        notify(READY)

    with cosigning(known) as cosigner:
        asyncio.run(listen(cosigner, host.strip("[]"), int(port), ready=ready))


def _follow(known: "Witness", way: "Way", mirror: Path | None) -> None:
    from exchange.cli.systemd import READY, notify
    from exchange.witness.serve import cosigning, follow

    def ready() -> None:
        print(f"witness {known.key.name} looks at {way.prefix}", flush=True)
        notify(READY)

    with cosigning(known) as cosigner:
        asyncio.run(follow(cosigner, way, known, copy=mirror, ready=ready))


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # a command owns the clock
