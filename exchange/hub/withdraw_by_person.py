"""End a consent on the person's page: with her code, or with the key she signed it with.

Same effects and the same log entries as any withdrawal; no reason, no second proof, no waiting.
"""

from exchange.hub.parts import Hub
from exchange.hub.withdraw import Withdrawn


async def withdraw_by_code(hub: Hub, code_text: str) -> Withdrawn | None:
    """Withdraw the consent that a code opens; a repetition gets the moment of the first one.

    Returns None for a code that opens nothing, which looks like a wrong one in `view`.

    Args:
        hub: the parts.
        code_text: as typed, of any length.
    """
    raise NotImplementedError


async def withdrawal_to_sign(hub: Hub, code_text: str) -> str | None:
    """Return what her own key signs to withdraw (ASCII, to be signed as it is), or None.

    None too where the consent was not given with a key: her code withdraws it.
    """
    raise NotImplementedError


async def withdraw_by_key(
    hub: Hub, code_text: str, *, to_sign: str, signature: str
) -> Withdrawn | None:
    """Withdraw with a signature of her own key; None when it is not one, without saying why.

    Args:
        hub: the parts.
        code_text: as typed: names the consent.
        to_sign: from `withdrawal_to_sign`, given back by her browser.
        signature: base64url of 64 bytes, Ed25519 over the bytes of `to_sign`.
    """
    raise NotImplementedError
