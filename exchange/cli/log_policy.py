"""`exchange log policy`: the policy file of a hub's log, for whoever is to check it."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from exchange.cli.hub_home import Home, settings_in
from exchange.errors import Misconfigured


def policy(
    *,
    home: Home = Path("hub"),
    post_quantum: Annotated[
        bool, Parameter(help="The one for readers who trust ML-DSA-44 alone; needs log.mldsa.")
    ] = False,
) -> None:
    """Print the policy file of the hub's log: its keys, its witnesses and their quorum.

    Give it to every agency, auditor and witness on a way that is not the hub's own, and let them
    compare it: whoever has it can check the log, and nobody can give them another one. Works
    while the hub runs and while it does not.

    Example: exchange log policy --home hub > log-policy
    """
    from exchange.hub.signer import read_signer

    signer = read_signer(settings_in(home))
    text = signer.policy_pq_text if post_quantum else signer.policy_text
    if text is None:
        raise Misconfigured("this log has no ML-DSA-44 key: set log.mldsa and start the hub once")
    sys.stdout.write(text.decode("utf-8"))
