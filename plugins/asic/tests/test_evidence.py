"""Signed consent forms: only a container whose signatures hold, over all of it, by the trusted."""

import base64
import hashlib
import io
import re
import struct
import zipfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from exchange_plugin_asic.convert import register_evidence_verifiers
from exchange_plugin_asic.unpack import unpack
from lxml import etree

from exchange.agency.container import Member, seal
from exchange.agency.xades import Digested, Signer, sign
from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import EvidenceFound, ExportedFile, Verdict
from tests import certificates

NOW = datetime.now(UTC).replace(microsecond=0)
FORM = b"%PDF-1.7\na signed form\n"
MIMETYPE = "application/vnd.etsi.asic-e+zip"
SIGNATURES = "META-INF/signatures001.xml"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


@pytest.fixture(scope="module")
def authority() -> certificates.Seal:
    return certificates.authority()


@pytest.fixture(scope="module")
def signer(authority: certificates.Seal) -> Signer:
    own = certificates.seal(authority, content_commitment=True)
    return Signer(own.key, (own.certificate, authority.certificate))


@pytest.fixture
def container(tmp_path: Path, signer: Signer) -> dict[str, bytes]:
    """The members of a good container, in their order."""
    for name in ("Einwilligung März.pdf", "Anlage.txt"):
        (tmp_path / name).write_bytes(FORM)
    members = [
        Member(name=name, path=tmp_path / name) for name in ("Einwilligung März.pdf", "Anlage.txt")
    ]
    seal(members, tmp_path / "good.asice", signer, now=NOW)
    with zipfile.ZipFile(tmp_path / "good.asice") as packed:
        return {name: packed.read(name) for name in packed.namelist()}


Look = Callable[..., Awaitable[EvidenceFound]]


@pytest.fixture
def look(tmp_path: Path, authority: certificates.Seal) -> Look:
    """Verify the bytes of a container, as a gateway asks for it."""

    async def verify(raw: bytes, trusted: bytes = b"") -> EvidenceFound:
        (tmp_path / "evidence").write_bytes(raw)
        table = {"trusted": (trusted or authority.pem).decode()}
        (verifier,) = register_evidence_verifiers(table)
        return await verifier.verify(
            ExportedFile(
                name="form.asice", media_type=MIMETYPE, size=len(raw), path=tmp_path / "evidence"
            )
        )

    return verify


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of `members`; the first one stored."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for index, (name, content) in enumerate(members.items()):
            archive.writestr(name, content, zipfile.ZIP_STORED if index == 0 else method)
    return written.getvalue()


async def test_a_form_signed_by_somebody_trusted_is_signed(
    look: Look, container: dict[str, bytes]
) -> None:
    assert await look(packed(container)) == EvidenceFound(verdict=Verdict.SIGNED, signed_at=NOW)


async def test_a_form_that_another_program_wrote_otherwise_is_signed(
    look: Look, container: dict[str, bytes], signer: Signer
) -> None:
    """Inclusive canonical form, indented, empty elements closed at once, with a comment."""
    container[SIGNATURES] = written_otherwise(container[SIGNATURES], signer)
    assert b"/>" in container[SIGNATURES]
    found = await look(packed(container))
    assert found == EvidenceFound(verdict=Verdict.SIGNED, signed_at=NOW)


def written_otherwise(raw: bytes, signer: Signer) -> bytes:
    ds, inclusive = "{http://www.w3.org/2000/09/xmldsig#}", INCLUSIVE
    root = etree.fromstring(raw)
    (info,) = root.iter(f"{ds}SignedInfo")
    for tag in ("CanonicalizationMethod", "Transform"):
        (method,) = root.iter(f"{ds}{tag}")
        method.set("Algorithm", inclusive)
    etree.indent(root)
    info.addprevious(etree.Comment("made elsewhere"))
    (properties,) = root.iter("{http://uri.etsi.org/01903/v1.3.2#}SignedProperties")
    digest = hashlib.sha256(etree.tostring(properties, method="c14n", with_comments=False)).digest()
    info.findall(f"{ds}Reference/{ds}DigestValue")[-1].text = base64.b64encode(digest).decode()
    value = signature_of(etree.tostring(info, method="c14n", with_comments=False), signer)
    root.find(f".//{ds}SignatureValue").text = value.decode()
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return written


def signature_of(info: bytes, signer: Signer) -> bytes:
    """Return the signature over a canonical `SignedInfo`, Base64."""
    r, s = decode_dss_signature(signer.key.sign(info, ec.ECDSA(SHA256())))
    return base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def documents_of(container: dict[str, bytes]) -> list[str]:
    return [name for name in container if name != "mimetype" and "META-INF" not in name]


@pytest.mark.parametrize("name", ["Einwilligung März.pdf", "Anlage.txt"])
async def test_a_changed_document_is_forged(
    name: str, look: Look, container: dict[str, bytes]
) -> None:
    with pytest.raises(Malformed):
        await look(packed({**container, name: FORM + b" "}))


async def test_a_document_nobody_signed_or_that_is_gone_is_forged(
    look: Look, container: dict[str, bytes]
) -> None:
    with pytest.raises(Malformed):
        await look(packed({**container, "more.pdf": FORM}))
    del container["Anlage.txt"]
    with pytest.raises(Malformed):
        await look(packed(container))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"(<ds:SignatureValue[^>]*>)..", rb"\1AA"),
        (rb"<xades:SigningTime>....", b"<xades:SigningTime>1999"),
        (rb"xmldsig-more#ecdsa-sha256", b"xmldsig-more#ecdsa-sha1"),
        (rb"xmldsig-more#ecdsa-sha256", b"xmldsig-more#hmac-sha256"),
        (rb"<ds:KeyInfo>.*</ds:KeyInfo>", b""),
        (rb"<ds:Object>.*</ds:Object>", b""),
        (rb"(?s)<ds:Signature .*</ds:Signature>", b""),
        (rb"(?s)(<ds:Signature .*</ds:Signature>)", rb"\1\1"),
        (rb"(?s)(<ds:Signature .*</ds:Signature>)", rb"<x>\1</x>"),
        (rb"XAdESSignatures", b"OtherSignatures"),
        (rb"<asic:XAdESSignatures", b"<!DOCTYPE x><asic:XAdESSignatures"),
        (
            rb"<asic:XAdESSignatures",
            b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
            b"<asic:XAdESSignatures",
        ),
        (rb"encoding=\"UTF-8\"", b'encoding="UTF-16"'),
        (rb"</asic:XAdESSignatures>", b""),
        (rb"(?s).*", b"<x>" * 100_000),
        (rb"(?s)(.*)", rb"\1" + b" " * (1 << 20)),
    ],
)
async def test_a_signature_document_that_was_touched_is_forged(
    old: bytes, new: bytes, look: Look, container: dict[str, bytes]
) -> None:
    changed = re.sub(old, new, container[SIGNATURES], count=1)
    assert changed != container[SIGNATURES]
    with pytest.raises(Malformed):
        await look(packed({**container, SIGNATURES: changed}))


TRANSFORMED = (
    b"<ds:Transforms><ds:Transform "
    b'Algorithm="http://www.w3.org/2000/09/xmldsig#base64"></ds:Transform></ds:Transforms>'
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"(<ds:Reference Id=\"file-1\"[^>]*>)", rb"\1" + TRANSFORMED),
        (rb"URI=\"Anlage.txt\"", b'URI=""'),
        (rb"URI=\"Anlage.txt\"", b'URI="#signature"'),
        (rb" URI=\"Anlage.txt\"", b""),
        (rb"URI=\"Anlage.txt\"", b'URI="http://evil.example/"'),
        (rb"URI=\"Anlage.txt\"", b'URI="file:///etc/passwd"'),
        (rb"URI=\"#signed-properties\"", b'URI="Anlage.txt"'),
        (rb" Type=\"[^\"]*\"", b""),
    ],
)
async def test_a_signer_cannot_cover_less_than_it_seems(
    old: bytes, new: bytes, look: Look, container: dict[str, bytes], signer: Signer
) -> None:
    """The signature itself is right here: made over the strange references."""
    written = signed_again(container[SIGNATURES], signer, old, new)
    with pytest.raises(Malformed):
        await look(packed({**container, SIGNATURES: written}))


async def test_signing_again_without_a_change_is_good(
    look: Look, container: dict[str, bytes], signer: Signer
) -> None:
    written = signed_again(container[SIGNATURES], signer, rb"Anlage", b"Anlage")
    found = await look(packed({**container, SIGNATURES: written}))
    assert found.verdict is Verdict.SIGNED


def signed_again(raw: bytes, signer: Signer, old: bytes, new: bytes) -> bytes:
    """Return a signature document in which `SignedInfo` was changed and signed as it then is."""
    (info,) = re.findall(rb"<ds:SignedInfo.*</ds:SignedInfo>", raw)
    changed = re.sub(old, new, info, count=1)
    value = rb"\g<1>" + signature_of(changed, signer)
    return re.sub(rb"(<ds:SignatureValue[^>]*>)[^<]*", value, raw.replace(info, changed))


async def test_only_certificates_of_the_settings_count(
    look: Look, container: dict[str, bytes], tmp_path: Path
) -> None:
    stranger = certificates.authority("Test authority")
    with pytest.raises(Malformed):
        await look(packed(container), stranger.pem)


@pytest.mark.parametrize(
    "unfit", [{"days": (-10, -1)}, {"days": (1, 10)}, {"signs": False}], ids=["old", "new", "usage"]
)
async def test_a_certificate_that_is_not_for_signing_now_counts_for_nothing(
    unfit: dict[str, object],
    look: Look,
    container: dict[str, bytes],
    authority: certificates.Seal,
) -> None:
    own = certificates.seal(authority, **unfit)  # type: ignore[arg-type]
    documents = documents_of(container)
    written = sign_plainly(Signer(own.key, (own.certificate,)), container, documents)
    with pytest.raises(Malformed):
        await look(packed({**container, SIGNATURES: written}))


def sign_plainly(signer: Signer, container: dict[str, bytes], names: list[str]) -> bytes:
    files = [
        Digested(name, "application/pdf", hashlib.sha256(container[name]).digest())
        for name in names
    ]
    return sign(files, signer, NOW)


async def test_an_authority_itself_signs_no_forms(
    look: Look, container: dict[str, bytes], authority: certificates.Seal
) -> None:
    documents = documents_of(container)
    own = Signer(authority.key, (authority.certificate,))
    written = sign_plainly(own, container, documents)
    with pytest.raises(Malformed):
        await look(packed({**container, SIGNATURES: written}))


async def test_each_of_two_signatures_covers_the_whole(
    look: Look, container: dict[str, bytes], signer: Signer
) -> None:
    documents = documents_of(container)
    second = {**container, "META-INF/signatures002.xml": sign_plainly(signer, container, documents)}
    assert (await look(packed(second))).signed_at == NOW
    half = sign_plainly(signer, container, documents[:1])
    with pytest.raises(Malformed):
        await look(packed({**container, "META-INF/signatures002.xml": half}))


@pytest.mark.parametrize(
    "change",
    [
        {"mimetype": b"application/zip"},
        {"META-INF/signature.p7s": b"x"},
        {"META-INF/ASiCManifest.xml": b"x"},
        {"Einwilligung März.pdf": None, "Anlage.txt": None},
    ],
)
async def test_what_is_no_such_container_is_refused(
    change: dict[str, bytes | None], look: Look, container: dict[str, bytes]
) -> None:
    changed = {name: content for name, content in (container | change).items() if content}
    with pytest.raises(Malformed):
        await look(packed(changed))


async def test_a_container_without_any_signature_is_unsigned_and_never_signed(
    look: Look, container: dict[str, bytes]
) -> None:
    del container[SIGNATURES]
    assert await look(packed(container)) == EvidenceFound(verdict=Verdict.UNSIGNED)


async def test_mimetype_must_come_first(look: Look, container: dict[str, bytes]) -> None:
    kind = container.pop("mimetype")
    with pytest.raises(Malformed):
        await look(packed({**container, "mimetype": kind}))


class TestZip:
    """Archives from outside (A51): refused while listing, or at the first byte too many."""

    @pytest.fixture
    def read(self, tmp_path: Path) -> Callable[[bytes], object]:
        def read(raw: bytes) -> object:
            (tmp_path / "archive").write_bytes(raw)
            return unpack(tmp_path / "archive")

        return read

    def test_a_plain_one_is_read(self, read: Callable[[bytes], object]) -> None:
        members = {"a": b"x" * 100, "b/c.txt": b"", "ä": b"y"}
        assert read(packed(members)) == members

    @pytest.mark.parametrize(
        "name",
        [
            *("../a", "/a", "a/../b", "a//b", "./a", "a\\b", "C:a", "a\x00b", "a\nb", "a/"),
            "a\u202eb",
        ],
    )
    def test_names_that_lead_elsewhere(self, name: str, read: Callable[[bytes], object]) -> None:
        raw = packed({"m": b"", "N" * len(name.encode()): b"x"})
        raw = raw.replace(b"N" * len(name.encode()), name.encode())
        with pytest.raises(Malformed):
            read(raw)

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_two_members_of_one_name(self, read: Callable[[bytes], object]) -> None:
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            archive.writestr("a", b"x")
            archive.writestr("A", b"y")
        with pytest.raises(Malformed):
            read(written.getvalue())

    def test_too_many_members(self, read: Callable[[bytes], object]) -> None:
        with pytest.raises(Malformed):
            read(packed({str(number): b"" for number in range(1001)}))
        assert read(packed({str(number): b"" for number in range(1000)}))

    def test_a_bomb(self, read: Callable[[bytes], object]) -> None:
        with pytest.raises(Malformed):
            read(packed({"m": b"", "bomb": bytes(1 << 20)}))

    def test_many_large_members(self, read: Callable[[bytes], object]) -> None:
        noise = bytes(range(256)) * 4096
        many = {str(number): noise for number in range(65)}
        with pytest.raises(Malformed):
            read(packed(many, zipfile.ZIP_STORED))

    @pytest.mark.parametrize("by", [-1, 1, 1 << 20])
    def test_sizes_that_lie(self, by: int, read: Callable[[bytes], object]) -> None:
        content = bytes(range(256)) * 100
        raw = packed({"m": b"", "a": content})
        raw = raw.replace(struct.pack("<L", len(content)), struct.pack("<L", len(content) + by))
        with pytest.raises(Malformed):
            read(raw)

    def test_a_wrong_checksum(self, read: Callable[[bytes], object]) -> None:
        raw = packed({"m": b"", "a": b"plain words"}, zipfile.ZIP_STORED)
        with pytest.raises(Malformed):
            read(raw.replace(b"plain words", b"other words"))

    @pytest.mark.parametrize("kind", [0o120777, 0o040755, 0o020666])
    def test_links_folders_and_devices(self, kind: int, read: Callable[[bytes], object]) -> None:
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            entry = zipfile.ZipInfo("a")
            entry.external_attr = kind << 16
            archive.writestr(entry, b"/etc/passwd")
        with pytest.raises(Malformed):
            read(written.getvalue())

    def test_encrypted_or_otherwise_packed_members(self, read: Callable[[bytes], object]) -> None:
        with pytest.raises(Malformed):
            read(packed({"m": b"", "a": b"x"}, zipfile.ZIP_LZMA))
        raw = bytearray(packed({"a": b"x"}))
        raw[6] |= 1
        raw[raw.index(b"PK\x01\x02") + 8] |= 1
        with pytest.raises(Malformed):
            read(bytes(raw))

    def test_zip64(self, read: Callable[[bytes], object]) -> None:
        written = io.BytesIO()
        with (
            zipfile.ZipFile(written, "w") as archive,
            archive.open("a", "w", force_zip64=True) as a,
        ):
            a.write(b"x")
        with pytest.raises(Malformed):
            read(written.getvalue())

    @pytest.mark.parametrize(
        "change",
        [
            lambda raw: raw + b"trailing",
            lambda raw: b"#!/bin/sh\n" + raw,
            lambda raw: raw[:-1],
            lambda raw: raw[: len(raw) // 2],
            lambda raw: b"",
            lambda raw: b"PK\x05\x06" + bytes(18),
            lambda raw: raw[:-2] + b"\x04\x00more",
            lambda raw: raw.replace(b"PK\x03\x04", b"PK\x03\x05", 1),
            lambda raw: raw.replace(b"first", b"other", 1),
            lambda raw: raw.replace(b"PK\x01\x02", b"PK\x01\x03", 1),
        ],
        ids=[
            *("behind", "before", "cut", "half", "nothing", "empty", "comment"),
            *("header", "header-name", "directory"),
        ],
    )
    def test_anything_before_behind_or_between(
        self, change: Callable[[bytes], bytes], read: Callable[[bytes], object]
    ) -> None:
        raw = packed({"first": b"x", "second": b"y" * 50})
        with pytest.raises(Malformed):
            read(change(raw))

    def test_overlapping_members(self, read: Callable[[bytes], object]) -> None:
        raw = bytearray(packed({"a": b"same", "b": b"same"}, zipfile.ZIP_STORED))
        second = raw.index(b"PK\x01\x02", raw.index(b"PK\x01\x02") + 4)
        raw[second + 42 : second + 46] = struct.pack("<L", 0)  # both begin at the first byte
        with pytest.raises(Malformed):
            read(bytes(raw))


async def test_a_container_larger_than_forms_are_is_not_opened(look: Look) -> None:
    with pytest.raises(Malformed):
        await look(bytes((32 << 20) + 1))


@pytest.mark.parametrize("table", [{}, {"trusted": ""}, {"trusted": "x"}, {"trusted": 1}])
def test_without_authorities_it_does_not_start(table: dict[str, str | int]) -> None:
    with pytest.raises(Misconfigured):
        register_evidence_verifiers(table)


def test_a_key_is_none_of_its_settings() -> None:
    with pytest.raises(Misconfigured):
        register_evidence_verifiers({"trusted": "x", "key": base64.b64encode(b"x").decode()})
