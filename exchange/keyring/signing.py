"""Private signing keys: an agency's pair, an auditor's key, and a person's key.

Takes unlocked seeds and never opens a file. Exists in the gateway's process only; no seed is ever
in a representation, an error or a log line.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exchange import canonical, jws
from exchange.errors import Malformed
from exchange.keyid import IdentityCard, auditor_kid, person_kid
from exchange.statement import Role

SEED_SIZE = 32
"""Bytes of each seed: Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204, the xi of key generation)."""
ASSERTION_TYP = "client-authentication+jwt"
"""`typ` of a client assertion: no statement has it, so none can be used as one."""
ASSERTION_LIFE_S = 60
"""Seconds a client assertion is valid; the hub refuses longer ones."""


class IdentityKey:
    """The identity key of an agency: Ed25519 and ML-DSA-65, used together and never apart."""

    def __init__(self, agency: str, ed25519_seed: bytes, ml_dsa_65_seed: bytes) -> None:
        """Expand both keys from their seeds.

        Raises:
            Malformed: a seed is not 32 bytes, or the agency id is none.
        """
        if len(ed25519_seed) != SEED_SIZE or len(ml_dsa_65_seed) != SEED_SIZE:
            raise Malformed("the seed of an identity key has another size")
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(ed25519_seed)
        self._ml_dsa_65 = MLDSA65PrivateKey.from_seed_bytes(ml_dsa_65_seed)
        self.card = IdentityCard(
            agency,
            self._ed25519.public_key().public_bytes_raw(),
            self._ml_dsa_65.public_key().public_bytes_raw(),
        )
        self._kid = self.card.kid

    @property
    def agency(self) -> str:
        """Whose key this is."""
        return self.card.agency

    @property
    def kid(self) -> str:
        """Name of the pair, 43 characters."""
        return self._kid

    @property
    def algorithms(self) -> tuple[str, ...]:
        """`Ed25519` and `ML-DSA-65`, in this order."""
        return Role.AGENCY.algorithms

    def sign(self, algorithm: str, signed: bytes) -> bytes:
        """Return the raw signature of one half; ML-DSA signatures differ each time."""
        half = self._ed25519 if algorithm == jws.ED25519 else self._ml_dsa_65
        return half.sign(signed)

    def client_assertion(self, *, issuer: str, now: int, jti: str) -> str:
        """Return a JWT for the hub's token endpoint (RFC 7523, `private_key_jwt`).

        Args:
            issuer: the hub's issuer identifier, its only audience.
            now: seconds since 1970.
            jti: 16 to 128 random characters, never used before.
        """
        return _assertion(self._ed25519, self._kid, self.agency, issuer=issuer, now=now, jti=jti)

    def secret_pem(self, algorithm: str) -> bytes:
        """Return one half as unencrypted PKCS#8 PEM in seed form, for a key file and nothing else.

        The two halves are two files: readers take the first of two PEM blocks silently.
        """
        half = self._ed25519 if algorithm == jws.ED25519 else self._ml_dsa_65
        return half.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"IdentityKey({self.agency}, {self._kid})"


class AuditorKey:
    """The key of an auditor's own tool: Ed25519 alone. It asks for tokens and no more."""

    def __init__(self, seed: bytes) -> None:
        """Expand the key from its seed of 32 bytes, or raise Malformed."""
        if len(seed) != SEED_SIZE:
            raise Malformed("the seed of an auditor's key has another size")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        """32 bytes, raw."""
        self._kid = auditor_kid(self.public)

    @property
    def kid(self) -> str:
        """Name of the key, 43 characters."""
        return self._kid

    def client_assertion(self, account: str, *, issuer: str, now: int, jti: str) -> str:
        """Return a JWT for the hub's token endpoint; see `IdentityKey.client_assertion`.

        Args:
            account: id of the auditor's account.
            issuer: the hub's issuer identifier, its only audience.
            now: seconds since 1970.
            jti: 16 to 128 random characters, never used before.
        """
        return _assertion(self._key, self._kid, account, issuer=issuer, now=now, jti=jti)

    def secret_pem(self) -> bytes:
        """Return the key as unencrypted PKCS#8 PEM, for a key file and nothing else."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"AuditorKey({self._kid})"


class PersonKey:
    """A person's key, one per consent; in the product it is made and kept by her browser."""

    def __init__(self, seed: bytes) -> None:
        """Expand the key from its seed of 32 bytes, or raise Malformed."""
        if len(seed) != SEED_SIZE:
            raise Malformed("the seed of a person's key has another size")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        """32 bytes, raw."""
        self._kid = person_kid(self.public)

    @property
    def kid(self) -> str:
        """Name of the key, 43 characters."""
        return self._kid

    @property
    def algorithms(self) -> tuple[str, ...]:
        """`Ed25519` alone: browsers make no post-quantum signatures."""
        return Role.PERSON.algorithms

    def sign(self, _algorithm: str, signed: bytes) -> bytes:
        """Return the raw signature."""
        return self._key.sign(signed)

    def __repr__(self) -> str:
        return f"PersonKey({self._kid})"


def _assertion(
    key: Ed25519PrivateKey, kid: str, client: str, *, issuer: str, now: int, jti: str
) -> str:
    """Return a signed client assertion; made here, so that no library gets the private key."""
    protected = jws.protected(jws.ED25519, kid, ASSERTION_TYP)
    claims = canonical.encode(
        {
            "iss": client,
            "sub": client,
            "aud": issuer,
            "iat": now,
            "exp": now + ASSERTION_LIFE_S,
            "jti": jti,
        }
    )
    signed = jws.signing_input(protected, canonical.b64u(claims))
    return f"{signed.decode('ascii')}.{canonical.b64u(key.sign(signed))}"
