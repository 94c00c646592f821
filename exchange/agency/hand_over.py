"""Step 17 of receiving: from an opened document to files of the back office, in another process.

The adapter gets the document and what people read about it, never a key or another document.
Whatever goes wrong there sets this one document aside.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from exchange import canonical
from exchange.agency import container, declared, job_values, spool
from exchange.agency.examine import Examined
from exchange.agency.handed import Delivery
from exchange.agency.hired import hired
from exchange.agency.home import Home
from exchange.agency.intake import Intake, folder_name
from exchange.agency.job import Kind
from exchange.agency.packaged import packaged
from exchange.agency.parts import Gateway
from exchange.agency.separate import Separated
from exchange.agency.settings import ContainerSection, GatewaySettings
from exchange.agency.state import Received
from exchange.agency.xades import Signer
from exchange.consent import binding
from exchange.durable import sync_directory, write_bytes_durably
from exchange.envelope.contents import Contents, unsuitable
from exchange.errors import Misconfigured
from exchange.hookspecs import (
    EVERY_CHARACTER,
    Capabilities,
    Declaration,
    DeliveredFolder,
    DocumentPackage,
)
from exchange.wire import shapes

LARGEST_SEALED: Final = 1152 * 1024 * 1024
"""Bytes of a sealed document at most: 1 GiB of files, padding and age overhead."""
WATCHED: Final = "watch"
"""Key of the destination that is a folder, `[watch] into`."""
NO_PROFILE: Final = "profile"
"""Why a document is not taken whose profile no format here reads."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The intake format that reads one profile."""

    intake: Intake
    capabilities: Capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Where received documents are converted."""

    desks: Mapping[str, Desk]
    """By profile."""
    profile: str
    """What is read into documents whose senders state none."""
    missing: tuple[str, ...]
    """Walls this machine's kernel does not offer, such as `landlock`."""
    declared: Mapping[str, Declaration | None]
    """What each plugin of the settings says of itself, of whatever kind; None: nothing told."""
    signer: Signer | None = None
    """Who signs containers, where a format asks for one."""

    def desk_for(self, contents: Contents) -> Desk | None:
        """Return where a document is converted; None: nothing here reads its profile."""
        return self.desks.get(contents.profile or self.profile)


@dataclass(frozen=True, slots=True)
class Converted:
    """What intake has made of a document."""

    folder: str
    """The name its folder gets when the answer is signed."""
    package: DocumentPackage
    names: tuple[str, ...]
    """Of the files in it, in the order of import; first the notice, where there is one."""


@asynccontextmanager
async def open_reception(gateway: Gateway) -> AsyncIterator[Reception]:
    """Yield where documents are converted, the first workers started; end all workers afterwards.

    Raises:
        Misconfigured: an intake plugin of the settings cannot be loaded, does not read its
            profile, or asks for containers that nobody signs.
        Unavailable: the machine cannot start a process now.
    """
    settings = gateway.settings
    desks: dict[str, Desk] = {}
    missing: set[str] = set()
    said: dict[str, Declaration | None] = {}
    async with AsyncExitStack() as workers:
        for plugin, profiles in _readers(settings).items():
            adapter = hired(settings, gateway.home, plugin, Kind.INTAKE)
            intake = await workers.enter_async_context(Intake(adapter, gateway.home.workers))
            started = await intake.start()
            missing.update(started.missing)
            said[plugin] = started.declared
            for profile in profiles or started.formats:
                if profile not in started.formats:
                    raise Misconfigured(f"plugin {plugin}: no intake format reads {profile}")
                desks.setdefault(profile, Desk(intake, started.formats[profile]))
        if settings.intake.profile not in desks:
            raise Misconfigured(
                f"plugin {settings.intake.plugin}: no intake format reads {settings.intake.profile}"
            )
        yield Reception(
            desks=desks,
            profile=settings.intake.profile,
            missing=tuple(sorted(missing)),
            declared=await declared.ask_others(gateway.home, settings, said),
            signer=_signer(settings.container, gateway.home, desks.values()),
        )


def _readers(settings: GatewaySettings) -> Mapping[str, Sequence[str]]:
    """Return the profiles that settings name for each intake plugin, the default one last.

    That one reads whatever else it reads: none are named for it.
    """
    found: dict[str, list[str]] = {}
    for profile, plugin in settings.intake.profiles.items():
        if plugin != settings.intake.plugin:
            found.setdefault(plugin, []).append(profile)
    return {**found, settings.intake.plugin: []}


def _signer(section: ContainerSection, home: Home, desks: Iterable[Desk]) -> Signer | None:
    if not any(desk.capabilities.container for desk in desks):
        return None
    if section.key is None or section.certificate is None:
        raise Misconfigured(
            "the intake format asks for containers: name key and certificate in [container]"
        )
    return container.open_signer(home.root / section.key, home.root / section.certificate)


def published(reception: Reception) -> shapes.Capabilities:
    """Return what senders see in the directory of what this gateway's intake takes.

    Of several formats everything that any of them takes; each is asked again for its own.
    """
    formats = [desk.capabilities for desk in reception.desks.values()]
    alphabets = {taken.name_alphabet for taken in formats}
    largest = max(taken.max_size for taken in formats)
    return shapes.Capabilities(
        profiles=tuple(sorted(reception.desks)),
        max_size=min(largest + largest // 8, LARGEST_SEALED),
        media_types=tuple(sorted({kind for taken in formats for kind in taken.media_types})),
        name_alphabet=(
            None
            if EVERY_CHARACTER in alphabets
            else "".join(sorted({sign for alphabet in alphabets for sign in alphabet}))
        ),
    )


def refused_by(reception: Reception, contents: Contents) -> Sequence[str]:
    """Return why these files are not taken here: `profile`, or some of `unsuitable`."""
    desk = reception.desk_for(contents)
    if desk is None:
        return (NO_PROFILE,)
    alphabet = desk.capabilities.name_alphabet
    return unsuitable(
        contents,
        media_types=desk.capabilities.media_types,
        max_size=desk.capabilities.max_size,
        name_alphabet=None if alphabet == EVERY_CHARACTER else alphabet,
    )


async def convert(
    gateway: Gateway,
    reception: Reception,
    received: Received,
    examined: Examined,
    separated: Separated,
) -> Converted:
    """Convert an opened document into the empty folder that waits for it in the spool.

    Durable when it returns, under a name the back office does not look at. The notice on purpose
    and secrecy lies there too, whatever the adapter makes of it.

    Args:
        gateway: the parts.
        reception: takes its profile; see `refused_by`.
        received: with its signed manifest and the receipt of its sending.
        examined: what it was permitted under.
        separated: the files.

    Raises:
        Quarantined: the adapter could not, with the reason.
        Unavailable: no worker can be had now; nothing is decided.
    """
    contents = separated.documents.contents
    profile = contents.profile or reception.profile
    desk = reception.desks[profile]
    package = await packaged(
        gateway, received, examined, separated, profile=profile, proofs=desk.capabilities.proofs
    )
    target = spool.converted(gateway.home, package.disclosure_id)
    files = await desk.intake.convert(package, target)
    names = tuple(file.name for file in files)
    if desk.capabilities.container and reception.signer is not None:
        names = (await asyncio.to_thread(_pack, gateway, reception.signer, package, names),)
    if separated.notice is not None:
        await asyncio.to_thread(
            write_bytes_durably, target / binding.NAME, separated.notice, replace=True
        )
        names = (binding.NAME, *(name for name in names if name != binding.NAME))
    return Converted(folder_name(package), package, names)


def expected(gateway: Gateway, converted: Converted) -> tuple[Delivery, ...]:
    """Return to which systems of the agency a converted document is handed on, by the settings."""
    package = converted.package
    described = DeliveredFolder(
        disclosure_id=package.disclosure_id,
        folder=converted.folder,
        sender=package.sender,
        sender_name=package.sender_name,
        purpose=package.purpose,
        category=package.category,
        secrecy=package.secrecy,
        collected_at=package.collected_at,
        files=(),
    )
    return handed_on(gateway, described, converted.names)


def handed_on(
    gateway: Gateway, described: DeliveredFolder, names: Sequence[str]
) -> tuple[Delivery, ...]:
    """Return to which systems of the agency a folder of the spool is handed on, by the settings.

    Args:
        gateway: the parts.
        described: without its files.
        names: paths of the files in the folder, in the order of import.
    """
    # Sizes and digests are those of the moment of delivery.
    stated = {**job_values.delivered_json(described), "names": names}
    del stated["files"]
    now = gateway.clock()
    return tuple(
        Delivery(
            id=described.disclosure_id,
            destination=destination,
            stated=canonical.encode(stated),
            since=now,
            next_at=now,
        )
        for destination in destinations(gateway.settings)
    )


def destinations(settings: GatewaySettings) -> tuple[str, ...]:
    """Return the keys of the systems that settings name; see `deliver.Destination`."""
    watched = () if settings.watch.into is None else (WATCHED,)
    return (*watched, settings.delivery.plugin) if settings.delivery.plugin else watched


def _pack(gateway: Gateway, signer: Signer, package: DocumentPackage, names: Sequence[str]) -> str:
    """Put what the format has written into one signed container; return its name.

    A crash at any point leaves a folder nobody looks at: everything is converted again.
    """
    target = spool.converted(gateway.home, package.disclosure_id)
    name = f"{package.disclosure_id}{container.SUFFIX}"
    members = [container.member(target / written) for written in names]
    container.seal(members, target / name, signer, now=gateway.clock())
    for member in members:
        member.path.unlink()
    sync_directory(target)
    return name
