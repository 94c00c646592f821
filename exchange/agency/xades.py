"""XAdES signatures over files (ETSI EN 319 132-1, baseline B), written by a fixed template.

Both parts that are digested, `SignedInfo` and `SignedProperties`, are written in exclusive
canonical form from the start, so nothing here parses, transforms or canonicalizes XML: the text is
a pure function of digests, certificate and time. ECDSA on P-256 with SHA-256, no other suite.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
_ASIC: Final = "http://uri.etsi.org/02918/v1.2.1#"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ECDSA: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_OF_PROPERTIES: Final = "http://uri.etsi.org/01903#SignedProperties"
_COORDINATE: Final = 32
"""Bytes of each half of a signature on P-256 (RFC 6931, section 2.3.6)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the private key stays in the gateway's process."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    """On P-256."""
    certificates: tuple[x509.Certificate, ...]
    """The signer's own first, then those between it and an authority; goes into the signature."""


@dataclass(frozen=True, slots=True)
class Digested:
    """One file of a container, as the signature names it."""

    name: str
    """Path in the container, no leading slash."""
    media_type: str
    """Type and subtype, lower case; ASCII without signs that mean something in XML."""
    sha256: bytes
    """32 bytes, raw."""


def sign(files: Sequence[Digested], signer: Signer, now: datetime) -> bytes:
    """Return the signature document over `files`: one signature that names every one of them.

    The root is `XAdESSignatures` of ETSI EN 319 162-1, clause 4.4; file by file, the digest and
    the media type are signed, in this order.

    Args:
        files: at least one.
        signer: whose certificate is valid at `now`.
        now: aware; written down as the time of signing.
    """
    properties = _properties(files, signer.certificates[0], now)
    info = _info(files, hashlib.sha256(properties.encode()).digest())
    r, s = decode_dss_signature(signer.key.sign(info.encode(), ec.ECDSA(SHA256())))
    value = r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")
    chain = "".join(
        f"<ds:X509Certificate>{_base64(found.public_bytes(Encoding.DER))}</ds:X509Certificate>"
        for found in signer.certificates
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<asic:XAdESSignatures xmlns:asic="{_ASIC}">'
        f'<ds:Signature xmlns:ds="{_DS}" Id="signature">{info}'
        f'<ds:SignatureValue Id="signature-value">{_base64(value)}</ds:SignatureValue>'
        f"<ds:KeyInfo><ds:X509Data>{chain}</ds:X509Data></ds:KeyInfo>"
        f'<ds:Object><xades:QualifyingProperties xmlns:xades="{_XADES}" Target="#signature">'
        f"{properties}</xades:QualifyingProperties></ds:Object>"
        "</ds:Signature></asic:XAdESSignatures>\n"
    ).encode()


def _info(files: Sequence[Digested], properties: bytes) -> str:
    """Return `SignedInfo`, canonical: what the key signs."""
    references = "".join(
        f'<ds:Reference Id="file-{number}" URI="{quote(file.name)}">'
        f"{_digest(file.sha256)}</ds:Reference>"
        for number, file in enumerate(files, start=1)
    )
    return (
        f'<ds:SignedInfo xmlns:ds="{_DS}">'
        f'<ds:CanonicalizationMethod Algorithm="{_EXCLUSIVE}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{_ECDSA}"></ds:SignatureMethod>{references}'
        f'<ds:Reference Type="{_OF_PROPERTIES}" URI="#signed-properties"><ds:Transforms>'
        f'<ds:Transform Algorithm="{_EXCLUSIVE}"></ds:Transform></ds:Transforms>'
        f"{_digest(properties)}</ds:Reference></ds:SignedInfo>"
    )


def _properties(files: Sequence[Digested], certificate: x509.Certificate, now: datetime) -> str:
    """Return `SignedProperties`, canonical: baseline B asks for time, certificate and formats."""
    formats = "".join(
        f'<xades:DataObjectFormat ObjectReference="#file-{number}">'
        f"<xades:MimeType>{file.media_type}</xades:MimeType></xades:DataObjectFormat>"
        for number, file in enumerate(files, start=1)
    )
    return (
        f'<xades:SignedProperties xmlns:xades="{_XADES}" Id="signed-properties">'
        "<xades:SignedSignatureProperties>"
        f"<xades:SigningTime>{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</xades:SigningTime>"
        "<xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
        f"{_digest(certificate.fingerprint(SHA256()), declare=True)}"
        "</xades:CertDigest></xades:Cert></xades:SigningCertificateV2>"
        "</xades:SignedSignatureProperties>"
        f"<xades:SignedDataObjectProperties>{formats}</xades:SignedDataObjectProperties>"
        "</xades:SignedProperties>"
    )


def _digest(sha256: bytes, *, declare: bool = False) -> str:
    """Return both elements of a digest; `declare` where no element around them has the prefix."""
    prefix = f' xmlns:ds="{_DS}"' if declare else ""
    return (
        f'<ds:DigestMethod{prefix} Algorithm="{_SHA256}"></ds:DigestMethod>'
        f"<ds:DigestValue{prefix}>{_base64(sha256)}</ds:DigestValue>"
    )


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
