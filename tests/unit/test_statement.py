"""exchange.statement: exactly the signers of each kind, and nothing that merely looks signed."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import canonical, jws, statement
from exchange.errors import ExchangeError, Malformed, StatementNotAcceptable, TooLarge
from exchange.keyid import IdentityCard
from exchange.keyring.signing import IdentityKey, PersonKey
from exchange.statement import Kind, Role, Verified, sign, verify, verifying_keys

NOW = 1_790_000_000
ID = "06060606-0606-4606-8606-060606060606"
A = IdentityKey("agency-a", b"\x01" * 32, b"\x02" * 32)
B = IdentityKey("agency-b", b"\x11" * 32, b"\x12" * 32)
NEXT = IdentityKey("agency-a", b"\x21" * 32, b"\x22" * 32)
PERSON = PersonKey(b"\x04" * 32)
OTHER_PERSON = PersonKey(b"\x14" * 32)
KNOWN = {A.kid: A.card, B.kid: B.card}
KINDS = list(Kind)


def payload_of(kind: Kind) -> dict[str, Any]:
    """Return the smallest payload that `verify` accepts of each kind."""
    dated: dict[str, Any] = {"id": ID, "iat": NOW}
    context = canonical.encode(dated | {"sender": "agency-a", "kid": A.kid})
    special: dict[Kind, dict[str, Any]] = {
        Kind.KEY_STATEMENT: {"agency": "agency-a", "kid": A.kid, "nbf": NOW},
        Kind.KEY_SUCCESSION: {
            "agency": "agency-a",
            "old": A.kid,
            "new": NEXT.card.payload(),
            "iat": NOW,
            "until": NOW + 1,
        },
        Kind.AGREEMENT: dated | {"drafted_by": "agency-a"},
        Kind.CONSENT: dated | {"collected_by": "agency-a"},
        Kind.CONSENT_ELECTRONIC: dated
        | {"collected_by": "agency-a", "person_key": canonical.b64u(PERSON.public)},
        Kind.WITHDRAWAL_ELECTRONIC: dated | {"consent": canonical.b64u(b"\x05" * 32)},
        Kind.MANIFEST: {"context": canonical.b64u(context), "sealed": {}},
    }
    return special.get(kind, dated | {"agency": "agency-a"})


def signers_of(kind: Kind) -> tuple[Any, ...]:
    """Return the signers of each kind, in order."""
    return {
        Kind.KEY_SUCCESSION: (A, NEXT),
        Kind.CONSENT_ELECTRONIC: (A, PERSON),
        Kind.WITHDRAWAL_ELECTRONIC: (PERSON,),
    }.get(kind, (A,))


def signed(kind: Kind, *, by: tuple[Any, ...] | None = None, **changed: Any) -> bytes:
    """Return a good statement of `kind`, with members of the payload changed before signing."""
    return sign(kind, payload_of(kind) | changed, *(signers_of(kind) if by is None else by))


def check(data: bytes, kind: Kind, now: int | datetime = NOW) -> Verified:
    """Verify as the one kind, knowing A and B and, where needed, the person."""
    return verify(data, {kind}, KNOWN, now=now, person=PERSON.public)


def step_of(data: bytes, kind: Kind, now: int = NOW) -> int:
    """Return the step that refuses `data`."""
    with pytest.raises(StatementNotAcceptable) as refused:
        check(data, kind, now)
    assert str(refused.value) == "The statement is not acceptable."
    return refused.value.step


def edited(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the statement after `change` has edited its outer object."""
    outer = json.loads(data)
    change(outer)
    return canonical.encode(outer)


def header(entry: dict[str, str]) -> dict[str, Any]:
    """Return the protected header of one signature."""
    found: dict[str, Any] = json.loads(canonical.unb64u(entry["protected"]))
    return found


def with_header(entry: dict[str, str], **changed: Any) -> None:
    """Change members of a protected header in place, without signing again."""
    entry["protected"] = canonical.b64u(canonical.encode(header(entry) | changed))


class FlawedPair:
    """A pair that announces one kid and signs with the keys it is given."""

    def __init__(self, kid: str, ed25519: Any, ml_dsa_65: Any) -> None:
        self.kid = kid
        self.algorithms = Role.AGENCY.algorithms
        self._halves = {jws.ED25519: ed25519, jws.ML_DSA_65: ml_dsa_65}

    def sign(self, algorithm: str, data: bytes) -> bytes:
        signature: bytes = self._halves[algorithm].sign(algorithm, data)
        return signature


# What is accepted


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_verifies_with_exactly_its_signers(kind: Kind) -> None:
    data = signed(kind)
    found = check(data, kind)
    person_alone = kind is Kind.WITHDRAWAL_ELECTRONIC
    assert found == Verified(
        kind,
        payload_of(kind),
        None if person_alone else "agency-a",
        None if person_alone else A.kid,
        canonical.digest(data),
        data,
    )


def test_kinds_are_the_published_names() -> None:
    assert {kind.name: kind.value for kind in Kind} == {
        "KEY_STATEMENT": "xch-key-statement-v1+jws",
        "KEY_SUCCESSION": "xch-key-succession-v1+jws",
        "AGREEMENT": "xch-agreement-v1+jws",
        "AGREEMENT_SIGNATURE": "xch-agreement-signature-v1+jws",
        "AGREEMENT_NOTICE": "xch-agreement-notice-v1+jws",
        "CONSENT": "xch-consent-v1+jws",
        "CONSENT_ELECTRONIC": "xch-consent-electronic-v1+jws",
        "WITHDRAWAL": "xch-withdrawal-v1+jws",
        "WITHDRAWAL_ELECTRONIC": "xch-withdrawal-electronic-v1+jws",
        "MANIFEST": "xch-manifest-v1+jws",
        "ACKNOWLEDGEMENT": "xch-acknowledgement-v1+jws",
        "ERASURE": "xch-erasure-v1+jws",
        "DOCUMENT_REQUEST": "xch-document-request-v1+jws",
    }


def test_a_statement_is_one_line_of_ascii_in_its_own_canonical_form() -> None:
    data = signed(Kind.CONSENT, note="ä")
    assert data.isascii()
    assert b"\n" not in data
    assert data == canonical.encode(json.loads(data))
    assert data.startswith(b'{"payload":"')


def test_two_signatures_and_headers_cost_what_the_documentation_says() -> None:
    kind = Kind.MANIFEST
    data = signed(kind)
    payload = canonical.b64u(canonical.encode(payload_of(kind)))
    assert abs(len(data) - len(payload) - 4856) < 40


def test_loaded_keys_verify_like_the_card_they_were_made_of() -> None:
    data = signed(Kind.MANIFEST)
    keys = {A.kid: verifying_keys(A.card)}
    assert verify(data, {Kind.MANIFEST}, keys, now=NOW) == check(data, Kind.MANIFEST)


def test_several_kinds_may_be_allowed() -> None:
    allowed = (Kind.CONSENT, Kind.CONSENT_ELECTRONIC)
    for kind in allowed:
        assert verify(signed(kind), allowed, KNOWN, now=NOW).kind is kind


def test_signing_again_gives_another_digest() -> None:
    first, second = signed(Kind.MANIFEST), signed(Kind.MANIFEST)
    assert canonical.digest(first) != canonical.digest(second)


def test_the_electronic_withdrawal_of_the_published_vector_is_exact() -> None:
    data = signed(Kind.WITHDRAWAL_ELECTRONIC)
    assert len(data) == 452
    assert json.loads(data)["signatures"][0]["signature"] == (
        "Yq3gChWtHlUoOprwuGe2bR-pJuFRW10WeDNSVDfOtYtJJZeK1AQq4xXdoc33f9EfjaDO5rLwM_22L0KBPwQEDQ"
    )
    assert canonical.digest(data) == "lH3kEDUJVAJynoRS-ftYc3dv_ElnNna8Cvpi_XQgYFg"


# Step 1


def test_a_statement_over_its_limit_is_too_large_and_one_at_the_limit_is_not() -> None:
    data = signed(Kind.MANIFEST)
    kinds = {Kind.MANIFEST}
    filler = statement.LARGEST - len(data)
    with pytest.raises(StatementNotAcceptable):
        verify(data + b" " * filler, kinds, KNOWN, now=NOW)
    with pytest.raises(TooLarge):
        verify(data + b" " * (filler + 1), kinds, KNOWN, now=NOW)


def test_the_limit_of_a_record_does_not_help_a_manifest_beside_it() -> None:
    data = signed(Kind.CONSENT, note="x" * 40_000)
    assert check(data, Kind.CONSENT).payload["note"]
    big = {"payload": "A" * 40_000, "signatures": json.loads(signed(Kind.MANIFEST))["signatures"]}
    with pytest.raises(TooLarge):
        verify(canonical.encode(big), {Kind.CONSENT, Kind.MANIFEST}, KNOWN, now=NOW)


@pytest.mark.parametrize("kind", [Kind.AGREEMENT, Kind.CONSENT, Kind.CONSENT_ELECTRONIC])
def test_records_may_have_256_kib_and_all_others_32(kind: Kind) -> None:
    assert statement.limit([kind]) == 262_144
    assert {
        statement.limit([other])
        for other in set(KINDS) - {Kind.AGREEMENT, Kind.CONSENT, Kind.CONSENT_ELECTRONIC}
    } == {32_768}


# Step 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b'":"', b'": "', 1),
        lambda data: b" " + data,
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.decode().encode("utf-16"),
        lambda data: data[:-1],
        lambda data: b"[" + data + b"]",
        lambda data: b"",
        lambda data: b"null",
        lambda data: data.replace(b"payload", b"p\\u0061yload", 1),
    ],
    ids=["LF", "space", "leading", "BOM", "UTF-16", "cut", "list", "empty", "null", "escape"],
)
def test_another_spelling_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    assert step_of(spoil(signed(Kind.MANIFEST)), Kind.MANIFEST) == 2


def test_members_in_another_order_are_refused() -> None:
    outer = json.loads(signed(Kind.MANIFEST))
    turned = {"signatures": outer["signatures"], "payload": outer["payload"]}
    data = json.dumps(turned, separators=(",", ":")).encode()
    assert step_of(data, Kind.MANIFEST) == 2


def test_a_duplicate_member_is_refused() -> None:
    data = signed(Kind.MANIFEST)
    assert step_of(data[:-1] + b',"payload":"AA"}', Kind.MANIFEST) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda outer: outer.update(header={}),
        lambda outer: outer["signatures"][0].update(header={"alg": "none"}),
        lambda outer: outer.pop("payload"),
        lambda outer: outer.pop("signatures"),
        lambda outer: outer.update(signatures=[]),
        lambda outer: outer.update(signatures={}),
        lambda outer: outer.update(signatures="x"),
        lambda outer: outer.update(payload=1),
        lambda outer: outer["signatures"].append(None),
        lambda outer: outer["signatures"][0].pop("signature"),
        lambda outer: outer["signatures"][0].update(signature=1),
        lambda outer: outer["signatures"][0].update(protected=None),
        lambda outer: outer["signatures"].extend([outer["signatures"][0]] * 3),
    ],
    ids=count(),
)
def test_another_outer_shape_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    assert step_of(edited(signed(Kind.MANIFEST), change), Kind.MANIFEST) == 2


@pytest.mark.parametrize("place", ["payload", "protected", "signature"])
@pytest.mark.parametrize("how", ["padding", "plus", "bits", "space"])
def test_base64url_that_is_not_canonical_is_refused(place: str, how: str) -> None:
    def spoil(text: str) -> str:
        if how == "bits":
            last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            return text[:-1] + last[last.index(text[-1]) ^ 1]
        return {"padding": text + "=", "plus": "+" + text[1:], "space": text[:9] + " " + text[9:]}[
            how
        ]

    def change(outer: dict[str, Any]) -> None:
        holder = outer if place == "payload" else outer["signatures"][0]
        if how == "bits" and len(holder[place]) % 4 == 0:
            holder[place] = canonical.b64u(canonical.unb64u(holder[place]) + b"x")
        holder[place] = spoil(holder[place])

    assert step_of(edited(signed(Kind.MANIFEST), change), Kind.MANIFEST) == 2


# Step 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_statement_is_refused_as_every_other_kind(kind: Kind) -> None:
    data = signed(kind)
    for other in set(KINDS) - {kind}:
        assert step_of(data, other) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_statement_whose_headers_claim_another_kind_is_refused(kind: Kind) -> None:
    data = signed(kind)
    for other in set(KINDS) - {kind}:

        def claim(outer: dict[str, Any], typ: str = other.value) -> None:
            for entry in outer["signatures"]:
                with_header(entry, typ=typ)

        assert step_of(edited(data, claim), other) in {4, 6}


# Step 4


@pytest.mark.parametrize("kind", KINDS)
def test_each_signature_stripped_is_refused(kind: Kind) -> None:
    data = signed(kind)
    count = len(json.loads(data)["signatures"])
    for place in range(count):

        def strip(outer: dict[str, Any], at: int = place) -> None:
            outer["signatures"].pop(at)

        assert step_of(edited(data, strip), kind) == (2 if count == 1 else 4)


@pytest.mark.parametrize("kind", KINDS)
def test_each_signature_duplicated_is_refused(kind: Kind) -> None:
    data = signed(kind)
    count = len(json.loads(data)["signatures"])
    for place in range(count):

        def again(outer: dict[str, Any], at: int = place) -> None:
            outer["signatures"].insert(at, outer["signatures"][at])

        assert step_of(edited(data, again), kind) == (2 if count == 4 else 4)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Kind.WITHDRAWAL_ELECTRONIC])
def test_signatures_swapped_are_refused(kind: Kind) -> None:
    data = signed(kind)
    count = len(json.loads(data)["signatures"])
    for place in range(count - 1):

        def swap(outer: dict[str, Any], at: int = place) -> None:
            entries = outer["signatures"]
            entries[at], entries[at + 1] = entries[at + 1], entries[at]

        assert step_of(edited(data, swap), kind) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_an_added_signature_is_refused(kind: Kind) -> None:
    more = json.loads(signed(Kind.WITHDRAWAL_ELECTRONIC))["signatures"][0]
    data = edited(signed(kind), lambda outer: outer["signatures"].append(more))
    assert step_of(data, kind) == (2 if kind is Kind.KEY_SUCCESSION else 4)


def test_the_signature_of_a_person_stripped_from_an_electronic_consent_is_refused() -> None:
    data = edited(signed(Kind.CONSENT_ELECTRONIC), lambda outer: outer["signatures"].pop())
    assert step_of(data, Kind.CONSENT_ELECTRONIC) == 4
    assert step_of(data, Kind.CONSENT) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"alg": "EdDSA"},
        {"alg": "none"},
        {"alg": "ML-DSA-65"},
        {"alg": "HS256"},
        {"kid": "x"},
        {"kid": B.kid},
        {"crit": ["b64"]},
        {"b64": False},
        {"jwk": {}},
        {"cty": "x"},
        {"kid": 1},
        {"alg": None},
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_changed_protected_header_is_refused(place: int, changed: dict[str, Any]) -> None:
    if place == 1 and changed == {"alg": "ML-DSA-65"}:
        changed = {"alg": "Ed25519"}
    data = edited(
        signed(Kind.MANIFEST), lambda outer: with_header(outer["signatures"][place], **changed)
    )
    # The kid of a known agency in both headers is another signer: refused by its keys.
    assert step_of(data, Kind.MANIFEST) == 4


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b'{"alg":"Ed25519"', b'{"alg":1e3}', b" " * 513, b'{"alg":"x"}']
)
def test_a_header_that_is_no_small_json_object_is_refused(raw: bytes) -> None:
    def change(outer: dict[str, Any]) -> None:
        outer["signatures"][0]["protected"] = canonical.b64u(raw)

    assert step_of(edited(signed(Kind.MANIFEST), change), Kind.MANIFEST) == 4


@pytest.mark.parametrize("separators", [(", ", ":"), (",", ": "), (",", ":")])
def test_a_header_in_another_spelling_is_taken_as_it_was_signed(
    separators: tuple[str, str],
) -> None:
    payload = canonical.b64u(canonical.encode(payload_of(Kind.ERASURE)))
    entries = []
    for algorithm in A.algorithms:
        named = {"typ": Kind.ERASURE.value, "alg": algorithm, "kid": A.kid}
        spelled = canonical.b64u(json.dumps(named, separators=separators).encode())
        signature = A.sign(algorithm, jws.signing_input(spelled, payload))
        entries.append(jws.Entry(algorithm, A.kid, Kind.ERASURE.value, spelled, signature))

    assert check(jws.write(payload, entries), Kind.ERASURE).kind is Kind.ERASURE


def test_a_header_spelled_anew_after_signing_is_refused() -> None:
    def change(outer: dict[str, Any]) -> None:
        header = json.loads(canonical.unb64u(outer["signatures"][1]["protected"]))
        turned = json.dumps(dict(reversed(header.items())), separators=(",", ":")).encode()
        outer["signatures"][1]["protected"] = canonical.b64u(turned)

    assert step_of(edited(signed(Kind.MANIFEST), change), Kind.MANIFEST) == 6


def test_a_duplicate_member_in_a_header_is_refused() -> None:
    def change(outer: dict[str, Any]) -> None:
        raw = canonical.unb64u(outer["signatures"][0]["protected"])
        outer["signatures"][0]["protected"] = canonical.b64u(raw[:-1] + b',"alg":"Ed25519"}')

    assert step_of(edited(signed(Kind.MANIFEST), change), Kind.MANIFEST) == 4


def test_an_unknown_signer_is_refused() -> None:
    stranger = IdentityKey("agency-a", b"\x31" * 32, b"\x32" * 32)
    assert step_of(signed(Kind.ACKNOWLEDGEMENT, by=(stranger,)), Kind.ACKNOWLEDGEMENT) == 4


def test_a_card_registered_under_a_foreign_kid_is_refused() -> None:
    data = signed(Kind.ACKNOWLEDGEMENT)
    with pytest.raises(StatementNotAcceptable) as refused:
        verify(data, {Kind.ACKNOWLEDGEMENT}, {A.kid: B.card}, now=NOW)
    assert refused.value.step == 4


def test_keys_that_the_library_refuses_are_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        @staticmethod
        def from_public_bytes(_raw: bytes) -> None:
            raise ValueError("not a point")

    data = signed(Kind.ERASURE)
    monkeypatch.setattr(statement, "MLDSA65PublicKey", Refusing)
    with pytest.raises(Malformed):
        verifying_keys(A.card)
    assert step_of(data, Kind.ERASURE) == 4


def test_a_card_that_holds_no_public_key_verifies_nothing() -> None:
    broken = IdentityCard("agency-a", b"\xff" * 32, A.card.ml_dsa_65)
    flawed = FlawedPair(broken.kid, A, A)
    data = sign(Kind.ACKNOWLEDGEMENT, payload_of(Kind.ACKNOWLEDGEMENT), flawed)
    with pytest.raises(StatementNotAcceptable) as refused:
        verify(data, {Kind.ACKNOWLEDGEMENT}, {broken.kid: broken}, now=NOW)
    assert refused.value.step in {4, 6}


@pytest.mark.parametrize("person", [None, b"", b"\x04" * 31, OTHER_PERSON.public])
def test_a_withdrawal_by_a_person_needs_her_key_from_the_caller(person: bytes | None) -> None:
    data = signed(Kind.WITHDRAWAL_ELECTRONIC)
    with pytest.raises(StatementNotAcceptable) as refused:
        verify(data, {Kind.WITHDRAWAL_ELECTRONIC}, KNOWN, now=NOW, person=person)
    assert refused.value.step == 4


# Step 5


@pytest.mark.parametrize("kind", KINDS)
def test_signatures_of_another_length_are_refused(kind: Kind) -> None:
    data = signed(kind)
    for place in range(len(json.loads(data)["signatures"])):
        for cut in (lambda raw: raw[:-1], lambda raw: raw + b"\x00", lambda raw: b""):

            def change(
                outer: dict[str, Any], at: int = place, how: Callable[[bytes], bytes] = cut
            ) -> None:
                entry = outer["signatures"][at]
                entry["signature"] = canonical.b64u(how(canonical.unb64u(entry["signature"])))

            assert step_of(edited(data, change), kind) == 5


# Step 6


@pytest.mark.parametrize("kind", KINDS)
def test_each_signature_corrupted_is_refused(kind: Kind) -> None:
    data = signed(kind)
    for place in range(len(json.loads(data)["signatures"])):
        for byte in (0, -1):

            def flip(outer: dict[str, Any], at: int = place, which: int = byte) -> None:
                entry = outer["signatures"][at]
                raw = bytearray(canonical.unb64u(entry["signature"]))
                raw[which] ^= 1
                entry["signature"] = canonical.b64u(bytes(raw))

            first = kind is Kind.WITHDRAWAL_ELECTRONIC or place < 2
            assert step_of(edited(data, flip), kind) == (6 if first else 7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_payload_is_refused(kind: Kind) -> None:
    def change(outer: dict[str, Any]) -> None:
        payload = json.loads(canonical.unb64u(outer["payload"]))
        outer["payload"] = canonical.b64u(canonical.encode(payload | {"more": 1}))

    assert step_of(edited(signed(kind), change), kind) == 6


def test_the_classical_half_of_one_agency_with_the_other_half_of_another_is_refused() -> None:
    for halves in ((A, B), (B, A), (B, B)):
        data = sign(Kind.ERASURE, payload_of(Kind.ERASURE), FlawedPair(A.kid, *halves))
        assert step_of(data, Kind.ERASURE) == 6


def test_a_statement_signed_again_by_another_pair_is_refused() -> None:
    other = json.loads(signed(Kind.ERASURE, by=(B,)))["signatures"]
    assert step_of(signed(Kind.ERASURE, by=(B,)), Kind.ERASURE) == 8
    for place in (0, 1):

        def replace(outer: dict[str, Any], at: int = place) -> None:
            outer["signatures"][at] = other[at]

        assert step_of(edited(signed(Kind.ERASURE), replace), Kind.ERASURE) == 4


# Step 7


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{", b'{"a":1,"a":2}', b'{"a":1.5}', b'{"a":"\\ud800"}']
)
def test_a_signed_payload_that_is_not_a_strict_json_object_is_refused(raw: bytes) -> None:
    payload = canonical.b64u(raw)
    entries = [
        jws.Entry(
            algorithm,
            A.kid,
            Kind.ERASURE.value,
            jws.protected(algorithm, A.kid, Kind.ERASURE.value),
            A.sign(
                algorithm,
                jws.signing_input(jws.protected(algorithm, A.kid, Kind.ERASURE.value), payload),
            ),
        )
        for algorithm in A.algorithms
    ]
    assert step_of(jws.write(payload, entries), Kind.ERASURE) == 7


def test_an_electronic_consent_signed_with_another_persons_key_is_refused() -> None:
    data = signed(Kind.CONSENT_ELECTRONIC, by=(A, OTHER_PERSON))
    assert step_of(data, Kind.CONSENT_ELECTRONIC) == 7


def test_a_right_signature_under_a_header_that_names_another_key_is_refused() -> None:
    class Renamed:
        def __init__(self, signer: Any) -> None:
            self.kid, self.algorithms, self.sign = B.kid, signer.algorithms, signer.sign

    data = signed(Kind.CONSENT_ELECTRONIC, by=(A, Renamed(PERSON)))
    assert step_of(data, Kind.CONSENT_ELECTRONIC) == 7
    data = signed(Kind.KEY_SUCCESSION, by=(A, Renamed(NEXT)))
    assert step_of(data, Kind.KEY_SUCCESSION) == 7


def test_an_electronic_consent_needs_a_person_key_of_32_bytes() -> None:
    for key in (None, 1, "", canonical.b64u(b"\x04" * 31), "not base64url!"):
        data = signed(Kind.CONSENT_ELECTRONIC, person_key=key)
        assert step_of(data, Kind.CONSENT_ELECTRONIC) == 7


def test_an_electronic_consent_under_a_small_order_key_is_refused() -> None:
    identity_point = b"\x01" + bytes(31)

    class Forger:
        kid = canonical.b64u(canonical.labelled("xch-person-key-v1", identity_point))
        algorithms = Role.PERSON.algorithms

        def sign(self, _algorithm: str, _data: bytes) -> bytes:
            return identity_point + bytes(32)  # R = identity, S = 0: verifies for any text

    data = signed(
        Kind.CONSENT_ELECTRONIC, by=(A, Forger()), person_key=canonical.b64u(identity_point)
    )
    assert step_of(data, Kind.CONSENT_ELECTRONIC) == 7
    with pytest.raises(StatementNotAcceptable) as refused:
        verify(
            signed(Kind.WITHDRAWAL_ELECTRONIC, by=(Forger(),)),
            {Kind.WITHDRAWAL_ELECTRONIC},
            KNOWN,
            now=NOW,
            person=identity_point,
        )
    assert refused.value.step == 4


def test_a_succession_needs_the_card_whose_pair_signed() -> None:
    for card in (None, {}, B.card.payload(), NEXT.card.payload() | {"more": "x"}):
        assert step_of(signed(Kind.KEY_SUCCESSION, new=card), Kind.KEY_SUCCESSION) == 7


def test_a_succession_signed_by_half_of_the_new_pair_is_refused() -> None:
    for halves in ((NEXT, A), (A, NEXT)):
        data = signed(Kind.KEY_SUCCESSION, by=(A, FlawedPair(NEXT.kid, *halves)))
        assert step_of(data, Kind.KEY_SUCCESSION) == 7


def test_a_manifest_without_a_readable_context_is_refused() -> None:
    for context in (None, 1, "x", canonical.b64u(b"[]"), canonical.b64u(b"{")):
        assert step_of(signed(Kind.MANIFEST, context=context), Kind.MANIFEST) == 7


# Step 8


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        (Kind.KEY_STATEMENT, "agency"),
        (Kind.KEY_STATEMENT, "kid"),
        (Kind.KEY_SUCCESSION, "agency"),
        (Kind.KEY_SUCCESSION, "old"),
        (Kind.AGREEMENT, "drafted_by"),
        (Kind.AGREEMENT_SIGNATURE, "agency"),
        (Kind.AGREEMENT_NOTICE, "agency"),
        (Kind.CONSENT, "collected_by"),
        (Kind.CONSENT_ELECTRONIC, "collected_by"),
        (Kind.WITHDRAWAL, "agency"),
        (Kind.ACKNOWLEDGEMENT, "agency"),
        (Kind.ERASURE, "agency"),
    ],
)
def test_a_payload_that_names_another_signer_is_refused(kind: Kind, member: str) -> None:
    for value in ("agency-b", B.kid, None, 1):
        assert step_of(sign(kind, payload_of(kind) | {member: value}, *signers_of(kind)), kind) == 8


def test_a_manifest_whose_context_names_another_signer_is_refused() -> None:
    for changed in ({"sender": "agency-b"}, {"kid": B.kid}):
        context: dict[str, Any] = {"id": ID, "iat": NOW, "sender": "agency-a", "kid": A.kid}
        context |= changed
        data = signed(Kind.MANIFEST, context=canonical.b64u(canonical.encode(context)))
        assert step_of(data, Kind.MANIFEST) == 8


def test_a_succession_to_a_card_of_another_agency_is_refused() -> None:
    data = signed(Kind.KEY_SUCCESSION, by=(A, B), new=B.card.payload())
    assert step_of(data, Kind.KEY_SUCCESSION) == 8


# Step 9


@pytest.mark.parametrize("kind", KINDS)
def test_a_statement_from_the_future_is_refused_beyond_five_minutes(kind: Kind) -> None:
    data = signed(kind)
    assert check(data, kind, now=NOW - 300).kind is kind
    assert step_of(data, kind, now=NOW - 301) == 9


@pytest.mark.parametrize("iat", [None, "1790000000", True, -1])
def test_a_moment_that_is_no_count_of_seconds_is_refused(iat: object) -> None:
    assert step_of(signed(Kind.ERASURE, iat=iat), Kind.ERASURE) == 9
    assert step_of(signed(Kind.KEY_STATEMENT, nbf=iat), Kind.KEY_STATEMENT) == 9


@pytest.mark.parametrize(
    "value", [None, 1, "", ID.replace("-8606", "-C606"), ID.replace("-46", "-16")]
)
def test_an_id_that_is_no_random_uuid_is_refused(value: object) -> None:
    assert step_of(signed(Kind.ERASURE, id=value), Kind.ERASURE) == 9


def test_now_may_be_an_aware_moment_and_never_a_naive_one() -> None:
    data = signed(Kind.ERASURE)
    moment = datetime.fromtimestamp(NOW, UTC)
    assert check(data, Kind.ERASURE, now=moment).kind is Kind.ERASURE
    with pytest.raises(TypeError):
        check(data, Kind.ERASURE, now=moment.replace(tzinfo=None))


# Signing


@pytest.mark.parametrize("by", [(), (PERSON,), (A, B), (A, PERSON)])
def test_signing_with_other_signers_than_the_kind_needs_is_refused(by: tuple[Any, ...]) -> None:
    with pytest.raises(Malformed):
        signed(Kind.MANIFEST, by=by)


def test_signing_what_nobody_would_accept_is_refused() -> None:
    with pytest.raises(TooLarge):
        signed(Kind.ERASURE, note="x" * 40_000)
    with pytest.raises(Malformed):
        signed(Kind.ERASURE, note=1.5)


# Whatever arrives


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_garbage_raises_only_our_errors(data: bytes) -> None:
    with pytest.raises(ExchangeError):
        verify(data, set(Kind), KNOWN, now=NOW)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_single_byte_of_a_statement_can_be_changed(data: st.DataObject) -> None:
    original = GOOD
    place = data.draw(st.integers(0, len(original) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != original[place]))
    changed = original[:place] + bytes([byte]) + original[place + 1 :]
    with pytest.raises(StatementNotAcceptable):
        check(changed, Kind.MANIFEST)


GOOD = signed(Kind.MANIFEST)


def test_representations_show_neither_signatures_nor_keys() -> None:
    found = check(GOOD, Kind.MANIFEST)
    assert GOOD.decode()[-60:] not in repr(found)
    assert "PublicKey" not in repr(verifying_keys(A.card))


def test_base64_of_the_payload_is_what_any_jose_library_reads() -> None:
    payload = json.loads(GOOD)["payload"]
    plain = base64.b64decode(
        payload.replace("-", "+").replace("_", "/") + "=" * (-len(payload) % 4)
    )
    assert json.loads(plain) == payload_of(Kind.MANIFEST)
