"""A draft is a record with stand-ins; fixing it gives the same bytes to whoever does it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from exchange.canonical import b64u, encode, loads, sha256_hex
from exchange.consent.draft import LARGEST, NO_TEXT, STAND_IN_KEY, draft_of, fix, read_draft
from exchange.consent.own_key import OwnSignature, to_sign
from exchange.consent.record import ConsentRecord, payload, read_payload
from exchange.errors import Malformed, TooLarge
from exchange.keyring.ceremony import new_identity
from exchange.statement import LARGEST_RECORD, Kind, seconds, sign
from tests import samples
from tests.samples import changed

SCOPE = samples.agreement().scope()
KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""Public key of the first test vector of RFC 8032."""


def record(**members: Any) -> ConsentRecord:
    written = changed(samples.CONSENT, form="electronic", person_key=b64u(KEY), **members)
    written.pop("evidence")
    return read_payload(written, Kind.CONSENT_ELECTRONIC, digest="")


def test_a_draft_has_stand_ins_and_comes_back_as_it_went() -> None:
    encoded = draft_of(record())

    found = read_draft(encoded)

    assert found.person_key == STAND_IN_KEY
    assert found.notice.sha256 == NO_TEXT
    assert found.iat == seconds(found.collected_at)
    assert {signer.at for signer in found.signers} == {found.collected_at}
    assert draft_of(found) == encoded


@pytest.mark.parametrize(
    "members",
    [
        {"person_key": b64u(KEY)},
        {"iat": 1},
        {"form": "written"},
        {"collected_at": "2026-03-01T00:00:00Z"},
        {"unknown": 1},
        {"notice": {**samples.CONSENT["notice"], "sha256": "1" * 64}},
    ],
)
def test_a_record_without_stand_ins_is_no_draft(members: dict[str, Any]) -> None:
    written = loads(draft_of(record()), limit=LARGEST_RECORD)

    with pytest.raises(Malformed):
        read_draft(encode({**written, **members}))


def test_another_spelling_is_no_draft() -> None:
    encoded = draft_of(record())

    for wrong in (b" " + encoded, b"[]", b"1", b"", b"{}"):
        with pytest.raises(Malformed):
            read_draft(wrong)


def test_a_draft_that_no_statement_would_hold_is_too_large() -> None:
    identity = new_identity("women-b")
    hers = OwnSignature(KEY, "", bytes(64))
    filled = {"filling": "x" * (LARGEST - len('{"filling":""}'))}
    said = replace(hers, signed=to_sign(Kind.CONSENT_ELECTRONIC, filled, KEY))

    assert len(encode(filled)) == LARGEST
    assert len(sign(Kind.CONSENT_ELECTRONIC, filled, identity, said)) <= LARGEST_RECORD
    with pytest.raises(TooLarge):
        read_draft(b" " * (LARGEST + 1))


def test_several_signers_sign_on_paper() -> None:
    at = samples.CONSENT["collected_at"]
    both = [
        {"role": "subject", "at": at, "identified": "known"},
        {"role": "guardian", "at": at, "identified": "known", "power": "parent"},
    ]

    with pytest.raises(Malformed, match="one person"):
        read_draft(draft_of(record(signers=both, capacity="self+guardian")))


def test_fixing_puts_moment_key_and_text_in_their_places() -> None:
    draft = read_draft(draft_of(record()))
    at = draft.collected_at + timedelta(days=3)

    fixed = fix(draft, SCOPE, at=at, person_key=KEY)

    assert fixed.record == replace(
        draft,
        iat=seconds(at),
        valid_from=at,
        collected_at=at,
        person_key=KEY,
        signers=tuple(replace(signer, at=at) for signer in draft.signers),
        notice=replace(draft.notice, sha256=sha256_hex(fixed.text.encode())),
    )
    assert fixed.payload == payload(fixed.record)
    assert fixed == fix(draft, SCOPE, at=at, person_key=KEY)


def test_a_later_first_day_stays_unless_it_has_passed() -> None:
    collected = record().collected_at
    begin = collected + timedelta(days=5)
    draft = read_draft(draft_of(replace(record(), valid_from=begin)))

    before = fix(draft, SCOPE, at=begin - timedelta(days=1))
    after = fix(draft, SCOPE, at=begin + timedelta(days=1))

    assert before.record.valid_from == begin
    assert after.record.valid_from == begin + timedelta(days=1)
    assert before.record.person_key == STAND_IN_KEY


def test_without_the_text_nothing_is_fixed() -> None:
    draft = read_draft(draft_of(record()))
    other = replace(draft, notice=replace(draft.notice, version="9.9"))

    with pytest.raises(Malformed):
        fix(other, SCOPE, at=draft.collected_at)
