"""exchange.envelope.padme"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.envelope.padme import padme


@pytest.mark.parametrize(
    ("size", "padded"),
    [
        (2, 2),
        (4096, 4096),
        (5120, 5120),
        (16896, 17408),
        (33280, 34816),
        (1049600, 1081344),
        (200000512, 201326592),
    ],
)
def test_the_own_vectors_hold(size: int, padded: int) -> None:
    assert padme(size) == padded


@given(st.integers(min_value=7, max_value=2**32))
def test_a_padded_size_is_a_fixed_point_in_whole_blocks_and_little_longer(blocks: int) -> None:
    size = blocks * 512
    padded = padme(size)
    assert padme(padded) == padded
    assert padded % 512 == 0
    assert size <= padded <= size * 1.0462
