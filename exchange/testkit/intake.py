"""Contract tests for intake formats."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from exchange import registry
from exchange.envelope.names import fold, is_admitted
from exchange.errors import Malformed
from exchange.hookspecs import EVERY_CHARACTER, FILES, DocumentPackage, IntakeFile, IntakeFormat
from exchange.testkit.plugin import AgencyContract, wait
from exchange.testkit.samples import package_of
from exchange.testkit.watch import watched

GROWTH, ALLOWANCE = 4, 64 << 20
"""Bytes an intake format may write: so many times its input, plus so many."""


class IntakeFormatContract(AgencyContract):
    """What every intake format keeps. A subclass names the plugin and one good file."""

    profile: ClassVar[str] = FILES
    media_type: ClassVar[str]
    file_name: ClassVar[str] = "document"
    """Name of the good file."""
    content: ClassVar[bytes]
    """Content of the good file."""
    foreign: ClassVar[bytes] = b"\x00\xffforeign bytes\x00"
    """Content that the profile does not promise."""
    takes_anything: ClassVar[bool] = False
    """Whether the format hands on any content as it is, and so takes the foreign one too."""

    @pytest.fixture
    def adapter(self, loaded: registry.Loaded) -> IntakeFormat:
        """Return the format that reads the profile."""
        formats = registry.intake_formats(loaded)
        assert self.profile in formats, "no format of the plugin reads the profile"
        return formats[self.profile]

    @pytest.fixture
    def files(self) -> Mapping[str, tuple[str, bytes]]:
        """Return media type and content by name; override it where one file is no document."""
        return {self.file_name: (self.media_type, self.content)}

    @pytest.fixture
    def good(
        self, adapter: IntakeFormat, files: Mapping[str, tuple[str, bytes]], tmp_path: Path
    ) -> DocumentPackage:
        """Return a package as a gateway would hand it over."""
        return self._package(adapter, files, tmp_path / "good")

    def _package(
        self, adapter: IntakeFormat, files: Mapping[str, tuple[str, bytes]], folder: Path
    ) -> DocumentPackage:
        folder.mkdir()
        proofs = adapter.capabilities.proofs
        return package_of(folder, files, profile=self.profile, proofs=proofs)

    def _convert(
        self, adapter: IntakeFormat, package: DocumentPackage, target: Path
    ) -> Sequence[IntakeFile]:
        target.mkdir()
        return wait(adapter.convert(package, target))

    def test_files_written_are_the_files_named(
        self, adapter: IntakeFormat, good: DocumentPackage, tmp_path: Path
    ) -> None:
        named = self._convert(adapter, good, tmp_path / "target")
        names = [file.name for file in named]
        assert names, "at least one file is written"
        assert sorted(names) == sorted(path.name for path in (tmp_path / "target").iterdir())
        assert all((tmp_path / "target" / name).is_file() for name in names)

    def test_the_declared_media_types_are_those_it_reads(
        self, adapter: IntakeFormat, good: DocumentPackage
    ) -> None:
        assert {file.media_type for file in good.files} <= adapter.capabilities.media_types
        assert sum(file.size for file in good.files) <= adapter.capabilities.max_size
        assert adapter.capabilities == adapter.capabilities, "capabilities are constant"

    def test_names_and_sizes_are_as_declared(
        self, adapter: IntakeFormat, good: DocumentPackage, tmp_path: Path
    ) -> None:
        alphabet = adapter.capabilities.name_alphabet
        named = self._convert(adapter, good, tmp_path / "target")
        for file in named:
            assert is_admitted(file.name), "a file system refuses the name"
            assert alphabet == EVERY_CHARACTER or set(file.name) <= set(alphabet)
        assert len({fold(file.name) for file in named}) == len(named), "names differ in case only"
        size = sum((tmp_path / "target" / file.name).stat().st_size for file in named)
        assert size <= GROWTH * sum(file.size for file in good.files) + ALLOWANCE

    def test_names_do_not_quote_the_words_of_the_sender(
        self, adapter: IntakeFormat, good: DocumentPackage, tmp_path: Path
    ) -> None:
        remark, reference = "words-on-the-person", "number-of-the-person"
        package = dataclasses.replace(good, remark=remark, reference=reference)
        for file in self._convert(adapter, package, tmp_path / "target"):
            assert remark not in file.name
            assert reference not in file.name

    def test_foreign_bytes_are_malformed_or_taken_as_they_are(
        self, adapter: IntakeFormat, files: Mapping[str, tuple[str, bytes]], tmp_path: Path
    ) -> None:
        name, (media_type, _content) = next(iter(files.items()))
        foreign = {**files, name: (media_type, self.foreign)}
        package = self._package(adapter, foreign, tmp_path / "foreign")
        if self.takes_anything:
            assert self._convert(adapter, package, tmp_path / "target")
            return
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
        before = [file.path.read_bytes() for file in good.files]
        (tmp_path / "target").mkdir()

        async def convert() -> list[str]:
            with watched(tmp_path / "target") as breaches:
                await adapter.convert(good, tmp_path / "target")
            return breaches

        assert wait(convert()) == []
        assert [file.path.read_bytes() for file in good.files] == before
