"""Converts a document package into one mail, and registers both ways of this plugin."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from exchange.errors import Malformed
from exchange.hookspecs import (
    ASCII_NAMES,
    CONTRACT,
    FILES,
    Capabilities,
    Declaration,
    Delivery,
    DocumentPackage,
    IntakeFile,
    IntakeFormat,
    Secrets,
    Settings,
    hookimpl,
)
from exchange_plugin_mailbox import configure, kinds
from exchange_plugin_mailbox.configure import Envelope

if TYPE_CHECKING:
    from pathlib import Path  # a worker is ready before it has one

_MOST_FILES: Final = 1000
"""Files of a document (docs/formats.md, limits), and so parts of a mail."""


class Letter:
    """Reads ``files/1``. Source: RFC 5322 (messages), RFC 2045-2049 (MIME), RFC 2231 (names)."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope

    @property
    def capabilities(self) -> Capabilities:
        """Every file a person can open; as much as the mailbox takes."""
        return Capabilities(
            profiles=frozenset({FILES}),
            media_types=frozenset(kinds.KINDS),
            max_size=self._envelope.max_size,
            name_alphabet=ASCII_NAMES,
        )

    async def convert(self, package: DocumentPackage, target: "Path") -> Sequence[IntakeFile]:
        """Write one message, named as mailboxes name theirs and by nothing a stranger wrote."""
        if len(package.files) > _MOST_FILES:
            raise Malformed("more files than a document may have")
        for file in package.files:
            kinds.check(file)
        # Imported here: a worker is ready before it needs to know how mails are written.
        from exchange_plugin_mailbox import letter, names  # noqa: PLC0415 - said above

        name = names.letter_name(package.disclosure_id, package.collected_at)
        with (target / name).open("xb") as mail:
            mail.writelines(letter.of_package(package, self._envelope))
        return [IntakeFile(name)]


@hookimpl
def declare_plugin() -> Declaration:
    """Declare that mails reach the agency's own mail server, and nobody else."""
    return Declaration(
        contract=CONTRACT,
        licence="EUPL-1.2",
        sees_plaintext=True,
        endpoints=("mail server of the agency",),
    )


@hookimpl
def register_intake_formats(settings: Settings) -> Sequence[IntakeFormat]:
    """Register the one format of this plugin.

    Raises:
        Misconfigured: a setting is missing, unknown or unfit.
    """
    return [Letter(configure.read_envelope(settings))]


@hookimpl
def register_deliveries(settings: Settings, secrets: Secrets) -> Sequence[Delivery]:
    """Register the one delivery of this plugin.

    Raises:
        Misconfigured: a setting or a secret is missing, unknown or unfit.
    """
    # Imported here: intake workers speak with no mail server.
    from exchange_plugin_mailbox.deliver import MailDelivery  # noqa: PLC0415 - said above
    from exchange_plugin_mailbox.server import read_server  # noqa: PLC0415 - said above

    return [MailDelivery(read_server(settings, secrets))]
