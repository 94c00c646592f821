"""Evidence of consents as ASiC-E containers: signed, unsigned and touched, and who is believed."""

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from exchange.agency.container import Member, seal
from exchange.agency.xades import Signer
from tests import certificates

FORM = b"%PDF-1.7 the signed form"
SIGNATURES = "META-INF/signatures001.xml"
VERIFIED = "evidence: it is broken or forged, or nobody you trust has signed it"
"""What whoever records a consent on forged evidence is told."""


def settings(authority: certificates.Seal) -> str:
    """Return the tables that let `asic` look at evidence, and trust one authority."""
    pem = authority.pem.decode()
    return f'\n[evidence]\nplugins = ["asic"]\n\n[plugins.asic]\ntrusted = """\n{pem}"""\n'


def signed(folder: Path, authority: certificates.Seal) -> bytes:
    """Return a form that somebody whom `authority` knows has signed."""
    own = certificates.seal(authority, content_commitment=True)
    form = folder / "form.pdf"
    form.write_bytes(FORM)
    target = folder / "container.asice"
    signer = Signer(own.key, (own.certificate, authority.certificate))
    seal([Member(name=form.name, path=form)], target, signer, now=datetime.now(UTC))
    found = target.read_bytes()
    form.unlink()
    target.unlink()
    return found


def unsigned(container: bytes) -> bytes:
    """Return a container without its signature."""
    return _packed({name: data for name, data in _members(container) if name != SIGNATURES})


def tampered(container: bytes) -> bytes:
    """Return a container whose document says something else than was signed."""
    return _packed(
        {name: data + b" and more" if data == FORM else data for name, data in _members(container)}
    )


def _members(container: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(container)) as packed:
        return [(name, packed.read(name)) for name in packed.namelist()]


def _packed(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return written.getvalue()
