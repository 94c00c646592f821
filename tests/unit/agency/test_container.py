"""exchange.agency.container and xades: what foreign verifiers find in a container of ours."""

import base64
import dataclasses
import hashlib
import re
import stat
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier, XAdESVerifyResult

from exchange.agency import container, xades
from exchange.agency.container import Member, member, open_signer, seal
from exchange.agency.xades import Digested, Signer
from exchange.errors import Misconfigured, Quarantined, Unavailable
from tests import certificates

NOW = datetime.now(UTC).replace(microsecond=0)
CONTENTS = {
    "Mietschulden März & <Co>.pdf": b"%PDF-1.7\n\x00\xff",
    "leer.txt": b"",
    "document.json": b"{}",
    "manifest.jws": b"a.b.c",
}
DS = "{http://www.w3.org/2000/09/xmldsig#}"
XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"


@pytest.fixture(scope="module")
def authority() -> certificates.Seal:
    return certificates.authority()


@pytest.fixture(scope="module")
def signer(authority: certificates.Seal) -> Signer:
    own = certificates.seal(authority)
    return Signer(own.key, (own.certificate, authority.certificate))


@pytest.fixture
def members(tmp_path: Path) -> list[Member]:
    (tmp_path / "members").mkdir()
    for name, content in CONTENTS.items():
        (tmp_path / "members" / name).write_bytes(content)
    return [member(tmp_path / "members" / name) for name in CONTENTS]


@pytest.fixture
def sealed(tmp_path: Path, members: list[Member], signer: Signer) -> Path:
    seal(members, tmp_path / "document.asice", signer, now=NOW)
    return tmp_path / "document.asice"


def read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def verified(found: dict[str, bytes], certificate: x509.Certificate) -> list[str]:
    """Return the names a foreign verifier has seen signed."""
    asked: list[str] = []

    def resolve(uri: str) -> bytes:
        asked.append(unquote(uri))
        return found[asked[-1]]

    config = XAdESSignatureConfiguration(location="./", expect_references=True)
    results = XAdESVerifier().verify(
        found["META-INF/signatures001.xml"],
        x509_cert=certificate,
        uri_resolver=resolve,
        expect_config=config,
    )
    assert any(isinstance(result, XAdESVerifyResult) for result in results)
    return asked


def test_a_foreign_verifier_accepts_the_signature_over_every_member(
    sealed: Path, signer: Signer
) -> None:
    found = read(sealed)
    assert verified(found, signer.certificates[0]) == list(CONTENTS)
    assert {name: found[name] for name in CONTENTS} == CONTENTS


def test_mimetype_comes_first_stored_and_at_the_place_where_readers_look(sealed: Path) -> None:
    raw = sealed.read_bytes()
    assert raw[:4] == b"PK\x03\x04"
    assert raw[30:38] == b"mimetype"
    assert raw[38:].startswith(b"application/vnd.etsi.asic-e+zip")
    with zipfile.ZipFile(sealed) as packed:
        entries = packed.infolist()
    assert [entry.filename for entry in entries] == [
        *("mimetype", *CONTENTS, "META-INF/manifest.xml", "META-INF/signatures001.xml")
    ]
    assert all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    assert (entries[0].extra, entries[0].comment, entries[0].flag_bits) == (b"", b"", 0)


def test_the_manifest_lists_what_is_there_with_the_media_types_that_are_signed(
    sealed: Path,
) -> None:
    found = read(sealed)
    space = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
    listed = {
        entry.get(f"{space}full-path"): entry.get(f"{space}media-type")
        for entry in etree.fromstring(found["META-INF/manifest.xml"])
    }
    root = etree.fromstring(found["META-INF/signatures001.xml"])
    names = {
        f"#{reference.get('Id')}": unquote(reference.get("URI"))
        for reference in root.iter(f"{DS}Reference")
        if reference.get("Id")
    }
    signed = {
        names[form.get("ObjectReference")]: form.findtext(f"{XADES}MimeType")
        for form in root.iter(f"{XADES}DataObjectFormat")
    }
    assert listed.pop("/") == container.MEDIA_TYPE
    assert listed == signed
    assert listed == {
        "Mietschulden März & <Co>.pdf": "application/pdf",
        "leer.txt": "text/plain",
        "document.json": "application/json",
        "manifest.jws": "application/jose",
    }


def test_what_is_signed_is_written_in_canonical_form(sealed: Path, signer: Signer) -> None:
    raw = read(sealed)["META-INF/signatures001.xml"]
    root = etree.fromstring(raw)
    for tag in (f"{DS}SignedInfo", f"{XADES}SignedProperties"):
        (part,) = root.iter(tag)
        canonical = etree.tostring(part, method="c14n", exclusive=True, with_comments=False)
        assert canonical in raw
    (info,) = root.iter(f"{DS}SignedInfo")
    value = base64.b64decode(root.findtext(f".//{DS}SignatureValue"))
    signer.key.public_key().verify(
        encode_dss_signature(int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")),
        etree.tostring(info, method="c14n", exclusive=True),
        ec.ECDSA(SHA256()),
    )


def test_time_and_certificate_of_the_signer_are_signed(sealed: Path, signer: Signer) -> None:
    root = etree.fromstring(read(sealed)["META-INF/signatures001.xml"])
    assert root.findtext(f".//{XADES}SigningTime") == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    own = signer.certificates[0].public_bytes(Encoding.DER)
    digest = root.findtext(f".//{XADES}CertDigest/{DS}DigestValue")
    assert base64.b64decode(digest) == hashlib.sha256(own).digest()
    shown = [base64.b64decode(found.text) for found in root.iter(f"{DS}X509Certificate")]
    assert shown == [found.public_bytes(Encoding.DER) for found in signer.certificates]


@pytest.mark.parametrize("name", CONTENTS)
def test_a_change_to_any_member_is_seen(name: str, sealed: Path, signer: Signer) -> None:
    found = read(sealed)
    found[name] += b" "
    with pytest.raises(SignXMLException):
        verified(found, signer.certificates[0])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"application/pdf", b"text/html"),
        (b"leer.txt", b"mehr.txt"),
        (rb"<xades:SigningTime>\d", b"<xades:SigningTime>9"),
        (rb"(<ds:SignatureValue[^>]*>)..", rb"\1AA"),
    ],
)
def test_a_change_to_the_signature_itself_is_seen(
    old: bytes, new: bytes, sealed: Path, signer: Signer
) -> None:
    found = read(sealed)
    changed = re.sub(old, new, found["META-INF/signatures001.xml"])
    assert changed != found["META-INF/signatures001.xml"]
    found["META-INF/signatures001.xml"] = changed
    found["mehr.txt"] = b""
    with pytest.raises((SignXMLException, InvalidSignature)):
        verified(found, signer.certificates[0])


def test_another_certificate_verifies_nothing(sealed: Path, authority: certificates.Seal) -> None:
    with pytest.raises(SignXMLException):
        verified(read(sealed), certificates.seal(authority).certificate)


def test_the_document_is_a_function_of_digests_certificate_and_time(signer: Signer) -> None:
    files = [Digested("a.pdf", "application/pdf", hashlib.sha256(b"").digest())]
    signed = [xades.sign(files, signer, NOW) for _ in range(2)]
    bare = [re.sub(rb"<ds:SignatureValue.*?</ds:SignatureValue>", b"", one) for one in signed]
    assert bare[0] == bare[1]  # but for the value: ECDSA is random
    assert signed[0] != signed[1]


def test_the_container_is_private_and_nothing_half_written_stays(
    tmp_path: Path, members: list[Member], signer: Signer, sealed: Path
) -> None:
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    broken = [*members, Member(name="gone.pdf", path=tmp_path / "gone.pdf")]
    with pytest.raises(OSError, match="gone"):
        seal(broken, tmp_path / "other.asice", signer, now=NOW)
    assert {path.name for path in tmp_path.iterdir()} == {"members", "document.asice"}


@pytest.mark.parametrize(
    "name", ["mimetype", "MIMETYPE", "META-INF", "meta-inf/signatures001.xml", "a\\b", "leer.TXT"]
)
def test_a_name_that_containers_reserve_or_that_comes_twice_is_refused(
    name: str, tmp_path: Path, members: list[Member], signer: Signer
) -> None:
    renamed = [*members, dataclasses.replace(members[0], name=name)]
    with pytest.raises(Quarantined, match="output-name"):
        seal(renamed, tmp_path / "document.asice", signer, now=NOW)


def test_no_member_is_no_container(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(Quarantined, match="output-count"):
        seal([], tmp_path / "document.asice", signer, now=NOW)


def test_more_than_a_plain_zip_holds_is_refused(
    tmp_path: Path, members: list[Member], signer: Signer
) -> None:
    with members[0].path.open("r+b") as sparse:
        sparse.truncate(container.LARGEST + 1)
    with pytest.raises(Quarantined, match="output-size"):
        seal(members, tmp_path / "document.asice", signer, now=NOW)


def test_two_hundred_megabytes_need_no_memory(
    tmp_path: Path, members: list[Member], signer: Signer
) -> None:
    with members[0].path.open("r+b") as sparse:
        sparse.truncate(200_000_000)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): forget the peak
    before = _peak()
    seal(members, tmp_path / "document.asice", signer, now=NOW)
    assert _peak() - before < 64 << 20


def _peak() -> int:
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    return int(line) * 1024


@pytest.mark.parametrize("away", [timedelta(days=-2), timedelta(days=400)])
def test_a_certificate_that_is_not_valid_now_signs_nothing(
    away: timedelta, tmp_path: Path, members: list[Member], signer: Signer
) -> None:
    with pytest.raises(Unavailable):
        seal(members, tmp_path / "document.asice", signer, now=NOW + away)
    assert not (tmp_path / "document.asice").exists()


class TestSigner:
    """Key and certificate in their files."""

    @pytest.fixture
    def own(self, authority: certificates.Seal) -> certificates.Seal:
        return certificates.seal(authority)

    @pytest.fixture
    def write(self, tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
        def write(key: bytes, certificate: bytes) -> tuple[Path, Path]:
            paths = tmp_path / "seal.key", tmp_path / "seal.pem"
            for path, content, mode in zip(paths, (key, certificate), (0o600, 0o644), strict=True):
                path.write_bytes(content)
                path.chmod(mode)
            return paths

        return write

    def test_they_are_read_with_the_chain_and_the_key_is_not_shown(
        self,
        own: certificates.Seal,
        authority: certificates.Seal,
        write: Callable[..., tuple[Path, Path]],
    ) -> None:
        found = open_signer(*write(own.key_pem, own.pem + authority.pem))
        assert found.certificates == (own.certificate, authority.certificate)
        assert "key" not in repr(found).partition("certificates")[0]

    def test_what_is_unfit_stops_the_start(
        self,
        own: certificates.Seal,
        authority: certificates.Seal,
        write: Callable[..., tuple[Path, Path]],
    ) -> None:
        protected = own.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")
        )
        foreign = ed25519.Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        larger = certificates.seal(authority, curve=ec.SECP384R1())
        for key, certificate in (
            (b"", own.pem),
            (own.key_pem, b""),
            (protected, own.pem),
            (foreign, own.pem),
            (larger.key_pem, larger.pem),
            (own.key_pem, authority.pem),
            (own.key_pem, authority.pem + own.pem),
        ):
            with pytest.raises(Misconfigured):
                open_signer(*write(key, certificate))

    @pytest.mark.parametrize(("index", "mode"), [(0, 0o640), (0, 0o604), (1, 0o664), (1, 0o646)])
    def test_files_that_others_can_use_stop_the_start(
        self,
        index: int,
        mode: int,
        own: certificates.Seal,
        write: Callable[..., tuple[Path, Path]],
    ) -> None:
        paths = write(own.key_pem, own.pem)
        paths[index].chmod(mode)
        with pytest.raises(Misconfigured):
            open_signer(*paths)

    @pytest.mark.parametrize("index", [0, 1])
    def test_a_missing_file_is_named_without_its_folder(
        self, index: int, own: certificates.Seal, write: Callable[..., tuple[Path, Path]]
    ) -> None:
        paths = write(own.key_pem, own.pem)
        paths[index].unlink()
        with pytest.raises(Misconfigured, match=paths[index].name):
            open_signer(*paths)
