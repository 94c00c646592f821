"""exchange.audit.leaf: the published vectors, byte for byte, and what a leaf never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit import leaf
from exchange.errors import Malformed

KEY = bytes(range(32))
EVENT_A = (
    b'{"agreement":"RqgXOcbufB1e0ITn3oQ6fteUNc1EVRPk3VxOWsOV-0s","at":"2026-11-22T09:15:00Z",'
    b'"by":"women-b","consent":"EkI-BILz6Byx0jIwZk6Vuz0RufNPBvwZnliNTNq25NQ",'
    b'"id":"3f0e8f6e-0f0c-4f57-9d43-0a3d1c1b7a01","kind":"consent-recorded","v":1}'
)
EVENT_B = (
    b'{"at":"2026-11-22T09:20:07Z","by":"jobcentre-a","category":"rent-arrears-letter",'
    b'"consent":"EkI-BILz6Byx0jIwZk6Vuz0RufNPBvwZnliNTNq25NQ",'
    b'"id":"3f0e8f6e-0f0c-4f57-9d43-0a3d1c1b7a02","kind":"disclosure-stored",'
    b'"manifest":"BbOr8leaXrZkA814vlV_2GBjOh_iEDx2QgMN7-MsZX8","purpose":"housing-loss",'
    b'"to":["women-b"],"v":1}'
)
REFUSAL = (
    b'{"at":"2026-11-22T09:21:00Z","by":"jobcentre-a",'
    b'"detail":"33qO0ohVko6l46nd_T6WlEwI8CroL3f5yA2Uvw_eLzs",'
    b'"id":"3f0e8f6e-0f0c-4f57-9d43-0a3d1c1b7a03","kind":"disclosure-refused",'
    b'"request":"H1i5FFsk0QjXrDiIcziz6jIpgzucHkGCUDQ_kHv9EEc","v":1}'
)
DETAIL = b'{"consent":"EkI-BILz6Byx0jIwZk6Vuz0RufNPBvwZnliNTNq25NQ","reason":"withdrawn"}'


def test_vectors_of_labels_and_salts() -> None:
    assert leaf.label(KEY, 0).hex() == "0e2175a608fd16bc897bd6dd3970d5a9"
    assert leaf.label(KEY, 1).hex() == "dd4c750d039141564ef8873ab44494bc"
    assert leaf.salt(KEY, 0).hex() == (
        "7d02061007ad498b99236d93a94ae75ef543de4247616e11585a71e42fa7ab18"
    )
    assert leaf.salt(KEY, 1).hex() == (
        "8d9ef7c0d3bed09643d1c0546f4982f85fce4f37206ac96c2d86ef46ab4bf43f"
    )


def test_vectors_of_leaves() -> None:
    assert len(EVENT_A) == 234
    assert len(EVENT_B) == 313
    assert leaf.event_leaf(KEY, 0, EVENT_A).hex() == (
        "010e2175a608fd16bc897bd6dd3970d5a93e78ee03f4056ddd300464ce4055a6cf552898906cc90c3fae91f0"
        "32c9ba0b63"
    )
    assert leaf.event_leaf(KEY, 1, EVENT_B).hex() == (
        "01dd4c750d039141564ef8873ab44494bc35a5415e56592a76082f8611ac6557bec44bc5fc5489ea96cc206a"
        "ee4df34208"
    )
    assert leaf.event_leaf(KEY, 2, REFUSAL).hex() == (
        "01462f41da9b328efb73e32ea60ca1397296278a3268b6407daee1c2cec3aa6a24b6b8de5c77d21f6c1eaf87"
        "2a573a5ac7"
    )


def test_vector_of_a_public_document() -> None:
    topic, document = "key-statement/jobcentre-a", b'{"kind":"key statement"}'
    assert leaf.document_label(topic).hex() == "2f77c3abeae0a4717dfc51009badd16b"
    assert leaf.document_leaf(topic, document).hex() == (
        "022f77c3abeae0a4717dfc51009badd16b6d71da680a432da08f33a9475c9c7125960dbb93075afa5e78e30f"
        "46b420f684"
    )


def test_vectors_of_a_detail() -> None:
    assert leaf.detail_salt(KEY, 2).hex() == (
        "f372f6a72914be25953a94c3080c5107baea0d4051a84b9a849bba50d9a79203"
    )
    assert leaf.detail_commitment(KEY, 2, DETAIL) == "33qO0ohVko6l46nd_T6WlEwI8CroL3f5yA2Uvw_eLzs"


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1), st.binary(max_size=300))
def test_every_leaf_has_49_bytes_and_hides_its_number(key: bytes, n: int, event: bytes) -> None:
    made = leaf.event_leaf(key, n, event)
    assert len(made) == leaf.LEAF_SIZE
    assert made[:1] == b"\x01"
    assert made != leaf.event_leaf(key, (n + 1) % 2**64, event)


def test_a_salt_opens_one_entry_and_no_sibling() -> None:
    opened = leaf.commitment(leaf.salt(KEY, 0), EVENT_A)
    assert leaf.event_leaf(KEY, 0, EVENT_A).endswith(opened)
    assert not leaf.event_leaf(KEY, 1, EVENT_A).endswith(opened)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    for use in (leaf.label, leaf.salt, leaf.detail_salt):
        with pytest.raises(Malformed):
            use(bytes(size), 0)
    with pytest.raises(Malformed):
        leaf.key_id(bytes(size))


@pytest.mark.parametrize("n", [-1, 2**64])
def test_a_number_out_of_range_is_refused(n: int) -> None:
    with pytest.raises(Malformed):
        leaf.label(KEY, n)


def test_the_vault_knows_a_key_by_a_digest_of_its_own() -> None:
    assert leaf.key_id(KEY) != leaf.key_id(bytes(32))
    assert leaf.key_id(KEY) not in {leaf.label(KEY, 0), leaf.salt(KEY, 0)}
