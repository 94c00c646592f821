"""Contract tests for authors of plugins: subclass one, name your plugin, run pytest.

Each contract loads the plugin as the exchange does, by distribution and entry point, and checks
what the exchange will rely on. Registered as a pytest plugin, so that a failing contract shows
the values that differ. The product never imports it.
"""

import asyncio
import hashlib
import os
import sys
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from exchange import registry
from exchange.canonical import Json
from exchange.errors import Malformed, Unavailable, Undeliverable
from exchange.hookspecs import (
    AGENCY_GROUP,
    EVERY_CHARACTER,
    FILES,
    HUB_GROUP,
    Channel,
    DocumentFile,
    DocumentPackage,
    IntakeFile,
    IntakeFormat,
    Label,
    Notice,
    NoticeKind,
)

WITHIN_S = 30.0
"""Seconds an adapter has here; the exchange gives a conversion 120 and a notice less."""
GROWTH, ALLOWANCE = 4, 64 << 20
"""Bytes an intake format may write: so many times its input, plus so many."""

T = TypeVar("T")

_OUTWARD = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo")
_STARTING = ("subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system")
_CHANGING = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def package_of(
    folder: Path, files: Mapping[str, tuple[str, bytes]], *, profile: str = FILES
) -> DocumentPackage:
    """Write `files` into `folder` and return the package a gateway would make of them.

    Args:
        folder: existing folder.
        files: media type and content by name.
        profile: what the package promises.
    """
    written = []
    for name, (media_type, content) in files.items():
        (folder / name).write_bytes(content)
        written.append(
            DocumentFile(
                name=name,
                media_type=media_type,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                path=folder / name,
            )
        )
    moment = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    return DocumentPackage(
        disclosure_id="6f6d4c36-3c1e-4d0c-9f0e-1d6d4b1f2a10",
        profile=profile,
        sender="jobcentre",
        sender_name="Jobcenter",
        purpose=Label("housing", "Wohnungssicherung", "Keeping a home"),
        category=Label("rent-arrears", "Mietrückstand", "Rent arrears"),
        secrecy=Label("social", "Sozialgeheimnis", "social secrecy"),
        sent_at=moment,
        collected_at=moment,
        files=tuple(written),
    )


@contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """Yield a list that fills with what code did outside `folder`: writes, network, processes.

    It hears Python's audit events, so it finds accidents, not attacks; the exchange has walls
    for those. An audit hook cannot be removed: afterwards it stays, deaf.
    """
    breaches: list[str] = []
    listening = True

    def hear(event: str, args: tuple[Any, ...]) -> None:
        if listening and _is_breach(event, args, folder):
            breaches.append(event)

    sys.addaudithook(hear)
    try:
        yield breaches
    finally:
        listening = False


def _is_breach(event: str, args: tuple[Any, ...], folder: Path) -> bool:
    if event in _OUTWARD or event in _STARTING:
        return True
    if event == "open":
        path, _mode, flags = args
        return bool(flags & _WRITING) and _is_outside(path, folder)
    return event in _CHANGING and _is_outside(args[0], folder)


def _is_outside(path: object, folder: Path) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return False  # an open descriptor: its opening was heard
    place = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - must not follow links
    if place == Path(os.devnull) or "__pycache__" in place.parts:
        return False
    return not place.is_relative_to(folder)


def _await(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, WITHIN_S))


class IntakeFormatContract:
    """What every intake format keeps. A subclass names the plugin and one good file."""

    plugin: ClassVar[str]
    """Name of the entry point."""
    distribution: ClassVar[str] = ""
    """Empty means `exchange-plugin-<plugin>`."""
    profile: ClassVar[str] = FILES
    media_type: ClassVar[str]
    file_name: ClassVar[str] = "document"
    """Name of the good file."""
    content: ClassVar[bytes]
    """Content of the good file."""
    foreign: ClassVar[bytes] = b"\x00\xffforeign bytes\x00"
    """Content that the profile does not promise."""
    settings: ClassVar[Mapping[str, Json]] = {}

    @pytest.fixture
    def adapter(self) -> IntakeFormat:
        plugin = registry.Named(
            name=self.plugin, distribution=self.distribution, settings=self.settings
        )
        formats = registry.intake_formats(registry.load(AGENCY_GROUP, [plugin]))
        assert self.profile in formats, "no format of the plugin reads the profile"
        return formats[self.profile]

    @pytest.fixture
    def good(self, tmp_path: Path) -> DocumentPackage:
        return self._package(tmp_path / "good", self.content)

    def _package(self, folder: Path, content: bytes) -> DocumentPackage:
        folder.mkdir()
        files = {self.file_name: (self.media_type, content)}
        return package_of(folder, files, profile=self.profile)

    def _convert(
        self, adapter: IntakeFormat, package: DocumentPackage, target: Path
    ) -> Sequence[IntakeFile]:
        target.mkdir()
        return _await(_converted(adapter, package, target))

    def test_files_written_are_the_files_named(
        self, adapter: IntakeFormat, good: DocumentPackage, tmp_path: Path
    ) -> None:
        named = self._convert(adapter, good, tmp_path / "target")
        names = [file.name for file in named]
        assert names, "at least one file is written"
        assert sorted(names) == sorted(path.name for path in (tmp_path / "target").iterdir())
        assert all((tmp_path / "target" / name).is_file() for name in names)

    def test_the_declared_media_type_is_the_one_it_reads(self, adapter: IntakeFormat) -> None:
        assert self.media_type in adapter.capabilities.media_types
        assert len(self.content) <= adapter.capabilities.max_size

    def test_names_and_sizes_are_as_declared(
        self, adapter: IntakeFormat, good: DocumentPackage, tmp_path: Path
    ) -> None:
        alphabet = adapter.capabilities.name_alphabet
        named = self._convert(adapter, good, tmp_path / "target")
        for file in named:
            assert alphabet == EVERY_CHARACTER or set(file.name) <= set(alphabet)
        size = sum((tmp_path / "target" / file.name).stat().st_size for file in named)
        assert size <= GROWTH * len(self.content) + ALLOWANCE

    def test_foreign_bytes_are_malformed(self, adapter: IntakeFormat, tmp_path: Path) -> None:
        package = self._package(tmp_path / "foreign", self.foreign)
        with pytest.raises(Malformed):
            self._convert(adapter, package, tmp_path / "target")

    def test_the_same_package_gives_the_same_files(
        self, adapter: IntakeFormat, good: DocumentPackage, tmp_path: Path
    ) -> None:
        written = []
        for target in (tmp_path / "first", tmp_path / "second"):
            named = self._convert(adapter, good, target)
            written.append([(file.name, (target / file.name).read_bytes()) for file in named])
        assert written[0] == written[1]

    def test_nothing_is_done_outside_the_target(
        self, adapter: IntakeFormat, good: DocumentPackage, tmp_path: Path
    ) -> None:
        (tmp_path / "target").mkdir()

        async def convert() -> list[str]:
            with watched(tmp_path / "target") as breaches:
                await adapter.convert(good, tmp_path / "target")
            return breaches

        assert _await(convert()) == []
        assert (tmp_path / "good" / self.file_name).read_bytes() == self.content


async def _converted(
    adapter: IntakeFormat, package: DocumentPackage, target: Path
) -> Sequence[IntakeFile]:
    return await adapter.convert(package, target)


class ChannelContract:
    """What every channel keeps. A subclass names the plugin and brings three fixtures.

    `settings`: the plugin's table, for a receiver that runs. `unreachable`: the same for one
    that does not. `received`: a function that returns the words of each notice that arrived,
    without what the transport adds.
    """

    plugin: ClassVar[str]
    """Name of the entry point."""
    distribution: ClassVar[str] = ""
    """Empty means `exchange-plugin-<plugin>`."""
    key: ClassVar[str]
    """Key of the channel."""
    address: ClassVar[str]
    """An address the receiver takes notices for."""
    no_address: ClassVar[str] = "no address\r\nX-Injected: yes"
    """What is not an address of this channel."""
    languages: ClassVar[tuple[str, ...]] = ("de", "en", "de-simple")
    """Of which words arrive; one of them for a channel that a machine reads, without words."""

    def _channel(self, settings: Mapping[str, Json]) -> Channel:
        plugin = registry.Named(name=self.plugin, distribution=self.distribution, settings=settings)
        return registry.channels(registry.load(HUB_GROUP, [plugin]))[self.key]

    def _notice(
        self, kind: NoticeKind = NoticeKind.WAITING, language: str = "de", address: str = ""
    ) -> Notice:
        return Notice(
            id=str(uuid.uuid4()),
            kind=kind,
            language=language,
            address=address or self.address,
            subject=f"Prüfung: {kind}",
            text=f"Nothing but <words> & signs, in {language}.\n",
        )

    def test_every_kind_arrives_in_every_language(
        self, settings: Mapping[str, Json], received: Callable[[], Sequence[str]]
    ) -> None:
        channel = self._channel(settings)
        for language in self.languages:
            for kind in NoticeKind:
                _await(channel.send(self._notice(kind, language)))
        words = received()
        assert len(words) == len(self.languages) * len(NoticeKind)
        assert len(set(words)) == len(words)

    def test_the_words_depend_on_kind_and_language_only(
        self, settings: Mapping[str, Json], received: Callable[[], Sequence[str]]
    ) -> None:
        channel = self._channel(settings)
        notices = [self._notice(), self._notice()]
        for notice in notices:
            _await(channel.send(notice))
        first, second = received()
        assert first == second
        assert not any(notice.id in first for notice in notices)

    def test_what_is_no_address_is_undeliverable(self, settings: Mapping[str, Json]) -> None:
        with pytest.raises(Undeliverable):
            _await(self._channel(settings).send(self._notice(address=self.no_address)))

    def test_nobody_listening_is_temporary(self, unreachable: Mapping[str, Json]) -> None:
        with pytest.raises(Unavailable):
            _await(self._channel(unreachable).send(self._notice()))
