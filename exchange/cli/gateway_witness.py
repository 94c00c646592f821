"""`exchange gateway witness`: let this gateway cosign heads of the hub's log."""

from typing import Annotated

from cyclopts import Parameter

from exchange.cli.place import HERE, Place


def witness(
    *,
    name: str,
    init: Annotated[bool, Parameter(negative=())] = False,
    at: Place = HERE,
) -> None:
    """Make this gateway a witness of the hub's log, and print its public key.

    A witness sees that the log only grows: sizes and hashes, never what is exchanged by others. No
    port has to be open; `exchange gateway run` looks at the log every five seconds. Give the
    printed line to the operator of the hub, who adds it to the policy file of the log.

    Said again, it prints the same key. The key and what it remembers lie in `witness/` of the
    home. Never restore that folder from a backup: a witness that has forgotten would cosign what
    contradicts it.

    Parameters
    ----------
    name
        Public name of the witness, such as witness.office.example/w1: no spaces, no plus sign.
    init
        What the key remembered is lost, and you know of nothing it cosigned that matters.
    """
    from exchange.agency import cosign
    from exchange.agency import home as homes
    from exchange.agency.log_policy import MISSING, read_trusted
    from exchange.audit.note import verifying, write_vkey
    from exchange.errors import Misconfigured

    home = homes.at(at.home)
    homes.check(home)
    trusted = read_trusted(home)
    if trusted is None:
        raise Misconfigured(MISSING)
    key = cosign.make(home, name, trusted.origin, anew=init)
    print(write_vkey(verifying(key)))
