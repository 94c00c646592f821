"""exchange.statement against foreign JOSE libraries, in both directions."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from jwcrypto import jwk  # type: ignore[import-untyped]
from jwcrypto.jws import JWS  # type: ignore[import-untyped]

from exchange import canonical, jws, statement
from exchange.errors import StatementNotAcceptable
from exchange.keyring.signing import IdentityKey
from exchange.statement import Kind, sign, verify

NOW = 1_790_000_000
ISSUER = "https://hub.example"
ROOT = Path(__file__).parents[2]
PAIR = IdentityKey("agency-a", b"\x01" * 32, b"\x02" * 32)
KNOWN = {PAIR.kid: PAIR.card}
PAYLOAD: dict[str, Any] = {
    "id": "06060606-0606-4606-8606-060606060606",
    "iat": NOW,
    "agency": "agency-a",
    "result": "accepted",
}


def foreign_keys(pair: IdentityKey, *, private: bool = False) -> dict[str, jwk.JWK]:
    """Return both halves as jwcrypto has them: `OKP`, and `AKP` with `pub`."""
    okp = {"kty": "OKP", "crv": "Ed25519", "x": canonical.b64u(pair.card.ed25519)}
    akp = {"kty": "AKP", "alg": "ML-DSA-65", "pub": canonical.b64u(pair.card.ml_dsa_65)}
    if private:
        okp["d"] = canonical.b64u(b"\x01" * 32)
        akp["priv"] = canonical.b64u(b"\x02" * 32)
    return {jws.ED25519: jwk.JWK(**okp), jws.ML_DSA_65: jwk.JWK(**akp)}


def foreign_reader(data: bytes) -> JWS:
    """Return jwcrypto's reading of a statement, with our algorithms admitted."""
    found = JWS()
    found.allowed_algs = [jws.ED25519, jws.ML_DSA_65]
    found.deserialize(data.decode())
    return found


@pytest.mark.parametrize("place", [0, 1])
def test_jwcrypto_verifies_each_signature_of_ours(place: int) -> None:
    outer = json.loads(sign(Kind.ACKNOWLEDGEMENT, PAYLOAD, PAIR))
    alone = {"payload": outer["payload"], **outer["signatures"][place]}
    found = foreign_reader(json.dumps(alone).encode())
    found.verify(foreign_keys(PAIR)[PAIR.algorithms[place]])
    assert json.loads(found.payload) == PAYLOAD


def test_we_accept_what_jwcrypto_signed_and_it_writes_our_one_spelling() -> None:
    foreign = JWS(canonical.encode(PAYLOAD))
    foreign.allowed_algs = [jws.ED25519, jws.ML_DSA_65]
    for algorithm, key in foreign_keys(PAIR, private=True).items():
        header = {"alg": algorithm, "kid": PAIR.kid, "typ": Kind.ACKNOWLEDGEMENT.value}
        foreign.add_signature(key, alg=algorithm, protected=canonical.encode(header).decode())
    data = foreign.serialize(compact=False).encode()
    assert verify(data, {Kind.ACKNOWLEDGEMENT}, KNOWN, now=NOW).payload == PAYLOAD


def test_we_refuse_the_stripped_and_the_corrupted_signature_that_jwcrypto_accepts() -> None:
    outer = json.loads(sign(Kind.ACKNOWLEDGEMENT, PAYLOAD, PAIR))
    stripped: dict[str, Any] = outer | {"signatures": outer["signatures"][:1]}
    spoilt = dict(outer["signatures"][1], signature=canonical.b64u(bytes(3309)))
    corrupted: dict[str, Any] = outer | {"signatures": [outer["signatures"][0], spoilt]}
    for changed in (stripped, corrupted):
        data = canonical.encode(changed)
        foreign = foreign_reader(data)
        foreign.verify(foreign_keys(PAIR)[jws.ED25519])
        assert foreign.is_valid
        with pytest.raises(StatementNotAcceptable):
            verify(data, {Kind.ACKNOWLEDGEMENT}, KNOWN, now=NOW)


def compact(data: bytes) -> str:
    """Return a statement re-shaped to compact form with its Ed25519 signature."""
    outer = json.loads(data)
    first = outer["signatures"][0]
    return f"{first['protected']}.{outer['payload']}.{first['signature']}"


def test_a_re_shaped_statement_decodes_as_a_jwt_and_only_its_typ_tells() -> None:
    key = OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": canonical.b64u(PAIR.card.ed25519)}
    )
    decoded = jwt.decode(
        compact(sign(Kind.ACKNOWLEDGEMENT, PAYLOAD, PAIR)), key, algorithms=["Ed25519"]
    )
    assert decoded.claims == PAYLOAD
    assert decoded.header["typ"] != "client-authentication+jwt"


def test_joserfc_reads_our_client_assertion() -> None:
    key = OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": canonical.b64u(PAIR.card.ed25519)}
    )
    assertion = PAIR.client_assertion(issuer=ISSUER, now=NOW, jti="0123456789abcdef")
    found = jwt.decode(assertion, key, algorithms=["Ed25519"])
    assert found.header == {
        "alg": "Ed25519",
        "kid": PAIR.kid,
        "typ": "client-authentication+jwt",
    }
    assert found.claims == {
        "iss": "agency-a",
        "sub": "agency-a",
        "aud": ISSUER,
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "0123456789abcdef",
    }
    other = IdentityKey("agency-a", b"\x03" * 32, b"\x02" * 32)
    foreign = OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": canonical.b64u(other.card.ed25519)}
    )
    with pytest.raises(JoseError):
        jwt.decode(assertion, foreign, algorithms=["Ed25519"])


def test_an_assertion_re_shaped_to_a_statement_is_refused() -> None:
    protected, payload, signature = PAIR.client_assertion(
        issuer=ISSUER, now=NOW, jti="0123456789abcdef"
    ).split(".")
    entry = {"protected": protected, "signature": signature}
    data = canonical.encode({"payload": payload, "signatures": [entry]})
    with pytest.raises(StatementNotAcceptable) as refused:
        verify(data, set(statement.Kind), KNOWN, now=NOW)
    assert refused.value.step == 3


def test_nothing_that_ships_imports_jwcrypto() -> None:
    for file in [*ROOT.glob("exchange/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names]
                module = getattr(node, "module", None) or ""
                assert not any(name.startswith("jwcrypto") for name in [module, *names]), file
