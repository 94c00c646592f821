"""Certificates of a test authority, as agencies get them for seals: P-256, made anew each time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Seal:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def key_pem(self) -> bytes:
        """PKCS#8, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def pem(self) -> bytes:
        """The certificate, PEM."""
        return self.certificate.public_bytes(Encoding.PEM)


def authority(name: str = "Test authority") -> Seal:
    """Return a new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    built = _builder(name, name, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    built = built.add_extension(_usage(signs_certificates=True), critical=True)
    return Seal(key, built.sign(key, SHA256()))


def seal(
    by: Seal,
    *,
    name: str = "Agency",
    content_commitment: bool = False,
    signs: bool = True,
    days: tuple[int, int] = (-1, 365),
    curve: ec.EllipticCurve | None = None,
) -> Seal:
    """Return a key and a certificate that `by` has issued.

    Args:
        by: the authority.
        name: common name.
        content_commitment: whether it is for declarations of will, as qualified ones are.
        signs: whether it may sign anything.
        days: first and last day of its validity, from today on.
        curve: of the key; P-256 unless said.
    """
    key = ec.generate_private_key(curve or ec.SECP256R1())
    issuer = by.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    built = _builder(name, str(issuer), key, days=days)
    built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    built = built.add_extension(
        _usage(signs=signs and not content_commitment, content_commitment=content_commitment),
        critical=True,
    )
    public = x509.SubjectKeyIdentifier.from_public_key(by.key.public_key())
    built = built.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(public), critical=False
    )
    return Seal(key, built.sign(by.key, SHA256()))


def _builder(
    name: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    days: tuple[int, int] = (-1, 3650),
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(
    *, signs: bool = False, content_commitment: bool = False, signs_certificates: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=content_commitment,
        key_encipherment=not signs and not content_commitment and not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
