"""Cosignatures (C2SP tlog-cosignature): "at this time this was the largest tree I saw".

Pure. Made by witnesses, and by a log that also signs with ML-DSA-44. That the time never goes
back, and that the tree continues the last one, is for whoever signs to know before.
"""

from exchange.audit.note import ED25519, TIME_SIZE, Line, SigningKey, covered, verifying
from exchange.errors import Malformed


def cosign(text: bytes, key: SigningKey, at: int) -> Line:
    """Return the cosignature line over the text of a checkpoint.

    In Ed25519 the same arguments give the same line; in ML-DSA-44 each signature differs.

    Args:
        text: of the checkpoint, three lines.
        key: of a type that cosigns.
        at: POSIX seconds, from 1 on.

    Raises:
        Malformed: a key of another type, no time, or for ML-DSA-44 a text of another form.
    """
    if key.type == ED25519:
        raise Malformed("this key makes no cosignatures")
    signature = key.private.sign(covered(key, text, at))
    return Line(key.name, verifying(key).id, at.to_bytes(TIME_SIZE, "big") + signature)


def time_of(line: Line) -> int:
    """Return the POSIX seconds in a cosignature line; what it is worth, the key decides.

    Raises:
        Malformed: too short for a time.
    """
    if len(line.signature) <= TIME_SIZE:
        raise Malformed("a cosignature line holds a time")
    return int.from_bytes(line.signature[:TIME_SIZE], "big")
