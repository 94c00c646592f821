"""Padmé: the padded length that leaks the order of magnitude of a size and little more.

The result is public arithmetic; the hub tests it, the sender pads to it.
"""


def padme(size: int) -> int:
    """Return the length to which `size` (>= 2) is padded; itself a fixed point.

    At most 4.6 % longer; of a multiple of 512 it is a multiple of 512 again. (PURBs, PETS 2019.)
    """
    exponent = size.bit_length() - 1
    mask = (1 << max(exponent - exponent.bit_length(), 0)) - 1
    return (size + mask) & ~mask
