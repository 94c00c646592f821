"""Hands the mail that intake wrote to the agency's own mail server, in a stream."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import aiosmtplib

from exchange.errors import Malformed, Misconfigured, Unavailable, Undeliverable
from exchange.hookspecs import Connections, DeliveredFolder
from exchange_plugin_mailbox import letter
from exchange_plugin_mailbox.names import is_letter
from exchange_plugin_mailbox.server import MailServer

ADDRESS: Final = "mail"
"""Name of the mail server in `addresses`."""
_PERMANENT: Final = 500
"""First reply code that means "never" (RFC 5321, section 4.2.1)."""
_START, _DONE, _TOO_LARGE = 354, 250, 552
_LONGEST_LINE: Final = 1000
"""Bytes of a line, its end included (RFC 5321, section 4.5.3.1.6)."""
_PIECE: Final = 256 * 1024
_PATIENCE_S: Final = 0.01
"""Seconds between looks at whether the server has read on."""
_FAREWELL_S: Final = 2.0
"""Seconds to say goodbye in after the server has taken the mail."""


class MailDelivery:
    """Sends converted documents as mail. Source: RFC 5321 (SMTP), 3207, 4954, 1870 (SIZE).

    SMTP cannot promise exactly once: after a lost reply the mail goes again. Its Message-ID is
    made of the disclosure's id and so the same; mailboxes show one of the two.
    """

    def __init__(self, server: MailServer) -> None:
        self._server = server

    @property
    def key(self) -> str:
        """Name under which settings choose it."""
        return "mailbox"

    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> None:
        """Hand one mail to the server, for the one address of the settings.

        What the intake format `mailbox` wrote goes as it is; the files of any other are attached.

        Raises:
            Unavailable: no connection, no encryption, a foreign certificate, a refused login or
                sender, a temporary reply, or no progress in time. It may have been delivered.
            Undeliverable: the server will never take it, or a file is not what intake wrote.
        """
        try:
            size = sum(map(len, self._mail(delivered)))  # read once more: servers ask beforehand
        except Malformed:
            raise Undeliverable("a file is not what intake wrote") from None
        connection = await connections.connect(ADDRESS)
        try:
            if self._server.tls is None and not _is_this_machine(connection):
                raise Misconfigured("without encryption only a server on this machine is reached")
            async with self._session(connection) as client:
                await self._hand_over(client, self._mail(delivered), size)
        except (aiosmtplib.SMTPException, OSError, ValueError):
            raise Unavailable("the mail server did not take the document") from None
        finally:
            connection.close()

    @contextlib.asynccontextmanager
    async def _session(self, connection: socket.socket) -> AsyncIterator[aiosmtplib.SMTP]:
        """Yield a client that is encrypted and logged in; hang up in the end, at once."""
        connection.setblocking(False)
        server = self._server
        client = _Client(
            hostname=server.server,
            sock=connection,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=server.tls,
            local_hostname=server.envelope.domain,
            timeout=server.timeout_s,
        )
        try:
            await client.connect()
            if server.username:
                await client.login(server.username, server.password)
            yield client
        finally:
            client.close()
            await asyncio.sleep(0)  # the loop closes the socket in its next turn

    def _mail(self, delivered: DeliveredFolder) -> Iterator[bytes]:
        """Return the mail, dots not yet doubled, in pieces."""
        for file in delivered.files:
            if is_letter(file.name, delivered.disclosure_id):
                return _lines(file.path)
        return letter.of_delivered(delivered, self._server.envelope)

    async def _hand_over(self, client: aiosmtplib.SMTP, mail: Iterator[bytes], size: int) -> None:
        envelope = self._server.envelope
        try:
            options = [f"SIZE={size}"] if client.supports_extension("size") else []
            await client.mail(envelope.sender, options=options)
            await client.rcpt(envelope.recipient)
        except aiosmtplib.SMTPSenderRefused as refusal:
            if refusal.code == _TOO_LARGE:
                raise Undeliverable("the mail server takes no mail of this size") from None
            raise  # the sender stands in the settings: ours to mend
        except aiosmtplib.SMTPRecipientRefused as refusal:
            _refuse(refusal.code)
        reply = await client.execute_command(b"DATA")
        if reply.code != _START:
            _refuse(reply.code)
        await self._stream(client, mail)
        reply = await client.execute_command(b".")
        if reply.code != _DONE:
            _refuse(reply.code)
        # Taken: whatever happens to the goodbye, the mail must not be sent again.
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=_FAREWELL_S)

    async def _stream(self, client: aiosmtplib.SMTP, mail: Iterator[bytes]) -> None:
        """Send the mail itself, no faster than the server reads: memory stays small."""
        for piece in _stuffed(mail):
            transport = client.transport
            if not isinstance(transport, asyncio.WriteTransport):
                raise ConnectionResetError
            transport.write(piece)
            async with asyncio.timeout(self._server.timeout_s):
                # A transport tells how much it still holds, and nobody when that has shrunk.
                while transport.get_write_buffer_size() > _PIECE:
                    if transport.is_closing():
                        raise ConnectionResetError
                    await asyncio.sleep(_PATIENCE_S)


class _Client(aiosmtplib.SMTP):
    """A client that hangs up at once, even on a server that would never end the encryption.

    It closes by itself too, after a goodbye as after a lost connection: so here, nowhere else.
    """

    def close(self) -> None:
        """Cut the connection; the loop closes the socket in its next turn."""
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


def _is_this_machine(connection: socket.socket) -> bool:
    """Tell whether the other end is on this machine."""
    if connection.family == socket.AF_UNIX:
        return True
    return ipaddress.ip_address(connection.getpeername()[0]).is_loopback


def _refuse(code: int) -> None:
    if code >= _PERMANENT:
        raise Undeliverable("the mail server will not take this document")
    raise Unavailable("the mail server does not take the document now")


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a mail that intake wrote.

    Raises:
        Undeliverable: a line does not end as lines of mails do; it could end the mail early.
    """
    with path.open("rb") as mail:
        while line := mail.readline(_LONGEST_LINE):
            if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                raise Undeliverable("the mail has lines that mails do not have")
            yield line


def _stuffed(mail: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the mail with the dots doubled that begin a line (RFC 5321, section 4.5.2).

    Pieces end where lines end; larger ones are made of small ones.
    """
    gathered, size = list[bytes](), 0
    for piece in mail:
        dotted = piece.replace(b"\r\n.", b"\r\n..")
        gathered.append(b"." + dotted if piece.startswith(b".") else dotted)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)
