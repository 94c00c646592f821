"""Step 17 of receiving: from an opened document to files of the back office, in another process.

The adapter gets the document and what people read about it, never a key, a statement or another
document. Whatever goes wrong there sets this one document aside.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from exchange.agency import spool
from exchange.agency.examine import Examined
from exchange.agency.intake import Intake, folder_name
from exchange.agency.leash import Adapter, Started
from exchange.agency.parts import Gateway
from exchange.agency.records import KnownAgreement
from exchange.agency.separate import Separated
from exchange.agency.settings import GatewaySettings
from exchange.consent import binding
from exchange.durable import write_bytes_durably
from exchange.hookspecs import (
    EVERY_CHARACTER,
    Capabilities,
    DocumentFile,
    DocumentPackage,
    Label,
    Settings,
)
from exchange.registry import named
from exchange.vocabulary import Secrecy
from exchange.wire import shapes

LARGEST_SEALED: Final = 1152 * 1024 * 1024
"""Bytes of a sealed document at most: 1 GiB of files, padding and age overhead."""

_SECRECY: Final[Mapping[Secrecy, tuple[str, str]]] = {
    Secrecy.PERSONAL: ("Personenbezogene Daten", "Personal data"),
    Secrecy.SOCIAL: ("Sozialgeheimnis (§ 35 SGB I)", "Social secrecy (§ 35 SGB I)"),
    Secrecy.PROFESSIONAL: ("Berufsgeheimnis (§ 203 StGB)", "Professional secrecy (§ 203 StGB)"),
    Secrecy.ENTRUSTED: ("Anvertraut (§ 65 SGB VIII)", "Entrusted (§ 65 SGB VIII)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Where received documents are converted."""

    intake: Intake
    started: Started
    profile: str

    @property
    def capabilities(self) -> Capabilities:
        """What the adapter takes."""
        return self.started.capabilities


@asynccontextmanager
async def open_reception(gateway: Gateway) -> AsyncIterator[Reception]:
    """Yield where documents are converted, its first worker started; end all workers afterwards.

    Raises:
        Misconfigured: the intake plugin of the settings cannot be loaded.
    """
    adapter = adapter_of(gateway.settings)
    async with Intake(adapter, gateway.home.workers) as running:
        yield Reception(intake=running, started=await running.start(), profile=adapter.profile)


def adapter_of(settings: GatewaySettings) -> Adapter:
    """Return which plugin converts, with its own table and nothing else of the settings."""
    table = cast("Settings", settings.plugins.get(settings.intake.plugin, {}))
    plugin = named(settings.intake.plugin, table)
    return Adapter(
        plugin=plugin.name,
        distribution=plugin.distribution,
        profile=settings.intake.profile,
        settings=plugin.settings,
    )


def published(capabilities: Capabilities) -> shapes.Capabilities:
    """Return what senders see in the directory of what this gateway's intake takes."""
    alphabet = capabilities.name_alphabet
    return shapes.Capabilities(
        profiles=tuple(sorted(capabilities.profiles)),
        max_size=min(capabilities.max_size + capabilities.max_size // 8, LARGEST_SEALED),
        media_types=tuple(sorted(capabilities.media_types)),
        name_alphabet=None if alphabet == EVERY_CHARACTER else alphabet,
    )


async def convert(
    gateway: Gateway,
    reception: Reception,
    examined: Examined,
    separated: Separated,
    collected_at: datetime,
) -> str:
    """Convert an opened document into the empty folder that waits for it in the spool.

    Durable when it returns, under a name the back office does not look at. The notice on purpose
    and secrecy lies there too, whatever the adapter makes of it. Returns the name that the folder
    gets when the answer is signed.

    Raises:
        Quarantined: the adapter could not, with the reason.
        Unavailable: no worker can be had now; nothing is decided.
    """
    package = await _package(gateway, reception, examined, separated, collected_at)
    target = spool.converted(gateway.home, package.disclosure_id)
    await reception.intake.convert(package, target)
    if separated.notice is not None:
        await asyncio.to_thread(
            write_bytes_durably, target / binding.NAME, separated.notice, replace=True
        )
    return folder_name(package)


async def _package(
    gateway: Gateway,
    reception: Reception,
    examined: Examined,
    separated: Separated,
    collected_at: datetime,
) -> DocumentPackage:
    context = examined.manifest.context
    record = examined.consent.record
    agreement = await gateway.records.agreement(record.agreement, now=gateway.clock())
    return DocumentPackage(
        disclosure_id=context.id,
        profile=reception.profile,
        sender=context.sender,
        sender_name=_office(agreement, context.sender),
        purpose=_purpose(agreement, context.purpose),
        category=_category(agreement, context.category),
        secrecy=Label(context.secrecy.code, *_SECRECY[context.secrecy]),
        sent_at=datetime.fromtimestamp(context.iat, UTC),
        collected_at=collected_at,
        files=tuple(
            DocumentFile(
                name=file.name,
                media_type=file.media_type,
                size=file.size,
                sha256=file.sha256,
                path=file.path,
                third_party=file.third_party,
            )
            for file in separated.documents.files
        ),
        remark=separated.documents.contents.remark or "",
        reference=separated.documents.contents.reference or "",
        notice=(separated.notice or b"").decode("utf-8"),
    )


def _office(agreement: KnownAgreement | None, agency: str) -> str:
    if agreement is None or agency not in agreement.agreement.agencies:
        return agency
    return agreement.agreement.party(agency).name


def _purpose(agreement: KnownAgreement | None, code: str) -> Label:
    known = agreement.scope.vocabulary.purposes if agreement else {}
    return _label(code, known[code].labels if code in known else {})


def _category(agreement: KnownAgreement | None, code: str) -> Label:
    known = agreement.scope.vocabulary.categories if agreement else {}
    return _label(code, known[code].labels if code in known else {})


def _label(code: str, labels: Mapping[str, str]) -> Label:
    return Label(code, labels.get("de", code), labels.get("en", code))
