"""The formats, deliveries and verifiers that ship, where they run: in workers, behind the walls.

Whatever a library needs at its first use (data files, certificates, time zones) it must find there.
"""

import asyncio
import ssl
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from exchange.agency.container import member, seal
from exchange.agency.deliver import Plugin
from exchange.agency.intake import Intake
from exchange.agency.job import Kind
from exchange.agency.leash import Adapter
from exchange.agency.lend import Address
from exchange.agency.outgoing import Readers
from exchange.agency.staff import Staff
from exchange.agency.xades import Signer
from exchange.errors import Malformed, Quarantined, Unavailable
from exchange.hookspecs import ExportedFile, Verdict
from exchange.testing import delivered_of, package_of
from tests import certificates

PDF = ("application/pdf", b"%PDF-1.7\n%%EOF\n")
MAIL = {"sender": "austausch@ngo.example", "recipient": "post@ngo.example"}
LATE = {"asyncio", "dataclasses", "datetime", "hashlib", "lxml", "pathlib", "shutil"}
LATE |= {"socket", "ssl", "urllib", "zipfile"}
"""What only documents need: a worker is ready without (docs/performance.md)."""
KEY = "whsec_S2VpbiBHZWhlaW1uaXMsIG51ciBlaW4gVGVzdCEh"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir(mode=0o700)
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("adapter", "written"),
    [
        (
            Adapter(plugin="mailbox", settings={**MAIL}),
            ["1772443800.6f6d4c363c1e4d0c9f0e1d6d4b1f2a10.exchange.eml"],
        ),
        (Adapter(plugin="bagit"), ["6f6d4c36-3c1e-4d0c-9f0e-1d6d4b1f2a10.zip"]),
        (Adapter(plugin="asic"), ["Bescheid März.pdf", "document.json"]),
    ],
    ids=["mailbox", "bagit", "asic"],
)
async def test_an_intake_format_converts_behind_the_walls(
    adapter: Adapter, written: list[str], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "target").mkdir()
    package = package_of(tmp_path / "source", {"Bescheid März.pdf": PDF})
    async with Intake(adapter, root) as intake:
        found = await intake.convert(package, tmp_path / "target")
        evil = package_of(tmp_path / "source", {"evil.pdf": ("application/pdf", b"MZ")})
        (tmp_path / "other").mkdir()
        with pytest.raises(Quarantined, match="malformed"):
            await intake.convert(evil, tmp_path / "other")
    assert [file.name for file in found] == written


@pytest.fixture
async def casetool() -> AsyncIterator[tuple[Address, trustme.CA, list[str], list[int]]]:
    """A case tool that notes what it is asked, and answers as planned or well."""
    authority, asked, answers = trustme.CA(), list[str](), list[int]()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        asked.append(f"{request.method} {request.path}")
        return web.Response(status=answers.pop(0) if answers else 204)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("tool.example").configure_cert(context)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield Address("127.0.0.1", runner.addresses[0][1]), authority, asked, answers
    await runner.cleanup()


async def test_a_delivery_speaks_tls_over_a_lent_connection_behind_the_walls(
    casetool: tuple[Address, trustme.CA, list[str], list[int]], root: Path, tmp_path: Path
) -> None:
    address, authority, asked, answers = casetool
    (tmp_path / "folder").mkdir()
    delivered = delivered_of(tmp_path / "folder", {"index.html": b"<p>", "leer.txt": b""})
    adapter = Adapter(
        plugin="casetool",
        kind=Kind.DELIVERY,
        settings={"server": "tool.example", "path": "/exchange"},
        addresses={"casetool": address},
        secrets={"key": KEY, "ca": authority.cert_pem.bytes().decode()},
    )
    async with Staff(adapter, root) as workers:
        plugin = Plugin("casetool", "casetool", workers)
        answers.append(503)
        with pytest.raises(Unavailable):
            await plugin.hand(delivered)
        await plugin.hand(delivered)
    one = f"PUT /exchange/{delivered.disclosure_id}/1"
    assert asked == [one, one, f"{one[:-1]}2", "POST /exchange"]


class Mails:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.arrived: list[bytes] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.arrived.append(envelope.content)
        return "250 OK"


class Answering(SMTP):
    """Tells when its client is gone."""

    def __init__(self, gone: asyncio.Event, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._gone = gone

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop."""
        super().connection_lost(error)
        self._gone.set()


async def test_a_mail_is_handed_over_behind_the_walls(root: Path, tmp_path: Path) -> None:
    authority, mails = trustme.CA(), Mails()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("mail.example").configure_cert(context)
    gone = asyncio.Event()

    def session() -> SMTP:
        return Answering(
            gone,
            mails,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=lambda *_: AuthResult(success=True),
            hostname="mail",
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
    (tmp_path / "folder").mkdir()
    delivered = delivered_of(tmp_path / "folder", {"letter.pdf": PDF[1]})
    adapter = Adapter(
        plugin="mailbox",
        kind=Kind.DELIVERY,
        settings={**MAIL, "server": "mail.example", "username": "gateway"},
        addresses={"mail": address},
        secrets={"password": "word", "ca": authority.cert_pem.bytes().decode()},
    )
    async with Staff(adapter, root) as workers:
        await Plugin("mailbox", "mailbox", workers).hand(delivered)
    server.close()
    async with asyncio.timeout(60):
        await gone.wait()
    (mail,) = mails.arrived
    assert f"<{delivered.disclosure_id}@ngo.example>".encode() in mail


async def test_evidence_is_looked_at_behind_the_walls(root: Path, tmp_path: Path) -> None:
    authority = certificates.authority()
    own = certificates.seal(authority)
    (tmp_path / "form.pdf").write_bytes(PDF[1])
    good = tmp_path / "form.asice"
    signer = Signer(own.key, (own.certificate,))
    seal([member(tmp_path / "form.pdf")], good, signer, now=datetime.now(UTC))
    forged = tmp_path / "forged.asice"
    forged.write_bytes(good.read_bytes().replace(b"%%EOF", b"%%EOT"))
    adapter = Adapter(
        plugin="asic", kind=Kind.EVIDENCE, settings={"trusted": authority.pem.decode()}
    )
    async with Staff(adapter, root) as workers:
        readers = Readers(root, outgoing={}, evidence={"asic": workers})
        found = await readers.verify(_evidence(good))
        assert found is not None
        assert found.verdict is Verdict.SIGNED
        with pytest.raises(Malformed):
            await readers.verify(_evidence(forged))


def _evidence(path: Path) -> ExportedFile:
    assert zipfile.is_zipfile(path)
    return ExportedFile(
        name=path.name,
        media_type="application/vnd.etsi.asic-e+zip",
        size=path.stat().st_size,
        path=path,
    )


@pytest.mark.parametrize(
    ("plugin", "kind", "settings"),
    [
        ("asic", Kind.INTAKE, {}),
        ("bagit", Kind.INTAKE, {}),
        (
            "casetool",
            Kind.DELIVERY,
            {"server": "tool.ngo.example", "path": "/exchange", "security": "none"},
        ),
        ("folder", Kind.INTAKE, {}),
        ("mailbox", Kind.INTAKE, MAIL),
        ("xdomea", Kind.OUTGOING, {}),
    ],
)
def test_a_worker_is_ready_before_it_loads_what_only_documents_need(
    plugin: str, kind: Kind, settings: dict[str, str]
) -> None:
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; import exchange.agency.worker; "
        "from exchange import registry; from exchange.agency.tasks import TASKS; "
        f"named = registry.Named(name={plugin!r}, settings={settings!r}); "
        "loaded = registry.load('exchange.agency', [named]); "
        f"assert TASKS[{kind.value!r}].adapters(loaded, {{'key': {KEY!r}}}); print(*sys.modules)"
    )
    ready = subprocess.run(
        [sys.executable, "-S", "-c", program], check=True, capture_output=True, text=True
    )
    assert not LATE & set(ready.stdout.split())
