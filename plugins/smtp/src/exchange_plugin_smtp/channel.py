"""Delivers notices by e-mail: encrypted, logged in, one address each, in the hub's words."""

import asyncio
import contextlib
import email.utils
import uuid
from collections.abc import AsyncIterator, Sequence
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

import aiosmtplib

from exchange.errors import Unavailable, Undeliverable
from exchange.hookspecs import Channel, Declaration, Notice, Settings, hookimpl
from exchange_plugin_smtp import configure
from exchange_plugin_smtp.configure import MailServer

_PERMANENT = 500
"""First reply code that means "never" (RFC 5321, section 4.2.1)."""
_FAREWELL_S = 2.0
"""Seconds to say goodbye in after the server has taken the mail."""


class MailChannel:
    """Sends a notice to one mailbox. Source: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 4954."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    @property
    def key(self) -> str:
        """Name under which agencies choose this channel."""
        return "smtp"

    async def send(self, notice: Notice) -> None:
        """Deliver `notice` to the mailbox `notice.address`.

        Repeated with the same id it has the same Message-ID, so that a mailbox shows one mail.

        Raises:
            Unavailable: no connection, no encryption, a foreign certificate, a refused login or
                sender, a temporary reply, or no answer in time. It may have been delivered.
            Undeliverable: the address is none, or the server will never take mail for it.
        """
        mail = compose(notice, self._server)
        client = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            use_tls=self._server.security == "tls",
            start_tls=self._server.security == "starttls",
            tls_context=self._server.tls,
            local_hostname=self._server.domain,
            timeout=self._server.timeout_s,
        )
        try:
            async with asyncio.timeout(self._server.timeout_s):
                await client.connect()
                async with _hanging_up(client):
                    await self._hand_over(client, mail, notice.address)
        except (aiosmtplib.SMTPException, OSError, ValueError):  # a refused login is ours to mend
            raise Unavailable("the mail server did not take the notice") from None

    async def _hand_over(self, client: aiosmtplib.SMTP, mail: EmailMessage, recipient: str) -> None:
        await client.login(self._server.username, self._server.password)
        try:
            await client.send_message(mail, sender=self._server.sender, recipients=[recipient])
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPDataError) as refusal:
            if _code(refusal) >= _PERMANENT:
                raise Undeliverable("the mail server will not take notices for this") from None
            raise
        # Taken: whatever happens to the goodbye, the notice must not be sent again.
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=_FAREWELL_S)


@contextlib.asynccontextmanager
async def _hanging_up(client: aiosmtplib.SMTP) -> AsyncIterator[None]:
    """Close the connection in the end, at once: no waiting for a server that may never answer."""
    transport = client.transport
    try:
        yield
    finally:
        client.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket in its next turn


def compose(notice: Notice, server: MailServer) -> EmailMessage:
    """Return the mail for `notice`: no header beyond those every mail has.

    Raises:
        Undeliverable: the address is not one plain address, or the id is not a random one.
    """
    if configure.address(notice.address) is None:
        raise Undeliverable("the notice has no plain mail address")
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = server.sender
    mail["To"] = notice.address
    mail["Subject"] = notice.subject
    mail["Date"] = email.utils.formatdate(usegmt=True)
    mail["Message-ID"] = f"<{_random_part(notice)}@{server.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer by a machine
    mail.set_content(notice.text, charset="utf-8", cte="quoted-printable")
    return mail


def _random_part(notice: Notice) -> str:
    """Return the notice's random id, after checking that it is no more than that."""
    try:
        return str(uuid.UUID(notice.id))
    except ValueError:
        raise Undeliverable("the notice has no random id") from None


def _code(refusal: aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPDataError) -> int:
    if isinstance(refusal, aiosmtplib.SMTPDataError):
        return refusal.code
    return max(recipient.code for recipient in refusal.recipients)


@hookimpl
def declare_plugin() -> Declaration:
    """Say what this plugin is: it sends constant words to addresses, and keeps nothing."""
    return Declaration(
        contract=1, licence="EUPL-1.2", sees_plaintext=False, endpoints=("mail server of the hub",)
    )


@hookimpl
def register_channels(settings: Settings) -> Sequence[Channel]:
    """Register the one channel of this plugin.

    Raises:
        Misconfigured: a setting is missing or unsafe.
    """
    return [MailChannel(configure.read(settings))]
