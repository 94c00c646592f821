"""`exchange gateway init`: asks five questions, or none, and makes the home of a gateway."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from exchange.cli.place import HERE, Place


def init(  # noqa: PLR0913  # each is an option of its own
    *,
    agency: str | None = None,
    hub: str | None = None,
    log_policy: Path | None = None,
    intake: str | None = None,
    language: str | None = None,
    listen: str | None = None,
    certificates: Annotated[
        Path | None, Parameter(help="Authorities to trust besides the system's, PEM.")
    ] = None,
    passphrase: Annotated[
        bool, Parameter(help="Keep the private files under a passphrase (age, scrypt).")
    ] = False,
    at: Place = HERE,
) -> None:
    """Make the home of a gateway: settings, directories, keys.

    Asks five questions on a terminal; none, if the first three options are given. Prints the
    fingerprint for the annex of the cooperation agreement and where the identity card lies, which
    the operator of the hub needs to admit the agency. Nothing is sent anywhere.

    Parameters
    ----------
    agency
        Id of this agency: 2 to 63 of a-z, 0-9 and "-".
    hub
        Address of the hub: https, or http to this machine itself.
    log_policy
        Policy file of the hub's log: whose signatures you believe. The operator of the hub hands it
        out (`exchange log policy`); compare the log's fingerprint with the agreement's annex.
    intake
        Plugin that converts received documents; folder, if nobody says otherwise.
    language
        Language of labels and notices: de (if nobody says otherwise), en or de-simple.
    listen
        Address of the local API and pages, if not 127.0.0.1:8470: a second gateway on the same
        machine needs another port. An empty text switches them off.
    """
    from exchange.cli.gateway_make import Wanted, make
    from exchange.cli.gateway_questions import answered

    policy = None if log_policy is None else str(log_policy)
    said = answered(
        {
            "agency": agency,
            "hub": hub,
            "log-policy": policy,
            "intake": intake,
            "language": language,
        }
    )
    make(
        at.home,
        Wanted(
            agency=said["agency"],
            hub=said["hub"],
            intake=said["intake"],
            language=said["language"],
            listen=listen,
            certificates=certificates,
            log_policy=Path(said["log-policy"]),
        ),
        passphrase=at.protection(wanted=passphrase),
        demo=at.demo,
    )
