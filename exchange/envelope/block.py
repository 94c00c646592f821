"""The sealed block of a record: a small JSON object that only the parties can open.

A consent carries in it who it is about. The record's signatures cover the sealed bytes, so no
party can swap them. The hub stores it and may not import this module.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from exchange import canonical
from exchange.canonical import Json
from exchange.envelope.age.decrypt import Decryptor
from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridIdentity, HybridRecipient
from exchange.envelope.manifest import MOST_RECIPIENTS
from exchange.errors import Malformed, TooLarge, Unreadable
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.recipient import DocumentRecipient

STEP = 1024
"""Bytes: the length of a block tells the hub no more than a multiple of this."""
LARGEST_BLOCK = 32 * 1024
"""Bytes of the JSON text in a block, padding included."""


def seal_block(facts: Mapping[str, Json], recipients: Sequence[DocumentRecipient]) -> bytes:
    """Return `facts` as a sealed age file, padded with spaces to a multiple of 1024 bytes.

    Args:
        facts: for a consent `{"consent", "ref", "subject"}`.
        recipients: 1 to 32 document keys of the parties; one named twice is sealed to once.

    Raises:
        Malformed: no recipient or too many, or `facts` have no canonical form.
        TooLarge: more than 32 KiB.
    """
    keys = list(dict.fromkeys(recipients))
    if not 1 <= len(keys) <= MOST_RECIPIENTS:
        raise Malformed("a block is sealed to 1 to 32 keys")
    text = canonical.encode(facts)
    if len(text) > LARGEST_BLOCK:
        raise TooLarge("a block takes more than 32 KiB")
    encryptor = Encryptor([HybridRecipient(key) for key in keys])
    return encryptor.update(text + b" " * (-len(text) % STEP)) + encryptor.finalize()


def open_block(sealed: bytes, key: DocumentKey) -> dict[str, Any]:
    """Return what is in a block sealed to `key`; who signed the record is the caller's to check.

    Raises:
        Unreadable: sealed to other keys, damaged, or not a padded JSON object.
    """
    decryptor = Decryptor([HybridIdentity(key)])
    text = decryptor.update(sealed) + decryptor.finalize()
    if not text or len(text) % STEP:
        raise Unreadable("a block is not padded")
    try:
        facts = canonical.loads(text, limit=LARGEST_BLOCK)
    except (Malformed, TooLarge):
        raise Unreadable("a block is not JSON") from None
    if not isinstance(facts, dict):
        raise Unreadable("a block is not a JSON object")
    return facts
