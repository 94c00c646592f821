"""A witness inside the gateway: for offices that keep no port open.

It sees sizes and hashes of the hub's log and no entry. Its key is one of its own (`witness.key`),
what it has cosigned lies in `witness/` of the gateway's home.
"""

from exchange.agency.parts import Gateway


async def cosign(gateway: Gateway) -> bool:
    """Cosign the hub's newest candidate, if this gateway is a witness and has not done so yet.

    Called in every round of `run`, about every five seconds; harmless at any time.

    Returns:
        Whether a cosignature was handed in.

    Raises:
        Unavailable: the hub cannot be reached, or the clock went back.
        Held: the log contradicts what this witness holds (`log-split-view`); both heads are kept
            in `witness/conflict/`, the hub was shown its own signature.
    """
    raise NotImplementedError
