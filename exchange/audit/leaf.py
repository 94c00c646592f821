"""Leaves of the transparency log: 49 bytes that look random to whoever has no key of theirs.

Pure. Version 1 is an event under the key of its chain (a consent, an agreement, an agency, the
hub, or one refusal); version 2 is a public document. Never holds a key longer than a call.
"""

import hashlib
import hmac

from exchange.canonical import b64u
from exchange.errors import Malformed

KEY_SIZE = 32
"""Bytes of the key of a chain. HMAC pads shorter keys with zeros: k and k || 00 would be one."""
LABEL_SIZE = 16
LEAF_SIZE = 49
"""Bytes of every leaf: version, label, commitment."""

_EVENT = b"\x01"
_DOCUMENT = b"\x02"
_LARGEST_N = 2**64


def label(key: bytes, n: int) -> bytes:
    """Return the 16 bytes under which the holder of `key` finds event `n` of the chain."""
    return _derived(key, b"consent-log/v1 label", n)[:LABEL_SIZE]


def salt(key: bytes, n: int) -> bytes:
    """Return the 32 bytes that, with the event, open entry `n` and no other."""
    return _derived(key, b"consent-log/v1 salt", n)


def commitment(salt: bytes, event: bytes) -> bytes:
    """Return the 32 bytes that bind a leaf to the exact bytes of its event."""
    return hmac.digest(salt, b"consent-log/v1 commit" + event, "sha256")


def event_leaf(key: bytes, n: int, event: bytes) -> bytes:
    """Return the leaf of event `n` of a chain.

    Args:
        key: of the chain, 32 random bytes.
        n: number of the event within its chain, from 0.
        event: its canonical bytes (`exchange.audit.event.encode`).

    Raises:
        Malformed: a key of another size, or a number that is none.
    """
    return _EVENT + label(key, n) + commitment(salt(key, n), event)


def document_label(topic: str) -> bytes:
    """Return the label of every document under `topic`, such as `key-statement/jobcentre-a`.

    Without a counter on purpose: an agency finds every statement ever logged in its name with
    one comparison of 16 bytes.
    """
    return hashlib.sha256(b"consent-log/v1 topic\n" + topic.encode("ascii")).digest()[:LABEL_SIZE]


def document_leaf(topic: str, document: bytes) -> bytes:
    """Return the leaf of a public document: not salted, anybody can recompute it."""
    return _DOCUMENT + document_label(topic) + hashlib.sha256(document).digest()


def detail_salt(key: bytes, n: int) -> bytes:
    """Return the 32 bytes that open the detail of event `n`, for who may know it."""
    return _derived(key, b"consent-log/v1 detail", n)


def detail_commitment(key: bytes, n: int, detail: bytes) -> str:
    """Return the member `detail` of event `n`: 43 characters that show nothing by themselves.

    Args:
        key: of the chain.
        n: number of the event.
        detail: canonical JSON, such as `{"why":"withdrawn"}`.
    """
    return committed_detail(detail_salt(key, n), detail)


def committed_detail(salt: bytes, detail: bytes) -> str:
    """Return the member `detail` that this detail has under the salt that opens it.

    Args:
        salt: `detail_salt` of the event, as who may know the detail was given it.
        detail: canonical JSON.
    """
    return b64u(hmac.digest(salt, b"consent-log/v1 detail commit" + detail, "sha256"))


def key_id(key: bytes) -> bytes:
    """Return the 32 bytes by which the vault knows a key it has seen, without opening any."""
    _check(key)
    return hashlib.sha256(b"consent-log/v1 key id\n" + key).digest()


def _derived(key: bytes, purpose: bytes, n: int) -> bytes:
    _check(key)
    if not 0 <= n < _LARGEST_N:
        raise Malformed("the number of an event is out of range")
    return hmac.digest(key, purpose + n.to_bytes(8, "big"), "sha256")


def _check(key: bytes) -> None:
    if len(key) != KEY_SIZE:
        raise Malformed("the key of a chain has another size")
