"""Strings of keys: Bech32 (BIP 173) without its length limit, as C2SP `age` uses it.

Text and bytes only; knows no key and keeps none.
"""

from collections.abc import Iterable

from exchange.errors import Malformed

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_SIZE = 6


def encode(prefix: str, payload: bytes) -> str:
    """Return `prefix`, the separator `1`, `payload` and its checksum, all in lower case.

    Args:
        prefix: human-readable part, lower case ASCII.
        payload: raw bytes.
    """
    values = [*_regroup(payload, 8, 5, pad=True)]
    polymod = _polymod([*_expand(prefix), *values, *[0] * _CHECKSUM_SIZE]) ^ 1
    checksum = [polymod >> 5 * (5 - place) & 31 for place in range(_CHECKSUM_SIZE)]
    return f"{prefix}1{''.join(_ALPHABET[value] for value in [*values, *checksum])}"


def decode(text: str, *, prefix: str) -> bytes:
    """Return the bytes that `text` spells under the human-readable part `prefix`.

    Args:
        text: all upper or all lower case.
        prefix: the human-readable part it must have, lower case.

    Raises:
        Malformed: mixed case, another human-readable part, a wrong checksum (Bech32m included),
            foreign characters, or padding that is not under five zero bits. Never quotes `text`.
    """
    lower = text.lower()
    if not text.isascii() or text not in (lower, text.upper()):
        raise Malformed("a Bech32 string mixes cases or alphabets")
    found, separator, spelled = lower.rpartition("1")
    if not separator or found != prefix or len(spelled) < _CHECKSUM_SIZE:
        raise Malformed("the string is not this kind of key")
    try:
        values = [_VALUES[character] for character in spelled]
    except KeyError:
        raise Malformed("a Bech32 string has a foreign character") from None
    if _polymod([*_expand(prefix), *values]) != 1:
        raise Malformed("the checksum of a Bech32 string is wrong")
    return bytes(_regroup(values[:-_CHECKSUM_SIZE], 5, 8, pad=False))


def _expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _polymod(values: Iterable[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            if top >> place & 1:
                checksum ^= generator
    return checksum


def _regroup(values: Iterable[int], width: int, into: int, *, pad: bool) -> Iterable[int]:
    accumulated = bits = 0
    for value in values:
        accumulated = (accumulated << width | value) & 0xFFF
        bits += width
        while bits >= into:
            bits -= into
            yield accumulated >> bits & ((1 << into) - 1)
    rest = accumulated & ((1 << bits) - 1)
    if pad:
        if bits:
            yield rest << (into - bits)
    elif bits >= width or rest:
        raise Malformed("a Bech32 string is padded wrongly")
