"""A real SMTP server for the demo, as a process of its own: STARTTLS and login, mails to files.

Run as `python -m exchange.cli.demo_mail FOLDER`: makes its certificate, prints the port it
listens on, and writes each mail it accepts into the folder. aiosmtpd comes with the lock file,
not with the product: a hub needs no mail server.
"""

import asyncio
import ipaddress
import secrets
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from exchange.cli.demo_scene import MAIL_CERTIFICATE, MAIL_HOST, MAIL_LOGIN, MAIL_USER

_KEY = "key.pem"


def main() -> None:
    """Serve until the process is ended."""
    folder = Path(sys.argv[1])
    password = secrets.token_urlsafe(18)
    (folder / MAIL_LOGIN).touch(mode=0o600)
    (folder / MAIL_LOGIN).write_text(password, encoding="utf-8")
    make_certificate(folder)
    asyncio.run(serve(folder, LoginPassword(MAIL_USER.encode(), password.encode())))


async def serve(folder: Path, login: LoginPassword) -> None:
    """Accept mails into `folder` from whoever logs in with `login` over TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / MAIL_CERTIFICATE, folder / _KEY)

    mailbox = Mailbox(folder)

    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
    ) -> AuthResult:
        return AuthResult(success=given == login)

    def connect() -> SMTP:
        return SMTP(
            mailbox,
            hostname="localhost",
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
        )

    server = await asyncio.get_running_loop().create_server(connect, MAIL_HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Mailbox:
    """Writes each mail into a folder, in the order of arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    async def handle_DATA(  # noqa: N802 -- the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep one mail; the answer to the client is the return value."""
        self._count += 1
        content = envelope.content
        whole = content if isinstance(content, bytes) else str(content or "").encode("utf-8")
        unfinished = self._folder / f"{self._count:04d}.part"
        unfinished.write_bytes(whole)
        unfinished.rename(unfinished.with_suffix(".eml"))
        return "250 OK"


def make_certificate(folder: Path) -> None:
    """Write a key and a certificate for this machine, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "demo mail server")])
    now = datetime.now(UTC)  # noqa: TID251 -- this process is its own composition root
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(MAIL_HOST))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / _KEY).touch(mode=0o600)
    (folder / _KEY).write_bytes(pem)
    (folder / MAIL_CERTIFICATE).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


if __name__ == "__main__":
    main()
