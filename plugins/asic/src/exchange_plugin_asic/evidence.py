"""Looks at signed consent forms: an ASiC-E container whose signatures all hold, over all of it.

Source: ETSI EN 319 162-1 (container), EN 319 132-1 (XAdES). Nothing of a signature document is
believed that the library did not return as verified; what it is not asked about is refused before.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier, XAdESVerifyResult

from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import EvidenceFound, ExportedFile, Verdict
from exchange_plugin_asic.unpack import unpack

MEDIA_TYPE: Final = "application/vnd.etsi.asic-e+zip"
LARGEST: Final = 32 << 20
"""Bytes of a container: a scan or a form, not a file of records."""

_DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_ROOT: Final = "{http://uri.etsi.org/02918/v1.2.1#}XAdESSignatures"
_XADES: Final = "{http://uri.etsi.org/01903/v1.3.2#}"
_PROPERTIES: Final = "http://uri.etsi.org/01903#SignedProperties"
_SIGNATURES: Final = re.compile(r"META-INF/[^/]*signatures[^/]*\.xml")
_LARGEST_XML: Final = 1 << 20
_MOST_SIGNATURES: Final = 10
_METHODS: Final = frozenset(
    {
        *(SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512),
        *(SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512),
    }
)
_DIGESTS: Final = frozenset(
    {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
)


class SignedContainer:
    """Verifies ASiC-E with XAdES. No revocation is asked for: a worker has no network."""

    def __init__(self, trusted: bytes) -> None:
        """Take whose signers are believed.

        Args:
            trusted: certificates of authorities, PEM.

        Raises:
            Misconfigured: they are none.
        """
        try:
            self._store = Store(x509.load_pem_x509_certificates(trusted))
        except ValueError:
            raise Misconfigured("`trusted` holds no certificates, PEM") from None

    @property
    def key(self) -> str:
        """Name under which settings choose it."""
        return "asic"

    @property
    def media_types(self) -> frozenset[str]:
        """ASiC-E."""
        return frozenset({MEDIA_TYPE})

    async def verify(self, evidence: ExportedFile) -> EvidenceFound:
        """Check every signature; each covers every document of the container.

        Raises:
            Malformed: it is no such container, one of its signatures does not hold or does not
                cover all, or nobody of the settings vouches for who signed.
        """
        if evidence.size > LARGEST:
            raise Malformed("the container is too large for a form")
        members = unpack(evidence.path)
        if next(iter(members)) != "mimetype" or members["mimetype"] != MEDIA_TYPE.encode():
            raise Malformed("the container does not begin with what it is")
        documents, signatures = _sorted(members)
        if not signatures:
            return EvidenceFound(verdict=Verdict.UNSIGNED)
        now = datetime.now(UTC)
        signed = [self._verify_one(raw, documents, now) for raw in signatures]
        return EvidenceFound(verdict=Verdict.SIGNED, signed_at=_latest(signed))

    def _verify_one(
        self, raw: bytes, documents: Mapping[str, bytes], now: datetime
    ) -> datetime | None:
        signature = _only_signature(raw)
        _check_references(signature)
        signer = self._believed(signature, now)
        asked = set[str]()

        def resolve(uri: str) -> bytes:
            name = unquote(uri, errors="strict")
            asked.add(name)
            return documents[name]

        config = XAdESSignatureConfiguration(
            location="./",
            expect_references=True,
            signature_methods=_METHODS,
            digest_algorithms=_DIGESTS,
        )
        try:
            found = XAdESVerifier().verify(
                raw, x509_cert=signer, uri_resolver=resolve, expect_config=config
            )
        except (SignXMLException, etree.LxmlError, ValueError, KeyError, TypeError):
            raise Malformed("a signature does not hold") from None
        # Asked for are the names in the part that was verified, each with a digest that is right.
        if asked != documents.keys():
            raise Malformed("a signature does not cover the whole container")
        return _signed_at(found)

    def _believed(self, signature: Any, now: datetime) -> x509.Certificate:
        """Return the signer's certificate if an authority of the settings vouches for it."""
        try:
            shown = [
                x509.load_der_x509_certificate(base64.b64decode(found.text or ""))
                for found in signature.iterfind(f"{_DS}KeyInfo/{_DS}X509Data/{_DS}X509Certificate")
            ]
            (signer,) = (found for found in shown if not _is_authority(found))
            verifier = (
                PolicyBuilder()
                .store(self._store)
                .time(now)
                .extension_policies(
                    ca_policy=ExtensionPolicy.webpki_defaults_ca(),
                    ee_policy=ExtensionPolicy.permit_all().require_present(
                        x509.KeyUsage, Criticality.AGNOSTIC, _check_usage
                    ),
                )
                .build_client_verifier()
            )
            verifier.verify(signer, [found for found in shown if found is not signer])
        except (ValueError, VerificationError, x509.InvalidVersion, x509.DuplicateExtension):
            raise Malformed("nobody of the settings vouches for who signed") from None
        return signer


def _sorted(members: Mapping[str, bytes]) -> tuple[Mapping[str, bytes], Sequence[bytes]]:
    """Return the documents by name and the signature documents; nothing else may be there."""
    documents, signatures = dict[str, bytes](), list[bytes]()
    for name, content in members.items():
        if _SIGNATURES.fullmatch(name):
            signatures.append(content)
        elif not name.upper().startswith("META-INF/") and name != "mimetype":
            documents[name] = content
        elif name not in ("mimetype", "META-INF/manifest.xml"):
            raise Malformed("the container is signed in a way that is not read")
    if not documents or len(signatures) > _MOST_SIGNATURES:
        raise Malformed("the container holds no document, or too many signatures")
    return documents, signatures


def _only_signature(raw: bytes) -> Any:
    """Return the one signature of a signature document, after the checks on XML from strangers."""
    if len(raw) > _LARGEST_XML:
        raise Malformed("a signature document is too large")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Malformed("a signature document is no XML") from None
    if root.getroottree().docinfo.doctype:
        raise Malformed("a signature document has a DOCTYPE")
    inside = list(root)
    if root.tag != _ROOT or [found.tag for found in inside] != [f"{_DS}Signature"]:
        raise Malformed("a signature document holds something else than one signature")
    return inside[0]


def _check_references(signature: Any) -> None:
    """Refuse references that digest anything but whole documents and the signed properties."""
    references = signature.findall(f"{_DS}SignedInfo/{_DS}Reference")
    inner = [found for found in references if found.get("Type") == _PROPERTIES]
    if len(inner) != 1 or not inner[0].get("URI", "").startswith("#"):
        raise Malformed("a signature does not sign its own properties once")
    for reference in references:
        if reference is inner[0]:
            continue
        if reference.find(f"{_DS}Transforms") is not None:
            raise Malformed("a signature covers a document only after a change to it")
        if reference.get("URI", "#").startswith("#") or not reference.get("URI"):
            raise Malformed("a signature covers something else than documents")


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _check_usage(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    """Demand a certificate for signing: qualified ones often say "content commitment" only."""
    if not usage.digital_signature and not usage.content_commitment:
        raise ValueError


def _signed_at(found: Sequence[object]) -> datetime | None:
    """Return the time that the verified properties say, if they say an aware one."""
    for result in found:
        if isinstance(result, XAdESVerifyResult):
            said = result.signed_properties.findtext(f"{_XADES}SigningTime") or ""
            try:
                moment = datetime.fromisoformat(said.strip())
            except ValueError:
                return None
            return moment if moment.tzinfo is not None else None
    return None


def _latest(moments: Sequence[datetime | None]) -> datetime | None:
    """Return when the last one signed; None as soon as one does not say."""
    said = [moment for moment in moments if moment is not None]
    return max(said) if len(said) == len(moments) else None
